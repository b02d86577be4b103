//! Throughput over the number of what serves: what more of them carried, and what one more would bring.
//!
//! Speed-up and efficiency compare each number `n` with the smallest one measured. What lies beyond needs a law: the Universal
//! Scalability Law ([`usl`]) where there are points enough for its three parameters, else Amdahl's law, the same
//! without coherency: `X(n) = γn / (1 + α(n−1))` (Amdahl 1967). Contention alone never makes one more do harm, so without
//! coherency what the next one brings is the most that it can. How far one figure hangs on a single measurement is shown by
//! fitting again without each point in turn.

mod amdahl;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::usl::{self, UslErrors, UslFit, UslPeak, UslRefusal};

/// Different numbers that contention needs: two parameters, and one to see how well they do.
const FEWEST_NUMBERS: usize = 3;
/// Standard errors that a contention must be above zero before the asymptote that follows from it is named.
const SURE: f64 = 2.0;
/// An asymptote so many times the largest throughput measured has nothing to do with the measurements.
const FAR: f64 = 20.0;

/// A throughput that was measured with `n` of what serves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScalingPoint {
    /// How many there were: replicas, cores, connections; above zero.
    pub n: f64,
    /// Requests per second, above zero.
    pub throughput_per_s: f64,
    /// Whether the limit was not reached, so that it may be more.
    pub is_at_least: bool,
}

/// What the points come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    /// Each number that was measured, the smallest first.
    pub steps: Vec<ScalingStep>,
    /// The law through the points whose limit was reached; `None` with fewer than three numbers.
    pub law: Option<ScalingLaw>,
    /// Why there is no law, or none with coherency.
    pub law_refused: Option<String>,
    /// One more than the largest number in the law.
    pub next: Option<NextStep>,
}

/// One number and how it did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScalingStep {
    /// How many there were.
    pub n: f64,
    /// The mean of its points, requests per second; of points whose limit was not reached the largest, unless there are others.
    pub throughput_per_s: f64,
    /// Whether no point of it reached its limit.
    pub is_at_least: bool,
    /// Points that it is of.
    pub point_count: usize,
    /// Throughput as a multiple of that of the smallest number; `None` when that one did not reach its limit.
    pub speed_up: Option<f64>,
    /// Throughput of each as a share of that of each of the smallest number; 1 is perfect, more is possible.
    pub efficiency_ratio: Option<f64>,
    /// What the law says, requests per second.
    pub by_law_per_s: Option<f64>,
}

/// Which law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LawName {
    /// The Universal Scalability Law: contention and coherency.
    Usl,
    /// Amdahl's: contention alone.
    Amdahl,
}

/// A law through the points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScalingLaw {
    /// Which one.
    pub name: LawName,
    /// γ: throughput of one, requests per second.
    pub gamma: f64,
    /// α: contention, the share of work that waits for its turn; 0..=1.
    pub alpha: f64,
    /// The smallest and the largest α that it is without one of the points; `None` where too few remain.
    pub alpha_range: Option<(f64, f64)>,
    /// β: coherency, what it costs that each has to agree with each; 0..=1. `None` where it is not determined.
    pub beta: Option<f64>,
    /// How sure the three are; of the Universal Scalability Law alone.
    pub standard_errors: Option<UslErrors>,
    /// Standard error of the residuals, requests per second.
    pub residual_se_per_s: f64,
    /// Points that were used.
    pub point_count: usize,
    /// Where throughput is largest; `None` when the points do not say.
    pub peak: Option<UslPeak>,
    /// Why there is no peak.
    pub peak_refused: Option<String>,
    /// γ/α: what throughput would come to without coherency, requests per second; `None` when α is too near zero to tell.
    pub asymptote_per_s: Option<f64>,
}

/// One more than the largest number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NextStep {
    /// The number it makes.
    pub n: f64,
    /// Throughput that it brings by the law, requests per second; below zero when it does harm.
    pub gain_per_s: f64,
    /// The same as a share of the throughput of one alone.
    pub gain_ratio: f64,
    /// The smallest and the largest gain that it is with all of the points or without one of them; `None` where too few
    /// remain. Where too few remain for coherency, contention alone is assumed.
    pub gain_range_per_s: Option<(f64, f64)>,
    /// Whether it is an upper bound, because coherency is not determined.
    pub is_at_most: bool,
}

/// What throughputs at different numbers say of how it scales.
///
/// Points without a positive, finite number and throughput are left out. Those that are only lower bounds are no part of
/// the law.
#[must_use]
pub fn scaling(points: &[ScalingPoint]) -> Scaling {
    let is_usable = |value: f64| value.is_finite() && value > 0.0;
    let mut points: Vec<ScalingPoint> = points.to_vec();
    points.retain(|point| is_usable(point.n) && is_usable(point.throughput_per_s));
    points.sort_by(|a, b| a.n.total_cmp(&b.n));
    let reached = points.iter().filter(|point| !point.is_at_least);
    let reached: Vec<(f64, f64)> = reached.map(|point| (point.n, point.throughput_per_s)).collect();
    let mut steps = steps(&points);
    let (curve, law_refused) = match Curve::through(&reached) {
        Ok((curve, refused)) => (Some(curve), refused),
        Err(refused) => (None, Some(refused)),
    };
    for step in &mut steps {
        step.by_law_per_s = curve.as_ref().map(|curve| curve.at(step.n));
    }
    let without_one = curve.as_ref().and_then(|curve| curve.without_one(&reached));
    let largest = reached.last().copied().unwrap_or_default().0;
    Scaling {
        steps,
        next: curve.as_ref().map(|curve| next(curve, largest, without_one.as_deref())),
        law: curve.map(|curve| curve.described(&reached, without_one.as_deref())),
        law_refused,
    }
}

/// Each number of the points, which are sorted by it, against the smallest.
fn steps(points: &[ScalingPoint]) -> Vec<ScalingStep> {
    let mut steps: Vec<ScalingStep> = points.chunk_by(|a, b| a.n == b.n).map(step).collect();
    if let Some(base) = steps.first().copied().filter(|base| !base.is_at_least) {
        for step in &mut steps {
            let speed_up = step.throughput_per_s / base.throughput_per_s;
            step.speed_up = Some(speed_up);
            step.efficiency_ratio = Some(speed_up * base.n / step.n);
        }
    }
    steps
}

/// Points of one number, of which there is at least one.
fn step(points: &[ScalingPoint]) -> ScalingStep {
    let throughputs = |is_at_least: bool| {
        let those = points.iter().filter(move |point| point.is_at_least == is_at_least);
        those.map(|point| point.throughput_per_s)
    };
    let count = throughputs(false).count();
    let is_at_least = count == 0;
    ScalingStep {
        n: points[0].n,
        throughput_per_s: match is_at_least {
            true => throughputs(true).fold(0.0, f64::max),
            false => throughputs(false).sum::<f64>() / count as f64,
        },
        is_at_least,
        point_count: if is_at_least { points.len() } else { count },
        speed_up: None,
        efficiency_ratio: None,
        by_law_per_s: None,
    }
}

/// A law that was fitted.
#[derive(Debug, Clone)]
enum Curve {
    Usl(UslFit),
    Amdahl(amdahl::Fit),
}

impl Curve {
    /// The law with as many parameters as the points determine, and why it has no more; or why there is none.
    fn through(points: &[(f64, f64)]) -> Result<(Self, Option<String>), String> {
        let numbers = numbers(points);
        let UslRefusal::TooFewPoints { points: count, .. } = match usl::fit(points) {
            Ok(fit) => return Ok((Self::Usl(fit), None)),
            Err(refusal) => refusal,
        };
        if numbers < FEWEST_NUMBERS {
            let found = match numbers {
                0 => "no number whose limit was reached".to_owned(),
                1 => "one number".to_owned(),
                _ => format!("{numbers} numbers"),
            };
            return Err(format!(
                "{found}: a law of contention needs {FEWEST_NUMBERS} different ones, one that knows coherency as well {} runs",
                usl::FEWEST_POINTS
            ));
        }
        let refused = format!(
            "coherency is not determined by {count} runs, it needs {}: contention alone is assumed",
            usl::FEWEST_POINTS
        );
        Ok((Self::Amdahl(amdahl::fit(points)), Some(refused)))
    }

    /// The law without each of the points in turn, where four points become three without coherency; `None` when one of these
    /// fits needs more points.
    fn without_one(&self, points: &[(f64, f64)]) -> Option<Vec<Self>> {
        let without = |left_out: usize| {
            let mut rest = points.to_vec();
            rest.remove(left_out);
            let same = match self {
                Self::Usl(_) => usl::fit(&rest).ok().map(Self::Usl),
                Self::Amdahl(_) => None,
            };
            same.or_else(|| (numbers(&rest) > 1).then(|| Self::Amdahl(amdahl::fit(&rest))))
        };
        (0..points.len()).map(without).collect()
    }

    fn at(&self, n: f64) -> f64 {
        match self {
            Self::Usl(fit) => fit.at(n),
            Self::Amdahl(fit) => fit.at(n),
        }
    }

    fn alpha(&self) -> f64 {
        match self {
            Self::Usl(fit) => fit.alpha,
            Self::Amdahl(fit) => fit.alpha,
        }
    }

    /// What one more than `n` brings, per second.
    fn gain(&self, n: f64) -> f64 {
        self.at(n + 1.0) - self.at(n)
    }

    fn described(self, points: &[(f64, f64)], without_one: Option<&[Self]>) -> ScalingLaw {
        // What is no coherency is contention, so only the same law's α can be compared.
        let is_same = |other: &Self| std::mem::discriminant(other) == std::mem::discriminant(&self);
        let alike = without_one.filter(|others| others.iter().all(is_same));
        let alpha_range = range(alike, Self::alpha);
        let largest_per_s = points.iter().map(|(_, x)| *x).fold(0.0, f64::max);
        let is_sure = |alpha: f64, error: Option<f64>| {
            alpha_range.is_none_or(|(lower, _)| lower > 0.0)
                && error.is_none_or(|error| alpha > SURE * error)
        };
        let asymptote = |gamma: f64, alpha: f64, error: Option<f64>| {
            let at = gamma / alpha;
            (at <= FAR * largest_per_s && is_sure(alpha, error)).then_some(at)
        };
        match self {
            Self::Usl(fit) => ScalingLaw {
                name: LawName::Usl,
                gamma: fit.gamma,
                alpha: fit.alpha,
                alpha_range,
                beta: Some(fit.beta),
                standard_errors: fit.standard_errors,
                residual_se_per_s: fit.residual_se_per_s,
                point_count: fit.point_count,
                peak: fit.peak,
                asymptote_per_s: asymptote(
                    fit.gamma,
                    fit.alpha,
                    fit.standard_errors.map(|errors| errors.alpha),
                ),
                peak_refused: fit.peak_refused,
            },
            Self::Amdahl(fit) => ScalingLaw {
                name: LawName::Amdahl,
                gamma: fit.gamma,
                alpha: fit.alpha,
                alpha_range,
                beta: None,
                standard_errors: None,
                residual_se_per_s: fit.residual_se_per_s,
                point_count: points.len(),
                peak: None,
                peak_refused: Some("peak not determined: contention alone has none".to_owned()),
                asymptote_per_s: asymptote(fit.gamma, fit.alpha, None),
            },
        }
    }
}

fn next(curve: &Curve, largest: f64, without_one: Option<&[Curve]>) -> NextStep {
    let gain_per_s = curve.gain(largest);
    NextStep {
        n: largest + 1.0,
        gain_per_s,
        gain_ratio: gain_per_s / curve.at(1.0),
        gain_range_per_s: range(without_one, |curve| curve.gain(largest))
            .map(|(lower, upper)| (lower.min(gain_per_s), upper.max(gain_per_s))),
        is_at_most: matches!(curve, Curve::Amdahl(_)),
    }
}

fn range(curves: Option<&[Curve]>, figure: impl Fn(&Curve) -> f64) -> Option<(f64, f64)> {
    let figures = || curves.into_iter().flatten().map(&figure);
    figures().reduce(f64::min).zip(figures().reduce(f64::max))
}

/// Different numbers among the points.
fn numbers(points: &[(f64, f64)]) -> usize {
    let mut numbers: Vec<f64> = points.iter().map(|(n, _)| *n).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    numbers.len()
}
