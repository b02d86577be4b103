//! A dry run: every function of the script once, in order, with everything that it does kept.
//!
//! No load and no executor: one user for each scenario, one after the other, on one thread. Think time is left out, since
//! nobody else is there to be given room; `user.sleep` takes its time, since a script may wait for the target with it.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::error::EngineError;
use super::leg::Orders;
use super::recorder::Recorder;
use super::run::{RunConfig, THREAD_STACK_BYTES, transport_options};
use super::script_user::{ScriptUser, Shape, Surroundings};
use super::stage;
use super::steer::Steering;
use super::stop::{Stop, StopLevel};
use super::worker::{Shared, factory, local_runtime, surroundings};
use crate::clock::RunClock;
use crate::metric::FailureKind;
use crate::plan::ThinkTime;
use crate::script::{Finding, ScriptHost, TaskEnd};
use crate::transport::TransportFactory;

/// Events kept of one dry run. A script that does more is shown its beginning.
const KEEP_EVENTS: usize = 10_000;

/// One request of a dry run; each hop of a redirect is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRequest {
    /// The scenario; `setup` or `teardown` in those.
    pub scenario: String,
    /// The function that made it.
    pub task: String,
    /// The step.
    pub name: String,
    /// The method.
    pub method: String,
    /// The URL with its query, without user and password.
    pub url: String,
    /// HTTP status; 0 when there was no response.
    pub status: u16,
    /// From when it was sent.
    pub service_time: Duration,
    /// Bytes written, head and body.
    pub bytes_sent: u64,
    /// Bytes read, head and body as on the wire.
    pub bytes_received: u64,
    /// Whether it counts in `http_req_failed`.
    pub failed: bool,
    /// Why it failed below HTTP.
    pub failure: Option<FailureKind>,
    /// What went wrong, for people; empty when nothing did.
    pub message: String,
}

/// One outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryCheck {
    /// The scenario; `setup` or `teardown` in those.
    pub scenario: String,
    /// The function that made it.
    pub task: String,
    /// Its name.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
}

/// A script error, or `user.fail(..)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryError {
    /// The scenario; `setup` or `teardown` in those.
    pub scenario: String,
    /// The function that was ended by it.
    pub task: String,
    /// Where and why.
    pub finding: Finding,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryEvent {
    /// A function of the script begins.
    Call {
        /// The scenario; `setup` or `teardown` in those.
        scenario: String,
        /// The function.
        function: String,
    },
    /// A request ended.
    Request(DryRequest),
    /// A check was made.
    Check(DryCheck),
    /// The script printed a line.
    Log(String),
    /// The function was ended by an error.
    Error(DryError),
}

/// Events in their order.
#[derive(Debug, Default)]
pub(super) struct Trace {
    events: Vec<DryEvent>,
    left_out: u64,
}

impl Trace {
    pub(super) fn push(&mut self, event: DryEvent) {
        // Errors decide how the check ends, and there is at most one for each function.
        if self.events.len() < KEEP_EVENTS || matches!(event, DryEvent::Error(_)) {
            self.events.push(event);
        } else {
            self.left_out += 1;
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryReport {
    /// Everything in its order.
    pub events: Vec<DryEvent>,
    /// Events that were too many to be kept.
    pub left_out: u64,
}

impl DryReport {
    /// Whether a function was ended by a script error or by `user.fail(..)`.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.events.iter().any(|event| matches!(event, DryEvent::Error(_)))
    }
}

/// Calls `setup`, then for each scenario `on_start`, every task once and `on_stop`, then `teardown`. Blocks until it is
/// over. A scenario ends where its `on_start` fails; all of it ends where `setup` fails, as in a run.
///
/// # Errors
/// When it cannot begin. What the script does wrong is in the report.
pub fn dry_run(config: RunConfig) -> Result<DryReport, EngineError> {
    std::thread::Builder::new()
        .name("rhaid-dry-run".to_owned())
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || local_runtime()?.block_on(call_all(config)))
        .map_err(EngineError::Thread)?
        .join()
        .unwrap_or(Err(EngineError::WorkerPanicked { worker_index: 0 }))
}

async fn call_all(config: RunConfig) -> Result<DryReport, EngineError> {
    // Nobody reads the one or writes the other: there is nothing to hand over and nothing that stops.
    let (messages, _messages) = mpsc::channel(1);
    let (_control, control) = watch::channel(StopLevel::Running);
    let shared = Shared {
        factory: TransportFactory::new(transport_options(&config.plan.http))?,
        plan: config.plan,
        script: config.script,
        limits: config.limits,
        has_halves: config.has_halves,
        messages,
        control,
        stop_now: Arc::new(AtomicBool::new(false)),
        orders: watch::channel(Orders::default()).1,
        steered: watch::channel(Steering::default()).1,
    };
    let clock = RunClock::starting_now();
    let recorder = Rc::new(Recorder::traced(clock));
    if let Ok(data) = call_stage(&shared, "setup", None, &recorder).await? {
        let (script, stop_now) = (shared.script.clone(), shared.stop_now.clone());
        let host = ScriptHost::new(script, clock, shared.limits, stop_now)?;
        let around = Rc::new(surroundings(&shared, host, recorder.clone(), clock));
        call_scenarios(&shared, &around, data.as_ref()).await;
        // What went wrong is in the trace.
        let _ = call_stage(&shared, "teardown", data.as_ref(), &recorder).await?;
    }
    let Trace { events, left_out } = recorder.take_trace();
    Ok(DryReport { events, left_out })
}

/// A function that the script ended before its end; the trace has the reason.
struct Broken;

async fn call_stage(
    shared: &Shared,
    function: &'static str,
    data: Option<&serde_json::Value>,
    recorder: &Rc<Recorder>,
) -> Result<Result<Option<serde_json::Value>, Broken>, EngineError> {
    if !stage::has_function(shared, function) {
        return Ok(Ok(None));
    }
    let (scenario, task) = (function.to_owned(), function.to_owned());
    recorder.trace(|| DryEvent::Call { scenario: scenario.clone(), function: task.clone() });
    match stage::call(shared, function, data, recorder.clone()).await {
        Ok(end) => Ok(Ok(end.returned)),
        Err(EngineError::Stage { finding, .. }) => {
            recorder.trace(|| {
                DryEvent::Error(DryError { scenario, task, finding: (*finding).clone() })
            });
            Ok(Err(Broken))
        }
        Err(error) => Err(error),
    }
}

async fn call_scenarios(
    shared: &Shared,
    around: &Rc<Surroundings>,
    data: Option<&serde_json::Value>,
) {
    for (id, scenario) in (1..).zip(&shared.plan.scenarios) {
        let mut shape = Shape::of(scenario);
        shape.think_time = ThinkTime::None;
        let shape = Rc::new(shape);
        let mut user = factory(around, &shape, &shared.plan, data)(id);
        if let Some(on_start) = &shape.on_start
            && call(shared, around, &mut user, (&shape.name, on_start)).await.is_err()
        {
            continue;
        }
        for function in shape.tasks.iter().chain(&shape.on_stop) {
            // The next task may well be right.
            let _ = call(shared, around, &mut user, (&shape.name, function)).await;
        }
    }
}

async fn call(
    shared: &Shared,
    around: &Surroundings,
    user: &mut ScriptUser,
    (scenario, function): (&Arc<str>, &Arc<str>),
) -> Result<(), Broken> {
    let recorder = &around.recorder;
    let (scenario, task) = (scenario.to_string(), function.to_string());
    recorder.trace(|| DryEvent::Call { scenario: scenario.clone(), function: task.clone() });
    let finding = match user.run_now(function, &Stop::new()).await {
        TaskEnd::Completed | TaskEnd::Aborted => return Ok(()),
        TaskEnd::Failed(reason) => shared.script.finding_in_options("", reason, None),
        TaskEnd::Error(finding) => finding,
    };
    recorder.trace(|| DryEvent::Error(DryError { scenario, task, finding }));
    Err(Broken)
}
