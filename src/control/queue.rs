//! The runs of this server: one goes on, others wait, and of those that left nothing in the store it is known why.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::config::ControlConfig;
use super::error::{Answer, Refusal};
use super::feed::Feed;
use super::launcher::{LaunchEnd, LaunchError, Launcher, Order, RunLink};
use super::start::Launch;
use super::state::State;
use super::stored;
use crate::clock::{self, RunClock};
use crate::plan::{Executor, Plan, TestType};
use crate::record::new_run_id;

/// Orders that a run may be behind; one that takes none is as good as gone.
const ORDERS_AHEAD: usize = 16;
/// Runs that have ended and are remembered here: for their feeds, and when they left nothing in the store.
const REMEMBERED: usize = 50;
/// Clients that follow a run at the same time.
const MOST_FOLLOWERS: usize = 128;

/// What all requests share.
pub struct Control {
    pub(super) config: ControlConfig,
    pub(super) launcher: Box<dyn Launcher>,
    pub(super) followers: Arc<Semaphore>,
    clock: RunClock,
    runs: Mutex<Runs>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Runs {
    /// Oldest first: those that have ended, the one that goes on, those that wait.
    entries: VecDeque<Entry>,
    is_closed: bool,
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) run_id: String,
    pub(super) launch: Launch,
    pub(super) asked_at_ms: i64,
    pub(super) state: State,
    pub(super) error: Option<LaunchError>,
    pub(super) exit_code: Option<i32>,
    pub(super) feed: Arc<Feed>,
    knobs: Knobs,
    orders: mpsc::Sender<Order>,
}

impl Entry {
    /// Whether it neither goes on nor waits.
    pub(super) fn has_ended(&self) -> bool {
        !self.is_under_way() && self.state != State::Queued
    }

    /// Whether it goes on.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, State::Running | State::Paused | State::StressBinarySearch)
    }
}

/// What of a run's load can be changed.
#[derive(Debug, Clone, Copy)]
struct Knobs {
    /// Nobody but the request says what the load is.
    is_load: bool,
    /// Some scenario has a number of users that others can change.
    has_users: bool,
    /// Some scenario has arrivals.
    has_rate: bool,
}

impl Knobs {
    fn of(plan: &Plan) -> Self {
        let mut executors = plan.scenarios.iter().map(|scenario| &scenario.executor);
        let has_users = |executor: &Executor| {
            matches!(executor, Executor::ConstantVus { .. } | Executor::RampingVus { .. })
        };
        Self {
            is_load: plan.test_type == TestType::Load,
            has_users: executors.clone().any(has_users),
            has_rate: executors.any(Executor::is_open_model),
        }
    }

    fn check(self, order: Order) -> Answer<()> {
        let why = match order {
            Order::Stop => return Ok(()),
            _ if !self.is_load => {
                "a search or a benchmark leads its own load: it can be stopped, and neither paused nor scaled"
            }
            Order::Users(_) if !self.has_users => {
                "no scenario of this run has a number of users to change; `rate` changes its arrivals"
            }
            Order::Rate(_) if !self.has_rate => {
                "no scenario of this run has a rate of arrivals; `users` changes its users"
            }
            _ => return Ok(()),
        };
        Err(Refusal::conflict(why))
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl Control {
    /// A server without runs. [`Control::make_runs`] has to be called on a thread of its own.
    #[must_use]
    pub fn new(config: ControlConfig, launcher: Box<dyn Launcher>) -> Arc<Self> {
        Arc::new(Self {
            config,
            launcher,
            followers: Arc::new(Semaphore::new(MOST_FOLLOWERS)),
            clock: RunClock::starting_now(),
            runs: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Makes runs one after the other until [`Control::close`]. Blocks.
    pub fn make_runs(&self) {
        while let Some((run_id, launch, link)) = self.next() {
            let result = self.launcher.launch(&launch, link);
            self.ended(&run_id, result);
        }
    }

    /// No run begins from now on: those that wait are forgotten, and the one that goes on is asked to stop.
    pub fn close(&self) {
        let mut runs = self.lock();
        runs.is_closed = true;
        for entry in &mut runs.entries {
            if entry.state == State::Queued {
                entry.state = State::Stopped;
                entry.feed.end(State::Stopped, None, None);
            } else if entry.is_under_way() {
                // Its signal handlers may have told it already.
                let _ = entry.orders.try_send(Order::Stop);
            }
        }
        self.changed.notify_all();
    }

    /// Lets a run wait for its turn, and gives its id.
    pub(super) fn enqueue(&self, launch: Launch, plan: &Plan) -> Answer<String> {
        let mut runs = self.lock();
        let waiting = runs.entries.iter().filter(|entry| entry.state == State::Queued).count();
        if runs.is_closed || waiting >= self.config.caps.queued {
            let message = format!("{waiting} runs wait already, and no more may");
            return Err(Refusal { code: "queue_full", ..Refusal::conflict(message) });
        }
        let run_id = new_run_id();
        // The receiving end is made when its turn comes.
        let (orders, _) = mpsc::channel(1);
        runs.entries.push_back(Entry {
            feed: Feed::new(&run_id, launch.test_type),
            knobs: Knobs::of(plan),
            run_id: run_id.clone(),
            launch,
            asked_at_ms: clock::wall_now_ms(),
            state: State::Queued,
            error: None,
            exit_code: None,
            orders,
        });
        runs.forget_oldest();
        self.changed.notify_all();
        Ok(run_id)
    }

    /// Tells a run something.
    pub(super) fn order(&self, run_id: &str, order: Order) -> Answer<State> {
        let mut runs = self.lock();
        let entry = runs
            .entries
            .iter_mut()
            .find(|entry| entry.run_id == run_id)
            .ok_or_else(|| Refusal::conflict("this run has ended, or is not of this server"))?;
        if entry.state == State::Queued && order == Order::Stop {
            entry.state = State::Stopped;
            entry.feed.end(State::Stopped, None, None);
            return Ok(State::Stopped);
        }
        if !entry.is_under_way() {
            return Err(Refusal::conflict("this run does not go on"));
        }
        entry.knobs.check(order)?;
        entry
            .orders
            .try_send(order)
            .map_err(|_| Refusal::conflict("this run takes no orders now"))?;
        entry.state = match order {
            Order::Pause => State::Paused,
            Order::Resume | Order::Stop => State::under_way(entry.launch.test_type),
            Order::Users(_) | Order::Rate(_) => entry.state,
        };
        Ok(entry.state)
    }

    /// All runs of this server that are remembered, oldest first.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// One of them.
    pub(super) fn entry(&self, run_id: &str) -> Option<Entry> {
        self.lock().entries.iter().find(|entry| entry.run_id == run_id).cloned()
    }

    /// Forgets a run that has ended.
    pub(super) fn forget(&self, run_id: &str) {
        let mut runs = self.lock();
        runs.entries.retain(|entry| entry.run_id != run_id || !entry.has_ended());
    }

    /// How long this server has been there.
    pub(super) fn uptime(&self) -> Duration {
        self.clock.now()
    }

    fn next(&self) -> Option<(String, Launch, RunLink)> {
        let is_waiting = |runs: &mut Runs| {
            !runs.is_closed && runs.entries.iter().all(|entry| entry.state != State::Queued)
        };
        let runs = self.lock();
        let mut runs =
            self.changed.wait_while(runs, is_waiting).unwrap_or_else(PoisonError::into_inner);
        let ended = runs.entries.iter().filter(|entry| entry.has_ended());
        ended.for_each(|entry| entry.feed.shrink());
        let entry = runs.entries.iter_mut().find(|entry| entry.state == State::Queued)?;
        let (orders, received) = mpsc::channel(ORDERS_AHEAD);
        entry.orders = orders;
        entry.state = State::under_way(entry.launch.test_type);
        let link = RunLink {
            run_id: entry.run_id.clone(),
            orders: received,
            feed: entry.feed.clone(),
            longest: self.config.caps.duration,
        };
        Some((entry.run_id.clone(), entry.launch.clone(), link))
    }

    fn ended(&self, run_id: &str, result: Result<LaunchEnd, LaunchError>) {
        let row = stored::row_of(&self.config.database, run_id);
        let mut runs = self.lock();
        let Some(entry) = runs.entries.iter_mut().find(|entry| entry.run_id == run_id) else {
            return;
        };
        entry.state = row
            .as_ref()
            .map_or(State::Error, |row| State::stored(row.status, row.test_type, row.exit_code));
        match result {
            Ok(end) => entry.exit_code = Some(end.exit_code),
            Err(error) => {
                entry.state = State::Error;
                entry.exit_code = Some(error.exit_code);
                entry.error = Some(error);
            }
        }
        entry.feed.end(entry.state, entry.exit_code, row.map(|row| row.id));
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn forget_oldest(&mut self) {
        while self.entries.iter().filter(|entry| entry.has_ended()).count() > REMEMBERED {
            let oldest = self.entries.iter().position(Entry::has_ended);
            oldest.map(|place| self.entries.remove(place));
        }
    }
}

#[cfg(test)]
mod tests;
