//! Whether the target is itself again after an overload, before anything else is measured (METHODS.md 2.3).
//!
//! Two looks: at a small load it must respond as it did at first, and at a load that it carried before it must not break down.
//! The second is needed since a target that is stuck at a fifth of its capacity serves a small load well.

use std::time::Duration;

use super::settings::{LossKind, SearchSettings};
use super::trial::{Purpose, Trial, TrialRequest};

/// A canary's load as a share of the best lower bound.
const CANARY_SHARE: f64 = 0.1;
/// A load that is small for any target, so that the first canary need not be smaller.
const SMALL_PER_S: f64 = 10.0;
/// A load below this brings nothing to look at in a canary's time.
const SMALLEST_PER_S: f64 = 0.5;
/// Requests that a canary's median needs.
const CANARY_REQUESTS: f64 = 30.0;
/// The shortest look, and the longest.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(10);
/// The first rest; each is twice the one before.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The median may be so many times that of the baseline, and this longer.
const SLOWER: f64 = 2.0;
const SLACK: Duration = Duration::from_millis(10);
/// Share of a canary that may fail.
const MAY_FAIL: f64 = 0.05;
/// A backlog that grows at a load that was carried before, in standard errors: beyond what repeated looks find by chance.
const Z_STUCK: f64 = 4.0;

/// What a target that is itself is like.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Baseline {
    median: Option<Duration>,
}

impl Baseline {
    pub(super) fn of(canary: &Trial) -> Self {
        Self { median: canary.response_p50 }
    }

    /// What is wrong with a canary; `None` if nothing.
    fn complaint(&self, canary: &Trial) -> Option<String> {
        if canary.planned == 0 {
            // So small a load may bring nothing in so short a time.
            return None;
        }
        let lost = canary.loss_ratio(LossKind::Errors);
        if lost > MAY_FAIL {
            return Some(format!("{:.0}% errors at {:.1}/s", lost * 100.0, canary.load_per_s));
        }
        let (now, before) = canary.response_p50.zip(self.median)?;
        let limit = before.mul_f64(SLOWER) + SLACK;
        (now > limit).then(|| format!("a median of {now:.1?} instead of {before:.1?}"))
    }
}

/// Which look is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Rest,
    Small,
    Carried,
}

/// The way back from one overload.
#[derive(Debug, Clone)]
pub(super) struct Recovery {
    /// The load that was too much.
    pub(super) overload_per_s: f64,
    /// For how long it was.
    pub(super) duration: Duration,
    /// Whether the first look is enough: it got over such an overload before.
    pub(super) look_once: bool,
    /// Time since then.
    pub(super) waited: Duration,
    /// What was wrong at the last look; empty if nothing ever was.
    pub(super) complaint: String,
    /// The trial that failed, if its load was carried before: it counts only if the target then is itself at once. Else what
    /// failed was not the load.
    pub(super) suspect: Option<Trial>,
    /// The small load, and one that was carried before, if there is one.
    small_per_s: f64,
    carried_per_s: Option<f64>,
    look: Look,
    rest: Duration,
}

/// What to do on the way back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way {
    Trial(TrialRequest),
    Idle(Duration),
    /// It was given enough time.
    GivenUp,
}

/// The canary that the baseline is taken from, before anything was carried.
pub(super) fn first_canary(settings: &SearchSettings) -> TrialRequest {
    let start = settings.start_load_per_s;
    canary((start * CANARY_SHARE).max(SMALL_PER_S).min(start))
}

/// A canary at `load_per_s`.
fn canary(load_per_s: f64) -> TrialRequest {
    let seconds = (CANARY_REQUESTS / load_per_s).min(LONGEST.as_secs_f64());
    let duration = Duration::from_secs_f64(seconds).max(SHORTEST);
    TrialRequest { purpose: Purpose::Canary, load_per_s, duration, good_after: duration }
}

impl Recovery {
    /// After an overload, with `carried` what was carried before: the best lower bound, and the load to look at.
    pub(super) fn after(
        overload_per_s: f64,
        carried: Option<(f64, f64)>,
        settings: &SearchSettings,
    ) -> Self {
        let best = carried.map_or(settings.start_load_per_s.min(overload_per_s), |(best, _)| best);
        Self {
            overload_per_s,
            duration: Duration::ZERO,
            look_once: false,
            waited: Duration::ZERO,
            complaint: String::new(),
            suspect: None,
            // Below the smallest load of interest, if need be: it is not to find anything.
            small_per_s: (best * CANARY_SHARE).max(SMALLEST_PER_S.min(best)),
            carried_per_s: carried.map(|(_, load)| load),
            look: Look::Small,
            rest: FIRST_REST,
        }
    }

    /// The suspect, if it is none any more.
    pub(super) fn cleared(self) -> Option<Trial> {
        self.suspect.filter(|_| self.complaint.is_empty())
    }

    /// What to do next.
    pub(super) fn way(&mut self, settings: &SearchSettings) -> Way {
        let left = settings.max_recovery.saturating_sub(self.waited);
        if left.is_zero() {
            return Way::GivenUp;
        }
        match self.look {
            Look::Small => Way::Trial(canary(self.small_per_s)),
            Look::Carried => Way::Trial(canary(self.carried_per_s.unwrap_or(self.small_per_s))),
            Look::Rest => {
                let rest = self.rest.min(left);
                self.rest *= 2;
                self.waited += rest;
                self.look = Look::Small;
                Way::Idle(rest)
            }
        }
    }

    /// Takes what a canary found; whether the target is itself again.
    pub(super) fn is_over(
        &mut self,
        canary: &Trial,
        baseline: &Baseline,
        settings: &SearchSettings,
    ) -> bool {
        self.waited += canary.elapsed.max(canary.duration);
        let complaint = match self.look {
            Look::Carried => stuck(canary, settings),
            Look::Small | Look::Rest => baseline.complaint(canary),
        };
        if let Some(complaint) = complaint {
            self.complaint = complaint;
            self.look = Look::Rest;
            return false;
        }
        // One that did not come back at once is looked at twice.
        let is_enough = self.look_once && self.complaint.is_empty();
        let is_last = self.look == Look::Carried || self.carried_per_s.is_none() || is_enough;
        self.look = Look::Carried;
        is_last
    }
}

/// What is wrong at a load that was carried before. It is short and may lie near the limit: only much counts.
fn stuck(trial: &Trial, settings: &SearchSettings) -> Option<String> {
    let allowed = |limit: f64| MAY_FAIL + 2.0 * limit;
    let at = format!("at {:.1}/s, which it carried before", trial.load_per_s);
    if let Some(drift) = trial.drift.filter(|drift| drift.z() > Z_STUCK) {
        return Some(format!("a backlog that grows by {:.0}/s {at}", drift.growth_per_s));
    }
    let lost = settings.goals.iter().find_map(|goal| {
        let loss = trial.loss_ratio(goal.loss);
        (loss > allowed(goal.max_loss_ratio)).then_some(loss)
    })?;
    Some(format!("{:.0}% lost {at}", lost * 100.0))
}
