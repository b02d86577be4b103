//! Who does it: worker threads, virtual users, executors, stopping. tokio lives here.
//!
//! [`Run::launch`](run::Run::launch) starts one coordinator thread and N workers. Each worker has its own single-threaded runtime, its own
//! script host, its own recorder and its own virtual users; nothing on a request's path crosses a thread or takes a lock.
//! Once a second a worker hands its [`Window`](crate::metric::Window) over through a bounded channel; when that is full
//! the window simply grows, so nothing is lost and nothing waits.
//!
//! ```text
//! coordinator: setup ─▶ Begin(clock, data) ─▶ workers ─▶ windows ─▶ ... all ended ─▶ teardown ─▶ Ended
//! worker:      legs ─▶ one task a scenario ─▶ executor ─▶ virtual users ─▶ script task ◀─operations─▶ session ─▶ recorder
//! ```
//!
//! This room never writes to a terminal or a file, and knows no output. Executors know only the trait
//! `VirtualUser`, so their tests run on virtual time with users whose durations are declared.
//!
//! Common mistakes: holding a `RefCell` borrow over an await; spawning with `tokio::spawn` instead of the scenario's
//! `JoinSet`; reading a clock other than the run's. To add an executor: a variant in `plan::Executor`, its arithmetic in
//! `pacing`, a function in `executor/` and its case in `executor::run_scenario`.

mod cells;
pub mod dry;
pub mod error;
mod exchanges;
mod executor;
mod leg;
mod ready_requests;
mod recorder;
pub mod run;
mod script_user;
mod stage;
mod steer;
mod stop;
mod tally;
mod timer;
mod turn;
mod vu;
mod worker;

pub use dry::{DryCheck, DryError, DryEvent, DryReport, DryRequest, dry_run};
pub use error::EngineError;
pub use leg::LegIndex;
pub use recorder::Recorder;
pub use run::{Run, RunConfig, RunMessage, carrier};
pub use steer::Steering;
pub use stop::StopLevel;
