//! Amdahl's law through points, by least squares.
//!
//! For a given α the best γ is a quotient of sums, since the law is linear in it; that leaves a search in one dimension.

/// The trials of α before the search closes in on the best of them; α matters by its order of magnitude.
const TRIALS: u32 = 120;
/// The smallest α that is tried besides zero.
const SMALLEST: f64 = 1e-6;
/// Steps of the golden section, each to 62 % of the width: beyond the precision of the sum of squares.
const STEPS: u32 = 60;
/// (√5 − 1) / 2.
const GOLDEN: f64 = 0.618_033_988_749_894_8;

/// The law for some points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// Throughput of one, per second.
    pub(super) gamma: f64,
    /// Contention, 0..=1.
    pub(super) alpha: f64,
    /// Standard error of the residuals, with as many degrees of freedom as there are points less two; zero without any.
    pub(super) residual_se_per_s: f64,
}

impl Fit {
    /// Throughput per second with `n`.
    pub(super) fn at(&self, n: f64) -> f64 {
        self.gamma * shape(self.alpha, n)
    }
}

/// The law with a γ of 1.
fn shape(alpha: f64, n: f64) -> f64 {
    n / (1.0 + alpha * (n - 1.0))
}

fn best_gamma(points: &[(f64, f64)], alpha: f64) -> f64 {
    let products: f64 = points.iter().map(|(n, x)| x * shape(alpha, *n)).sum();
    let squares: f64 = points.iter().map(|(n, _)| shape(alpha, *n).powi(2)).sum();
    products / squares
}

/// The sum of squared residuals at the best γ for an α.
fn squares(points: &[(f64, f64)], alpha: f64) -> f64 {
    let gamma = best_gamma(points, alpha);
    points.iter().map(|(n, x)| (x - gamma * shape(alpha, *n)).powi(2)).sum()
}

/// The law with the smallest sum of squares for points of at least two numbers, all of them positive and finite.
pub(super) fn fit(points: &[(f64, f64)]) -> Fit {
    let trial = |i: u32| match i {
        0 => 0.0,
        i => SMALLEST.powf(1.0 - f64::from(i) / f64::from(TRIALS)),
    };
    let best = (0..=TRIALS)
        .min_by(|a, b| squares(points, trial(*a)).total_cmp(&squares(points, trial(*b))))
        .expect("there are trials");
    let (mut lower, mut upper) = (trial(best.saturating_sub(1)), trial((best + 1).min(TRIALS)));
    for _ in 0..STEPS {
        let width = upper - lower;
        let (left, right) = (upper - GOLDEN * width, lower + GOLDEN * width);
        if squares(points, left) <= squares(points, right) {
            upper = right;
        } else {
            lower = left;
        }
    }
    let middle = lower.midpoint(upper);
    // The ends are never the middle of anything, and an α of exactly zero is frequent.
    let alpha = [0.0, middle, 1.0]
        .into_iter()
        .min_by(|a, b| squares(points, *a).total_cmp(&squares(points, *b)))
        .expect("there are three");
    let freedom = points.len().saturating_sub(2);
    let residual =
        if freedom == 0 { 0.0 } else { (squares(points, alpha) / freedom as f64).sqrt() };
    Fit { gamma: best_gamma(points, alpha), alpha, residual_se_per_s: residual }
}
