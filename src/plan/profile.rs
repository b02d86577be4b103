//! Named shapes of load.

use std::time::Duration;

use super::error::PlanError;
use super::layers::{LoadWishes, PeakWish, PhaseWish};
use crate::metric::spelling::nearest;
use crate::units::Rate;

/// Names of the profiles.
const PROFILES: [&str; 1] = ["five-phase"];
/// Users of the sustained phase unless the plan says.
const DEFAULT_PEAK_VUS: u64 = 20;
/// The spike over the peak unless the plan says.
const SPIKE_FACTOR: u64 = 3;
/// The peak over the warm-up.
const WARM_UP_SHARE: u64 = 10;

/// Length of the five phases together, before scaling.
pub(super) const FIVE_PHASE_LENGTH: Duration = Duration::from_secs(10 + 60 + 120 + 30 + 60);

/// The level of the sustained phase: `peak`, or else `rate`, or else `vus`, or else 20 users.
pub(super) fn peak_of(load: &LoadWishes) -> PeakWish {
    let rate = load.rate.map(PeakWish::Rate);
    load.peak.or(rate).unwrap_or(PeakWish::Vus(load.vus.unwrap_or(DEFAULT_PEAK_VUS)))
}

/// The phases of the load's profile, before scaling.
///
/// ```text
///                      spike ┌──┐
///                            │  │
/// peak         ╱─────────────┘  └──────
///            ╱
/// peak/10 ──┘
///       warm-up ramp-up sustained spike recovery
///         10 s   60 s    120 s    30 s   60 s
/// ```
///
/// # Errors
/// An unknown profile; a peak and a spike of different kinds.
pub(super) fn phases(name: &str, load: &LoadWishes) -> Result<Vec<PhaseWish>, PlanError> {
    if name != PROFILES[0] {
        let nearest = nearest(name, PROFILES).map(str::to_owned);
        return Err(PlanError::UnknownProfile { name: name.to_owned(), nearest });
    }
    let peak = peak_of(load);
    let spike = load.spike.unwrap_or_else(|| times(peak, SPIKE_FACTOR));
    if matches!(peak, PeakWish::Vus(_)) != matches!(spike, PeakWish::Vus(_)) {
        return Err(PlanError::MixedLevels { what: "the profile".to_owned() });
    }
    let phase = |name: &str, seconds, to, jump| PhaseWish {
        name: Some(name.to_owned()),
        duration: Duration::from_secs(seconds),
        to,
        jump,
    };
    Ok(vec![
        phase("warm-up", 10, warm_up(peak), true),
        phase("ramp-up", 60, peak, false),
        phase("sustained", 120, peak, false),
        phase("spike", 30, spike, true),
        phase("recovery", 60, peak, true),
    ])
}

/// A tenth of the peak, at least 1 but never more than the peak.
fn warm_up(peak: PeakWish) -> PeakWish {
    match peak {
        PeakWish::Vus(vus) => PeakWish::Vus((vus / WARM_UP_SHARE).max(1).min(vus)),
        PeakWish::Rate(rate) => {
            let tenth = (rate.as_per_second() / WARM_UP_SHARE as f64).max(1.0);
            PeakWish::Rate(Rate::per_second(tenth.min(rate.as_per_second())).unwrap_or(rate))
        }
    }
}

fn times(level: PeakWish, factor: u64) -> PeakWish {
    match level {
        PeakWish::Vus(vus) => PeakWish::Vus(vus.saturating_mul(factor)),
        PeakWish::Rate(rate) => PeakWish::Rate(rate.scaled(factor as f64)),
    }
}
