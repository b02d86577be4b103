//! What can be wrong with a plan, and what would work.

use std::time::Duration;

use crate::metric::threshold::ThresholdError;
use crate::units::show_span;

/// One thing that is wrong with what was asked for. All of them are found before any load.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Nothing to run.
    #[error("there is no scenario to run")]
    NoScenario,
    /// A scenario was asked for that the script does not have.
    #[error("unknown scenario {name:?}")]
    UnknownScenario {
        /// What was written.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// The names that exist, joined by commas.
        known: String,
    },
    /// Two scenarios of one name.
    #[error("two scenarios are named {name:?}")]
    DuplicateScenario {
        /// The name.
        name: String,
    },
    /// A scenario without tasks.
    #[error("scenario {scenario:?} has no tasks")]
    NoTasks {
        /// The scenario.
        scenario: String,
    },
    /// A weight that is zero, negative, infinite or not a number.
    #[error("the weight of {what} {name:?} is {weight}")]
    Weight {
        /// `task` or `scenario`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The weight.
        weight: f64,
    },
    /// A function that the script does not have.
    #[error("{role} {function:?} is not a function of the script")]
    UnknownFunction {
        /// `task`, `on_start` or `on_stop`.
        role: &'static str,
        /// What was written.
        function: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A function that takes another number of parameters than one.
    #[error("function {function:?} takes {arity} parameters")]
    Arity {
        /// The function.
        function: String,
        /// How many it takes.
        arity: usize,
    },
    /// An executor that does not exist.
    #[error("unknown executor {name:?}")]
    UnknownExecutor {
        /// What was written.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// An executor named beside settings that make another.
    #[error("executor {named:?} does not fit the rest of the load, which makes {found}")]
    Executor {
        /// What was named.
        named: String,
        /// What the rest makes.
        found: &'static str,
        /// What the named one needs.
        needs: &'static str,
    },
    /// A profile that does not exist.
    #[error("unknown profile {name:?}")]
    UnknownProfile {
        /// What was written.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// Two settings of one load that exclude each other.
    #[error("{first} and {second} exclude each other")]
    Conflict {
        /// One setting.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A setting that needs another, which is absent.
    #[error("{field} needs {needs}")]
    Needs {
        /// What is set.
        field: &'static str,
        /// What is not.
        needs: &'static str,
    },
    /// Phases of users and of rates in one load.
    #[error("{what} mixes users and rates")]
    MixedLevels {
        /// Where: a phase, or the profile.
        what: String,
    },
    /// Two phases of one name.
    #[error("two phases are named {name:?}")]
    DuplicatePhase {
        /// The name.
        name: String,
    },
    /// A quantity that must be above zero.
    #[error("{what} is zero")]
    Zero {
        /// Which.
        what: &'static str,
    },
    /// More than there can be.
    #[error("{what} is {value}, and at most {max} are possible")]
    TooMany {
        /// Which.
        what: &'static str,
        /// What was asked for.
        value: u64,
        /// The most.
        max: u64,
    },
    /// Fewer users may exist than are there from the start.
    #[error("max_vus {max_vus} is below vus {vus}")]
    MaxBelowVus {
        /// The bound.
        max_vus: u64,
        /// Users from the start.
        vus: u64,
    },
    /// A scale that is zero, negative, infinite or not a number.
    #[error("scale is {scale}")]
    Scale {
        /// What was written.
        scale: f64,
    },
    /// A load that is longer than the longest duration.
    #[error("the load is longer than {}", show_span(*max))]
    TooLong {
        /// The longest.
        max: Duration,
    },
    /// A target that is not an absolute HTTP URL.
    #[error("target {target:?} cannot be used: {reason}")]
    Target {
        /// What was written, without user and password.
        target: String,
        /// What is wrong with it.
        reason: String,
        /// What would work.
        hint: String,
    },
    /// An HTTP setting that cannot be used.
    #[error("{setting} {value:?} cannot be used: {reason}")]
    Http {
        /// The setting: `transport`, `proxy`, `header`, `timeout`.
        setting: &'static str,
        /// What was written.
        value: String,
        /// What is wrong with it, or what would work.
        reason: String,
    },
    /// A page of metrics that cannot be fetched.
    #[error("the page {url:?} cannot be scraped: {reason}")]
    Scrape {
        /// What was written, without user and password.
        url: String,
        /// What is wrong with it.
        reason: String,
        /// What would work.
        hint: &'static str,
    },
    /// Something that may not be in a run that is made for somebody else.
    #[error("{what} is not allowed here: {reason}")]
    Barred {
        /// Which setting.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Two resources of one name.
    #[error("two scraped resources are named {name:?}")]
    DuplicateResource {
        /// The name.
        name: String,
    },
    /// A threshold that cannot be judged.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// A threshold that selects a task or scenario that does not exist.
    #[error("threshold {threshold:?} selects the unknown {label} {value:?}")]
    Selector {
        /// The rule.
        threshold: String,
        /// `task` or `scenario`.
        label: String,
        /// What was written.
        value: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A problem with the load of one scenario.
    #[error("scenario {scenario:?}: {problem}")]
    InScenario {
        /// The scenario.
        scenario: String,
        /// What is wrong with its load.
        problem: Box<PlanError>,
    },
}

impl PlanError {
    /// What would work, for a `help:` line; `None` when the message says it all.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownScenario { nearest, known, .. } => Some(
                did_you_mean(nearest.as_ref())
                    .unwrap_or_else(|| format!("the script has the scenarios {known}")),
            ),
            Self::UnknownFunction { nearest, function, .. } => Some(
                did_you_mean(nearest.as_ref())
                    .unwrap_or_else(|| format!("add fn {function}(user) {{ ... }}")),
            ),
            Self::UnknownExecutor { nearest, .. } => Some(
                did_you_mean(nearest.as_ref())
                    .unwrap_or_else(|| format!("the executors are {EXECUTOR_LIST}")),
            ),
            Self::UnknownProfile { nearest, .. } => Some(
                did_you_mean(nearest.as_ref())
                    .unwrap_or_else(|| "the only profile is five-phase".to_owned()),
            ),
            Self::Selector { nearest, .. } => did_you_mean(nearest.as_ref()),
            Self::Executor { named, needs, .. } => Some(format!("{named} needs {needs}")),
            Self::Arity { function, .. } => {
                Some(format!("it is called with the user: fn {function}(user) {{ ... }}"))
            }
            Self::Target { hint, .. } => Some(hint.clone()),
            Self::Scrape { hint, .. } => Some((*hint).to_owned()),
            Self::Threshold(error) => error.hint(),
            Self::InScenario { problem, .. } => problem.hint(),
            other => other.fixed_hint().map(str::to_owned),
        }
    }

    fn fixed_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoScenario => "give the script a task: tasks: #{ browse: 1 } and fn browse(user)",
            Self::DuplicateResource { .. } => "give each resource its own name",
            Self::DuplicateScenario { .. } => "give each scenario its own name",
            Self::NoTasks { .. } => "write for example tasks: #{ browse: 3, buy: 1 }",
            Self::Weight { .. } => "a weight is a number above 0; leave out what should not run",
            Self::Conflict { .. } => "keep one of the two",
            Self::Needs { needs: "duration", .. } => "add a duration: duration: \"30s\", or -d 30s",
            Self::MixedLevels { .. } => "all phases of a load name users (vus), or all name a rate",
            Self::DuplicatePhase { .. } => "phases are told apart by their names",
            Self::Zero { .. } => "it must be above zero",
            Self::TooMany { what: "threads", .. } => "one thread for each core is the default",
            Self::TooMany { .. } => "for more load, use several machines",
            Self::MaxBelowVus { .. } => "raise max_vus (--max-vus), or lower vus",
            Self::Barred { what: "target" | "scrape", .. } => {
                "start the server with --allow-target HOST, if the host is yours"
            }
            Self::Scale { .. } => "a scale is a number above 0; 0.1 makes ten minutes one",
            _ => return None,
        })
    }
}

/// The six executors, for people.
const EXECUTOR_LIST: &str = "constant-vus, ramping-vus, shared-iterations, per-vu-iterations, \
                             constant-arrival-rate and ramping-arrival-rate";

fn did_you_mean(nearest: Option<&String>) -> Option<String> {
    nearest.map(|word| format!("did you mean {word}?"))
}
