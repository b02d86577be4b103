//! What a closed load did not see because it was waiting: an estimate of coordinated omission (METHODS.md 1.4).
//!
//! A virtual user that waits for a slow answer sends nothing meanwhile, and the requests that others would have sent in that
//! time are missing from the distribution. HdrHistogram's `recordCorrectedValue` puts them back: a time v that exceeds the
//! interval i between requests also stands for v − i, v − 2i, … It is right only if the whole service was slow, not one
//! request of it, and if the interval is known. So it is never a result, only a hint of how much may be missing; an open load
//! measures it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metric::{Histogram, Quantile};

/// A value stands for at most so many missing ones by themselves; of more, neighbours are put together.
const MOST_STEPS: u64 = 1000;

/// Percentiles as they were seen, and as estimated with the requests that were not sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// The interval at which requests would have been sent.
    pub interval_ms: f64,
    /// The 99th percentile as seen.
    pub p99_raw_ms: f64,
    /// The 99th percentile, estimated.
    pub p99_corrected_ms: f64,
    /// The 99.9th percentile as seen.
    pub p99_9_raw_ms: f64,
    /// The 99.9th percentile, estimated.
    pub p99_9_corrected_ms: f64,
}

/// Estimates what the response times of a closed load would have been at one request each `interval`, such as the median
/// time between two requests of a virtual user.
///
/// `None` without values or without an interval.
#[must_use]
pub fn exposure(response: &Histogram, interval: Duration) -> Option<Exposure> {
    if interval.is_zero() {
        return None;
    }
    let corrected = corrected(response, u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX));
    let ms = |histogram: &Histogram, q| histogram.quantile(q).map(|time| time.as_secs_f64() * 1e3);
    Some(Exposure {
        interval_ms: interval.as_secs_f64() * 1e3,
        p99_raw_ms: ms(response, Quantile::P99)?,
        p99_corrected_ms: ms(&corrected, Quantile::P99)?,
        p99_9_raw_ms: ms(response, Quantile::P99_9)?,
        p99_9_corrected_ms: ms(&corrected, Quantile::P99_9)?,
    })
}

fn corrected(response: &Histogram, interval_ns: u64) -> Histogram {
    let mut corrected = Histogram::new();
    response.for_each(|ns, times| {
        corrected.record_n(Duration::from_nanos(ns), times);
        // v − k·i ≥ i for k up to here.
        let missing = (ns / interval_ns).saturating_sub(1);
        let together = missing.div_ceil(MOST_STEPS).max(1);
        let mut first = 1;
        while first <= missing {
            let count = together.min(missing - first + 1);
            let middle = ns - (2 * first + count - 1) * interval_ns / 2;
            corrected.record_n(Duration::from_nanos(middle), times.saturating_mul(count));
            first += count;
        }
    });
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed_stream(stall_ms: u64) -> Histogram {
        let mut times = Histogram::new();
        times.record_n(Duration::from_millis(1), 59_000);
        times.record(Duration::from_millis(stall_ms));
        times
    }

    #[test]
    fn one_user_that_met_a_stall_of_a_second_in_a_minute_missed_the_formulas_percentiles() {
        let found = exposure(&closed_stream(1001), Duration::from_millis(1)).expect("values");
        assert!(found.p99_raw_ms < 1.01 && found.p99_9_raw_ms < 1.01, "{found:?}");
        // L(q) = b + S − (1 − q) D for a target that catches up at once: 401 and 941 ms.
        assert!((found.p99_corrected_ms - 401.0).abs() < 2.0, "{found:?}");
        assert!((found.p99_9_corrected_ms - 941.0).abs() < 2.0, "{found:?}");
    }

    #[test]
    fn putting_neighbours_together_changes_neither_count_nor_percentiles() {
        let stall = closed_stream(60_001);
        let fine = corrected(&stall, 1_000_000);
        // v − k·i from 60,000 ms down to 1 ms; the histogram knows v to a thousandth.
        let count = fine.count() as f64 / (59_001.0 + 60_000.0);
        assert!((count - 1.0).abs() < 0.001, "{count}");
        let found = exposure(&stall, Duration::from_millis(1)).expect("values");
        // Of 119,001 values 1,190 are above the 99th percentile, and they lie one millisecond apart.
        assert!((found.p99_corrected_ms - (60_001.0 - 1190.0)).abs() < 100.0, "{found:?}");
    }

    #[test]
    fn a_load_that_never_waited_longer_than_its_interval_missed_nothing() {
        let stall = closed_stream(1001);
        let found = exposure(&stall, Duration::from_secs(2)).expect("values");
        assert_eq!(found.p99_raw_ms, found.p99_corrected_ms);
        assert_eq!(exposure(&stall, Duration::ZERO), None);
        assert_eq!(exposure(&Histogram::new(), Duration::from_secs(1)), None);
    }
}
