//! A distribution as the figures that are shown.

use std::time::Duration;

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::metric::{Estimate, Histogram, Quantile};
use crate::record::TimesRecord;

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
    /// Which of these are only lower bounds, because ends were not seen.
    #[serde(skip_serializing_if = "AtLeast::is_empty")]
    pub at_least: AtLeast,
}

/// The quantiles that are shown, each with its field's name.
const SHOWN: [(Quantile, &str); 5] = [
    (Quantile::P50, "p50"),
    (Quantile::P90, "p90"),
    (Quantile::P95, "p95"),
    (Quantile::P99, "p99"),
    (Quantile::P99_9, "p99_9"),
];
/// The field of the largest value.
const MAX: &str = "max";

/// Fields of a [`TimesView`] that are lower bounds; in JSON the array of their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtLeast {
    /// One flag for each of [`SHOWN`].
    quantiles: [bool; SHOWN.len()],
    max: bool,
}

impl AtLeast {
    /// Whether no field is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the field of this name is.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.names().any(|name| name == field)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        let quantiles = SHOWN.into_iter().zip(self.quantiles);
        let names = quantiles.filter(|(_, is_bound)| *is_bound).map(|((_, name), _)| name);
        names.chain(self.max.then_some(MAX))
    }
}

impl Serialize for AtLeast {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for name in self.names() {
            list.serialize_element(name)?;
        }
        list.end()
    }
}

impl TimesView {
    /// The figures of a distribution of which every value is exact.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        Self::with(histogram, false, |q| histogram.estimate_with(q, 0))
    }

    /// Response times, `done − intended`; those whose end was not seen are lower bounds.
    #[must_use]
    pub fn of_response(times: &TimesRecord) -> Self {
        Self::of_bounded(&times.response_time, &times.censored_time)
    }

    /// A distribution of which the values of `bounds` are lower bounds.
    #[must_use]
    pub fn of_bounded(histogram: &Histogram, bounds: &Histogram) -> Self {
        let is_max_bound = bounds.count() > 0 && bounds.max() >= histogram.max();
        Self::with(histogram, is_max_bound, |q| histogram.estimate(q, bounds))
    }

    /// Service times, `done − sent`; those whose end was not seen are lower bounds.
    #[must_use]
    pub fn of_service(times: &TimesRecord) -> Self {
        let unseen = times.censored_time.count();
        Self::with(&times.service_time, unseen > 0, |q| times.service_time.estimate_with(q, unseen))
    }

    /// Response times of the requests that did not fail.
    #[must_use]
    pub fn of_successes(times: &TimesRecord) -> Self {
        Self::of(&times.response_time.minus(&times.failed_time))
    }

    fn with(
        histogram: &Histogram,
        is_max_bound: bool,
        estimate: impl Fn(Quantile) -> Estimate,
    ) -> Self {
        let mut at_least = AtLeast { max: is_max_bound, ..AtLeast::default() };
        let [p50, p90, p95, p99, p99_9] = std::array::from_fn(|place| {
            let found = estimate(SHOWN[place].0);
            at_least.quantiles[place] = matches!(found, Estimate::AtLeast(_));
            match found {
                Estimate::NeedsSamples(_) => None,
                Estimate::Exact(value) | Estimate::AtLeast(value) => Some(to_ms(value)),
            }
        });
        Self {
            min: histogram.min().map(to_ms),
            avg: histogram.mean().map(to_ms),
            p50,
            p90,
            p95,
            p99,
            p99_9,
            max: histogram.max().map(to_ms),
            at_least,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_that_unseen_ends_may_reach_says_that_it_is_a_lower_bound() {
        let mut times = TimesRecord::default();
        for ms in 1..=1000 {
            let time = Duration::from_millis(ms);
            times.response_time.record(time);
            times.service_time.record(time);
            if ms > 980 {
                times.censored_time.record(time);
                times.failed_time.record(time);
            }
        }
        for view in [TimesView::of_response(&times), TimesView::of_service(&times)] {
            let json = serde_json::to_value(view).expect("plain data");
            assert_eq!(json["at_least"], serde_json::json!(["p99", "max"]));
            assert!(view.at_least.has("p99") && !view.at_least.has("p95"));
        }
        let successes = TimesView::of_successes(&times);
        assert!(successes.at_least.is_empty() && successes.max.is_some_and(|max| max < 981.0));
        assert!(serde_json::to_value(successes).expect("plain data").get("at_least").is_none());
    }
}
