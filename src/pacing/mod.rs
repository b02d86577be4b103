//! When: the arithmetic of arrivals, of the number of users, and of pauses.
//!
//! Main types: a [`Schedule`] answers when arrival `i` is due from `i` alone, so nothing drifts; [`Arrivals`] walks one
//! worker's share of it; a [`VuSchedule`] says how many users there are at any time. This room must not know clocks,
//! sleeping or tokio: same input, same answer. It sits between the plan, which says what was asked for, and the engine,
//! which waits until things are due.

mod arrivals;
mod choice;
mod curve;
mod pause;
mod shard;
mod vus;

use std::time::Duration;

pub use arrivals::{Arrivals, PoissonArrivals};
pub use choice::{cumulative_weights, pick_weighted};
pub use curve::Schedule;
pub use pause::{pacing_next, pause};
pub use shard::Shard;
pub use vus::{VuSchedule, vus_at};

/// Decides when the next iteration is due. Pure arithmetic: same input, same answer.
pub trait Pacer {
    /// Offset from the scenario's start at which arrival `index` (0-based) is due; `None` when the plan is done.
    ///
    /// Never decreases as `index` grows. Does not drift: computed from `index`, not from the previous answer.
    fn due_at(&self, index: u64) -> Option<Duration>;

    /// Arrivals in the whole plan; `None` when it has no end.
    fn total(&self) -> Option<u64>;
}
