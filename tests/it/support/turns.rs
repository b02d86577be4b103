//! Who may use the machine now: commands of several tests at once, or those of one test alone.
//!
//! Tests that judge what a machine had to spare cannot do so beside others. They wait until the commands that run have ended,
//! and those of other tests wait for them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

static TURNS: Turns = Turns { inside: Mutex::new(Inside::new()), left: Condvar::new() };

struct Turns {
    inside: Mutex<Inside>,
    /// Somebody left.
    left: Condvar,
}

struct Inside {
    /// The test of each command that runs: a test is a thread.
    commands: Vec<ThreadId>,
    /// The test that has the machine for itself, or waits for that.
    alone: Option<ThreadId>,
}

impl Inside {
    const fn new() -> Self {
        Self { commands: Vec::new(), alone: None }
    }

    /// A test that has begun goes on: another that waits to be alone waits for its end.
    fn may_run(&self, test: ThreadId) -> bool {
        self.alone.is_none_or(|alone| alone == test) || self.commands.contains(&test)
    }
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Turn(ThreadId);

/// The machine, for one test.
#[derive(Debug)]
pub(crate) struct Alone(());

/// Waits until this test may run a command.
pub(super) fn turn() -> Turn {
    let test = thread::current().id();
    let mut inside = wait_while(|inside| !inside.may_run(test));
    inside.commands.push(test);
    Turn(test)
}

/// Waits until no other test runs a command, and lets none begin until the answer is dropped.
pub(crate) fn alone() -> Alone {
    let test = thread::current().id();
    wait_while(|inside| inside.alone.is_some()).alone = Some(test);
    drop(wait_while(|inside| inside.commands.iter().any(|other| *other != test)));
    Alone(())
}

fn wait_while(is_not_yet: impl Fn(&Inside) -> bool) -> MutexGuard<'static, Inside> {
    let inside = lock();
    TURNS
        .left
        .wait_while(inside, |inside| is_not_yet(inside))
        .unwrap_or_else(PoisonError::into_inner)
}

/// A test that failed inside has left nothing half done.
fn lock() -> MutexGuard<'static, Inside> {
    TURNS.inside.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut inside = lock();
        if let Some(place) = inside.commands.iter().position(|test| *test == self.0) {
            inside.commands.swap_remove(place);
        }
        TURNS.left.notify_all();
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        lock().alone = None;
        TURNS.left.notify_all();
    }
}
