//! Rhai, and only here: from a script's text to running journeys.
//!
//! [`Script::load`] reads, compiles and checks a script once, before any load; its [`Script::wishes`] become a plan.
//! Each worker thread then builds a [`ScriptHost`] from it, and the host makes a [`Task`] for each call of a script
//! function. When the script calls `user.get(..)` the task suspends with an [`Operation`], the engine does the work and resumes
//! it with a [`Resumption`]. Where Rhai runs, a task is a stackful coroutine; the most usual statements need neither Rhai nor a
//! stack. Operation and resumption are the port to the engine: this room knows no transport, no scheduler and no clock but the
//! run's.
//!
//! Reading order: `error`, `value`, `call` and `reply` (what crosses the port), `user`, `coroutine` and its `stacks`, `host/*` (what
//! scripts can call), `fast_path`, `task`, `import`, `options`, `lint`, `compile`, `runtime`.

pub mod call;
pub mod compile;
mod confine;
pub mod coroutine;
pub mod error;
mod fast_path;
pub mod fingerprint;
mod host;
mod import;
mod lint;
mod options;
pub mod reply;
pub mod runtime;
mod stacks;
mod task;
pub mod user;
pub(crate) mod value;

pub use call::HttpCall;
pub use compile::{LoadOptions, Script};
pub use coroutine::{Operation, Resumption, ScriptLimits, Step};
pub use error::{Finding, ScriptError};
pub use fingerprint::fingerprint;
pub use reply::{Answer, HttpReply, ParsedBody, PlainAnswer};
pub use runtime::{ScriptHost, TaskEnd};
pub use stacks::stacks_split_mappings;
pub use task::Task;
pub use user::{Observer, User, UserSeed};

#[cfg(test)]
mod tests;
