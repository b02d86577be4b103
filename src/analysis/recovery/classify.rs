//! What a service that has not recovered is in: on its way, at a new level, or in a state of its own.

use super::windows::{Baseline, Window};
use super::{Recovery, RecoveryVerdict, Settings};
use crate::analysis::trend::{mann_kendall_z, theil_sen_slope};

/// Beyond this many standard deviations a trend is one: 1 % on both sides.
const SIGNIFICANT: f64 = 2.58;
/// Below this share of the baseline's goodput a service does not carry its load.
const METASTABLE_GOODPUT: f64 = 0.90;
/// Failures this much above the baseline's persist.
const METASTABLE_FAILURES: f64 = 0.05;

/// Decides what a service that has not recovered is in.
pub(super) fn not_recovered(
    found: &mut Recovery,
    baseline: &Baseline,
    windows: &[Window<'_>],
    settings: &Settings,
) {
    let observed = format!("{:.0} s", found.observed_s);
    // Windows that overlap say the same twice: one after the other they are separate evidence.
    let step = windows.first().map_or(1.0, |w| settings.window.as_secs_f64() / w.slice_length_s());
    let later = &windows[windows.len() / 3..];
    let apart: Vec<&Window<'_>> = later.iter().step_by((step as usize / 2).max(1)).collect();
    let medians: Vec<f64> = apart.iter().filter_map(|window| window.median_s()).collect();
    let (Some(last), true) = (windows.last(), medians.len() >= 3) else {
        found.message =
            format!("not recovered within {observed} (> {observed}): too short to say more");
        return;
    };
    let z = mann_kendall_z(&medians);
    let limit = if medians.len() < 6 { 1.0 } else { SIGNIFICANT.min(medians.len() as f64 / 3.0) };
    let carries = last.goodput_per_s() >= METASTABLE_GOODPUT * baseline.goodput_per_s()
        && last.failed_ratio() <= baseline.failed_ratio() + METASTABLE_FAILURES;
    let (was, is) = (baseline.median_s() * 1e3, last.median_s().unwrap_or(0.0) * 1e3);
    if z <= -limit {
        found.verdict = RecoveryVerdict::Recovering;
        found.projected_s = projected(found, baseline, &apart, settings);
        let when = found
            .projected_s
            .map_or_else(String::new, |s| format!(", on its way to about {s:.0} s"));
        found.message = format!("RECOVERING: not recovered within {observed} (> {observed}){when}");
    } else if z >= limit || !carries {
        found.verdict = RecoveryVerdict::Metastable;
        found.message = format!(
            "METASTABLE: the disturbance is over and the load is as before, and yet it does not carry it: median \
             {was:.1} ms before, {is:.1} ms after {observed}, {:.1} % of requests fail (> {observed})",
            last.failed_ratio() * 100.0
        );
    } else {
        found.verdict = RecoveryVerdict::Degraded;
        found.message = format!(
            "DEGRADED: it settled at a worse level: median {was:.1} ms before, {is:.1} ms after {observed} (> {observed})"
        );
    }
}

/// When the median would be within its margin, had it gone on falling as it did.
fn projected(
    found: &Recovery,
    baseline: &Baseline,
    windows: &[&Window<'_>],
    settings: &Settings,
) -> Option<f64> {
    let medians: Vec<f64> = windows.iter().filter_map(|window| window.median_s()).collect();
    let (first, last) = (windows.first()?, windows.last()?);
    let length = last.start().saturating_sub(first.start()).as_secs_f64();
    let step_s = length / (medians.len().max(2) - 1) as f64;
    let slope_per_s = theil_sen_slope(&medians) / step_s;
    let goal = baseline.median_s() * (1.0 + settings.median_margin);
    let left = medians.last()? - goal;
    (slope_per_s < 0.0).then(|| found.observed_s + (left / -slope_per_s).max(0.0))
}
