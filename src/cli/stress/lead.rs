//! Leads a search or a sweep: a leg for each probe, a line for each that ended.

use std::time::Duration;

use super::guide::{Guide, Wanted};
use super::measure::{self, Measured};
use super::settings::StressSettings;
use crate::analysis::knee::{LoadPoint, knee};
use crate::cli::conduct::{Lead, Seen};
use crate::cli::leg::{drain, next_second, whole_seconds};
use crate::cli::printer::Printer;
use crate::plan::{Plan, Probe, ProbeLoad, Scenario};
use crate::record::{ProbePurpose, ProbeRecord, StressFinding, StressState};
use crate::report::probe_line;

/// Between the decision for a probe and its start: sessions are built meanwhile.
const LEAD_TIME: Duration = Duration::from_millis(50);
/// Two whole seconds can be compared.
const SHORTEST_PROBE: Duration = Duration::from_secs(2);
/// The load is held for this long before it is measured, at least.
const SHORTEST_SETTLE: Duration = Duration::from_secs(1);
/// And at most.
const LONGEST_SETTLE: Duration = Duration::from_secs(10);
/// The phase of everything that settles.
const SETTLING: &str = "settling";
/// Probes that the generator spoilt, one after the other, before the search gives up.
const MOST_SPOILT: usize = 3;
/// The same where the generator had time to spare: something else on its machine was in the way, and may go.
const MOST_DISTURBED: usize = 8;

/// A probe under way.
#[derive(Debug)]
struct Current {
    probe: Probe,
    wanted: Wanted,
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
    guide: Guide,
    current: Option<Current>,
    probes: Vec<ProbeRecord>,
    /// The curve, a point for each probe that tells something.
    points: Vec<LoadPoint>,
    /// Of all probes that the target bore: requests and iterations.
    made: (u64, u64),
    settle: Duration,
    spoilt: usize,
    /// When the last probe ended that told something.
    told_at: Duration,
    is_over: bool,
}

impl<'a> StressLead<'a> {
    pub(super) fn new(plan: &'a Plan, settings: &'a StressSettings, printer: &'a Printer) -> Self {
        Self {
            plan,
            settings,
            printer,
            guide: Guide::new(settings),
            current: None,
            probes: Vec::new(),
            points: Vec::new(),
            made: (0, 0),
            settle: SHORTEST_SETTLE,
            spoilt: 0,
            told_at: Duration::ZERO,
            is_over: false,
        }
    }

    /// What was found. Before the end of the search it is as far as it came.
    pub(super) fn finding(self) -> StressFinding {
        let per_iteration = self.requests_per_iteration();
        let state = if self.is_over { StressState::Completed } else { StressState::Error };
        let points = by_load(self.points);
        StressFinding {
            knee: (points.len() > 1).then(|| knee(&points)),
            // What bootstraps needed is in the run's own slices.
            curve: points
                .into_iter()
                .map(|point| LoadPoint { slices: Vec::new(), ..point })
                .collect(),
            probes: self.probes,
            state,
            requests_per_iteration: per_iteration,
            ..self.guide.finding(self.settings, per_iteration)
        }
    }

    fn requests_per_iteration(&self) -> f64 {
        let (requests, iterations) = self.made;
        if iterations == 0 { 1.0 } else { requests as f64 / iterations as f64 }
    }

    /// Takes the probe that has ended to the guide, and says its line.
    fn conclude(&mut self, current: &Current, seen: &Seen<'_>) {
        let end = current.cut_at.unwrap_or(current.probe.end()).min(seen.now);
        let limit = self.settings.objective.as_ref().map(|objective| objective.limit);
        let measured = measure::measured(seen, &current.probe, end, limit);
        let mut record = measured.record(current.number, current.wanted.purpose, &current.probe);
        self.count(&measured);
        let per_iteration = self.requests_per_iteration();
        record.offered_per_s = match current.probe.load {
            ProbeLoad::PerSecond(per_s) => per_s * per_iteration,
            ProbeLoad::Users(_) => record.achieved_per_s,
        };
        if matches!(
            current.wanted.purpose,
            ProbePurpose::Search | ProbePurpose::Sweep | ProbePurpose::Hold
        ) && measured.iterations.planned > 0
        {
            self.points.push(measured.load_point(&current.probe, record.offered_per_s));
        }
        self.judge(&measured, &mut record, current, seen.now);
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
    fn judge(
        &mut self,
        measured: &Measured,
        record: &mut ProbeRecord,
        current: &Current,
        now: Duration,
    ) {
        if measured.iterations.planned == 0 {
            // A stop was called before anything was due.
            record.reason = "cut off before it began".to_owned();
            return;
        }
        if let Some(why) = measure::generator_limit(&measured.validity) {
            self.spoilt += 1;
            let is_own = measure::is_saturated(&measured.validity);
            let most = if is_own { MOST_SPOILT } else { MOST_DISTURBED };
            // The search counts the time of probes that told something; the others may not go on for longer either.
            if self.spoilt >= most || now >= self.settings.max_duration {
                self.guide.give_up(why.clone());
            } else {
                self.guide.repeat(current.wanted.clone());
            }
            record.reason = format!("not counted: {why}");
            return;
        }
        self.spoilt = 0;
        // Since the last one that told something; the search counts rests itself.
        let took = now.saturating_sub(self.told_at + current.wanted.rest);
        self.told_at = now;
        self.guide.conclude(measured, record, took);
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
            start: next_second(earliest),
            // What a canary looks at is how the target begins.
            settle: if wanted.purpose == ProbePurpose::Canary {
                Duration::ZERO
            } else {
                self.settle
            },
            length: whole_seconds(wanted.length).max(SHORTEST_PROBE),
            drain: drain(self.plan),
            settle_phase: SETTLING.to_owned(),
            phase: format!("probe {number}"),
        };
        let scenarios = probe.scenarios(self.plan);
        self.current = Some(Current { probe, wanted, number, cut_at: None });
        scenarios
    }
}

impl Lead for StressLead<'_> {
    fn next_leg(&mut self, seen: &Seen<'_>) -> Vec<Scenario> {
        if let Some(current) = self.current.take() {
            self.conclude(&current, seen);
        }
        match self.guide.next() {
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
        if current.wanted.purpose != ProbePurpose::Search || so_far >= current.probe.end() {
            return false;
        }
        let is_enough = self.guide.has_seen_enough(&current.probe, seen.totals, so_far);
        if is_enough {
            // What was due since the last whole second counts too.
            current.cut_at = Some(seen.now);
        }
        is_enough
    }

    fn probes(&self) -> &[ProbeRecord] {
        &self.probes
    }
}

/// One point a load: probes at the same load are one longer probe, weighed by its seconds.
fn by_load(points: Vec<LoadPoint>) -> Vec<LoadPoint> {
    let mut merged: Vec<(LoadPoint, f64)> = Vec::new();
    for point in points {
        let weight = point.slices.len().max(1) as f64;
        let is_same = |other: &LoadPoint| {
            other.users == point.users
                && (other.offered_per_s - point.offered_per_s).abs() < 0.005 * point.offered_per_s
        };
        match merged.iter_mut().find(|(other, _)| is_same(other)) {
            Some((other, seconds)) => {
                let share = weight / (*seconds + weight);
                let mix = |a: f64, b: f64| a + (b - a) * share;
                other.goodput_per_s = mix(other.goodput_per_s, point.goodput_per_s);
                other.error_ratio = mix(other.error_ratio, point.error_ratio);
                other.mean_in_flight = mix(other.mean_in_flight, point.mean_in_flight);
                let mean =
                    mix(other.response_mean.as_secs_f64(), point.response_mean.as_secs_f64());
                other.response_mean = Duration::from_secs_f64(mean.max(0.0));
                // Percentiles are not averaged: those of the worse probe stand.
                other.response_p50 = other.response_p50.max(point.response_p50);
                other.response_p99 = other.response_p99.max(point.response_p99);
                other.slices.extend(point.slices);
                *seconds += weight;
            }
            None => merged.push((point, weight)),
        }
    }
    merged.into_iter().map(|(point, _)| point).collect()
}

/// Three times the slowest percent: what a load needs to show itself.
fn settle_for(measured: &Measured) -> Duration {
    if measured.error_ratio() > 0.01 {
        return SHORTEST_SETTLE;
    }
    let p99 = measured.requests.response_time.quantile(crate::metric::Quantile::P99);
    whole_seconds(p99.unwrap_or_default() * 3).min(LONGEST_SETTLE)
}
