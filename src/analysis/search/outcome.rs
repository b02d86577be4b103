//! What a search found (METHODS.md 2.6).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::show_duration;

/// Between which loads a goal's limit lies, in iterations a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The largest load that is carried, below the upper bound.
    pub lower_per_s: Option<f64>,
    /// The smallest load that is not.
    pub upper_per_s: Option<f64>,
}

impl Bounds {
    /// By how much the upper bound exceeds the lower one, as a share of that.
    #[must_use]
    pub fn width_ratio(&self) -> Option<f64> {
        Some(self.upper_per_s? / self.lower_per_s? - 1.0)
    }
}

/// What the target can carry for long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaxSustainable {
    /// What it gets through at the lower bound, within the objective, a second: RFC 9971's conditional throughput.
    pub goodput_per_s: f64,
    /// The lower bound of the load.
    pub lower_per_s: f64,
    /// The upper bound, if one was found.
    pub upper_per_s: Option<f64>,
    /// How far they lie apart, as a share of the lower one.
    pub width_ratio: Option<f64>,
    /// Trials at the lower bound.
    pub trials: usize,
    /// Whether a long trial at the lower bound held; `None` without one.
    pub confirmed: Option<bool>,
}

/// Where it breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The smallest load that certainly breaks it.
    pub load_per_s: f64,
    /// The largest that certainly does not.
    pub lower_per_s: Option<f64>,
    /// How requests fail first there, such as `timeout`.
    pub first_failure: Option<String>,
}

/// What the growth of its backlog tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CapacityDrift {
    /// The smallest load at which work piled up.
    pub smallest_unstable_load_per_s: f64,
    /// What it completed a second while work piled up: the capacity.
    pub mu_hat_per_s: f64,
    /// How far that may be off: one standard deviation.
    pub standard_error_per_s: f64,
}

/// Why a result is not what one would expect of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Irregular {
    /// The largest load that was allowed is carried.
    NotBrokenUpTo {
        /// The goal that has no upper bound.
        goal: String,
        /// That load.
        load_per_s: f64,
    },
    /// The smallest load that was allowed is not carried.
    FailsAtMinimum {
        /// The goal that has no lower bound.
        goal: String,
        /// That load.
        load_per_s: f64,
    },
    /// The generator could not make the load.
    GeneratorLimitedAt {
        /// That load.
        load_per_s: f64,
        /// What it lacked.
        reason: String,
    },
    /// After an overload the target was not itself again.
    NoRecoveryAfterOverload {
        /// The load that it did not get over.
        load_per_s: f64,
        /// So long it was given.
        waited_s: f64,
        /// What was still wrong.
        reason: String,
    },
    /// A larger load was carried than one that was not.
    LossInversion {
        /// The goal for which it was.
        goal: String,
        /// The load that was not carried.
        upper_per_s: f64,
        /// The larger one that was.
        carried_per_s: f64,
    },
    /// The time was over before the bounds were narrow.
    OutOfTime {
        /// The time that there was.
        max_duration: Duration,
    },
}

impl fmt::Display for Irregular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBrokenUpTo { goal, load_per_s } => {
                write!(f, "{goal}: not broken up to {load_per_s:.1}/s, the largest load allowed")
            }
            Self::FailsAtMinimum { goal, load_per_s } => {
                write!(f, "{goal}: fails at {load_per_s:.1}/s, the smallest load allowed")
            }
            Self::GeneratorLimitedAt { load_per_s, reason } => {
                write!(f, "the generator is the limit at {load_per_s:.1}/s: {reason}")
            }
            Self::NoRecoveryAfterOverload { load_per_s, waited_s, reason } => write!(
                f,
                "no recovery {waited_s:.0} s after an overload of {load_per_s:.1}/s: {reason}"
            ),
            Self::LossInversion { goal, upper_per_s, carried_per_s } => {
                write!(f, "{goal}: {upper_per_s:.1}/s is not carried, but {carried_per_s:.1}/s is")
            }
            Self::OutOfTime { max_duration } => write!(
                f,
                "the bounds were not narrow when {} were over",
                show_duration(*max_duration)
            ),
        }
    }
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What can be carried for long: the first goal that counts slow responses as lost.
    pub max_sustainable: Option<MaxSustainable>,
    /// Where it breaks: the first goal that counts errors only.
    pub breakdown: Option<Breakdown>,
    /// The capacity by the growth of the backlog, if there was one.
    pub capacity_drift: Option<CapacityDrift>,
    /// The bounds of all goals, in the order of the settings.
    pub bounds: Vec<Bounds>,
    /// What is unusual about it.
    pub irregular: Vec<Irregular>,
    /// Trials that were made, of all purposes.
    pub trials: usize,
    /// What they and the rests between them took.
    pub elapsed: Duration,
}
