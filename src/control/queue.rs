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
use crate::record::new_run_id;

/// Orders that a run may be behind; one that takes none is as good as gone.
const ORDERS_AHEAD: usize = 16;
/// Runs that have ended and are remembered here: for their feeds, and when they left nothing in the store.
const REMEMBERED: usize = 50;
/// Clients that follow a run at the same time.
const MOST_FOLLOWERS: usize = 32;

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
    orders: mpsc::Sender<Order>,
}

impl Entry {
    /// Whether it goes on.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, State::Running | State::StressBinarySearch)
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
    pub(super) fn enqueue(&self, launch: Launch) -> Answer<String> {
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
        entry
            .orders
            .try_send(order)
            .map_err(|_| Refusal::conflict("this run takes no orders now"))?;
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
        let goes_on = |entry: &Entry| entry.is_under_way() || entry.state == State::Queued;
        runs.entries.retain(|entry| entry.run_id != run_id || goes_on(entry));
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
        let entry = runs.entries.iter_mut().find(|entry| entry.state == State::Queued)?;
        let (orders, received) = mpsc::channel(ORDERS_AHEAD);
        entry.orders = orders;
        entry.state = State::under_way(entry.launch.test_type);
        let link =
            RunLink { run_id: entry.run_id.clone(), orders: received, feed: entry.feed.clone() };
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
        let has_ended = |entry: &Entry| !entry.is_under_way() && entry.state != State::Queued;
        while self.entries.iter().filter(|entry| has_ended(entry)).count() > REMEMBERED {
            let oldest = self.entries.iter().position(has_ended);
            oldest.map(|place| self.entries.remove(place));
        }
    }
}
