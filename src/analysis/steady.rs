//! Whether a service came to a steady state, and how much of the beginning is warm-up (METHODS.md section 9).
//!
//! MSER-5 (White 1997; Spratt 1998) cuts where what is left has the smallest standard error: series of batches of five, of
//! goodput, of the logarithms of the median and the 95th percentile, and of the share of failures. The largest cut counts. It
//! is reported; nothing is thrown away. What is kept is then looked at for waves and for a trend that survives correlation.
//!
//! The slices must be of one span of constant load: a planned change of load is no warm-up.

use serde::{Deserialize, Serialize};

use super::batch_trend::batch_trend;
use super::trend::median;
use crate::metric::{Quantile, Slice};

/// Values in a batch.
const BATCH: usize = 5;
/// Slices below which nothing is said: six batches.
const FEWEST_SLICES: usize = 30;
/// Changes of the whole tail below this share of its level are no change.
const FLAT: f64 = 0.01;
/// A trend whose change over the span is within this share of the level is none that matters.
const PRACTICAL: f64 = 0.05;
/// Standard deviations beyond which a trend is one: 1 % on both sides.
const SIGNIFICANT: f64 = 2.58;
/// Correlation of a series with itself one period later from which on it is a wave.
const WAVE: f64 = 0.4;
/// The shortest period in slices.
const SHORTEST_PERIOD: usize = 4;

/// The course of a run at constant load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SteadyLabel {
    /// Steady from the beginning.
    Flat,
    /// It became better, then steady.
    Warming,
    /// It became worse, then steady.
    Slowdown,
    /// It goes up and down with a period.
    Cyclic,
    /// It never came to rest.
    NeverSteady,
    /// Too few seconds to tell.
    TooShort,
}

impl SteadyLabel {
    /// The word of JSON and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Warming => "warming",
            Self::Slowdown => "slowdown",
            Self::Cyclic => "cyclic",
            Self::NeverSteady => "never_steady",
            Self::TooShort => "too_short",
        }
    }
}

/// What was found about a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Steadiness {
    /// Its course.
    pub label: SteadyLabel,
    /// So much of its beginning was warm-up.
    pub cut_s: f64,
    /// The series that decided.
    pub decided_by: String,
    /// The period of a cyclic one.
    pub period_s: Option<f64>,
    /// The median response time of the whole span.
    pub p50_whole_ms: Option<f64>,
    /// The same without the warm-up.
    pub p50_steady_ms: Option<f64>,
}

/// Where MSER-5 cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Values before this place are warm-up.
    At(usize),
    /// At half of the series or later: never steady.
    Never,
}

/// Judges a span of constant load.
#[must_use]
pub fn assess(slices: &[Slice]) -> Steadiness {
    let width_s = slices.first().map_or(1.0, |slice| slice.width.as_secs_f64());
    let mut found = Steadiness {
        label: SteadyLabel::TooShort,
        cut_s: 0.0,
        decided_by: String::new(),
        period_s: None,
        p50_whole_ms: median_ms(slices),
        p50_steady_ms: median_ms(slices),
    };
    if slices.len() < FEWEST_SLICES {
        return found;
    }
    let series = series_of(slices);
    if let Some((name, period)) =
        series.iter().find_map(|(name, values, _)| Some((*name, period(values)?)))
    {
        found.label = SteadyLabel::Cyclic;
        found.decided_by = name.to_owned();
        found.period_s = Some(period as f64 * width_s);
        return found;
    }
    let cuts = series.iter().map(|(name, values, better)| (*name, mser5(values), values, *better));
    let last = cuts.max_by_key(|(_, cut, ..)| match cut {
        Cut::At(place) => *place,
        Cut::Never => usize::MAX,
    });
    let Some((name, cut, values, better)) = last else { return found };
    found.decided_by = name.to_owned();
    found.label = SteadyLabel::NeverSteady;
    let Cut::At(place) = cut else { return found };
    if let Some((name, ..)) = series.iter().find(|(_, values, _)| drifts(&values[place..])) {
        found.decided_by = (*name).to_owned();
        return found;
    }
    found.cut_s = place as f64 * width_s;
    found.p50_steady_ms = median_ms(&slices[place..]);
    found.label = match (place, change(values, place) * better) {
        (0, _) => SteadyLabel::Flat,
        (_, improvement) if improvement >= 0.0 => SteadyLabel::Warming,
        _ => SteadyLabel::Slowdown,
    };
    found
}

/// The series that are judged: a name, the values, and the sign of a change for the better.
fn series_of(slices: &[Slice]) -> Vec<(&'static str, Vec<f64>, f64)> {
    let log = |slice: &Slice, q| slice.response_time.quantile_s(q).map(|s: f64| s.max(1e-9).ln());
    let logs = |q: Quantile| -> Option<Vec<f64>> { slices.iter().map(|s| log(s, q)).collect() };
    let mut series = Vec::new();
    series.extend(logs(Quantile::P50).map(|values| ("median response time", values, -1.0)));
    let enough = slices.iter().all(|s| s.response_time.count() >= Quantile::P95.samples_needed());
    let tail = enough.then(|| logs(Quantile::P95)).flatten();
    series.extend(tail.map(|values| ("95th percentile", values, -1.0)));
    series.push(("goodput", slices.iter().map(Slice::goodput_per_s).collect(), 1.0));
    series.push(("failures", slices.iter().map(Slice::failed_ratio).collect(), -1.0));
    series
}

fn median_ms(slices: &[Slice]) -> Option<f64> {
    let mut all = crate::metric::Buckets::default();
    slices.iter().for_each(|slice| all.merge(&slice.response_time));
    all.quantile_s(Quantile::P50).map(|s| s * 1e3)
}

/// How the level after a place differs from the one before it.
fn change(values: &[f64], place: usize) -> f64 {
    let level = |part: &[f64]| median(part).unwrap_or(0.0);
    level(&values[place..]) - level(&values[..place])
}

/// MSER-5: `d* = argmin over d ≤ k/2 of Σ_{i>d} (z_i − z̄_d)² / (k − d)²` over batch means z of five values.
///
/// A later cut must be better by more than chance: it is taken only while the level that it cuts off differs from the rest.
/// A tail whose halves differ by less than one percent is flat, whatever a noiseless decay would gain from a later cut.
#[must_use]
pub fn mser5(values: &[f64]) -> Cut {
    let batches: Vec<f64> =
        values.chunks_exact(BATCH).map(|batch| batch.iter().sum::<f64>() / BATCH as f64).collect();
    let half = batches.len() / 2;
    let scale = batches.iter().map(|z| z.abs()).sum::<f64>() / batches.len().max(1) as f64;
    let error = |cut: usize| {
        let rest = &batches[cut..];
        let mean = rest.iter().sum::<f64>() / rest.len() as f64;
        rest.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / (rest.len() as f64).powi(2)
    };
    let errors: Vec<f64> = (0..=half).map(error).collect();
    let smallest = errors.iter().copied().fold(f64::INFINITY, f64::min);
    let Some(best) = errors.iter().position(|e| *e <= smallest) else { return Cut::At(0) };
    if best < half {
        return Cut::At(best * BATCH);
    }
    // The earliest cut after which nothing changes any more but by less than a percent.
    let is_flat = |cut: usize| {
        let rest = &batches[cut..];
        let (low, high) = rest
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), z| (low.min(*z), high.max(*z)));
        high - low <= FLAT * scale
    };
    (0..=half).find(|cut| is_flat(*cut)).map_or(Cut::Never, |cut| Cut::At(cut * BATCH))
}

/// Whether a series goes on changing, significantly and by more than matters.
fn drifts(values: &[f64]) -> bool {
    let Some(trend) = batch_trend(values) else { return false };
    let level = median(values).unwrap_or(0.0).abs().max(1.0);
    let change = (trend.slope * values.len() as f64).abs() / level;
    let lower = trend.slope_lower.abs().min(trend.slope_upper.abs()) * values.len() as f64 / level;
    let is_one_sided = trend.slope_lower * trend.slope_upper > 0.0;
    trend.z.abs() > SIGNIFICANT && is_one_sided && change > PRACTICAL && lower > PRACTICAL
}

/// The period of a wave in slices: the first peak of the autocorrelation after its first fall below zero, if the series is
/// that like itself one period and half as unlike half a period later, and holds three periods.
fn period(values: &[f64]) -> Option<usize> {
    let correlation = |lag| autocorrelation(values, lag);
    let longest = values.len() / 3;
    let negative = (1..=longest).find(|lag| correlation(*lag) < -WAVE / 2.0)?;
    let peak = (negative..=longest).max_by(|a, b| correlation(*a).total_cmp(&correlation(*b)))?;
    (peak >= SHORTEST_PERIOD && correlation(peak) > WAVE).then_some(peak)
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let together: f64 =
        values.iter().zip(&values[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum();
    // Each lag has fewer pairs than the whole.
    let share = values.len() as f64 / (values.len() - lag) as f64;
    if variance > 0.0 { together / variance * share } else { 0.0 }
}

#[cfg(test)]
mod tests;
