//! Two runs beside each other: what got faster, slower, or cannot be told.
//!
//! Runs of unlike plans are refused, since their difference says nothing of the target. One run against one run never
//! proves a change (METHODS.md 6.2: runs differ among themselves), so every comparison says that it is provisional.

mod judge;
mod render;
mod unlike;

use serde::Serialize;

pub use judge::{Judgement, Word};
pub use unlike::Unlike;

use super::view::rfc3339;
use super::view::times::{ratio, to_ms};
use crate::metric::{Histogram, Quantile};
use crate::record::{RunRecord, RunStatus, StepRecord};

/// Version of the comparison's JSON.
const COMPARISON_VERSION: u32 = 1;

/// How to compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompareOptions {
    /// Compare runs of unlike plans as well; the differences are then shown.
    pub force: bool,
}

/// Two runs compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of this document.
    pub version: u32,
    /// The earlier or better-known run.
    pub a: Side,
    /// The run that is judged.
    pub b: Side,
    /// The times that are compared: `http_req_duration`, or `http_req_response_time` when either load is open.
    pub measure: &'static str,
    /// Always true: one run against one run proves nothing.
    pub is_provisional: bool,
    /// Differences of the plans; only with `force`.
    pub differences: Vec<String>,
    /// What a reader should know of the runs.
    pub notes: Vec<String>,
    /// Each step of either run, by name.
    pub steps: Vec<StepComparison>,
    /// All steps together.
    pub totals: StepComparison,
}

impl Comparison {
    /// Whether any step is slower in B.
    #[must_use]
    pub fn has_regression(&self) -> bool {
        self.steps.iter().any(|step| step.judgement.verdict == Word::Slower)
    }
}

/// Which run it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Row in the store; `None` when it was not stored.
    pub id: Option<i64>,
    /// Unique for ever.
    pub run_id: String,
    /// Name.
    pub name: String,
    /// How it stands.
    pub status: RunStatus,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// `VALID`, `DEGRADED` or `INVALID`; `None` when it was not judged.
    pub validity: Option<String>,
}

/// One step in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepComparison {
    /// Its name.
    pub name: String,
    /// What can be said of it.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// Requests.
    pub count: Figure,
    /// Mean, in milliseconds.
    pub avg: Figure,
    /// Median, in milliseconds.
    pub p50: Figure,
    /// 95th percentile, in milliseconds.
    pub p95: Figure,
    /// 99th percentile, in milliseconds.
    pub p99: Figure,
    /// Requests per second.
    pub rate_per_s: Figure,
    /// Share of failed requests, 0..=1.
    pub error_ratio: Figure,
}

/// One figure in both runs; `None` where there are too few samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figure {
    /// In A.
    pub a: Option<f64>,
    /// In B.
    pub b: Option<f64>,
    /// From A to B in percent of A; `None` when either is missing or A is zero.
    pub change_percent: Option<f64>,
}

impl Figure {
    fn of(a: Option<f64>, b: Option<f64>) -> Self {
        let change_percent = match (a, b) {
            (Some(a), Some(b)) if a != 0.0 => Some(((b / a - 1.0) * 1e4).round() / 1e2),
            _ => None,
        };
        Self { a, b, change_percent }
    }
}

/// What of a step is compared.
#[derive(Debug, Clone, Default)]
pub(in crate::report) struct Observed {
    count: u64,
    failed: u64,
    elapsed_s: f64,
    times: Histogram,
}

/// Compares B with A.
///
/// # Errors
/// [`Unlike`] when the plans differ in what makes a comparison meaningless, unless forced.
pub fn compare(
    a: &RunRecord,
    b: &RunRecord,
    options: CompareOptions,
) -> Result<Comparison, Unlike> {
    let differences = unlike::differences(a, b);
    if !differences.is_empty() && !options.force {
        return Err(Unlike { differences });
    }
    let is_open = [a, b]
        .iter()
        .any(|r| r.plan.scenarios.iter().any(|scenario| scenario.executor.is_open_model()));
    let times = |step: &StepRecord| {
        if is_open { step.times.response_time.clone() } else { step.times.service_time.clone() }
    };
    let mut names: Vec<&str> =
        a.steps.iter().chain(&b.steps).map(|step| step.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let observed = |run: &RunRecord, name: Option<&str>| observe(run, name, times);
    let steps: Vec<StepComparison> = names
        .into_iter()
        .map(|name| of_step(name, observed(a, Some(name)), observed(b, Some(name))))
        .collect();
    let mut totals = of_step("all steps", observed(a, None), observed(b, None));
    if steps.iter().any(|step| step.judgement.verdict.is_one_sided()) {
        totals.judgement = Judgement::unsure("not the same steps".to_owned());
    }
    Ok(Comparison {
        version: COMPARISON_VERSION,
        a: side(a),
        b: side(b),
        measure: if is_open { "http_req_response_time" } else { "http_req_duration" },
        is_provisional: true,
        differences,
        notes: unlike::notes(a, b),
        steps,
        totals,
    })
}

/// The requests of a step, or of all steps; `None` when the run has none.
fn observe(
    run: &RunRecord,
    name: Option<&str>,
    times: impl Fn(&StepRecord) -> Histogram,
) -> Option<Observed> {
    let mut sum: Option<Observed> = None;
    for step in run.steps.iter().filter(|step| name.is_none_or(|name| name == step.name)) {
        let sum = sum.get_or_insert_default();
        sum.count += step.count;
        sum.failed += step.failed;
        sum.elapsed_s = run.elapsed.as_secs_f64();
        sum.times.merge(&times(step));
    }
    sum
}

fn of_step(name: &str, a: Option<Observed>, b: Option<Observed>) -> StepComparison {
    let judgement = judge::judge(a.as_ref(), b.as_ref());
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let figure = |value: &dyn Fn(&Observed) -> Option<f64>| Figure::of(value(&a), value(&b));
    let quantile = |q| figure(&move |seen: &Observed| seen.times.supported_quantile(q).map(to_ms));
    let seen = |seen: &Observed, value: f64| (seen.count > 0).then_some(value);
    StepComparison {
        name: super::clean::clean(name),
        judgement,
        count: figure(&|s| seen(s, s.count as f64)),
        avg: figure(&|s| s.times.mean().map(to_ms)),
        p50: quantile(Quantile::P50),
        p95: quantile(Quantile::P95),
        p99: quantile(Quantile::P99),
        rate_per_s: figure(&|s| {
            let rate = s.count as f64 / s.elapsed_s;
            rate.is_finite().then_some((rate * 1e3).round() / 1e3)
        }),
        error_ratio: figure(&|s| seen(s, ratio(s.failed, s.count))),
    }
}

fn side(record: &RunRecord) -> Side {
    let clean = super::clean::clean;
    Side {
        id: (record.id != 0).then_some(record.id),
        run_id: clean(&record.run_id),
        name: clean(&record.name),
        status: record.status,
        started_at: rfc3339(record.started_at_ms),
        validity: record.findings.validity.as_ref().map(|found| found.verdict.to_string()),
    }
}
