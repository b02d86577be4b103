//! From the trials of a search to its outcome.

use super::ledger::LoadTrials;
use super::{Bounds, Breakdown, CapacityDrift, Irregular, LossKind, MaxSustainable, Outcome};
use super::{Purpose, Search, Strategy, TrialRow};
use crate::analysis::trend::median;

/// The standard error of a median against that of a mean, √(π/2).
const MEDIAN_ERROR: f64 = 1.2533;
/// A load that is carried counts as an inversion from so far above the upper bound on: nearer, either may be chance.
const INVERTED: f64 = 1.1;

impl Search {
    /// All that was found so far.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let goals = 0..self.settings.goals.len();
        let mut irregular = self.irregular.clone();
        if self.settings.strategy == Strategy::MlrSearch {
            goals.clone().for_each(|goal| irregular.extend(self.irregular_bounds(goal)));
        }
        Outcome {
            max_sustainable: self.max_sustainable(),
            breakdown: self.breakdown(),
            capacity_drift: self.capacity_drift(),
            bounds: goals.map(|goal| self.bounds(goal)).collect(),
            irregular,
            trials: self.rows.len(),
            elapsed: self.used,
        }
    }

    fn irregular_bounds(&self, place: usize) -> Vec<Irregular> {
        let goal = &self.settings.goals[place];
        let name = || goal.name.clone();
        let mut found = Vec::new();
        let (min, max) = (self.settings.min_load_per_s, self.settings.max_load_per_s);
        match self.bounds(place) {
            Bounds { lower_per_s: Some(lower), upper_per_s: None } if lower >= max => {
                found.push(Irregular::NotBrokenUpTo { goal: name(), load_per_s: lower });
            }
            Bounds { lower_per_s: None, upper_per_s: Some(upper) } if upper <= min => {
                found.push(Irregular::FailsAtMinimum { goal: name(), load_per_s: upper });
            }
            Bounds { upper_per_s: Some(upper), .. } => {
                let is_carried = |load: &&LoadTrials| {
                    let full = self.full_duration(load.load_per_s);
                    load.load_per_s >= upper * INVERTED && load.is_carried_for(full, goal)
                };
                let carried = self.ledger.loads().iter().find(is_carried).map(|l| l.load_per_s);
                found.extend(carried.map(|carried_per_s| Irregular::LossInversion {
                    goal: name(),
                    upper_per_s: upper,
                    carried_per_s,
                }));
            }
            Bounds { .. } => {}
        }
        found
    }

    fn max_sustainable(&self) -> Option<MaxSustainable> {
        let place = self.place_of(LossKind::Slo)?;
        let goal = &self.settings.goals[place];
        let bounds = self.bounds(place);
        let lower = bounds.lower_per_s?;
        let (goodput_per_s, trials) = match self.ledger.at(lower) {
            Some(load) => {
                // At the finest target with enough trials; a search that was cut short has only coarse ones.
                let throughput = |target| load.throughput(goal, target, &self.settings);
                let known = self.targets.iter().rev().map(throughput).find(|value| *value > 0.0);
                (known.unwrap_or(0.0), load.trials.len())
            }
            None => (lower, 1),
        };
        Some(MaxSustainable {
            goodput_per_s,
            lower_per_s: lower,
            upper_per_s: bounds.upper_per_s,
            width_ratio: bounds.width_ratio(),
            trials,
            confirmed: self.confirmed(lower),
        })
    }

    /// A load that was not refuted, but is not the one that was held, is not confirmed either.
    fn confirmed(&self, lower_per_s: f64) -> Option<bool> {
        let has_holds = self.rows.iter().any(|row| row.purpose == Purpose::Hold);
        has_holds.then(|| self.holds.verdict(lower_per_s).unwrap_or(false))
    }

    fn breakdown(&self) -> Option<Breakdown> {
        let bounds = self.bounds(self.place_of(LossKind::Errors)?);
        let load_per_s = bounds.upper_per_s?;
        // Where work only piles up at the bound itself, requests fail at larger loads first.
        let failed = |row: &&TrialRow| {
            row.trial.load_per_s >= load_per_s && row.trial.first_failure.is_some()
        };
        let rows = self.rows.iter().filter(failed);
        let first = rows.min_by(|a, b| a.trial.load_per_s.total_cmp(&b.trial.load_per_s));
        let first_failure = first.and_then(|row| row.trial.first_failure.clone());
        Some(Breakdown { load_per_s, lower_per_s: bounds.lower_per_s, first_failure })
    }

    /// From all trials at loads where work piled up, whether each of them showed it or not: those that did by themselves would
    /// be the ones in which less than usual was completed.
    fn capacity_drift(&self) -> Option<CapacityDrift> {
        let loads = self.ledger.loads();
        let first = loads.iter().position(LoadTrials::is_unstable)?;
        let told: Vec<(f64, f64)> =
            loads[first..].iter().flat_map(LoadTrials::capacities).collect();
        let values: Vec<f64> = told.iter().map(|(mu_hat, _)| *mu_hat).collect();
        let errors: Vec<f64> = told.iter().map(|(_, error)| *error).collect();
        Some(CapacityDrift {
            smallest_unstable_load_per_s: loads[first].load_per_s,
            mu_hat_per_s: median(&values)?,
            standard_error_per_s: median(&errors)? * MEDIAN_ERROR / (errors.len() as f64).sqrt(),
        })
    }
}
