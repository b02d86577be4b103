//! How far a share of requests may be off: Wilson's interval, widened where bad requests come in bursts (METHODS.md 2.4).

/// With fewer slices their spread is no measure of bursts.
const FEWEST_SLICES: usize = 3;

/// Wilson's interval of a share `p` in 0..=1 that was seen in `n` independent trials, at `z` standard deviations:
/// `(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)`. Without trials it is 0..=1.
#[must_use]
pub fn wilson(p: f64, n: f64, z: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let square = z * z;
    let middle = p + square / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    let scale = 1.0 + square / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// By how much the variance of a share over slices exceeds that of independent requests, at least 1.
///
/// `counts` are bad and all requests of each slice: `D = Σ (b_i − p n_i)² / (p (1−p) Σ n_i) · k/(k−1)` over k slices. In
/// bursts, with many bad requests in some slices and none in others, it is large; divided by it, the number of requests is
/// that of as many independent ones. One with fewer than three slices.
#[must_use]
pub fn design_effect(counts: &[(u64, u64)]) -> f64 {
    let counts: Vec<(f64, f64)> =
        counts.iter().filter(|(_, n)| *n > 0).map(|(bad, n)| (*bad as f64, *n as f64)).collect();
    let all: f64 = counts.iter().map(|(_, n)| n).sum();
    let p = counts.iter().map(|(bad, _)| bad).sum::<f64>() / all;
    let independent = p * (1.0 - p) * all;
    if counts.len() < FEWEST_SLICES || independent.is_nan() || independent <= 0.0 {
        return 1.0;
    }
    let seen: f64 = counts.iter().map(|(bad, n)| (bad - p * n).powi(2)).sum();
    let k = counts.len() as f64;
    (seen / independent * k / (k - 1.0)).max(1.0)
}

/// Wilson's interval of the share of bad requests in slices that hang together in themselves; see [`design_effect`].
#[must_use]
pub fn wilson_of_slices(counts: &[(u64, u64)], z: f64) -> (f64, f64) {
    let (bad, all) = counts.iter().fold((0, 0), |sum, (bad, n)| (sum.0 + bad, sum.1 + n));
    if all == 0 {
        return (0.0, 1.0);
    }
    wilson(bad as f64 / all as f64, all as f64 / design_effect(counts), z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // 10 of 50 at 95 %: 0.1124 to 0.3304 (Newcombe 1998 gives the formula; computed by hand).
        let (lower, upper) = wilson(0.2, 50.0, 1.96);
        assert!((lower - 0.1124).abs() < 1e-4 && (upper - 0.3304).abs() < 1e-4, "{lower} {upper}");
        let (lower, upper) = wilson(0.0, 1000.0, 1.645);
        assert!(lower == 0.0 && (upper - 0.002_699).abs() < 1e-5, "{upper}");
        assert_eq!(wilson(0.5, 0.0, 1.96), (0.0, 1.0));
    }

    #[test]
    fn bursts_count_as_fewer_requests() {
        let spread = vec![(5, 100); 20];
        assert_eq!(design_effect(&spread), 1.0);
        let mut bursts = vec![(0, 100); 19];
        bursts.push((100, 100));
        // The same share of 5 %: (19·25 + 95²)/(0.05·0.95·2000)·20/19 = 105.3.
        let d = design_effect(&bursts);
        assert!((d - 9500.0 / 95.0 * 20.0 / 19.0).abs() < 1e-9, "{d}");
        assert!(wilson_of_slices(&bursts, 1.96).1 > 2.0 * wilson_of_slices(&spread, 1.96).1);
        assert_eq!(design_effect(&[(0, 0), (0, 10), (0, 10), (0, 10)]), 1.0);
        assert_eq!(wilson_of_slices(&[], 1.96), (0.0, 1.0));
    }
}
