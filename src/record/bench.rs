//! What a benchmark measured: each endpoint alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analysis::percentile::Interval;
use crate::analysis::validity::Verdict;

/// One endpoint: a step of one task, while nothing but this task was run. Times are response times in milliseconds, `None`
/// where there are too few samples; what `on_start` and `on_stop` request is not counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointRecord {
    /// The step's name, with its task in brackets when another task before it made a step of this name.
    pub name: String,
    /// The scenario of the task.
    pub scenario: String,
    /// The task.
    pub task: String,
    /// Virtual users that ran the task, each without a pause.
    pub vus: u64,
    /// Start of the measured part, seconds from the start of the run.
    pub start_s: f64,
    /// Its length in seconds.
    pub measured_s: f64,
    /// Requests intended in it.
    pub requests: u64,
    /// Of these, those that failed.
    pub failed: u64,
    /// Requests a second.
    pub rate_per_s: f64,
    /// Successful requests a second.
    pub throughput: f64,
    /// The smallest.
    pub response_min_ms: Option<f64>,
    /// The mean.
    pub response_mean_ms: Option<f64>,
    /// The median.
    pub response_p50_ms: Option<f64>,
    /// The 90th percentile.
    pub response_p90_ms: Option<f64>,
    /// The 95th percentile.
    pub response_p95_ms: Option<f64>,
    /// The 99th percentile.
    pub response_p99_ms: Option<f64>,
    /// The 99.9th percentile.
    pub response_p99_9_ms: Option<f64>,
    /// The largest.
    pub response_max_ms: Option<f64>,
    /// Which of these are only lower bounds, because ends were not seen: `p99`, `max` …
    pub at_least: Vec<String>,
    /// The interval of the median, at 95 %.
    pub p50_interval: Option<Interval>,
    /// The interval of the 99th percentile, at 95 %.
    pub p99_interval: Option<Interval>,
    /// Whether the 99th percentile became as sure as was asked for; `None` when nothing was asked for.
    pub is_precise: Option<bool>,
    /// Whether the generator made this load well.
    pub validity: Verdict,
}

impl EndpointRecord {
    /// Share of failed requests, 0..=1; zero without requests.
    #[must_use]
    pub fn error_ratio(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 / self.requests as f64 }
    }

    /// Whether the figure of this name (`p50`, `max` …) is only a lower bound.
    #[must_use]
    pub fn is_at_least(&self, figure: &str) -> bool {
        self.at_least.iter().any(|name| name == figure)
    }
}

/// An endpoint in the benchmark of one run: a line of the endpoint's history.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointRow {
    /// The run's row in the store.
    pub id: i64,
    /// The run's id, unique for ever.
    pub run_id: String,
    /// The run's name.
    pub name: String,
    /// Wall time of the run's start, milliseconds since 1970.
    pub started_at_ms: i64,
    /// The run's tags.
    pub tags: BTreeMap<String, String>,
    /// What was measured.
    pub endpoint: EndpointRecord,
}
