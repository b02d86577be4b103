//! The plan's scenarios under another load, for a short time: what searches and benchmarks are made of.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::executor::{Arrival, Executor};
use super::load::pool;
use super::share::share;
use super::{PhaseSpan, Plan, Scenario};
use crate::units::Rate;

/// How much load a probe puts on the target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeLoad {
    /// Open: iterations started per second, above zero and finite.
    PerSecond(f64),
    /// Closed: virtual users, at least 1.
    Users(u64),
}

/// One load held for a while, on the time axis of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// How much.
    pub load: ProbeLoad,
    /// Spacing of an open load.
    pub arrival: Arrival,
    /// The most users that an open load may add; as for any open load unless given.
    pub max_vus: Option<u64>,
    /// When it begins, from the start of the run.
    pub start: Duration,
    /// For how long the load is held before anything is measured.
    pub settle: Duration,
    /// For how long it is measured.
    pub length: Duration,
    /// How long running iterations may go on after the end.
    pub drain: Duration,
    /// The phase of what settles; nothing is called so when `settle` is zero.
    pub settle_phase: String,
    /// The phase that is measured.
    pub phase: String,
}

impl Probe {
    /// When the measured part begins, from the start of the run.
    #[must_use]
    pub fn measured_from(&self) -> Duration {
        self.start + self.settle
    }

    /// When its planned part ends.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.measured_from() + self.length
    }

    /// The plan's scenarios under this load, which they share by weight. Those whose share is no user are left out.
    #[must_use]
    pub fn scenarios(&self, plan: &Plan) -> Vec<Scenario> {
        let weights: Vec<f64> = plan.scenarios.iter().map(|scenario| scenario.weight).collect();
        let executors = share(&self.executor(), &weights);
        let under_it = |(scenario, executor): (&Scenario, Option<Executor>)| {
            Some(Scenario { executor: executor?, ..self.around(scenario) })
        };
        plan.scenarios.iter().zip(executors).filter_map(under_it).collect()
    }

    /// One scenario alone under this load, doing one of its tasks.
    #[must_use]
    pub fn of_task(&self, scenario: &Scenario, task: &super::Task) -> Scenario {
        Scenario { executor: self.executor(), tasks: vec![task.clone()], ..self.around(scenario) }
    }

    fn around(&self, scenario: &Scenario) -> Scenario {
        Scenario {
            start_time: self.start,
            graceful_stop: self.drain,
            phases: self.phases(),
            ..scenario.clone()
        }
    }

    fn phases(&self) -> Vec<PhaseSpan> {
        let end = self.settle + self.length;
        let settle =
            PhaseSpan { name: self.settle_phase.clone(), start: Duration::ZERO, end: self.settle };
        let measured = PhaseSpan { name: self.phase.clone(), start: self.settle, end };
        if self.settle.is_zero() { vec![measured] } else { vec![settle, measured] }
    }

    fn executor(&self) -> Executor {
        let duration = self.settle + self.length;
        match self.load {
            ProbeLoad::Users(vus) => Executor::ConstantVus { vus: vus.max(1), duration },
            ProbeLoad::PerSecond(per_s) => {
                let (pre_allocated_vus, max_vus) = pool(per_s, None, self.max_vus);
                let rate = Rate::per_second(per_s).unwrap_or_default();
                let arrival = self.arrival;
                Executor::ConstantArrivalRate {
                    rate,
                    duration,
                    arrival,
                    pre_allocated_vus,
                    max_vus,
                }
            }
        }
    }
}
