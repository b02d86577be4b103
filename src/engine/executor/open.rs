//! Open models: iterations arrive by the schedule, whatever the target does.
//!
//! An iteration that is due takes a free user; when none is free and no more may be made, it waits in the backlog, begins
//! late and is timed from when it was due. Only a full backlog drops, and drops are counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{ScenarioRun, goodbye, iterate, labels, wait_until};
use crate::engine::stop::StopLevel;
use crate::engine::vu::VirtualUser;
use crate::pacing::Arrivals;
use crate::plan::Scenario;

/// Iterations that may wait for a user, over all workers: more than an hour at 20 a second, 1.6 MB.
const MAX_BACKLOG: u64 = 100_000;

/// The users of one worker's part of an open scenario, and what waits for them.
pub(super) struct Crew<V> {
    run: ScenarioRun<V>,
    idle: RefCell<Vec<V>>,
    backlog: RefCell<VecDeque<Duration>>,
    backlog_bound: usize,
    made: Cell<u64>,
    made_bound: u64,
    /// Nothing arrives any more: what waits is still done, and who has nothing to do leaves.
    is_closing: Cell<bool>,
}

impl<V: VirtualUser> Crew<V> {
    pub(super) fn new(run: &ScenarioRun<V>, pre_allocated: u64, max_vus: u64) -> Rc<Self> {
        let crew = Self {
            idle: RefCell::default(),
            backlog: RefCell::default(),
            backlog_bound: (MAX_BACKLOG / run.shard.count) as usize,
            made: Cell::new(0),
            made_bound: run.shard.share(max_vus),
            is_closing: Cell::new(false),
            run: run.clone(),
        };
        let at_once = (0..run.shard.share(pre_allocated)).map_while(|_| crew.make());
        crew.idle.borrow_mut().extend(at_once);
        Rc::new(crew)
    }

    /// Starts every arrival of the schedule; returns when the schedule is over or a stop was called.
    pub(super) async fn follow(self: &Rc<Self>, users: &mut JoinSet<()>, scenario: &Scenario) {
        let run = &self.run;
        let mut dues = Arrivals::new(&scenario.executor, run.seed, run.shard)
            .map(|(_, due)| scenario.start_time + due)
            .peekable();
        while let Some(due) = dues.peek().copied() {
            if due > run.clock.now() {
                wait_until(run, due).await;
            } else {
                // Late: go on at once, but let the users work.
                tokio::task::consume_budget().await;
            }
            if run.stop.level() > StopLevel::Running {
                break;
            }
            dues.next();
            run.recorder.planned(labels(run, &"".into(), due), due, 1);
            self.dispatch(users, due);
            while users.try_join_next().is_some() {}
        }
        let length = scenario.executor.duration().unwrap_or_default();
        wait_until(run, scenario.start_time + length).await;
        if run.stop.level() > StopLevel::Running {
            let now = run.clock.now();
            while let Some(due) = dues.next_if(|due| *due <= now) {
                run.recorder.planned(labels(run, &"".into(), due), due, 1);
                run.recorder.dropped(labels(run, &"".into(), due), due, 1);
            }
            self.drop_backlog();
        }
        self.close(users);
    }

    /// Whatever still waits will not begin.
    pub(super) fn drop_backlog(&self) {
        let waiting = self.backlog.take();
        self.run.recorder.waited(waiting.len() as u64);
        for due in waiting {
            self.run.recorder.dropped(labels(&self.run, &"".into(), due), due, 1);
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
            self.run.recorder.dropped(labels(&self.run, &"".into(), due), due, 1);
        }
    }

    /// Runs the iteration that was due, then those that wait.
    async fn work(self: Rc<Self>, mut user: V, due: Duration) {
        let mut next = Some(due);
        while let Some(due) = next {
            iterate(&self.run, &mut user, &self.run.stop, due).await;
            next = self.waiting();
        }
        if self.is_closing.get() {
            goodbye(&self.run, &mut user, &self.run.stop).await;
        } else {
            self.idle.borrow_mut().push(user);
        }
    }

    fn waiting(&self) -> Option<Duration> {
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
