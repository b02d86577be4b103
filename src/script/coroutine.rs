//! One call of a script function as a stackful coroutine.
//!
//! Rhai is synchronous; a virtual user must not hold a thread while it waits. So the script runs on a stack of its own:
//! a host function suspends it with an [`Operation`], the engine's async task awaits the operation on the normal stack
//! and resumes the script with a [`Resumption`]. Only Rhai runs on the coroutine's stack. A coroutine never changes
//! thread: `Fiber` is neither `Send` nor `Sync`.
//!
//! The `unsafe` here is one thread-local pointer to the task that is running, valid only while `Fiber::resume` is on the
//! stack below; `current` is the only reader.
#![expect(
    unsafe_code,
    reason = "the running task is found through a pointer that lives as long as resume()"
)]

use std::any::Any;
use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use corosensei::stack::Stack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use rhai::{Dynamic, EvalAltResult, Position};

use super::call::HttpCall;
use super::reply::HttpReply;
use super::stacks::{self, Packed, TaskStack};
use super::user::User;
use crate::clock::RunClock;
use crate::prefetch;
use crate::units;

/// Stack of one task in bytes. Lazily committed: only touched pages cost memory.
pub const DEFAULT_STACK_BYTES: usize = 1 << 20;
/// The smallest stack that `--vu-stack` may ask for.
pub const MIN_STACK_BYTES: usize = 256 << 10;
/// Left unused at the end of a stack: Rhai's deepest native frames fit in it, in release and in debug builds.
const STACK_MARGIN_BYTES: usize = 96 << 10;
/// Script operations between two looks at the clock and the stop flag.
const OPERATIONS_PER_LOOK: u64 = 1 << 12;
/// A script that computes for this long lets other users of its thread go on.
const FAIR_SLICE: Duration = Duration::from_millis(10);
/// Operations allowed to a script's top level, some seconds of computing.
const MAX_TOP_LEVEL_OPERATIONS: u64 = 50_000_000;

/// A task that waits for this long has its stack packed meanwhile. That takes microseconds, as do the page faults after it:
/// little beside what a user does who comes back after seconds.
const LONG_PAUSE: Duration = Duration::from_secs(2);
/// How far below [`leave`]'s own variables a suspended stack may still be in use: its frame, those of the switch, and the
/// red zone of the platform. Some hundred bytes when it is optimised.
const SWITCH_BYTES: usize = if cfg!(debug_assertions) { 16 << 10 } else { 2 << 10 };

/// As much of a stack, in bytes, counts as used from the start: a look for each call of a shallow script would cost more than
/// it tells.
const USUAL_DEPTH: usize = 32 << 10;

/// What a running script may take.
#[derive(Debug, Clone, Copy)]
pub struct ScriptLimits {
    /// Stack of one task in bytes, at least [`MIN_STACK_BYTES`].
    pub stack_bytes: usize,
    /// A script that computes for this long without a request or a pause is stopped with an error.
    pub max_busy: Duration,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        Self { stack_bytes: DEFAULT_STACK_BYTES, max_busy: Duration::from_secs(10) }
    }
}

/// What a script asks the engine to do while it is suspended.
#[derive(Debug)]
pub enum Operation {
    /// Send a request; resumed with [`Resumption::Reply`].
    Request(Rc<HttpCall>),
    /// Wait; resumed with [`Resumption::Woken`].
    Sleep(Duration),
    /// Wait for the scenario's think time; resumed with [`Resumption::Woken`].
    Think,
    /// Let others run; resumed with [`Resumption::Woken`].
    Yield,
}

/// How the engine goes on with a script.
#[derive(Debug)]
pub enum Resumption {
    /// The first resume.
    Start,
    /// The operation was a request.
    Reply(Rc<HttpReply>),
    /// The operation was a pause.
    Woken,
    /// The run is over: the script must end now.
    Aborted,
}

/// What a resumed script did.
#[derive(Debug)]
pub enum Step {
    /// It waits for an operation.
    Suspended(Operation),
    /// It ended. The error is Rhai's, unexplained.
    Ended(Result<Dynamic, Box<EvalAltResult>>),
    /// It panicked, which is a defect of ours; the message is kept.
    Panicked(String),
    /// It needs a stack, and there is none.
    NoStack(StackError),
}

type Body = Coroutine<Resumption, Operation, Result<Dynamic, Box<EvalAltResult>>, TaskStack>;

/// What host functions can reach of the task that runs on this thread.
struct Running {
    user: Rc<User>,
    yielder: Cell<*const Yielder<Resumption, Operation>>,
    stack_limit: usize,
    stack_base: usize,
    /// Where its stack was when it was last suspended.
    left_at: Cell<usize>,
    /// The lowest address of its stack that was seen in use.
    deepest: Cell<usize>,
    clock: RunClock,
    max_busy: Duration,
    /// Since when the script computes, as far as somebody has looked: a clock is not read for each resumption.
    busy_since: Cell<Option<Duration>>,
    slice_since: Cell<Option<Duration>>,
}

/// One running call of a script function, on a stack of its own.
pub(crate) struct Fiber {
    body: Option<Body>,
    running: Box<Running>,
    /// What is on its stack, while that is not there.
    packed: Option<Packed>,
}

impl std::fmt::Debug for Fiber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fiber").field("user", &self.running.user.id()).finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: Cell<*const Running> = const { Cell::new(ptr::null()) };
}

/// A stack could not be had.
#[derive(Debug, thiserror::Error)]
#[error("no stack for another virtual user: {source}")]
pub struct StackError {
    #[source]
    source: std::io::Error,
}

impl StackError {
    /// A way out.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "each virtual user that waits inside a task needs a stack; give them less with `--vu-stack 256k`, run fewer of \
         them, or allow the process more: memory mappings (`sysctl vm.max_map_count`), address space (`ulimit -v`, or \
         `sysctl vm.overcommit_memory` when that is 2)"
    }
}

impl Fiber {
    /// A fiber that will call `body` for `user`. Nothing runs before the first [`Fiber::resume`].
    ///
    /// # Errors
    /// When the system has no more memory mappings.
    pub(crate) fn new(
        user: Rc<User>,
        limits: ScriptLimits,
        clock: RunClock,
        body: impl FnOnce() -> Result<Dynamic, Box<EvalAltResult>> + 'static,
    ) -> Result<Self, StackError> {
        let stack = stacks::take(limits.stack_bytes.max(MIN_STACK_BYTES))
            .map_err(|source| StackError { source })?;
        let stack_limit = stack.limit().get();
        let stack_base = stack.base().get();
        let body = Coroutine::with_stack(stack, move |yielder, _: Resumption| {
            if let Some(running) = current() {
                running.yielder.set(yielder);
            }
            body()
        });
        let running = Box::new(Running {
            user,
            yielder: Cell::new(ptr::null()),
            stack_limit,
            stack_base,
            left_at: Cell::new(stack_base),
            deepest: Cell::new(stack_base - USUAL_DEPTH),
            clock,
            max_busy: limits.max_busy,
            busy_since: Cell::new(None),
            slice_since: Cell::new(None),
        });
        Ok(Self { body: Some(body), running, packed: None })
    }

    /// Goes on with the script until it suspends or ends. After `Ended` or `Panicked` the task is done and must be dropped.
    ///
    /// # Panics
    /// When the task has already ended.
    pub(crate) fn resume(&mut self, with: Resumption) -> Step {
        self.unpack();
        self.running.busy_since.set(None);
        self.running.slice_since.set(None);
        let body = self.body.as_mut().expect("a task is not resumed after its end");
        let before = CURRENT.replace(&raw const *self.running);
        let outcome = catch_unwind(AssertUnwindSafe(|| body.resume(with)));
        CURRENT.set(before);
        match outcome {
            Ok(CoroutineResult::Yield(operation)) => Step::Suspended(operation),
            Ok(CoroutineResult::Return(result)) => {
                self.reclaim();
                Step::Ended(result)
            }
            Err(panic) => {
                self.reclaim();
                Step::Panicked(panic_message(panic.as_ref()))
            }
        }
    }

    /// Fetches what the task will use of its stack when it goes on: see [`prefetch`].
    pub(crate) fn prefetch(&self) {
        let Running { stack_base, ref left_at, .. } = *self.running;
        prefetch::range(left_at.get().saturating_sub(SWITCH_BYTES), stack_base);
    }

    /// The task, which is suspended, will not be resumed before `pause` is over: if that is long, its stack gives its memory
    /// back meanwhile, but for what is on it.
    pub(crate) fn rest(&mut self, pause: Duration) {
        let Running { stack_limit, stack_base, ref left_at, .. } = *self.running;
        let start = (left_at.get().saturating_sub(SWITCH_BYTES)) & !(size_of::<u64>() - 1);
        let is_suspended = self.body.as_ref().is_some_and(|body| body.started() && !body.done());
        let is_on_stack = start > stack_limit + SWITCH_BYTES && left_at.get() < stack_base;
        if pause < LONG_PAUSE || !is_suspended || !is_on_stack || self.packed.is_some() {
            return;
        }
        // SAFETY: the range is part of the stack that `body` owns, and lies beyond its guard, which is a page. A suspended
        // coroutine uses nothing below `start` (see `SWITCH_BYTES`), and what is above is used only by those who run on
        // the stack: `resume` and `drop` put it back before they go there.
        self.packed = Some(unsafe { Packed::take(stack_limit, start, stack_base) });
    }

    fn unpack(&mut self) {
        if let Some(packed) = self.packed.take() {
            // SAFETY: `body` still owns the stack, and has not run since.
            unsafe { packed.restore() };
        }
    }

    fn reclaim(&mut self) {
        if let Some(body) = self.body.take()
            && body.done()
        {
            let stack = body.into_stack();
            let depth = stack.base().get() - self.running.deepest.get();
            stacks::give_back(stack, depth);
        }
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        self.unpack();
        // Host values on the coroutine's stack are dropped by unwinding it; they may look for the running task.
        let before = CURRENT.replace(&raw const *self.running);
        drop(self.body.take());
        CURRENT.set(before);
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

/// The task that runs on this thread now.
///
/// The address of the thread-local may be kept over a suspension, since a coroutine never changes thread.
fn current<'a>() -> Option<&'a Running> {
    let running = CURRENT.get();
    // SAFETY: `CURRENT` is set only by `Fiber::resume` and `Fiber::drop`, to the boxed `Running` of a task that is borrowed
    // for as long as they run, and is put back before they return. Callers are host functions, which run inside them.
    unsafe { running.as_ref() }
}

/// The user whose task runs on this thread now; `None` while a script's top level runs.
pub(crate) fn current_user() -> Option<Rc<User>> {
    current().map(|running| running.user.clone())
}

/// Suspends the running script until the engine has done `operation`.
///
/// # Errors
/// `NotInTask` at top level, where there is no user; `Ended` when the run is over.
pub(crate) fn suspend(operation: Operation) -> Result<Resumption, Box<EvalAltResult>> {
    let running = current();
    let yielder = running.map_or(ptr::null(), |running| running.yielder.get());
    // SAFETY: the yielder lives on the stack of the coroutine that is calling us, for as long as its body runs.
    let (Some(yielder), Some(running)) = (unsafe { yielder.as_ref() }, running) else {
        return Err(super::reply::runtime_error(
            "requests and pauses work only inside functions that the engine calls, not at top level",
        ));
    };
    match leave(yielder, &running.left_at, operation) {
        Resumption::Aborted => Err(ended()),
        other => Ok(other),
    }
}

/// Switches to the stack of whoever resumed the task, and notes where its own stack is then.
///
/// Not inlined: the note is good for [`SWITCH_BYTES`] because this frame is small.
#[inline(never)]
fn leave(
    yielder: &Yielder<Resumption, Operation>,
    left_at: &Cell<usize>,
    operation: Operation,
) -> Resumption {
    let mark = 0_u8;
    left_at.set(ptr::from_ref(black_box(&mark)) as usize);
    yielder.suspend(operation)
}

/// The error that ends a script when the run is over. It cannot be caught by the script.
pub(crate) fn ended() -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(RunEnded), Position::NONE).into()
}

/// The mark of [`ended`] inside an error.
#[derive(Debug, Clone)]
pub(crate) struct RunEnded;

/// Called by Rhai for each operation of a running script; a value ends the script with it.
pub(crate) fn on_progress(operations: u64, stop_now: impl Fn() -> bool) -> Option<Dynamic> {
    let running = current();
    let mark = 0_u8;
    let here = ptr::from_ref(black_box(&mark)) as usize;
    // Nearly always: no deeper than before, and no look at the clock is due.
    if let Some(running) = running
        && here >= running.deepest.get()
        && !operations.is_multiple_of(OPERATIONS_PER_LOOK)
    {
        return None;
    }
    look_closer(running, here, operations, stop_now)
}

#[cold]
#[inline(never)]
fn look_closer(
    running: Option<&Running>,
    here: usize,
    operations: u64,
    stop_now: impl Fn() -> bool,
) -> Option<Dynamic> {
    let Some(running) = running else {
        return (operations > MAX_TOP_LEVEL_OPERATIONS).then(|| {
            "the script's top level does not come to an end; it should only set things up".into()
        });
    };
    if here > running.stack_limit && here < running.deepest.get() {
        running.deepest.set(here);
    }
    if here < running.stack_limit + STACK_MARGIN_BYTES && here > running.stack_limit {
        return Some(
            "the call stack is too deep: look for a function that calls itself without an end"
                .into(),
        );
    }
    if !operations.is_multiple_of(OPERATIONS_PER_LOOK) {
        return None;
    }
    if stop_now() {
        return Some(Dynamic::from(RunEnded));
    }
    let now = running.clock.now();
    if since(&running.busy_since, now) > running.max_busy {
        let limit = units::show_span(running.max_busy);
        return Some(
            format!("the script computed for {limit} without a request or a pause").into(),
        );
    }
    if since(&running.slice_since, now) > FAIR_SLICE {
        let busy_since = running.busy_since.get();
        if suspend(Operation::Yield).is_err() {
            return Some(Dynamic::from(RunEnded));
        }
        running.busy_since.set(busy_since);
    }
    None
}

/// Time since the first look after a resumption, which is this one if none is noted.
fn since(first_look: &Cell<Option<Duration>>, now: Duration) -> Duration {
    let since = first_look.get().unwrap_or(now);
    first_look.set(Some(since));
    now.saturating_sub(since)
}

/// Time since the start of the run, for the running task; zero at top level.
pub(crate) fn now() -> Duration {
    current().map_or(Duration::ZERO, |running| running.clock.now())
}
