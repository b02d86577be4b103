//! One worker's arrivals, in order.

use std::time::Duration;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::{Pacer, Schedule, Shard};
use crate::plan::{Arrival, Executor};

/// 2⁶⁴ over the golden ratio: spreads the seeds of workers, and of runs with neighbouring seeds, over all 64 bits.
const SEED_STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The arrivals of one worker: `(global index, when due from the scenario's start)`, in order of time.
///
/// Even arrivals: worker w of W takes the indices that are w modulo W, so the workers together make the schedule of one
/// worker exactly. Poisson arrivals: each worker draws its own stream of a W-th of the rate, which together are a Poisson
/// process of the whole rate; the indices are unique but only per worker in order of time.
#[derive(Debug, Clone)]
pub enum Arrivals {
    /// Evenly spaced.
    Constant {
        /// The whole schedule.
        schedule: Schedule,
        /// This worker.
        shard: Shard,
        /// Arrivals of this worker so far.
        local: u64,
    },
    /// Random.
    Poisson(PoissonArrivals),
    /// A closed executor has no arrivals.
    None,
}

impl Arrivals {
    /// The arrivals of `executor` for one worker; none at all when it is closed.
    ///
    /// The same seed and shard give the same arrivals. Scenarios should have different seeds.
    #[must_use]
    pub fn new(executor: &Executor, seed: u64, shard: Shard) -> Self {
        let Some(schedule) = Schedule::of(executor) else { return Self::None };
        match executor {
            Executor::ConstantArrivalRate { arrival: Arrival::Poisson, .. }
            | Executor::RampingArrivalRate { arrival: Arrival::Poisson, .. } => {
                Self::Poisson(PoissonArrivals::new(schedule, seed, shard))
            }
            _ => Self::Constant { schedule, shard, local: 0 },
        }
    }
}

impl Iterator for Arrivals {
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Constant { schedule, shard, local } => {
                let index = shard.global_index(*local);
                let due = schedule.due_at(index)?;
                *local += 1;
                Some((index, due))
            }
            Self::Poisson(arrivals) => arrivals.next(),
            Self::None => None,
        }
    }
}

/// Poisson arrivals under a piecewise linear rate: arrival i is at Λ⁻¹(−Σ ln Uⱼ), j ≤ i, with seeded uniform U.
#[derive(Debug, Clone)]
pub struct PoissonArrivals {
    schedule: Schedule,
    shard: Shard,
    random: Pcg64,
    local: u64,
    /// The sum of the exponential gaps, in arrivals of the whole schedule.
    expected: f64,
    last: Duration,
}

impl PoissonArrivals {
    /// The stream of one worker. `seed` is the scenario's; each worker derives its own.
    #[must_use]
    pub fn new(schedule: Schedule, seed: u64, shard: Shard) -> Self {
        let worker_seed = seed.wrapping_add((shard.index + 1).wrapping_mul(SEED_STRIDE));
        let random = Pcg64::seed_from_u64(worker_seed);
        Self { schedule, shard, random, local: 0, expected: 0.0, last: Duration::ZERO }
    }
}

impl Iterator for PoissonArrivals {
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        // 53 random bits as a number in (0, 1]: its logarithm is finite.
        let uniform = ((self.random.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        self.expected -= uniform.ln() * self.shard.count as f64;
        // A gap below a nanosecond may round back.
        self.last = self.schedule.time_of(self.expected)?.max(self.last);
        let index = self.shard.global_index(self.local);
        self.local += 1;
        Some((index, self.last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Stage;
    use crate::units::Rate;

    fn constant(rate: f64, seconds: u64, arrival: Arrival) -> Executor {
        Executor::ConstantArrivalRate {
            rate: Rate::per_second(rate).expect("a rate"),
            duration: Duration::from_secs(seconds),
            arrival,
            pre_allocated_vus: 1,
            max_vus: 1,
        }
    }

    fn ramp(from: f64, to: f64, seconds: u64, arrival: Arrival) -> Executor {
        let stage = |target, seconds| Stage {
            name: "s".into(),
            target,
            duration: Duration::from_secs(seconds),
            jump: false,
        };
        Executor::RampingArrivalRate {
            start_rate: Rate::per_second(from).expect("a rate"),
            stages: vec![stage(to, seconds), stage(0.0, 1)],
            arrival,
            pre_allocated_vus: 1,
            max_vus: 1,
        }
    }

    fn all_shards(executor: &Executor, count: u64) -> Vec<(u64, Duration)> {
        let shards = (0..count).map(|index| Shard { index, count });
        let mut all: Vec<_> = shards.flat_map(|s| Arrivals::new(executor, 7, s)).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_closed_executor_has_no_arrivals() {
        let closed = Executor::ConstantVus { vus: 3, duration: Duration::from_secs(1) };
        assert_eq!(Arrivals::new(&closed, 1, Shard::WHOLE).next(), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_poisson_arrivals() {
        let executor = constant(500.0, 10, Arrival::Poisson);
        assert_eq!(all_shards(&executor, 4), all_shards(&executor, 4));
        let other: Vec<_> = Arrivals::new(&executor, 8, Shard::WHOLE).take(5).collect();
        assert_ne!(all_shards(&executor, 1)[..5], other[..]);
    }

    #[test]
    fn poisson_counts_have_their_mean_as_variance() {
        for workers in [1, 8] {
            let mut counts = [0_u32; 400];
            for (_, due) in all_shards(&constant(200.0, 400, Arrival::Poisson), workers) {
                counts[due.as_secs() as usize] += 1;
            }
            let n = counts.len() as f64;
            let mean = f64::from(counts.iter().sum::<u32>()) / n;
            let squares = counts.iter().map(|c| (f64::from(*c) - mean).powi(2));
            let dispersion = squares.sum::<f64>() / (n - 1.0) / mean;
            // Three standard deviations of the mean and of the dispersion.
            assert!((mean - 200.0).abs() < 3.0 * (200.0 / n).sqrt(), "mean {mean}");
            let bound = 3.0 * (2.0 / (n - 1.0)).sqrt();
            assert!((dispersion - 1.0).abs() < bound, "dispersion {dispersion}");
        }
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let executor = constant(1000.0, 20, Arrival::Poisson);
        let dues: Vec<_> = all_shards(&executor, 3).iter().map(|(_, due)| *due).collect();
        let mut dues: Vec<_> = dues.iter().map(Duration::as_secs_f64).collect();
        dues.sort_unstable_by(f64::total_cmp);
        let mut gaps: Vec<_> = dues.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = |(i, gap): (usize, &f64)| {
            let cumulative = 1.0 - (-gap * 1000.0).exp();
            (cumulative - i as f64 / n).abs().max((cumulative - (i + 1) as f64 / n).abs())
        };
        let largest = gaps.iter().enumerate().map(distance).fold(0.0, f64::max);
        // Kolmogorov and Smirnov's bound for a probability of 0.001.
        assert!(largest < 1.95 / n.sqrt(), "{largest}");
    }

    #[test]
    fn a_poisson_ramp_has_the_shape_of_its_rate() {
        let all = all_shards(&ramp(0.0, 2000.0, 10, Arrival::Poisson), 4);
        let before = |s| all.iter().filter(|(_, due)| *due < Duration::from_secs(s)).count() as f64;
        // Λ = 100 t²: 2500 by 5 s and 10,000 by 10 s, each within four standard deviations.
        for (at, expected) in [(5, 2500.0_f64), (10, 10_000.0)] {
            assert!((before(at) - expected).abs() < 4.0 * expected.sqrt(), "{}", before(at));
        }
    }

    proptest! {
        #[test]
        fn workers_together_make_the_schedule_of_one(
            from in 0.0..300.0_f64,
            to in 0.0..300.0_f64,
            seconds in 1..20_u64,
            workers in 1..9_u64,
        ) {
            let executor = ramp(from, to, seconds, Arrival::Constant);
            prop_assert_eq!(all_shards(&executor, workers), all_shards(&executor, 1));
        }

        #[test]
        fn random_arrivals_are_in_order_and_inside_the_plan(seed: u64, rate in 0.1..1e5_f64) {
            let executor = constant(rate, 3, Arrival::Poisson);
            let mut last = Duration::ZERO;
            for (_, due) in Arrivals::new(&executor, seed, Shard::WHOLE).take(5000) {
                prop_assert!(due >= last && due < Duration::from_secs(3));
                last = due;
            }
        }
    }
}
