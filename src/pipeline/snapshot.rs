//! One second of a run, merged over all workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::metric::sink::{ErrorKey, ErrorStats};
use crate::metric::{Histogram, IterationStats};
use crate::record::{
    CheckRecord, LevelSample, MetricRecord, ResourceSample, ThresholdRecord, TotalsRecord,
};

/// What outputs see. `points`, `resources`, `levels` and `window_*` are of the interval; everything else is cumulative.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// 0-based, without gaps.
    pub seq: u64,
    /// The end of the interval, from the start of the run.
    pub at: Duration,
    /// The length of the interval; merged snapshots are longer.
    pub interval: Duration,
    /// The phase at the end of the interval, of the first scenario.
    pub phase: Arc<str>,
    /// The planned end of the run, when it is known.
    pub planned_end: Option<Duration>,
    /// Share of the plan that is done, 0..=1, when it is known: by time or by iterations.
    pub progress: Option<f64>,
    /// Virtual users alive.
    pub vus: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Iterations due and waiting for a virtual user.
    pub backlog: u64,
    /// Sums since the start.
    pub totals: TotalsRecord,
    /// Requests by step and phase in the interval.
    pub points: Vec<StepPoint>,
    /// Iterations by phase since the start.
    pub phases: Vec<PhasePoint>,
    /// Checks since the start.
    pub checks: Vec<CheckRecord>,
    /// Errors since the start.
    pub errors: Vec<(ErrorKey, ErrorStats)>,
    /// Thresholds as they stand now.
    pub thresholds: Vec<ThresholdRecord>,
    /// Custom and built-in metrics since the start.
    pub metrics: Vec<MetricRecord>,
    /// Resource samples of the interval.
    pub resources: Vec<ResourceSample>,
    /// Levels of resources in the interval.
    pub levels: Vec<LevelSample>,
}

/// Requests of one step in one phase that ended in one interval, by the second for which they were intended.
#[derive(Debug, Clone, Default)]
pub struct StepPoint {
    /// The second of the run for which they were intended, 0-based; earlier than the interval for what ended late.
    pub second: u32,
    /// The step.
    pub step: Arc<str>,
    /// The phase.
    pub phase: Arc<str>,
    /// Tasks in which the requests were made.
    pub tasks: Vec<Arc<str>>,
    /// Requests that ended.
    pub count: u64,
    /// Requests that count as failed.
    pub failed: u64,
    /// Requests whose times are lower bounds.
    pub censored: u64,
    /// By status; 0 is no response.
    pub statuses: BTreeMap<u16, u64>,
    /// Service time.
    pub service_time: Histogram,
    /// Response time.
    pub response_time: Histogram,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
}

/// Iterations of one phase since the start.
#[derive(Debug, Clone, Default)]
pub struct PhasePoint {
    /// The phase.
    pub phase: Arc<str>,
    /// Its start, from the start of the run.
    pub start: Duration,
    /// Its planned end.
    pub end: Duration,
    /// Its iterations.
    pub iterations: IterationStats,
}

impl StepPoint {
    /// Adds all of `other`, which is of the same step, phase and second.
    pub fn merge(&mut self, other: &Self) {
        for task in &other.tasks {
            if !self.tasks.contains(task) {
                self.tasks.push(task.clone());
            }
        }
        self.count += other.count;
        self.failed += other.failed;
        self.censored += other.censored;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.service_time.merge(&other.service_time);
        self.response_time.merge(&other.response_time);
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

impl Snapshot {
    /// Requests and failed requests of the interval.
    #[must_use]
    pub fn window_counts(&self) -> (u64, u64) {
        self.points.iter().fold((0, 0), |(all, bad), p| (all + p.count, bad + p.failed))
    }

    /// Response times of the interval, all steps.
    #[must_use]
    pub fn window_response_time(&self) -> Histogram {
        let mut merged = Histogram::new();
        self.points.iter().for_each(|p| merged.merge(&p.response_time));
        merged
    }

    /// Successful requests per second in the interval.
    #[must_use]
    pub fn window_throughput_per_s(&self) -> f64 {
        let (all, failed) = self.window_counts();
        let seconds = self.interval.as_secs_f64();
        if seconds > 0.0 { (all - failed) as f64 / seconds } else { 0.0 }
    }

    /// Takes in a later snapshot, for an output that could not keep up: interval parts add, cumulative parts are replaced.
    /// Nothing is lost but the finer time axis.
    pub fn absorb(&mut self, later: Self) {
        let mut points = std::mem::take(&mut self.points);
        for point in later.points {
            match points.iter_mut().find(|p| {
                p.second == point.second && p.step == point.step && p.phase == point.phase
            }) {
                Some(same) => same.merge(&point),
                None => points.push(point),
            }
        }
        let mut resources = std::mem::take(&mut self.resources);
        resources.extend(later.resources);
        let mut levels = std::mem::take(&mut self.levels);
        levels.extend(later.levels);
        let interval = self.interval + later.interval;
        *self = Self {
            points,
            resources,
            levels,
            interval,
            ..Self { points: Vec::new(), resources: Vec::new(), levels: Vec::new(), ..later }
        };
    }
}
