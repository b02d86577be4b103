//! The six ways to start iterations, with k6's names and meaning.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Rate;

/// When iterations start and how many virtual users there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "executor", rename_all = "kebab-case")]
pub enum Executor {
    /// Closed: a fixed number of users iterate for a time.
    ConstantVus {
        /// Users, at least 1.
        vus: u64,
        /// For how long; above zero.
        duration: Duration,
    },
    /// Closed: the number of users follows the stages.
    RampingVus {
        /// Users at the start.
        start_vus: u64,
        /// At least one.
        stages: Vec<Stage>,
    },
    /// Closed: the users share a number of iterations.
    SharedIterations {
        /// Users, at least 1.
        vus: u64,
        /// Iterations of all users together, at least 1.
        iterations: u64,
        /// What has not started by then is dropped.
        max_duration: Duration,
    },
    /// Closed: each user does a number of iterations.
    PerVuIterations {
        /// Users, at least 1.
        vus: u64,
        /// Iterations of each user, at least 1.
        iterations: u64,
        /// What has not started by then is dropped.
        max_duration: Duration,
    },
    /// Open: iterations arrive at a fixed rate, whatever the target does.
    ConstantArrivalRate {
        /// Iterations started per second, above zero.
        rate: Rate,
        /// For how long; above zero.
        duration: Duration,
        /// Even or random arrivals.
        arrival: Arrival,
        /// Users that are there from the start.
        pre_allocated_vus: u64,
        /// Users that may be added when none is free.
        max_vus: u64,
    },
    /// Open: the arrival rate follows the stages.
    RampingArrivalRate {
        /// Rate at the start.
        start_rate: Rate,
        /// At least one; targets are iterations per second.
        stages: Vec<Stage>,
        /// Even or random arrivals.
        arrival: Arrival,
        /// Users that are there from the start.
        pre_allocated_vus: u64,
        /// Users that may be added when none is free.
        max_vus: u64,
    },
}

impl Executor {
    /// Planned length; `None` when iterations bound it.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::ConstantVus { duration, .. } | Self::ConstantArrivalRate { duration, .. } => {
                Some(*duration)
            }
            Self::RampingVus { stages, .. } | Self::RampingArrivalRate { stages, .. } => {
                Some(stages.iter().map(|s| s.duration).sum())
            }
            Self::SharedIterations { .. } | Self::PerVuIterations { .. } => None,
        }
    }

    /// The most users alive at once.
    #[must_use]
    pub fn max_vus(&self) -> u64 {
        match self {
            Self::ConstantVus { vus, .. }
            | Self::SharedIterations { vus, .. }
            | Self::PerVuIterations { vus, .. } => *vus,
            Self::RampingVus { start_vus, stages } => {
                stages.iter().map(|s| s.target.ceil() as u64).max().unwrap_or(0).max(*start_vus)
            }
            Self::ConstantArrivalRate { max_vus, .. }
            | Self::RampingArrivalRate { max_vus, .. } => *max_vus,
        }
    }

    /// The highest rate of arrivals, per second; 0 where completions decide when the next iteration begins.
    #[must_use]
    pub fn peak_per_s(&self) -> f64 {
        match self {
            Self::ConstantArrivalRate { rate, .. } => rate.as_per_second(),
            Self::RampingArrivalRate { start_rate, stages, .. } => {
                stages.iter().map(|s| s.target).fold(start_rate.as_per_second(), f64::max)
            }
            Self::ConstantVus { .. }
            | Self::RampingVus { .. }
            | Self::SharedIterations { .. }
            | Self::PerVuIterations { .. } => 0.0,
        }
    }

    /// Whether arrivals do not wait for completions.
    #[must_use]
    pub fn is_open_model(&self) -> bool {
        matches!(self, Self::ConstantArrivalRate { .. } | Self::RampingArrivalRate { .. })
    }

    /// k6's name of the executor.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ConstantVus { .. } => "constant-vus",
            Self::RampingVus { .. } => "ramping-vus",
            Self::SharedIterations { .. } => "shared-iterations",
            Self::PerVuIterations { .. } => "per-vu-iterations",
            Self::ConstantArrivalRate { .. } => "constant-arrival-rate",
            Self::RampingArrivalRate { .. } => "ramping-arrival-rate",
        }
    }
}

/// A target that is reached over a duration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The phase it makes; `stage-1`, `stage-2` … unless the script named it.
    pub name: String,
    /// Users (a whole number), or iterations per second.
    pub target: f64,
    /// From the end of the stage before.
    pub duration: Duration,
    /// Go to the target at once and hold it, instead of linearly.
    pub jump: bool,
}

/// How open arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// Evenly.
    #[default]
    Constant,
    /// As a Poisson process, seeded: what independent users do.
    Poisson,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(target: f64) -> Stage {
        Stage { name: "stage".to_owned(), target, duration: Duration::from_secs(1), jump: false }
    }

    fn ramping(start_per_s: f64, targets: &[f64]) -> Executor {
        Executor::RampingArrivalRate {
            start_rate: Rate::per_second(start_per_s).expect("a rate"),
            stages: targets.iter().copied().map(stage).collect(),
            arrival: Arrival::Constant,
            pre_allocated_vus: 1,
            max_vus: 9,
        }
    }

    #[test]
    fn the_peak_of_a_rate_is_the_highest_of_its_start_and_its_stages() {
        let constant = Executor::ConstantArrivalRate {
            rate: Rate::per_second(30.0).expect("a rate"),
            duration: Duration::from_secs(1),
            arrival: Arrival::Constant,
            pre_allocated_vus: 1,
            max_vus: 9,
        };
        let peaks = [constant, ramping(5.0, &[20.0, 10.0]), ramping(50.0, &[20.0, 0.0])];
        assert_eq!(peaks.map(|executor| executor.peak_per_s()), [30.0, 20.0, 50.0]);
    }

    #[test]
    fn users_who_wait_for_their_answers_have_no_peak_rate() {
        let stages = vec![stage(40.0)];
        let closed = [
            Executor::ConstantVus { vus: 40, duration: Duration::from_secs(1) },
            Executor::RampingVus { start_vus: 40, stages },
        ];
        assert_eq!(closed.map(|executor| executor.peak_per_s()), [0.0, 0.0]);
    }
}
