//! Leads a run: every source of news becomes one event, and one place handles them all.
//!
//! Windows, resource samples, the second's tick and signals come in; snapshots go out to the outputs; at the end there is
//! one record.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::printer::{Printer, harmless};
use crate::clock::RunClock;
use crate::engine::{EngineError, Run, RunMessage, StopLevel};
use crate::pipeline::{Aggregator, Output, RunHead};
use crate::record::{ResourceOwner, ResourceSample, RunRecord, RunStatus};
use crate::watch::{Owner, ResourceWatch, TargetProcess};

/// After the second, so that the workers' windows of that second have arrived.
const AFTER_THE_SECOND: Duration = Duration::from_millis(100);
/// Resource samples that may wait; a slow second loses none of them.
const SAMPLES_AHEAD: usize = 64;

/// What a run came to.
#[derive(Debug)]
pub struct Conducted {
    /// Everything that was measured. Its exit code is not set yet.
    pub record: RunRecord,
    /// Signals received.
    pub signals: u32,
    /// A script error asked for the end.
    pub has_script_error: bool,
    /// What went wrong in the engine.
    pub failure: Option<EngineError>,
}

/// One piece of news.
enum Event {
    Run(Option<RunMessage>),
    Resources(Vec<ResourceSample>),
    Tick,
    Signal,
}

struct Conductor<'a> {
    head: &'a RunHead,
    outputs: Vec<&'a mut dyn Output>,
    printer: &'a Printer,
    aggregator: Aggregator,
    clock: Option<RunClock>,
    next_second: u64,
    signals: u32,
    has_script_error: bool,
    is_aborted: bool,
}

/// Follows `run` to its end.
///
/// # Errors
/// When the process cannot listen for signals.
pub async fn conduct<'a>(
    mut run: Run,
    head: &'a RunHead,
    outputs: Vec<&'a mut dyn Output>,
    target: Option<TargetProcess>,
    printer: &'a Printer,
) -> std::io::Result<Conducted> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut resources = watch_resources(target);
    let plan = Arc::new(head.plan.clone());
    let mut conductor = Conductor {
        head,
        outputs,
        printer,
        aggregator: Aggregator::new(plan),
        clock: None,
        next_second: 1,
        signals: 0,
        has_script_error: false,
        is_aborted: false,
    };
    loop {
        let event =
            conductor.next_event(&mut run, &mut resources, &mut interrupt, &mut terminate).await;
        if let Event::Run(Some(RunMessage::Ended(result))) = event {
            return Ok(conductor.end(result.err(), &mut resources));
        }
        if let Event::Run(None) = event {
            return Ok(conductor.end(None, &mut resources));
        }
        conductor.handle(event, &run);
    }
}

impl Conductor<'_> {
    async fn next_event(
        &self,
        run: &mut Run,
        resources: &mut mpsc::Receiver<Vec<ResourceSample>>,
        interrupt: &mut Signal,
        terminate: &mut Signal,
    ) -> Event {
        let tick = self
            .clock
            .map(|clock| clock.instant(Duration::from_secs(self.next_second) + AFTER_THE_SECOND));
        tokio::select! {
            biased;
            _ = interrupt.recv() => Event::Signal,
            _ = terminate.recv() => Event::Signal,
            () = until(tick) => Event::Tick,
            Some(samples) = resources.recv() => Event::Resources(samples),
            message = run.next() => Event::Run(message),
        }
    }

    fn handle(&mut self, event: Event, run: &Run) {
        match event {
            Event::Run(Some(RunMessage::Started(clock))) => self.clock = Some(clock),
            Event::Run(Some(RunMessage::Window(window))) => {
                for line in &window.logs {
                    self.printer.talk(&harmless(line));
                }
                self.aggregator.add(&window);
            }
            Event::Run(Some(RunMessage::ScriptError)) => {
                self.has_script_error = true;
                run.stop(StopLevel::Graceful);
            }
            Event::Run(_) => {}
            Event::Resources(samples) => self.add_resources(samples),
            Event::Tick => self.tick(run),
            Event::Signal => self.stop(run),
        }
    }

    /// Samples are taken with an offset of their own; they belong to the second in which they arrive.
    fn add_resources(&mut self, mut samples: Vec<ResourceSample>) {
        let Some(clock) = self.clock else { return };
        let at = clock.now();
        samples.iter_mut().for_each(|sample| sample.at = at);
        self.aggregator.add_resources(&samples);
    }

    fn tick(&mut self, run: &Run) {
        let at = Duration::from_secs(self.next_second);
        self.next_second = self
            .clock
            .map_or(self.next_second + 1, |clock| clock.now().as_secs().max(self.next_second) + 1);
        self.emit(at);
        if let Some(index) = self.aggregator.threshold_to_abort(at)
            && !self.is_aborted
        {
            self.is_aborted = true;
            let threshold = &self.head.plan.thresholds[index];
            self.printer.warning(&format!("the threshold {threshold} failed and ends the run"));
            run.stop(StopLevel::Graceful);
        }
    }

    fn emit(&mut self, at: Duration) {
        let snapshot = Arc::new(self.aggregator.snapshot(at));
        for output in &mut self.outputs {
            output.snapshot(&snapshot);
        }
    }

    fn stop(&mut self, run: &Run) {
        self.signals += 1;
        if self.signals == 1 {
            self.printer.talk("stopping: no new iterations, running ones may end (press Ctrl-C again to stop now)");
            run.stop(StopLevel::Graceful);
        } else {
            run.stop(StopLevel::Now);
        }
    }

    fn end(
        mut self,
        failure: Option<EngineError>,
        resources: &mut mpsc::Receiver<Vec<ResourceSample>>,
    ) -> Conducted {
        while let Ok(samples) = resources.try_recv() {
            self.add_resources(samples);
        }
        let at = self.clock.map_or(Duration::ZERO, |clock| clock.now());
        self.emit(at);
        let has_script_error = self.has_script_error
            || matches!(
                failure,
                Some(EngineError::Stage { .. } | EngineError::SetupValue | EngineError::Script(_))
            );
        let status = if self.signals > 0 {
            RunStatus::Interrupted
        } else if self.is_aborted || has_script_error || failure.is_some() {
            RunStatus::Aborted
        } else {
            RunStatus::Finished
        };
        let record = self.aggregator.record(self.head, status, at);
        Conducted { record, signals: self.signals, has_script_error, failure }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Samples resources each second on a thread of its own: looking at a large process takes milliseconds.
fn watch_resources(target: Option<TargetProcess>) -> mpsc::Receiver<Vec<ResourceSample>> {
    let (tell, told) = mpsc::channel(SAMPLES_AHEAD);
    std::thread::spawn(move || {
        let mut watch = ResourceWatch::new(target);
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build()
        else {
            return;
        };
        runtime.block_on(async {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            seconds.tick().await;
            loop {
                tokio::select! {
                    biased;
                    () = tell.closed() => return,
                    _ = seconds.tick() => {}
                }
                let samples = watch.sample().into_iter().map(|(owner, usage)| ResourceSample {
                    owner: match owner {
                        Owner::Generator => ResourceOwner::Generator,
                        Owner::Target => ResourceOwner::Target,
                    },
                    at: Duration::ZERO,
                    usage,
                });
                if tell.send(samples.collect()).await.is_err() {
                    return;
                }
            }
        });
    });
    told
}
