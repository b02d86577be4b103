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

/// Iterations that were due in one second, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Iterations due.
    pub planned: u64,
    /// Iterations that began, late or not.
    pub started: u64,
    /// Iterations that could not begin.
    pub dropped: u64,
}

/// Requests of one series that were intended in one second of the run.
#[derive(Debug, Clone, Default)]
pub struct RequestCell {
    /// The series.
    pub labels: Arc<Labels>,
    /// The second for which they were intended, 0-based, from the start of the run.
    pub second: u32,
    /// What was seen.
    pub stats: RequestStats,
}

/// What Little's law is checked with (METHODS.md 3.3): two accounts of the same time, kept independently.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TimeAccount {
    /// Requests in flight, integrated over time by a gauge that knows only begins and ends, in seconds.
    pub in_flight_s: f64,
    /// Time on the transport of all requests that ended, from their samples, in seconds.
    pub transport_s: f64,
    /// Time of all iterations that ended, in seconds.
    pub iterations_s: f64,
    /// Time for which these iterations were meant to wait: think time and sleeps, in seconds.
    pub pauses_s: f64,
}

impl TimeAccount {
    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.in_flight_s += other.in_flight_s;
        self.transport_s += other.transport_s;
        self.iterations_s += other.iterations_s;
        self.pauses_s += other.pauses_s;
    }
}

/// One worker's observations over one interval.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// The worker, 0-based.
    pub worker_index: usize,
    /// When it was handed over, from the start of the run.
    pub at: Duration,
    /// Whether it is of `setup` or `teardown`, which are before and after the load and not on its time axis.
    pub is_outside_load: bool,
    /// Requests handed to the transport in the interval.
    pub sent: u64,
    /// Requests by series and the second for which they were intended.
    pub requests: Vec<RequestCell>,
    /// Iterations by the second in which they were due.
    pub arrivals: Vec<(u32, Arrivals)>,
    /// Requests in flight by the second of the clock: their integral over time, and the most at once.
    pub in_flight_by_second: Vec<(u32, Duration, u64)>,
    /// The two accounts of time of Little's law.
    pub time: TimeAccount,
    /// It ends within a second, and another window has the rest of that.
    pub is_within_second: bool,
    /// How long the worker's thread was busy since the start of the run.
    pub busy: Duration,
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
    /// Virtual users alive at the end of the interval.
    pub vus: u64,
    /// The most virtual users alive at once in the interval.
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
