//! The line of use over throughput for each resource, and where it meets the capacity.

use super::signs::leaves_baseline;
use super::{Category, ResourceFit, ResourceLevel, StepUse};
use crate::analysis::trend::{median, quantile};

/// Above this share of the capacity use is no longer in proportion: what waits is not served.
const LINEAR_BELOW: f64 = 0.7;
/// Failed requests use resources and are no throughput, so that steps with more of them tell no demand.
const MOST_ERRORS: f64 = 0.05;
/// Steps that a line needs.
const FEWEST_STEPS: usize = 3;
/// Steps whose throughputs differ by less than this share of the largest have no slope between them.
const SAME_LOAD: f64 = 0.01;
/// A use that grows by less than this share of the capacity over all fitted steps does not grow.
const GROWS: f64 = 0.01;
/// Steps with at least this share of the most throughput are at its top.
const NEAR_TOP: f64 = 0.85;
/// The normal quantile of a two-sided interval of 90 %.
const Z_90: f64 = 1.645;

/// One resource at the steps that know it, by load.
#[derive(Debug)]
pub(super) struct Track<'s> {
    pub(super) resource: &'s str,
    pub(super) levels: Vec<(&'s StepUse, &'s ResourceLevel)>,
}

/// The resources of all steps, in the order in which they are named.
pub(super) fn tracks<'s>(steps: &[&'s StepUse]) -> Vec<Track<'s>> {
    let mut tracks: Vec<Track<'s>> = Vec::new();
    for step in steps {
        for level in step.uses.iter().filter(|level| level.used.is_finite()) {
            match tracks.iter_mut().find(|track| track.resource == level.resource) {
                Some(track) => track.levels.push((step, level)),
                None => {
                    let levels = vec![(*step, level)];
                    tracks.push(Track { resource: &level.resource, levels });
                }
            }
        }
    }
    tracks
}

impl ResourceLevel {
    /// The share in use; `None` without a capacity.
    pub(super) fn used_ratio(&self) -> Option<f64> {
        let capacity = self.capacity.filter(|capacity| capacity.is_finite() && *capacity > 0.0)?;
        Some(self.used / capacity)
    }
}

/// The most throughput of some steps.
pub(super) fn most_throughput(steps: &[&StepUse]) -> f64 {
    steps.iter().map(|step| step.throughput_per_s).fold(0.0, f64::max)
}

/// What a resource has to do with throughput: Theil–Sen over the steps at which it was used below 70 % of its capacity.
pub(super) fn resource_fit(track: &Track<'_>, steps: &[&StepUse]) -> ResourceFit {
    let most = most_throughput(steps);
    let near_top = track.levels.iter().filter(|(s, _)| s.throughput_per_s >= NEAR_TOP * most);
    let ratios = near_top.filter_map(|(_, level)| level.used_ratio());
    let mut fit = ResourceFit {
        resource: track.resource.to_owned(),
        category: Category::of(track.resource),
        demand_per_request: None,
        idle_used: None,
        at_capacity_per_s: None,
        lower_per_s: None,
        upper_per_s: None,
        fitted_steps: 0,
        used_ratio_at_top: ratios.max_by(f64::total_cmp),
        saturated: leaves_baseline(track, most).is_some(),
    };
    let capacity = capacity(track);
    let points = linear_points(track);
    fit.fitted_steps = points.len();
    let slopes = sorted_slopes(&points, SAME_LOAD * most);
    let Some(demand) = median(&slopes).filter(|_| points.len() >= FEWEST_STEPS) else { return fit };
    let idle = idle_used(&points, demand);
    (fit.demand_per_request, fit.idle_used) = (Some(demand), idle);
    let Some(capacity) = capacity else { return fit };
    let full_at = |demand: f64| {
        let idle = idle_used(&points, demand).filter(|_| demand > 0.0)?;
        Some(((capacity - idle) / demand).max(0.0))
    };
    if demand * span(&points) >= GROWS * capacity {
        let (shallow, steep) = slope_interval(&slopes, points.len());
        fit.at_capacity_per_s = full_at(demand);
        (fit.lower_per_s, fit.upper_per_s) = (full_at(steep), full_at(shallow));
    }
    fit
}

/// The capacity, in the middle of what the steps say: quotas change seldom and pools grow.
fn capacity(track: &Track<'_>) -> Option<f64> {
    let known = track.levels.iter().filter(|(_, level)| level.used_ratio().is_some());
    let capacities: Vec<f64> = known.filter_map(|(_, level)| level.capacity).collect();
    median(&capacities)
}

/// Throughput and use at the steps where use is in proportion.
fn linear_points(track: &Track<'_>) -> Vec<(f64, f64)> {
    let is_linear = |level: &ResourceLevel| level.used_ratio().is_none_or(|r| r < LINEAR_BELOW);
    let usable =
        track.levels.iter().filter(|(s, level)| s.error_ratio <= MOST_ERRORS && is_linear(level));
    usable.map(|(step, level)| (step.throughput_per_s, level.used)).collect()
}

/// The slopes between all pairs whose throughputs differ by more than `same`, the smallest first.
fn sorted_slopes(points: &[(f64, f64)], same: f64) -> Vec<f64> {
    let mut slopes = Vec::new();
    for (i, (x, used)) in points.iter().enumerate() {
        for (other_x, other_used) in &points[i + 1..] {
            if (other_x - x).abs() > same {
                slopes.push((other_used - used) / (other_x - x));
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes
}

fn idle_used(points: &[(f64, f64)], demand: f64) -> Option<f64> {
    median(&points.iter().map(|(x, used)| used - demand * x).collect::<Vec<f64>>())
}

fn span(points: &[(f64, f64)]) -> f64 {
    let xs = || points.iter().map(|(x, _)| *x);
    xs().fold(0.0, f64::max) - xs().fold(f64::INFINITY, f64::min)
}

/// The 90 % interval of the slope: the shares `(1 ∓ C/N)/2` of the N sorted slopes, `C = 1.645 √(n(n−1)(2n+5)/18)` (Sen 1968).
fn slope_interval(slopes: &[f64], points: usize) -> (f64, f64) {
    let n = points as f64;
    let reach = Z_90 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / slopes.len() as f64;
    let at = |share: f64| quantile(slopes, share).expect("a median was found among the slopes");
    (at((1.0 - reach) / 2.0), at((1.0 + reach) / 2.0))
}
