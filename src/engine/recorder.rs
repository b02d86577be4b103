//! One worker's observations since it last handed over. Single-threaded: no lock, no channel, nothing that can be full.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::dry::{DryCheck, DryEvent, Trace};
use crate::clock::RunClock;
use crate::metric::labels::MAX_SERIES;
use crate::metric::sink::{CustomValue, ErrorKey, ErrorSource, ErrorStats, RequestSample};
use crate::metric::window::{Arrivals, IterationLabels, MetricLabels, RequestCell, TimeAccount};
use crate::metric::{
    CheckStats, CustomSink, Exemplar, IterationStats, Labels, MetricKind, RequestStats, Window,
};
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
    requests: HashMap<(u32, Labels), RequestStats>,
    arrivals: BTreeMap<u32, Arrivals>,
    /// Time in flight and the most at once, by second.
    in_flight: BTreeMap<u32, (Duration, u64)>,
    time: TimeAccount,
    iterations: HashMap<IterationLabels, IterationStats>,
    checks: HashMap<MetricLabels, CheckStats>,
    customs: HashMap<MetricLabels, CustomSink>,
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
            trace.borrow_mut().push(event());
        }
    }

    /// What was kept in its order.
    pub(super) fn take_trace(&self) -> Trace {
        self.trace.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// A request goes to the transport.
    pub fn sent(&self) {
        self.add_up_flight();
        self.open.borrow_mut().sent += 1;
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// A request that was sent ended at `done`, a moment ago: its body may have been decompressed since.
    pub fn landed(&self, done: Duration) {
        self.add_up_flight();
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        let since = self.in_flight_until.get().saturating_sub(done);
        self.open.borrow_mut().time.in_flight_s -= since.as_secs_f64();
    }

    /// The sample of a request that has landed. `exemplar` is made only when it is kept.
    pub fn request(
        &self,
        labels: Labels,
        sample: &RequestSample,
        exemplar: impl FnOnce() -> Exemplar,
    ) {
        let mut open = self.open.borrow_mut();
        open.time.transport_s += sample.done.saturating_sub(sample.begun).as_secs_f64();
        let cell = (second_of(sample.intended), labels);
        if open.requests.len() >= MAX_CELLS && !open.requests.contains_key(&cell) {
            open.overflowed += 1;
            open.requests.entry((cell.0, cell.1.overflow())).or_default().record(sample);
        } else {
            open.requests.entry(cell).or_default().record(sample);
        }
        open.keep(sample, exemplar);
    }

    /// Adds the time since the last begin or end of a request, second by second.
    fn add_up_flight(&self) {
        let (now, count) = (self.clock.now(), self.in_flight.get());
        let mut from = self.in_flight_until.replace(now);
        let mut open = self.open.borrow_mut();
        while from < now && count > 0 {
            let second = second_of(from);
            let until = now.min(Duration::from_secs(u64::from(second) + 1));
            let (time, most) = open.in_flight.entry(second).or_default();
            *time += (until - from) * u32::try_from(count).unwrap_or(u32::MAX);
            *most = count.max(*most);
            open.time.in_flight_s += (until - from).as_secs_f64() * count as f64;
            from = until;
        }
    }

    /// Iterations came due at `due`.
    pub(super) fn planned(&self, labels: IterationLabels, due: Duration, count: u64) {
        let mut open = self.open.borrow_mut();
        open.iterations.entry(labels).or_default().planned += count;
        open.arrivals.entry(second_of(due)).or_default().planned += count;
    }

    /// Iterations that were due at `due` cannot begin.
    pub(super) fn dropped(&self, labels: IterationLabels, due: Duration, count: u64) {
        let mut open = self.open.borrow_mut();
        open.iterations.entry(labels).or_default().dropped += count;
        open.arrivals.entry(second_of(due)).or_default().dropped += count;
    }

    /// An iteration that was due at `due` began.
    pub(super) fn started(&self, labels: IterationLabels, due: Duration) {
        let mut open = self.open.borrow_mut();
        open.iterations.entry(labels).or_default().started += 1;
        open.arrivals.entry(second_of(due)).or_default().started += 1;
    }

    /// A started iteration ended after `took`; `record` notes how.
    pub(super) fn ended(
        &self,
        labels: IterationLabels,
        took: Duration,
        record: impl FnOnce(&mut IterationStats),
    ) {
        let mut open = self.open.borrow_mut();
        open.time.iterations_s += took.as_secs_f64();
        record(open.iterations.entry(labels).or_default());
    }

    /// A user waited inside an iteration for as long as the script wanted.
    pub(super) fn paused(&self, pause: Duration) {
        self.open.borrow_mut().time.pauses_s += pause.as_secs_f64();
    }

    /// An error happened.
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
        self.add_up_flight();
        let open = self.open.take();
        Window {
            is_within_second: false,
            worker_index: self.worker_index,
            is_outside_load: false,
            at: self.clock.now(),
            sent: open.sent,
            requests: open
                .requests
                .into_iter()
                .map(|((second, labels), stats)| RequestCell {
                    labels: Arc::new(labels),
                    second,
                    stats,
                })
                .collect(),
            arrivals: open.arrivals.into_iter().collect(),
            in_flight_by_second: open
                .in_flight
                .into_iter()
                .map(|(second, (time, most))| (second, time, most))
                .collect(),
            time: open.time,
            busy: Duration::ZERO,
            iterations: open.iterations.into_iter().collect(),
            checks: open.checks.into_iter().collect(),
            customs: open.customs.into_iter().collect(),
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
    fn keep(&mut self, sample: &RequestSample, exemplar: impl FnOnce() -> Exemplar) {
        if sample.failed {
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
        self.slowest.push(exemplar());
        self.slowest.sort_by_key(|kept| std::cmp::Reverse(kept.response_time));
        self.slowest.truncate(KEEP_SLOWEST);
    }
}

/// The second of a moment of the run.
fn second_of(at: Duration) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}

/// The labels under which a user observes something now.
fn labels_of(user: &User, name: &str) -> Labels {
    Labels {
        name: name.into(),
        method: "".into(),
        status: 0,
        task: user.task(),
        scenario: user.scenario(),
        phase: user.phase(),
        group: user.group(),
        tags: user.tags(),
    }
}

impl Observer for Recorder {
    fn check(&self, user: &User, name: &str, passed: bool) {
        self.trace(|| {
            let (scenario, task) = (user.scenario().to_string(), user.task().to_string());
            DryEvent::Check(DryCheck { scenario, task, name: name.to_owned(), passed })
        });
        let key = MetricLabels { metric: "checks".into(), labels: labels_of(user, name) };
        let mut open = self.open.borrow_mut();
        if open.checks.len() >= MAX_SERIES && !open.checks.contains_key(&key) {
            open.overflowed += 1;
            return;
        }
        let stats = open.checks.entry(key).or_default();
        if passed { stats.passes += 1 } else { stats.fails += 1 }
    }

    fn custom(&self, user: &User, metric: &str, kind: MetricKind, value: CustomValue) {
        let key = MetricLabels { metric: metric.into(), labels: labels_of(user, "") };
        let mut open = self.open.borrow_mut();
        if open.customs.len() >= MAX_SERIES && !open.customs.contains_key(&key) {
            open.overflowed += 1;
            return;
        }
        if !open.customs.entry(key).or_insert_with(|| CustomSink::new(kind)).add(value) {
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
