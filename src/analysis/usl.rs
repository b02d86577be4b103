//! The Universal Scalability Law: what throughput a concurrency gives, and where it is largest (METHODS.md 3.2).
//!
//! `X(N) = γN / (1 + α(N−1) + βN(N−1))` (Gunther 2007): γ is the throughput of one alone, α the share of work that waits for
//! its turn, β what it costs that each has to agree with each. The largest throughput is at `N = √((1−α)/β)`. Points that do
//! not bend tell nothing about β, and then a peak would be an invention: it is named only when a bootstrap finds it in about
//! the same place each time. The law is none of time-outs and errors: give it steady points without them.

mod least_squares;
#[cfg(test)]
mod tests;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::trend::quantile;
use least_squares::{Vector, law, minimise, squares, standard_errors};

/// Points below which there is no fit: three parameters and one to see how well they do.
pub const FEWEST_POINTS: usize = 4;
/// Different concurrencies that three parameters need.
const FEWEST_LOADS: usize = 3;
/// Resamples of the bootstrap.
const DRAWS: usize = 300;
/// A peak whose interval is wider than this ratio, or reaches further beyond the largest load, is not determined.
const VAGUE: f64 = 2.0;
/// An interval that reaches so many times the largest load has no end worth a figure.
const FAR: f64 = 20.0;
/// So many times the largest load is as good as never.
const NEVER: f64 = 1e6;

/// The law for some points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UslFit {
    /// γ: throughput of one request at a time, per second; 0 or more.
    pub gamma: f64,
    /// α: contention, 0..=1.
    pub alpha: f64,
    /// β: coherency, 0..=1.
    pub beta: f64,
    /// How sure the three are; `None` where the points do not tell them apart.
    pub standard_errors: Option<UslErrors>,
    /// Standard error of the residuals, per second, with as many degrees of freedom as there are points less three.
    pub residual_se_per_s: f64,
    /// Points that were used.
    pub point_count: usize,
    /// The largest concurrency among them.
    pub largest_n: f64,
    /// Where throughput is largest; `None` when the points do not say.
    pub peak: Option<UslPeak>,
    /// Why there is no peak.
    pub peak_refused: Option<String>,
    /// Amdahl's asymptote γ/α: what throughput would come to without coherency, per second; `None` for α = 0.
    pub asymptote_per_s: Option<f64>,
}

/// Standard errors of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UslErrors {
    /// Of γ, per second.
    pub gamma: f64,
    /// Of α.
    pub alpha: f64,
    /// Of β.
    pub beta: f64,
}

/// The largest throughput, each figure with an interval of 90 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UslPeak {
    /// The concurrency that gives it.
    pub n: f64,
    /// Lower end for `n`.
    pub n_lower: f64,
    /// Upper end for `n`.
    pub n_upper: f64,
    /// The throughput there, per second.
    pub throughput_per_s: f64,
    /// Lower end for the throughput.
    pub lower_per_s: f64,
    /// Upper end for the throughput.
    pub upper_per_s: f64,
}

/// Why there is no fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum UslRefusal {
    /// Fewer than four points, or than three concurrencies among them.
    #[error("{points} points at {loads} loads: the scalability law needs 4 points at 3 loads")]
    TooFewPoints {
        /// Points that could be used.
        points: usize,
        /// Different concurrencies among them.
        loads: usize,
    },
}

/// Fits the law to points of concurrency (users, or mean requests in flight) and throughput per second by least squares.
///
/// Points with a concurrency or a throughput that is not positive and finite are left out. Bounds: γ ≥ 0, 0 ≤ α, β ≤ 1.
/// Starts: γ = max(X/N), α = 0.01, β = 1e-4 and β = 1/N², the better result counts.
///
/// # Errors
/// Fewer than four points, or all of them at one or two concurrencies.
pub fn fit(points: &[(f64, f64)]) -> Result<UslFit, UslRefusal> {
    let is_usable = |value: f64| value.is_finite() && value > 0.0;
    let points: Vec<(f64, f64)> =
        points.iter().copied().filter(|(n, x)| is_usable(*n) && is_usable(*x)).collect();
    let mut loads: Vec<f64> = points.iter().map(|(n, _)| *n).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    if points.len() < FEWEST_POINTS || loads.len() < FEWEST_LOADS {
        return Err(UslRefusal::TooFewPoints { points: points.len(), loads: loads.len() });
    }
    let largest_n = loads[loads.len() - 1];
    let best = best_fit(&points, largest_n);
    let freedom = points.len() - best.len();
    let residual = (squares(best, &points) / freedom as f64).sqrt();
    let peak = peak(best, &points, residual);
    let [gamma, alpha, beta] = best;
    Ok(UslFit {
        gamma,
        alpha,
        beta,
        standard_errors: standard_errors(best, &points, residual)
            .map(|[gamma, alpha, beta]| UslErrors { gamma, alpha, beta }),
        residual_se_per_s: residual,
        point_count: points.len(),
        largest_n,
        peak: peak.as_ref().ok().copied(),
        peak_refused: peak.err(),
        asymptote_per_s: (alpha > 0.0).then(|| gamma / alpha),
    })
}

impl UslFit {
    /// Throughput per second at a concurrency `n` above zero.
    #[must_use]
    pub fn at(&self, n: f64) -> f64 {
        law([self.gamma, self.alpha, self.beta], n)
    }
}

fn best_fit(points: &[(f64, f64)], largest_n: f64) -> Vector {
    let gamma = points.iter().map(|(n, x)| x / n).fold(0.0, f64::max);
    let from = |beta: f64| minimise(points, [gamma, 0.01, beta]);
    let (usual, scaled) = (from(1e-4), from(largest_n.powi(-2).min(1.0)));
    if squares(scaled, points) < squares(usual, points) { scaled } else { usual }
}

/// Concurrency and throughput at the top of the law, at most `NEVER` loads away.
fn summit(at: Vector, largest_n: f64) -> (f64, f64) {
    let [_, alpha, beta] = at;
    let n = ((1.0 - alpha) / beta.max(f64::MIN_POSITIVE)).sqrt().min(NEVER * largest_n);
    (n, law(at, n.max(f64::MIN_POSITIVE)))
}

/// The peak with its interval from a parametric bootstrap, or why it is not determined.
///
/// A draw adds normal noise to the fitted throughputs and fits again. How large the noise is, few points know badly
/// themselves, so its variance is drawn too: `s² · k/χ²(k)` with k degrees of freedom. The seed is fixed: equal points have
/// equal answers. Where noise is in proportion to throughput instead of even, intervals of 90 % hold in about 86 % of cases
/// (simulated, 12 loads, 2 % of noise).
fn peak(best: Vector, points: &[(f64, f64)], residual: f64) -> Result<UslPeak, String> {
    let loads = || points.iter().map(|(n, _)| *n);
    let (smallest_n, largest_n) =
        (loads().fold(f64::INFINITY, f64::min), loads().fold(0.0, f64::max));
    let freedom = points.len() - best.len();
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut draw = || {
        let chi_square: f64 = (0..freedom).map(|_| normal(&mut random).powi(2)).sum();
        let noise = residual * (freedom as f64 / chi_square.max(f64::MIN_POSITIVE)).sqrt();
        let drawn: Vec<(f64, f64)> =
            loads().map(|n| (n, law(best, n) + noise * normal(&mut random))).collect();
        summit(minimise(&drawn, best), largest_n)
    };
    let (ns, xs): (Vec<f64>, Vec<f64>) = (0..DRAWS).map(|_| draw()).unzip();
    let end = |values: &[f64], q| quantile(values, q).expect("there are draws");
    let (n, throughput_per_s) = summit(best, largest_n);
    let found = UslPeak {
        n,
        n_lower: end(&ns, 0.05).min(n),
        n_upper: end(&ns, 0.95).max(n),
        throughput_per_s,
        lower_per_s: end(&xs, 0.05).min(throughput_per_s),
        upper_per_s: end(&xs, 0.95).max(throughput_per_s),
    };
    found.determined(smallest_n, largest_n)
}

impl UslPeak {
    /// The peak, if it is narrow enough and near enough to the points from `smallest_n` to `largest_n`.
    fn determined(self, smallest_n: f64, largest_n: f64) -> Result<Self, String> {
        let show = |n: f64| if n >= 10.0 { format!("{n:.0}") } else { format!("{n:.1}") };
        let (lower, upper, largest) = (show(self.n_lower), show(self.n_upper), show(largest_n));
        if self.n_upper < smallest_n {
            return Err(
                "peak not determined: throughput falls from the smallest load on".to_owned()
            );
        }
        if self.n_upper > FAR * largest_n {
            return Err(format!(
                "peak not determined: it may lie far beyond {largest}, the largest load"
            ));
        }
        if self.n_upper > VAGUE * largest_n {
            return Err(format!(
                "peak not determined: it may lie at up to {upper}, and the largest load was {largest}"
            ));
        }
        if self.n_upper > VAGUE * self.n_lower {
            return Err(format!(
                "peak not determined: it may lie anywhere from {lower} to {upper}"
            ));
        }
        Ok(self)
    }
}

/// A normal number of mean 0 and variance 1 (Box and Muller 1958).
fn normal(random: &mut Pcg64Mcg) -> f64 {
    // One less a number below one is never zero, which has no logarithm.
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}
