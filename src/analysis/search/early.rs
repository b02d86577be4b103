//! When a trial may be stopped because its losses are clear, though it is looked at again and again (METHODS.md 2.4).
//!
//! An interval for a fixed number of requests that is looked at each second is wrong in a third of all cases. A mixture over
//! all shares of loss is not: `M = B(a+s, b+n−s)/(B(a,b) g^s (1−g)^(n−s))` exceeds 1/α with a probability of at most α, at any
//! time, if the share is the limit g (Robbins 1970; Ville 1939). Losses come in bursts, so requests count as fewer.

use super::drift::Drift;
use crate::analysis::proportion::design_effect;

/// Slices before which nothing is decided: how bursty losses are is not known by fewer.
const FEWEST_SLICES: usize = 10;
/// The same for work that piles up: by then a queue that only fills up to its usual length has done so.
const FEWEST_SLICES_OF_DRIFT: usize = 3;
/// Both parameters of the mixture: Jeffreys' prior, which prefers no share.
const PRIOR: f64 = 0.5;

/// How a trial may be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Less is lost than allowed.
    Good,
    /// More is lost than allowed, or work piles up beyond doubt.
    Bad,
}

/// Watches one trial for one limit.
#[derive(Debug, Clone)]
pub struct EarlyStop {
    limit: f64,
    enough: f64,
    good_after: usize,
    slices: Vec<(u64, u64)>,
}

impl EarlyStop {
    /// For a share of at most `limit` (0..1) that may be lost, and a probability of `alpha` (0..1) to be wrong about it.
    #[must_use]
    pub fn new(limit: f64, alpha: f64) -> Self {
        let limit = limit.clamp(1e-9, 1.0 - 1e-9);
        Self { limit, enough: (1.0 / alpha).ln(), good_after: 0, slices: Vec::new() }
    }

    /// The same, but not stopped as good before so many slices: those of
    /// [`TrialRequest::good_after`](super::TrialRequest::good_after), for a backlog shows later than an error.
    #[must_use]
    pub fn good_after(mut self, slices: usize) -> Self {
        self.good_after = slices;
        self
    }

    /// Takes the next slice: of its `n` requests, `bad` are lost. Slices should be much longer than bursts are, or at least not
    /// shorter; ten of them are needed.
    #[must_use]
    pub fn observe(&mut self, bad: u64, n: u64) -> Option<Decision> {
        self.slices.push((bad.min(n), n));
        if self.slices.len() < FEWEST_SLICES {
            return None;
        }
        let (bad, all) = self.slices.iter().fold((0, 0), |sum, (bad, n)| (sum.0 + bad, sum.1 + n));
        let as_many = design_effect(&self.slices);
        let (lost, n) = (bad as f64 / as_many, all as f64 / as_many);
        if n <= 0.0 || log_evidence(lost, n, self.limit) < self.enough {
            return None;
        }
        if lost > self.limit * n {
            return Some(Decision::Bad);
        }
        (self.slices.len() >= self.good_after).then_some(Decision::Good)
    }

    /// Whether work piles up so strongly and evenly that the trial need not go on.
    #[must_use]
    pub fn observe_drift(&self, drift: &Drift) -> Option<Decision> {
        (drift.is_certain && self.slices.len() >= FEWEST_SLICES_OF_DRIFT).then_some(Decision::Bad)
    }
}

/// The logarithm of the mixture's likelihood of `lost` of `n`, against that of the limit.
fn log_evidence(lost: f64, n: f64, limit: f64) -> f64 {
    log_beta(PRIOR + lost, PRIOR + n - lost)
        - log_beta(PRIOR, PRIOR)
        - lost * limit.ln()
        - (n - lost) * (-limit).ln_1p()
}

fn log_beta(a: f64, b: f64) -> f64 {
    log_gamma(a) + log_gamma(b) - log_gamma(a + b)
}

/// `ln Γ(x)` for x > 0, to 1e-12 of its size or of one: Stirling's series from 10 on, and `Γ(x) = Γ(x + 1)/x` below.
fn log_gamma(x: f64) -> f64 {
    let mut x = x;
    let mut product = 1.0;
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    // B_2k/(2k (2k − 1) x^(2k−1)); the first term that is left out is below 1e-15 at 10.
    let terms =
        [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];
    let series = terms.iter().rev().fold(0.0, |sum, term| sum * square + term) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Slices of 200 requests until a decision: it and their number.
    fn decide(
        mut slice: impl FnMut() -> u64,
        limit: f64,
        most: usize,
    ) -> Option<(Decision, usize)> {
        let mut early = EarlyStop::new(limit, 0.01);
        (1..=most).find_map(|at| Some((early.observe(slice(), 200)?, at)))
    }

    fn independent(random: &mut Pcg64Mcg, share: f64) -> u64 {
        (0..200).filter(|_| random.random::<f64>() < share).count() as u64
    }

    #[test]
    fn the_logarithm_of_gamma_is_exact_to_twelve_digits() {
        let mut factorial = 1.0_f64;
        for n in 1..=100 {
            let error = log_gamma(f64::from(n)) - factorial.ln();
            assert!(error.abs() <= 1e-12 * factorial.ln().max(1.0), "{n}: {error}");
            factorial *= f64::from(n);
        }
        let half = std::f64::consts::PI.sqrt().ln();
        assert!((log_gamma(0.5) - half).abs() < 1e-12);
        // Γ(x) Γ(1 − x) = π/sin(πx).
        for x in [0.1, 0.25, 0.4] {
            let product = log_gamma(x) + log_gamma(1.0 - x);
            let expected = (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln();
            assert!((product - expected).abs() < 1e-12, "{x}");
        }
        // Γ(2x) = 4^x Γ(x) Γ(x + ½)/(2 √π), where numbers are large.
        let x = 54_321.5_f64;
        let duplicated = x * 4.0_f64.ln() + log_gamma(x) + log_gamma(x + 0.5)
            - (2.0 * std::f64::consts::PI.sqrt()).ln();
        assert!((log_gamma(2.0 * x) / duplicated - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_evidence_sums_to_one_over_all_results() {
        // As a mixture of distributions it is one: Σ C(n,s) g^s (1−g)^(n−s) M(s) = 1.
        let (n, limit) = (40.0, 0.05);
        let sum: f64 = (0..=40)
            .map(|s| {
                let s = f64::from(s);
                let ways = log_gamma(n + 1.0) - log_gamma(s + 1.0) - log_gamma(n - s + 1.0);
                let chance = ways + s * f64::ln(limit) + (n - s) * f64::ln(1.0 - limit);
                (chance + log_evidence(s, n, limit)).exp()
            })
            .sum();
        assert!((sum - 1.0).abs() < 1e-10, "{sum}");
    }

    #[test]
    fn looking_each_second_for_ten_minutes_is_hardly_ever_wrong_at_the_limit() {
        let wrong = (0..300).filter(|seed| {
            let mut random = Pcg64Mcg::seed_from_u64(*seed);
            decide(|| independent(&mut random, 0.05), 0.05, 120).is_some()
        });
        let wrong = wrong.count();
        assert!(wrong <= 6, "{wrong} of 300");
    }

    #[test]
    fn what_is_clear_is_decided_soon_and_what_is_near_the_limit_later() {
        let at = |share: f64, most: usize| {
            let mut random = Pcg64Mcg::seed_from_u64(3);
            decide(|| independent(&mut random, share), 0.05, most)
        };
        assert_eq!(at(0.0, 60), Some((Decision::Good, 10)));
        assert_eq!(at(0.3, 60), Some((Decision::Bad, 10)));
        let (decision, near_at) = at(0.04, 2000).expect("in the end");
        assert!(decision == Decision::Good && near_at > 10, "{decision:?} after {near_at}");
        let (decision, near_at) = at(0.06, 2000).expect("in the end");
        assert!(decision == Decision::Bad && near_at > 10, "{decision:?} after {near_at}");
    }

    #[test]
    fn bursts_take_longer_to_decide_than_the_same_losses_spread_evenly() {
        let mut second = 0;
        let mut burst = || {
            second += 1;
            if second % 12 == 6 { 200 } else { 0 }
        };
        let early = decide(&mut burst, 0.05, 60);
        assert_eq!(early, None, "8.3 % in five bursts");
        assert_eq!(decide(|| 17, 0.05, 60), Some((Decision::Bad, 10)));
    }

    #[test]
    fn a_good_trial_goes_on_until_a_backlog_would_show() {
        let mut early = EarlyStop::new(0.05, 0.01).good_after(18);
        let decided = (1..=30).find(|_| early.observe(0, 200).is_some());
        assert_eq!(decided, Some(18));
        let mut early = EarlyStop::new(0.05, 0.01).good_after(18);
        let decided = (1..=30).find(|_| early.observe(60, 200).is_some());
        assert_eq!(decided, Some(10));
    }

    #[test]
    fn a_backlog_that_surely_grows_ends_a_trial_without_any_error() {
        let drift = Drift {
            growth_per_s: 100.0,
            standard_error_per_s: 10.0,
            is_unstable: true,
            is_certain: true,
            mu_hat_per_s: 900.0,
        };
        let mut early = EarlyStop::new(0.05, 0.01).good_after(1000);
        assert_eq!(early.observe_drift(&drift), None, "nothing was seen yet");
        assert!((0..2).all(|_| early.observe(0, 200).is_none()));
        assert_eq!(early.observe_drift(&drift), None, "a queue may only be filling up");
        assert!((2..10).all(|_| early.observe(0, 200).is_none()));
        assert_eq!(early.observe_drift(&drift), Some(Decision::Bad));
        let unsure = Drift { is_certain: false, ..drift };
        assert_eq!(early.observe_drift(&unsure), None);
    }

    #[test]
    fn without_requests_nothing_is_decided() {
        let mut early = EarlyStop::new(0.01, 0.01);
        assert!((0..50).all(|_| early.observe(0, 0).is_none()));
    }
}
