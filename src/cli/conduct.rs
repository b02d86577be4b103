//! Leads a run: every source of news becomes one event, and one place handles them all.
//!
//! Windows, resource samples, the second's tick, orders and signals come in; snapshots go out to the outputs; at the end there is
//! one record.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::printer::{Printer, harmless, plural};
use super::watching::{Watched, WatchedSecond, Watching, watch};
use crate::clock::RunClock;
use crate::control::{Order, RunLink};
use crate::engine::{EngineError, LegIndex, Run, RunMessage, Steering, StopLevel};
use crate::metric::{GeneratorHealth, Histogram, Totals};
use crate::pipeline::{Aggregator, Output, RunHead};
use crate::plan::Scenario;
use crate::record::event::MOST_EVENTS;
use crate::record::{
    EventKind, ProbeRecord, ResourceSample, RunEvent, RunRecord, RunStatus, ScrapeAccount,
};
use crate::units::show_span;

/// After the second, so that the workers' windows of that second have arrived.
const AFTER_THE_SECOND: Duration = Duration::from_millis(100);
/// Between the two times a second that those who watch are told how the run is going.
const HALF_A_SECOND: Duration = Duration::from_millis(500);
/// Between an order and the moment from which it holds: all workers know of it by then, and agree on what arrives before.
const ORDER_AHEAD: Duration = Duration::from_millis(50);
/// Between the end of the time that a run may take and the cut: what runs then may end.
const LAST_ITERATIONS: Duration = Duration::from_secs(5);

/// What a run came to.
#[derive(Debug)]
pub struct Conducted {
    /// Everything that was measured. It is not judged yet and has no exit code.
    pub record: RunRecord,
    /// What the record was made of.
    pub totals: Totals,
    /// The generator's machine, second by second.
    pub machine: Vec<MachineSecond>,
    /// Signals received.
    pub signals: u32,
    /// It was asked to stop, and by no signal.
    pub is_stopped: bool,
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
    /// Half of a second has passed: those who watch are told how the run is going.
    Half,
    Order(Order),
    Signal,
}

/// What a run is for, and who follows it.
pub(super) struct Conducting<'a, 'l> {
    /// What is known before the first second.
    pub head: &'a RunHead,
    /// Who is given each second.
    pub outputs: Vec<&'a mut dyn Output>,
    /// What is watched beside the run.
    pub watched: Watched,
    /// Whether the target runs on this machine.
    pub target_is_local: bool,
    /// Where warnings and the script's words go.
    pub printer: &'a Printer,
    /// Who says what is done next, for a run in legs.
    pub lead: Option<&'l mut (dyn Lead + 'l)>,
    /// Who controls and watches it from elsewhere.
    pub link: Option<RunLink>,
}

/// Says leg by leg what a run does next, by what was seen.
pub trait Lead {
    /// The scenarios of the next leg, with their places on the run's clock; none ends the run. Called at the start and
    /// when a leg has ended, all of whose requests are in the totals by then.
    fn next_leg(&mut self, seen: &Seen<'_>) -> Vec<Scenario>;

    /// Whether the leg under way has shown enough. Called each second.
    fn has_seen_enough(&mut self, seen: &Seen<'_>) -> bool;

    /// The probes so far, for those who watch.
    fn probes(&self) -> &[ProbeRecord] {
        &[]
    }
}

/// What a [`Lead`] can look at.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The time on the run's clock.
    pub now: Duration,
    /// Everything observed so far.
    pub totals: &'a Totals,
    /// All resource samples so far.
    pub resources: &'a [ResourceSample],
    /// The generator's machine, second by second.
    pub machine: &'a [MachineSecond],
    /// Whether the target runs on this machine.
    pub target_is_local: bool,
}

/// The generator's machine in one second.
#[derive(Debug, Clone)]
pub struct MachineSecond {
    /// The end of the second, on the run's clock.
    pub at: Duration,
    /// How near it was to its limits.
    pub health: GeneratorHealth,
    /// By how much sleeps of a thread that does nothing else were too long.
    pub hiccups: Histogram,
}

struct Conductor<'a, 'l> {
    head: &'a RunHead,
    outputs: Vec<&'a mut dyn Output>,
    printer: &'a Printer,
    lead: Option<&'l mut (dyn Lead + 'l)>,
    link: Option<RunLink>,
    /// Probes that those who watch were told.
    told_probes: usize,
    /// The next half of a second that those who watch are told.
    next_half: Duration,
    /// Times that it was asked to stop, by no signal.
    stop_orders: u32,
    /// What was done to it, for its record.
    events: Vec<RunEvent>,
    /// The leg under way.
    leg: Option<LegIndex>,
    aggregator: Aggregator,
    machine: Vec<MachineSecond>,
    scrapes: Vec<ScrapeAccount>,
    target_is_local: bool,
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
pub(super) async fn conduct(mut run: Run, what: Conducting<'_, '_>) -> std::io::Result<Conducted> {
    let Conducting { head, outputs, watched, target_is_local, printer, lead, link } = what;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut watching = watch(watched);
    let plan = Arc::new(head.plan.clone());
    let aggregator = match lead {
        Some(_) => Aggregator::in_legs(plan),
        None => Aggregator::new(plan),
    };
    let mut conductor = Conductor {
        head,
        outputs,
        printer,
        aggregator: if link.is_some() { aggregator.with_halves() } else { aggregator },
        lead,
        link,
        told_probes: 0,
        next_half: HALF_A_SECOND,
        stop_orders: 0,
        events: Vec::new(),
        leg: None,
        machine: Vec::new(),
        scrapes: Vec::new(),
        target_is_local,
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
        conductor.handle(event, &mut run);
    }
}

impl Conductor<'_, '_> {
    async fn next_event(
        &mut self,
        run: &mut Run,
        watching: &mut Watching,
        interrupt: &mut Signal,
        terminate: &mut Signal,
    ) -> Event {
        let tick = self
            .clock
            .map(|clock| clock.instant(Duration::from_secs(self.next_second) + AFTER_THE_SECOND));
        let half = self.half();
        tokio::select! {
            biased;
            _ = interrupt.recv() => Event::Signal,
            _ = terminate.recv() => Event::Signal,
            () = until(tick) => Event::Tick,
            Some(order) = next_order(&mut self.link) => Event::Order(order),
            () = until(half) => Event::Half,
            Some(second) = watching.next() => Event::Watched(Box::new(second)),
            message = run.next() => Event::Run(message),
        }
    }

    fn handle(&mut self, event: Event, run: &mut Run) {
        match event {
            Event::Run(Some(RunMessage::Started(clock))) => {
                self.clock = Some(clock);
                self.go_on(run);
            }
            Event::Run(Some(RunMessage::LegEnded(_))) => self.go_on(run),
            Event::Run(Some(RunMessage::Window(window))) => {
                for line in &window.logs {
                    self.printer.talk(&harmless(line));
                }
                self.aggregator.add(&window);
            }
            Event::Run(Some(RunMessage::ScriptError)) => {
                self.has_script_error = true;
                stop_gracefully(run);
            }
            Event::Run(_) => {}
            Event::Watched(second) => self.add_watched(*second),
            Event::Tick => self.tick(run),
            Event::Half => self.tell_half(),
            Event::Order(order) => self.obey(order, run),
            Event::Signal => self.stop(run),
        }
    }

    /// When the half of this second is to be told; never to nobody.
    fn half(&self) -> Option<Instant> {
        let (clock, _) = self.clock.zip(self.link.as_ref())?;
        Some(clock.instant(self.next_half + AFTER_THE_SECOND))
    }

    fn tell_half(&mut self) {
        let at = self.next_half;
        self.next_half += Duration::from_secs(1);
        if let Some((link, half)) = self.link.as_ref().zip(self.aggregator.half(at)) {
            link.feed.snapshot(&half);
        }
    }

    /// Tells those who watch, and the record, that something was done.
    fn tell(&mut self, kind: EventKind, text: impl Into<String>) {
        let at_s = self.now().as_secs_f64();
        let event = RunEvent { at_s, kind, text: text.into() };
        if let Some(link) = &self.link {
            link.feed.event(&event);
        }
        if self.events.len() < MOST_EVENTS {
            self.events.push(event);
        }
    }

    /// The time on the run's clock; zero before the load begins.
    fn now(&self) -> Duration {
        self.clock.map_or(Duration::ZERO, |clock| clock.now())
    }

    fn obey(&mut self, order: Order, run: &Run) {
        let before = run.steering();
        // Before the load begins there is nothing that workers could disagree on.
        let since = self.clock.map_or(Duration::ZERO, |clock| clock.now() + ORDER_AHEAD);
        let now = Steering { since, ..before };
        let (now, kind, text) = match order {
            Order::Stop => return self.obey_stop(run),
            Order::Pause if before.is_paused => return,
            Order::Resume if !before.is_paused => return,
            Order::Pause => {
                let text = "nothing new begins".to_owned();
                (Steering { is_paused: true, ..now }, EventKind::Paused, text)
            }
            Order::Resume => {
                let text = "the load goes on".to_owned();
                (Steering { is_paused: false, ..now }, EventKind::Resumed, text)
            }
            Order::Users(users) => {
                let text = format!("{} from now on", plural(users, "user"));
                (Steering { users: Some(users), ..now }, EventKind::Scaled, text)
            }
            Order::Rate(rate) => {
                let text = format!("{rate} arrivals a second from now on");
                (Steering { rate_per_s: Some(rate), ..now }, EventKind::Scaled, text)
            }
        };
        run.steer(now);
        self.tell(kind, text);
    }

    fn obey_stop(&mut self, run: &Run) {
        self.stop_orders += 1;
        if self.stop_orders == 1 {
            self.tell(EventKind::Stopping, "asked to stop");
            stop_gracefully(run);
        } else {
            self.tell(EventKind::Stopping, "asked to stop at once");
            run.stop(StopLevel::Now);
        }
    }

    /// Stops a run that takes longer than it may.
    fn hold_to_time(&mut self, run: &Run) {
        let Some(longest) = self.link.as_ref().map(|link| link.longest) else { return };
        let now = self.now();
        if now >= longest && run.stop_level() == StopLevel::Running {
            let text = format!("no run may take longer than {}", show_span(longest));
            self.stop_orders += 1;
            self.tell(EventKind::Stopping, text);
            stop_gracefully(run);
        } else if now >= longest + LAST_ITERATIONS {
            run.stop(StopLevel::Now);
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
        self.aggregator.add_levels(std::mem::take(&mut second.levels));
        let WatchedSecond { health, hiccups, .. } = second;
        self.machine.push(MachineSecond { at, health, hiccups });
    }

    /// Begins what the lead wants next, or lets the run end.
    fn go_on(&mut self, run: &mut Run) {
        let now = self.now();
        let Some(lead) = &mut self.lead else { return };
        let is_stopped = run.stop_level() > StopLevel::Running;
        self.leg = None;
        let scenarios =
            lead.next_leg(&seen(now, &self.aggregator, &self.machine, self.target_is_local));
        if let Some(link) = &self.link {
            lead.probes().iter().skip(self.told_probes).for_each(|probe| link.feed.probe(probe));
            self.told_probes = lead.probes().len();
        }
        if scenarios.is_empty() || is_stopped {
            run.close();
            return;
        }
        self.aggregator.add_leg(&scenarios);
        self.leg = Some(run.begin_leg(scenarios));
    }

    /// Ends the leg under way when the lead has seen enough of it.
    fn ask_lead(&mut self, run: &Run) {
        let now = self.now();
        let (Some(lead), Some(leg)) = (&mut self.lead, self.leg) else { return };
        if lead.has_seen_enough(&seen(now, &self.aggregator, &self.machine, self.target_is_local)) {
            self.leg = None;
            self.aggregator.cut_leg(now);
            run.end_leg(leg);
        }
    }

    fn tick(&mut self, run: &mut Run) {
        let at = Duration::from_secs(self.next_second);
        self.next_second = self
            .clock
            .map_or(self.next_second + 1, |clock| clock.now().as_secs().max(self.next_second) + 1);
        // Halves that were missed are not told after whole seconds that came later.
        self.next_half = Duration::from_secs(self.next_second - 1) + HALF_A_SECOND;
        self.emit(at);
        self.ask_lead(run);
        self.hold_to_time(run);
        if let Some(index) = self.aggregator.threshold_to_abort(at)
            && !self.is_aborted
        {
            self.is_aborted = true;
            let threshold = &self.head.plan.thresholds[index];
            let text = format!("the threshold {threshold} failed and ends the run");
            self.printer.warning(&text);
            self.tell(EventKind::Threshold, text);
            stop_gracefully(run);
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
        self.tell(EventKind::Stopping, "a signal asks for the end");
        if self.signals == 1 {
            self.printer.talk("stopping: no new iterations, running ones may end (press Ctrl-C again to stop now)");
            stop_gracefully(run);
        } else {
            run.stop(StopLevel::Now);
        }
    }

    async fn end(mut self, failure: Option<EngineError>, mut watching: Watching) -> Conducted {
        let at = self.now();
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
        } else if self.stop_orders > 0 || self.is_aborted || has_script_error || failure.is_some() {
            RunStatus::Aborted
        } else {
            RunStatus::Finished
        };
        let mut record = self.aggregator.record(self.head, status, at);
        record.findings.sources.scrapes = self.scrapes;
        record.findings.events = self.events;
        Conducted {
            record,
            totals: self.aggregator.into_totals(),
            machine: self.machine,
            signals: self.signals,
            is_stopped: self.stop_orders > 0,
            has_script_error,
            failure,
        }
    }
}

/// Nothing new begins, in this leg or another.
fn stop_gracefully(run: &Run) {
    run.stop(StopLevel::Graceful);
    run.close();
}

fn seen<'a>(
    now: Duration,
    aggregator: &'a Aggregator,
    machine: &'a [MachineSecond],
    target_is_local: bool,
) -> Seen<'a> {
    let (totals, resources) = (aggregator.totals(), aggregator.all_resources());
    Seen { now, totals, resources, machine, target_is_local }
}

/// The next order; none ever comes when nobody can give one.
async fn next_order(link: &mut Option<RunLink>) -> Option<Order> {
    match link {
        Some(link) => link.orders.recv().await,
        None => None,
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
