//! One load of a stress run or a sweep: what the curves of knee, power and scalability are drawn through.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::show_count;

/// From this share of failures on, answers come fast because they are refusals, and no law of queues holds.
const MOST_ERRORS: f64 = 0.05;
/// A service that finishes less of what comes than this share is falling behind: its queue grows as long as it is watched.
const KEEPS_UP: f64 = 0.95;

/// Figures that a measurement can have; beyond them sums and quotients are no numbers any more.
const MEASURABLE: std::ops::Range<f64> = 1e-9..1e15;

/// What was seen at one load, over the part of it that was steady.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadPoint {
    /// Requests that were due, per second.
    pub offered_per_s: f64,
    /// Virtual users of a closed load; `None` for an open one.
    pub users: Option<u64>,
    /// Successful requests, per second.
    pub goodput_per_s: f64,
    /// Share of requests that failed, 0..=1.
    pub error_ratio: f64,
    /// Requests in flight, averaged over time.
    pub mean_in_flight: f64,
    /// Mean response time.
    pub response_mean: Duration,
    /// Median response time, if there were enough requests.
    pub response_p50: Option<Duration>,
    /// 99th percentile of the response times, if there were enough requests.
    pub response_p99: Option<Duration>,
    /// Goodput per second and mean requests in flight of each slice in the order of time, for intervals; may be empty.
    pub slices: Vec<(f64, f64)>,
}

impl LoadPoint {
    /// The N of the laws: users of a closed load, mean requests in flight of an open one.
    #[must_use]
    pub fn concurrency(&self) -> f64 {
        self.users.map_or(self.mean_in_flight, |users| users as f64)
    }

    /// Whether the laws of queues apply: something succeeded, few requests failed, and every figure is a number.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let is_positive = |value: f64| MEASURABLE.contains(&value);
        is_positive(self.goodput_per_s)
            && is_positive(self.concurrency())
            && !self.response_mean.is_zero()
            && self.error_ratio <= MOST_ERRORS
    }

    /// Whether the service finished about as much as came; always true of closed loads, which wait for it.
    #[must_use]
    pub fn keeps_up(&self) -> bool {
        let answered = self.goodput_per_s / (1.0 - self.error_ratio).max(f64::MIN_POSITIVE);
        self.users.is_some() || answered >= KEEPS_UP * self.offered_per_s
    }
}

/// What the loads of a curve count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadUnit {
    /// Requests per second that were due: an open load.
    PerSecond,
    /// Virtual users: a closed load.
    Users,
}

impl LoadUnit {
    /// Users when all points have them.
    #[must_use]
    pub fn of(points: &[LoadPoint]) -> Self {
        let is_closed = !points.is_empty() && points.iter().all(|point| point.users.is_some());
        if is_closed { Self::Users } else { Self::PerSecond }
    }

    /// The load of a point.
    #[must_use]
    pub fn load(self, point: &LoadPoint) -> f64 {
        match self {
            Self::PerSecond => point.offered_per_s,
            Self::Users => point.users.map_or(0.0, |users| users as f64),
        }
    }

    /// A load for people: `250/s`, `40 users`.
    #[must_use]
    pub fn show(self, load: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", amount(load)),
            Self::Users => format!("{} users", amount(load)),
        }
    }
}

/// Points by load, the smallest first; those whose load is no positive number are left out.
pub(super) fn by_load(points: &[LoadPoint]) -> Vec<&LoadPoint> {
    let unit = LoadUnit::of(points);
    let is_usable = |point: &&LoadPoint| unit.load(point).is_finite() && unit.load(point) > 0.0;
    let mut sorted: Vec<&LoadPoint> = points.iter().filter(is_usable).collect();
    sorted.sort_by(|a, b| unit.load(a).total_cmp(&unit.load(b)));
    sorted
}

/// A quantity for people, in about three figures: `1,234`, `97`, `9.7`, `0.42`.
pub(super) fn amount(value: f64) -> String {
    match value.abs() {
        size if size >= 99.5 => show_count(value.round() as u64),
        size if size >= 9.95 => format!("{value:.0}"),
        size if size >= 0.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(offered_per_s: f64, goodput_per_s: f64) -> LoadPoint {
        LoadPoint {
            offered_per_s,
            goodput_per_s,
            mean_in_flight: 2.0,
            response_mean: Duration::from_millis(20),
            ..LoadPoint::default()
        }
    }

    #[test]
    fn a_closed_load_is_counted_in_users_and_an_open_one_by_the_second() {
        let open = point(100.0, 100.0);
        let closed = LoadPoint { users: Some(40), ..open.clone() };
        assert_eq!((open.concurrency(), closed.concurrency()), (2.0, 40.0));
        assert_eq!(LoadUnit::of(&[closed.clone(), open.clone()]), LoadUnit::PerSecond);
        assert_eq!(LoadUnit::of(std::slice::from_ref(&closed)), LoadUnit::Users);
        assert_eq!(LoadUnit::of(&[]), LoadUnit::PerSecond);
        assert_eq!(LoadUnit::Users.load(&closed), 40.0);
        assert_eq!(LoadUnit::Users.show(40.0), "40 users");
        assert_eq!(LoadUnit::PerSecond.show(1234.4), "1,234/s");
    }

    #[test]
    fn a_point_with_many_errors_is_not_healthy_and_one_that_falls_behind_does_not_keep_up() {
        assert!(point(100.0, 100.0).is_healthy() && point(100.0, 97.0).keeps_up());
        assert!(!point(100.0, 0.0).is_healthy() && !point(100.0, 90.0).keeps_up());
        let failing = LoadPoint { error_ratio: 0.1, ..point(100.0, 90.0) };
        assert!(!failing.is_healthy() && failing.keeps_up());
        let closed = LoadPoint { users: Some(9), ..point(100.0, 50.0) };
        assert!(closed.keeps_up());
    }

    #[test]
    fn points_come_by_load_without_those_that_have_none() {
        let points = [point(30.0, 30.0), point(f64::NAN, 1.0), point(10.0, 10.0), point(0.0, 0.0)];
        let loads: Vec<f64> = by_load(&points).iter().map(|point| point.offered_per_s).collect();
        assert_eq!(loads, [10.0, 30.0]);
    }

    #[test]
    fn quantities_have_about_three_figures() {
        assert_eq!([1234.4, 97.2, 9.71, 0.421].map(amount), ["1,234", "97", "9.7", "0.42"]);
    }
}
