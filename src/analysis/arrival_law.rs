//! Whether requests left as a Poisson process does: independently of each other (METHODS.md 1.8, 7.2).
//!
//! Two looks at the same thing. Counts of seconds that vary as much as their mean tell of clustering over seconds; the
//! distribution of the gaps tells of what a sender does from one request to the next, such as sending in bursts whenever
//! it wakes.

use serde::{Deserialize, Serialize};

/// Fewer counts, or gaps, are not judged.
const FEWEST: usize = 20;
/// Standard deviations of the index of dispersion that are still chance: three in a thousand lie beyond.
const Z_DISPERSION: f64 = 3.0;
/// Below this probability the gaps are not exponential.
pub const REJECTED_BELOW: f64 = 1e-3;

/// How much counts vary, against how much those of a Poisson process would.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dispersion {
    /// Variance over mean: 1 for a Poisson process, near 0 for even arrivals, more for bursts.
    pub index_ratio: f64,
    /// The least that is chance, `1 − 3 √(2/(n−1))`.
    pub lower_ratio: f64,
    /// The most that is chance.
    pub upper_ratio: f64,
}

impl Dispersion {
    /// Whether the counts vary as those of a Poisson process do.
    #[must_use]
    pub fn is_poisson(&self) -> bool {
        (self.lower_ratio..=self.upper_ratio).contains(&self.index_ratio)
    }
}

/// The dispersion of arrivals counted in spans of one length at a constant rate, such as those of each second.
///
/// `None` for fewer than 20 counts, and when nothing arrived. A ramp or several phases vary by themselves: judge each
/// constant span by its own.
#[must_use]
pub fn dispersion(counts: &[u64]) -> Option<Dispersion> {
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<u64>() as f64 / n;
    if counts.len() < FEWEST || mean <= 0.0 {
        return None;
    }
    let squares: f64 = counts.iter().map(|count| (*count as f64 - mean).powi(2)).sum();
    let chance = Z_DISPERSION * (2.0 / (n - 1.0)).sqrt();
    Some(Dispersion {
        index_ratio: squares / (n - 1.0) / mean,
        lower_ratio: 1.0 - chance,
        upper_ratio: 1.0 + chance,
    })
}

/// The probability that gaps between arrivals of a Poisson process of `rate_per_s` are as far from exponential as these, or
/// farther; below [`REJECTED_BELOW`] they are not. `None` for fewer than 20 gaps or no rate.
///
/// Kolmogorov–Smirnov: `D = sup |F_n(x) − (1 − e^{−λx})|`. The rate is the planned one, not one that was estimated from the
/// gaps, which would make the probabilities too large.
#[must_use]
pub fn exponential_probability(gaps_s: &[f64], rate_per_s: f64) -> Option<f64> {
    if gaps_s.len() < FEWEST || rate_per_s.is_nan() || rate_per_s <= 0.0 {
        return None;
    }
    let mut sorted = gaps_s.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = |(place, gap): (usize, &f64)| {
        let expected = 1.0 - (-rate_per_s * gap).exp();
        (expected - place as f64 / n).max((place + 1) as f64 / n - expected)
    };
    let d = sorted.iter().enumerate().map(distance).fold(0.0, f64::max);
    Some(kolmogorov((n.sqrt() + 0.12 + 0.11 / n.sqrt()) * d))
}

/// `2 Σ (−1)^{k−1} e^{−2k²x²}`: the probability that the scaled distance exceeds x. The scale for finite n is Stephens'
/// (1970).
fn kolmogorov(x: f64) -> f64 {
    if x < 0.2 {
        // The sum converges slowly there, and is 1 to thirteen digits.
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * x * x).exp()
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Gaps of a Poisson process of 100/s.
    fn gaps(seed: u64, n: usize) -> Vec<f64> {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        (0..n).map(|_| -(1.0 - random.random::<f64>()).ln() / 100.0).collect()
    }

    fn counts(gaps: &[f64]) -> Vec<u64> {
        let mut at_s = 0.0;
        let mut counts = vec![0; (gaps.iter().sum::<f64>()) as usize + 1];
        for gap in gaps {
            at_s += gap;
            counts[at_s as usize] += 1;
        }
        // The last second is cut off.
        counts.pop();
        counts
    }

    #[test]
    fn a_poisson_process_passes_both_and_hardly_ever_fails() {
        let (mut varied, mut rejected) = (0, 0);
        for seed in 0..100 {
            let gaps = gaps(seed, 5000);
            varied += usize::from(!dispersion(&counts(&gaps)).expect("enough").is_poisson());
            let p = exponential_probability(&gaps, 100.0).expect("enough");
            rejected += usize::from(p < REJECTED_BELOW);
        }
        assert!(varied <= 3 && rejected <= 1, "{varied} and {rejected} of 100");
    }

    #[test]
    fn the_probability_is_spread_evenly_over_true_processes() {
        let below = |limit: f64| {
            let p = |seed| exponential_probability(&gaps(seed, 200), 100.0).expect("enough");
            (0..400).filter(|seed| p(*seed) < limit).count()
        };
        for (limit, range) in [(0.1, 20..=60), (0.5, 160..=240), (0.9, 340..=380)] {
            assert!(range.contains(&below(limit)), "{} of 400 below {limit}", below(limit));
        }
    }

    #[test]
    fn even_arrivals_and_bursts_are_told_from_poisson() {
        let even = dispersion(&[100; 60]).expect("enough");
        assert!(even.index_ratio == 0.0 && !even.is_poisson());
        assert!(exponential_probability(&[0.01; 1000], 100.0).expect("enough") < 1e-9);
        let bursts: Vec<u64> =
            (0..60).map(|second| if second % 6 == 0 { 600 } else { 0 }).collect();
        let bursts = dispersion(&bursts).expect("enough");
        assert!(bursts.index_ratio > bursts.upper_ratio && !bursts.is_poisson(), "{bursts:?}");
        // A sender that wakes each 10 ms and sends what has become due: the same counts, other gaps.
        let mut at_s = 0.0;
        let sent: Vec<f64> = gaps(7, 5000)
            .iter()
            .map(|gap| {
                at_s += gap;
                (at_s * 100.0_f64).ceil() / 100.0
            })
            .collect();
        let late: Vec<f64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(dispersion(&counts(&late)).expect("enough").is_poisson());
        assert!(exponential_probability(&late, 100.0).expect("enough") < REJECTED_BELOW);
    }

    #[test]
    fn too_little_is_not_judged() {
        assert_eq!(dispersion(&[5; 19]), None);
        assert_eq!(dispersion(&[0; 50]), None);
        assert_eq!(exponential_probability(&[0.01; 19], 100.0), None);
        assert_eq!(exponential_probability(&[0.01; 50], 0.0), None);
    }

    #[test]
    fn the_distribution_is_kolmogorovs() {
        // Critical values of the usual tables.
        for (x, p) in [(1.2238, 0.10), (1.3581, 0.05), (1.6276, 0.01), (1.9495, 0.001)] {
            assert!((kolmogorov(x) / p - 1.0).abs() < 2e-3, "{x}: {}", kolmogorov(x));
        }
        assert!((kolmogorov(0.21) - 1.0).abs() < 1e-9);
    }
}
