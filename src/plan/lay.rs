//! Which wish for a load wins over which.

use std::time::Duration;

use super::layers::{LoadWishes, PeakWish};
use super::profile;

/// Lays a higher layer's load over a lower one's.
///
/// A setting of the higher layer replaces the same setting of the lower one. Settings that decide what kind of load it is
/// also take away what would contradict them:
///
/// | the higher layer sets | the lower layer loses | it keeps |
/// |---|---|---|
/// | `phases` or `profile` | its shape, duration, rate, iterations | `vus` (start, pre-allocated), `arrival`, `max_vus`; `peak` and `spike` under a `profile` |
/// | `rate` | its shape, iterations | `vus` (pre-allocated), duration, `arrival`, `max_vus` |
/// | `vus` without `rate` | its shape, rate, `arrival`, `max_vus` | duration, or iterations |
/// | `vus` or `rate`, over a `profile` | `peak`, `spike`, a rate under `vus` | the profile, now with this peak |
/// | `duration` without `iterations` | its shape, iterations | `vus`, or `rate` |
/// | `iterations` | its shape, duration, rate, `per_vu` | `vus`, `max_duration` |
/// | anything of these | `executor` | |
/// | only `arrival`, `max_vus`, `max_duration`, `per_vu`, `peak`, `spike`, `start_time`, `graceful_stop` | nothing | everything |
///
/// A shape (`phases`, `profile`) that is lost leaves its highest level and its whole length behind, as if they had been
/// written: `-d 10s` over phases that rise to 50 users is 50 users for 10 s, `-u 5` over them is 5 users for as long as the
/// phases last.
#[must_use]
pub fn lay(upper: &LoadWishes, lower: &LoadWishes) -> LoadWishes {
    let upper = with_per_vu(upper.clone());
    let lower = give_way(&upper, with_per_vu(lower.clone()));
    LoadWishes {
        executor: upper.executor.or(lower.executor),
        vus: upper.vus.or(lower.vus),
        duration: upper.duration.or(lower.duration),
        iterations: upper.iterations.or(lower.iterations),
        per_vu: upper.per_vu.or(lower.per_vu),
        rate: upper.rate.or(lower.rate),
        arrival: upper.arrival.or(lower.arrival),
        max_vus: upper.max_vus.or(lower.max_vus),
        max_duration: upper.max_duration.or(lower.max_duration),
        phases: upper.phases.or(lower.phases),
        profile: upper.profile.or(lower.profile),
        peak: upper.peak.or(lower.peak),
        spike: upper.spike.or(lower.spike),
        start_time: upper.start_time.or(lower.start_time),
        graceful_stop: upper.graceful_stop.or(lower.graceful_stop),
    }
}

/// Whether the load says how much there is to do, and not only for how long or in which manner.
pub(super) fn sets_level(load: &LoadWishes) -> bool {
    has_shape(load) || load.vus.is_some() || load.rate.is_some() || load.iterations.is_some()
}

/// How long the load takes, before scaling; `None` when iterations bound it or nothing is said.
pub(super) fn length_of(load: &LoadWishes) -> Option<Duration> {
    match (&load.phases, &load.profile) {
        (Some(phases), _) => Some(phases.iter().map(|phase| phase.duration).sum()),
        (None, Some(_)) => Some(profile::FIVE_PHASE_LENGTH),
        (None, None) => load.duration,
    }
}

fn has_shape(load: &LoadWishes) -> bool {
    load.phases.is_some() || load.profile.is_some()
}

/// Writes out what an iterations executor says about `per_vu`, so that it survives the loss of the name.
fn with_per_vu(mut load: LoadWishes) -> LoadWishes {
    if load.executor.as_deref() == Some("per-vu-iterations") {
        load.per_vu.get_or_insert(true);
    }
    load
}

fn give_way(upper: &LoadWishes, lower: LoadWishes) -> LoadWishes {
    if !sets_level(upper) && upper.duration.is_none() {
        return lower;
    }
    let mut left = LoadWishes { executor: None, ..lower };
    let only_level = upper.duration.is_none() && upper.iterations.is_none();
    if has_shape(upper) {
        if upper.profile.is_none() {
            (left.peak, left.spike) = (None, None);
        }
        (left.phases, left.profile, left.duration, left.rate) = (None, None, None, None);
        return without_iterations(left);
    }
    if left.profile.is_some() && only_level {
        (left.peak, left.spike) = (None, None);
    } else {
        left = without_shape(left);
    }
    if upper.iterations.is_some() {
        (left.duration, left.per_vu) = (None, None);
    } else if upper.duration.is_some() || upper.rate.is_some() {
        left = without_iterations(left);
    }
    if upper.rate.is_none() && (upper.vus.is_some() || upper.iterations.is_some()) {
        (left.rate, left.arrival, left.max_vus) = (None, None, None);
    }
    left
}

fn without_iterations(load: LoadWishes) -> LoadWishes {
    LoadWishes { iterations: None, per_vu: None, max_duration: None, ..load }
}

/// The same without phases or profile: their highest level for their whole length.
fn without_shape(mut load: LoadWishes) -> LoadWishes {
    if !has_shape(&load) {
        return load;
    }
    load.duration = length_of(&load);
    match highest_level(&load) {
        Some(PeakWish::Vus(vus)) => load.vus = Some(vus),
        Some(PeakWish::Rate(rate)) => load.rate = Some(rate),
        None => {}
    }
    LoadWishes { phases: None, profile: None, peak: None, spike: None, ..load }
}

fn highest_level(load: &LoadWishes) -> Option<PeakWish> {
    let Some(phases) = &load.phases else { return Some(profile::peak_of(load)) };
    let size = |level: &PeakWish| match level {
        PeakWish::Vus(vus) => *vus as f64,
        PeakWish::Rate(rate) => rate.as_per_second(),
    };
    phases.iter().map(|phase| phase.to).max_by(|a, b| size(a).total_cmp(&size(b)))
}
