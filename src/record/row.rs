//! One line of the history: what a list of runs shows without loading them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{RunRecord, RunStatus};
use crate::metric::{Histogram, Quantile};
use crate::plan::{Plan, TestType};
use crate::units::Rate;

/// A run in a list. Times are response times over all steps; `None` where there are too few samples.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Row in the store.
    pub id: i64,
    /// Unique for ever.
    pub run_id: String,
    /// Name.
    pub name: String,
    /// Kind of test.
    pub test_type: TestType,
    /// How it stands.
    pub status: RunStatus,
    /// The exit code of the command; `None` while it runs or when it died.
    pub exit_code: Option<i32>,
    /// Wall time of the start, milliseconds since 1970.
    pub started_at_ms: i64,
    /// From start to the last sample.
    pub elapsed: Duration,
    /// The load in a few words: `20 VUs`, `200/s`.
    pub load: String,
    /// `VALID`, `DEGRADED` or `INVALID`; `None` until that is judged.
    pub validity: Option<String>,
    /// Requests that ended.
    pub requests: u64,
    /// Requests that count as failed.
    pub failed: u64,
    /// Successful requests per second.
    pub throughput: f64,
    /// Median response time.
    pub p50: Option<Duration>,
    /// 95th percentile of the response time.
    pub p95: Option<Duration>,
    /// 99th percentile of the response time.
    pub p99: Option<Duration>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl RunRow {
    /// Share of failed requests, 0..=1; zero without requests.
    #[must_use]
    pub fn error_ratio(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 / self.requests as f64 }
    }
}

impl From<&RunRecord> for RunRow {
    fn from(record: &RunRecord) -> Self {
        let mut times = Histogram::new();
        record.steps.iter().for_each(|step| times.merge(&step.times.response_time));
        Self {
            id: record.id,
            run_id: record.run_id.clone(),
            name: record.name.clone(),
            test_type: record.test_type,
            status: record.status,
            exit_code: record.exit_code,
            started_at_ms: record.started_at_ms,
            elapsed: record.elapsed,
            load: load_label(&record.plan),
            validity: record.findings.validity.as_ref().map(|v| v.verdict.to_string()),
            requests: record.totals.requests,
            failed: record.totals.failed,
            throughput: record.totals.throughput,
            p50: times.supported_quantile(Quantile::P50),
            p95: times.supported_quantile(Quantile::P95),
            p99: times.supported_quantile(Quantile::P99),
            tags: record.tags.clone(),
        }
    }
}

/// A plan's load in a few words: the users of closed scenarios and the peak rate of open ones, `20 VUs + 200/s`.
#[must_use]
pub fn load_label(plan: &Plan) -> String {
    let closed = plan.scenarios.iter().filter(|scenario| !scenario.executor.is_open_model());
    let vus: u64 = closed.map(|scenario| scenario.executor.max_vus()).sum();
    let rate_per_s = plan.peak_per_s();
    if plan.test_type == TestType::Stress {
        // The plan has the first load; how far it goes is what the search finds.
        return format!("probes from {}", Rate::per_second(rate_per_s).unwrap_or_default());
    }
    let users = || format!("{vus} VU{}", if vus == 1 { "" } else { "s" });
    let rate = Rate::per_second(rate_per_s).map(|rate| rate.to_string());
    match (vus, rate.filter(|_| rate_per_s > 0.0)) {
        (0, Some(rate)) => rate,
        (_, Some(rate)) => format!("{} + {rate}", users()),
        (_, None) => users(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn a_load_is_named_by_its_users_or_its_rate() {
        assert_eq!(load_label(&fixture::plan()), "20 VUs");
        assert_eq!(load_label(&fixture::open_plan()), "200/s");
        let mut both = fixture::plan();
        both.scenarios.extend(fixture::open_plan().scenarios);
        assert_eq!(load_label(&both), "20 VUs + 200/s");
        let search = Plan { test_type: TestType::Stress, ..fixture::open_plan() };
        assert_eq!(load_label(&search), "probes from 200/s");
    }
}
