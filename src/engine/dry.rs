//! A dry run: one user of each scenario does each of its tasks once, and everything is told as it happens.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::error::EngineError;
use super::recorder::Recorder;
use super::run::{RunConfig, transport_options};
use super::script_user::{Shape, Surroundings, Trace};
use super::stage::{call_in, finding_of};
use super::stop::{Stop, StopLevel};
use super::worker::{Shared, factory, local_runtime, surroundings};
use crate::clock::RunClock;
use crate::script::{Finding, ScriptHost};
use crate::transport::TransportFactory;

/// One request of a dry run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRequest {
    /// The step it would be counted under.
    pub step: String,
    /// The task that made it.
    pub task: String,
    /// Its method.
    pub method: String,
    /// Its URL, without user, password and query.
    pub url: String,
    /// HTTP status; 0 without a response.
    pub status: u16,
    /// Service time.
    #[serde(rename = "time_ms", serialize_with = "as_milliseconds")]
    pub service_time: Duration,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
    /// Whether it counts as failed.
    pub failed: bool,
    /// What went wrong; empty when nothing did.
    pub message: String,
}

fn as_milliseconds<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64() * 1e3)
}

/// What happens in a dry run, in order.
#[derive(Debug, Clone)]
pub enum DryEvent {
    /// A function begins.
    Begins {
        /// The scenario; empty for `setup` and `teardown`.
        scenario: String,
        /// The function.
        function: String,
    },
    /// A request ended.
    Request(DryRequest),
    /// A check was made, this often with each outcome.
    Check {
        /// Its name.
        name: String,
        /// Times it held.
        passes: u64,
        /// Times it did not.
        fails: u64,
    },
    /// The script printed a line.
    Log(String),
    /// The function did not come to its end.
    Failed(Finding),
}

/// Runs each function once and tells what happens. Blocks until the end; `false` when a function failed.
///
/// # Errors
/// When there is no runtime, no transport, or the script cannot be compiled again.
pub fn dry_run(config: RunConfig, tell: impl Fn(DryEvent) + 'static) -> Result<bool, EngineError> {
    let runtime = local_runtime()?;
    runtime.block_on(run_dry(config, Rc::new(tell)))
}

type Tell = Rc<dyn Fn(DryEvent)>;

async fn run_dry(config: RunConfig, tell: Tell) -> Result<bool, EngineError> {
    let (messages, _unread) = mpsc::channel(1);
    let (_control, level) = watch::channel(StopLevel::Running);
    let shared = Shared {
        factory: TransportFactory::new(transport_options(&config.plan.http))?,
        claimed: Arc::from([]),
        plan: config.plan,
        script: config.script,
        limits: config.limits,
        messages,
        control: level,
        stop_now: Arc::new(AtomicBool::new(false)),
    };
    let clock = RunClock::starting_now();
    let host =
        ScriptHost::new(shared.script.clone(), clock, shared.limits, shared.stop_now.clone())?;
    let recorder = Rc::new(Recorder::new(0, clock));
    let mut around = surroundings(&shared, host, recorder, clock);
    let seen = tell.clone();
    around.trace = Some(Trace(Box::new(move |request| seen(DryEvent::Request(request)))));
    let around = Rc::new(around);
    Ok(DryRun { shared, around, tell, stop: Stop::new() }.all().await)
}

struct DryRun {
    shared: Shared,
    around: Rc<Surroundings>,
    tell: Tell,
    stop: Rc<Stop>,
}

impl DryRun {
    async fn all(&self) -> bool {
        let Ok(data) = self.stage("setup", None).await else { return false };
        let mut is_well = true;
        for index in 0..self.shared.plan.scenarios.len() {
            is_well &= self.scenario(index, data.as_ref()).await;
        }
        is_well & self.stage("teardown", data.as_ref()).await.is_ok()
    }

    /// Calls `setup` or `teardown` when the script has it.
    async fn stage(
        &self,
        function: &'static str,
        data: Option<&serde_json::Value>,
    ) -> Result<Option<serde_json::Value>, ()> {
        if !self.shared.script.functions().iter().any(|(name, _)| name == function) {
            return Ok(None);
        }
        self.begins("", function);
        let (end, returned) = call_in(&self.around, &self.shared, function, data, &self.stop).await;
        if self.ends(finding_of(end, &self.shared.script)) { Ok(returned) } else { Err(()) }
    }

    async fn scenario(&self, index: usize, data: Option<&serde_json::Value>) -> bool {
        let scenario = &self.shared.plan.scenarios[index];
        let shape = Rc::new(Shape::of(scenario));
        let mut user = factory(&self.around, &shape, &self.shared.plan, data)(index as u64 + 1);
        let mut is_well = true;
        for function in shape.on_start.iter().chain(&shape.tasks).chain(&shape.on_stop) {
            self.begins(&scenario.name, function);
            let end = user.run(function, &self.stop).await;
            let went_well = self.ends(finding_of(end, &self.shared.script));
            is_well &= went_well;
            if !went_well && shape.on_start.as_ref() == Some(function) {
                return false;
            }
        }
        is_well
    }

    fn begins(&self, scenario: &str, function: &str) {
        (self.tell)(DryEvent::Begins {
            scenario: scenario.to_owned(),
            function: function.to_owned(),
        });
    }

    /// Tells what the function observed besides requests, and how it ended.
    fn ends(&self, failure: Option<Finding>) -> bool {
        let window = self.around.recorder.take();
        window.logs.into_iter().for_each(|line| (self.tell)(DryEvent::Log(line)));
        for (key, stats) in window.checks {
            let name = key.labels.name.to_string();
            (self.tell)(DryEvent::Check { name, passes: stats.passes, fails: stats.fails });
        }
        let is_well = failure.is_none();
        failure.into_iter().for_each(|finding| (self.tell)(DryEvent::Failed(finding)));
        is_well
    }
}
