//! A window of slices against the baseline.

use std::time::Duration;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::Settings;
use crate::analysis::bootstrap::{SliceMatrix, block_length};
use crate::analysis::trend::quantile;
use crate::metric::{Quantile, Slice};

/// Resamples of the baseline and of each window.
const DRAWS: usize = 200;
/// Each side of the 90 % interval of two one-sided tests at 5 %.
const SIDE: f64 = 0.05;
/// The normal quantile of a one-sided bound at 5 %.
const Z: f64 = 1.645;
/// Failures may be this share of requests above the baseline's.
const FAILURE_MARGIN: f64 = 0.005;
/// Goodput may be this share of the baseline's.
const GOODPUT_SHARE: f64 = 0.98;
/// Margins are not widened by noise beyond these: a service that varies more has no level to return to.
const WIDEST_MARGINS: [f64; 2] = [0.5, 1.0];
/// Fewer windows of baseline tell nothing of its noise.
const FEWEST_WINDOWS: usize = 3;
/// The normal quantile of a two-sided interval of 95 %.
const Z_95: f64 = 1.96;
/// The percentiles that are compared: the median, and a tail of which every window has enough samples.
const QUANTILES: [Quantile; 2] = [Quantile::P50, Quantile::P95];

/// The undisturbed service.
#[derive(Debug)]
pub(super) struct Baseline {
    draws: Vec<Vec<f64>>,
    /// Logarithms of the quantiles.
    whole: Vec<f64>,
    failed_ratio: f64,
    goodput_per_s: f64,
    goodput_variance: f64,
    slices: usize,
    in_flight_p95: f64,
    /// How much slower each percentile of a window may be, as a share.
    margins: [f64; 2],
    seed: u64,
}

/// Some slices in a row.
#[derive(Debug)]
pub(super) struct Window<'s> {
    slices: Vec<&'s Slice>,
    matrix: SliceMatrix,
}

impl<'s> Window<'s> {
    /// Every window of the settings' length, one beginning with each slice.
    pub(super) fn all(after: &[&'s Slice], settings: &Settings) -> Vec<Self> {
        let width = after.first().map_or(Duration::from_secs(1), |slice| slice.width);
        let slices =
            (settings.window.as_secs_f64() / width.as_secs_f64()).round().max(1.0) as usize;
        after.windows(slices).map(Self::of).collect()
    }

    fn of(slices: &[&'s Slice]) -> Self {
        let matrix = SliceMatrix::of(slices.iter().map(|slice| &slice.response_time));
        Self { slices: slices.to_vec(), matrix }
    }

    pub(super) fn start(&self) -> Duration {
        self.slices[0].start
    }

    pub(super) fn end(&self) -> Duration {
        self.slices[self.slices.len() - 1].end()
    }

    pub(super) fn slice_length_s(&self) -> f64 {
        self.slices[0].width.as_secs_f64()
    }

    /// The median response time in seconds.
    pub(super) fn median_s(&self) -> Option<f64> {
        self.matrix.whole(&[Quantile::P50]).map(|found| found[0].exp())
    }

    /// Failed and all requests.
    fn failures(&self) -> (u64, u64) {
        self.slices.iter().fold((0, 0), |(failed, all), s| (failed + s.failed, all + s.requests))
    }

    pub(super) fn failed_ratio(&self) -> f64 {
        let (failed, all) = self.failures();
        if all == 0 { 0.0 } else { failed as f64 / all as f64 }
    }

    pub(super) fn goodput_per_s(&self) -> f64 {
        self.slices.iter().map(|s| s.goodput_per_s()).sum::<f64>() / self.slices.len() as f64
    }

    fn in_flight(&self) -> f64 {
        self.slices.iter().map(|s| s.in_flight_mean).sum::<f64>() / self.slices.len() as f64
    }
}

impl Baseline {
    /// The service over some slices; `None` without requests.
    pub(super) fn of(slices: &[&Slice], settings: &Settings) -> Option<Self> {
        let window = Window::of(slices);
        let whole = window.matrix.whole(&QUANTILES)?;
        let medians: Vec<f64> = slices
            .iter()
            .filter_map(|slice| slice.response_time.quantile_s(Quantile::P50))
            .map(|s| s.max(1e-9).ln())
            .collect();
        let mut random = Pcg64Mcg::seed_from_u64(settings.seed);
        let draws = window.matrix.resample(&QUANTILES, block_length(&medians), DRAWS, &mut random);
        let goodput: Vec<f64> = slices.iter().map(|slice| slice.goodput_per_s()).collect();
        let mean = window.goodput_per_s();
        let squares: f64 = goodput.iter().map(|g| (g - mean).powi(2)).sum();
        let in_flight: Vec<f64> = slices.iter().map(|slice| slice.in_flight_mean).collect();
        Some(Self {
            draws,
            whole,
            failed_ratio: window.failed_ratio(),
            goodput_per_s: mean,
            goodput_variance: squares / (goodput.len() - 1).max(1) as f64,
            slices: slices.len(),
            in_flight_p95: quantile(&in_flight, 0.95)?,
            margins: margins(slices, settings),
            seed: settings.seed,
        })
    }

    pub(super) fn median_s(&self) -> f64 {
        self.whole[0].exp()
    }

    pub(super) fn tail_s(&self) -> f64 {
        self.whole[1].exp()
    }

    pub(super) fn failed_ratio(&self) -> f64 {
        self.failed_ratio
    }

    pub(super) fn goodput_per_s(&self) -> f64 {
        self.goodput_per_s
    }

    /// In flight up to here is as before. One request more than the baseline's 95th percentile is no backlog.
    pub(super) fn in_flight_limit(&self) -> f64 {
        self.in_flight_p95 * 1.1 + 1.0
    }

    /// How much slower the median of a window may be, as a share.
    pub(super) fn median_margin(&self) -> f64 {
        self.margins[0]
    }

    /// Whether a window is as before by its own estimates, which need no proof: what is not proved to be as before may
    /// still be, and a target that has recovered is not held to prove it for ever.
    pub(super) fn seems_to_hold(&self, window: &Window<'_>) -> bool {
        window.in_flight() <= self.in_flight_limit()
            && window.failed_ratio() <= self.failed_ratio + FAILURE_MARGIN
            && self.serves_as_much(window)
            && self.seems_as_fast(window)
    }

    fn seems_as_fast(&self, window: &Window<'_>) -> bool {
        window.matrix.whole(&QUANTILES).is_some_and(|whole| {
            (0..self.margins.len()).all(|i| whole[i] - self.whole[i] <= self.margins[i].ln_1p())
        })
    }

    /// Whether a window is proved to be as before: all of METHODS.md 4.1's conditions.
    pub(super) fn holds(&self, window: &Window<'_>) -> bool {
        window.in_flight() <= self.in_flight_limit()
            && self.fails_no_more(window)
            && self.serves_as_much(window)
            && self.is_as_fast(window)
    }

    /// The upper bound of the failures lies within the margin. Without a single failure nothing is held against a window
    /// that has too few requests to prove more.
    fn fails_no_more(&self, window: &Window<'_>) -> bool {
        let (failed, all) = window.failures();
        failed == 0 || wilson_upper(failed, all) <= self.failed_ratio + FAILURE_MARGIN
    }

    /// The goodput is not significantly below its share of the baseline's.
    fn serves_as_much(&self, window: &Window<'_>) -> bool {
        let parts = 1.0 / window.slices.len() as f64 + 1.0 / self.slices as f64;
        let noise = Z * (self.goodput_variance * parts).sqrt();
        window.goodput_per_s() + noise >= GOODPUT_SHARE * self.goodput_per_s
    }

    /// The upper end of the 90 % interval of each quantile's log-ratio lies within its margin.
    fn is_as_fast(&self, window: &Window<'_>) -> bool {
        // What is already too slow as a whole needs no interval.
        if !self.seems_as_fast(window) {
            return false;
        }
        let margins = self.margins.map(f64::ln_1p);
        let mut random = Pcg64Mcg::seed_from_u64(self.seed ^ window.start().as_millis() as u64);
        let draws = window.matrix.resample(&QUANTILES, 3, DRAWS, &mut random);
        (0..margins.len()).all(|i| {
            let ratios: Vec<f64> =
                draws.iter().zip(&self.draws).map(|(ours, base)| ours[i] - base[i]).collect();
            quantile(&ratios, 1.0 - SIDE).is_some_and(|upper| upper <= margins[i])
        })
    }
}

/// The margins that were asked for, or twice the noise of the baseline's own windows where that is more: `2 (e^{t σ} − 1)`,
/// σ the standard deviation of the logarithms of their percentiles and t Student's quantile for so few windows. A margin within the noise could not be proved.
fn margins(slices: &[&Slice], settings: &Settings) -> [f64; 2] {
    let width = slices.first().map_or(Duration::from_secs(1), |slice| slice.width);
    let length = (settings.window.as_secs_f64() / width.as_secs_f64()).round().max(1.0) as usize;
    let windows: Vec<Vec<f64>> = slices
        .chunks_exact(length)
        .filter_map(|window| Window::of(window).matrix.whole(&QUANTILES))
        .collect();
    let mut margins = [settings.median_margin, settings.tail_margin];
    if windows.len() < FEWEST_WINDOWS {
        return margins;
    }
    let n = windows.len() as f64;
    for (i, margin) in margins.iter_mut().enumerate() {
        let mean = windows.iter().map(|window| window[i]).sum::<f64>() / n;
        let squares: f64 = windows.iter().map(|window| (window[i] - mean).powi(2)).sum();
        let twice_noise = 2.0 * (student_95(n - 1.0) * (squares / (n - 1.0)).sqrt()).exp_m1();
        *margin = margin.max(twice_noise.min(WIDEST_MARGINS[i]));
    }
    margins
}

/// Student's two-sided quantile of 95 % by its expansion around the normal one (Cornish and Fisher): 1 % too small at five
/// degrees of freedom, 4 % at three, 10 % at two.
fn student_95(freedom: f64) -> f64 {
    let z = Z_95;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    z + first / freedom + second / (freedom * freedom)
}

/// The upper bound of a proportion (Wilson 1927), one-sided at 5 %.
fn wilson_upper(hits: u64, all: u64) -> f64 {
    let n = all.max(1) as f64;
    let p = hits as f64 / n;
    let z2 = Z * Z;
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    (p + z2 / (2.0 * n) + spread) / (1.0 + z2 / n)
}
