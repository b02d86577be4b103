//! Changes of the load while a run is under way: pauses, and loads other than the plan's.
//!
//! Whoever leads the run tells one [`Steering`] for the whole of it; each leg gives every scenario its share, and each
//! thread keeps that in a [`Helm`], which executors look at between iterations. Time goes on during a pause, and the planned
//! end stays.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;

use super::stop::{Stop, StopLevel};
use crate::plan::{Executor, Scenario, largest_remainder};

/// How the load departs from the plan from a moment on. The default departs in nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Steering {
    /// Nothing new begins, and nothing arrives.
    pub is_paused: bool,
    /// Active users of the scenarios that have a number of them; `None` is the plan's.
    pub users: Option<u64>,
    /// Arrivals a second of the scenarios that have a rate, above 0; `None` is the plan's.
    pub rate_per_s: Option<f64>,
    /// From when, on the run's clock. Workers that are told a moment before agree on what arrives until then.
    pub since: Duration,
}

impl Steering {
    /// The share of each scenario: as large as its part of the plan's most users, or of the plan's highest rates.
    pub(super) fn shares(self, scenarios: &[Scenario]) -> Vec<Self> {
        let users: Vec<f64> = scenarios.iter().map(|one| most_users(&one.executor)).collect();
        let rates: Vec<f64> = scenarios.iter().map(|one| one.executor.peak_per_s()).collect();
        let all: f64 = rates.iter().sum();
        let own_users = self.users.filter(|_| users.iter().sum::<f64>() > 0.0);
        let own_users = own_users.map(|total| largest_remainder(total, &users));
        let share = |index: usize| Self {
            users: own_users.as_ref().map(|shares| shares[index]),
            rate_per_s: self
                .rate_per_s
                .map(|rate| rate * rates[index] / all.max(f64::MIN_POSITIVE)),
            ..self
        };
        (0..scenarios.len()).map(share).collect()
    }
}

/// Users of an executor whose number can be changed.
fn most_users(executor: &Executor) -> f64 {
    match executor {
        Executor::ConstantVus { .. } | Executor::RampingVus { .. } => executor.max_vus() as f64,
        _ => 0.0,
    }
}

/// The share of one scenario on one thread.
#[derive(Debug, Default)]
pub(super) struct Helm {
    now: Cell<Steering>,
    turned: Notify,
}

impl Helm {
    /// What holds, or is about to.
    pub(super) fn now(&self) -> Steering {
        self.now.get()
    }

    /// Tells another share.
    pub(super) fn turn(&self, steering: Steering) {
        if steering != self.now.replace(steering) {
            self.turned.notify_waiters();
        }
    }

    /// Waits until another share is told.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub(super) async fn turned(&self) {
        self.turned.notified().await;
    }

    /// Waits for the end of a pause, or for a stop. Whether there was anything to wait for.
    pub(super) async fn waited_out(&self, stop: &Stop) -> bool {
        let was_paused = self.now().is_paused;
        while self.now().is_paused && stop.level() == StopLevel::Running {
            tokio::select! {
                biased;
                () = stop.reached(StopLevel::Graceful) => {}
                () = self.turned() => {}
            }
        }
        was_paused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::units::Rate;

    fn scenarios(executors: Vec<Executor>) -> Vec<Scenario> {
        let one = fixture::plan().scenarios[0].clone();
        executors.into_iter().map(|executor| Scenario { executor, ..one.clone() }).collect()
    }

    fn constant(vus: u64) -> Executor {
        Executor::ConstantVus { vus, duration: Duration::from_secs(1) }
    }

    fn arriving(per_s: f64) -> Executor {
        Executor::ConstantArrivalRate {
            rate: Rate::per_second(per_s).expect("a rate"),
            duration: Duration::from_secs(1),
            arrival: crate::plan::Arrival::Constant,
            pre_allocated_vus: 1,
            max_vus: 9,
        }
    }

    #[test]
    fn users_and_rates_go_to_the_scenarios_that_have_them_as_the_plan_has_them() {
        let own = Executor::PerVuIterations {
            vus: 5,
            iterations: 1,
            max_duration: Duration::from_secs(1),
        };
        let scenarios =
            scenarios(vec![constant(6), own, constant(3), arriving(30.0), arriving(10.0)]);
        let steering = Steering { users: Some(20), rate_per_s: Some(100.0), ..Steering::default() };
        let shares = steering.shares(&scenarios);
        let users: Vec<u64> = shares.iter().filter_map(|share| share.users).collect();
        assert_eq!(users, [13, 0, 7, 0, 0]);
        let rates: Vec<f64> = shares.iter().filter_map(|share| share.rate_per_s).collect();
        assert_eq!(rates, [0.0, 0.0, 0.0, 75.0, 25.0]);
    }

    #[test]
    fn a_plan_without_what_is_changed_has_no_share_of_it() {
        let steering = Steering { users: Some(4), ..Steering::default() };
        assert_eq!(steering.shares(&scenarios(vec![arriving(5.0)]))[0].users, None);
        assert_eq!(
            Steering::default().shares(&scenarios(vec![constant(5)])),
            [Steering::default()]
        );
    }
}
