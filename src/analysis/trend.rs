//! Trends of short series without an assumption about their noise: Mann–Kendall and Theil–Sen.

/// The middle value; `None` of nothing. Values that are no number come last.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value at `q` in 0..=1, interpolated between the two that are nearest; `None` of nothing.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

/// The median of the slopes between all pairs, for each step of the series (Sen 1968); zero for fewer than two values.
///
/// Takes n²/2 steps: for at most some thousand values.
#[must_use]
pub fn theil_sen_slope(values: &[f64]) -> f64 {
    let slopes: Vec<f64> =
        pairs(values).map(|(i, j)| (values[j] - values[i]) / (j - i) as f64).collect();
    median(&slopes).unwrap_or(0.0)
}

/// Mann–Kendall's Z: how many standard deviations the series rises (positive) or falls (negative) as a whole.
///
/// `S = Σ sgn(x_j − x_i)`, `Var = [n(n−1)(2n+5) − Σ t(t−1)(2t+5)]/18` over groups of t equal values, `Z = (S ∓ 1)/√Var`.
/// It takes the values for independent: correlated series need wider limits (METHODS.md 5.1). Zero for fewer than three.
#[must_use]
pub fn mann_kendall_z(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() < 3 {
        return 0.0;
    }
    let rises = |(i, j): (usize, usize)| match values[j].total_cmp(&values[i]) {
        std::cmp::Ordering::Less => -1.0,
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => 1.0,
    };
    let s: f64 = pairs(values).map(rises).sum();
    let ties: f64 = ties(values).map(|t| t * (t - 1.0) * (2.0 * t + 5.0)).sum();
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0;
    if variance <= 0.0 || s == 0.0 { 0.0 } else { (s - s.signum()) / variance.sqrt() }
}

/// Correlation of a series with itself one step later; zero for a constant one.
#[must_use]
pub fn lag_one_autocorrelation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let variance: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let together: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    if variance > 0.0 { together / variance } else { 0.0 }
}

fn pairs(values: &[f64]) -> impl Iterator<Item = (usize, usize)> {
    let n = values.len();
    (0..n).flat_map(move |i| (i + 1..n).map(move |j| (i, j)))
}

/// Sizes of the groups of equal values.
fn ties(values: &[f64]) -> impl Iterator<Item = f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let groups: Vec<f64> = sorted.chunk_by(|a, b| a == b).map(|group| group.len() as f64).collect();
    groups.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_one_outlier_does_not_move_it() {
        let mut line: Vec<f64> = (0..30).map(|i| 5.0 - 0.25 * f64::from(i)).collect();
        assert!((theil_sen_slope(&line) + 0.25).abs() < 1e-12);
        line[7] = 900.0;
        assert!((theil_sen_slope(&line) + 0.25).abs() < 0.01);
        assert_eq!(theil_sen_slope(&[1.0]), 0.0);
    }

    #[test]
    fn the_trend_statistic_is_that_of_worked_examples() {
        // n = 10 without ties, all pairs rise: S = 45, Var = 125.
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        assert!((mann_kendall_z(&rising) - 44.0 / 125.0_f64.sqrt()).abs() < 1e-12);
        let falling: Vec<f64> = rising.iter().map(|v| -v).collect();
        assert!((mann_kendall_z(&falling) + 44.0 / 125.0_f64.sqrt()).abs() < 1e-12);
        // Two groups of two equal values: Var = (4·3·13 − 2·2·1·9)/18 = 120/18.
        let z = mann_kendall_z(&[1.0, 1.0, 2.0, 2.0]);
        assert!((z - 3.0 / (120.0_f64 / 18.0).sqrt()).abs() < 1e-12, "{z}");
        assert_eq!(mann_kendall_z(&[3.0; 20]), 0.0);
    }

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 0.95), Some(9.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn correlation_tells_waves_from_noise() {
        let wave: Vec<f64> = (0..200).map(|i| (f64::from(i) / 10.0).sin()).collect();
        assert!(lag_one_autocorrelation(&wave) > 0.9);
        let alternating: Vec<f64> = (0..200).map(|i| f64::from(i % 2)).collect();
        assert!(lag_one_autocorrelation(&alternating) < -0.9);
        assert_eq!(lag_one_autocorrelation(&[2.0; 9]), 0.0);
    }
}
