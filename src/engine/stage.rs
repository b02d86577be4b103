//! `setup` and `teardown`: one call of a script function, on a thread and with a user of its own.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::error::EngineError;
use super::recorder::Recorder;
use super::script_user::{ScriptUser, Shape};
use super::stop::{Stop, StopLevel};
use super::worker::{Shared, base_of, local_runtime, surroundings};
use crate::clock::RunClock;
use crate::metric::Window;
use crate::script::{ScriptHost, TaskEnd, User, UserSeed};

/// What a stage left behind.
#[derive(Debug)]
pub(super) struct StageEnd {
    /// What the function returned; null for nothing.
    pub(super) returned: Option<serde_json::Value>,
    /// What it observed.
    pub(super) window: Window,
}

/// Calls `function` when the script has it. `None` when it has not.
pub(super) async fn run_stage(
    shared: &Shared,
    function: &'static str,
    data: Option<Arc<serde_json::Value>>,
    clock: RunClock,
) -> Result<Option<StageEnd>, EngineError> {
    if !has_function(shared, function) {
        return Ok(None);
    }
    let (tell, told) = oneshot::channel();
    let shared = shared.clone();
    std::thread::Builder::new()
        .name(format!("rhaid-{function}"))
        .spawn(move || {
            let end = local_runtime().and_then(|runtime| {
                let recorder = Rc::new(Recorder::new(0, clock));
                runtime.block_on(call(&shared, function, data.as_deref(), recorder))
            });
            // Nobody listens any more when the run was given up.
            let _ = tell.send(end);
        })
        .map_err(EngineError::Thread)?;
    told.await.unwrap_or(Err(EngineError::WorkerPanicked { worker_index: 0 })).map(Some)
}

/// Whether the script has it.
pub(super) fn has_function(shared: &Shared, function: &str) -> bool {
    shared.script.functions().iter().any(|(name, _)| name == function)
}

/// Calls `function` on this thread. What it observes goes to `recorder`, whose clock is the function's.
pub(super) async fn call(
    shared: &Shared,
    function: &'static str,
    data: Option<&serde_json::Value>,
    recorder: Rc<Recorder>,
) -> Result<StageEnd, EngineError> {
    let clock = recorder.clock();
    let host =
        ScriptHost::new(shared.script.clone(), clock, shared.limits, shared.stop_now.clone())?;
    let around = Rc::new(surroundings(shared, host, recorder.clone(), clock));
    let shape = Rc::new(Shape::of_stage(function));
    let base = base_of(&shared.plan).map(Rc::new);
    let seed = UserSeed {
        id: 0,
        scenario: function.into(),
        seed: shared.plan.seed,
        tags: shape.tags.clone(),
    };
    let user = Rc::new(User::new(seed, base, shared.plan.http.fold_ids, recorder.clone()));
    let name: Arc<str> = function.into();
    user.begin(&name, 0);
    let mut task = around.host.stage_task(&name, &user, data);
    let stop = Stop::new();
    let mut control = shared.control.clone();
    let own_stop = stop.clone();
    // A teardown runs after the stop that ended the run; only a harder one cuts it off.
    let at_begin = *control.borrow();
    let listener = tokio::task::spawn_local(async move {
        while control.changed().await.is_ok() {
            if *control.borrow_and_update() > at_begin {
                own_stop.raise(StopLevel::Now);
            }
        }
    });
    let mut stage_user = ScriptUser::new(around, shape, user, shared.plan.seed);
    let (end, returned) = stage_user.drive(&mut task, &stop).await;
    listener.abort();
    let window = Window { is_outside_load: true, ..recorder.take() };
    let finding = match end {
        TaskEnd::Completed => return Ok(StageEnd { returned, window }),
        TaskEnd::Error(finding) => finding,
        TaskEnd::Failed(reason) => shared.script.finding_in_options("", reason, None),
        TaskEnd::Aborted => {
            shared.script.finding_in_options("", "it was interrupted".to_owned(), None)
        }
    };
    Err(EngineError::Stage { function, finding: Box::new(finding) })
}
