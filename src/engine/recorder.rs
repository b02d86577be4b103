//! One worker's observations since it last handed over. Single-threaded: no lock, no channel, nothing that can be full.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hint::cold_path;
use std::sync::Arc;
use std::time::Duration;

use super::cells::{Cells, Sought};
use super::dry::{DryCheck, DryEvent, Trace};
use super::tally::{IterationTally, RequestTally};
use crate::clock::RunClock;
use crate::metric::labels::{LabelParts, MAX_SERIES};
use crate::metric::mark::{address, is_same, mixed};
use crate::metric::sink::{CustomValue, ErrorKey, ErrorSource, ErrorStats, RequestSample};
use crate::metric::window::{Arrivals, IterationLabels, MetricLabels, RequestCell, TimeAccount};
use crate::metric::{CheckStats, CustomSink, Exemplar, Labels, MetricKind, Window};
use crate::script::user::Place;
use crate::script::{Observer, User};

/// Series and seconds kept apart in one window: late requests of many seconds may end in one.
const MAX_CELLS: usize = 4 * MAX_SERIES;
/// Error groups kept in one window.
const KEEP_ERRORS: usize = 200;
/// Slowest requests kept in one window.
const KEEP_SLOWEST: usize = 5;
/// Failed requests kept in one window.
const KEEP_FAILED: usize = 10;
/// Longest message of an error group in characters.
const MAX_MESSAGE: usize = 300;
/// Script log lines that one worker passes on in one window.
const KEEP_LOG_LINES: usize = 100;

/// Where samples of one worker accumulate.
#[derive(Debug)]
pub struct Recorder {
    worker_index: usize,
    clock: RunClock,
    open: RefCell<Open>,
    vus: Cell<u64>,
    /// The most users alive at once in the window.
    vus_peak: Cell<u64>,
    in_flight: Cell<u64>,
    /// Until when the time in flight is added up.
    in_flight_until: Cell<Duration>,
    backlog: Cell<u64>,
    /// Everything in its order; only a dry run has it.
    trace: Option<RefCell<Trace>>,
}

#[derive(Debug, Default)]
struct Open {
    sent: u64,
    requests: Cells<(u32, Labels), RequestTally>,
    arrivals: BySecond<Arrivals>,
    /// Time in flight in nanoseconds, added up over all requests, and the most at once.
    in_flight: BySecond<(u64, u64)>,
    time: TimeAccount,
    iterations: Cells<IterationLabels, IterationTally>,
    checks: Cells<MetricLabels, CheckStats>,
    customs: Cells<MetricLabels, CustomSink>,
    errors: HashMap<ErrorKey, ErrorStats>,
    slowest: Vec<Exemplar>,
    failing: Vec<Exemplar>,
    logs: Vec<String>,
    overflowed: u64,
    discarded: u64,
}

impl Recorder {
    /// An empty one for the worker of this index, 0-based; offsets are from the zero of `clock`.
    #[must_use]
    pub fn new(worker_index: usize, clock: RunClock) -> Self {
        Self {
            worker_index,
            clock,
            open: RefCell::default(),
            vus: Cell::new(0),
            vus_peak: Cell::new(0),
            in_flight: Cell::new(0),
            in_flight_until: Cell::new(Duration::ZERO),
            backlog: Cell::new(0),
            trace: None,
        }
    }

    /// One that also keeps everything in its order.
    pub(super) fn traced(clock: RunClock) -> Self {
        Self { trace: Some(RefCell::default()), ..Self::new(0, clock) }
    }

    /// The clock of its offsets.
    pub(super) fn clock(&self) -> RunClock {
        self.clock
    }

    /// Notes an event when everything is kept; else `event` is not even made.
    pub(super) fn trace(&self, event: impl FnOnce() -> DryEvent) {
        if let Some(trace) = &self.trace {
            cold_path();
            trace.borrow_mut().push(event());
        }
    }

    /// What was kept in its order.
    pub(super) fn take_trace(&self) -> Trace {
        self.trace.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// A request goes to the transport now.
    pub fn sent(&self, now: Duration) {
        self.add_up_flight(now);
        self.open.borrow_mut().sent += 1;
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// A request that is recorded now was given to the transport so long before it began, and was not under way meanwhile.
    pub fn held_back(&self, held: Duration) {
        self.open.borrow_mut().time.in_flight_s -= held.as_secs_f64();
    }

    /// The sample of a request that was sent and has ended, a moment ago: its body may have been decompressed since.
    /// `exemplar` is made only when it is kept.
    pub fn request(
        &self,
        labels: &LabelParts<'_>,
        sample: &RequestSample,
        exemplar: impl FnOnce() -> Exemplar,
    ) {
        self.add_up_flight(sample.done);
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        // What was added up meanwhile counted it still.
        let since = self.in_flight_until.get().saturating_sub(sample.done);
        let open = &mut *self.open.borrow_mut();
        open.time.in_flight_s -= since.as_secs_f64();
        open.time.transport_s += sample.done.saturating_sub(sample.begun).as_secs_f64();
        let sought = SoughtSeries { second: second_of(sample.intended), labels };
        match open.requests.of(&sought, MAX_CELLS, RequestTally::default) {
            Some(stats) => stats.record(sample),
            None => {
                cold_path();
                open.overflowed += 1;
                let folded = labels.to_labels().overflow();
                let sought = SoughtSeries { labels: &folded.parts(), ..sought };
                let rest = open.requests.of(&sought, usize::MAX, RequestTally::default);
                rest.expect("without a bound there is room").record(sample);
            }
        }
        open.keep(sample, exemplar);
    }

    /// Adds the time since the last begin or end of a request, second by second.
    fn add_up_flight(&self, now: Duration) {
        let count = self.in_flight.get();
        let mut from = self.in_flight_until.get();
        if now <= from {
            return;
        }
        self.in_flight_until.set(now);
        if count == 0 {
            return;
        }
        let open = &mut *self.open.borrow_mut();
        while from.as_secs() < now.as_secs() {
            let next = Duration::from_secs(from.as_secs() + 1);
            open.flew(second_of(from), 1_000_000_000 - from.subsec_nanos(), count);
            from = next;
        }
        if from < now {
            open.flew(second_of(now), now.subsec_nanos() - from.subsec_nanos(), count);
        }
    }

    /// Iterations came due at `due`.
    pub(super) fn planned(&self, labels: &IterationParts<'_>, due: Duration, count: u64) {
        let open = &mut *self.open.borrow_mut();
        open.iteration(labels).stats.planned += count;
        open.arrivals.of(second_of(due)).planned += count;
    }

    /// Iterations that were due at `due` cannot begin.
    pub(super) fn dropped(&self, labels: &IterationParts<'_>, due: Duration, count: u64) {
        let open = &mut *self.open.borrow_mut();
        open.iteration(labels).stats.dropped += count;
        open.arrivals.of(second_of(due)).dropped += count;
    }

    /// An iteration came due at `due` and began at once.
    pub(super) fn planned_and_started(&self, labels: &IterationParts<'_>, due: Duration) {
        let open = &mut *self.open.borrow_mut();
        let stats = &mut open.iteration(labels).stats;
        (stats.planned, stats.started) = (stats.planned + 1, stats.started + 1);
        let arrivals = open.arrivals.of(second_of(due));
        (arrivals.planned, arrivals.started) = (arrivals.planned + 1, arrivals.started + 1);
    }

    /// An iteration that was due at `due` began.
    pub(super) fn started(&self, labels: &IterationParts<'_>, due: Duration) {
        let open = &mut *self.open.borrow_mut();
        open.iteration(labels).stats.started += 1;
        open.arrivals.of(second_of(due)).started += 1;
    }

    /// A started iteration ended after `took`; `record` notes how.
    pub(super) fn ended(
        &self,
        labels: &IterationParts<'_>,
        took: Duration,
        record: impl FnOnce(&mut IterationTally),
    ) {
        let open = &mut *self.open.borrow_mut();
        open.time.iterations_s += took.as_secs_f64();
        record(open.iteration(labels));
    }

    /// A user waited inside an iteration for as long as the script wanted.
    pub(super) fn paused(&self, pause: Duration) {
        self.open.borrow_mut().time.pauses_s += pause.as_secs_f64();
    }

    /// An error happened.
    #[cold]
    pub(super) fn error(&self, source: ErrorSource, name: &str, kind: &str, message: &str) {
        let message = message.chars().take(MAX_MESSAGE).collect();
        let key = ErrorKey { source, name: name.to_owned(), kind: kind.to_owned(), message };
        let now = ErrorStats::once(self.clock.now());
        let mut open = self.open.borrow_mut();
        if let Some(stats) = open.errors.get_mut(&key) {
            stats.merge(&now);
        } else if open.errors.len() < KEEP_ERRORS {
            open.errors.insert(key, now);
        } else {
            open.discarded += 1;
        }
    }

    pub(super) fn vu_started(&self) {
        self.vus.set(self.vus.get() + 1);
        self.vus_peak.set(self.vus_peak.get().max(self.vus.get()));
    }

    pub(super) fn vu_ended(&self) {
        self.vus.set(self.vus.get().saturating_sub(1));
    }

    /// An iteration that came due waits for a user. Scenarios share the gauge, so each says only what changes.
    pub(super) fn waits(&self) {
        self.backlog.set(self.backlog.get() + 1);
    }

    /// So many iterations wait no longer.
    pub(super) fn waited(&self, count: u64) {
        self.backlog.set(self.backlog.get().saturating_sub(count));
    }

    /// Closes the window and opens the next.
    pub fn take(&self) -> Window {
        self.add_up_flight(self.clock.now());
        let mut open = self.open.take();
        let flown_ns = open.in_flight.0.iter().map(|(_, (time_ns, _))| *time_ns as f64);
        open.time.in_flight_s += flown_ns.sum::<f64>() * 1e-9;
        Window {
            is_within_second: false,
            worker_index: self.worker_index,
            is_outside_load: false,
            at: self.clock.now(),
            sent: open.sent,
            requests: open
                .requests
                .into_vec()
                .into_iter()
                .map(|((second, labels), tally)| RequestCell {
                    labels: Arc::new(labels),
                    second,
                    stats: tally.into_stats(),
                })
                .collect(),
            arrivals: open.arrivals.0,
            in_flight_by_second: open
                .in_flight
                .0
                .into_iter()
                .map(|(second, (time_ns, most))| (second, Duration::from_nanos(time_ns), most))
                .collect(),
            time: open.time,
            busy: Duration::ZERO,
            iterations: open
                .iterations
                .into_vec()
                .into_iter()
                .map(|(labels, tally)| (labels, tally.into_stats()))
                .collect(),
            checks: open.checks.into_vec(),
            customs: open.customs.into_vec(),
            errors: open.errors.into_iter().collect(),
            exemplars: open.slowest.into_iter().chain(open.failing).collect(),
            logs: open.logs,
            vus: self.vus.get(),
            vus_peak: self.vus_peak.replace(self.vus.get()),
            in_flight: self.in_flight.get(),
            backlog: self.backlog.get(),
            overflowed: open.overflowed,
            discarded: open.discarded,
        }
    }
}

impl Open {
    fn iteration(&mut self, labels: &IterationParts<'_>) -> &mut IterationTally {
        let found = self.iterations.of(labels, usize::MAX, IterationTally::default);
        found.expect("without a bound there is room")
    }

    /// So many requests were under way for a part of a second, which is reckoned in 64 bits: 18 thousand million may be.
    fn flew(&mut self, second: u32, part_ns: u32, count: u64) {
        let (time_ns, most) = self.in_flight.of(second);
        *time_ns = time_ns.saturating_add(u64::from(part_ns).saturating_mul(count));
        *most = count.max(*most);
    }

    fn keep(&mut self, sample: &RequestSample, exemplar: impl FnOnce() -> Exemplar) {
        if sample.failed {
            cold_path();
            if self.failing.len() < KEEP_FAILED {
                self.failing.push(exemplar());
            }
            return;
        }
        let time = sample.response_time();
        if self.slowest.len() == KEEP_SLOWEST
            && self.slowest.iter().all(|kept| kept.response_time >= time)
        {
            return;
        }
        cold_path();
        self.slowest.push(exemplar());
        self.slowest.sort_by_key(|kept| std::cmp::Reverse(kept.response_time));
        self.slowest.truncate(KEEP_SLOWEST);
    }
}

/// The second of a moment of the run.
fn second_of(at: Duration) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}

/// What happened in which second, in the order of the seconds. All but a few notes are about the last one.
#[derive(Debug, Default)]
struct BySecond<T>(Vec<(u32, T)>);

impl<T: Default> BySecond<T> {
    fn of(&mut self, second: u32) -> &mut T {
        let place = match self.0.last() {
            Some((last, _)) if *last == second => self.0.len() - 1,
            _ => self.0.binary_search_by_key(&second, |(known, _)| *known).unwrap_or_else(|at| {
                self.0.insert(at, (second, T::default()));
                at
            }),
        };
        &mut self.0[place].1
    }
}

/// The series of a request in one second.
struct SoughtSeries<'a> {
    second: u32,
    labels: &'a LabelParts<'a>,
}

impl Sought<(u32, Labels)> for SoughtSeries<'_> {
    fn mark(&self) -> u64 {
        let LabelParts { name, status, task, phase, group, .. } = self.labels;
        let mark = mixed(u64::from(self.second), u64::from(*status));
        [name, task, phase, group].into_iter().fold(mark, |mark, part| mixed(mark, address(part)))
    }

    fn is(&self, (second, key): &(u32, Labels)) -> bool {
        let sought = self.labels;
        self.second == *second
            && sought.status == key.status
            && is_same(sought.name, &key.name)
            && is_same(sought.method, &key.method)
            && is_same(sought.task, &key.task)
            && is_same(sought.scenario, &key.scenario)
            && is_same(sought.phase, &key.phase)
            && is_same(sought.group, &key.group)
            && is_same(sought.tags, &key.tags)
    }

    fn to_key(&self) -> (u32, Labels) {
        (self.second, self.labels.to_labels())
    }
}

/// The labels of iterations whose strings somebody else holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct IterationParts<'a> {
    pub(super) scenario: &'a Arc<str>,
    pub(super) task: &'a Arc<str>,
    pub(super) phase: &'a Arc<str>,
}

impl Sought<IterationLabels> for IterationParts<'_> {
    fn mark(&self) -> u64 {
        mixed(mixed(address(self.scenario), address(self.task)), address(self.phase))
    }

    fn is(&self, key: &IterationLabels) -> bool {
        is_same(self.scenario, &key.scenario)
            && is_same(self.task, &key.task)
            && is_same(self.phase, &key.phase)
    }

    fn to_key(&self) -> IterationLabels {
        IterationLabels {
            scenario: self.scenario.clone(),
            task: self.task.clone(),
            phase: self.phase.clone(),
        }
    }
}

/// A metric that a user observes where it is now.
struct SoughtMetric<'a> {
    metric: &'a str,
    /// The name of a check, else empty.
    name: &'a str,
    scenario: &'a Arc<str>,
    place: &'a Place,
}

impl Sought<MetricLabels> for SoughtMetric<'_> {
    fn mark(&self) -> u64 {
        // Scripts pass names from the same place again; who makes them up is found by their content.
        let names = mixed(self.metric.as_ptr().addr() as u64, self.name.as_ptr().addr() as u64);
        let Place { task, group, phase, .. } = self.place;
        [task, group, phase].into_iter().fold(names, |mark, part| mixed(mark, address(part)))
    }

    fn is(&self, MetricLabels { metric, labels }: &MetricLabels) -> bool {
        let Place { task, tags, group, phase } = self.place;
        *self.metric == **metric
            && *self.name == *labels.name
            && is_same(task, &labels.task)
            && is_same(self.scenario, &labels.scenario)
            && is_same(phase, &labels.phase)
            && is_same(group, &labels.group)
            && is_same(tags, &labels.tags)
    }

    fn to_key(&self) -> MetricLabels {
        let Place { task, tags, group, phase } = self.place;
        let labels = Labels {
            name: self.name.into(),
            method: "".into(),
            status: 0,
            task: task.clone(),
            scenario: self.scenario.clone(),
            phase: phase.clone(),
            group: group.clone(),
            tags: tags.clone(),
        };
        MetricLabels { metric: self.metric.into(), labels }
    }
}

impl Observer for Recorder {
    fn check(&self, user: &User, name: &str, passed: bool) {
        self.trace(|| {
            let (scenario, task) = (user.scenario().to_string(), user.task().to_string());
            DryEvent::Check(DryCheck { scenario, task, name: name.to_owned(), passed })
        });
        let (scenario, place) = (user.scenario(), &*user.place());
        let sought = SoughtMetric { metric: "checks", name, scenario, place };
        let open = &mut *self.open.borrow_mut();
        let Some(stats) = open.checks.of(&sought, MAX_SERIES, CheckStats::default) else {
            open.overflowed += 1;
            return;
        };
        if passed { stats.passes += 1 } else { stats.fails += 1 }
    }

    fn custom(&self, user: &User, metric: &str, kind: MetricKind, value: CustomValue) {
        let (scenario, place) = (user.scenario(), &*user.place());
        let sought = SoughtMetric { metric, name: "", scenario, place };
        let open = &mut *self.open.borrow_mut();
        let Some(sink) = open.customs.of(&sought, MAX_SERIES, || CustomSink::new(kind)) else {
            open.overflowed += 1;
            return;
        };
        if !sink.add(value) {
            open.discarded += 1;
        }
    }

    fn log(&self, user: &User, line: &str) {
        self.trace(|| DryEvent::Log(line.to_owned()));
        let mut open = self.open.borrow_mut();
        if open.logs.len() < KEEP_LOG_LINES {
            let line: String = line.chars().take(MAX_MESSAGE).collect();
            open.logs.push(format!("user {}: {line}", user.id()));
        } else {
            open.discarded += 1;
        }
    }
}
