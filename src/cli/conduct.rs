//! Leads a run: every source of news becomes one event, and one place handles them all.
//!
//! Windows, resource samples, the second's tick and signals come in; snapshots go out to the outputs; at the end there is
//! one record.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::printer::{Printer, harmless};
use super::watching::{Watched, WatchedSecond, Watching, watch};
use crate::clock::RunClock;
use crate::engine::{EngineError, Run, RunMessage, StopLevel};
use crate::metric::{GeneratorHealth, Histogram, Totals};
use crate::pipeline::{Aggregator, Output, RunHead};
use crate::record::{RunRecord, RunStatus, ScrapeAccount};

/// After the second, so that the workers' windows of that second have arrived.
const AFTER_THE_SECOND: Duration = Duration::from_millis(100);

/// What a run came to.
#[derive(Debug)]
pub struct Conducted {
    /// Everything that was measured. It is not judged yet and has no exit code.
    pub record: RunRecord,
    /// What the record was made of.
    pub totals: Totals,
    /// The generator, second by second.
    pub health: Vec<GeneratorHealth>,
    /// By how much sleeps of a thread that does nothing else were too long.
    pub hiccups: Histogram,
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
    Watched(Box<WatchedSecond>),
    Tick,
    Signal,
}

struct Conductor<'a> {
    head: &'a RunHead,
    outputs: Vec<&'a mut dyn Output>,
    printer: &'a Printer,
    aggregator: Aggregator,
    health: Vec<GeneratorHealth>,
    hiccups: Histogram,
    scrapes: Vec<ScrapeAccount>,
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
    watched: Watched,
    printer: &'a Printer,
) -> std::io::Result<Conducted> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut watching = watch(watched);
    let plan = Arc::new(head.plan.clone());
    let mut conductor = Conductor {
        head,
        outputs,
        printer,
        aggregator: Aggregator::new(plan),
        health: Vec::new(),
        hiccups: Histogram::new(),
        scrapes: Vec::new(),
        clock: None,
        next_second: 1,
        signals: 0,
        has_script_error: false,
        is_aborted: false,
    };
    loop {
        let event =
            conductor.next_event(&mut run, &mut watching, &mut interrupt, &mut terminate).await;
        if let Event::Run(Some(RunMessage::Ended(result))) = event {
            return Ok(conductor.end(result.err(), watching).await);
        }
        if let Event::Run(None) = event {
            return Ok(conductor.end(None, watching).await);
        }
        conductor.handle(event, &run);
    }
}

impl Conductor<'_> {
    async fn next_event(
        &self,
        run: &mut Run,
        watching: &mut Watching,
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
            Some(second) = watching.next() => Event::Watched(Box::new(second)),
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
            Event::Watched(second) => self.add_watched(*second),
            Event::Tick => self.tick(run),
            Event::Signal => self.stop(run),
        }
    }

    /// Samples are taken with an offset of their own; they belong to the second in which they arrive, or as long before it
    /// as they waited.
    fn add_watched(&mut self, mut second: WatchedSecond) {
        second.warnings.iter().for_each(|warning| self.printer.warning(&harmless(warning)));
        self.scrapes = std::mem::take(&mut second.scrapes);
        let Some(clock) = self.clock else { return };
        let at = clock.now();
        second.resources.iter_mut().for_each(|sample| sample.at = at);
        self.aggregator.add_resources(&second.resources);
        second.levels.iter_mut().for_each(|sample| sample.at = at.saturating_sub(sample.at));
        self.aggregator.add_levels(second.levels);
        self.health.push(second.health);
        self.hiccups.merge(&second.hiccups);
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

    async fn end(mut self, failure: Option<EngineError>, mut watching: Watching) -> Conducted {
        let at = self.clock.map_or(Duration::ZERO, |clock| clock.now());
        watching.finish();
        while let Some(second) = watching.next().await {
            self.add_watched(second);
        }
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
        let mut record = self.aggregator.record(self.head, status, at);
        record.findings.sources.scrapes = self.scrapes;
        Conducted {
            record,
            totals: self.aggregator.into_totals(),
            health: self.health,
            hiccups: self.hiccups,
            signals: self.signals,
            has_script_error,
            failure,
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
