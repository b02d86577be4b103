//! The rate of arrivals over time, and when arrival `i` is due under it.
//!
//! With λ(t) the rate in arrivals per second and Λ(t) = ∫₀ᵗ λ(u) du the arrivals expected by t seconds, arrival i (0-based)
//! is due at the last t with Λ(t) ≤ i (METHODS.md 1.2). λ is piecewise linear. Within a piece from a to b over T seconds:
//!
//! ```text
//! λ   b ┤      ╱│        Λ(t)   = a t + k t² / 2,           k = (b − a) / T
//!       │    ╱  │        Λ⁻¹(E) = 2 E / (a + √(a² + 2 k E))
//!     a ┤  ╱    │
//!       └──┴────┴── t    (the form of the inverse that does not cancel, and that is E / a for k = 0)
//! ```
//!
//! The phase φ is 0: the first arrival of a constant rate is at once, the second one interval later. The arrivals of a
//! stretch [s, e) are therefore ⌈Λ(e)⌉ − ⌈Λ(s)⌉, exact for whole numbers: 2000/s for 10 s are 20,000, the last of them one
//! interval before the end. What a stage leaves over, less than one arrival, is carried into the next. Nothing arrives in a
//! stretch of rate 0: what would be due at its start waits for its end.

use std::time::Duration;

use super::Pacer;
use crate::plan::{Executor, Stage};

/// Λ at the end of a stage is a whole number when it is this near to one: rounding must not add or lose an arrival.
const WHOLE_WITHIN: f64 = 1e-9;

/// A stretch in which the rate changes linearly.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    start: Duration,
    /// Length in seconds, above zero.
    seconds: f64,
    /// Rate at its start, per second.
    from: f64,
    /// Rate at its end, per second.
    to: f64,
    /// Λ at its start.
    before: f64,
}

/// Piecewise linear arrivals, evenly spaced under their rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pieces: Vec<Piece>,
    end: Duration,
    /// Λ at the end.
    expected: f64,
}

impl Schedule {
    /// The arrivals of an open executor; `None` for a closed one.
    #[must_use]
    pub fn of(executor: &Executor) -> Option<Self> {
        match executor {
            Executor::ConstantArrivalRate { rate, duration, .. } => {
                Some(Self::constant(rate.as_per_second(), *duration))
            }
            Executor::RampingArrivalRate { start_rate, stages, .. } => {
                Some(Self::ramping(start_rate.as_per_second(), stages))
            }
            Executor::ConstantVus { .. }
            | Executor::RampingVus { .. }
            | Executor::SharedIterations { .. }
            | Executor::PerVuIterations { .. } => None,
        }
    }

    /// A rate in arrivals per second (finite, zero or more) over `duration`.
    #[must_use]
    pub fn constant(rate: f64, duration: Duration) -> Self {
        let mut schedule = Self::empty();
        schedule.push(rate, rate, duration);
        schedule
    }

    /// From `start_rate` through the stages, whose targets are arrivals per second.
    #[must_use]
    pub fn ramping(start_rate: f64, stages: &[Stage]) -> Self {
        let mut schedule = Self::empty();
        let mut rate = start_rate;
        for stage in stages {
            let from = if stage.jump { stage.target } else { rate };
            schedule.push(from, stage.target, stage.duration);
            rate = stage.target;
        }
        schedule
    }

    fn empty() -> Self {
        Self { pieces: Vec::new(), end: Duration::ZERO, expected: 0.0 }
    }

    fn push(&mut self, from: f64, to: f64, length: Duration) {
        if length.is_zero() {
            return;
        }
        let seconds = length.as_secs_f64();
        let before = self.expected;
        self.pieces.push(Piece { start: self.end, seconds, from, to, before });
        self.end += length;
        self.expected = snapped(before + (from + to) / 2.0 * seconds);
    }

    /// When the expected number of arrivals passes `expected`: Λ⁻¹. `None` at and after the end of the schedule.
    pub(super) fn time_of(&self, expected: f64) -> Option<Duration> {
        if expected >= self.expected {
            return None;
        }
        let after = self.pieces.partition_point(|piece| piece.before <= expected);
        let piece = &self.pieces[after.checked_sub(1)?];
        Some(piece.start + piece.offset_of(expected - piece.before))
    }

    /// The planned length.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.end
    }

    /// The rate in arrivals per second at `at` from the start; 0 after the end.
    #[must_use]
    pub fn rate_at(&self, at: Duration) -> f64 {
        let after = self.pieces.partition_point(|piece| piece.start <= at);
        match after.checked_sub(1).map(|index| &self.pieces[index]) {
            Some(piece) if at < self.end => {
                let share = (at - piece.start).as_secs_f64() / piece.seconds;
                piece.from + (piece.to - piece.from) * share
            }
            _ => 0.0,
        }
    }
}

impl Pacer for Schedule {
    fn due_at(&self, index: u64) -> Option<Duration> {
        self.time_of(index as f64)
    }

    fn total(&self) -> Option<u64> {
        Some(self.expected.ceil() as u64)
    }
}

impl Piece {
    /// Offset within the piece at which `expected` more arrivals are expected than at its start.
    fn offset_of(&self, expected: f64) -> Duration {
        #[expect(clippy::float_cmp, reason = "a constant rate is given as the same number twice")]
        if self.from == self.to {
            return quotient(expected, self.from).min(self.length());
        }
        let slope = (self.to - self.from) / self.seconds;
        let root = (self.from * self.from + 2.0 * slope * expected).max(0.0).sqrt();
        let divisor = self.from + root;
        let seconds = if divisor > 0.0 { 2.0 * expected / divisor } else { 0.0 };
        Duration::from_secs_f64(seconds.min(self.seconds))
    }

    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// `count / rate` seconds to the nanosecond: whole seconds and the rest apart, since one f64 of both has only
/// microseconds left after a century.
fn quotient(count: f64, rate: f64) -> Duration {
    let whole = (count / rate).floor();
    if !whole.is_finite() || whole >= 1e15 {
        return Duration::MAX;
    }
    // Exact up to one rounding; negative by less than a part in 2⁵³ when the division rounded up to a whole number.
    let rest = whole.mul_add(-rate, count) / rate;
    Duration::from_secs(whole as u64) + Duration::from_secs_f64(rest.max(0.0))
}

fn snapped(expected: f64) -> f64 {
    let whole = expected.round();
    let tolerance = WHOLE_WITHIN + expected * 4.0 * f64::EPSILON;
    if (expected - whole).abs() <= tolerance { whole } else { expected }
}

#[cfg(test)]
mod tests;
