//! A run: the coordinator thread, and the handle by which others follow and stop it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::error::EngineError;
use super::leg::{Leg, LegIndex, Orders};
use super::stage::{StageEnd, run_stage};
use super::steer::Steering;
use super::stop::StopLevel;
use super::worker::{Begin, Shared, WorkerMessage, local_runtime, run_worker};
use crate::clock::RunClock;
use crate::metric::Window;
use crate::plan::{HttpSettings, HttpVersion, Plan, Scenario};
use crate::script::{Script, ScriptLimits};
use crate::transport::{self, TransportChoice, TransportFactory, TransportOptions};

/// Windows that may wait for the reader of a run, for each worker.
const WINDOWS_AHEAD: usize = 16;
/// Between the last worker's readiness and the zero of the run's clock.
const LEAD_TIME: Duration = Duration::from_millis(5);
/// Stack of worker threads: only the compiler of scripts needs more than a little.
pub(super) const THREAD_STACK_BYTES: usize = 8 << 20;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// With what.
    pub script: Arc<Script>,
    /// What scripts may take.
    pub limits: ScriptLimits,
    /// Windows end at halves of seconds as well: somebody watches twice a second.
    pub has_halves: bool,
}

/// What a run tells.
#[derive(Debug)]
pub enum RunMessage {
    /// `setup` is over and the load begins; offsets are from this clock's zero.
    Started(RunClock),
    /// What a worker observed.
    Window(Box<Window>),
    /// A script error must end the run; it has been asked to stop.
    ScriptError,
    /// A leg has ended on all workers, and all of its windows came before this.
    LegEnded(LegIndex),
    /// Everything has ended. Nothing comes after it.
    Ended(Result<(), EngineError>),
}

/// A run under way. Dropping it stops the run at once.
#[derive(Debug)]
pub struct Run {
    messages: mpsc::Receiver<RunMessage>,
    control: watch::Sender<StopLevel>,
    stop_now: Arc<AtomicBool>,
    orders: watch::Sender<Orders>,
    leg_stops: Vec<watch::Sender<StopLevel>>,
    steering: watch::Sender<Steering>,
}

impl Run {
    /// Begins a run of the plan's scenarios on threads of its own.
    ///
    /// # Errors
    /// When there is no thread for the coordinator. Everything else comes as a message.
    pub fn launch(config: RunConfig) -> Result<Self, EngineError> {
        let (leg, stop) = Leg::new(config.plan.scenarios.clone(), 0);
        Self::launch_with(config, Orders { legs: vec![leg], is_closed: true }, vec![stop])
    }

    /// Begins a run that does nothing but what [`Run::begin_leg`] adds, until [`Run::close`].
    ///
    /// # Errors
    /// As [`Run::launch`].
    pub fn launch_in_legs(config: RunConfig) -> Result<Self, EngineError> {
        Self::launch_with(config, Orders::default(), Vec::new())
    }

    fn launch_with(
        config: RunConfig,
        orders: Orders,
        leg_stops: Vec<watch::Sender<StopLevel>>,
    ) -> Result<Self, EngineError> {
        let (orders, ordered) = watch::channel(orders);
        let (tell, messages) = mpsc::channel(WINDOWS_AHEAD * config.plan.threads.max(1));
        let (control, level) = watch::channel(StopLevel::Running);
        let (steering, steered) = watch::channel(Steering::default());
        let stop_now = Arc::new(AtomicBool::new(false));
        let for_scripts = stop_now.clone();
        std::thread::Builder::new()
            .name("rhaid-coordinator".to_owned())
            .spawn(move || {
                let runtime = match local_runtime() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _ = tell.blocking_send(RunMessage::Ended(Err(error)));
                        return;
                    }
                };
                runtime.block_on(async {
                    let signals =
                        Signals { control: level, stop_now: for_scripts, orders: ordered, steered };
                    let result = coordinate(config, &tell, signals).await;
                    let _ = tell.send(RunMessage::Ended(result)).await;
                });
            })
            .map_err(EngineError::Thread)?;
        Ok(Self { messages, control, stop_now, orders, leg_stops, steering })
    }

    /// The next message; `None` after [`RunMessage::Ended`].
    ///
    /// # Cancel safety
    /// Safe: a message is either returned or still there.
    pub async fn next(&mut self) -> Option<RunMessage> {
        self.messages.recv().await
    }

    /// Stops the run as far as `level`. Levels only rise.
    pub fn stop(&self, level: StopLevel) {
        if level == StopLevel::Now {
            self.stop_now.store(true, Ordering::Relaxed);
        }
        self.control.send_if_modified(|now| {
            let rises = level > *now;
            if rises {
                *now = level;
            }
            rises
        });
    }

    /// Adds scenarios, whose `start_time` is on the run's clock; [`RunMessage::LegEnded`] tells when all have ended. After
    /// [`Run::close`] nothing is added.
    pub fn begin_leg(&mut self, scenarios: Vec<Scenario>) -> LegIndex {
        let index = self.leg_stops.len();
        let (leg, stop) = Leg::new(scenarios, index);
        let is_added = self.orders.send_if_modified(|orders| {
            if !orders.is_closed {
                orders.legs.push(leg);
            }
            !orders.is_closed
        });
        if is_added {
            self.leg_stops.push(stop);
        }
        index
    }

    /// Ends a leg before its time: nothing new begins, and what runs may end. Others go on.
    pub fn end_leg(&self, index: LegIndex) {
        if let Some(stop) = self.leg_stops.get(index) {
            stop.send_replace(StopLevel::Graceful);
        }
    }

    /// No more legs come: the run ends with those that are running.
    pub fn close(&self) {
        self.orders.send_modify(|orders| orders.is_closed = true);
    }

    /// Changes the load of every leg, those to come as well, until the next change.
    pub fn steer(&self, steering: Steering) {
        self.steering.send_replace(steering);
    }

    /// How the load departs from the plan.
    #[must_use]
    pub fn steering(&self) -> Steering {
        *self.steering.borrow()
    }

    /// How far the run was asked to stop.
    #[must_use]
    pub fn stop_level(&self) -> StopLevel {
        *self.control.borrow()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop(StopLevel::Now);
    }
}

/// What whoever leads the run tells it.
struct Signals {
    control: watch::Receiver<StopLevel>,
    stop_now: Arc<AtomicBool>,
    orders: watch::Receiver<Orders>,
    steered: watch::Receiver<Steering>,
}

async fn coordinate(
    config: RunConfig,
    out: &mpsc::Sender<RunMessage>,
    signals: Signals,
) -> Result<(), EngineError> {
    let factory = TransportFactory::new(transport_options(&config.plan.http))?;
    if config.plan.target.as_deref().is_some_and(|target| target.starts_with("https:")) {
        factory.warm_tls();
    }
    let (messages, mut inbox) = mpsc::channel(WINDOWS_AHEAD * config.plan.threads.max(1));
    let shared = Shared {
        plan: config.plan,
        script: config.script,
        limits: config.limits,
        has_halves: config.has_halves,
        factory,
        messages,
        control: signals.control,
        stop_now: signals.stop_now,
        orders: signals.orders,
        steered: signals.steered,
    };
    let setup = run_stage(&shared, "setup", None, RunClock::starting_now()).await?;
    let data = pass_on_stage(out, setup).await;
    let (workers, begins) = start_workers(&shared)?;
    wait_for_all(&mut inbox, workers.len()).await?;
    let clock = RunClock::starting_at(Instant::now() + LEAD_TIME);
    for begin in begins {
        // A worker that is gone has said why.
        let _ = begin.send(Begin { clock, data: data.clone() });
    }
    let _ = out.send(RunMessage::Started(clock)).await;
    let last = without_messages(shared);
    let mut failure = None;
    let mut leg_ends: BTreeMap<LegIndex, usize> = BTreeMap::new();
    while let Some(message) = inbox.recv().await {
        match message {
            WorkerMessage::Window(window) => drop(out.send(RunMessage::Window(window)).await),
            WorkerMessage::ScriptError => drop(out.send(RunMessage::ScriptError).await),
            WorkerMessage::Failed(error) => failure = Some(error),
            WorkerMessage::LegEnded(index) => {
                let ended = leg_ends.entry(index).or_default();
                *ended += 1;
                if *ended == workers.len() {
                    let _ = out.send(RunMessage::LegEnded(index)).await;
                }
            }
            WorkerMessage::Ready => {}
        }
    }
    for (worker_index, worker) in workers.into_iter().enumerate() {
        if worker.join().is_err() {
            failure = Some(EngineError::WorkerPanicked { worker_index });
        }
    }
    let teardown = run_stage(&last, "teardown", data, clock).await;
    let teardown = teardown.map_err(|error| failure.get_or_insert(error)).ok().flatten();
    pass_on_stage(out, teardown).await;
    failure.map_or(Ok(()), Err)
}

/// The same, with a channel that nobody reads: the workers' channel ends when they end.
fn without_messages(shared: Shared) -> Shared {
    let (messages, _) = mpsc::channel(1);
    Shared { messages, ..shared }
}

type Workers = (Vec<std::thread::JoinHandle<()>>, Vec<oneshot::Sender<Begin>>);

fn start_workers(shared: &Shared) -> Result<Workers, EngineError> {
    let (mut workers, mut begins) = (Vec::new(), Vec::new());
    for index in 0..shared.plan.threads.max(1) {
        let (begin, begun) = oneshot::channel();
        let shared = shared.clone();
        let worker = std::thread::Builder::new()
            .name(format!("rhaid-worker-{index}"))
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || run_worker(&shared, index, begun))
            .map_err(EngineError::Thread)?;
        workers.push(worker);
        begins.push(begin);
    }
    Ok((workers, begins))
}

async fn wait_for_all(
    inbox: &mut mpsc::Receiver<WorkerMessage>,
    count: usize,
) -> Result<(), EngineError> {
    let mut ready = 0;
    while ready < count {
        match inbox.recv().await {
            Some(WorkerMessage::Ready) => ready += 1,
            Some(WorkerMessage::Failed(error)) => return Err(error),
            Some(
                WorkerMessage::Window(_) | WorkerMessage::ScriptError | WorkerMessage::LegEnded(_),
            ) => {}
            None => return Err(EngineError::WorkerPanicked { worker_index: ready }),
        }
    }
    Ok(())
}

async fn pass_on_stage(
    out: &mpsc::Sender<RunMessage>,
    stage: Option<StageEnd>,
) -> Option<Arc<serde_json::Value>> {
    let StageEnd { returned, window } = stage?;
    let _ = out.send(RunMessage::Window(Box::new(window))).await;
    returned.map(Arc::new)
}

/// Who carries the requests of a run, as records name it: `direct` or `reqwest`, or `auto` when each address of a script without
/// a target decides between them.
#[must_use]
pub fn carrier(plan: &Plan) -> &'static str {
    transport_options(&plan.http).carrier().name_for(plan.target.as_deref())
}

pub(super) fn transport_options(http: &HttpSettings) -> TransportOptions {
    TransportOptions {
        transport: match http.transport.as_str() {
            "direct" => TransportChoice::Direct,
            "reqwest" => TransportChoice::Reqwest,
            _ => TransportChoice::Auto,
        },
        connect_timeout: http.connect_timeout,
        max_body: usize::try_from(http.max_body_bytes).unwrap_or(usize::MAX),
        insecure: http.insecure,
        ca_file: http.ca_file.clone(),
        http_version: match http.version {
            HttpVersion::Auto => transport::HttpVersion::Auto,
            HttpVersion::Http1 => transport::HttpVersion::Http1,
            HttpVersion::Http2 => transport::HttpVersion::Http2,
        },
        proxy: http.proxy.as_deref().and_then(|proxy| proxy.parse().ok()),
        keep_alive: !http.no_connection_reuse,
        reach: http.reach.clone(),
        ..TransportOptions::default()
    }
}
