//! All trials that count, by load, and the bounds that follow from them.

use std::time::Duration;

use super::classify::{LoadClass, Seconds, conditional_throughput};
use super::outcome::Bounds;
use super::settings::{Goal, SearchSettings, Target};
use super::trial::Trial;
use crate::analysis::trend::median;

/// Trials from which on what they say together is looked at.
const FEWEST_POOLED: usize = 3;
/// Trials from which on it decides: in fewer, two disturbed ones would.
const FEWEST_DECIDING: usize = 5;
/// Standard errors that their growth must exceed: with one trial in twenty disturbed, one load in a hundred does by chance.
const Z_POOLED: f64 = 3.0;
/// The standard error of a median against that of a mean, √(π/2).
const MEDIAN_ERROR: f64 = 1.2533;
/// Within so many standard errors of the limit, it is open on which side of it the trials together are.
const Z_OPEN: f64 = 1.28;
/// The standard deviation of a normal distribution against its median absolute deviation.
const DEVIATION: f64 = 1.4826;
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
        2 * flagged > self.trials.len() || self.grows_together()
    }

    fn grows_together(&self) -> bool {
        self.trials.len() >= FEWEST_DECIDING && self.pooled_z().is_some_and(|z| z > Z_POOLED)
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

    /// Whether all were, and one of them was not too short to tell.
    pub(super) fn is_carried_for(&self, full: Duration, goal: &Goal) -> bool {
        self.is_all_low(goal) && self.trials.iter().any(|trial| trial.duration >= full)
    }

    /// By how many standard errors what is typically lost exceeds the limit. `None` for less than three trials.
    fn loss_z(&self, goal: &Goal) -> Option<f64> {
        let over = |trial: &Trial| trial.loss_ratio(goal.loss) - goal.max_loss_ratio;
        let over: Vec<f64> = self.trials.iter().map(over).collect();
        let middle = median(&over)?;
        let apart: Vec<f64> = over.iter().map(|value| (value - middle).abs()).collect();
        let error = MEDIAN_ERROR * DEVIATION * median(&apart)? / (over.len() as f64).sqrt();
        (over.len() >= FEWEST_POOLED).then(|| middle / error.max(f64::MIN_POSITIVE))
    }

    /// Whether it is open on which side of a limit the load is, though most of its trials are on one.
    fn is_open(&self, goal: &Goal) -> bool {
        self.pooled_z().is_some_and(|z| z > Z_OPEN)
            || self.loss_z(goal).is_some_and(|z| z.abs() < Z_OPEN)
    }

    /// The class by the rule of RFC 9971, with two additions: a backlog that grows in all trials together makes it an upper
    /// bound; and where the trials together leave open on which side of the limit they are, more are made, up to the longest
    /// sum of the target.
    pub(super) fn class(
        &self,
        goal: &Goal,
        target: &Target,
        settings: &SearchSettings,
    ) -> LoadClass {
        let stretch = settings.stretch(self.load_per_s);
        let seconds = self.seconds(goal, target.trial_s * stretch);
        if self.grows_together() {
            return LoadClass::Upper;
        }
        // Trials that were prolonged for a small load are not also repeated more often: a search must end.
        let sum_s = target.sum_s * stretch;
        if seconds.full() < target.longest_sum_s.max(sum_s) && self.is_open(goal) {
            return LoadClass::Undecided;
        }
        let class = seconds.class(sum_s, goal.exceed_ratio);
        let is_doubtful = class == LoadClass::Upper && self.needs_repeating(goal);
        if is_doubtful { LoadClass::Undecided } else { class }
    }

    /// Whether there is one trial and it may have been disturbed: at a small load it would send a search with single trials
    /// far astray. A goal that allows for no high trial believes it.
    fn needs_repeating(&self, goal: &Goal) -> bool {
        let is_certain = |trial: &Trial| trial.drift.is_some_and(|drift| drift.is_certain);
        goal.exceed_ratio > 0.0 && self.trials.len() < 2 && !self.trials.iter().any(is_certain)
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
