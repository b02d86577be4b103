//! What one worker observed since it last handed over: the unit that travels from workers to the aggregator.

use std::sync::Arc;
use std::time::Duration;

use super::labels::Labels;
use super::sink::{
    CheckStats, CustomSink, ErrorKey, ErrorStats, Exemplar, IterationStats, RequestStats,
};

/// The labels of iterations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IterationLabels {
    /// The scenario.
    pub scenario: Arc<str>,
    /// The task; empty for what was dropped before a task was picked.
    pub task: Arc<str>,
    /// The phase in which the iteration was due.
    pub phase: Arc<str>,
}

/// The labels of checks and custom metrics.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricLabels {
    /// The name of the check or metric.
    pub metric: Arc<str>,
    /// Where it was observed; its `name` is the check's name for checks, empty for custom metrics.
    pub labels: Labels,
}

/// One worker's observations over one interval.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// The worker, 0-based.
    pub worker_index: usize,
    /// When it was handed over, from the start of the run.
    pub at: Duration,
    /// Requests handed to the transport in the interval.
    pub sent: u64,
    /// Requests by series.
    pub requests: Vec<(Arc<Labels>, RequestStats)>,
    /// Iterations by scenario, task and phase.
    pub iterations: Vec<(IterationLabels, IterationStats)>,
    /// Checks.
    pub checks: Vec<(MetricLabels, CheckStats)>,
    /// Custom metrics and `group_duration`.
    pub customs: Vec<(MetricLabels, CustomSink)>,
    /// Errors by group.
    pub errors: Vec<(ErrorKey, ErrorStats)>,
    /// Slowest and failed requests.
    pub exemplars: Vec<Exemplar>,
    /// Lines that scripts printed, each with its user.
    pub logs: Vec<String>,
    /// How late requests were sent, `sent − intended`.
    pub schedule_lag: super::Histogram,
    /// Virtual users alive at the end of the interval.
    pub vus: u64,
    /// The most virtual users alive at any moment of the interval; at least `vus`.
    pub vus_peak: u64,
    /// Requests in flight at the end of the interval.
    pub in_flight: u64,
    /// Iterations due and waiting for a free virtual user at the end of the interval.
    pub backlog: u64,
    /// Samples whose series was folded into the overflow series.
    pub overflowed: u64,
    /// Error groups, log lines or exemplars that were counted but not kept because a bound was reached.
    pub discarded: u64,
}
