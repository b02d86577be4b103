//! A common load split among scenarios by weight.

use std::time::Duration;

use super::executor::{Executor, Stage};

/// Splits `total` by `weights` (finite, above 0): users and iterations by largest remainder, so that their sums are exact at
/// every stage's end, and rates in proportion.
///
/// A scenario whose share is no user, or no iteration, is `None`: with fewer users than scenarios some are left out, but
/// never all. Each open share has at least one user, so those may sum to more than the total's.
pub(super) fn share(total: &Executor, weights: &[f64]) -> Vec<Option<Executor>> {
    let split = Split { weights, sum: weights.iter().sum() };
    match total {
        Executor::ConstantVus { vus, duration } => {
            let make =
                |vus| (vus > 0).then_some(Executor::ConstantVus { vus, duration: *duration });
            split.whole(*vus).into_iter().map(make).collect()
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            let (iterations, max_duration) = (*iterations, *max_duration);
            let make = |vus| {
                (vus > 0).then_some(Executor::PerVuIterations { vus, iterations, max_duration })
            };
            split.whole(*vus).into_iter().map(make).collect()
        }
        Executor::SharedIterations { vus, iterations, max_duration } => {
            split.shared_iterations(*vus, *iterations, *max_duration)
        }
        Executor::RampingVus { start_vus, stages } => split.ramping_vus(*start_vus, stages),
        Executor::ConstantArrivalRate { .. } | Executor::RampingArrivalRate { .. } => {
            split.open(total)
        }
    }
}

struct Split<'a> {
    weights: &'a [f64],
    sum: f64,
}

impl Split<'_> {
    fn whole(&self, total: u64) -> Vec<u64> {
        largest_remainder(total, self.weights)
    }

    fn shared_iterations(
        &self,
        vus: u64,
        iterations: u64,
        max_duration: Duration,
    ) -> Vec<Option<Executor>> {
        let vus = self.whole(vus);
        // Iterations go only to scenarios that have a user to do them.
        let with_users = vus.iter().zip(self.weights);
        let weights: Vec<f64> =
            with_users.map(|(vus, weight)| if *vus > 0 { *weight } else { 0.0 }).collect();
        let iterations = largest_remainder(iterations, &weights);
        let make = |(vus, iterations): (u64, u64)| {
            (vus > 0 && iterations > 0).then(|| Executor::SharedIterations {
                vus: vus.min(iterations),
                iterations,
                max_duration,
            })
        };
        vus.into_iter().zip(iterations).map(make).collect()
    }

    fn ramping_vus(&self, start_vus: u64, stages: &[Stage]) -> Vec<Option<Executor>> {
        let starts = self.whole(start_vus);
        let targets: Vec<_> = stages.iter().map(|s| self.whole(s.target.round() as u64)).collect();
        let make = |scenario: usize| {
            let own = |(stage, targets): (&Stage, &Vec<u64>)| Stage {
                target: targets[scenario] as f64,
                ..stage.clone()
            };
            let stages: Vec<_> = stages.iter().zip(&targets).map(own).collect();
            let executor = Executor::RampingVus { start_vus: starts[scenario], stages };
            (executor.max_vus() > 0).then_some(executor)
        };
        (0..self.weights.len()).map(make).collect()
    }

    fn open(&self, total: &Executor) -> Vec<Option<Executor>> {
        let (pre_allocated, max) = match total {
            Executor::ConstantArrivalRate { pre_allocated_vus, max_vus, .. }
            | Executor::RampingArrivalRate { pre_allocated_vus, max_vus, .. } => {
                (self.whole(*pre_allocated_vus), self.whole(*max_vus))
            }
            _ => return Vec::new(),
        };
        let make = |scenario: usize| {
            let share = self.weights[scenario] / self.sum;
            let mut own = total.clone();
            if let Executor::ConstantArrivalRate { rate, .. } = &mut own {
                *rate = rate.scaled(share);
            }
            if let Executor::RampingArrivalRate { start_rate, stages, .. } = &mut own {
                *start_rate = start_rate.scaled(share);
                stages.iter_mut().for_each(|stage| stage.target *= share);
            }
            if let Executor::ConstantArrivalRate { pre_allocated_vus, max_vus, .. }
            | Executor::RampingArrivalRate { pre_allocated_vus, max_vus, .. } = &mut own
            {
                *pre_allocated_vus = pre_allocated[scenario].max(1);
                *max_vus = max[scenario].max(*pre_allocated_vus);
            }
            Some(own)
        };
        (0..self.weights.len()).map(make).collect()
    }
}

/// `total` split by `weights` (finite, 0 or more, one above 0): each its quota rounded down, and what is left one each to
/// the largest remainders, the earlier first. The sum is exact.
pub(crate) fn largest_remainder(total: u64, weights: &[f64]) -> Vec<u64> {
    let sum: f64 = weights.iter().sum();
    let quotas: Vec<f64> = weights.iter().map(|weight| total as f64 * (weight / sum)).collect();
    let mut parts: Vec<u64> = quotas.iter().map(|quota| quota.floor() as u64).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] > 0.0).collect();
    by_remainder.sort_by(|a, b| quotas[*b].fract().total_cmp(&quotas[*a].fract()));
    let left = total.saturating_sub(parts.iter().sum());
    by_remainder.into_iter().take(left as usize).for_each(|index| parts[index] += 1);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Arrival;
    use crate::units::Rate;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_largest_remainders_take_what_is_left() {
        for (total, weights, parts) in [
            (20, vec![4.0, 1.0], vec![16, 4]),
            (10, vec![1.0, 1.0, 1.0], vec![4, 3, 3]),
            (10, vec![0.1, 0.2, 0.7], vec![1, 2, 7]),
            (1, vec![1.0, 3.0], vec![0, 1]),
            (0, vec![1.0, 3.0], vec![0, 0]),
            (5, vec![0.0, 1.0, 1.0], vec![0, 3, 2]),
        ] {
            assert_eq!(largest_remainder(total, &weights), parts, "{total} by {weights:?}");
        }
    }

    #[test]
    fn iterations_go_only_to_scenarios_with_users() {
        let total = Executor::SharedIterations { vus: 2, iterations: 10, max_duration: MINUTE };
        let shares = share(&total, &[1.0, 1.0, 1.0]);
        let one = Executor::SharedIterations { vus: 1, iterations: 5, max_duration: MINUTE };
        assert_eq!(shares, [Some(one.clone()), Some(one), None]);
    }

    #[test]
    fn stages_split_exactly_at_every_end() {
        let stage = |target| Stage { name: "s".into(), target, duration: MINUTE, jump: false };
        let total = Executor::RampingVus { start_vus: 0, stages: vec![stage(7.0), stage(50.0)] };
        let mut sums = [0.0, 0.0];
        for own in share(&total, &[3.0, 1.0, 1.0]).into_iter().flatten() {
            let Executor::RampingVus { stages, .. } = own else { panic!("another kind") };
            stages.iter().zip(&mut sums).for_each(|(stage, sum)| *sum += stage.target);
        }
        assert_eq!(sums, [7.0, 50.0]);
    }

    #[test]
    fn rates_split_in_proportion_and_keep_a_user_each() {
        let total = Executor::ConstantArrivalRate {
            rate: Rate::per_second(10.0).expect("a rate"),
            duration: MINUTE,
            arrival: Arrival::Constant,
            pre_allocated_vus: 2,
            max_vus: 4,
        };
        let shares = share(&total, &[0.5, 0.25, 99.25]);
        let rates = shares.iter().flatten().map(|own| match own {
            Executor::ConstantArrivalRate { rate, pre_allocated_vus, max_vus, .. } => {
                assert!(*pre_allocated_vus >= 1 && max_vus >= pre_allocated_vus);
                rate.as_per_second()
            }
            _ => panic!("another kind"),
        });
        let rates: Vec<_> = rates.collect();
        assert!((rates.iter().sum::<f64>() - 10.0).abs() < 1e-9, "{rates:?}");
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_total_and_stay_within_one_of_their_quota(
            total in 0..1_000_000_u64,
            weights in prop::collection::vec(0.01..100.0_f64, 1..20),
        ) {
            let parts = largest_remainder(total, &weights);
            prop_assert_eq!(parts.iter().sum::<u64>(), total);
            let sum: f64 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!((*part as f64 - total as f64 * weight / sum).abs() < 1.0 + 1e-6);
            }
        }
    }
}
