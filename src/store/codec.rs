//! Values to columns and back. Nothing here can panic on what a file contains.

use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::metric::Histogram;

/// A count as SQLite keeps it; what is beyond 63 bits is the largest value.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Nanoseconds of a duration.
pub(super) fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Milliseconds of a duration.
pub(super) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A column of nanoseconds; negative values count as zero.
pub(super) fn duration_column(row: &Row<'_>, column: &str) -> rusqlite::Result<Duration> {
    row.get(column).map(from_ns)
}

/// A duration of nanoseconds; zero when they are negative.
pub(super) fn from_ns(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
}

/// A column of a count; negative values count as zero.
pub(super) fn count_column(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get(column).map(|count: i64| u64::try_from(count).unwrap_or(0))
}

/// A value as JSON text.
pub(super) fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// A column of JSON text.
pub(super) fn json_column<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(unreadable)
}

/// The word that an enum without fields serialises to.
pub(super) fn word<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    to_json(value).map(|quoted| quoted.trim_matches('"').to_owned())
}

/// A column of such a word.
pub(super) fn word_column<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(text)).map_err(unreadable)
}

/// A stored value that this program did not write.
pub(super) fn unreadable(
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, cause.into())
}

/// How exactly a distribution is kept.
#[derive(Debug, Clone, Copy)]
pub(super) enum Precision {
    /// Two significant digits: seconds, and totals of a run that is not over.
    Second,
    /// Three significant digits: totals.
    Total,
}

/// A distribution as columns: buckets, and beside them what buckets do not keep exactly.
#[derive(Debug)]
pub(super) struct Cells {
    /// HDR V2 deflate.
    pub(super) hdr: Vec<u8>,
    /// The smallest value in nanoseconds; 0 when empty.
    pub(super) min_ns: i64,
    /// The largest value in nanoseconds; 0 when empty.
    pub(super) max_ns: i64,
    /// The sum in seconds.
    pub(super) sum_s: f64,
}

impl Cells {
    /// The columns of a distribution.
    pub(super) fn of(histogram: &Histogram, precision: Precision) -> Self {
        Self {
            hdr: match precision {
                Precision::Second => histogram.to_second_v2_deflate(),
                Precision::Total => histogram.to_v2_deflate(),
            },
            min_ns: ns(histogram.min().unwrap_or_default()),
            max_ns: ns(histogram.max().unwrap_or_default()),
            sum_s: histogram.sum_seconds(),
        }
    }

    /// The distribution of the columns.
    pub(super) fn histogram(&self) -> rusqlite::Result<Histogram> {
        let histogram = Histogram::from_v2_deflate(&self.hdr).map_err(unreadable)?;
        if self.min_ns > self.max_ns || !self.sum_s.is_finite() {
            return Ok(histogram);
        }
        // Half a nanosecond more, since `with_exact` cuts off what seconds in binary may lack of a whole one.
        let sum_s = self.sum_s + 0.5e-9;
        Ok(histogram.with_exact(from_ns(self.min_ns), from_ns(self.max_ns), sum_s))
    }
}

/// What the store would give back for a distribution of a finished run.
pub(super) fn as_stored(histogram: &Histogram) -> Histogram {
    Cells::of(histogram, Precision::Total).histogram().unwrap_or_else(|_| histogram.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Quantile;

    #[test]
    fn a_stored_distribution_keeps_its_extremes_and_its_mean_exactly() {
        let mut histogram = Histogram::new();
        (1..=5000).for_each(|i| histogram.record(Duration::from_nanos(1_234_567 + 7_919 * i)));
        let back = as_stored(&histogram);
        assert_eq!((back.min(), back.max()), (histogram.min(), histogram.max()));
        assert_eq!((back.mean(), back.count()), (histogram.mean(), 5000));
        assert_eq!(as_stored(&back).quantile(Quantile::P99), back.quantile(Quantile::P99));
        assert_eq!(as_stored(&Histogram::new()).count(), 0);
    }

    #[test]
    fn contradictory_columns_are_no_panic() {
        let cells =
            Cells { hdr: Histogram::new().to_v2_deflate(), min_ns: 9, max_ns: 1, sum_s: f64::NAN };
        assert_eq!(cells.histogram().map(|h| h.count()), Ok(0));
        assert!(Cells { hdr: vec![1, 2, 3], ..cells }.histogram().is_err());
    }
}
