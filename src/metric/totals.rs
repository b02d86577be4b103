//! The whole run, merged from windows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::busy::BusyShares;
use super::labels::{Labels, MAX_SERIES};
use super::sink::{
    CheckStats, CustomSink, ErrorKey, ErrorStats, Exemplar, IterationStats, RequestStats,
};
use super::slice::Slices;
use super::window::{IterationLabels, MetricLabels, TimeAccount, Window};

/// Slowest requests kept in a run.
const KEEP_SLOWEST: usize = 20;
/// Failed requests kept in a run.
const KEEP_FAILED: usize = 50;
/// Error groups kept in a run (RELIABILITY.md row 33).
const KEEP_ERRORS: usize = 200;

/// Everything observed so far.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Requests handed to a transport.
    pub sent: u64,
    /// Requests by series, at most [`MAX_SERIES`] and the overflow series.
    pub requests: BTreeMap<Arc<Labels>, RequestStats>,
    /// Iterations by scenario, task and phase.
    pub iterations: BTreeMap<IterationLabels, IterationStats>,
    /// Checks.
    pub checks: BTreeMap<MetricLabels, CheckStats>,
    /// Custom metrics and `group_duration`.
    pub customs: BTreeMap<MetricLabels, CustomSink>,
    /// Errors by group.
    pub errors: BTreeMap<ErrorKey, ErrorStats>,
    /// The slowest requests, slowest first.
    pub slowest: Vec<Exemplar>,
    /// The first failed requests.
    pub failing: Vec<Exemplar>,
    /// The run by the seconds in which things were due.
    pub slices: Slices,
    /// The two accounts of time of Little's law.
    pub time: TimeAccount,
    /// Iterations due and waiting for a free user at the end of each second.
    pub backlog: Vec<u64>,
    /// How busy the workers were.
    pub busy: BusyShares,
    /// The largest number of virtual users seen alive at once.
    pub vus_max: u64,
    /// Samples folded into the overflow series.
    pub overflowed: u64,
    /// Error groups and exemplars counted but not kept.
    pub discarded: u64,
}

impl Totals {
    /// Adds a worker's window.
    pub fn add(&mut self, window: &Window) {
        self.sent += window.sent;
        for cell in &window.requests {
            self.add_requests(&cell.labels, &cell.stats);
        }
        if !window.is_outside_load {
            self.add_to_time_axis(window);
        }
        for (labels, stats) in &window.iterations {
            merge_into(&mut self.iterations, labels, stats, IterationStats::merge);
        }
        for (labels, stats) in &window.checks {
            let total = self.checks.entry(labels.clone()).or_default();
            total.passes += stats.passes;
            total.fails += stats.fails;
        }
        for (labels, sink) in &window.customs {
            self.customs
                .entry(labels.clone())
                .or_insert_with(|| CustomSink::new(sink.kind()))
                .merge(sink);
        }
        for (key, stats) in &window.errors {
            self.add_error(key, stats);
        }
        for exemplar in &window.exemplars {
            self.keep(exemplar);
        }
        self.overflowed += window.overflowed;
        self.discarded += window.discarded;
    }

    fn add_to_time_axis(&mut self, window: &Window) {
        for cell in &window.requests {
            self.slices.add_requests(cell.second, &cell.stats);
        }
        for (second, arrivals) in &window.arrivals {
            self.slices.add_arrivals(*second, arrivals);
        }
        for (second, time, most) in &window.in_flight_by_second {
            self.slices.add_in_flight(*second, *time, *most);
        }
        self.time.merge(&window.time);
        self.busy.add(window);
    }

    fn add_requests(&mut self, labels: &Arc<Labels>, stats: &RequestStats) {
        if self.requests.len() < MAX_SERIES || self.requests.contains_key(labels) {
            self.requests.entry(labels.clone()).or_default().merge(stats);
        } else {
            self.overflowed += stats.count;
            self.requests.entry(Arc::new(labels.overflow())).or_default().merge(stats);
        }
    }

    fn add_error(&mut self, key: &ErrorKey, stats: &ErrorStats) {
        if let Some(total) = self.errors.get_mut(key) {
            total.merge(stats);
        } else if self.errors.len() < KEEP_ERRORS {
            self.errors.insert(key.clone(), *stats);
        } else {
            self.discarded += stats.count;
        }
    }

    fn keep(&mut self, exemplar: &Exemplar) {
        if exemplar.failed {
            if self.failing.len() < KEEP_FAILED {
                self.failing.push(exemplar.clone());
            }
            return;
        }
        let place =
            self.slowest.partition_point(|kept| kept.response_time >= exemplar.response_time);
        if place < KEEP_SLOWEST {
            self.slowest.insert(place, exemplar.clone());
            self.slowest.truncate(KEEP_SLOWEST);
        }
    }

    /// All requests whose labels match, merged.
    #[must_use]
    pub fn select_requests(&self, selector: &[(String, String)]) -> RequestStats {
        let mut merged = RequestStats::default();
        for (labels, stats) in &self.requests {
            if labels.matches(selector) {
                merged.merge(stats);
            }
        }
        merged
    }

    /// Requests grouped by a key of their labels, in the key's order.
    pub fn requests_by<K: Ord>(&self, key: impl Fn(&Labels) -> K) -> BTreeMap<K, RequestStats> {
        let mut groups: BTreeMap<K, RequestStats> = BTreeMap::new();
        for (labels, stats) in &self.requests {
            groups.entry(key(labels)).or_default().merge(stats);
        }
        groups
    }

    /// All iterations, merged.
    #[must_use]
    pub fn iterations_total(&self) -> IterationStats {
        let mut merged = IterationStats::default();
        self.iterations.values().for_each(|stats| merged.merge(stats));
        merged
    }

    /// Requests that ended.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.requests.values().map(|stats| stats.count).sum()
    }

    /// Requests that count as failed.
    #[must_use]
    pub fn failed_count(&self) -> u64 {
        self.requests.values().map(|stats| stats.failed).sum()
    }

    /// Successful requests a second over `elapsed`; zero for no time.
    #[must_use]
    pub fn throughput_per_s(&self, elapsed: Duration) -> f64 {
        let ok = self.request_count() - self.failed_count();
        if elapsed.is_zero() { 0.0 } else { ok as f64 / elapsed.as_secs_f64() }
    }
}

fn merge_into<K: Ord + Clone, V: Default>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    value: &V,
    merge: impl Fn(&mut V, &V),
) {
    if let Some(total) = map.get_mut(key) {
        merge(total, value);
    } else {
        let mut total = V::default();
        merge(&mut total, value);
        map.insert(key.clone(), total);
    }
}
