//! The lab as arithmetic: arrivals in, starts and finishes out.
//!
//! [`Model`] is driven by times and knows no clock, so that it can be run through an hour in no time
//! and compared with what queueing theory says. A slot is free again when the work in it was *due*
//! to finish, not when somebody looked, so that being polled late does not add up.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::config::LabConfig;
use super::working_time::WorkingTime;

#[cfg(test)]
mod tests;

/// The longest service time whatever the factors: a year, so that sums of times fit.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Answered 200.
    Served,
    /// Served as long as any other, and answered 500.
    Failed,
    /// Answered 503: there was neither a slot nor a place in the queue.
    Refused,
}

/// A request that is through. Times are by the lab's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finished {
    /// Its place in the order of arrivals since the model was made, from 0.
    pub(super) index: u64,
    pub(super) arrived_at: Duration,
    /// When it got its slot.
    pub(super) begun_at: Duration,
    /// When it was due to finish, stalls included.
    pub(super) due_at: Duration,
    /// How long it was worked at: from begun to due, but for stalls.
    pub(super) service: Duration,
    pub(super) outcome: Outcome,
}

/// A request that waits for a slot.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    index: u64,
    arrived_at: Duration,
    /// Drawn at its arrival, so that the draws do not depend on what waits.
    drawn: Duration,
    outcome: Outcome,
}

/// Work in progress, ordered by when it is due in working time, then by arrival.
#[derive(Debug, Clone, Copy)]
struct Running {
    due: Duration,
    /// All but `due_at`, which a stall may yet change.
    request: Finished,
}

impl Running {
    fn key(&self) -> (Duration, u64) {
        (self.due, self.request.index)
    }
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Running {}

impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Running {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Slots, queue and stalls, driven by times that never decrease.
#[derive(Debug)]
pub(super) struct Model {
    config: LabConfig,
    time: WorkingTime,
    rng: Pcg64,
    queue: VecDeque<Waiting>,
    running: BinaryHeap<Reverse<Running>>,
    /// Slots in use.
    busy: u32,
    arrivals: u64,
    max_queue: usize,
    /// Whether `metastable` holds.
    is_bad: bool,
    /// The integral of `busy` over working time, up to `busy_until`.
    busy_time: Duration,
    busy_until: Duration,
}

impl Model {
    pub(super) fn new(config: LabConfig) -> Self {
        let rng = Pcg64::seed_from_u64(config.seed);
        let mut model = Self {
            config,
            time: WorkingTime::default(),
            rng,
            queue: VecDeque::new(),
            running: BinaryHeap::new(),
            busy: 0,
            arrivals: 0,
            max_queue: 0,
            is_bad: false,
            busy_time: Duration::ZERO,
            busy_until: Duration::ZERO,
        };
        model.stall(Duration::ZERO);
        model
    }

    pub(super) fn config(&self) -> &LabConfig {
        &self.config
    }

    /// The most requests that ever waited at the same time.
    pub(super) fn max_queue(&self) -> usize {
        self.max_queue
    }

    /// Slot-time spent at work until `at`: over time, the mean number of busy slots.
    pub(super) fn busy_time(&self, at: Duration) -> Duration {
        self.busy_time + (self.time.at(at) - self.busy_until) * self.busy
    }

    /// A request arrives at `at`, and its place in the order of arrivals is returned.
    ///
    /// Everything due before must have been taken with [`Self::finish`].
    pub(super) fn arrive(&mut self, at: Duration) -> u64 {
        let index = self.arrivals;
        self.arrivals += 1;
        let work = self.time.at(at);
        let is_free = self.has_free_slot();
        if !is_free && !self.config.queue.has_room(self.queue.len()) {
            // A frozen lab refuses nobody either, until it goes on.
            let request =
                Waiting { index, arrived_at: at, drawn: Duration::ZERO, outcome: Outcome::Refused };
            self.run(request, Duration::ZERO, work);
            return index;
        }
        let outcome = self.draw_outcome(at);
        let drawn = self.config.service.draw(&mut self.rng);
        let request = Waiting { index, arrived_at: at, drawn, outcome };
        if is_free {
            self.begin(request, work);
        } else {
            self.queue.push_back(request);
            self.max_queue = self.max_queue.max(self.queue.len());
            let threshold = self.config.metastable.map(|knob| knob.threshold as usize);
            self.is_bad |= threshold.is_some_and(|threshold| self.queue.len() > threshold);
        }
        index
    }

    /// When the next request is due to finish.
    pub(super) fn next_due_at(&self) -> Option<Duration> {
        self.running.peek().map(|Reverse(next)| self.time.moment_of(next.due))
    }

    /// Takes the next request that is due until `now`; its slot goes to the next in the queue, from
    /// the moment it was due.
    pub(super) fn finish(&mut self, now: Duration) -> Option<Finished> {
        let due_at = self.next_due_at().filter(|due_at| *due_at <= now)?;
        let Reverse(Running { due, request }) = self.running.pop()?;
        if request.outcome != Outcome::Refused {
            self.account(due);
            self.busy -= 1;
            self.fill(due);
        }
        Some(Finished { due_at, ..request })
    }

    /// Changes the configuration from `now` on. Work in progress goes on as it began; draws of
    /// requests that wait stay as they are.
    pub(super) fn reconfigure(&mut self, config: LabConfig, now: Duration) {
        if config.seed != self.config.seed {
            self.rng = Pcg64::seed_from_u64(config.seed);
        }
        if config.metastable.is_none() {
            self.is_bad = false;
        }
        let has_new_stall = config.stall != self.config.stall;
        self.config = config;
        if has_new_stall {
            self.stall(now);
        }
        self.fill(self.time.at(now));
    }

    /// Takes out whatever is in the model, finished or not, as if it were due at `now`.
    pub(super) fn abandon(&mut self, now: Duration) -> Vec<Finished> {
        let waiting = self.queue.drain(..).map(|request| Finished {
            index: request.index,
            arrived_at: request.arrived_at,
            begun_at: now,
            due_at: now,
            service: Duration::ZERO,
            outcome: request.outcome,
        });
        let running = self.running.drain().map(|Reverse(running)| running.request);
        self.busy = 0;
        running.map(|request| Finished { due_at: now, ..request }).chain(waiting).collect()
    }

    fn stall(&mut self, now: Duration) {
        let stall = self.config.stall.map(|stall| (stall.at.0, stall.at.0 + stall.r#for.0));
        self.time.replace(stall, now);
    }

    fn has_free_slot(&self) -> bool {
        self.config.slots.is_none_or(|slots| self.busy < slots)
    }

    /// Whether a request that arrives at `at` is to fail.
    fn draw_outcome(&mut self, at: Duration) -> Outcome {
        let in_flight = self.busy as usize + self.queue.len() + 1;
        let is_inverted = self
            .config
            .inversion
            .is_some_and(|knob| (knob.low as usize..=knob.high as usize).contains(&in_flight));
        let is_unlucky = self.config.error.is_some_and(|knob| {
            // Drawn in pauses too, so that a pause does not shift what comes after it.
            self.rng.random::<f64>() < knob.probability && knob.is_on(at)
        });
        if is_inverted || is_unlucky { Outcome::Failed } else { Outcome::Served }
    }

    /// Gives free slots to those who wait, at `work` in working time.
    fn fill(&mut self, work: Duration) {
        while self.has_free_slot()
            && let Some(next) = self.queue.pop_front()
        {
            self.begin(next, work);
            if self.queue.is_empty() {
                self.is_bad &= self.config.metastable.is_some_and(|knob| knob.sticky);
            }
        }
    }

    fn begin(&mut self, request: Waiting, work: Duration) {
        self.account(work);
        self.busy += 1;
        let penalty = self.config.metastable.filter(|_| self.is_bad).map_or(0.0, |m| m.penalty);
        let factor = self.config.factor(self.time.moment_of(work)) * (1.0 + penalty);
        let seconds = (request.drawn.as_secs_f64() * factor).min(LONGEST.as_secs_f64());
        self.run(request, Duration::from_secs_f64(seconds), work);
    }

    fn run(&mut self, request: Waiting, service: Duration, work: Duration) {
        let begun_at = self.time.moment_of(work);
        let Waiting { index, arrived_at, outcome, .. } = request;
        let request = Finished { index, arrived_at, begun_at, due_at: begun_at, service, outcome };
        self.running.push(Reverse(Running { due: work + service, request }));
    }

    /// Brings the integral of `busy` up to `work`.
    fn account(&mut self, work: Duration) {
        self.busy_time += (work - self.busy_until) * self.busy;
        self.busy_until = work;
    }
}
