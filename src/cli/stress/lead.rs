//! Leads a search or a sweep: a leg for each probe, a line for each that ended.

use std::time::Duration;

use super::guide::{Guide, Wanted};
use super::measure::{self, Measured};
use super::settings::StressSettings;
use crate::cli::conduct::{Lead, Seen};
use crate::cli::printer::Printer;
use crate::plan::{Plan, Probe, ProbeLoad, Scenario};
use crate::record::{ProbePurpose, ProbeRecord, StressFinding, StressState};
use crate::report::probe_line;

/// Between the decision for a probe and its start: sessions are built meanwhile.
const LEAD_TIME: Duration = Duration::from_millis(200);
/// The load is held for this long before it is measured, at least.
const SHORTEST_SETTLE: Duration = Duration::from_secs(1);
/// And at most.
const LONGEST_SETTLE: Duration = Duration::from_secs(10);
/// Running iterations may go on for this long after a probe, at most.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);
/// The phase of everything that settles.
const SETTLING: &str = "settling";
/// Probes that something spoilt, one after the other, before the search gives up.
const MOST_SPOILT: usize = 3;

/// A probe under way.
#[derive(Debug)]
struct Current {
    probe: Probe,
    purpose: ProbePurpose,
    number: usize,
    /// When it had shown enough.
    cut_at: Option<Duration>,
}

/// Leads probe by probe.
#[derive(Debug)]
pub(super) struct StressLead<'a> {
    plan: &'a Plan,
    settings: &'a StressSettings,
    printer: &'a Printer,
    target_is_local: bool,
    guide: Guide,
    current: Option<Current>,
    probes: Vec<ProbeRecord>,
    /// Of all probes that the target bore: requests and iterations.
    made: (u64, u64),
    settle: Duration,
    spoilt: usize,
    is_over: bool,
}

impl<'a> StressLead<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        settings: &'a StressSettings,
        target_is_local: bool,
        printer: &'a Printer,
    ) -> Self {
        Self {
            plan,
            settings,
            printer,
            target_is_local,
            guide: Guide::new(settings),
            current: None,
            probes: Vec::new(),
            made: (0, 0),
            settle: SHORTEST_SETTLE,
            spoilt: 0,
            is_over: false,
        }
    }

    /// What was found. Before the end of the search it is as far as it came.
    pub(super) fn finding(self) -> StressFinding {
        let per_iteration = self.requests_per_iteration();
        let state = if self.is_over { StressState::Completed } else { StressState::Error };
        self.guide.finding(state, self.settings, per_iteration, self.probes)
    }

    fn requests_per_iteration(&self) -> f64 {
        let (requests, iterations) = self.made;
        if iterations == 0 { 1.0 } else { requests as f64 / iterations as f64 }
    }

    /// Takes the probe that has ended to the guide, and says its line.
    fn conclude(&mut self, current: &Current, seen: &Seen<'_>) {
        let end = current.cut_at.unwrap_or(current.probe.end()).min(seen.now);
        let limit = self.settings.objective.as_ref().map(|objective| objective.limit);
        let measured = measure::measured(seen, &current.probe, end, limit, self.target_is_local);
        let mut record = measured.record(current.number, current.purpose, &current.probe);
        self.count(&measured);
        let per_iteration = self.requests_per_iteration();
        record.offered_per_s = match current.probe.load {
            ProbeLoad::PerSecond(per_s) => per_s * per_iteration,
            ProbeLoad::Users(_) => record.achieved_per_s,
        };
        self.judge(&measured, &mut record);
        let bounds = self.guide.bounds();
        record.bounds = (
            bounds.0.map(|per_s| per_s * per_iteration),
            bounds.1.map(|per_s| per_s * per_iteration),
        );
        self.printer.data(probe_line(&record) + "\n");
        self.settle = settle_for(&measured).max(SHORTEST_SETTLE);
        self.probes.push(record);
    }

    /// What a probe means, unless something else than the target made it what it is.
    fn judge(&mut self, measured: &Measured, record: &mut ProbeRecord) {
        if measured.iterations.planned == 0 {
            // A stop was called before anything was due.
            record.reason = "cut off before it began".to_owned();
            return;
        }
        if let Some(why) = measure::generator_limit(&measured.validity) {
            self.spoilt += 1;
            record.reason = format!("not counted: {why}");
            if self.spoilt >= MOST_SPOILT {
                self.guide.generator_limited(record, why);
            }
            return;
        }
        self.spoilt = 0;
        self.guide.conclude(measured, record, self.settings);
    }

    fn count(&mut self, measured: &Measured) {
        if measured.error_ratio() < self.settings.error_threshold {
            self.made.0 += measured.requests.count;
            self.made.1 += measured.iterations.started;
        }
    }

    fn begin(&mut self, wanted: Wanted, now: Duration) -> Vec<Scenario> {
        let number = self.probes.len() + 1;
        let earliest = now + LEAD_TIME + wanted.rest;
        let probe = Probe {
            load: wanted.load,
            arrival: self.settings.arrival,
            max_vus: self.settings.max_vus,
            // Whole seconds: the time axis is in seconds.
            start: Duration::from_secs(earliest.as_secs() + 1),
            settle: self.settle,
            length: whole_seconds(wanted.length),
            drain: self.plan.http.timeout.min(LONGEST_DRAIN),
            settle_phase: SETTLING.to_owned(),
            phase: format!("probe {number}"),
        };
        let scenarios = probe.scenarios(self.plan);
        self.current = Some(Current { probe, purpose: wanted.purpose, number, cut_at: None });
        scenarios
    }
}

impl Lead for StressLead<'_> {
    fn next_leg(&mut self, seen: &Seen<'_>) -> Vec<Scenario> {
        if let Some(current) = self.current.take() {
            self.conclude(&current, seen);
        }
        match self.guide.next(seen.now) {
            Some(wanted) => self.begin(wanted, seen.now),
            None => {
                self.is_over = true;
                Vec::new()
            }
        }
    }

    fn has_seen_enough(&mut self, seen: &Seen<'_>) -> bool {
        let Some(current) = &mut self.current else { return false };
        let so_far = Duration::from_secs(seen.now.as_secs());
        if current.purpose != ProbePurpose::Search || so_far >= current.probe.end() {
            return false;
        }
        let slices = measure::slices(seen.totals, &current.probe, so_far);
        let backlog = measure::backlog(seen.totals, &slices);
        let is_enough = self.guide.has_seen_enough(&current.probe, &slices, &backlog);
        if is_enough {
            current.cut_at = Some(so_far);
        }
        is_enough
    }
}

/// Three times the slowest percent: what a load needs to show itself.
fn settle_for(measured: &Measured) -> Duration {
    if measured.error_ratio() > 0.01 {
        return SHORTEST_SETTLE;
    }
    let p99 = measured.requests.response_time.quantile(crate::metric::Quantile::P99);
    whole_seconds(p99.unwrap_or_default() * 3).min(LONGEST_SETTLE)
}

fn whole_seconds(length: Duration) -> Duration {
    Duration::from_secs(length.as_secs_f64().ceil().max(1.0) as u64)
}
