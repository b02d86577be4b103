//! Time distributions; the only file that names `hdrhistogram`.
//!
//! Values are nanoseconds with three significant digits (relative error at most 0.1 %, METHODS.md section 8). The exact
//! minimum, maximum and sum are kept beside the buckets. A histogram with few values keeps them as they are, so that
//! thousands of rare series cost bytes, not a table of buckets each.

use std::time::Duration;

use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// Significant decimal digits of the buckets of run totals.
const TOTAL_DIGITS: u8 = 3;
/// Significant decimal digits of what is stored for one second: error at most 0.78 %, a tenth of the size.
const SECOND_DIGITS: u8 = 2;
/// Up to this many values are kept as they are: 8 KiB, against some 150 KiB of buckets.
const FEW_VALUES: usize = 1024;

/// The chance that all samples lie below a quantile, from which on its upper bound is refused: one side of 95 %.
const UNSEEN_PROBABILITY: f64 = 0.025;
/// Two values closer than this are one value: the buckets tell no more.
const SAME_WITHIN: f64 = 0.002;

/// Why recording a value cannot fail.
const TAKES_ALL: &str = "an auto-resizing histogram takes every u64";

/// A quantile in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Quantile(f64);

impl Quantile {
    /// The median.
    pub const P50: Self = Self(0.50);
    /// The 90th percentile.
    pub const P90: Self = Self(0.90);
    /// The 95th percentile.
    pub const P95: Self = Self(0.95);
    /// The 99th percentile.
    pub const P99: Self = Self(0.99);
    /// The 99.9th percentile.
    pub const P99_9: Self = Self(0.999);

    /// The quantile of a percentile in 0..=100; `None` outside.
    #[must_use]
    pub fn from_percentile(percentile: f64) -> Option<Self> {
        (0.0..=100.0).contains(&percentile).then_some(Self(percentile / 100.0))
    }

    /// The quantile in 0..=1.
    #[must_use]
    pub fn as_ratio(self) -> f64 {
        self.0
    }

    /// Samples needed before this quantile may be spoken of: the smallest n for which a distribution-free upper bound with
    /// 95 % confidence exists, q^n ≤ 0.025 (METHODS.md section 8): 6 for the median, 72 for p95, 368 for p99, 3,688 for
    /// p99.9. One for the extremes.
    #[must_use]
    pub fn samples_needed(self) -> u64 {
        if self.0 <= 0.0 || self.0 >= 1.0 {
            return 1;
        }
        (UNSEEN_PROBABILITY.ln() / self.0.ln()).ceil() as u64
    }
}

/// What is known of a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Estimate {
    /// Too few samples: so many are needed.
    NeedsSamples(u64),
    /// The value, within the precision of the buckets.
    Exact(Duration),
    /// So many ends were not seen (time-outs, requests cut off) that only a lower bound is known.
    AtLeast(Duration),
}

#[derive(Debug, Clone)]
enum Values {
    Few(Vec<u64>),
    Many(Box<hdrhistogram::Histogram<u64>>),
}

/// A distribution of durations.
#[derive(Debug, Clone)]
pub struct Histogram {
    values: Values,
    /// Exact zeros, counted apart: phases that did not happen (no connect on a kept-alive connection) cost nothing.
    zeros: u64,
    count: u64,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            values: Values::Few(Vec::new()),
            zeros: 0,
            count: 0,
            sum_ns: 0,
            min_ns: u64::MAX,
            max_ns: 0,
        }
    }
}

impl Histogram {
    /// An empty histogram. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one value.
    pub fn record(&mut self, value: Duration) {
        self.add_times(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX / 2), 1);
    }

    /// Adds values in nanoseconds. Many at once cost less than one by one.
    pub fn record_all(&mut self, all_ns: impl Iterator<Item = u64> + Clone) {
        let before = (self.count, self.zeros);
        for ns in all_ns.clone() {
            self.count += 1;
            self.zeros += u64::from(ns == 0);
            self.sum_ns += u128::from(ns);
            self.min_ns = self.min_ns.min(ns);
            self.max_ns = self.max_ns.max(ns);
        }
        let added = (self.count - before.0) - (self.zeros - before.1);
        let mut some_ns = all_ns.filter(|ns| *ns > 0);
        match &mut self.values {
            Values::Few(values) if values.len() as u64 + added <= FEW_VALUES as u64 => {
                values.extend(some_ns);
            }
            _ => {
                let many = self.many();
                some_ns.try_for_each(|ns| many.record(ns)).expect(TAKES_ALL);
            }
        }
    }

    /// Adds all of `other`. Exact: merging in any order and grouping gives the same counts.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.zeros += other.zeros;
        match &other.values {
            Values::Few(values) => values.iter().for_each(|ns| self.insert(*ns, 1)),
            Values::Many(theirs) => {
                self.many().add(&**theirs).expect("auto-resizing histograms of one precision add")
            }
        }
    }

    /// Calls `visit` with each value in nanoseconds, to the precision of its bucket, and how often it is there.
    pub fn for_each(&self, mut visit: impl FnMut(u64, u64)) {
        if self.zeros > 0 {
            visit(0, self.zeros);
        }
        match &self.values {
            Values::Few(values) => values.iter().for_each(|ns| visit(*ns, 1)),
            Values::Many(buckets) => {
                for value in buckets.iter_recorded() {
                    visit(value.value_iterated_to(), value.count_at_value());
                }
            }
        }
    }

    /// Adds one value so many times.
    pub fn record_n(&mut self, value: Duration, times: u64) {
        if times > 0 {
            self.add_times(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX / 2), times);
        }
    }

    fn add_times(&mut self, ns: u64, times: u64) {
        self.count += times;
        self.sum_ns += u128::from(ns) * u128::from(times);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        self.insert(ns, times);
    }

    fn insert(&mut self, ns: u64, times: u64) {
        if ns == 0 {
            self.zeros += times;
            return;
        }
        if let Values::Few(values) = &mut self.values
            && values.len() as u64 + times <= FEW_VALUES as u64
        {
            values.extend(std::iter::repeat_n(ns, times as usize));
            return;
        }
        self.many().record_n(ns, times).expect(TAKES_ALL);
    }

    fn many(&mut self) -> &mut hdrhistogram::Histogram<u64> {
        if let Values::Few(values) = &self.values {
            let mut buckets = new_buckets(TOTAL_DIGITS);
            for ns in values {
                buckets.record(*ns).expect(TAKES_ALL);
            }
            self.values = Values::Many(Box::new(buckets));
        }
        match &mut self.values {
            Values::Many(buckets) => buckets,
            Values::Few(_) => unreachable!("converted above"),
        }
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value, exact; `None` when empty.
    #[must_use]
    pub fn min(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.min_ns))
    }

    /// The largest value, exact; `None` when empty.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.max_ns))
    }

    /// The arithmetic mean, exact; `None` when empty.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        (self.count > 0)
            .then(|| Duration::from_nanos((self.sum_ns / u128::from(self.count)) as u64))
    }

    /// Sum of all values in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// The value at quantile `q` by nearest rank, within 0.1 % above; `None` when empty.
    #[must_use]
    pub fn quantile(&self, q: Quantile) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        self.value_at_rank(self.rank(q))
    }

    /// The nearest rank of a quantile, from 1.
    fn rank(&self, q: Quantile) -> u64 {
        ((q.0 * self.count as f64 - 1e-9).ceil() as u64).clamp(1, self.count.max(1))
    }

    fn value_at_rank(&self, rank: u64) -> Option<Duration> {
        if rank > self.count {
            return None;
        }
        if rank <= self.zeros {
            return Some(Duration::ZERO);
        }
        let rank = rank - self.zeros;
        let ns = match &self.values {
            Values::Few(values) => {
                let mut sorted = values.clone();
                let (_, ns, _) = sorted.select_nth_unstable(rank as usize - 1);
                *ns
            }
            Values::Many(buckets) => {
                buckets.value_at_quantile((rank as f64 - 0.5) / buckets.len() as f64)
            }
        };
        Some(Duration::from_nanos(ns.clamp(self.min_ns, self.max_ns)))
    }

    /// The value at quantile `q`, or `None` when there are too few values to speak of it
    /// ([`Quantile::samples_needed`]).
    #[must_use]
    pub fn supported_quantile(&self, q: Quantile) -> Option<Duration> {
        if self.count >= q.samples_needed() { self.quantile(q) } else { None }
    }

    /// What is known of the quantile `q` when the values of `bounds`, which are among these, are only lower bounds.
    ///
    /// With every bound at its lowest the quantile is one value, with every bound at infinity another; where both agree it
    /// is exact, else the lower one is what is certain (METHODS.md 1.3).
    #[must_use]
    pub fn estimate(&self, q: Quantile, bounds: &Self) -> Estimate {
        let Some(lowest) = self.supported_quantile(q) else {
            return Estimate::NeedsSamples(q.samples_needed());
        };
        if bounds.count == 0 {
            return Estimate::Exact(lowest);
        }
        let highest = self.minus(bounds).value_at_rank(self.rank(q));
        let is_same = highest.is_some_and(|highest| {
            highest.as_secs_f64() <= lowest.as_secs_f64() * (1.0 + SAME_WITHIN)
        });
        if is_same { Estimate::Exact(lowest) } else { Estimate::AtLeast(lowest) }
    }

    /// What is known of the quantile `q` when `count` of these values are lower bounds and nothing more is known of them:
    /// exact only as far as they cannot reach.
    #[must_use]
    pub fn estimate_with(&self, q: Quantile, count: u64) -> Estimate {
        match self.supported_quantile(q) {
            None => Estimate::NeedsSamples(q.samples_needed()),
            Some(value) if count > 0 && self.rank(q) + count > self.count => {
                Estimate::AtLeast(value)
            }
            Some(value) => Estimate::Exact(value),
        }
    }

    /// These values without those of `part`, which are among them, to the precision of the buckets.
    #[must_use]
    pub fn minus(&self, part: &Self) -> Self {
        if part.count == 0 {
            return self.clone();
        }
        let mut left = std::collections::BTreeMap::new();
        let buckets = new_buckets(TOTAL_DIGITS);
        self.for_each(|ns, times| *left.entry(buckets.lowest_equivalent(ns)).or_insert(0) += times);
        part.for_each(|ns, times| {
            if let Some(count) = left.get_mut(&buckets.lowest_equivalent(ns)) {
                *count = count.saturating_sub(times);
            }
        });
        let mut rest = Self::new();
        for (ns, times) in left.into_iter().filter(|(_, times)| *times > 0) {
            rest.add_times(ns, times);
        }
        rest
    }

    /// HDR V2 deflate bytes at full precision, for the totals of a run. Zeros are included.
    #[must_use]
    pub fn to_v2_deflate(&self) -> Vec<u8> {
        self.encode(TOTAL_DIGITS)
    }

    /// HDR V2 deflate bytes at two significant digits, for one second of one series.
    #[must_use]
    pub fn to_second_v2_deflate(&self) -> Vec<u8> {
        self.encode(SECOND_DIGITS)
    }

    fn encode(&self, digits: u8) -> Vec<u8> {
        let mut buckets = new_buckets(digits);
        match &self.values {
            Values::Few(values) => {
                for ns in values {
                    buckets.record(*ns).expect(TAKES_ALL);
                }
            }
            Values::Many(all) => {
                for value in all.iter_recorded() {
                    buckets
                        .record_n(value.value_iterated_to(), value.count_at_value())
                        .expect(TAKES_ALL);
                }
            }
        }
        if self.zeros > 0 {
            buckets.record_n(0, self.zeros).expect("zero fits");
        }
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&buckets, &mut bytes)
            .expect("serialising to memory cannot fail");
        bytes
    }

    /// Reads what [`Histogram::to_v2_deflate`] wrote. The exact sum and extremes are those of the buckets, within their
    /// precision.
    ///
    /// # Errors
    /// Bytes that are no V2 or V2-deflate histogram.
    pub fn from_v2_deflate(bytes: &[u8]) -> Result<Self, HistogramError> {
        let buckets: hdrhistogram::Histogram<u64> = Deserializer::new()
            .deserialize(&mut std::io::Cursor::new(bytes))
            .map_err(|error| HistogramError { reason: format!("{error:?}") })?;
        let mut histogram = Self::new();
        for value in buckets.iter_recorded() {
            let (ns, times) = (value.value_iterated_to(), value.count_at_value());
            histogram.add_times(ns, times);
        }
        Ok(histogram)
    }

    /// Puts back the exact extremes and sum that were stored beside the buckets.
    #[must_use]
    pub fn with_exact(mut self, min: Duration, max: Duration, sum_seconds: f64) -> Self {
        if self.count > 0 {
            self.min_ns = min.as_nanos() as u64;
            self.max_ns = max.as_nanos() as u64;
            self.sum_ns = (sum_seconds * 1e9) as u128;
        }
        self
    }
}

/// Stored bytes that are not a histogram.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored histogram cannot be read: {reason}")]
pub struct HistogramError {
    /// What the decoder said.
    pub reason: String,
}

fn new_buckets(digits: u8) -> hdrhistogram::Histogram<u64> {
    let mut buckets =
        hdrhistogram::Histogram::new(digits).expect("1 to 5 significant digits are valid");
    buckets.auto(true);
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values_us: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        values_us.into_iter().for_each(|us| histogram.record(Duration::from_micros(us)));
        histogram
    }

    #[test]
    fn quantiles_are_within_a_thousandth_of_the_truth() {
        for n in [100_u64, 5000] {
            let histogram = filled(1..=n);
            for (q, rank) in [
                (Quantile::P50, n / 2),
                (Quantile::P95, n * 95 / 100),
                (Quantile::P99, n * 99 / 100),
            ] {
                let got = histogram.quantile(q).expect("not empty").as_nanos() as f64;
                let truth = rank as f64 * 1000.0;
                assert!(
                    (got - truth).abs() / truth <= 0.001,
                    "n={n} q={q:?} got {got} for {truth}"
                );
            }
            assert_eq!(histogram.min(), Some(Duration::from_micros(1)));
            assert_eq!(histogram.max(), Some(Duration::from_micros(n)));
        }
    }

    #[test]
    fn merging_in_any_grouping_gives_the_same_distribution() {
        let whole = filled((1..=3000).chain(1..=3000));
        let mut merged = filled(1..=10);
        merged.merge(&filled(11..=3000));
        let mut other = Histogram::new();
        other.merge(&filled(1..=3000));
        other.merge(&merged);
        assert_eq!(other.count(), whole.count());
        assert_eq!(other.mean(), whole.mean());
        for q in [Quantile::P50, Quantile::P90, Quantile::P99_9] {
            assert_eq!(other.quantile(q), whole.quantile(q));
        }
    }

    /// AT-8.1: a million values of a lognormal law, against the sorted values.
    #[test]
    fn every_percentile_of_a_million_values_is_within_a_thousandth() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand::rngs::StdRng::seed_from_u64(81);
        let mut values: Vec<u64> = (0..1_000_000)
            .map(|_| {
                // Box and Muller's normal variate: a median of 20 ms and a wide tail.
                let (u, v): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
                let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                (2e7 * (0.8 * normal).exp()) as u64
            })
            .collect();
        let mut histogram = Histogram::new();
        values.iter().for_each(|&ns| histogram.record(Duration::from_nanos(ns)));
        values.sort_unstable();
        for percentile in [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999] {
            let q = Quantile::from_percentile(percentile).expect("a percentile");
            let rank = (percentile / 100.0 * 1e6_f64).round() as usize;
            let truth = values[rank - 1] as f64;
            let got = histogram.quantile(q).expect("filled").as_nanos() as f64;
            assert!((got / truth - 1.0).abs() <= 0.001, "p{percentile}: {got} for {truth}");
        }
    }

    /// AT-8.2: seconds merged in any order and grouping are the whole, bucket by bucket.
    #[test]
    fn seconds_merged_in_any_order_are_the_total() {
        let value_us = |i: u64| i * 7919 % 100_003;
        let seconds: Vec<Histogram> = (0..60)
            .map(|second| filled((second * 500..(second + 1) * 500).map(value_us)))
            .collect();
        let counts = |histogram: &Histogram| {
            let mut counts = Vec::new();
            histogram.for_each(|ns, count| counts.push((ns, count)));
            counts
        };
        let total = counts(&filled((0..30_000).map(value_us)));
        let forwards = seconds.iter().fold(Histogram::new(), |mut sum, second| {
            sum.merge(second);
            sum
        });
        let mut pairwise = seconds;
        while pairwise.len() > 1 {
            // The last goes into the first: another order and another grouping.
            let last = pairwise.pop().expect("two at least");
            pairwise.rotate_left(1);
            pairwise.last_mut().expect("one at least").merge(&last);
        }
        assert_eq!(counts(&forwards), total);
        assert_eq!(counts(&pairwise[0]), total);
    }

    #[test]
    fn zeros_count_and_cost_no_bucket() {
        let mut histogram = Histogram::new();
        for _ in 0..90 {
            histogram.record(Duration::ZERO);
        }
        for _ in 0..10 {
            histogram.record(Duration::from_millis(5));
        }
        assert_eq!(histogram.quantile(Quantile::P90), Some(Duration::ZERO));
        assert_eq!(histogram.quantile(Quantile::P95), Some(Duration::from_millis(5)));
        let back = Histogram::from_v2_deflate(&histogram.to_v2_deflate()).expect("round trip");
        assert_eq!((back.count(), back.quantile(Quantile::P90)), (100, Some(Duration::ZERO)));
    }

    #[test]
    fn a_quantile_among_unseen_ends_is_a_lower_bound() {
        // 98 ends seen at 1 ms to 98 ms, two time-outs at 200 ms: p95 cannot be touched, p99 is at least 200 ms.
        let mut all = Histogram::new();
        let mut bounds = Histogram::new();
        for _ in 0..10 {
            (1..=98).for_each(|ms| all.record(Duration::from_millis(ms)));
            for _ in 0..2 {
                all.record(Duration::from_millis(200));
                bounds.record(Duration::from_millis(200));
            }
        }
        let (p95, p99) = (Duration::from_millis(95), Duration::from_millis(200));
        let within = |estimate: Estimate, truth: Duration| match estimate {
            Estimate::Exact(value) | Estimate::AtLeast(value) => {
                (value.as_secs_f64() / truth.as_secs_f64() - 1.0).abs() < 0.002
            }
            Estimate::NeedsSamples(_) => false,
        };
        let exact = all.estimate(Quantile::P95, &bounds);
        assert!(matches!(exact, Estimate::Exact(_)) && within(exact, p95), "{exact:?}");
        let open = all.estimate(Quantile::P99, &bounds);
        assert!(matches!(open, Estimate::AtLeast(_)) && within(open, p99), "{open:?}");
        // Bounds far below the quantile still may lie above it in truth.
        let mut early = all.minus(&bounds);
        let mut cut_off = Histogram::new();
        for _ in 0..50 {
            early.record(Duration::from_micros(10));
            cut_off.record(Duration::from_micros(10));
        }
        assert!(matches!(early.estimate(Quantile::P95, &cut_off), Estimate::AtLeast(_)));
        assert!(matches!(early.estimate_with(Quantile::P99, 50), Estimate::AtLeast(_)));
        assert!(matches!(early.estimate_with(Quantile::P50, 50), Estimate::Exact(_)));
    }

    #[test]
    fn stored_bytes_keep_the_counts_and_the_quantiles() {
        for n in [10_u64, 4000] {
            let histogram = filled(1..=n);
            let back = Histogram::from_v2_deflate(&histogram.to_v2_deflate()).expect("round trip");
            assert_eq!(back.count(), n);
            let (a, b) = (histogram.quantile(Quantile::P95), back.quantile(Quantile::P95));
            let ratio = a.expect("filled").as_secs_f64() / b.expect("filled").as_secs_f64();
            assert!((ratio - 1.0).abs() < 0.002, "{ratio}");
        }
        assert!(Histogram::from_v2_deflate(b"no histogram").is_err());
    }

    #[test]
    fn a_percentile_without_enough_values_is_not_available() {
        // AT-8.4.
        let histogram = filled(1..=1000);
        assert!(histogram.supported_quantile(Quantile::P99).is_some());
        assert_eq!(histogram.supported_quantile(Quantile::P99_9), None);
        let needed = [Quantile::P50, Quantile::P95, Quantile::P99, Quantile::P99_9];
        assert_eq!(needed.map(Quantile::samples_needed), [6, 72, 368, 3688]);
        assert_eq!(Histogram::new().quantile(Quantile::P50), None);
    }
}
