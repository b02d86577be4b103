//! All trials that count, by load, and the bounds that follow from them.

use super::classify::{LoadClass, Seconds, conditional_throughput};
use super::drift::Z_UNSTABLE;
use super::outcome::Bounds;
use super::settings::{Goal, SearchSettings, Target};
use super::trial::Trial;
use crate::analysis::trend::median;

/// Trials from which on what they say together about a backlog counts.
const FEWEST_POOLED: usize = 3;
/// The standard error of a median against that of a mean, √(π/2).
const MEDIAN_ERROR: f64 = 1.2533;
/// Pooled growth beyond this many standard errors is suspicious: the load is not carried before the full sum of trials.
const Z_SUSPICIOUS: f64 = 1.0;
/// Above this share of errors outstanding work is cut off by failures, and its growth no longer tells the capacity.
const ERRORS_HIDE_CAPACITY: f64 = 0.01;

/// The trials at one load.
#[derive(Debug, Clone)]
pub(super) struct LoadTrials {
    pub(super) load_per_s: f64,
    pub(super) trials: Vec<Trial>,
}

/// All of them, by load.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    loads: Vec<LoadTrials>,
}

impl LoadTrials {
    fn seconds(&self, goal: &Goal, full_s: f64) -> Seconds {
        let mut seconds = Seconds::default();
        for trial in &self.trials {
            seconds.add(trial.duration.as_secs_f64(), full_s, trial.is_high(goal));
        }
        seconds
    }

    /// Growth of the backlog in standard errors, by the median of the trials: one that was disturbed does not move it, and
    /// an overload too small for each of them shows in all together. `None` for less than three.
    fn pooled_z(&self) -> Option<f64> {
        let zs: Vec<f64> = self.trials.iter().filter_map(|t| Some(t.drift?.z())).collect();
        let pooled = median(&zs)? * (zs.len() as f64).sqrt() / MEDIAN_ERROR;
        (zs.len() >= FEWEST_POOLED).then_some(pooled)
    }

    /// Whether work piles up at this load: by the trials together, or else by the most of them.
    pub(super) fn is_unstable(&self) -> bool {
        let flagged = self.trials.iter().filter(|trial| trial.is_unstable()).count();
        2 * flagged > self.trials.len() || self.pooled_z().is_some_and(|z| z > Z_UNSTABLE)
    }

    /// What was completed a second while work piled up, each trial with its standard error.
    pub(super) fn capacities(&self) -> Vec<(f64, f64)> {
        let tells = |trial: &&Trial| {
            trial.loss_ratio(super::LossKind::Errors) <= ERRORS_HIDE_CAPACITY
                && trial.drift.is_some()
        };
        let drifts = self.trials.iter().filter(tells).filter_map(|trial| trial.drift);
        drifts.map(|drift| (drift.mu_hat_per_s, drift.standard_error_per_s)).collect()
    }

    /// The median of them, if work piles up.
    pub(super) fn capacity(&self) -> Option<f64> {
        let values: Vec<f64> = self.capacities().iter().map(|(mu_hat, _)| *mu_hat).collect();
        median(&values).filter(|_| self.is_unstable())
    }

    /// What is lost at this load, typically.
    pub(super) fn loss_ratio(&self, goal: &Goal) -> f64 {
        let losses: Vec<f64> = self.trials.iter().map(|t| t.loss_ratio(goal.loss)).collect();
        median(&losses).unwrap_or(0.0)
    }

    /// Successes a second, typically.
    pub(super) fn goodput(&self) -> f64 {
        let goodputs: Vec<f64> = self.trials.iter().map(|t| t.goodput_per_s).collect();
        median(&goodputs).unwrap_or(0.0)
    }

    /// Whether all trials were low.
    pub(super) fn is_all_low(&self, goal: &Goal) -> bool {
        self.trials.iter().all(|trial| !trial.is_high(goal))
    }

    pub(super) fn class(
        &self,
        goal: &Goal,
        target: &Target,
        settings: &SearchSettings,
    ) -> LoadClass {
        let stretch = settings.stretch(self.load_per_s);
        let seconds = self.seconds(goal, target.trial_s * stretch);
        let sum_s = target.sum_s * stretch;
        let class = seconds.class(sum_s, goal.exceed_ratio);
        let z = self.pooled_z().unwrap_or(0.0);
        match class {
            LoadClass::Lower | LoadClass::Undecided if z > Z_UNSTABLE => LoadClass::Upper,
            LoadClass::Lower if z > Z_SUSPICIOUS && seconds.full() < sum_s => LoadClass::Undecided,
            decided => decided,
        }
    }

    pub(super) fn throughput(
        &self,
        goal: &Goal,
        target: &Target,
        settings: &SearchSettings,
    ) -> f64 {
        let stretch = settings.stretch(self.load_per_s);
        let is_full =
            |trial: &&Trial| trial.duration.as_secs_f64() + 1e-6 >= target.trial_s * stretch;
        let row = |trial: &Trial| (trial.loss_ratio(goal.loss), trial.duration.as_secs_f64());
        let full: Vec<_> = self.trials.iter().filter(is_full).map(row).collect();
        conditional_throughput(self.load_per_s, &full, target.sum_s * stretch, goal.exceed_ratio)
    }
}

impl Ledger {
    pub(super) fn add(&mut self, trial: Trial) {
        let load_per_s = trial.load_per_s;
        let place = self.loads.partition_point(|known| known.load_per_s < load_per_s);
        if self.loads.get(place).is_none_or(|known| known.load_per_s > load_per_s) {
            self.loads.insert(place, LoadTrials { load_per_s, trials: Vec::new() });
        }
        self.loads[place].trials.push(trial);
    }

    /// The loads, from the smallest.
    pub(super) fn loads(&self) -> &[LoadTrials] {
        &self.loads
    }

    pub(super) fn at(&self, load_per_s: f64) -> Option<&LoadTrials> {
        self.loads.iter().find(|known| known.load_per_s.total_cmp(&load_per_s).is_eq())
    }

    /// The smallest load that is not carried, and the largest that is below it. A load above that is carried nevertheless
    /// does not count: what fails now and then at some load is not safe beyond it.
    pub(super) fn bounds(&self, goal: &Goal, target: &Target, settings: &SearchSettings) -> Bounds {
        let is = |class: LoadClass| {
            move |known: &&LoadTrials| known.class(goal, target, settings) == class
        };
        let upper = self.loads.iter().find(is(LoadClass::Upper)).map(|known| known.load_per_s);
        let below = self.loads.iter().filter(|known| upper.is_none_or(|u| known.load_per_s < u));
        let lower = below.rev().find(is(LoadClass::Lower)).map(|known| known.load_per_s);
        Bounds { lower_per_s: lower, upper_per_s: upper }
    }
}
