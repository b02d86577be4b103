//! Which differences of two plans make a comparison meaningless, and which only need saying.
//!
//! The target's address is one of the latter: comparing two versions of a service usually means two addresses, and a demo
//! takes a free port each time.

use std::path::Path;

use crate::record::{self, RunRecord, RunStatus, Verdict};
use crate::report::clean::clean;
use crate::report::view;
use crate::units;

/// Open rates within this share of each other are the same load (METHODS.md 6.4).
const RATES_WITHIN: f64 = 0.01;

/// Two runs that were not of the same load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these runs cannot be compared, since their plans differ: {}; add --force to compare them all the same", differences.join("; "))]
pub struct Unlike {
    /// Each difference in words.
    pub differences: Vec<String>,
}

/// What makes the plans unlike; empty when they are alike.
pub(super) fn differences(a: &RunRecord, b: &RunRecord) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            found.push(format!("{what}: {} in A, {} in B", clean(&a), clean(&b)));
        }
    };
    let script = |run: &RunRecord| {
        let name = run.plan.script.as_deref().and_then(Path::file_name);
        name.map_or_else(|| "none".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    differ("test type", view::word(&a.test_type), view::word(&b.test_type));
    differ("script", script(a), script(b));
    differ("transport", a.transport().to_owned(), b.transport().to_owned());
    differ("HTTP version", view::word(&a.plan.http.version), view::word(&b.plan.http.version));
    let reuse = |run: &RunRecord| (!run.plan.http.no_connection_reuse).to_string();
    differ("connections reused", reuse(a), reuse(b));
    let names = |run: &RunRecord| {
        run.plan.scenarios.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    differ("scenarios", names(a), names(b));
    for (index, (of_a, of_b)) in a.plan.scenarios.iter().zip(&b.plan.scenarios).enumerate() {
        let name = &of_a.name;
        differ(&format!("tasks of {name}"), tasks(&value(&of_a.tasks)), tasks(&value(&of_b.tasks)));
        let [think_a, think_b] =
            [of_a.think_time, of_b.think_time].map(|time| format!("{time:?}").to_lowercase());
        differ(&format!("think time of {name}"), think_a, think_b);
        if !nearly_equal(&value(&of_a.executor), &value(&of_b.executor)) {
            let mut loads = [load(a, index), load(b, index)];
            if loads[0] == loads[1] {
                // Alike in a few words: their stages differ, or how arrivals are spaced.
                loads = [&of_a.executor, &of_b.executor].map(|e| value(e).to_string());
            }
            let [load_a, load_b] = loads;
            differ(&format!("load of {name}"), load_a, load_b);
        }
    }
    found.extend(unsound("A", a));
    found.extend(unsound("B", b));
    found
}

/// Why a run's numbers must not be compared at all.
fn unsound(name: &str, run: &RunRecord) -> Option<String> {
    if run.findings.validity.as_ref().is_some_and(|found| found.verdict == Verdict::Invalid) {
        return Some(format!("the numbers of {name} are INVALID"));
    }
    (run.status == RunStatus::Running).then(|| format!("{name} is still running"))
}

/// The load of one scenario in a few words: `constant-vus, 20 VUs, 1m30s`.
fn load(run: &RunRecord, index: usize) -> String {
    let mut plan = run.plan.clone();
    let scenario = plan.scenarios.swap_remove(index);
    let executor = scenario.executor.name();
    let length = scenario.executor.duration().map(units::show_span);
    plan.scenarios = vec![scenario];
    let parts = [Some(executor.to_owned()), Some(record::load_label(&plan)), length];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Tasks with their weights: `list_teams 3, update_profile 1`.
fn tasks(tasks: &serde_json::Value) -> String {
    let named = tasks.as_array().into_iter().flatten().map(|task| {
        format!("{} {}", task["function"].as_str().unwrap_or_default(), task["weight"])
    });
    named.collect::<Vec<_>>().join(", ")
}

/// What a reader should know although the runs can be compared.
pub(super) fn notes(a: &RunRecord, b: &RunRecord) -> Vec<String> {
    let mut notes = Vec::new();
    let target = |run: &RunRecord| clean(run.plan.target.as_deref().unwrap_or("none"));
    if a.plan.target != b.plan.target {
        notes.push(format!("target: {} in A, {} in B", target(a), target(b)));
    }
    for (name, run) in [("A", a), ("B", b)] {
        if matches!(run.status, RunStatus::Interrupted | RunStatus::Aborted) {
            notes.push(format!("{name} was {} before its end", run.status.as_str()));
        }
        let validity = run.findings.validity.as_ref();
        if let Some(found) = validity.filter(|found| found.verdict == Verdict::Degraded) {
            let reasons: Vec<_> = found.reasons.iter().map(|r| r.message.as_str()).collect();
            let reasons = clean(&reasons.join("; "));
            notes.push(format!("the numbers of {name} are DEGRADED: {reasons}"));
        }
    }
    if a.generator.host != b.generator.host {
        notes.push(format!(
            "generator: {} in A, {} in B",
            clean(&a.generator.host),
            clean(&b.generator.host)
        ));
    }
    notes
}

fn value<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect("plain data serialises")
}

/// Whether two loads are the same but for rates within one percent.
fn nearly_equal(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| {
                    b.get(key).is_some_and(|b| match (key.as_str(), a.as_f64(), b.as_f64()) {
                        ("rate" | "start_rate" | "target", Some(a), Some(b)) => {
                            (a - b).abs() <= RATES_WITHIN * a.max(b)
                        }
                        _ => nearly_equal(a, b),
                    })
                })
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nearly_equal(a, b))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn a_difference_of_load_is_named_and_one_of_address_is_a_note() {
        let a = fixture::record();
        let mut b = fixture::record();
        b.plan.target = Some("http://127.0.0.1:40123".to_owned());
        assert_eq!(differences(&a, &b), Vec::<String>::new());
        assert_eq!(
            notes(&a, &b)[0],
            "target: http://127.0.0.1:8117 in A, http://127.0.0.1:40123 in B"
        );
        b.plan = fixture::open_plan();
        b.plan.scenarios[0].tasks.pop();
        let found = differences(&a, &b);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("tasks of default: ")
                && found[1].contains("constant-vus, 20 VUs, 10s in A"),
            "{found:?}"
        );
    }

    #[test]
    fn a_rate_within_a_percent_is_the_same_load() {
        let mut a = fixture::record();
        a.plan = fixture::open_plan();
        for (rate, alike) in [("201.0", true), ("210.0", false)] {
            let mut b = a.clone();
            let text = serde_json::to_string(&b.plan).expect("plan").replace("200.0", rate);
            b.plan = serde_json::from_str(&text).expect("plan");
            assert_eq!(differences(&a, &b).is_empty(), alike, "{rate}");
        }
    }
}
