//! How long a request is served, and where it waits: the two knobs that are written as words.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::span::Span;
use crate::duration::{DurationError, parse_duration};
use crate::latency::standard_normal;

/// The longest service time that is accepted or drawn, before the factors of the other knobs.
pub(super) const SERVICE_MAX: Duration = Duration::from_secs(3_600);

/// The largest sigma: with it one draw in forty is over 18,000 times the median already.
const SIGMA_MAX: f64 = 5.0;

/// The longest bounded queue.
const QUEUE_MAX: u32 = 10_000_000;

/// The distribution of service times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum ServiceLaw {
    /// `det:S`: always S.
    Deterministic(Span),
    /// `exp:MEAN`: exponential; the standard deviation is the mean.
    Exponential(Span),
    /// `lognormal:MEDIAN,SIGMA`: the logarithm is normal with standard deviation SIGMA; the mean is
    /// MEDIAN·exp(SIGMA²/2).
    LogNormal {
        /// Half of the draws are shorter.
        median: Span,
        /// The standard deviation of the logarithm, 0 to 5.
        sigma: f64,
    },
}

/// Why a text is not a service law or a queue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum LawError {
    #[error("`{0}` is none of them")]
    Unknown(String),
    #[error(transparent)]
    Duration(#[from] DurationError),
    #[error("`{0}` is longer than 1h")]
    TooLong(String),
    #[error("sigma `{0}` is not a number from 0 to 5")]
    Sigma(String),
    #[error("`{0}` is not a whole number from 0 to 10,000,000")]
    Length(String),
}

impl ServiceLaw {
    /// Draws one service time.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Duration {
        let seconds = match *self {
            Self::Deterministic(span) => return span.0,
            // `1 - u` lies in (0, 1], so that its logarithm is finite.
            Self::Exponential(mean) => -mean.as_secs_f64() * (1.0 - rng.random::<f64>()).ln(),
            Self::LogNormal { median, sigma } => {
                median.as_secs_f64() * (sigma * standard_normal(rng)).exp()
            }
        };
        Duration::from_secs_f64(seconds.min(SERVICE_MAX.as_secs_f64()))
    }
}

impl FromStr for ServiceLaw {
    type Err = LawError;

    fn from_str(text: &str) -> Result<Self, LawError> {
        let span = |text: &str| match parse_duration(text)? {
            long if long > SERVICE_MAX => Err(LawError::TooLong(text.to_owned())),
            span => Ok(Span(span)),
        };
        match text.split_once(':') {
            Some(("det", length)) => Ok(Self::Deterministic(span(length)?)),
            Some(("exp", mean)) => Ok(Self::Exponential(span(mean)?)),
            Some(("lognormal", pair)) => {
                let (median, sigma) = pair.split_once(',').unwrap_or((pair, ""));
                let sigma = sigma.trim();
                let number = sigma.parse().ok().filter(|n| (0.0..=SIGMA_MAX).contains(n));
                let number = number.ok_or_else(|| LawError::Sigma(sigma.to_owned()))?;
                Ok(Self::LogNormal { median: span(median)?, sigma: number })
            }
            _ => Err(LawError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for ServiceLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deterministic(span) => write!(f, "det:{span}"),
            Self::Exponential(mean) => write!(f, "exp:{mean}"),
            Self::LogNormal { median, sigma } => write!(f, "lognormal:{median},{sigma}"),
        }
    }
}

/// Where a request waits that finds no free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Queue {
    /// `none`: nowhere, it is refused.
    Absent,
    /// `bounded:K`: behind at most K - 1 others, or it is refused.
    Bounded(u32),
    /// `unbounded`: behind all others.
    Endless,
}

impl Queue {
    /// Whether there is a place behind `waiting` others.
    pub(super) fn has_room(self, waiting: usize) -> bool {
        match self {
            Self::Absent => false,
            Self::Bounded(length) => waiting < length as usize,
            Self::Endless => true,
        }
    }
}

impl FromStr for Queue {
    type Err = LawError;

    fn from_str(text: &str) -> Result<Self, LawError> {
        match (text, text.split_once(':')) {
            ("none", _) => Ok(Self::Absent),
            ("unbounded", _) => Ok(Self::Endless),
            (_, Some(("bounded", length))) => {
                let number = length.trim().parse().ok().filter(|n| *n <= QUEUE_MAX);
                number.map(Self::Bounded).ok_or_else(|| LawError::Length(length.to_owned()))
            }
            _ => Err(LawError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Bounded(length) => write!(f, "bounded:{length}"),
            Self::Endless => f.write_str("unbounded"),
        }
    }
}

/// Lets serde read and write a type as its text.
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = LawError;

            fn try_from(text: String) -> Result<Self, LawError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(ServiceLaw, Queue);

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    #[test]
    fn laws_and_queues_are_written_as_they_are_read() {
        for text in ["det:5ms", "exp:10ms", "lognormal:20ms,0.5"] {
            assert_eq!(text.parse::<ServiceLaw>().unwrap().to_string(), text);
        }
        for text in ["none", "bounded:7", "unbounded"] {
            assert_eq!(text.parse::<Queue>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_fault_in_a_law_is_named() {
        for (text, message) in [
            ("gauss:5ms", "`gauss:5ms` is none of them"),
            ("det", "`det` is none of them"),
            ("exp:5", "`5` has no unit"),
            ("det:2h", "`2h` is longer than 1h"),
            ("lognormal:5ms", "sigma ``"),
            ("lognormal:5ms,-1", "sigma `-1`"),
            ("lognormal:5ms,NaN", "sigma `NaN`"),
        ] {
            let error = text.parse::<ServiceLaw>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
        assert!("bounded:-1".parse::<Queue>().is_err());
    }

    #[test]
    fn draws_have_the_mean_that_the_law_promises() {
        let mut rng = Pcg64::seed_from_u64(1);
        for (text, mean) in [
            ("det:10ms", 0.010),
            ("exp:10ms", 0.010),
            ("lognormal:10ms,0.5", 0.010 * (0.5_f64 * 0.5 / 2.0).exp()),
        ] {
            let law: ServiceLaw = text.parse().unwrap();
            let count = 200_000;
            let sum: f64 = (0..count).map(|_| law.draw(&mut rng).as_secs_f64()).sum();
            // Five standard errors of the widest of them, the exponential.
            let found = sum / f64::from(count);
            assert!((found / mean - 1.0).abs() < 5.0 / f64::from(count).sqrt(), "{text}: {found}");
        }
    }
}
