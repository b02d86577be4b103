//! A virtual user that does what the test says, and a run of one scenario over any number of workers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinSet;

use crate::clock::RunClock;
use crate::engine::executor::{ScenarioRun, run_scenario};
use crate::engine::recorder::Recorder;
use crate::engine::script_user::Shape;
use crate::engine::steer::{Helm, Steering};
use crate::engine::stop::{Stop, StopLevel};
use crate::engine::timer::Timer;
use crate::engine::vu::{IterationEnd, VirtualUser};
use crate::metric::IterationStats;
use crate::pacing::Shard;
use crate::plan::{Arrival, Executor, PhaseSpan, Scenario, Stage, Task, ThinkTime};
use crate::units::Rate;

/// What one iteration does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Takes this long and ends well; nothing at all is awaited when it is zero.
    Take(Duration),
    /// Takes this long and fails.
    Fail(Duration),
    /// Lets the other tasks have one turn.
    Yield,
    /// Goes on until it is cut off.
    Never,
}

/// The first id of users that the plan does not have.
pub(super) const FIRST_EXTRA_ID: u64 = 1_000_000;

/// One iteration as it went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) vu: u64,
    pub(super) due: Duration,
    pub(super) started: Duration,
    pub(super) ended: Option<(Duration, IterationEnd)>,
}

/// What the users did, in order.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) made: RefCell<Vec<u64>>,
    pub(super) notes: RefCell<Vec<Note>>,
    /// Users that said goodbye: when, and how far the stop had gone.
    pub(super) goodbyes: RefCell<Vec<(u64, Duration, StopLevel)>>,
}

/// The act of a user's n-th iteration, both counted as the engine does: users from 1, iterations from 0.
type Acts = Rc<dyn Fn(u64, u64) -> Act>;

struct ScriptedUser {
    id: u64,
    iterations: u64,
    acts: Acts,
    clock: RunClock,
    log: Rc<Log>,
    draws: Cell<u64>,
}

impl VirtualUser for ScriptedUser {
    async fn iterate(&mut self, due: Duration, stop: &Stop) -> (IterationEnd, usize) {
        let act = (self.acts)(self.id, self.iterations);
        self.iterations += 1;
        let note = Note { vu: self.id, due, started: self.clock.now(), ended: None };
        let place = self.log.notes.borrow().len();
        self.log.notes.borrow_mut().push(note);
        let end = match act {
            Act::Take(Duration::ZERO) => IterationEnd::Completed,
            Act::Take(length) => wait(stop, length, IterationEnd::Completed).await,
            Act::Fail(length) => wait(stop, length, IterationEnd::Failed).await,
            Act::Yield => {
                tokio::task::yield_now().await;
                IterationEnd::Completed
            }
            Act::Never => {
                stop.reached(StopLevel::Now).await;
                IterationEnd::Interrupted
            }
        };
        self.log.notes.borrow_mut()[place].ended = Some((self.clock.now(), end));
        (end, 0)
    }

    async fn finish(&mut self, stop: &Stop) {
        self.log.goodbyes.borrow_mut().push((self.id, self.clock.now(), stop.level()));
    }

    fn uniform(&mut self) -> f64 {
        // Every tenth of 0..1 in turn.
        self.draws.set(self.draws.get() + 1);
        (self.draws.get() % 10) as f64 / 10.0
    }
}

async fn wait(stop: &Stop, length: Duration, end: IterationEnd) -> IterationEnd {
    tokio::select! {
        biased;
        () = stop.reached(StopLevel::Now) => IterationEnd::Interrupted,
        () = tokio::time::sleep(length) => end,
    }
}

/// One scenario under way on all its workers, which share one thread.
pub(super) struct Bench {
    pub(super) clock: RunClock,
    pub(super) log: Rc<Log>,
    workers: Vec<(Rc<Recorder>, Rc<Stop>)>,
    helms: Vec<Rc<Helm>>,
    tasks: JoinSet<()>,
    stats: IterationStats,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) stats: IterationStats,
    pub(super) log: Rc<Log>,
    /// When the last worker returned.
    pub(super) ended: Duration,
}

impl Bench {
    pub(super) fn start(
        scenario: &Scenario,
        workers: u64,
        acts: impl Fn(u64, u64) -> Act + 'static,
    ) -> Self {
        Self::start_seeded(scenario, workers, 7, acts)
    }

    pub(super) fn start_seeded(
        scenario: &Scenario,
        workers: u64,
        seed: u64,
        acts: impl Fn(u64, u64) -> Act + 'static,
    ) -> Self {
        let clock = RunClock::starting_now();
        let recorders = (0..workers).map(|index| Rc::new(Recorder::new(index as usize, clock)));
        Self::start_on(scenario, &recorders.collect::<Vec<_>>(), clock, (seed, 1), acts)
    }

    /// The same on recorders that other scenarios of the run use too. The last two numbers are the seed and the first user.
    pub(super) fn start_on(
        scenario: &Scenario,
        recorders: &[Rc<Recorder>],
        clock: RunClock,
        (seed, first_vu_id): (u64, u64),
        acts: impl Fn(u64, u64) -> Act + 'static,
    ) -> Self {
        let acts: Acts = Rc::new(acts);
        let log = Rc::new(Log::default());
        let claimed = Arc::new(AtomicU64::new(0));
        let shape = Rc::new(Shape::of(scenario));
        let extra_ids = Arc::new(AtomicU64::new(FIRST_EXTRA_ID));
        let mut bench = Self {
            clock,
            log,
            workers: Vec::new(),
            helms: Vec::new(),
            tasks: JoinSet::new(),
            stats: <_>::default(),
        };
        for (index, recorder) in recorders.iter().enumerate() {
            let (acts, log, stop) = (acts.clone(), bench.log.clone(), Stop::new());
            bench.workers.push((recorder.clone(), stop.clone()));
            let helm = Rc::<Helm>::default();
            bench.helms.push(helm.clone());
            let run = ScenarioRun {
                shape: shape.clone(),
                recorder: recorder.clone(),
                clock,
                timer: Timer::tokio(),
                stop,
                helm,
                shard: Shard { index: index as u64, count: recorders.len() as u64 },
                first_vu_id,
                make: Rc::new(move |id| {
                    log.made.borrow_mut().push(id);
                    let (acts, log) = (acts.clone(), log.clone());
                    ScriptedUser { id, iterations: 0, acts, clock, log, draws: Cell::new(0) }
                }),
                claimed: claimed.clone(),
                extra_ids: extra_ids.clone(),
                seed,
            };
            let scenario = scenario.clone();
            bench.tasks.spawn_local(async move { run_scenario(run, &scenario).await });
        }
        bench
    }

    /// Lets the run go on until `at`.
    pub(super) async fn until(&self, at: Duration) {
        tokio::time::sleep_until(self.clock.instant(at)).await;
    }

    /// Users alive, and iterations that wait for one.
    pub(super) fn gauges(&mut self) -> (u64, u64) {
        let windows: Vec<_> = self.workers.iter().map(|(recorder, _)| recorder.take()).collect();
        for (_, stats) in windows.iter().flat_map(|window| &window.iterations) {
            self.stats.merge(stats);
        }
        (windows.iter().map(|w| w.vus).sum(), windows.iter().map(|w| w.backlog).sum())
    }

    pub(super) fn vus(&mut self) -> u64 {
        self.gauges().0
    }

    pub(super) fn stop(&self, level: StopLevel) {
        self.workers.iter().for_each(|(_, stop)| stop.raise(level));
    }

    /// Tells all workers how the load departs from the plan.
    pub(super) fn steer(&self, steering: Steering) {
        self.helms.iter().for_each(|helm| helm.turn(steering));
    }

    pub(super) fn stop_of(&self, worker: usize) -> Rc<Stop> {
        self.workers[worker].1.clone()
    }

    /// Waits for the end, and checks what holds for every run.
    pub(super) async fn end(mut self) -> Outcome {
        while let Some(worker) = self.tasks.join_next().await {
            worker.expect("a worker that does not panic");
        }
        let ended = self.clock.now();
        assert_eq!(self.gauges(), (0, 0), "users alive and iterations waiting after the end");
        let Self { stats, log, .. } = self;
        let outcome = Outcome { stats, log, ended };
        outcome.check();
        outcome
    }
}

impl Outcome {
    fn check(&self) {
        let stats = &self.stats;
        assert_eq!(stats.planned, stats.started + stats.dropped);
        assert_eq!(stats.started, stats.completed + stats.failed + stats.interrupted);
        assert_eq!(stats.duration.count(), stats.completed + stats.failed);
        assert_eq!(stats.response_time.count(), stats.started);
        assert_eq!(stats.censored_time.count(), stats.interrupted);
        let notes = self.log.notes.borrow();
        assert_eq!(stats.started, notes.len() as u64);
        let ended = |end| notes.iter().filter(|n| n.ended.is_some_and(|(_, e)| e == end)).count();
        assert_eq!(stats.completed, ended(IterationEnd::Completed) as u64);
        assert_eq!(stats.failed, ended(IterationEnd::Failed) as u64);
        assert_eq!(stats.interrupted, ended(IterationEnd::Interrupted) as u64);
        let mut made = self.log.made.borrow().clone();
        made.sort_unstable();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "the same id twice: {made:?}");
        let mut goodbyes: Vec<_> = self.log.goodbyes.borrow().iter().map(|(id, ..)| *id).collect();
        goodbyes.sort_unstable();
        assert!(goodbyes.windows(2).all(|pair| pair[0] < pair[1]), "a second goodbye");
        let is_late = |(_, _, level): &(u64, Duration, StopLevel)| *level == StopLevel::Now;
        assert!(!self.log.goodbyes.borrow().iter().any(is_late), "a goodbye after the cut");
    }

    /// Planned, started, dropped.
    pub(super) fn begun(&self) -> (u64, u64, u64) {
        (self.stats.planned, self.stats.started, self.stats.dropped)
    }

    /// Completed, failed, interrupted.
    pub(super) fn ends(&self) -> (u64, u64, u64) {
        (self.stats.completed, self.stats.failed, self.stats.interrupted)
    }

    /// The ids of all users, in order of the ids.
    pub(super) fn ids(&self) -> Vec<u64> {
        let mut made = self.log.made.borrow().clone();
        made.sort_unstable();
        made
    }

    /// Iterations in order of when they were due.
    pub(super) fn by_due(&self) -> Vec<Note> {
        let mut notes = self.log.notes.borrow().clone();
        notes.sort_by_key(|note| note.due);
        notes
    }

    /// The starts of each user's iterations.
    pub(super) fn starts(&self) -> BTreeMap<u64, Vec<Duration>> {
        let mut starts: BTreeMap<u64, Vec<Duration>> = BTreeMap::new();
        for note in self.log.notes.borrow().iter() {
            starts.entry(note.vu).or_default().push(note.started);
        }
        starts
    }

    pub(super) fn goodbyes(&self) -> usize {
        self.log.goodbyes.borrow().len()
    }
}

/// Runs a test on a thread of workers whose time stands still while anybody has something to do.
pub(super) fn on_virtual_time(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(test());
}

/// A run from its beginning to its end, for several numbers of workers.
pub(super) fn each_number_of_workers(test: impl AsyncFn(u64)) {
    for workers in [1, 2, 3, 8] {
        on_virtual_time(async || test(workers).await);
    }
}

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A scenario that starts at once, without pauses, and leaves running iterations 30 s.
pub(super) fn scenario(executor: Executor) -> Scenario {
    let end = executor.duration().unwrap_or_default();
    Scenario {
        name: "default".to_owned(),
        weight: 1.0,
        tasks: vec![Task { function: "task".to_owned(), weight: 1.0 }],
        on_start: None,
        on_stop: None,
        think_time: ThinkTime::None,
        executor,
        start_time: Duration::ZERO,
        graceful_stop: s(30),
        phases: vec![PhaseSpan { name: "main".to_owned(), start: Duration::ZERO, end }],
        tags: BTreeMap::new(),
    }
}

pub(super) fn stage(target: u64, duration: Duration, jump: bool) -> Stage {
    Stage { name: "stage".to_owned(), target: target as f64, duration, jump }
}

/// Even arrivals.
pub(super) fn arriving(rate: f64, duration: Duration, max_vus: u64) -> Scenario {
    scenario(Executor::ConstantArrivalRate {
        rate: Rate::per_second(rate).expect("a rate"),
        duration,
        arrival: Arrival::Constant,
        pre_allocated_vus: max_vus.min(10),
        max_vus,
    })
}
