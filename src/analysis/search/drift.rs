//! Whether work piles up: an overload that shows long before any request times out (METHODS.md 2.2).
//!
//! A queue that gets `λ` requests a second and serves `μ` grows by `λ − μ`, and a client sees the first time-out only when it
//! is a time-out deep. What is outstanding shows it at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metric::Slice;

/// Standard deviations that growth must exceed: one steady trial in a hundred does.
const Z_UNSTABLE: f64 = 2.33;
/// Those of growth that needs no further look.
const Z_CERTAIN: f64 = 5.0;
/// Those of each half of it.
const Z_HALF: f64 = 2.0;
/// Share of the beginning that is left out: queues fill up to their usual length.
const SETTLING: f64 = 0.2;
/// Squared coefficient of variation of service times, which are not known: that of exponential ones.
const SERVICE_VARIATION: f64 = 1.0;
/// Arrivals below which growth is not told from chance.
const FEWEST_ARRIVALS: f64 = 20.0;

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalProcess {
    /// Evenly.
    Constant,
    /// At random, independently of each other.
    Poisson,
}

impl ArrivalProcess {
    /// Variance of the difference of arrivals and completions, for each of them: `c_a² + c_s²`.
    fn variation(self) -> f64 {
        match self {
            Self::Constant => SERVICE_VARIATION,
            Self::Poisson => 1.0 + SERVICE_VARIATION,
        }
    }
}

/// Work that was outstanding at a moment: due, and not ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outstanding {
    /// From any zero.
    pub at: Duration,
    /// Requests, or iterations: what the load counts.
    pub count: f64,
}

/// How outstanding work changed over a trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Change a second.
    pub growth_per_s: f64,
    /// How far it may be off by chance: one standard deviation.
    pub standard_error_per_s: f64,
    /// Whether it grows beyond chance.
    pub is_unstable: bool,
    /// Whether it grows so strongly and evenly that the trial need not go on.
    pub is_certain: bool,
    /// What was completed a second; the capacity, if it grows.
    pub mu_hat_per_s: f64,
}

impl Drift {
    /// Growth in standard deviations.
    #[must_use]
    pub fn z(&self) -> f64 {
        if self.standard_error_per_s > 0.0 {
            self.growth_per_s / self.standard_error_per_s
        } else {
            0.0
        }
    }
}

/// How outstanding work grows at a load of `load_per_s` planned iterations a second.
///
/// `g = (N_end − N_h)/(t_end − t_h)` with `t_h` after the first fifth, and `SE = √((c_a² + c_s²) λ/(t_end − t_h))`, where
/// `c_a²` is 0 for constant arrivals and 1 for Poisson's, and `c_s²` 1; unstable beyond 2.33 of them. Points are in the order
/// of time. `None` when there are too few of them, or fewer than 20 arrivals.
#[must_use]
pub fn drift(points: &[Outstanding], load_per_s: f64, arrivals: ArrivalProcess) -> Option<Drift> {
    let (first, last) = (points.first()?, points.last()?);
    let begin = first.at + last.at.saturating_sub(first.at).mul_f64(SETTLING);
    let settled = points.iter().position(|point| point.at >= begin)?;
    let points = &points[settled..];
    let middle = points[0].at + last.at.saturating_sub(points[0].at) / 2;
    let middle = points.iter().find(|point| point.at >= middle)?;
    let growth = |from: &Outstanding, to: &Outstanding| -> Option<(f64, f64)> {
        let span_s = to.at.saturating_sub(from.at).as_secs_f64();
        let error = (arrivals.variation() * load_per_s / span_s).sqrt();
        (span_s > 0.0 && load_per_s > 0.0).then(|| ((to.count - from.count) / span_s, error))
    };
    let (growth_per_s, error) = growth(&points[0], last)?;
    let window_s = last.at.saturating_sub(points[0].at).as_secs_f64();
    if load_per_s * window_s < FEWEST_ARRIVALS {
        return None;
    }
    let halves = [growth(&points[0], middle), growth(middle, last)];
    let is_even = halves.iter().all(|half| half.is_some_and(|(g, error)| g > Z_HALF * error));
    Some(Drift {
        growth_per_s,
        standard_error_per_s: error,
        is_unstable: growth_per_s > Z_UNSTABLE * error,
        is_certain: growth_per_s > Z_CERTAIN * error && is_even,
        mu_hat_per_s: (load_per_s - growth_per_s).max(0.0),
    })
}

/// The points of slices, each in its middle.
#[must_use]
pub fn points_of(slices: &[Slice]) -> Vec<Outstanding> {
    let point = |slice: &Slice| Outstanding {
        at: slice.start + slice.width / 2,
        count: slice.in_flight_mean,
    };
    slices.iter().map(point).collect()
}

/// How long a trial must be for an overload by `excess_ratio` of the load to show: `T ≥ z² (c_a² + c_s²) λ/(λ − μ)²`, and the
/// fifth that is left out.
#[must_use]
pub fn minimum_duration(
    load_per_s: f64,
    excess_ratio: f64,
    arrivals: ArrivalProcess,
) -> Option<Duration> {
    let window_s = Z_UNSTABLE.powi(2) * arrivals.variation() / (excess_ratio.powi(2) * load_per_s);
    Duration::try_from_secs_f64(window_s / (1.0 - SETTLING)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each 100 ms for `seconds`, with a count for each time in seconds.
    fn points(seconds: u32, count: impl Fn(f64) -> f64) -> Vec<Outstanding> {
        (0..=seconds * 10)
            .map(|tenth| Outstanding {
                at: Duration::from_millis(u64::from(tenth) * 100),
                count: count(f64::from(tenth) / 10.0),
            })
            .collect()
    }

    #[test]
    fn growth_is_measured_after_the_first_fifth_and_tells_the_capacity() {
        let growing = points(10, |t| if t < 2.0 { 500.0 * t } else { 900.0 + 50.0 * t });
        let found = drift(&growing, 1050.0, ArrivalProcess::Poisson).expect("enough");
        assert!((found.growth_per_s - 50.0).abs() < 1e-9, "{found:?}");
        let error = (2.0_f64 * 1050.0 / 8.0).sqrt();
        assert!((found.standard_error_per_s - error).abs() < 1e-9);
        assert!((found.mu_hat_per_s - 1000.0).abs() < 1e-9);
        assert!(found.is_unstable && !found.is_certain && found.z() > 3.0);
        let even = drift(&growing, 1050.0, ArrivalProcess::Constant).expect("enough");
        assert!((even.standard_error_per_s * 2.0_f64.sqrt() - error).abs() < 1e-9);
    }

    #[test]
    fn a_long_queue_that_does_not_grow_is_stable() {
        let found = drift(&points(10, |_| 5000.0), 1000.0, ArrivalProcess::Poisson);
        let found = found.expect("enough");
        assert!(!found.is_unstable && found.growth_per_s == 0.0, "{found:?}");
    }

    #[test]
    fn a_jump_is_unstable_but_not_certain_as_steady_growth_is() {
        let jump = points(10, |t| if t > 7.0 { 4000.0 } else { 10.0 });
        let found = drift(&jump, 1000.0, ArrivalProcess::Poisson).expect("enough");
        assert!(found.is_unstable && !found.is_certain, "{found:?}");
        let steady = points(10, |t| 200.0 * t);
        assert!(drift(&steady, 1200.0, ArrivalProcess::Poisson).expect("enough").is_certain);
    }

    #[test]
    fn too_little_is_not_judged() {
        assert_eq!(drift(&[], 1000.0, ArrivalProcess::Poisson), None);
        assert_eq!(drift(&points(10, |t| t)[..1], 1000.0, ArrivalProcess::Poisson), None);
        assert_eq!(drift(&points(10, |t| t), 2.0, ArrivalProcess::Poisson), None);
    }

    #[test]
    fn an_overload_shows_just_within_the_minimum_duration() {
        let minimum = minimum_duration(1000.0, 0.05, ArrivalProcess::Poisson).expect("finite");
        // 2.33² · 2 · 1000/50², and a quarter more for the fifth that is left out.
        assert!((minimum.as_secs_f64() - 5.4289 * 2000.0 / 2500.0 * 1.25).abs() < 1e-6);
        let grown = |factor: f64| {
            let seconds = minimum.as_secs_f64() * factor;
            let points: Vec<_> = (0..=100)
                .map(|step| f64::from(step) / 100.0 * seconds)
                .map(|t| Outstanding { at: Duration::from_secs_f64(t), count: 50.0 * t })
                .collect();
            drift(&points, 1000.0, ArrivalProcess::Poisson).expect("enough").is_unstable
        };
        assert!(grown(1.05) && !grown(0.95));
    }
}
