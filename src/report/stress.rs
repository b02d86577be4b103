//! A search for the breaking point in words: its lines as they happen, its answer, and its table.

use super::grid::{Column, Grid};
use super::show;
use super::view::BottleneckView;
use crate::plan::ProbeLoad;
use crate::record::{ProbePurpose, ProbeRecord, ProbeVerdict, StressFinding};

/// Rates for people: `445`, `64.0`, `0.50`.
#[must_use]
pub fn rate_in_words(per_s: f64) -> String {
    match per_s.abs() {
        size if size >= 99.95 => format!("{per_s:.0}"),
        size if size >= 0.995 => format!("{per_s:.1}"),
        _ => format!("{per_s:.2}"),
    }
}

/// A share for people: `12%`, `0.4%`.
fn percent(ratio: f64) -> String {
    let percent = 100.0 * ratio;
    if percent == 0.0 || percent >= 9.95 {
        format!("{percent:.0}%")
    } else {
        format!("{percent:.1}%")
    }
}

/// One probe: `Probe 100 RPS --> 12% errors --> too high --> search [5.0, 99.0]`.
#[must_use]
pub fn probe_line(probe: &ProbeRecord) -> String {
    let mut parts = vec![format!("{} {}", name(probe.purpose), load(probe)), seen(probe)];
    match (probe.purpose, probe.verdict) {
        (ProbePurpose::Search | ProbePurpose::Hold, verdict)
            if verdict != ProbeVerdict::NotJudged =>
        {
            parts.push(verdict.as_str().to_owned());
            if verdict != ProbeVerdict::Bears && !probe.reason.is_empty() && !is_of_errors(probe) {
                parts.push(probe.reason.clone());
            }
            parts.push(format!("search {}", bounds(probe.bounds)));
        }
        _ if !probe.reason.is_empty() => parts.push(probe.reason.clone()),
        _ => {}
    }
    parts.join(" --> ")
}

/// What is between the bounds is searched.
fn bounds((lower, upper): (Option<f64>, Option<f64>)) -> String {
    let lower = lower.map_or_else(|| "0".to_owned(), rate_in_words);
    let upper = upper.map_or_else(|| "?".to_owned(), rate_in_words);
    format!("[{lower}, {upper}]")
}

fn is_of_errors(probe: &ProbeRecord) -> bool {
    probe.reason.contains("errors")
}

fn name(purpose: ProbePurpose) -> &'static str {
    match purpose {
        ProbePurpose::WarmUp => "Warm-up",
        ProbePurpose::Search | ProbePurpose::Sweep => "Probe",
        ProbePurpose::Canary => "Canary",
        ProbePurpose::Hold => "Hold",
    }
}

fn load(probe: &ProbeRecord) -> String {
    match probe.load {
        ProbeLoad::Users(1) => "1 user".to_owned(),
        ProbeLoad::Users(users) => format!("{users} users"),
        ProbeLoad::PerSecond(per_s) => {
            let requests = format!("{} RPS", rate_in_words(probe.offered_per_s));
            let is_one_each = (probe.offered_per_s / per_s - 1.0).abs() < 0.005;
            if is_one_each {
                requests
            } else {
                format!("{requests} ({} iterations/s)", rate_in_words(per_s))
            }
        }
    }
}

fn seen(probe: &ProbeRecord) -> String {
    let mut seen = format!("{} errors", percent(probe.error_ratio));
    if matches!(probe.load, ProbeLoad::Users(_)) {
        seen = format!("{} RPS, {seen}", rate_in_words(probe.achieved_per_s));
    }
    let percentile = probe.response_p99_ms.map(|ms| ("p99", ms));
    if let Some((name, ms)) = percentile.or(probe.response_p50_ms.map(|ms| ("p50", ms))) {
        seen += &format!(", {name} {}", milliseconds(ms));
    }
    seen
}

fn milliseconds(ms: f64) -> String {
    if ms >= 1000.0 {
        format!("{:.1} s", ms / 1e3)
    } else if ms >= 9.95 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

/// The answer in one line.
#[must_use]
pub fn stress_answer(found: &StressFinding) -> String {
    let sustainable = match &found.max_sustainable {
        Some(found) => format!("Max sustainable RPS = {}", rate_in_words(found.value)),
        None => "Max sustainable RPS = none found".to_owned(),
    };
    let breakdown = match &found.breakdown {
        Some(found) => format!("Breakdown at {} RPS", rate_in_words(found.value)),
        None => "no breakdown found".to_owned(),
    };
    format!("{sustainable} | {breakdown}")
}

/// What is known besides, a line each.
pub(super) fn remarks(found: &StressFinding) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(sustainable) = &found.max_sustainable {
        let upper = sustainable.upper.map_or_else(|| "?".to_owned(), rate_in_words);
        let objective = match &found.objective {
            Some(objective) => format!("{objective} ms"),
            None => "99 % of requests succeed".to_owned(),
        };
        let confirmed = match sustainable.confirmed {
            Some(true) => ", confirmed by a longer probe",
            Some(false) => ", NOT confirmed by a longer probe",
            None => "",
        };
        let lower = rate_in_words(sustainable.lower);
        lines.push(format!("borne between {lower} and {upper} RPS ({objective}){confirmed}"));
    }
    if let Some(breakdown) = &found.breakdown {
        let lower = breakdown.lower.map_or_else(|| "0".to_owned(), rate_in_words);
        let first =
            breakdown.first_failure.as_ref().map(|first| format!("; first failure: {first}"));
        lines.push(format!(
            "breaks ({} failed) between {lower} and {} RPS{}",
            percent(found.error_threshold),
            rate_in_words(breakdown.value),
            first.unwrap_or_default()
        ));
    }
    if let Some(capacity) = &found.capacity {
        lines.push(format!(
            "capacity {} ± {} RPS, by the work that piled up from {} RPS on",
            rate_in_words(capacity.value),
            rate_in_words(capacity.standard_error),
            rate_in_words(capacity.unstable_from)
        ));
    }
    lines.extend(found.irregular.iter().map(|sentence| format!("note: {sentence}")));
    lines
}

/// Every probe, in the order of time.
pub(super) fn probes(found: &StressFinding) -> Grid {
    let mut columns = vec![Column::Words("probe")];
    let figures =
        ["load", "for", "RPS", "errors", "p50", "p95", "p99", "in flight", "growth/s", "lag p99"];
    columns.extend(figures.map(Column::Figures));
    columns.push(Column::Words("verdict"));
    let mut grid = Grid::new(columns);
    for probe in &found.probes {
        grid.push(vec![
            format!("{} {}", probe.number, name(probe.purpose).to_lowercase()),
            load(probe),
            show::span(probe.measured_s),
            rate_in_words(probe.achieved_per_s),
            percent(probe.error_ratio),
            show::time(probe.response_p50_ms),
            show::time(probe.response_p95_ms),
            show::time(probe.response_p99_ms),
            rate_in_words(probe.in_flight_mean),
            probe.growth_per_s.map_or_else(String::new, |growth| format!("{growth:+.1}")),
            show::time(probe.schedule_lag_p99_ms),
            verdict(probe),
        ]);
    }
    grid
}

/// What each resource has to do with throughput, the one that is full first first.
pub(super) fn resources(found: &BottleneckView) -> Grid {
    let mut columns = vec![Column::Words("resource")];
    columns.extend(
        ["1,000 requests", "full at RPS", "in use at most", "saturated"].map(Column::Figures),
    );
    let mut grid = Grid::new(columns);
    for fit in &found.evidence {
        grid.push(vec![
            fit.resource.clone(),
            fit.demand_per_request
                .filter(|demand| *demand > 0.0)
                .map_or_else(String::new, |demand| show::number(Some(demand * 1e3))),
            fit.at_capacity_per_s.map_or_else(String::new, rate_in_words),
            fit.used_ratio_at_top.map_or_else(String::new, percent),
            if fit.saturated { "yes".to_owned() } else { String::new() },
        ]);
    }
    grid
}

fn verdict(probe: &ProbeRecord) -> String {
    match (probe.verdict, probe.reason.as_str()) {
        (ProbeVerdict::NotJudged, "") => String::new(),
        (ProbeVerdict::NotJudged, reason) => reason.to_owned(),
        (ProbeVerdict::Bears, _) | (_, "") => probe.verdict.as_str().to_owned(),
        (verdict, reason) => format!("{}: {reason}", verdict.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_shares_have_three_digits_at_most() {
        let rates = [1234.4, 445.33, 64.0, 0.5].map(rate_in_words);
        assert_eq!(rates, ["1234", "445", "64.0", "0.50"]);
        assert_eq!([0.0, 0.004, 0.12, 0.5].map(percent), ["0%", "0.4%", "12%", "50%"]);
    }

    #[test]
    fn bounds_that_are_not_known_are_shown_so() {
        let known = [(None, None), (Some(5.0), Some(99.0)), (Some(640.0), None)].map(bounds);
        assert_eq!(known, ["[0, ?]", "[5.0, 99.0]", "[640, ?]"]);
    }
}
