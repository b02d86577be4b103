//! What a run tells those who watch it: numbered messages, of which the newest are kept.
//!
//! Writing is putting a text into a ring and never waits. Each who watches keeps a place of its own and reads when it can:
//! one that is slow misses snapshots, one that is frozen costs nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::state::State;
use crate::metric::Histogram;
use crate::metric::Quantile;
use crate::pipeline::{Output, OutputError, RunHead, Snapshot, StepPoint};
use crate::plan::TestType;
use crate::record::{EventKind, ProbeRecord, ResourceOwner, ResourceSample, RunEvent, RunRecord};

/// Snapshots that are kept: five minutes at two a second.
const KEPT_SNAPSHOTS: usize = 600;
/// Other messages that are kept: what was done, probes, the end.
const KEPT_OTHERS: usize = 1_000;
/// Snapshots are kept as long as all messages have no more bytes than this.
const MOST_BYTES: usize = 4 << 20;
/// Rows of each list in a snapshot.
const MOST_ROWS: usize = 100;

/// What one run tells.
#[derive(Debug)]
pub struct Feed {
    run_id: String,
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    messages: VecDeque<Message>,
    bytes: usize,
    snapshots: usize,
    next_seq: u64,
    test_type: TestType,
    last: Option<Value>,
    is_paused: bool,
    is_ended: bool,
}

/// One message, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) seq: u64,
    pub(super) kind: Kind,
    pub(super) text: Arc<str>,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Snapshot,
    Event,
    Probe,
    End,
}

impl Feed {
    /// A feed on which nothing has been told.
    #[must_use]
    pub fn new(run_id: &str, test_type: TestType) -> Arc<Self> {
        let ring = Ring {
            messages: VecDeque::new(),
            bytes: 0,
            snapshots: 0,
            next_seq: 1,
            test_type,
            last: None,
            is_paused: false,
            is_ended: false,
        };
        let newest = watch::Sender::new(0);
        Arc::new(Self { run_id: run_id.to_owned(), ring: Mutex::new(ring), newest })
    }

    /// Tells how the run is going.
    pub fn snapshot(&self, snapshot: &Snapshot) {
        let mut ring = self.lock();
        let state = ring.state();
        let figures = figures(snapshot, state, ring.last.as_ref());
        ring.last = Some(figures.clone());
        self.put(&mut ring, Kind::Snapshot, &figures);
    }

    /// Tells that something was done to the run.
    pub fn event(&self, event: &RunEvent) {
        let mut ring = self.lock();
        match event.kind {
            EventKind::Paused => ring.is_paused = true,
            EventKind::Resumed | EventKind::Stopping | EventKind::Threshold => {
                ring.is_paused = false;
            }
            EventKind::Scaled => {}
        }
        // Plain data serialises; if it did not, the record would still have it.
        let data = serde_json::to_value(event).unwrap_or_default();
        self.put(&mut ring, Kind::Event, &data);
    }

    /// Tells a probe of a search.
    pub fn probe(&self, probe: &ProbeRecord) {
        // Plain data serialises; if it did not, the record would still have it.
        let data = serde_json::to_value(probe).unwrap_or_default();
        self.put(&mut self.lock(), Kind::Probe, &data);
    }

    /// Tells that the run has ended. Nothing is told after it.
    pub(super) fn end(&self, state: State, exit_code: Option<i32>, id: Option<i64>) {
        let data = json!({ "state": state, "exit_code": exit_code, "id": id });
        let mut ring = self.lock();
        self.put(&mut ring, Kind::End, &data);
        ring.is_ended = true;
    }

    /// Forgets all snapshots but the newest: the run has long ended.
    pub(super) fn shrink(&self) {
        let mut ring = self.lock();
        ring.keep_snapshots(1, 0);
        ring.messages.shrink_to_fit();
    }

    /// The figures that were told last.
    #[must_use]
    pub fn last(&self) -> Option<Value> {
        self.lock().last.clone()
    }

    /// The number of the newest message, and news when there is a newer one.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What was told after `seq`, oldest first. Of the snapshots only the last, unless `with_all` of them are wanted.
    pub(super) fn after(&self, seq: u64, with_all: bool) -> Vec<Message> {
        let ring = self.lock();
        let is_snapshot = |message: &&Message| message.kind == Kind::Snapshot;
        let last = ring.messages.iter().rev().find(is_snapshot).map_or(0, |message| message.seq);
        let is_wanted = |message: &&Message| {
            message.seq > seq && (with_all || message.kind != Kind::Snapshot || message.seq == last)
        };
        ring.messages.iter().filter(is_wanted).cloned().collect()
    }

    fn put(&self, ring: &mut Ring, kind: Kind, data: &Value) {
        if ring.is_ended {
            return;
        }
        let seq = ring.next_seq;
        ring.next_seq += 1;
        let whole =
            json!({ "v": 1, "run_id": self.run_id, "seq": seq, "type": kind, "data": data });
        ring.push(Message { seq, kind, text: whole.to_string().into() });
        self.newest.send_replace(seq);
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, message: Message) {
        self.bytes += message.text.len();
        self.snapshots += usize::from(message.kind == Kind::Snapshot);
        self.messages.push_back(message);
        while self.messages.len() - self.snapshots > KEPT_OTHERS {
            self.forget_oldest(|kind| kind != Kind::Snapshot);
        }
        self.keep_snapshots(KEPT_SNAPSHOTS, MOST_BYTES);
    }

    /// Forgets the oldest snapshots until there are no more of them, and of bytes; never the newest.
    fn keep_snapshots(&mut self, most: usize, most_bytes: usize) {
        while self.snapshots > 1 && (self.snapshots > most || self.bytes > most_bytes) {
            self.forget_oldest(|kind| kind == Kind::Snapshot);
        }
    }

    fn forget_oldest(&mut self, of: impl Fn(Kind) -> bool) {
        let oldest = self.messages.iter().position(|message| of(message.kind));
        if let Some(message) = oldest.and_then(|place| self.messages.remove(place)) {
            self.bytes -= message.text.len();
            self.snapshots -= usize::from(message.kind == Kind::Snapshot);
        }
    }

    fn state(&self) -> State {
        if self.is_paused { State::Paused } else { State::under_way(self.test_type) }
    }
}

/// Puts each snapshot of a run on its feed.
#[derive(Debug, Clone)]
pub struct FeedOutput(pub Arc<Feed>);

impl Output for FeedOutput {
    fn start(&mut self, head: &RunHead) -> Result<(), OutputError> {
        self.0.lock().test_type = head.test_type;
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        self.0.snapshot(snapshot);
    }

    fn finish(&mut self, _record: &mut RunRecord) -> Result<(), OutputError> {
        Ok(())
    }
}

/// A snapshot as clients see it. `before` has what only some intervals tell.
fn figures(snapshot: &Snapshot, state: State, before: Option<&Value>) -> Value {
    let (count, failed) = snapshot.window_counts();
    let times = snapshot.window_response_time();
    let seconds = snapshot.interval.as_secs_f64();
    let rate_per_s = if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    let owner = |owner, key: &str| {
        let last = snapshot.resources.iter().rev().find(|sample| sample.owner == owner);
        let known = || before.map_or(Value::Null, |before| before[key].clone());
        last.map_or_else(known, resource)
    };
    let totals = &snapshot.totals;
    json!({
        "at_s": snapshot.at.as_secs_f64(),
        "interval_s": seconds,
        "phase": &*snapshot.phase,
        "planned_end_s": snapshot.planned_end.map(|end| end.as_secs_f64()),
        "progress": snapshot.progress,
        "state": state,
        "vus": snapshot.vus,
        "in_flight": snapshot.in_flight,
        "backlog": snapshot.backlog,
        "rate_per_s": rate_per_s,
        "error_ratio": if count == 0 { 0.0 } else { failed as f64 / count as f64 },
        "p50_ms": quantile_ms(&times, Quantile::P50),
        "p95_ms": quantile_ms(&times, Quantile::P95),
        "p99_ms": quantile_ms(&times, Quantile::P99),
        "totals": {
            "planned": totals.planned,
            "started": totals.started,
            "dropped": totals.dropped,
            "requests": totals.requests,
            "failed": totals.failed,
            "throughput": totals.throughput,
        },
        "steps": steps(&snapshot.points),
        "thresholds": snapshot.thresholds.iter().take(MOST_ROWS).map(|threshold| json!({
            "expression": threshold.expression,
            "actual": threshold.actual,
            "passed": threshold.passed,
        })).collect::<Vec<_>>(),
        "checks": snapshot.checks.iter().take(MOST_ROWS).map(|check| json!({
            "name": check.name,
            "passes": check.passes,
            "fails": check.fails,
        })).collect::<Vec<_>>(),
        "errors": snapshot.errors.iter().take(MOST_ROWS).map(|(key, stats)| json!({
            "name": &*key.name,
            "kind": &*key.kind,
            "message": &*key.message,
            "count": stats.count,
        })).collect::<Vec<_>>(),
        "generator": owner(ResourceOwner::Generator, "generator"),
        "target": owner(ResourceOwner::Target, "target"),
    })
}

fn resource(sample: &ResourceSample) -> Value {
    json!({
        "cpu_percent": sample.usage.cpu_percent,
        "memory_bytes": sample.usage.memory_bytes,
    })
}

/// The steps of the interval by name, all phases and seconds of each together.
fn steps(points: &[StepPoint]) -> Vec<Value> {
    let mut steps: Vec<StepPoint> = Vec::new();
    for point in points {
        match steps.iter_mut().find(|step| step.step == point.step) {
            Some(step) => step.merge(point),
            None => steps.push(point.clone()),
        }
    }
    steps.sort_by(|a, b| a.step.cmp(&b.step));
    let row = |step: &StepPoint| {
        json!({
            "name": &*step.step,
            "count": step.count,
            "failed": step.failed,
            "p50_ms": quantile_ms(&step.response_time, Quantile::P50),
            "p95_ms": quantile_ms(&step.response_time, Quantile::P95),
            "p99_ms": quantile_ms(&step.response_time, Quantile::P99),
        })
    };
    steps.iter().take(MOST_ROWS).map(row).collect()
}

/// `None` where the samples are too few.
fn quantile_ms(times: &Histogram, quantile: Quantile) -> Option<f64> {
    times.supported_quantile(quantile).map(|time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests;
