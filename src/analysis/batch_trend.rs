//! A trend test that survives autocorrelation: Mann–Kendall on batches of a length that fits the series (METHODS.md 5.1).
//!
//! Mann–Kendall takes neighbours for independent. Response times of neighbouring seconds are not: with a correlation of 0.5
//! it finds a trend in a quarter of all series that have none. So neighbours are averaged until what is left over around the
//! trend line no longer hangs together, and the statistic is divided by what still does.

use serde::{Deserialize, Serialize};

use super::trend;

/// Residuals that correlate less than this count as independent.
const INDEPENDENT: f64 = 0.1;
/// Batches are not made longer when fewer than this would be left.
const FEWEST_BATCHES: usize = 20;
/// More batches than this cost time and tell no more: the slopes between all pairs are half a million.
const MOST_BATCHES: usize = 1000;
/// The normal quantile of a two-sided interval of 95 %.
const Z_95: f64 = 1.96;

/// The trend of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// By how many standard deviations the series rises (positive) or falls, corrected for correlation. Beyond ±2.58 a
    /// series without trend comes once in a hundred.
    pub z: f64,
    /// Theil–Sen slope, for each value of the series.
    pub slope: f64,
    /// Lower end of the slope's 95 % interval.
    pub slope_lower: f64,
    /// Upper end of the slope's 95 % interval.
    pub slope_upper: f64,
    /// Values that were averaged to one.
    pub batch_count: usize,
    /// Correlation of neighbouring batches that was left around the line, −1..=1.
    pub correlation: f64,
}

/// The trend of `series`, whose values are evenly spaced; `None` for fewer than four, and for values that are not finite.
///
/// Start with batches of one value (of more in very long series). While the residuals around the batches' Theil–Sen line
/// have a lag-1 autocorrelation r ≥ 0.1 and at least 20 batches remain, double the batches. Then
/// `Z' = Z / √((1 + r⁺)/(1 − r⁺))`. The slope's interval takes the ranks `(N ∓ C)/2` of the N sorted slopes,
/// `C = 1.96 √Var √((1 + r⁺)/(1 − r⁺))` (Sen 1968, Gilbert 1987; the correction for correlation is this project's).
#[must_use]
pub fn batch_trend(series: &[f64]) -> Option<Trend> {
    if series.len() < 4 || !series.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut batch_count = series.len().div_ceil(MOST_BATCHES);
    loop {
        let batches: Vec<f64> = series.chunks_exact(batch_count).map(mean).collect();
        let slopes = sorted_slopes(&batches);
        let slope = trend::median(&slopes).expect("four batches or more have slopes");
        let residuals: Vec<f64> =
            batches.iter().enumerate().map(|(i, value)| value - slope * i as f64).collect();
        let correlation = trend::lag_one_autocorrelation(&residuals);
        if correlation < INDEPENDENT || batches.len() / 2 < FEWEST_BATCHES {
            // Neighbours that are all but equal leave nothing to divide by; a hundredth is as far as it goes.
            let left = correlation.clamp(0.0, 0.98);
            let inflation = ((1.0 + left) / (1.0 - left)).sqrt();
            let (lower, upper) = slope_ranks(batches.len(), inflation);
            let per_value = 1.0 / batch_count as f64;
            return Some(Trend {
                z: trend::mann_kendall_z(&batches) / inflation,
                slope: slope * per_value,
                slope_lower: slopes[lower] * per_value,
                slope_upper: slopes[upper] * per_value,
                batch_count,
                correlation,
            });
        }
        batch_count *= 2;
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sorted_slopes(values: &[f64]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(values.len() * (values.len() - 1) / 2);
    for (i, from) in values.iter().enumerate() {
        for (distance, to) in values[i + 1..].iter().enumerate() {
            slopes.push((to - from) / (distance + 1) as f64);
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    slopes
}

/// Places of the interval's ends among the sorted slopes of `n` values.
fn slope_ranks(n: usize, inflation: f64) -> (usize, usize) {
    let n = n as f64;
    let slopes = n * (n - 1.0) / 2.0;
    let half = Z_95 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() * inflation / 2.0;
    let lower = (slopes / 2.0 - half).floor().max(0.0);
    let upper = (slopes / 2.0 + half).ceil().min(slopes - 1.0);
    (lower as usize, upper as usize)
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64;
    use rand_pcg::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Autoregressive noise of sd 1 around a line that rises by `rise` over the series.
    fn series(seed: u64, n: usize, phi: f64, rise: f64) -> Vec<f64> {
        let mut random = Pcg64::seed_from_u64(seed);
        // The sum of twelve uniform numbers is as good as normal here.
        let mut normal =
            || (0..12).map(|_| random.next_u64() as f64 / 2f64.powi(64)).sum::<f64>() - 6.0;
        let mut level = normal();
        let next = |i| {
            level = phi * level + (1.0 - phi * phi).sqrt() * normal();
            level + rise * i as f64 / n as f64
        };
        (0..n).map(next).collect()
    }

    fn found(n: usize, phi: f64, rise: f64) -> usize {
        let is_found = |seed: &u64| {
            batch_trend(&series(*seed, n, phi, rise)).expect("long enough").z.abs() > 1.96
        };
        (0..100).filter(is_found).count()
    }

    #[test]
    fn series_without_a_trend_have_none_however_their_neighbours_hang_together() {
        for phi in [0.0, 0.5, 0.9] {
            let alarms = found(200, phi, 0.0);
            assert!(alarms <= 15, "phi {phi}: {alarms} of 100 at a nominal 5");
        }
        let raw = |seed: &u64| trend::mann_kendall_z(&series(*seed, 200, 0.9, 0.0)).abs() > 1.96;
        assert!((0..100).filter(raw).count() > 40, "what it is better than");
    }

    #[test]
    fn a_drift_of_three_standard_deviations_is_found_in_correlated_noise() {
        assert!(found(200, 0.5, 3.0) >= 95);
    }

    #[test]
    fn a_slope_lies_in_its_interval() {
        let holds = |seed: &u64| {
            let trend = batch_trend(&series(*seed, 200, 0.5, 2.0)).expect("long enough");
            (trend.slope_lower..=trend.slope_upper).contains(&0.01)
        };
        let held = (0..100).filter(holds).count();
        assert!(held >= 85, "{held} of 100");
        let line: Vec<f64> = (0..5000).map(|i| 3.0 - 0.5 * f64::from(i)).collect();
        let trend = batch_trend(&line).expect("long enough");
        assert!((trend.slope + 0.5).abs() < 1e-9 && trend.z < -10.0, "{trend:?}");
    }

    #[test]
    fn what_is_too_short_or_no_number_has_no_trend() {
        assert_eq!(batch_trend(&[1.0, 2.0, 3.0]), None);
        assert_eq!(batch_trend(&[1.0, 2.0, f64::NAN, 3.0, 4.0]), None);
        assert_eq!(batch_trend(&[5.0; 40]).expect("long enough").z, 0.0);
    }
}
