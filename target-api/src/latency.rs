//! Intentional latency: what was asked for, and one draw from it.
//!
//! A rule is `[ROUTE=][LAW:]FROM..TO`. The router asks [`LatencyPlan::law_for`] once for each route
//! when it is built, so that a route without a rule pays nothing.

use std::str::FromStr;
use std::time::Duration;

use rand::{Rng, RngExt};
use thiserror::Error;

use crate::duration::{DurationError, parse_duration};

/// The profile look-up, the one route that is slow unless told otherwise.
pub(crate) const PROFILE_ROUTE: &str = "/user/{id}";

/// The latency of the profile look-up unless told otherwise.
const PROFILE_LAW: LatencyLaw =
    LatencyLaw::Uniform { from: Duration::from_millis(10), to: Duration::from_millis(100) };

/// The longest latency that is accepted or drawn: longer is a mistake in the unit.
const LATENCY_MAX: Duration = Duration::from_secs(3_600);

/// The standard normal distribution's 95th percentile.
const NORMAL_P95: f64 = 1.644_853_626_951_472_2;

/// A distribution of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyLaw {
    /// Every latency between the two, ends included, is equally likely.
    Uniform {
        /// The shortest.
        from: Duration,
        /// The longest.
        to: Duration,
    },
    /// A log-normal law with a long tail, given by two percentiles.
    LogNormal {
        /// The 5th percentile; above zero.
        p5: Duration,
        /// The 95th percentile.
        p95: Duration,
    },
}

impl LatencyLaw {
    /// Draws one latency.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Duration {
        match *self {
            Self::Uniform { from, to } => rng.random_range(from..=to),
            Self::LogNormal { p5, p95 } => {
                let (low, high) = (p5.as_secs_f64().ln(), p95.as_secs_f64().ln());
                let mean = f64::midpoint(low, high);
                let deviation = (high - low) / (2.0 * NORMAL_P95);
                let seconds = (mean + deviation * standard_normal(rng)).exp();
                Duration::from_secs_f64(seconds.min(LATENCY_MAX.as_secs_f64()))
            }
        }
    }
}

/// One draw from the standard normal distribution (Box and Muller, 1958).
pub(crate) fn standard_normal(rng: &mut impl Rng) -> f64 {
    // `1 - u` lies in (0, 1], so that its logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// A latency law for one route, or for all routes without a rule of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyRule {
    /// The route as the OpenAPI document writes it, e.g. `/api/teams/{id}`; `None` means every
    /// route.
    pub route: Option<String>,
    /// How long its answers are held back.
    pub law: LatencyLaw,
}

/// Why a text is not a latency rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LatencyError {
    /// A path without a law.
    #[error("`{0}` has no latency: write it as '{0}=5ms..50ms'")]
    NoLaw(String),
    /// The left side of `=` is not a path.
    #[error("`{0}` is not a route: it must start with `/`, as in '/api/teams=5ms..50ms'")]
    NotARoute(String),
    /// The law's name is unknown.
    #[error("`{0}` is no latency law: use uniform or lognormal")]
    UnknownLaw(String),
    /// An end of the range is not a duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// The range runs backwards.
    #[error("`{0}` runs backwards: the shorter latency comes first")]
    Backwards(String),
    /// The longest latency is over an hour.
    #[error("`{0}` is over the longest latency, 1h")]
    TooLong(String),
    /// A log-normal law cannot start at zero.
    #[error("`{0}` starts at zero, which a log-normal law cannot: start at 1us or more")]
    ZeroLogNormal(String),
}

impl FromStr for LatencyRule {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, LatencyError> {
        let (route, law) = match text.split_once('=') {
            Some((route, law)) => (Some(route.trim()), law),
            None if text.starts_with('/') => return Err(LatencyError::NoLaw(text.to_owned())),
            None => (None, text),
        };
        if let Some(route) = route.filter(|route| !route.starts_with('/')) {
            return Err(LatencyError::NotARoute(route.to_owned()));
        }
        Ok(Self { route: route.map(str::to_owned), law: law.trim().parse()? })
    }
}

impl FromStr for LatencyLaw {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, LatencyError> {
        let (name, range) = text.split_once(':').unwrap_or(("uniform", text));
        let (from, to) = range.split_once("..").unwrap_or((range, range));
        let (from, to) = (parse_duration(from)?, parse_duration(to)?);
        if from > to {
            return Err(LatencyError::Backwards(range.to_owned()));
        }
        if to > LATENCY_MAX {
            return Err(LatencyError::TooLong(range.to_owned()));
        }
        match name {
            "uniform" => Ok(Self::Uniform { from, to }),
            "lognormal" if from.is_zero() => Err(LatencyError::ZeroLogNormal(range.to_owned())),
            "lognormal" => Ok(Self::LogNormal { p5: from, p95: to }),
            _ => Err(LatencyError::UnknownLaw(name.to_owned())),
        }
    }
}

/// Which law holds on which route.
///
/// A route's own rule comes first, then the rule for all routes, then the built-in 10 to 100 ms of
/// the profile look-up. Of two rules for the same route the later holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatencyPlan {
    rules: Vec<LatencyRule>,
}

impl LatencyPlan {
    pub(crate) fn new(rules: Vec<LatencyRule>) -> Self {
        Self { rules }
    }

    /// The law of `route`, or `None` when its answers are not held back.
    pub(crate) fn law_for(&self, route: &str) -> Option<LatencyLaw> {
        let find = |wanted: Option<&str>| {
            self.rules.iter().rev().find(|rule| rule.route.as_deref() == wanted).map(|r| r.law)
        };
        find(Some(route))
            .or_else(|| find(None))
            .or_else(|| (route == PROFILE_ROUTE).then_some(PROFILE_LAW))
    }

    /// The first rule's route that is not among `routes`.
    pub(crate) fn unknown_route<'a>(&'a self, routes: &[&str]) -> Option<&'a str> {
        self.rules.iter().filter_map(|rule| rule.route.as_deref()).find(|r| !routes.contains(r))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    fn millis(from: u64, to: u64) -> (Duration, Duration) {
        (Duration::from_millis(from), Duration::from_millis(to))
    }

    fn rule(text: &str) -> LatencyRule {
        text.parse().unwrap()
    }

    #[test]
    fn rules_are_read_with_and_without_route_and_law() {
        let (from, to) = millis(20, 80);
        let uniform = LatencyLaw::Uniform { from, to };
        assert_eq!(rule("20ms..80ms"), LatencyRule { route: None, law: uniform });
        assert_eq!(rule("uniform:20ms..80ms").law, uniform);
        assert_eq!(rule("lognormal:20ms..80ms").law, LatencyLaw::LogNormal { p5: from, p95: to });
        assert_eq!(rule("20ms").law, LatencyLaw::Uniform { from, to: from });
        let teams = rule("/api/teams=lognormal:20ms..80ms");
        assert_eq!(teams.route.as_deref(), Some("/api/teams"));
        assert_eq!(teams.law, LatencyLaw::LogNormal { p5: from, p95: to });
    }

    #[test]
    fn a_fault_in_a_rule_is_named() {
        for (text, message) in [
            ("20..80ms", "`20` has no unit"),
            ("80ms..20ms", "`80ms..20ms` runs backwards"),
            ("20ms..", "a duration is missing"),
            ("gauss:20ms..80ms", "`gauss` is no latency law"),
            ("lognormal:0ms..80ms", "starts at zero"),
            ("20ms..2h", "over the longest latency"),
            ("/api/teams", "`/api/teams` has no latency"),
            ("teams=1ms..2ms", "`teams` is not a route"),
        ] {
            let error = text.parse::<LatencyRule>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn a_route_s_own_rule_comes_before_the_rule_for_all() {
        let none = LatencyPlan::default();
        assert_eq!(none.law_for("/api/teams"), None);
        assert_eq!(none.law_for(PROFILE_ROUTE), Some(PROFILE_LAW));

        let plan = LatencyPlan::new(vec![rule("/api/teams=1ms"), rule("2ms"), rule("3ms")]);
        assert_eq!(plan.law_for("/api/teams"), Some(rule("1ms").law));
        assert_eq!(plan.law_for("/api/users"), Some(rule("3ms").law));
        assert_eq!(plan.law_for(PROFILE_ROUTE), Some(rule("3ms").law));
        assert_eq!(plan.unknown_route(&["/api/teams"]), None);
        assert_eq!(plan.unknown_route(&["/api/users"]), Some("/api/teams"));
    }

    #[test]
    fn a_uniform_draw_stays_in_its_range_and_fills_it() {
        let (from, to) = millis(10, 100);
        let mut rng = Pcg64::seed_from_u64(1);
        let draws: Vec<_> =
            (0..10_000).map(|_| LatencyLaw::Uniform { from, to }.draw(&mut rng)).collect();
        assert!(draws.iter().all(|d| (from..=to).contains(d)));
        assert!(draws.iter().any(|d| *d < Duration::from_millis(11)));
        assert!(draws.iter().any(|d| *d > Duration::from_millis(99)));
    }

    #[test]
    fn a_log_normal_draw_has_the_percentiles_it_was_given() {
        let (p5, p95) = millis(20, 80);
        let mut rng = Pcg64::seed_from_u64(1);
        let count = 100_000;
        let draws: Vec<_> =
            (0..count).map(|_| LatencyLaw::LogNormal { p5, p95 }.draw(&mut rng)).collect();
        let share = |limit| draws.iter().filter(|d| **d < limit).count() as f64 / f64::from(count);
        // Five standard errors of a share of 5 % of 100,000 draws.
        assert!((share(p5) - 0.05).abs() < 0.003_5, "{}", share(p5));
        assert!((share(p95) - 0.95).abs() < 0.003_5, "{}", share(p95));
    }
}
