//! How far a stop has gone, and waiting for it.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

/// How far a stop has gone. Only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum StopLevel {
    /// Not at all.
    #[default]
    Running,
    /// No new iterations; running ones may end.
    Graceful,
    /// Running iterations are cut off.
    Now,
}

/// A stop on one thread: of a scenario, or of one virtual user within a scenario.
#[derive(Debug, Default)]
pub(super) struct Stop {
    level: Cell<StopLevel>,
    raised: Notify,
    outer: Option<Rc<Stop>>,
}

impl Stop {
    pub(super) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// A stop that also follows another.
    pub(super) fn within(outer: Rc<Self>) -> Rc<Self> {
        Rc::new(Self { outer: Some(outer), ..Self::default() })
    }

    pub(super) fn level(&self) -> StopLevel {
        let outer = self.outer.as_ref().map_or(StopLevel::Running, |outer| outer.level());
        self.level.get().max(outer)
    }

    /// Raises the level; lower ones are ignored.
    pub(super) fn raise(&self, level: StopLevel) {
        if level > self.level.get() {
            self.level.set(level);
            self.raised.notify_waiters();
        }
    }

    /// Waits until the level is reached.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub(super) async fn reached(&self, level: StopLevel) {
        loop {
            // Made before the look at the level: a raise in between is not missed.
            let own = self.raised.notified();
            let outer = self.outer.as_ref().map(|outer| outer.raised.notified());
            if self.level() >= level {
                return;
            }
            match outer {
                None => own.await,
                Some(outer) => tokio::select! {
                    () = own => {}
                    () = outer => {}
                },
            }
        }
    }
}
