//! Targets whose limits are known, simulated request by request, for the tests of the search.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::drift::{ArrivalProcess, Outstanding, drift};
use super::{Next, Outcome, Search, SearchSettings, Strategy, Trial, TrialRequest};

/// How requests are served.
#[derive(Debug, Clone)]
pub(super) enum Law {
    /// So many at once, each for so long; who finds none free is refused.
    Slots { count: usize, service_s: f64 },
    /// One after the other, at random times of this mean rate, however long that takes.
    Queue { rate_per_s: f64 },
}

/// A simulated target, and the client before it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) law: Law,
    /// The client gives up after this; the target works on it all the same.
    pub(super) timeout_s: f64,
    /// What is slower than this is slow.
    pub(super) slo_s: f64,
    /// How probable a stall of one second is in a trial.
    pub(super) stall_probability: f64,
    /// Loads between these fail by half.
    pub(super) fails_between: Option<(f64, f64)>,
    /// After an overload it keeps this share of its capacity until nothing comes for 30 s.
    pub(super) sticks_at: Option<f64>,
    /// The generator makes no more than this.
    pub(super) ceiling_per_s: Option<f64>,
    random: Pcg64Mcg,
    now_s: f64,
    /// When the one server has done all that came.
    free_at_s: f64,
    /// When each of the slots in use is free.
    slots: VecDeque<f64>,
    stuck: bool,
    last_request_s: f64,
}

/// What was left behind before a trial is measured.
const SETTLE_S: f64 = 0.5;
/// How often outstanding work is looked at.
const GRID_S: f64 = 0.1;
const STALL_S: f64 = 1.0;
const IDLE_HEALS_S: f64 = 30.0;
const BISECTION_RESTS: Duration = Duration::from_secs(60);

impl Target {
    pub(super) fn new(law: Law, seed: u64) -> Self {
        Self {
            law,
            timeout_s: 5.0,
            slo_s: 0.3,
            stall_probability: 0.0,
            fails_between: None,
            sticks_at: None,
            ceiling_per_s: None,
            random: Pcg64Mcg::seed_from_u64(seed),
            now_s: 0.0,
            free_at_s: 0.0,
            slots: VecDeque::new(),
            stuck: false,
            last_request_s: 0.0,
        }
    }

    pub(super) fn queue(rate_per_s: f64, seed: u64) -> Self {
        Self::new(Law::Queue { rate_per_s }, seed)
    }

    pub(super) fn idle(&mut self, rest: Duration) {
        self.now_s += rest.as_secs_f64();
    }

    /// Makes a trial: Poisson arrivals, each served in its turn.
    pub(super) fn trial(&mut self, request: &TrialRequest) -> Trial {
        let (load, duration_s) = (request.load_per_s, request.duration.as_secs_f64());
        if self.now_s - self.last_request_s >= IDLE_HEALS_S {
            self.stuck = false;
        }
        let begin_s = self.now_s + SETTLE_S;
        let end_s = begin_s + duration_s;
        let stall_at = self.stall(begin_s, duration_s);
        let fails = self.fails_between.is_some_and(|(low, high)| (low..high).contains(&load));
        let mut seen = Seen::new(begin_s, duration_s);
        let mut at_s = self.now_s;
        loop {
            at_s -= (1.0 - self.random.random::<f64>()).ln() / load;
            if at_s >= end_s {
                break;
            }
            let fails = fails && self.random.random::<f64>() < 0.5;
            let done_s = if fails { None } else { self.serve(at_s, stall_at) };
            seen.add(at_s, done_s, self.timeout_s, self.slo_s);
        }
        let drain_s = (self.free_at_s - end_s).clamp(0.0, self.timeout_s);
        self.now_s = end_s + drain_s;
        self.last_request_s = end_s;
        if let (Some(_), Law::Queue { rate_per_s }) = (self.sticks_at, &self.law) {
            self.stuck |= load > *rate_per_s;
        }
        let mut trial = seen.into_trial(request, SETTLE_S + drain_s);
        let ceiling = self.ceiling_per_s.filter(|ceiling| load > *ceiling);
        trial.generator_limited = ceiling.map(|ceiling| format!("it makes {ceiling}/s"));
        trial
    }

    fn stall(&mut self, begin_s: f64, duration_s: f64) -> Option<f64> {
        let stalls = self.random.random::<f64>() < self.stall_probability;
        stalls.then(|| begin_s + self.random.random::<f64>() * duration_s)
    }

    /// When a request that comes at `at_s` is done; `None` if it is refused.
    fn serve(&mut self, at_s: f64, stall_at: Option<f64>) -> Option<f64> {
        match self.law {
            Law::Slots { count, service_s } => {
                // All take the same time, so the one that came first is done first.
                while self.slots.front().is_some_and(|free| *free <= at_s) {
                    self.slots.pop_front();
                }
                if self.slots.len() >= count {
                    return None;
                }
                self.slots.push_back(at_s + service_s);
                Some(at_s + service_s)
            }
            Law::Queue { rate_per_s } => {
                let share = self.sticks_at.filter(|_| self.stuck).unwrap_or(1.0);
                let mut start_s = self.free_at_s.max(at_s);
                if let Some(stall) = stall_at.filter(|s| (*s..*s + STALL_S).contains(&start_s)) {
                    start_s = stall + STALL_S;
                }
                let service_s = -(1.0 - self.random.random::<f64>()).ln() / (rate_per_s * share);
                self.free_at_s = start_s + service_s;
                Some(self.free_at_s)
            }
        }
    }
}

/// What the client sees of a trial.
#[derive(Debug)]
struct Seen {
    begin_s: f64,
    duration_s: f64,
    planned: u64,
    refused: u64,
    timed_out: u64,
    slow: u64,
    completed: u64,
    response_s: Vec<f64>,
    /// Arrivals less ends in each cell of the grid.
    change: Vec<i64>,
}

impl Seen {
    fn new(begin_s: f64, duration_s: f64) -> Self {
        let cells = (duration_s / GRID_S).round() as usize + 1;
        Self {
            begin_s,
            duration_s,
            planned: 0,
            refused: 0,
            timed_out: 0,
            slow: 0,
            completed: 0,
            response_s: Vec::new(),
            change: vec![0; cells],
        }
    }

    fn add(&mut self, at_s: f64, done_s: Option<f64>, timeout_s: f64, slo_s: f64) {
        let ended_s = done_s.map_or(at_s, |done| done.min(at_s + timeout_s));
        self.count(at_s, 1);
        self.count(ended_s, -1);
        if (self.begin_s..self.begin_s + self.duration_s).contains(&ended_s) {
            self.completed += u64::from(done_s.is_some());
        }
        if at_s < self.begin_s {
            return;
        }
        self.planned += 1;
        match done_s.map(|done| done - at_s) {
            None => self.refused += 1,
            Some(response_s) if response_s > timeout_s => self.timed_out += 1,
            Some(response_s) => {
                self.slow += u64::from(response_s > slo_s);
                self.response_s.push(response_s);
            }
        }
    }

    /// What happens before a cell's end changes what is outstanding there.
    fn count(&mut self, at_s: f64, change: i64) {
        let cell = ((at_s - self.begin_s) / GRID_S).ceil().max(0.0) as usize;
        if let Some(known) = self.change.get_mut(cell) {
            *known += change;
        }
    }

    fn into_trial(mut self, request: &TrialRequest, around_s: f64) -> Trial {
        let mut outstanding = 0;
        let point = |(cell, change): (usize, &i64)| {
            outstanding += change;
            let at = Duration::from_secs_f64(cell as f64 * GRID_S);
            Outstanding { at, count: outstanding as f64 }
        };
        let points: Vec<Outstanding> = self.change.iter().enumerate().map(point).collect();
        let errors = self.refused + self.timed_out;
        let middle = self.response_s.len() / 2;
        let median = (!self.response_s.is_empty())
            .then(|| *self.response_s.select_nth_unstable_by(middle, f64::total_cmp).1);
        let failure = if self.refused > 0 { "503" } else { "timeout" };
        Trial {
            load_per_s: request.load_per_s,
            duration: request.duration,
            elapsed: request.duration + Duration::from_secs_f64(around_s),
            planned: self.planned,
            errors,
            slow: self.slow,
            drift: drift(&points, request.load_per_s, ArrivalProcess::Poisson),
            goodput_per_s: (self.planned - errors - self.slow) as f64 / self.duration_s,
            completed_per_s: self.completed as f64 / self.duration_s,
            response_p50: median.map(Duration::from_secs_f64),
            response_p99: None,
            generator_limited: None,
            first_failure: (errors > 0).then(|| failure.to_owned()),
        }
    }
}

/// Lets a search run against a target to its end.
pub(super) fn drive(settings: SearchSettings, target: &mut Target) -> (Search, Outcome) {
    let rests = settings.strategy == Strategy::Bisect;
    let mut search = Search::new(settings);
    loop {
        match search.next_step() {
            Next::Trial(request) => {
                if rests {
                    // It does not look whether the target is itself again: let it be.
                    target.idle(BISECTION_RESTS);
                }
                search.record(target.trial(&request));
            }
            Next::Idle(rest) => target.idle(rest),
            Next::Done(outcome) => return (search, outcome),
        }
    }
}
