//! Open models: iterations arrive by the schedule, whatever the target does.
//!
//! An iteration that is due takes a free user; when none is free and no more may be made, it waits in the backlog, begins
//! late and is timed from when it was due. Only a full backlog drops, and drops are counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{ScenarioRun, iterate, labels};
use crate::engine::stop::StopLevel;
use crate::engine::vu::VirtualUser;
use crate::pacing::{Arrivals, Shard};
use crate::plan::{Executor, Scenario};

/// Iterations that may wait for a user, over all workers: more than an hour at 20 a second, 1.6 MB.
const MAX_BACKLOG: u64 = 100_000;

/// The users of one worker's part of an open scenario.
struct Crew<V> {
    run: ScenarioRun<V>,
    idle: RefCell<Vec<V>>,
    /// A user has come back to `idle`.
    returned: Notify,
    backlog: RefCell<VecDeque<Duration>>,
    backlog_bound: usize,
    made: Cell<u64>,
    made_bound: u64,
}

/// Starts every arrival of the schedule; returns when the last one has come or a stop was called.
pub(super) async fn arrivals<V: VirtualUser>(
    run: &ScenarioRun<V>,
    users: &mut JoinSet<()>,
    scenario: &Scenario,
) {
    let (pre_allocated, max_vus) = match &scenario.executor {
        Executor::ConstantArrivalRate { pre_allocated_vus, max_vus, .. }
        | Executor::RampingArrivalRate { pre_allocated_vus, max_vus, .. } => {
            (*pre_allocated_vus, *max_vus)
        }
        _ => return,
    };
    let crew = Rc::new(Crew::new(run, max_vus));
    for _ in 0..run.shard.share(pre_allocated) {
        let made = crew.make();
        crew.idle.borrow_mut().extend(made);
    }
    let end = scenario.start_time + scenario.executor.duration().unwrap_or_default();
    for (_, due) in Arrivals::new(&scenario.executor, run.seed, run.shard) {
        let due = scenario.start_time + due;
        if due > run.clock.now() {
            tokio::select! {
                biased;
                () = run.stop.reached(StopLevel::Graceful) => {}
                () = tokio::time::sleep_until(run.clock.instant(due)) => {}
            }
        } else {
            // Late: go on at once, but let the users work.
            tokio::task::consume_budget().await;
        }
        if run.stop.level() > StopLevel::Running {
            break;
        }
        run.recorder.planned(labels(run, &"".into(), due), 1);
        crew.dispatch(users, due);
        while users.try_join_next().is_some() {}
    }
    if run.stop.level() == StopLevel::Running {
        super::wait_until(run, end).await;
    } else {
        crew.drop_backlog();
    }
    users.spawn_local(goodbye(crew));
}

impl<V: VirtualUser> Crew<V> {
    fn new(run: &ScenarioRun<V>, max_vus: u64) -> Self {
        Self {
            idle: RefCell::default(),
            returned: Notify::new(),
            backlog: RefCell::default(),
            backlog_bound: (MAX_BACKLOG / run.shard.count) as usize,
            made: Cell::new(0),
            made_bound: run.shard.share(max_vus).max(u64::from(run.shard == Shard::WHOLE)),
            run: run.clone(),
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
        } else {
            self.run.recorder.dropped(labels(&self.run, &"".into(), due), 1);
        }
        self.run.recorder.set_backlog(backlog.len() as u64);
    }

    /// Runs the iteration that was due, then those that wait.
    async fn work(self: Rc<Self>, mut user: V, due: Duration) {
        let mut next = Some(due);
        while let Some(due) = next {
            iterate(&self.run, &mut user, &self.run.stop, due).await;
            next = self.waiting();
        }
        self.idle.borrow_mut().push(user);
        self.returned.notify_one();
    }

    fn drop_backlog(&self) {
        for due in self.backlog.take() {
            self.run.recorder.dropped(labels(&self.run, &"".into(), due), 1);
        }
        self.run.recorder.set_backlog(0);
    }

    fn waiting(&self) -> Option<Duration> {
        if self.run.stop.level() == StopLevel::Now {
            return None;
        }
        let mut backlog = self.backlog.borrow_mut();
        let next = backlog.pop_front();
        self.run.recorder.set_backlog(backlog.len() as u64);
        next
    }

    fn has_all_users_back(&self) -> bool {
        self.idle.borrow().len() as u64 == self.made.get()
    }
}

/// After the last arrival: what waits is run, or dropped when the stop is for good; then every user says goodbye.
async fn goodbye<V: VirtualUser>(crew: Rc<Crew<V>>) {
    let run = crew.run.clone();
    while !crew.has_all_users_back() {
        crew.returned.notified().await;
    }
    crew.drop_backlog();
    let mut leaving = JoinSet::new();
    for mut user in crew.idle.take() {
        let run = run.clone();
        leaving.spawn_local(async move {
            user.finish(&run.stop).await;
            run.recorder.vu_ended();
        });
    }
    while leaving.join_next().await.is_some() {}
}
