//! Which probe comes next, and what one that ended means: a search by `analysis::search`, or the points of a sweep.

use std::collections::VecDeque;
use std::time::Duration;

use super::measure::{self, Measured};
use super::settings::StressSettings;
use crate::analysis::search::drift::{ArrivalProcess, Drift, drift};
use crate::analysis::search::early::{Decision, EarlyStop};
use crate::analysis::search::{
    Goal, Irregular, Next, Outcome, Purpose, Search, SearchSettings, Strategy, Trial, VerdictKind,
};
use crate::cli::args::StrategyArg;
use crate::metric::{Quantile, Totals};
use crate::plan::{Arrival, Probe, ProbeLoad};
use crate::record::{
    Breakdown, Capacity, ProbePurpose, ProbeRecord, ProbeVerdict, StressFinding, Sustainable,
};

/// Trials at one load together take up to this many times one of them.
const TRIALS_AT_A_LOAD: u32 = 7;
/// Seconds in which a queue that only fills up to its usual length has done so.
const FEWEST_SECONDS: usize = 3;
/// How often a probe that is stopped early may be stopped wrongly.
const WRONG: f64 = 0.01;
/// Places of the goals in the settings.
const SUSTAINABLE: usize = 0;
const BREAKDOWN: usize = 1;

/// The next probe.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) load: ProbeLoad,
    pub(super) purpose: ProbePurpose,
    /// The measured part.
    pub(super) length: Duration,
    /// For how long the target is left alone before it.
    pub(super) rest: Duration,
}

/// Says what to probe.
#[derive(Debug)]
pub(super) struct Guide {
    way: Way,
    arrivals: ArrivalProcess,
    /// To be made again: something else than the target spoilt it.
    again: Option<Wanted>,
    limited: Option<String>,
    /// Slower responses miss the objective.
    limit: Option<Duration>,
}

#[derive(Debug)]
enum Way {
    Sweep { left: VecDeque<ProbeLoad>, length: Duration },
    Search { search: Box<Search>, good_after: Duration, outcome: Option<Outcome> },
}

impl Guide {
    pub(super) fn new(settings: &StressSettings) -> Self {
        let left: VecDeque<ProbeLoad> = settings.sweep.iter().copied().collect();
        let way = if left.is_empty() {
            let search = Box::new(Search::new(search_settings(settings)));
            Way::Search { search, good_after: Duration::ZERO, outcome: None }
        } else {
            Way::Sweep { left, length: settings.probe }
        };
        let arrivals = match settings.arrival {
            Arrival::Poisson => ArrivalProcess::Poisson,
            Arrival::Constant => ArrivalProcess::Constant,
        };
        let limit = settings.objective.as_ref().map(|objective| objective.limit);
        Self { way, arrivals, again: None, limited: None, limit }
    }

    /// The next probe; `None` when all is known that can be.
    pub(super) fn next(&mut self) -> Option<Wanted> {
        if let Some(again) = self.again.take() {
            return Some(again);
        }
        if self.limited.is_some() {
            return None;
        }
        match &mut self.way {
            Way::Sweep { left, length } => {
                let (load, length) = (left.pop_front()?, *length);
                Some(Wanted { load, purpose: ProbePurpose::Sweep, length, rest: Duration::ZERO })
            }
            Way::Search { search, good_after, outcome } => {
                let mut rest = Duration::ZERO;
                loop {
                    match search.next_step() {
                        Next::Idle(time) => rest += time,
                        Next::Done(found) => {
                            *outcome = Some(found);
                            return None;
                        }
                        Next::Trial(request) => {
                            *good_after = request.good_after;
                            return Some(Wanted {
                                load: ProbeLoad::PerSecond(request.load_per_s),
                                purpose: purpose(request.purpose),
                                length: request.duration,
                                rest,
                            });
                        }
                    }
                }
            }
        }
    }

    /// What is still searched: from the highest load that is borne to the lowest that breaks, iterations a second.
    pub(super) fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match &self.way {
            Way::Sweep { .. } => (None, None),
            Way::Search { search, .. } => {
                (search.bounds(SUSTAINABLE).lower_per_s, search.bounds(BREAKDOWN).upper_per_s)
            }
        }
    }

    /// The probe told nothing: the same once more.
    pub(super) fn repeat(&mut self, wanted: Wanted) {
        self.again = Some(wanted);
    }

    /// The generator cannot make this load: nothing higher is tried.
    pub(super) fn give_up(&mut self, why: String) {
        self.limited = Some(why);
        self.again = None;
    }

    /// Takes in a probe, and writes what it means into its record.
    pub(super) fn conclude(
        &mut self,
        measured: &Measured,
        record: &mut ProbeRecord,
        elapsed: Duration,
    ) {
        let drift = self.drift(measured, record.load);
        record.growth_per_s = drift.map(|drift| drift.growth_per_s);
        record.growth_error_per_s = drift.map(|drift| drift.standard_error_per_s);
        let (Way::Search { search, .. }, ProbeLoad::PerSecond(load_per_s)) =
            (&mut self.way, record.load)
        else {
            return;
        };
        let planned = measured.requests_due();
        let verdict = search.record(Trial {
            load_per_s,
            duration: measured.asked,
            elapsed,
            planned,
            errors: share_of(measured.error_ratio(), planned),
            slow: share_of(measured.objective_loss_ratio() - measured.error_ratio(), planned),
            drift,
            goodput_per_s: measured.achieved_per_s(),
            completed_per_s: measured.achieved_per_s(),
            response_p50: measured.requests.response_time.quantile(Quantile::P50),
            response_p99: measured.requests.response_time.quantile(Quantile::P99),
            generator_limited: None,
            first_failure: measured.failure.clone(),
        });
        record.reason = verdict.reason;
        record.verdict = match (record.purpose, verdict.kind) {
            (ProbePurpose::WarmUp | ProbePurpose::Canary, _) | (_, VerdictKind::NotCounted) => {
                ProbeVerdict::NotJudged
            }
            (_, VerdictKind::Low) => ProbeVerdict::Bears,
            (_, VerdictKind::High) if verdict.high_goals.contains(&BREAKDOWN) => {
                ProbeVerdict::TooHigh
            }
            (_, VerdictKind::High) => ProbeVerdict::OverObjective,
        };
    }

    /// In iterations, as the load is: a user has one request in flight at a time.
    fn drift(&self, measured: &Measured, load: ProbeLoad) -> Option<Drift> {
        match load {
            ProbeLoad::PerSecond(per_s) => drift(&measured.outstanding, per_s, self.arrivals),
            ProbeLoad::Users(_) => None,
        }
    }

    /// Whether the whole seconds of a probe so far decide it: so many failures that every goal is missed, so few bad
    /// requests that every goal is kept, or work that piles up beyond doubt.
    pub(super) fn has_seen_enough(&self, probe: &Probe, totals: &Totals, so_far: Duration) -> bool {
        let (Way::Search { search, good_after, .. }, ProbeLoad::PerSecond(load_per_s)) =
            (&self.way, probe.load)
        else {
            return false;
        };
        let goals = &search.settings().goals;
        let good_after = good_after.as_secs_f64().ceil() as usize;
        let mut breaks = EarlyStop::new(goals[BREAKDOWN].max_loss_ratio, WRONG);
        let mut keeps =
            EarlyStop::new(goals[SUSTAINABLE].max_loss_ratio, WRONG).good_after(good_after);
        let mut decided = false;
        let slices = measure::slices(totals, probe, so_far);
        for slice in &slices {
            let slow = self.limit.map_or(0, |limit| slice.response_time.count_above(limit));
            decided |= breaks.observe(slice.failed, slice.requests) == Some(Decision::Bad);
            decided |= keeps.observe(slice.failed + slow, slice.requests) == Some(Decision::Good);
        }
        let outstanding = measure::outstanding(totals, probe, so_far);
        let drift = drift(&outstanding, load_per_s, self.arrivals);
        decided || slices.len() >= FEWEST_SECONDS && drift.is_some_and(|drift| drift.is_certain)
    }

    /// What was found, in requests a second. Before the end it is as far as the search came.
    pub(super) fn finding(self, settings: &StressSettings, per_iteration: f64) -> StressFinding {
        let mut found = StressFinding {
            strategy: "sweep".to_owned(),
            objective: settings.objective.as_ref().map(|objective| objective.text.clone()),
            error_threshold: settings.error_threshold,
            is_generator_limited: self.limited.is_some(),
            irregular: self.limited.iter().map(|why| format!("generator limited: {why}")).collect(),
            ..StressFinding::default()
        };
        let Way::Search { search, outcome, .. } = self.way else { return found };
        let outcome = outcome.unwrap_or_else(|| search.outcome());
        found.strategy = match settings.strategy {
            StrategyArg::Mlr => "mlr".to_owned(),
            StrategyArg::Bisect => "bisect".to_owned(),
        };
        let per_s = |iterations_per_s: f64| iterations_per_s * per_iteration;
        found.max_sustainable = outcome.max_sustainable.map(|found| Sustainable {
            value: per_s(found.goodput_per_s),
            lower: per_s(found.lower_per_s),
            upper: found.upper_per_s.map(per_s),
            confirmed: found.confirmed,
        });
        found.breakdown = outcome.breakdown.map(|found| Breakdown {
            value: per_s(found.load_per_s),
            lower: found.lower_per_s.map(per_s),
            first_failure: found.first_failure,
        });
        found.capacity = outcome.capacity_drift.map(|found| Capacity {
            value: per_s(found.mu_hat_per_s),
            standard_error: per_s(found.standard_error_per_s),
            unstable_from: per_s(found.smallest_unstable_load_per_s),
        });
        found.is_generator_limited |=
            outcome.irregular.iter().any(|odd| matches!(odd, Irregular::GeneratorLimitedAt { .. }));
        found.irregular.extend(outcome.irregular.iter().map(ToString::to_string));
        found
    }
}

fn search_settings(settings: &StressSettings) -> SearchSettings {
    let defaults = SearchSettings::default();
    SearchSettings {
        goals: vec![
            Goal { max_loss_ratio: settings.borne_loss, ..Goal::sustainable() },
            Goal { max_loss_ratio: settings.error_threshold, ..Goal::breakdown() },
        ],
        strategy: match settings.strategy {
            StrategyArg::Mlr => Strategy::MlrSearch,
            StrategyArg::Bisect => Strategy::Bisect,
        },
        slo: settings.objective.as_ref().map(|objective| objective.limit),
        start_load_per_s: settings.start_per_s,
        min_load_per_s: defaults.min_load_per_s.min(settings.start_per_s),
        max_load_per_s: settings.max_per_s,
        width_ratio: settings.width,
        trial_duration: settings.probe,
        initial_duration: defaults.initial_duration.min(settings.probe),
        duration_sum: settings.probe * TRIALS_AT_A_LOAD,
        hold_duration: settings.hold,
        max_duration: settings.max_duration,
        ..defaults
    }
}

fn purpose(purpose: Purpose) -> ProbePurpose {
    match purpose {
        Purpose::WarmUp => ProbePurpose::WarmUp,
        Purpose::Search => ProbePurpose::Search,
        Purpose::Canary => ProbePurpose::Canary,
        Purpose::Hold => ProbePurpose::Hold,
    }
}

fn share_of(ratio: f64, of: u64) -> u64 {
    (ratio.max(0.0) * of as f64).round() as u64
}
