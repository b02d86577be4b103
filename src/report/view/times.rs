//! A distribution as the figures that are shown.

use std::time::Duration;

use serde::Serialize;

use crate::metric::{Histogram, Quantile};

/// Milliseconds, to the microsecond; `None` where there are too few samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TimesView {
    /// The smallest.
    pub min: Option<f64>,
    /// The mean.
    pub avg: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The 99.9th percentile.
    pub p99_9: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

impl TimesView {
    /// The figures of a distribution.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        let at = |q| histogram.supported_quantile(q).map(to_ms);
        Self {
            min: histogram.min().map(to_ms),
            avg: histogram.mean().map(to_ms),
            p50: at(Quantile::P50),
            p90: at(Quantile::P90),
            p95: at(Quantile::P95),
            p99: at(Quantile::P99),
            p99_9: at(Quantile::P99_9),
            max: histogram.max().map(to_ms),
        }
    }
}

/// Milliseconds of a duration, rounded to the microsecond.
pub(in crate::report) fn to_ms(duration: Duration) -> f64 {
    (duration.as_nanos() as f64 / 1e3).round() / 1e3
}

/// Seconds of a duration, rounded to the millisecond.
pub(in crate::report) fn to_s(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

/// `part` of `whole`, 0..=1; zero of nothing.
pub(in crate::report) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `count` over a time, per second, to the thousandth; `None` over no time.
pub(in crate::report) fn per_second(count: u64, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| (count as f64 / time.as_secs_f64() * 1e3).round() / 1e3)
}
