//! One worker thread: its runtime, its script host, its scenarios, and a window each second.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{mpsc, oneshot, watch};
use url::Url;

use super::error::EngineError;
use super::leg::{LegIndex, LegRunner, Orders};
use super::ready_requests::ReadyRequests;
use super::recorder::Recorder;
use super::script_user::{ScriptUser, Shape, Surroundings};
use super::steer::Steering;
use super::stop::StopLevel;
use super::timer::Timer;
use super::vu::VuFactory;
use crate::clock::RunClock;
use crate::metric::Window;
use crate::pacing::Shard;
use crate::plan::{Executor, Plan, Scenario};
use crate::script::{Script, ScriptHost, ScriptLimits, User, UserSeed};
use crate::transport::{Session, TransportFactory};

/// Sessions that a worker builds before the load begins, at most.
const MAX_PREPARED: u64 = 1_000;
/// Turns of users between two looks at timers and sockets, if so many wait for theirs. tokio's own 61 turns are some
/// milliseconds where a turn is a whole iteration, and whoever is due meanwhile is as late; each look costs a turn a few
/// hundredths of itself.
const TURNS_PER_LOOK: u32 = 40;
/// Sockets that one look takes up. Fewer than the turns between two looks, so that those who are woken have their turn before
/// the next look: the rest waits in the system's own list, and what a wake has touched is still in the caches when the turn
/// comes. With 1,000 connections whose thread is busy that makes a request a tenth cheaper than taking up all there are.
const SOCKETS_PER_LOOK: usize = 32;
/// Time between two windows; half of it in a run that is watched.
const WINDOW: Duration = Duration::from_secs(1);

/// What every worker is given. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) script: Arc<Script>,
    pub(super) limits: ScriptLimits,
    pub(super) has_halves: bool,
    pub(super) factory: TransportFactory,
    pub(super) messages: mpsc::Sender<WorkerMessage>,
    pub(super) control: watch::Receiver<StopLevel>,
    /// Set with [`StopLevel::Now`]; scripts that compute look at it.
    pub(super) stop_now: Arc<AtomicBool>,
    /// The legs of the run.
    pub(super) orders: watch::Receiver<Orders>,
    /// How the load departs from the plan.
    pub(super) steered: watch::Receiver<Steering>,
}

/// The signal to begin.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) clock: RunClock,
    /// What `setup` returned.
    pub(super) data: Option<Arc<serde_json::Value>>,
}

/// What workers tell the coordinator.
#[derive(Debug)]
pub(super) enum WorkerMessage {
    /// Ready to begin.
    Ready,
    /// Cannot begin.
    Failed(EngineError),
    /// What was observed.
    Window(Box<Window>),
    /// A script error must end the run.
    ScriptError,
    /// This worker's part of a leg has ended, and its windows were handed over.
    LegEnded(LegIndex),
}

/// The whole life of a worker, on its own thread. A failure to start is told and ends it.
pub(super) fn run_worker(shared: &Shared, index: usize, begin: oneshot::Receiver<Begin>) {
    let runtime = match local_runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            // The coordinator may be gone already; then nobody needs to know.
            let _ = shared.messages.blocking_send(WorkerMessage::Failed(error));
            return;
        }
    };
    runtime.block_on(async {
        if let Err(error) = work(shared, index, begin).await {
            let _ = shared.messages.send(WorkerMessage::Failed(error)).await;
        }
    });
}

/// A single-threaded runtime whose tasks never leave their thread.
pub(super) fn local_runtime() -> Result<tokio::runtime::LocalRuntime, EngineError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(TURNS_PER_LOOK)
        .max_io_events_per_tick(SOCKETS_PER_LOOK)
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(EngineError::Thread)
}

async fn work(
    shared: &Shared,
    index: usize,
    begin: oneshot::Receiver<Begin>,
) -> Result<(), EngineError> {
    let script = shared.script.clone();
    let host =
        ScriptHost::new(script, RunClock::starting_now(), shared.limits, shared.stop_now.clone())?;
    let shard = Shard { index: index as u64, count: shared.plan.threads as u64 };
    let at_once: Vec<_> = shared.orders.borrow().legs.clone();
    let prepared =
        at_once.iter().flat_map(|leg| prepared_sessions(shared, leg.scenarios(), shard)).collect();
    if shared.messages.send(WorkerMessage::Ready).await.is_err() {
        return Ok(());
    }
    let Ok(Begin { clock, data }) = begin.await else { return Ok(()) };
    host.begin(clock);
    let recorder = Rc::new(Recorder::new(index, clock));
    let around = surroundings(shared, host, recorder.clone(), clock);
    around.prepared.replace(prepared);
    let around = Rc::new(around);
    around.timer.sleep_until(clock.instant(Duration::ZERO)).await;
    hand_over(shared, LegRunner::new(shared, around, data, shard)).await;
    Ok(())
}

/// Sessions for the users that open scenarios have from the start. Building one takes as long as a fast request: a worker
/// that builds hundreds of them while arrivals are due is late for all of those.
fn prepared_sessions(shared: &Shared, scenarios: &[Scenario], shard: Shard) -> Vec<Session> {
    let Some(target) = base_of(&shared.plan) else { return Vec::new() };
    let pools = scenarios.iter().map(|scenario| match &scenario.executor {
        Executor::ConstantArrivalRate { pre_allocated_vus, .. }
        | Executor::RampingArrivalRate { pre_allocated_vus, .. } => *pre_allocated_vus,
        _ => 0,
    });
    let count = pools.map(|vus| shard.share(vus)).sum::<u64>().min(MAX_PREPARED);
    let make = |_| {
        let session = shared.factory.session();
        session.prepare(&target);
        session
    };
    (0..count).map(make).collect()
}

/// What the worker does next.
enum Event {
    Second,
    Orders(bool),
    LegEnded(LegIndex),
}

/// Does what is ordered, and hands a window over each second and at the end of each leg, until no more legs come.
async fn hand_over(shared: &Shared, mut legs: LegRunner<'_>) {
    let around = legs.around.clone();
    let mut orders = shared.orders.clone();
    let length = if shared.has_halves { WINDOW / 2 } else { WINDOW };
    let mut next = length;
    let mut has_told = false;
    let mut may_come = legs.follow(&orders.borrow_and_update().clone());
    while may_come || legs.is_running() {
        let event = tokio::select! {
            biased;
            () = tokio::time::sleep_until(around.clock.instant(next)) => Event::Second,
            changed = orders.changed(), if may_come => Event::Orders(changed.is_ok()),
            Some(index) = legs.ended() => Event::LegEnded(index),
        };
        if let Event::Orders(is_led) = event {
            let seen = orders.borrow_and_update().clone();
            prepare_sessions(shared, &legs, &seen);
            may_come = legs.follow(&seen) && is_led;
            continue;
        }
        if around.script_error.get() && !has_told {
            has_told = true;
            let _ = shared.messages.send(WorkerMessage::ScriptError).await;
        }
        let busy = tokio::runtime::Handle::current().metrics().worker_total_busy_duration(0);
        let is_within_second = matches!(event, Event::Second) && next.subsec_nanos() > 0;
        let window = Window { busy, is_within_second, ..around.recorder.take() };
        // Waiting for a place in the channel costs nothing but a longer window: users go on meanwhile.
        let _ = shared.messages.send(WorkerMessage::Window(Box::new(window))).await;
        match event {
            Event::LegEnded(index) => {
                let _ = shared.messages.send(WorkerMessage::LegEnded(index)).await;
            }
            Event::Second | Event::Orders(_) => {
                let passed = around.clock.now().as_nanos() / length.as_nanos();
                next = length * u32::try_from(passed + 1).unwrap_or(u32::MAX);
            }
        }
    }
}

/// Sessions for the users of legs that are about to begin.
fn prepare_sessions(shared: &Shared, legs: &LegRunner<'_>, orders: &Orders) {
    for leg in orders.legs.iter().skip(legs.begun()) {
        let sessions = prepared_sessions(shared, leg.scenarios(), legs.shard);
        legs.around.prepared.borrow_mut().extend(sessions);
    }
}

/// What the addresses in scripts are relative to.
pub(super) fn base_of(plan: &Plan) -> Option<Url> {
    Url::parse(plan.target.as_deref()?).ok()
}

pub(super) fn surroundings(
    shared: &Shared,
    host: ScriptHost,
    recorder: Rc<Recorder>,
    clock: RunClock,
) -> Surroundings {
    let mut headers = HeaderMap::new();
    for (name, value) in &shared.plan.http.headers {
        // The plan is validated; what is no header is left out rather than failing every request.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    Surroundings {
        host,
        factory: shared.factory.clone(),
        http: shared.plan.http.clone(),
        headers,
        recorder,
        clock,
        timer: Timer::precise(),
        ready_requests: ReadyRequests::default(),
        prepared: RefCell::default(),
        script_error: Rc::new(Cell::new(false)),
        abort_on_script_error: shared.plan.abort_on_script_error,
    }
}

pub(super) fn factory(
    around: &Rc<Surroundings>,
    shape: &Rc<Shape>,
    plan: &Plan,
    data: Option<&serde_json::Value>,
) -> VuFactory<ScriptUser> {
    let around = around.clone();
    let shape = shape.clone();
    let base = base_of(plan).map(Rc::new);
    let seed = plan.seed;
    let data = data.map(|data| around.host.shared_data(data));
    Rc::new(move |id| {
        let own = UserSeed { id, scenario: shape.name.clone(), seed, tags: shape.tags.clone() };
        let user =
            Rc::new(User::new(own, base.clone(), around.http.fold_ids, around.recorder.clone()));
        if let Some(data) = &data {
            user.set_data(data.clone());
        }
        ScriptUser::new(around.clone(), shape.clone(), user, seed)
    })
}
