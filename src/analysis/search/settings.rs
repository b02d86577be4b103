//! What a search looks for and how much time it may take for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What counts as lost (METHODS.md 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// What failed, and what succeeded later than the objective allows.
    Slo,
    /// What failed: errors, time-outs, and what could not be sent.
    Errors,
}

/// A limit of which the highest load that keeps it is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// How reports call it, such as `sustainable`.
    pub name: String,
    /// What counts as lost.
    pub loss: LossKind,
    /// The share that may be lost in a trial, 0..=1.
    pub max_loss_ratio: f64,
    /// The share of trial time at a load that may be above that, 0..1: one half lets the majority decide.
    pub exceed_ratio: f64,
}

impl Goal {
    /// What a service can carry and still keep its objective for all but one percent.
    #[must_use]
    pub fn sustainable() -> Self {
        Self {
            name: "sustainable".to_owned(),
            loss: LossKind::Slo,
            max_loss_ratio: 0.01,
            exceed_ratio: 0.5,
        }
    }

    /// Where more than five percent fail.
    #[must_use]
    pub fn breakdown() -> Self {
        Self {
            name: "breakdown".to_owned(),
            loss: LossKind::Errors,
            max_loss_ratio: 0.05,
            exceed_ratio: 0.5,
        }
    }
}

/// How loads are chosen and judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Several trials a load, from coarse to fine, that survive disturbed ones (RFC 9971).
    MlrSearch,
    /// The textbook's doubling and halving, one trial a load, errors only. One wrong trial is never found out: kept to
    /// compare with.
    Bisect,
}

/// All that a search is told. Loads are iterations a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchSettings {
    /// What is looked for; every trial counts for every goal.
    pub goals: Vec<Goal>,
    /// How.
    pub strategy: Strategy,
    /// The objective that [`Trial::slow`](super::Trial::slow) was counted by, for words only.
    pub slo: Option<Duration>,
    /// The first load; small, because what a fresh overload breaks can no longer be measured.
    pub start_load_per_s: f64,
    /// The smallest load that is of interest, above zero.
    pub min_load_per_s: f64,
    /// The largest.
    pub max_load_per_s: f64,
    /// The upper bound may lie above the lower one by this share of it, 0.01..=0.5.
    pub width_ratio: f64,
    /// A trial of the finest target; those of small loads take longer, for [`Self::requests_per_trial`].
    pub trial_duration: Duration,
    /// A trial of the coarsest target.
    pub initial_duration: Duration,
    /// Trials at one load together take up to this for a decision of the finest target.
    pub duration_sum: Duration,
    /// A trial is prolonged until so many requests are due in it: a limit of one percent cannot be judged by fifty.
    pub requests_per_trial: u64,
    /// But not beyond this.
    pub longest_trial: Duration,
    /// The last trial, at the sustainable load; zero for none.
    pub hold_duration: Duration,
    /// A target that is not itself again so long after an overload will not be.
    pub max_recovery: Duration,
    /// Trials and rests together.
    pub max_duration: Duration,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            goals: vec![Goal::sustainable(), Goal::breakdown()],
            strategy: Strategy::MlrSearch,
            slo: None,
            start_load_per_s: 10.0,
            min_load_per_s: 1.0,
            max_load_per_s: 100_000.0,
            width_ratio: 0.05,
            trial_duration: Duration::from_secs(5),
            initial_duration: Duration::from_secs(2),
            duration_sum: Duration::from_secs(35),
            requests_per_trial: 1000,
            longest_trial: Duration::from_secs(30),
            hold_duration: Duration::from_secs(60),
            max_recovery: Duration::from_secs(60),
            max_duration: Duration::from_secs(20 * 60),
        }
    }
}

/// How exactly a load is to be known before the next finer target is turned to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    /// Bounds may lie so far apart, as a share of the lower one.
    pub(super) width: f64,
    /// The shortest trial that counts in full, in seconds, before it is prolonged for a small load.
    pub(super) trial_s: f64,
    /// Trial time that a decision rests on, in seconds, likewise.
    pub(super) sum_s: f64,
    /// The same where the trials together leave it open on which side of the limit the load is.
    pub(super) longest_sum_s: f64,
}

/// Targets of a search.
const TARGETS: i32 = 3;
/// By how much the duration sum of the finest target is exceeded where the trials leave it open.
const LONGER_IF_OPEN: f64 = 3.0;

impl SearchSettings {
    /// The targets from coarse to fine: widths halve, durations grow geometrically.
    pub(super) fn targets(&self) -> Vec<Target> {
        let full_s = self.trial_duration.as_secs_f64();
        let first_s = self.initial_duration.as_secs_f64().clamp(full_s * 0.01, full_s);
        let sum_s = self.duration_sum.as_secs_f64().max(full_s);
        let between = |from: f64, to: f64, step: i32| {
            from * (to / from).powf(f64::from(step) / f64::from(TARGETS - 1))
        };
        let target = |step| Target {
            width: self.width_ratio * f64::powi(2.0, TARGETS - 1 - step),
            trial_s: between(first_s, full_s, step),
            sum_s: between(first_s, sum_s, step),
            longest_sum_s: if step == TARGETS - 1 { sum_s * LONGER_IF_OPEN } else { 0.0 },
        };
        (0..TARGETS).map(target).collect()
    }

    /// By how much trials at this load are prolonged, at least 1.
    pub(super) fn stretch(&self, load_per_s: f64) -> f64 {
        let full_s = self.trial_duration.as_secs_f64();
        let longest = (self.longest_trial.as_secs_f64() / full_s).max(1.0);
        (self.requests_per_trial as f64 / (load_per_s * full_s)).clamp(1.0, longest)
    }

    /// A load within the limits.
    pub(super) fn within_limits(&self, load_per_s: f64) -> f64 {
        load_per_s.min(self.max_load_per_s).max(self.min_load_per_s)
    }
}
