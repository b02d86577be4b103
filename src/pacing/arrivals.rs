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
mod tests;
