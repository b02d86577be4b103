//! Legs: scenarios that begin together, at the start of a run or while it is under way, and end together.
//!
//! A plain run is one leg, its plan's scenarios. A search for the breaking point is many, one after the other, over the same
//! workers: nothing is compiled or set up again, and all of them are on one time axis. Whoever leads the run adds them with
//! [`Run::begin_leg`](super::Run::begin_leg); every worker sees the same list and does its part of each.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::executor::{ScenarioRun, ids_of, run_scenario};
use super::script_user::{Shape, Surroundings};
use super::steer::{Helm, Steering};
use super::stop::{Stop, StopLevel};
use super::worker::{Shared, factory};
use crate::pacing::Shard;
use crate::plan::Scenario;

/// The place of a leg in its run, 0-based.
pub type LegIndex = usize;

/// What all workers are to do. Legs are only ever added.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    pub(super) legs: Vec<Arc<Leg>>,
    /// No more legs come.
    pub(super) is_closed: bool,
}

/// Scenarios that begin and end together.
#[derive(Debug)]
pub(super) struct Leg {
    scenarios: Vec<Scenario>,
    /// Claimed iterations by scenario.
    claimed: Vec<Arc<AtomicU64>>,
    /// The id of the next user that the plan does not have.
    extra_ids: Arc<AtomicU64>,
    stop: watch::Receiver<StopLevel>,
    /// Added to the run's seed: arrivals of two legs at the same rate are not the same.
    seed_offset: u64,
}

impl Leg {
    /// A leg, and the way to stop it alone.
    pub(super) fn new(
        scenarios: Vec<Scenario>,
        index: LegIndex,
    ) -> (Arc<Self>, watch::Sender<StopLevel>) {
        let (stopper, stop) = watch::channel(StopLevel::Running);
        let claimed = scenarios.iter().map(|_| Arc::default()).collect();
        let planned: u64 = scenarios.iter().map(|scenario| ids_of(&scenario.executor)).sum();
        let extra_ids = Arc::new(AtomicU64::new(planned + 1));
        // Scenarios of one leg take one seed each.
        let seed_offset = (index * scenarios.len().max(1)) as u64;
        (Arc::new(Self { scenarios, claimed, extra_ids, stop, seed_offset }), stopper)
    }

    /// What is to be done.
    pub(super) fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }
}

/// One worker's part of all legs.
pub(super) struct LegRunner<'a> {
    pub(super) shared: &'a Shared,
    pub(super) around: Rc<Surroundings>,
    pub(super) data: Option<Arc<Value>>,
    pub(super) shard: Shard,
    running: JoinSet<LegIndex>,
    begun: usize,
}

impl<'a> LegRunner<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        around: Rc<Surroundings>,
        data: Option<Arc<Value>>,
        shard: Shard,
    ) -> Self {
        Self { shared, around, data, shard, running: JoinSet::new(), begun: 0 }
    }

    /// Begins every leg that was ordered and has not begun. Whether more may come.
    pub(super) fn follow(&mut self, orders: &Orders) -> bool {
        for (index, leg) in orders.legs.iter().enumerate().skip(self.begun) {
            self.begin(index, leg);
        }
        self.begun = orders.legs.len();
        !orders.is_closed
    }

    /// The next leg that has ended; `None` while none is running.
    ///
    /// # Cancel safety
    /// Safe: an end is either returned or still there.
    pub(super) async fn ended(&mut self) -> Option<LegIndex> {
        // A leg's task only waits for others, so it does not panic.
        self.running.join_next().await.and_then(Result::ok)
    }

    /// Legs that have begun.
    pub(super) fn begun(&self) -> usize {
        self.begun
    }

    /// Whether a leg is running.
    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    fn begin(&mut self, index: LegIndex, leg: &Leg) {
        let mut scenarios = JoinSet::new();
        let mut stops = Vec::new();
        let mut helms = Vec::new();
        let mut first_vu_id = 1;
        for (number, scenario) in leg.scenarios.iter().enumerate() {
            let stop = Stop::new();
            stops.push(stop.clone());
            let helm = Rc::<Helm>::default();
            helms.push(helm.clone());
            let shape = Rc::new(Shape::of(scenario));
            let seed = self.shared.plan.seed.wrapping_add(leg.seed_offset + number as u64);
            let run = ScenarioRun {
                make: factory(&self.around, &shape, &self.shared.plan, self.data.as_deref()),
                shape,
                recorder: self.around.recorder.clone(),
                clock: self.around.clock,
                timer: self.around.timer.clone(),
                stop,
                helm,
                shard: self.shard,
                first_vu_id,
                claimed: leg.claimed[number].clone(),
                extra_ids: leg.extra_ids.clone(),
                seed,
            };
            first_vu_id += ids_of(&scenario.executor);
            let scenario: Scenario = scenario.clone();
            scenarios.spawn_local(async move { run_scenario(run, &scenario).await });
        }
        let mut steered = self.shared.steered.clone();
        share_out(&helms, *steered.borrow_and_update(), &leg.scenarios);
        let scenarios_steered = leg.scenarios.clone();
        let steerer = tokio::task::spawn_local(async move {
            while steered.changed().await.is_ok() {
                share_out(&helms, *steered.borrow_and_update(), &scenarios_steered);
            }
        });
        let listener = listen(stops, self.shared.control.clone(), leg.stop.clone());
        self.running.spawn_local(async move {
            while scenarios.join_next().await.is_some() {}
            listener.abort();
            steerer.abort();
            index
        });
    }
}

/// Gives each scenario its share of a change.
fn share_out(helms: &[Rc<Helm>], steering: Steering, scenarios: &[Scenario]) {
    helms.iter().zip(steering.shares(scenarios)).for_each(|(helm, share)| helm.turn(share));
}

/// Raises the stops of a leg when the whole run is stopped or this leg alone.
fn listen(
    stops: Vec<Rc<Stop>>,
    mut of_run: watch::Receiver<StopLevel>,
    mut of_leg: watch::Receiver<StopLevel>,
) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_local(async move {
        let (mut has_run, mut has_leg) = (true, true);
        while has_run || has_leg {
            let level = (*of_run.borrow_and_update()).max(*of_leg.borrow_and_update());
            stops.iter().for_each(|stop| stop.raise(level));
            tokio::select! {
                changed = of_run.changed(), if has_run => has_run = changed.is_ok(),
                changed = of_leg.changed(), if has_leg => has_leg = changed.is_ok(),
            }
        }
    })
}
