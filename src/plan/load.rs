//! One load as wished to the executor that does it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::PlanError;
use super::executor::{Executor, Stage};
use super::layers::{LoadWishes, PeakWish, PhaseWish};
use super::{PhaseSpan, profile};
use crate::metric::spelling::nearest;
use crate::units::{MAX_DURATION, Rate};

/// The most virtual users of a load.
pub const MAX_VUS: u64 = 1_000_000;
/// k6's bound of loads that count iterations.
const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(600);
/// An open load may add users for responses that take this long, unless it names `max_vus`.
const COVERED_RESPONSE_S: f64 = 10.0;
/// The most users that an open load adds of itself.
const MOST_ADDED_VUS: u64 = 10_000;
/// The most users that an open load has from the start of itself.
const MOST_PRE_ALLOCATED_VUS: u64 = 100;

/// Each executor and what it needs.
const EXECUTORS: [(&str, &str); 6] = [
    ("constant-vus", "vus and duration"),
    ("ramping-vus", "phases with vus"),
    ("shared-iterations", "iterations"),
    ("per-vu-iterations", "iterations, for each of vus"),
    ("constant-arrival-rate", "rate and duration"),
    ("ramping-arrival-rate", "phases with rate"),
];

/// The executor that a load asks for, with its durations times `scale` (finite, above 0).
///
/// | set | executor |
/// |---|---|
/// | `phases` or `profile`, of users | `ramping-vus`; `vus` is the start, else 0 |
/// | `phases` or `profile`, of rates | `ramping-arrival-rate`; `rate` is the start, else 0 |
/// | `rate`, `duration` | `constant-arrival-rate`; `vus` are pre-allocated |
/// | `iterations` | `shared-iterations`, or `per-vu-iterations` with `per_vu`; `duration` bounds them, else `max_duration`, else 10 minutes |
/// | `vus`, `duration` | `constant-vus`; `vus` is 1 unless set |
/// | nothing | `shared-iterations`: one user, one iteration |
///
/// Users beyond the number of shared iterations are left out. An open load may add users up to `max_vus`: unless set, enough
/// for responses of 10 s at its highest rate, at most 10,000 and at least `vus`. It begins with `vus`: unless set, one for
/// each arrival of a second, at most 100 and `max_vus`.
///
/// # Errors
/// Every problem with the load.
pub(super) fn executor_of(load: &LoadWishes, scale: f64) -> Result<Executor, Vec<PlanError>> {
    let mut reader = Reader { load, scale, problems: Vec::new() };
    reader.check_limits();
    let executor = reader.executor();
    if let Some(executor) = &executor {
        reader.check_kind(executor);
        reader.check_length(executor);
    }
    match executor {
        Some(executor) if reader.problems.is_empty() => Ok(executor),
        _ => Err(reader.problems),
    }
}

/// The named spans of an executor: its stages that last, or one span `main` for the whole of it.
pub(super) fn spans_of(executor: &Executor) -> Vec<PhaseSpan> {
    let (Executor::RampingVus { stages, .. } | Executor::RampingArrivalRate { stages, .. }) =
        executor
    else {
        let end = executor.duration().unwrap_or(Duration::ZERO);
        return vec![PhaseSpan { name: "main".to_owned(), start: Duration::ZERO, end }];
    };
    let mut end = Duration::ZERO;
    let mut spans = Vec::new();
    for stage in stages.iter().filter(|stage| !stage.duration.is_zero()) {
        let start = end;
        end += stage.duration;
        spans.push(PhaseSpan { name: stage.name.clone(), start, end });
    }
    spans
}

struct Reader<'a> {
    load: &'a LoadWishes,
    scale: f64,
    problems: Vec<PlanError>,
}

impl Reader<'_> {
    fn check_limits(&mut self) {
        let level = |level: Option<PeakWish>| match level {
            Some(PeakWish::Vus(vus)) => Some(vus),
            _ => None,
        };
        let phases = self.load.phases.iter().flatten();
        let of_phases = phases.filter_map(|phase| level(Some(phase.to))).max();
        for (what, vus) in [
            ("vus", self.load.vus),
            ("max_vus", self.load.max_vus),
            ("vus of a phase", of_phases),
            ("peak", level(self.load.peak)),
            ("spike", level(self.load.spike)),
        ] {
            if let Some(value) = vus.filter(|vus| *vus > MAX_VUS) {
                self.problems.push(PlanError::TooMany { what, value, max: MAX_VUS });
            }
        }
        let zero_rate = self.load.rate.is_some_and(|rate| rate.as_per_second() <= 0.0);
        for (what, is_zero) in [
            ("rate", zero_rate && self.load.phases.is_none()),
            ("max_vus", self.load.max_vus == Some(0)),
            ("vus", self.load.vus == Some(0) && self.load.phases.is_none()),
            ("iterations", self.load.iterations == Some(0)),
            ("duration", self.load.duration.is_some_and(|length| length.is_zero())),
            ("max_duration", self.load.max_duration.is_some_and(|length| length.is_zero())),
        ] {
            if is_zero {
                self.problems.push(PlanError::Zero { what });
            }
        }
    }

    fn executor(&mut self) -> Option<Executor> {
        let load = self.load;
        match (&load.phases, &load.profile) {
            (Some(_), Some(_)) => self.conflict("phases", "profile"),
            (Some(phases), None) => {
                let named = load.vus.map(|vus| vus as f64);
                let start = (named, load.rate.map(Rate::as_per_second));
                self.ramping("phases", phases, start)
            }
            (None, Some(name)) => match profile::phases(name, load) {
                Ok(phases) => self.ramping("profile", &phases, (None, None)),
                Err(problem) => self.fail(problem),
            },
            (None, None) if load.rate.is_some() && load.iterations.is_some() => {
                self.conflict("rate", "iterations")
            }
            (None, None) => match (load.rate, load.iterations.or(self.implied_iterations())) {
                (Some(rate), _) => self.constant_rate(rate),
                (None, Some(iterations)) => self.counted(iterations),
                (None, None) => self.constant_vus(),
            },
        }
    }

    /// k6 does one iteration when an iterations executor, or nothing at all, is asked for.
    fn implied_iterations(&self) -> Option<u64> {
        if self.load.duration.is_some() || self.load.rate.is_some() {
            return None;
        }
        let named = self.load.executor.as_deref().is_some_and(|name| name.ends_with("-iterations"));
        (named || self.load.vus.is_none()).then_some(1)
    }

    /// `start` is the wished level before the first phase, of users and of arrivals.
    fn ramping(
        &mut self,
        what: &'static str,
        phases: &[PhaseWish],
        start: (Option<f64>, Option<f64>),
    ) -> Option<Executor> {
        if self.load.iterations.is_some() {
            self.problems.push(PlanError::Conflict { first: what, second: "iterations" });
        }
        if self.load.duration.is_some() {
            self.problems.push(PlanError::Conflict { first: what, second: "duration" });
        }
        let Some(first) = phases.first() else {
            return self.fail(PlanError::Needs { field: "phases", needs: "at least one phase" });
        };
        let of_users = matches!(first.to, PeakWish::Vus(_));
        let start = if of_users { start.0 } else { start.1 };
        let mixed_start = of_users && self.load.rate.is_some();
        let stages = self.stages(phases, of_users, mixed_start)?;
        let start = start.unwrap_or(if stages[0].jump { stages[0].target } else { 0.0 });
        let top = stages.iter().map(|stage| stage.target).fold(start, f64::max);
        if top <= 0.0 {
            return self.fail(PlanError::Zero { what: "every phase's level" });
        }
        if of_users {
            return Some(Executor::RampingVus { start_vus: start as u64, stages });
        }
        let (pre_allocated_vus, max_vus) = self.pool(top);
        Some(Executor::RampingArrivalRate {
            start_rate: Rate::per_second(start)?,
            stages,
            arrival: self.load.arrival.unwrap_or_default(),
            pre_allocated_vus,
            max_vus,
        })
    }

    fn stages(
        &mut self,
        phases: &[PhaseWish],
        of_users: bool,
        mixed_start: bool,
    ) -> Option<Vec<Stage>> {
        let mut stages = Vec::with_capacity(phases.len());
        let mut names = BTreeSet::new();
        if mixed_start {
            self.problems.push(PlanError::MixedLevels { what: "the load".to_owned() });
        }
        for (index, phase) in phases.iter().enumerate() {
            let written = phase.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
            let name = written.map_or_else(|| format!("stage-{}", index + 1), str::to_owned);
            let target = match phase.to {
                PeakWish::Vus(vus) if of_users => vus as f64,
                PeakWish::Rate(rate) if !of_users => rate.as_per_second(),
                _ => {
                    let what = format!("phase {name:?}");
                    return self.fail(PlanError::MixedLevels { what });
                }
            };
            if !names.insert(name.clone()) {
                self.problems.push(PlanError::DuplicatePhase { name: name.clone() });
            }
            let duration = self.scaled(phase.duration)?;
            stages.push(Stage { name, target, duration, jump: phase.jump || duration.is_zero() });
        }
        Some(stages)
    }

    fn constant_rate(&mut self, rate: Rate) -> Option<Executor> {
        let Some(duration) = self.load.duration else {
            return self.fail(PlanError::Needs { field: "rate", needs: "duration" });
        };
        let duration = self.scaled(duration)?;
        let (pre_allocated_vus, max_vus) = self.pool(rate.as_per_second());
        let arrival = self.load.arrival.unwrap_or_default();
        Some(Executor::ConstantArrivalRate { rate, duration, arrival, pre_allocated_vus, max_vus })
    }

    fn counted(&mut self, iterations: u64) -> Option<Executor> {
        let bound = match (self.load.max_duration, self.load.duration) {
            (None, Some(duration)) => self.scaled(duration)?,
            (bound, _) => bound.unwrap_or(DEFAULT_MAX_DURATION),
        };
        let vus = self.load.vus.unwrap_or(1);
        if self.load.per_vu == Some(true) {
            return Some(Executor::PerVuIterations { vus, iterations, max_duration: bound });
        }
        let vus = vus.min(iterations);
        Some(Executor::SharedIterations { vus, iterations, max_duration: bound })
    }

    fn constant_vus(&mut self) -> Option<Executor> {
        let Some(duration) = self.load.duration else {
            return self.fail(PlanError::Needs { field: "vus", needs: "duration" });
        };
        let duration = self.scaled(duration)?;
        Some(Executor::ConstantVus { vus: self.load.vus.unwrap_or(1), duration })
    }

    /// Users from the start and at most, for an open load whose highest rate is `top` per second.
    fn pool(&mut self, top: f64) -> (u64, u64) {
        let (vus, max_vus) = pool(top, self.load.vus, self.load.max_vus);
        if vus > max_vus {
            self.problems.push(PlanError::MaxBelowVus { max_vus, vus });
        }
        (vus, max_vus)
    }

    fn check_kind(&mut self, executor: &Executor) {
        let load = self.load;
        if let Some(named) = &load.executor {
            let known = EXECUTORS.iter().find(|(name, _)| name == named);
            match known {
                None => {
                    let nearest = nearest(named, EXECUTORS.map(|(name, _)| name));
                    let nearest = nearest.map(str::to_owned);
                    let name = named.clone();
                    self.problems.push(PlanError::UnknownExecutor { name, nearest });
                }
                Some((name, needs)) if *name != executor.name() => {
                    let (named, found) = (named.clone(), executor.name());
                    self.problems.push(PlanError::Executor { named, found, needs });
                }
                Some(_) => {}
            }
        }
        let open = executor.is_open_model();
        let counted = executor.duration().is_none();
        let profile = load.profile.is_some();
        for (field, is_set, needs, is_met) in [
            ("arrival", load.arrival.is_some(), "a rate", open),
            ("max_vus", load.max_vus.is_some(), "a rate", open),
            ("per_vu", load.per_vu == Some(true), "iterations", counted),
            ("max_duration", load.max_duration.is_some(), "iterations", counted),
            ("peak", load.peak.is_some(), "a profile", profile),
            ("spike", load.spike.is_some(), "a profile", profile),
        ] {
            if is_set && !is_met {
                self.problems.push(PlanError::Needs { field, needs });
            }
        }
    }

    fn check_length(&mut self, executor: &Executor) {
        match executor.duration() {
            Some(Duration::ZERO) if self.load.duration.is_none() => {
                self.problems.push(PlanError::Zero { what: "the duration of all phases" });
            }
            // Not written as zero, which is found before: scaled away.
            Some(Duration::ZERO) if self.load.duration != Some(Duration::ZERO) => {
                self.problems.push(PlanError::Zero { what: "the scaled duration" });
            }
            Some(length) if length > MAX_DURATION => {
                self.problems.push(PlanError::TooLong { max: MAX_DURATION });
            }
            _ => {}
        }
    }

    fn scaled(&mut self, length: Duration) -> Option<Duration> {
        match scaled(length, self.scale) {
            Ok(length) => Some(length),
            Err(problem) => self.fail(problem),
        }
    }

    fn conflict<T>(&mut self, first: &'static str, second: &'static str) -> Option<T> {
        self.fail(PlanError::Conflict { first, second })
    }

    fn fail<T>(&mut self, problem: PlanError) -> Option<T> {
        self.problems.push(problem);
        None
    }
}

/// Users from the start and at most, for an open load whose highest rate is `top` per second, unless they are wished for.
pub(super) fn pool(top: f64, vus: Option<u64>, max_vus: Option<u64>) -> (u64, u64) {
    let enough = ((top * COVERED_RESPONSE_S).ceil() as u64).clamp(1, MOST_ADDED_VUS);
    let max_vus = max_vus.unwrap_or_else(|| enough.max(vus.unwrap_or(0)));
    let second = (top.ceil() as u64).clamp(1, MOST_PRE_ALLOCATED_VUS);
    (vus.unwrap_or_else(|| second.min(max_vus)), max_vus)
}

/// A duration times a scale, which is finite and above 0.
pub(super) fn scaled(length: Duration, scale: f64) -> Result<Duration, PlanError> {
    if length.as_secs_f64() * scale > MAX_DURATION.as_secs_f64() {
        return Err(PlanError::TooLong { max: MAX_DURATION });
    }
    Ok(length.mul_f64(scale))
}
