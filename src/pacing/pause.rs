//! Pauses between the iterations of one user.

use std::time::Duration;

use crate::plan::ThinkTime;

/// No pause is longer; an exponential one would be with a probability that rounds to zero.
const LONGEST_PAUSE_S: f64 = 1e6;

/// The pause after an iteration, for a `uniform` number in 0..1.
///
/// Zero for [`ThinkTime::None`] and for [`ThinkTime::Pacing`], which is about starts: see [`pacing_next`].
#[must_use]
pub fn pause(think: &ThinkTime, uniform: f64) -> Duration {
    let uniform = uniform.clamp(0.0, 1.0);
    match *think {
        ThinkTime::None | ThinkTime::Pacing(_) => Duration::ZERO,
        ThinkTime::Constant(length) => length,
        ThinkTime::Between(a, b) => {
            let (low, high) = (a.min(b), a.max(b));
            (low + (high - low).mul_f64(uniform)).min(high)
        }
        ThinkTime::Exponential(mean) => {
            // Inverse distribution function; ln(0) is minus infinity and meets the cap.
            let seconds = -mean.as_secs_f64() * (1.0 - uniform).ln();
            Duration::from_secs_f64(if mean.is_zero() { 0.0 } else { seconds.min(LONGEST_PAUSE_S) })
        }
    }
}

/// When the next iteration of a paced user is due, given when the last one was due and when it ended.
///
/// An iteration within the interval is followed at `due + interval`, so starts stay on the grid however late the timer is.
/// A longer one is followed at once, and the grid begins anew there: no burst makes up for lost intervals.
#[must_use]
pub fn pacing_next(due: Duration, ended: Duration, interval: Duration) -> Duration {
    due.saturating_add(interval).max(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_kind_of_think_time_pauses_as_it_says() {
        for (think, uniform, ms) in [
            (ThinkTime::None, 0.5, 0),
            (ThinkTime::Pacing(SECOND), 0.5, 0),
            (ThinkTime::Constant(SECOND), 0.9, 1000),
            (ThinkTime::Between(SECOND, 3 * SECOND), 0.0, 1000),
            (ThinkTime::Between(SECOND, 3 * SECOND), 0.25, 1500),
            (ThinkTime::Between(SECOND, 3 * SECOND), 1.0, 3000),
            (ThinkTime::Exponential(SECOND), 0.0, 0),
            (ThinkTime::Exponential(SECOND), 1.0 - (-1.0_f64).exp(), 1000),
            (ThinkTime::Exponential(SECOND), 1.0, 1_000_000_000),
            (ThinkTime::Exponential(Duration::ZERO), 1.0, 0),
        ] {
            let got = pause(&think, uniform).as_secs_f64() * 1e3;
            assert!((got - f64::from(ms)).abs() < 1e-3, "{think:?} at {uniform}: {got}");
        }
    }

    #[test]
    fn the_mean_of_exponential_pauses_is_the_one_asked_for() {
        let at = |i: u32| (f64::from(i) + 0.5) / 1e5;
        let total: Duration =
            (0..100_000).map(|i| pause(&ThinkTime::Exponential(SECOND), at(i))).sum();
        assert!((total.as_secs_f64() / 1e5 - 1.0).abs() < 1e-3, "{total:?}");
    }

    #[test]
    fn paced_starts_keep_their_grid_and_do_not_catch_up() {
        let (mut due, mut starts) = (Duration::ZERO, Vec::new());
        for work_ms in [200, 200, 2500, 200, 200] {
            starts.push(due.as_millis());
            due = pacing_next(due, due + Duration::from_millis(work_ms), SECOND);
        }
        assert_eq!(starts, [0, 1000, 2000, 4500, 5500]);
    }
}
