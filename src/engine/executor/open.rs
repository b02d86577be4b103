//! Open models: iterations arrive by the schedule, whatever the target does.
//!
//! An iteration that is due takes a free user; when none is free and no more may be made, it waits in the backlog, begins
//! late and is timed from when it was due. Only a full backlog drops, and drops are counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::iter::Peekable;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{ScenarioRun, goodbye, iterate, labels_before};
use crate::engine::steer::Steering;
use crate::engine::stop::StopLevel;
use crate::engine::vu::VirtualUser;
use crate::pacing::Arrivals;
use crate::plan::{Executor, Scenario};
use crate::units::Rate;

/// Iterations that may wait for a user, over all workers: more than an hour at 20 a second, 1.6 MB.
const MAX_BACKLOG: u64 = 100_000;

/// What came of looking whether the load was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    None,
    /// A pause is over.
    Resumed,
}

/// One worker's arrivals to come, and what was told of them.
struct Course {
    dues: Peekable<Dues>,
    followed: Steering,
}

/// Arrivals from a moment of the run on.
struct Dues {
    arrivals: Arrivals,
    start: Duration,
}

impl Iterator for Dues {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.arrivals.next().map(|(_, due)| self.start + due)
    }
}

impl Course {
    fn of_plan<V>(run: &ScenarioRun<V>, scenario: &Scenario) -> Self {
        let arrivals = Arrivals::new(&scenario.executor, run.seed, run.shard);
        let dues = Dues { arrivals, start: scenario.start_time };
        Self { dues: dues.peekable(), followed: Steering::default() }
    }

    /// Follows what was told, once nothing is left that is due before it holds.
    fn follows<V>(&mut self, run: &ScenarioRun<V>, scenario: &Scenario) -> Turn {
        let told = run.helm.now();
        let is_left = self.dues.peek().is_some_and(|due| *due < told.since);
        if told == self.followed || is_left {
            return Turn::None;
        }
        let before = std::mem::replace(&mut self.followed, told);
        if let Some(rate) = told.rate_per_s.filter(|_| told.rate_per_s != before.rate_per_s) {
            self.dues = at_rate(run, scenario, rate, told.since).peekable();
        }
        if before.is_paused && !told.is_paused { Turn::Resumed } else { Turn::None }
    }
}

/// Arrivals at one rate until the planned end, in the way of the scenario's own.
fn at_rate<V>(run: &ScenarioRun<V>, scenario: &Scenario, rate: f64, since: Duration) -> Dues {
    let start = since.max(scenario.start_time);
    let end = scenario.start_time + scenario.executor.duration().unwrap_or_default();
    let (Executor::ConstantArrivalRate { arrival, .. }
    | Executor::RampingArrivalRate { arrival, .. }) = &scenario.executor
    else {
        return Dues { arrivals: Arrivals::None, start };
    };
    let executor = Rate::per_second(rate).map(|rate| Executor::ConstantArrivalRate {
        rate,
        duration: end.saturating_sub(start),
        arrival: *arrival,
        pre_allocated_vus: 0,
        max_vus: scenario.executor.max_vus(),
    });
    // Random arrivals of two rates are not the same ones.
    let seed = run.seed.wrapping_add(since.as_nanos() as u64);
    let arrivals = executor.map_or(Arrivals::None, |open| Arrivals::new(&open, seed, run.shard));
    Dues { arrivals, start }
}

/// The users of one worker's part of an open scenario, and what waits for them.
pub(super) struct Crew<V> {
    run: Rc<ScenarioRun<V>>,
    idle: RefCell<Vec<V>>,
    backlog: RefCell<VecDeque<Duration>>,
    backlog_bound: usize,
    made: Cell<u64>,
    made_bound: u64,
    /// Nothing arrives any more: what waits is still done, and who has nothing to do leaves.
    is_closing: Cell<bool>,
}

impl<V: VirtualUser> Crew<V> {
    pub(super) fn new(run: &Rc<ScenarioRun<V>>, pre_allocated: u64, max_vus: u64) -> Rc<Self> {
        let crew = Self {
            idle: RefCell::default(),
            backlog: RefCell::default(),
            backlog_bound: (MAX_BACKLOG / run.shard.count) as usize,
            made: Cell::new(0),
            made_bound: run.shard.share(max_vus),
            is_closing: Cell::new(false),
            run: Rc::clone(run),
        };
        let at_once = (0..run.shard.share(pre_allocated)).map_while(|_| crew.make());
        crew.idle.borrow_mut().extend(at_once);
        Rc::new(crew)
    }

    /// Starts every arrival of the schedule, or of the rate that was told meanwhile; returns when the schedule is over or a
    /// stop was called.
    pub(super) async fn follow(self: &Rc<Self>, users: &mut JoinSet<()>, scenario: &Scenario) {
        let run = &self.run;
        let end = scenario.start_time + scenario.executor.duration().unwrap_or_default();
        let mut course = Course::of_plan(run, scenario);
        loop {
            if course.follows(run, scenario) == Turn::Resumed {
                self.take_up(users);
            }
            let due = course.dues.peek().copied();
            let at = due.unwrap_or(end);
            if at > run.clock.now() {
                tokio::select! {
                    biased;
                    () = run.stop.reached(StopLevel::Graceful) => {}
                    () = run.helm.turned() => continue,
                    () = run.timer.sleep_until(run.clock.instant(at)) => {}
                }
            } else {
                // Late: go on at once, but let the users work.
                tokio::task::consume_budget().await;
            }
            if run.stop.level() > StopLevel::Running {
                break;
            }
            let Some(due) = due else { break };
            course.dues.next();
            if !course.followed.is_paused {
                run.recorder.planned(&labels_before(run, due), due, 1);
                self.dispatch(users, due);
            }
            while users.try_join_next().is_some() {}
        }
        if run.stop.level() > StopLevel::Running {
            let now = run.clock.now();
            while let Some(due) = course.dues.next_if(|due| *due <= now) {
                if !course.followed.is_paused {
                    run.recorder.planned(&labels_before(run, due), due, 1);
                    run.recorder.dropped(&labels_before(run, due), due, 1);
                }
            }
            self.drop_backlog();
        }
        self.close(users);
    }

    /// Lets those who are free begin with what waited through a pause.
    fn take_up(self: &Rc<Self>, users: &mut JoinSet<()>) {
        loop {
            let Some(user) = self.idle.borrow_mut().pop() else { return };
            match self.waiting() {
                Some(due) => drop(users.spawn_local(self.clone().work(user, due))),
                None => return self.idle.borrow_mut().push(user),
            }
        }
    }

    /// Whatever still waits will not begin.
    pub(super) fn drop_backlog(&self) {
        let waiting = self.backlog.take();
        self.run.recorder.waited(waiting.len() as u64);
        for due in waiting {
            self.run.recorder.dropped(&labels_before(&self.run, due), due, 1);
        }
    }

    fn make(&self) -> Option<V> {
        let local = self.made.get();
        if local >= self.made_bound {
            return None;
        }
        self.made.set(local + 1);
        self.run.recorder.vu_started();
        Some((self.run.make)(self.run.first_vu_id + self.run.shard.global_index(local)))
    }

    fn dispatch(self: &Rc<Self>, users: &mut JoinSet<()>, due: Duration) {
        let free = self.idle.borrow_mut().pop().or_else(|| self.make());
        if let Some(user) = free {
            users.spawn_local(self.clone().work(user, due));
            return;
        }
        let mut backlog = self.backlog.borrow_mut();
        if backlog.len() < self.backlog_bound {
            backlog.push_back(due);
            self.run.recorder.waits();
        } else {
            self.run.recorder.dropped(&labels_before(&self.run, due), due, 1);
        }
    }

    /// Runs the iteration that was due, then those that wait.
    async fn work(self: Rc<Self>, mut user: V, due: Duration) {
        let mut next = Some(due);
        while let Some(due) = next {
            let run = &self.run;
            run.recorder.started(&labels_before(run, due), due);
            iterate(run, &mut user, &run.stop, due, run.clock.now()).await;
            next = self.waiting();
        }
        if self.is_closing.get() {
            goodbye(&self.run, &mut user, &self.run.stop).await;
        } else {
            self.idle.borrow_mut().push(user);
        }
    }

    fn waiting(&self) -> Option<Duration> {
        let told = self.run.helm.now();
        if told.is_paused && told.since <= self.run.clock.now() {
            return None;
        }
        let may_begin = match self.run.stop.level() {
            StopLevel::Running => true,
            // The stop that comes with the end of the schedule, not one that was called before it.
            StopLevel::Graceful => self.is_closing.get(),
            StopLevel::Now => false,
        };
        let next = may_begin.then(|| self.backlog.borrow_mut().pop_front()).flatten();
        self.run.recorder.waited(u64::from(next.is_some()));
        next
    }

    /// Users leave from now on as soon as nothing waits for them: one that is stuck keeps nobody else.
    fn close(self: &Rc<Self>, users: &mut JoinSet<()>) {
        self.is_closing.set(true);
        for mut user in self.idle.take() {
            let run = self.run.clone();
            users.spawn_local(async move { goodbye(&run, &mut user, &run.stop).await });
        }
    }
}
