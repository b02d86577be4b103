//! Leads a benchmark: a leg for each task, a line for each endpoint that was measured.

use std::collections::VecDeque;
use std::time::Duration;

use super::measure::{self, Counted, Course, Leg, half_width_ratio};
use super::settings::BenchSettings;
use crate::analysis::validity::{Reason, Signal, Validity};
use crate::cli::conduct::{Lead, Seen};
use crate::cli::leg::{drain, next_second};
use crate::cli::printer::Printer;
use crate::plan::{Arrival, Plan, Probe, ProbeLoad, Scenario, Task};
use crate::record::EndpointRecord;
use crate::report::endpoint_line;

/// Between the decision for a leg and its start: sessions are built meanwhile.
const LEAD_TIME: Duration = Duration::from_millis(200);
/// An interval of fewer seconds says little about how alike the seconds are.
const SHORTEST_PRECISE: Duration = Duration::from_secs(5);
/// The phase of everything before an endpoint is measured.
const WARMING: &str = "warming";

/// A leg under way.
#[derive(Debug)]
struct Current {
    leg: Leg,
    course: Course,
    /// When it had shown enough.
    cut_at: Option<Duration>,
    /// Whether it had shown enough at the last look.
    was_precise: bool,
}

/// Leads task by task.
#[derive(Debug)]
pub(super) struct BenchLead<'a> {
    plan: &'a Plan,
    settings: &'a BenchSettings,
    printer: &'a Printer,
    waiting: VecDeque<(Scenario, Task)>,
    begun: usize,
    current: Option<Current>,
    endpoints: Vec<EndpointRecord>,
    verdicts: Vec<Validity>,
}

impl<'a> BenchLead<'a> {
    pub(super) fn new(plan: &'a Plan, settings: &'a BenchSettings, printer: &'a Printer) -> Self {
        let tasks = |scenario: &'a Scenario| {
            scenario.tasks.iter().map(move |task| (scenario.clone(), task.clone()))
        };
        Self {
            plan,
            settings,
            printer,
            waiting: plan.scenarios.iter().flat_map(tasks).collect(),
            begun: 0,
            current: None,
            endpoints: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    /// What was measured, and whether it can be trusted. Of a benchmark that was cut off it is what had been measured whole.
    pub(super) fn finding(self) -> (Vec<EndpointRecord>, Validity) {
        (self.endpoints, together(&self.verdicts))
    }

    fn begin(&mut self, (scenario, task): (Scenario, Task), seen: &Seen<'_>) -> Vec<Scenario> {
        self.begun += 1;
        let probe = Probe {
            load: ProbeLoad::Users(self.settings.vus),
            arrival: Arrival::Constant,
            max_vus: None,
            start: next_second(seen.now + LEAD_TIME),
            settle: self.settings.warm_up,
            length: self.settings.length,
            drain: drain(self.plan),
            settle_phase: WARMING.to_owned(),
            phase: format!("bench {}", self.begun),
        };
        let scenarios = vec![probe.of_task(&scenario, &task)];
        let leg = Leg { probe, scenario, task, before: Counted::of(seen.totals) };
        self.current =
            Some(Current { leg, course: Course::default(), cut_at: None, was_precise: false });
        scenarios
    }

    /// Makes the records of a leg that has ended, and says their lines.
    fn conclude(&mut self, mut current: Current, seen: &Seen<'_>) {
        let leg = &current.leg;
        let planned_end = leg.probe.end();
        let task = &leg.task.function;
        if current.cut_at.is_none() && seen.now < planned_end {
            self.printer.warning(&format!("the task {task} was cut off and is not counted"));
            return;
        }
        let end = current.cut_at.unwrap_or(planned_end);
        let steps = leg.by_step(seen.totals);
        current.course.look_at_rest(&steps);
        if steps.is_empty() {
            self.printer.warning(&format!("the task {task} requested nothing"));
            return;
        }
        let validity = measure::validity(seen, leg, &steps, end);
        for (step, stats) in &steps {
            let mut record = measure::endpoint(leg, &current.course, (step, stats), end);
            record.vus = self.settings.vus;
            record.validity = validity.verdict;
            record.name = self.free_name(&record);
            self.judge_precision(&mut record);
            self.printer.data(endpoint_line(&record) + "\n");
            self.endpoints.push(record);
        }
        self.verdicts.push(validity);
    }

    /// The step's name, unless another task has made a step of this name: a name in the history means one thing.
    fn free_name(&self, record: &EndpointRecord) -> String {
        let EndpointRecord { name, task, scenario, .. } = record;
        let is_free = |name: &String| self.endpoints.iter().all(|known| known.name != *name);
        let names = [name.clone(), format!("{name} ({task})")];
        let found = names.into_iter().find(is_free);
        found.unwrap_or_else(|| format!("{name} ({task}, {scenario})"))
    }

    fn judge_precision(&self, record: &mut EndpointRecord) {
        let Some(precision) = self.settings.precision else { return };
        let ratio = record.p99_interval.as_ref().and_then(half_width_ratio);
        let is_precise = ratio.is_some_and(|ratio| ratio <= precision);
        record.is_precise = Some(is_precise);
        if !is_precise {
            let EndpointRecord { name, measured_s, .. } = record;
            let known = match ratio {
                Some(ratio) => format!("is known to within {:.0} % only", 100.0 * ratio),
                None => "has no upper bound yet".to_owned(),
            };
            self.printer.talk(&format!(
                "{name}: its p99 {known} after {measured_s:.0} s; a longer --duration tells more"
            ));
        }
    }
}

impl Lead for BenchLead<'_> {
    fn next_leg(&mut self, seen: &Seen<'_>) -> Vec<Scenario> {
        if let Some(current) = self.current.take() {
            self.conclude(current, seen);
        }
        match self.waiting.pop_front() {
            Some(next) => self.begin(next, seen),
            None => Vec::new(),
        }
    }

    fn has_seen_enough(&mut self, seen: &Seen<'_>) -> bool {
        let Some(Current { leg, course, cut_at, was_precise }) = &mut self.current else {
            return false;
        };
        if seen.now >= leg.probe.end() {
            return false;
        }
        course.look(&leg.by_step(seen.totals));
        let Some(precision) = self.settings.precision else { return false };
        let is_long_enough = seen.now >= leg.probe.measured_from() + SHORTEST_PRECISE;
        let is_precise = is_long_enough && course.is_precise(precision);
        // Twice, since the interval of a few seconds more may be wider again: how much samples depend on each other is itself
        // an estimate.
        let is_enough = std::mem::replace(was_precise, is_precise) && is_precise;
        if is_enough {
            *cut_at = Some(seen.now);
        }
        is_enough
    }
}

/// The verdict on all legs: of each signal the worst reason, with how many tasks it is about.
fn together(verdicts: &[Validity]) -> Validity {
    let all = || verdicts.iter().flat_map(|validity| &validity.reasons);
    let mut signals: Vec<Signal> = all().map(|reason| reason.signal).collect();
    signals.sort();
    signals.dedup();
    let worst = |signal: Signal| {
        let of_signal = || all().filter(move |reason| reason.signal == signal);
        let worst = of_signal().max_by_key(|reason| reason.verdict)?;
        let (tasks, of) = (of_signal().count(), verdicts.len());
        let message = format!("in {tasks} of {of} tasks, at worst: {}", worst.message);
        Some(Reason { message: if of == 1 { worst.message.clone() } else { message }, ..*worst })
    };
    let mut reasons: Vec<Reason> = signals.into_iter().filter_map(worst).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    // The same note with other figures is no news.
    let words = |note: &str| note.replace(|c: char| c.is_ascii_digit() || c == '.', "");
    let mut notes: Vec<String> = Vec::new();
    for note in verdicts.iter().flat_map(|validity| &validity.notes) {
        if notes.iter().all(|known| words(known) != words(note)) {
            notes.push(note.clone());
        }
    }
    let verdict = reasons.first().map(|reason| reason.verdict).unwrap_or_default();
    Validity { verdict, reasons, notes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::validity::Verdict;

    fn validity(reasons: &[(Verdict, Signal, &str)], note: &str) -> Validity {
        let reason = |(verdict, signal, message): &(Verdict, Signal, &str)| Reason {
            verdict: *verdict,
            signal: *signal,
            message: (*message).to_owned(),
        };
        Validity {
            verdict: Verdict::Valid,
            reasons: reasons.iter().map(reason).collect(),
            notes: vec![note.to_owned()],
        }
    }

    #[test]
    fn a_benchmark_is_as_good_as_its_worst_leg_and_says_each_thing_once() {
        let found = together(&[
            validity(&[(Verdict::Degraded, Signal::Cpu, "75 %")], "a note of 3 %"),
            validity(&[], "a note of 12.5 %"),
            validity(&[(Verdict::Invalid, Signal::Cpu, "95 %")], "a note of 7 %"),
            validity(&[(Verdict::Degraded, Signal::Steal, "6 %")], "a note of 7 %"),
        ]);
        assert_eq!((found.verdict, found.notes.len()), (Verdict::Invalid, 1));
        let messages: Vec<&str> = found.reasons.iter().map(|r| r.message.as_str()).collect();
        assert_eq!(messages, ["in 2 of 4 tasks, at worst: 95 %", "in 1 of 4 tasks, at worst: 6 %"]);
        assert_eq!(together(&[]).verdict, Verdict::Valid);
    }
}
