//! One trial: what is asked for, what came of it, and how that reads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::drift::Drift;
use super::settings::{Goal, LossKind, SearchSettings};
use crate::units::show_duration;

/// What a trial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To warm the target up; its result is thrown away.
    WarmUp,
    /// To find the bounds.
    Search,
    /// To see whether the target is itself, at first and after an overload.
    Canary,
    /// To see whether the load that was found can be held.
    Hold,
}

/// A trial that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrialRequest {
    /// What it is for.
    pub purpose: Purpose,
    /// Iterations a second.
    pub load_per_s: f64,
    /// How long it is measured, after it has settled.
    pub duration: Duration,
    /// It may be stopped early as good only after this: a backlog shows later than an error.
    pub good_after: Duration,
}

/// What came of it. Counts are of the measured span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trial {
    /// Iterations a second, as planned.
    pub load_per_s: f64,
    /// As it was asked for: what the trial counts, also when it was stopped early because it was clear.
    pub duration: Duration,
    /// What it took, with settling and draining.
    pub elapsed: Duration,
    /// Requests that were due.
    pub planned: u64,
    /// Of these, those that failed, timed out, were not sent, or had not ended.
    pub errors: u64,
    /// Of these, those that succeeded later than the objective allows.
    pub slow: u64,
    /// Whether work piled up.
    pub drift: Option<Drift>,
    /// Successes a second, within the objective.
    pub goodput_per_s: f64,
    /// Responses a second.
    pub completed_per_s: f64,
    /// Median response time.
    pub response_p50: Option<Duration>,
    /// Its 99th percentile.
    pub response_p99: Option<Duration>,
    /// Why the generator, not the target, was the limit: the trial tells nothing then.
    pub generator_limited: Option<String>,
    /// How the first request failed, such as `timeout`.
    pub first_failure: Option<String>,
}

impl Trial {
    /// Share of the planned requests that are lost to a goal, 0..=1; all of them when none was planned.
    #[must_use]
    pub fn loss_ratio(&self, kind: LossKind) -> f64 {
        let lost = match kind {
            LossKind::Slo => self.errors.saturating_add(self.slow),
            LossKind::Errors => self.errors,
        };
        if self.planned == 0 { 1.0 } else { (lost as f64 / self.planned as f64).min(1.0) }
    }

    /// Whether work piled up beyond chance.
    #[must_use]
    pub fn is_unstable(&self) -> bool {
        self.drift.is_some_and(|drift| drift.is_unstable)
    }

    /// Whether it speaks against the load: more is lost than the goal allows, or work piles up, which would end in losses.
    #[must_use]
    pub fn is_high(&self, goal: &Goal) -> bool {
        self.loss_ratio(goal.loss) > goal.max_loss_ratio || self.is_unstable()
    }
}

/// How a trial was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In a word.
    pub kind: VerdictKind,
    /// The goals that the trial speaks against, by their place in the settings.
    pub high_goals: Vec<usize>,
    /// Why, such as `12% errors, backlog grows by 60/s`; empty for a low one.
    pub reason: String,
}

/// A verdict in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The load was carried, for all goals.
    Low,
    /// It was not, for some goal.
    High,
    /// The trial says nothing about the target.
    NotCounted,
}

impl Verdict {
    pub(super) fn of(trial: &Trial, settings: &SearchSettings) -> Self {
        if let Some(reason) = &trial.generator_limited {
            let reason = format!("the generator is the limit: {reason}");
            return Self { kind: VerdictKind::NotCounted, high_goals: Vec::new(), reason };
        }
        let is_high = |goal: &&usize| trial.is_high(&settings.goals[**goal]);
        let places: Vec<usize> = (0..settings.goals.len()).collect();
        let high_goals: Vec<usize> = places.iter().filter(is_high).copied().collect();
        let kind = if high_goals.is_empty() { VerdictKind::Low } else { VerdictKind::High };
        let reason = if high_goals.is_empty() { String::new() } else { reason(trial, settings) };
        Self { kind, high_goals, reason }
    }

    /// Whether the trial speaks against the load.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.kind == VerdictKind::High
    }
}

fn reason(trial: &Trial, settings: &SearchSettings) -> String {
    let mut words = Vec::new();
    if trial.planned == 0 {
        words.push("no requests".to_owned());
    } else if trial.errors > 0 {
        words.push(format!("{} errors", percent(trial.loss_ratio(LossKind::Errors))));
    }
    if let Some(drift) = trial.drift.filter(|drift| drift.is_unstable) {
        words.push(format!("backlog grows by {:.0}/s", drift.growth_per_s));
    }
    if trial.slow > 0 {
        let share = percent(trial.slow as f64 / trial.planned.max(1) as f64);
        let limit = settings.slo.map_or_else(|| "allowed".to_owned(), show_duration);
        words.push(format!("{share} slower than {limit}"));
    }
    words.join(", ")
}

fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent < 9.95 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// A trial that was made, in the order of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRow {
    /// What it was for.
    pub purpose: Purpose,
    /// What came of it.
    pub trial: Trial,
    /// How it was judged.
    pub verdict: Verdict,
}
