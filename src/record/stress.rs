//! What a search for the breaking point, or a sweep over loads, came to.

use serde::{Deserialize, Serialize};

use crate::analysis::knee::{Knee, LoadPoint};
use crate::analysis::saturation::Bottleneck;
use crate::analysis::validity::Verdict;
use crate::plan::ProbeLoad;

/// How far a search has come. The words are published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StressState {
    /// Not begun.
    #[default]
    Queued,
    /// Probing.
    StressBinarySearch,
    /// Came to its end, with or without an answer.
    Completed,
    /// Could not begin, or was cut off.
    Error,
}

impl StressState {
    /// The word used on the terminal and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::StressBinarySearch => "STRESS_BINARY_SEARCH",
            Self::Completed => "COMPLETED",
            Self::Error => "ERROR",
        }
    }
}

/// What a probe was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbePurpose {
    /// To warm the target up; it decides nothing.
    WarmUp,
    /// To find the answer.
    Search,
    /// To see whether the target has recovered from the probe before.
    Canary,
    /// To confirm the answer for longer.
    Hold,
    /// A point of a sweep.
    Sweep,
}

/// What was concluded from a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeVerdict {
    /// The target bears this load.
    Bears,
    /// It does not.
    TooHigh,
    /// It bears it without breaking, but not within the objective.
    OverObjective,
    /// Nothing: a warm-up, a canary, a point of a sweep, or a probe that the generator spoilt.
    NotJudged,
}

impl ProbeVerdict {
    /// The words used in the lines of a search.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bears => "bears it",
            Self::TooHigh => "too high",
            Self::OverObjective => "over the objective",
            Self::NotJudged => "not judged",
        }
    }
}

/// One load held for a while. Rates are per second; a request is bad when it failed, had no answer or was never sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// 1-based, in the order of time.
    pub number: usize,
    /// What it was for.
    pub purpose: ProbePurpose,
    /// The load: iterations started per second, or virtual users.
    pub load: ProbeLoad,
    /// The same as requests a second, by the requests that an iteration makes; of users what was achieved.
    pub offered_per_s: f64,
    /// Start of the measured part, seconds from the start of the run.
    pub start_s: f64,
    /// Its length in seconds; shorter than planned when it had shown enough.
    pub measured_s: f64,
    /// Iterations due.
    pub planned: u64,
    /// Of these, those that could not begin.
    pub dropped: u64,
    /// Requests.
    pub requests: u64,
    /// Of these, those that failed.
    pub failed: u64,
    /// Successful requests slower than the objective.
    pub slow: u64,
    /// Successful requests a second.
    pub achieved_per_s: f64,
    /// Share of bad requests, 0..=1.
    pub error_ratio: f64,
    /// Share of requests that were bad or slow, 0..=1; as `error_ratio` without an objective.
    pub objective_loss_ratio: f64,
    /// Requests in flight, mean.
    pub in_flight_mean: f64,
    /// By how much the work in flight grew, requests a second each second, with its standard error; `None` when too short.
    pub growth_per_s: Option<f64>,
    /// Of `growth_per_s`.
    pub growth_error_per_s: Option<f64>,
    /// Mean response time in milliseconds.
    pub response_mean_ms: Option<f64>,
    /// Median response time; as all percentiles `None` where there are too few samples.
    pub response_p50_ms: Option<f64>,
    /// 95th percentile.
    pub response_p95_ms: Option<f64>,
    /// 99th percentile.
    pub response_p99_ms: Option<f64>,
    /// 99th percentile of how late iterations began.
    pub schedule_lag_p99_ms: Option<f64>,
    /// Where the time went: mean milliseconds of connecting, waiting for the first byte, and reading.
    pub connect_mean_ms: Option<f64>,
    /// To the first byte.
    pub waiting_mean_ms: Option<f64>,
    /// From the first byte.
    pub receiving_mean_ms: Option<f64>,
    /// The most frequent failure.
    pub failure: Option<String>,
    /// What was concluded.
    pub verdict: ProbeVerdict,
    /// Why, in words.
    pub reason: String,
    /// Whether the generator made this load well.
    pub validity: Verdict,
    /// What the search knows after it: the highest load that is borne and the lowest that is not, requests a second.
    pub bounds: (Option<f64>, Option<f64>),
}

/// The highest load that the target bears within its objective, in requests a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sustainable {
    /// Successful requests a second at `lower`, in all but the worst of its trials (RFC 9971's conditional throughput).
    pub value: f64,
    /// The highest load that was borne.
    pub lower: f64,
    /// The lowest load that was not; `None` when every load was borne.
    pub upper: Option<f64>,
    /// Whether a longer probe at `lower` confirmed it; `None` when there was none.
    pub confirmed: Option<bool>,
}

/// The load at which the target breaks, in requests a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The lowest load that certainly breaks it.
    pub value: f64,
    /// The highest load that does not; `None` when all did.
    pub lower: Option<f64>,
    /// What broke first, in words: `timeout`, `status 503`, `connection refused` …
    pub first_failure: Option<String>,
}

/// What is known of the target's capacity from work that piled up before anything failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Requests a second that the target finished while more arrived.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The smallest load at which work piled up, requests a second.
    pub unstable_from: f64,
}

/// What a search or a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StressFinding {
    /// How far it came.
    pub state: StressState,
    /// How it searched: `mlr`, `bisect` or `sweep`.
    pub strategy: String,
    /// The objective as it was written, such as `p(99)<300`.
    pub objective: Option<String>,
    /// The share of bad requests that counts as breaking, 0..=1.
    pub error_threshold: f64,
    /// Mean requests of an iteration.
    pub requests_per_iteration: f64,
    /// The highest load that is borne.
    pub max_sustainable: Option<Sustainable>,
    /// Where it breaks.
    pub breakdown: Option<Breakdown>,
    /// What it finishes at most.
    pub capacity: Option<Capacity>,
    /// What was out of the ordinary, a sentence each.
    pub irregular: Vec<String>,
    /// Where it begins to suffer, by every definition; `None` without two loads.
    pub knee: Option<Knee>,
    /// What saturates first; `None` without a load that tells.
    pub bottleneck: Option<Bottleneck>,
    /// The curve: a point for each load.
    pub curve: Vec<LoadPoint>,
    /// Whether the generator was the limit; then the bounds say nothing of the target.
    pub is_generator_limited: bool,
    /// Every probe.
    pub probes: Vec<ProbeRecord>,
}
