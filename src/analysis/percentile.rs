//! How far a percentile may be off, by order statistics (METHODS.md section 8).
//!
//! How many of n requests lie below the true percentile is a binomial count, whatever the distribution is like; so two ranks
//! around the percentile's own hold it. That is so for independent requests. Requests of one second are not, nor are
//! neighbouring seconds, so the ranks are moved apart by the design effect of the requests that lie above the percentile.

use serde::{Deserialize, Serialize};

use super::{proportion, trend};
use crate::metric::{Buckets, Quantile, Slice};

/// The normal quantile of a two-sided interval of 95 %.
const Z_95: f64 = 1.96;
/// A correlation of neighbouring slices beyond this is taken for this: nearer to 1 the correction has no bound.
const STRONGEST_CORRELATION: f64 = 0.9;

/// A percentile with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub lower_s: f64,
    /// The percentile of the requests that were seen.
    pub value_s: f64,
    /// Its upper end; `None` when it lies beyond the largest time that was seen.
    pub upper_s: Option<f64>,
    /// By how much the variance is larger than that of independent requests, at least 1.
    pub design_effect_ratio: f64,
}

/// More than the relative width of a cell of [`Buckets`].
const CELL_WIDTH: f64 = 0.01;

/// The interval of the response time at `q` over `slices`; `None` when there are too few requests for it
/// ([`Quantile::samples_needed`]).
///
/// Ranks `⌊nq − 1.96 √(D n q (1−q))⌋` and `⌈nq + 1.96 √(D n q (1−q))⌉ + 1`. D is the design effect of the counts above the
/// percentile in each slice, times `(1 + r⁺)/(1 − r⁺)` for the correlation r of the shares of neighbouring slices.
#[must_use]
pub fn interval(slices: &[Slice], q: Quantile) -> Option<Interval> {
    let times: Vec<&Buckets> = slices.iter().map(|slice| &slice.response_time).collect();
    interval_of(&times, q)
}

/// The same for any distributions in the order of time, such as service times.
#[must_use]
pub fn interval_of(slices: &[&Buckets], q: Quantile) -> Option<Interval> {
    let mut merged = Buckets::default();
    slices.iter().for_each(|slice| merged.merge(slice));
    if merged.count() == 0 || merged.count() < q.samples_needed() {
        return None;
    }
    let value_s = merged.quantile_s(q)?;
    let design_effect_ratio = design_effect(slices, value_s);
    let (n, share) = (merged.count() as f64, q.as_ratio());
    let half = Z_95 * (design_effect_ratio * n * share * (1.0 - share)).sqrt();
    let at_rank = |rank: f64| {
        let q = Quantile::from_percentile((rank / n).clamp(0.0, 1.0) * 100.0)?;
        merged.quantile_s(q)
    };
    let upper_rank = (n * share + half).ceil() + 1.0;
    Some(Interval {
        lower_s: at_rank((n * share - half).floor())?,
        value_s,
        upper_s: if upper_rank > n { None } else { at_rank(upper_rank) },
        design_effect_ratio,
    })
}

fn design_effect(slices: &[&Buckets], value_s: f64) -> f64 {
    // Values of the percentile's own cell count as beyond it, or many equal ones would be beyond nothing.
    let limit = std::time::Duration::from_secs_f64(value_s * (1.0 - CELL_WIDTH));
    let counts: Vec<(u64, u64)> = slices
        .iter()
        .filter(|slice| slice.count() > 0)
        .map(|slice| (slice.count_above(limit), slice.count()))
        .collect();
    let shares: Vec<f64> = counts.iter().map(|(above, all)| *above as f64 / *all as f64).collect();
    let clustered = proportion::design_effect(&counts);
    // What is no more than independent requests would do has no correlation worth a correction, only noise of one.
    if clustered <= 1.0 {
        return 1.0;
    }
    let r = trend::lag_one_autocorrelation(&shares).clamp(0.0, STRONGEST_CORRELATION);
    clustered * (1.0 + r) / (1.0 - r)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Slices of `requests` exponential times around 10 ms, on a level that wanders by 10 % with correlation `phi`.
    fn slices(seed: u64, count: usize, requests: u32, phi: f64) -> Vec<Buckets> {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        // The sum of twelve uniform numbers is as good as normal here.
        let mut level = 0.0;
        let mut slice = |_| {
            let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            level = phi * level + 0.1 * (1.0 - phi * phi).sqrt() * normal;
            let mut buckets = Buckets::default();
            for _ in 0..requests {
                let exponential = -(1.0 - random.random::<f64>()).ln();
                buckets.record(Duration::from_secs_f64(0.01 * f64::exp(level) * exponential));
            }
            buckets
        };
        // The level forgets where it began.
        (0..20 + count).map(&mut slice).skip(20).collect()
    }

    fn p99(slices: &[Buckets]) -> Interval {
        interval_of(&slices.iter().collect::<Vec<_>>(), Quantile::P99).expect("enough requests")
    }

    /// The p99 of the whole process: that of a long run.
    fn truth_s() -> f64 {
        let mut all = Buckets::default();
        slices(999, 2000, 50, 0.0).iter().for_each(|slice| all.merge(slice));
        all.quantile_s(Quantile::P99).expect("values")
    }

    #[test]
    fn the_interval_holds_the_percentile_of_correlated_seconds() {
        let truth_s = truth_s();
        assert!((truth_s / 0.0475 - 1.0).abs() < 0.03, "{truth_s}");
        let holds = |seed: &u64| {
            let found = p99(&slices(*seed, 60, 100, 0.7));
            found.lower_s <= truth_s && found.upper_s.is_none_or(|upper_s| truth_s <= upper_s)
        };
        let held = (0..100).filter(holds).count();
        assert!(held >= 88, "{held} of 100");
    }

    #[test]
    fn it_is_as_narrow_as_independent_requests_allow() {
        let found = p99(&slices(5, 60, 200, 0.0));
        let upper_s = found.upper_s.expect("enough above");
        assert!(found.lower_s < found.value_s && found.value_s < upper_s, "{found:?}");
        assert!(upper_s / found.lower_s < 1.25, "{found:?}");
        assert!(found.design_effect_ratio < 2.0, "{found:?}");
    }

    #[test]
    fn a_burst_of_slow_requests_widens_it_and_may_leave_no_upper_end() {
        let slice = |slow: u32| {
            let mut buckets = Buckets::default();
            (0..100).for_each(|i| {
                let time_ms = if i < slow { 1000 } else { 10 };
                buckets.record(Duration::from_millis(time_ms));
            });
            buckets
        };
        let mut run: Vec<Buckets> = (0..59).map(|_| slice(0)).collect();
        run.push(slice(70));
        let found = p99(&run);
        assert!(found.design_effect_ratio > 30.0, "{found:?}");
        assert!(found.lower_s < 0.011, "one bad second may be chance: {found:?}");
        assert_eq!(found.upper_s, None);
    }

    #[test]
    fn too_few_requests_have_no_interval() {
        let few = slices(1, 3, 100, 0.0);
        assert_eq!(interval_of(&few.iter().collect::<Vec<_>>(), Quantile::P99), None);
        assert_eq!(interval(&[], Quantile::P50), None);
    }
}
