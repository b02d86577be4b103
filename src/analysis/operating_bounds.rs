//! What no service can exceed, from its first and its best measurement (METHODS.md 3.1; Denning and Buzen 1978).
//!
//! `X ≤ min(1/D_max, N/(D + Z))`: with few in the system nobody waits for another, and with many the slowest part works all
//! the time. Where the two lines meet, at `N* = (D + Z)/D_max`, somebody has to wait.

use serde::{Deserialize, Serialize};

use super::load_point::{LoadPoint, LoadUnit, by_load};

/// Throughput that grows by more than this share at the last step has not come to its end.
const STILL_RISES: f64 = 0.05;

/// The two asymptotes of throughput.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingBounds {
    /// D: what a request takes when nobody waits, the mean response time at the smallest load.
    pub demand_s: f64,
    /// Z: the pause of a user between two requests, `N/X − R` at the smallest load; zero for open loads.
    pub think_s: f64,
    /// 1/D_max: the most throughput that was seen, per second.
    pub most_per_s: f64,
    /// N*: so many requests in flight (users of a closed load) can be there before one has to wait.
    pub knee_n: f64,
    /// Throughput still grew at the largest load, so that `most_per_s` and `knee_n` are only lower bounds.
    pub is_still_rising: bool,
}

/// The bounds that the measured points give; `None` without a healthy one.
#[must_use]
pub fn operating_bounds(points: &[LoadPoint]) -> Option<OperatingBounds> {
    let sorted = by_load(points);
    let first = sorted.iter().find(|point| point.is_healthy())?;
    let demand_s = first.response_mean.as_secs_f64();
    let think_s = match first.users {
        Some(users) => (users as f64 / first.goodput_per_s - demand_s).max(0.0),
        None => 0.0,
    };
    let goodputs = || sorted.iter().map(|point| point.goodput_per_s).filter(|x| x.is_finite());
    let most_per_s = goodputs().fold(first.goodput_per_s, f64::max);
    let (last, before) = sorted.split_last()?;
    let is_still_rising = match LoadUnit::of(points) {
        LoadUnit::PerSecond => last.keeps_up() && last.is_healthy(),
        LoadUnit::Users => {
            let earlier = before.iter().map(|point| point.goodput_per_s).fold(0.0, f64::max);
            last.goodput_per_s > (1.0 + STILL_RISES) * earlier
        }
    };
    let knee_n = (demand_s + think_s) * most_per_s;
    Some(OperatingBounds { demand_s, think_s, most_per_s, knee_n, is_still_rising })
}

impl OperatingBounds {
    /// Throughput per second that `n` requests in flight, or users, cannot exceed.
    #[must_use]
    pub fn at(&self, n: f64) -> f64 {
        self.most_per_s.min(n / (self.demand_s + self.think_s))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// `n` users of a service with 4 slots of 50 ms who pause 150 ms, when nobody waits by chance.
    fn closed(users: u64) -> LoadPoint {
        let goodput_per_s = (users as f64 / 0.2).min(80.0);
        LoadPoint {
            users: Some(users),
            goodput_per_s,
            response_mean: Duration::from_secs_f64(users as f64 / goodput_per_s - 0.15),
            ..LoadPoint::default()
        }
    }

    fn open(offered_per_s: f64, goodput_per_s: f64) -> LoadPoint {
        LoadPoint {
            offered_per_s,
            goodput_per_s,
            mean_in_flight: 1.0,
            response_mean: Duration::from_millis(50),
            ..LoadPoint::default()
        }
    }

    #[test]
    fn users_that_pause_meet_the_knee_of_the_formula() {
        let bounds = operating_bounds(&[32, 2, 8, 16, 64].map(closed)).expect("points");
        assert!((bounds.think_s - 0.15).abs() < 1e-9 && (bounds.demand_s - 0.05).abs() < 1e-9);
        assert!((bounds.knee_n - 16.0).abs() < 1e-6 && !bounds.is_still_rising, "{bounds:?}");
        assert!((bounds.at(8.0) - 40.0).abs() < 1e-6 && (bounds.at(500.0) - 80.0).abs() < 1e-9);
    }

    #[test]
    fn an_open_load_has_no_pause_and_one_that_was_kept_up_with_is_not_at_its_end() {
        let bounds = operating_bounds(&[open(10.0, 10.0), open(40.0, 40.0)]).expect("points");
        assert!(bounds.is_still_rising && bounds.think_s == 0.0, "{bounds:?}");
        let bounds = operating_bounds(&[open(10.0, 10.0), open(200.0, 80.0)]).expect("points");
        assert!(!bounds.is_still_rising && (bounds.knee_n - 4.0).abs() < 1e-9, "{bounds:?}");
        assert_eq!(operating_bounds(&[]), None);
        assert_eq!(operating_bounds(&[open(10.0, 0.0)]), None);
    }

    #[test]
    fn users_whose_throughput_still_grows_have_only_a_lower_bound() {
        let bounds = operating_bounds(&[2, 4, 8].map(closed)).expect("points");
        assert!(bounds.is_still_rising, "{bounds:?}");
    }
}
