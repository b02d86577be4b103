//! The largest load that a service can carry, and the one that breaks it (METHODS.md section 2).
//!
//! [`Search`] says which trial to make next and is told what came of it; it makes none itself. Trials are short and several at
//! each load, so that one which was disturbed decides nothing (MLRsearch, RFC 9971). What is lost is compared with the goals;
//! besides, a backlog that grows shows an overload long before any request times out, so that the result does not depend on
//! the client's time-out. After each overload the target must first be itself again.
//!
//! Beyond the RFC: what the trials at a load say together about a growing backlog counts too, since an overload by two percent
//! does not show in five seconds; loads are chosen around a guess of the limit; and a load well above the limit is tried, to
//! see whether more may be carried there than less.

mod bisect;
mod classify;
pub mod drift;
pub mod early;
mod hold;
mod ledger;
mod outcome;
mod recover;
mod select;
mod settings;
mod summary;
mod trial;

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

use std::time::Duration;

use classify::LoadClass;
use hold::Holds;
use ledger::{Ledger, LoadTrials};
pub use outcome::{Bounds, Breakdown, CapacityDrift, Irregular, MaxSustainable, Outcome};
use recover::{Baseline, Recovery, Way};
use select::{Focus, Selection};
use settings::Target;
pub use settings::{Goal, LossKind, SearchSettings, Strategy};
pub use trial::{Purpose, Trial, TrialRequest, TrialRow, Verdict, VerdictKind};

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Make this trial, let what it left behind drain, and [`Search::record`] it.
    Trial(TrialRequest),
    /// Send nothing for so long, then ask again.
    Idle(Duration),
    /// That is it.
    Done(Outcome),
}

/// A search for the limits of a target.
#[derive(Debug, Clone)]
pub struct Search {
    settings: SearchSettings,
    targets: Vec<Target>,
    rows: Vec<TrialRow>,
    ledger: Ledger,
    pending: Option<TrialRequest>,
    focus: Option<Focus>,
    baseline: Option<Baseline>,
    recovery: Option<Recovery>,
    /// Overloads and their lengths after which the target was itself by both looks.
    survived: Vec<(f64, Duration)>,
    irregular: Vec<Irregular>,
    /// Whether something ended it before its time.
    is_ended: bool,
    has_looked_beyond: bool,
    holds: Holds,
    used: Duration,
}

/// The warm-up takes at most one part in this many of the longest search.
const MOST_WARMING: u32 = 5;
/// How far above the limit a larger load is tried, as a factor.
const BEYOND: f64 = 1.3;
/// A load that failed this far above the limit makes that trial needless.
const BEYOND_ENOUGH: f64 = 1.2;
/// A load up to this share of the best lower bound is carried though few trials were made at it.
const WELL_BELOW: f64 = 0.6;

impl Search {
    /// A search that has made no trial yet.
    ///
    /// Loads outside of the limits are moved to them; the limits themselves must be positive and in order.
    #[must_use]
    pub fn new(mut settings: SearchSettings) -> Self {
        settings.start_load_per_s = settings.within_limits(settings.start_load_per_s);
        Self {
            targets: settings.targets(),
            settings,
            rows: Vec::new(),
            ledger: Ledger::default(),
            pending: None,
            focus: None,
            baseline: None,
            recovery: None,
            survived: Vec::new(),
            irregular: Vec::new(),
            is_ended: false,
            has_looked_beyond: false,
            holds: Holds::default(),
            used: Duration::ZERO,
        }
    }

    /// What to do next. Asked again before a trial was recorded, it says the same.
    #[must_use]
    pub fn next_step(&mut self) -> Next {
        if let Some(request) = self.pending {
            return Next::Trial(request);
        }
        let request = match self.settings.strategy {
            Strategy::Bisect => self.next_of_bisection(),
            Strategy::MlrSearch => match self.way_back() {
                Some(Way::Idle(rest)) => {
                    self.used += rest;
                    return Next::Idle(rest);
                }
                Some(Way::Trial(request)) => Some(request),
                Some(Way::GivenUp) | None => self.next_request(),
            },
        };
        self.pending = request;
        request.map_or_else(|| Next::Done(self.outcome()), Next::Trial)
    }

    /// Takes what came of the trial that was asked for last.
    pub fn record(&mut self, mut trial: Trial) -> Verdict {
        let request = self.pending.take();
        let purpose = request.map_or(Purpose::Search, |request| request.purpose);
        if let Some(request) = request {
            // As asked for: loads are compared, and a generator plans whole requests.
            trial.load_per_s = request.load_per_s;
            trial.duration = request.duration;
        }
        let verdict = Verdict::of(&trial, &self.settings);
        self.used += trial.elapsed.max(Duration::from_millis(1));
        self.rows.push(TrialRow { purpose, trial: trial.clone(), verdict: verdict.clone() });
        if self.settings.strategy == Strategy::MlrSearch {
            self.take(purpose, trial, &verdict);
        }
        verdict
    }

    /// The bounds of a goal, by its place in the settings, as far as they are known.
    ///
    /// # Panics
    /// When there is no such goal.
    #[must_use]
    pub fn bounds(&self, goal: usize) -> Bounds {
        match self.settings.strategy {
            Strategy::MlrSearch => self.selection().best_bounds(goal, self.targets.len()),
            Strategy::Bisect => {
                let (lower_per_s, upper_per_s) = bisect::bounds(&self.rows, &self.settings);
                Bounds { lower_per_s, upper_per_s }
            }
        }
    }

    /// All trials so far, in the order of time.
    #[must_use]
    pub fn trials(&self) -> &[TrialRow] {
        &self.rows
    }

    /// What it was told to look for.
    #[must_use]
    pub fn settings(&self) -> &SearchSettings {
        &self.settings
    }

    fn selection(&self) -> Selection<'_> {
        Selection { settings: &self.settings, targets: &self.targets, ledger: &self.ledger }
    }

    fn take(&mut self, purpose: Purpose, trial: Trial, verdict: &Verdict) {
        match purpose {
            Purpose::WarmUp => {}
            Purpose::Canary => self.take_canary(&trial),
            Purpose::Hold => self.take_hold(trial, verdict),
            Purpose::Search => {
                let load_per_s = trial.load_per_s;
                if let Some(reason) = trial.generator_limited {
                    self.irregular.push(Irregular::GeneratorLimitedAt { load_per_s, reason });
                    self.is_ended = true;
                    return;
                }
                // Before the trial is entered: what it overloaded was carried before it.
                let carried = self.carried();
                if !verdict.is_high() {
                    self.ledger.add(trial);
                    return;
                }
                let mut recovery = Recovery::after(load_per_s, carried, &self.settings);
                recovery.duration = trial.duration;
                if carried.is_some_and(|(best, _)| load_per_s <= best) {
                    recovery.suspect = Some(trial);
                } else {
                    let has = |(load, duration): &(f64, Duration)| {
                        *load >= load_per_s && *duration >= trial.duration
                    };
                    recovery.look_once = self.survived.iter().any(has);
                    self.ledger.add(trial);
                }
                self.recovery = Some(recovery);
            }
        }
    }

    fn take_canary(&mut self, canary: &Trial) {
        let Some(baseline) = self.baseline else {
            self.baseline = Some(Baseline::of(canary));
            return;
        };
        let settings = &self.settings;
        let is_over = |recovery: &mut Recovery| recovery.is_over(canary, &baseline, settings);
        if let Some(recovery) = self.recovery.take_if(is_over) {
            if !recovery.look_once {
                self.survived.push((recovery.overload_per_s, recovery.duration));
            }
            if let Some(trial) = recovery.cleared() {
                self.ledger.add(trial);
            }
        }
    }

    /// A load that twice could not be held is none that the target sustains, whatever short trials say: the search goes on.
    fn take_hold(&mut self, trial: Trial, verdict: &Verdict) {
        let load_per_s = trial.load_per_s;
        let is_high = verdict.kind != VerdictKind::Low
            && self.place_of(LossKind::Slo).is_none_or(|goal| verdict.high_goals.contains(&goal));
        let carried = self.carried();
        if is_high {
            self.recovery = Some(Recovery::after(load_per_s, carried, &self.settings));
        }
        for refuted in self.holds.add(trial, !is_high) {
            self.ledger.add(refuted);
        }
    }

    /// The place of the first goal of a kind.
    fn place_of(&self, kind: LossKind) -> Option<usize> {
        self.settings.goals.iter().position(|goal| goal.loss == kind)
    }

    /// The smallest of the goals' lower bounds, and the largest load up to it that is surely carried: by enough trials, or by
    /// few of which the load is well below. A load that a few short trials let pass may be a little too much.
    fn carried(&self) -> Option<(f64, f64)> {
        let lower = |goal| self.bounds(goal).lower_per_s;
        let goals = 0..self.settings.goals.len();
        let best = goals.map(lower).collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::min)?;
        let finest = self.targets.last()?;
        let is_sure = |load: &LoadTrials, goal: &Goal| {
            load.class(goal, finest, &self.settings) == LoadClass::Lower
                || load.load_per_s <= best * WELL_BELOW && load.is_all_low(goal)
        };
        let is_carried = |load: &&LoadTrials| {
            load.load_per_s <= best && self.settings.goals.iter().all(|goal| is_sure(load, goal))
        };
        let sure = self.ledger.loads().iter().rev().find(is_carried);
        Some((best, sure.map_or(best * WELL_BELOW, |load| load.load_per_s)))
    }

    fn way_back(&mut self) -> Option<Way> {
        let recovery = self.recovery.as_mut()?;
        let way = recovery.way(&self.settings);
        if way == Way::GivenUp {
            self.irregular.push(Irregular::NoRecoveryAfterOverload {
                load_per_s: recovery.overload_per_s,
                waited_s: recovery.waited.as_secs_f64(),
                reason: recovery.complaint.clone(),
            });
            self.recovery = None;
            self.is_ended = true;
        }
        Some(way)
    }

    fn next_of_bisection(&self) -> Option<TrialRequest> {
        let load = bisect::next_load(&self.rows, &self.settings)?;
        (self.used < self.settings.max_duration)
            .then(|| self.request(Purpose::Search, load, self.settings.trial_duration))
    }

    fn next_request(&mut self) -> Option<TrialRequest> {
        if self.is_ended {
            return None;
        }
        let start = self.settings.start_load_per_s;
        if self.rows.is_empty() {
            let length =
                Duration::from_secs_f64(self.targets[0].trial_s * self.settings.stretch(start));
            // A short search has no time for a long warm-up.
            let length = length.min(self.settings.max_duration / MOST_WARMING);
            return Some(self.request(Purpose::WarmUp, start, length));
        }
        if self.baseline.is_none() {
            return Some(recover::first_canary(&self.settings));
        }
        let wanted = self.next_search().or_else(|| self.look_beyond());
        let Some(request) = wanted else { return self.hold() };
        if self.used + request.duration > self.settings.max_duration {
            let max_duration = self.settings.max_duration;
            self.irregular.push(Irregular::OutOfTime { max_duration });
            self.is_ended = true;
            return None;
        }
        Some(request)
    }

    fn next_search(&mut self) -> Option<TrialRequest> {
        let selection = self.selection();
        let going_on = self.focus.filter(|focus| !selection.is_decided(*focus));
        let focus = going_on.or_else(|| selection.next());
        self.focus = focus;
        let Focus { target, load_per_s, .. } = focus?;
        let seconds = self.targets[target].trial_s * self.settings.stretch(load_per_s);
        Some(self.request(Purpose::Search, load_per_s, Duration::from_secs_f64(seconds)))
    }

    /// A trial well above the largest upper bound, once, where none was made on the way.
    fn look_beyond(&mut self) -> Option<TrialRequest> {
        if std::mem::replace(&mut self.has_looked_beyond, true) {
            return None;
        }
        let uppers =
            (0..self.settings.goals.len()).filter_map(|goal| self.bounds(goal).upper_per_s);
        let upper = uppers.reduce(f64::max)?;
        let load = upper * BEYOND;
        let tried = self.ledger.loads().last().map_or(0.0, |last| last.load_per_s);
        let is_needed = tried < upper * BEYOND_ENOUGH && load <= self.settings.max_load_per_s;
        is_needed.then(|| self.request(Purpose::Search, load, self.full_duration(load)))
    }

    fn hold(&self) -> Option<TrialRequest> {
        let lower = self.place_of(LossKind::Slo).and_then(|goal| self.bounds(goal).lower_per_s)?;
        let duration = self.settings.hold_duration;
        let is_wanted = !duration.is_zero()
            && self.holds.is_open(lower)
            && self.used + duration <= self.settings.max_duration;
        is_wanted.then(|| self.request(Purpose::Hold, lower, duration))
    }

    fn full_duration(&self, load_per_s: f64) -> Duration {
        self.settings.trial_duration.mul_f64(self.settings.stretch(load_per_s))
    }

    fn request(&self, purpose: Purpose, load_per_s: f64, duration: Duration) -> TrialRequest {
        let process = drift::ArrivalProcess::Poisson;
        let minimum = drift::minimum_duration(load_per_s, self.settings.width_ratio, process);
        let good_after = minimum.unwrap_or(duration).min(duration);
        TrialRequest { purpose, load_per_s, duration, good_after }
    }
}
