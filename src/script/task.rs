//! One call of a script function, which the engine takes from request to request.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use rhai::{Dynamic, EvalAltResult};

use super::coroutine::{Fiber, Operation, Resumption, ScriptLimits, Step, panic_message};
use super::fast_path::{Pause, Walk};
use super::user::User;
use crate::clock::RunClock;

/// What is called when Rhai does all of it.
type Whole = Box<dyn FnOnce() -> Result<Dynamic, Box<EvalAltResult>>>;

/// One running call of a script function. It has a stack of its own from when Rhai is needed, and none before.
pub struct Task {
    user: Rc<User>,
    limits: ScriptLimits,
    clock: RunClock,
    state: State,
}

enum State {
    /// Rhai has not been needed so far.
    Walks(Walk),
    /// Rhai is to do all of it, and has not begun.
    Waits(Whole),
    OnStack(Fiber),
    Over,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("user", &self.user.id()).finish_non_exhaustive()
    }
}

impl Task {
    /// A task that does what it can without Rhai. Nothing runs before the first [`Task::resume`].
    pub(super) fn walking(
        user: &Rc<User>,
        limits: ScriptLimits,
        clock: RunClock,
        walk: Walk,
    ) -> Self {
        Self { user: Rc::clone(user), limits, clock, state: State::Walks(walk) }
    }

    /// A task that will call `body`. Nothing runs before the first [`Task::resume`].
    pub(super) fn on_stack(
        user: &Rc<User>,
        limits: ScriptLimits,
        clock: RunClock,
        body: impl FnOnce() -> Result<Dynamic, Box<EvalAltResult>> + 'static,
    ) -> Self {
        Self { user: Rc::clone(user), limits, clock, state: State::Waits(Box::new(body)) }
    }

    /// Goes on with the script until it suspends or ends; begins with [`Resumption::Start`]. After `Ended`, `Panicked` or
    /// `NoStack` the task is done and must be dropped.
    ///
    /// # Panics
    /// When the task has already ended.
    pub fn resume(&mut self, with: Resumption) -> Step {
        match &mut self.state {
            State::OnStack(fiber) => return fiber.resume(with),
            State::Walks(walk) => match catch_unwind(AssertUnwindSafe(|| walk.go(with))) {
                Ok(Pause::Request(call)) => return Step::Suspended(Operation::Request(call)),
                Ok(Pause::Ended(result)) => return Step::Ended(result),
                Ok(Pause::Rhai) => {}
                Err(panic) => return Step::Panicked(panic_message(panic.as_ref())),
            },
            State::Waits(_) | State::Over => {}
        }
        self.go_on_a_stack()
    }

    fn go_on_a_stack(&mut self) -> Step {
        let (user, limits, clock) = (Rc::clone(&self.user), self.limits, self.clock);
        let fiber = match std::mem::replace(&mut self.state, State::Over) {
            State::Walks(walk) => Fiber::new(user, limits, clock, move || walk.finish()),
            State::Waits(whole) => Fiber::new(user, limits, clock, whole),
            State::OnStack(fiber) => Ok(fiber),
            State::Over => panic!("a task is not resumed after its end"),
        };
        match fiber {
            Ok(mut fiber) => {
                let step = fiber.resume(Resumption::Start);
                self.state = State::OnStack(fiber);
                step
            }
            Err(error) => Step::NoStack(error),
        }
    }

    /// Fetches what the task will use when it goes on: see [`crate::prefetch`].
    pub fn prefetch(&self) {
        match &self.state {
            State::OnStack(fiber) => fiber.prefetch(),
            State::Walks(walk) => walk.prefetch(),
            State::Waits(_) | State::Over => {}
        }
    }

    /// The task, which is suspended, will not be resumed before `pause` is over: if that is long, its stack gives its memory
    /// back meanwhile, but for what is on it.
    pub fn rest(&mut self, pause: Duration) {
        if let State::OnStack(fiber) = &mut self.state {
            fiber.rest(pause);
        }
    }
}
