//! What one leg showed: its endpoints second by second, their figures at its end, and whether the generator made it well.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::analysis::percentile::{Interval, interval_of};
use crate::analysis::validity::{Evidence, Validity, judge};
use crate::cli::conduct::Seen;
use crate::cli::leg::LegSeconds;
use crate::metric::window::TimeAccount;
use crate::metric::{Buckets, Estimate, Histogram, Labels, Quantile, RequestStats, Totals};
use crate::plan::{Probe, Scenario, Task};
use crate::record::EndpointRecord;

/// One task under load.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    pub(super) probe: Probe,
    pub(super) scenario: Scenario,
    pub(super) task: Task,
    /// What the run had counted when the leg was ordered.
    pub(super) before: Counted,
}

impl Leg {
    /// Whether requests with these labels were made by the task while it was measured.
    fn counts(&self, labels: &Labels) -> bool {
        *labels.phase == *self.probe.phase
            && *labels.task == *self.task.function
            && *labels.scenario == *self.scenario.name
    }

    /// The requests that count, by step.
    pub(super) fn by_step(&self, totals: &Totals) -> BTreeMap<Arc<str>, RequestStats> {
        let mut steps: BTreeMap<Arc<str>, RequestStats> = BTreeMap::new();
        let counted = totals.requests.iter().filter(|(labels, _)| self.counts(labels));
        counted.for_each(|(labels, stats)| {
            steps.entry(labels.name.clone()).or_default().merge(stats);
        });
        steps
    }
}

/// What the bookkeeping of a run had counted at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    time: TimeAccount,
    iterations: u64,
    sent: u64,
    sampled: u64,
}

impl Counted {
    pub(super) fn of(totals: &Totals) -> Self {
        Self {
            time: totals.time,
            iterations: totals.iterations_total().ended(),
            sent: totals.sent,
            sampled: totals.request_count(),
        }
    }

    /// What was counted since `before`.
    fn since(&self, before: &Self) -> Self {
        let (now, then) = (&self.time, &before.time);
        Self {
            time: TimeAccount {
                in_flight_s: now.in_flight_s - then.in_flight_s,
                transport_s: now.transport_s - then.transport_s,
                iterations_s: now.iterations_s - then.iterations_s,
                pauses_s: now.pauses_s - then.pauses_s,
            },
            iterations: self.iterations - before.iterations,
            sent: self.sent - before.sent,
            sampled: self.sampled - before.sampled,
        }
    }
}

/// The response times of each step of a leg, in the pieces in which they became known: about a second each. An interval
/// needs such pieces, since requests of one moment are alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    steps: BTreeMap<Arc<str>, Pieces>,
}

#[derive(Debug, Clone, Default)]
struct Pieces {
    known: Histogram,
    pieces: Vec<Buckets>,
}

impl Pieces {
    /// Adds what became known since the last time to `piece`, which is the last one from now on.
    fn look(&mut self, stats: &RequestStats, mut piece: Buckets) {
        piece.add(&stats.response_time.minus(&self.known));
        if piece.count() > 0 {
            self.pieces.push(piece);
            self.known = stats.response_time.clone();
        }
    }
}

impl Course {
    /// Takes note of what became known since the last time.
    pub(super) fn look(&mut self, steps: &BTreeMap<Arc<str>, RequestStats>) {
        for (step, stats) in steps {
            self.steps.entry(step.clone()).or_default().look(stats, Buckets::default());
        }
    }

    /// Takes note of what came after the last look. That is less than a second's worth: as a piece of its own it would be
    /// unlike the others and widen the interval, so it belongs to the last piece.
    pub(super) fn look_at_rest(&mut self, steps: &BTreeMap<Arc<str>, RequestStats>) {
        for (step, stats) in steps {
            let pieces = self.steps.entry(step.clone()).or_default();
            let last = pieces.pieces.pop().unwrap_or_default();
            pieces.look(stats, last);
        }
    }

    fn interval(&self, step: &str, q: Quantile) -> Option<Interval> {
        let pieces: Vec<&Buckets> = self.steps.get(step)?.pieces.iter().collect();
        interval_of(&pieces, q)
    }

    /// Whether the 99th percentile of every step is known to within `precision` of itself. False before there is any step.
    pub(super) fn is_precise(&self, precision: f64) -> bool {
        let is_known = |step: &Arc<str>| {
            let interval = self.interval(step, Quantile::P99);
            interval.as_ref().and_then(half_width_ratio).is_some_and(|ratio| ratio <= precision)
        };
        !self.steps.is_empty() && self.steps.keys().all(is_known)
    }
}

/// How far the farther end of an interval is from the value, as a share of the value; `None` when there is no upper end.
pub(super) fn half_width_ratio(interval: &Interval) -> Option<f64> {
    let farthest = (interval.upper_s? - interval.value_s).max(interval.value_s - interval.lower_s);
    (interval.value_s > 0.0).then(|| farthest / interval.value_s)
}

/// The record of one step, measured until `end`, without a verdict on its validity.
pub(super) fn endpoint(
    leg: &Leg,
    course: &Course,
    (step, stats): (&str, &RequestStats),
    end: Duration,
) -> EndpointRecord {
    let measured_s = end.saturating_sub(leg.probe.measured_from()).as_secs_f64();
    let per_s = |count: u64| count as f64 / measured_s.max(1e-9);
    let mut record = EndpointRecord {
        name: step.to_owned(),
        scenario: leg.scenario.name.clone(),
        task: leg.task.function.clone(),
        start_s: leg.probe.measured_from().as_secs_f64(),
        measured_s,
        requests: stats.count,
        failed: stats.failed,
        rate_per_s: per_s(stats.count),
        throughput: per_s(stats.count.saturating_sub(stats.failed)),
        p50_interval: course.interval(step, Quantile::P50),
        p99_interval: course.interval(step, Quantile::P99),
        ..EndpointRecord::default()
    };
    add_times(&mut record, stats);
    record
}

fn add_times(record: &mut EndpointRecord, stats: &RequestStats) {
    // To the microsecond: histograms tell no more.
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let (times, bounds) = (&stats.response_time, &stats.censored_time);
    record.response_min_ms = times.min().map(ms);
    record.response_mean_ms = times.mean().map(ms);
    record.response_max_ms = times.max().map(ms);
    let quantiles = [
        (Quantile::P50, "p50", &mut record.response_p50_ms),
        (Quantile::P90, "p90", &mut record.response_p90_ms),
        (Quantile::P95, "p95", &mut record.response_p95_ms),
        (Quantile::P99, "p99", &mut record.response_p99_ms),
        (Quantile::P99_9, "p99_9", &mut record.response_p99_9_ms),
    ];
    for (q, name, figure) in quantiles {
        match times.estimate(q, bounds) {
            Estimate::NeedsSamples(_) => {}
            Estimate::Exact(time) => *figure = Some(ms(time)),
            Estimate::AtLeast(time) => {
                *figure = Some(ms(time));
                record.at_least.push(name.to_owned());
            }
        }
    }
    if bounds.count() > 0 && bounds.max() >= times.max() {
        record.at_least.push("max".to_owned());
    }
}

/// Whether the generator made a leg well, whose measured part ended at `end`.
pub(super) fn validity(
    seen: &Seen<'_>,
    leg: &Leg,
    steps: &BTreeMap<Arc<str>, RequestStats>,
    end: Duration,
) -> Validity {
    let seconds = LegSeconds::of(seen, leg.probe.measured_from(), end);
    let counted = Counted::of(seen.totals).since(&leg.before);
    let mut all = RequestStats::default();
    steps.values().for_each(|stats| all.merge(stats));
    judge(&Evidence {
        is_closed: true,
        time: counted.time,
        iterations: counted.iterations,
        sent: counted.sent,
        sampled: counted.sampled,
        ..seconds.evidence(&all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` times around 10 ms, spread evenly over 1 ms on both sides.
    fn even(count: u32) -> Histogram {
        let mut times = Histogram::new();
        (0..count).for_each(|i| times.record(Duration::from_micros(u64::from(9_000 + i % 2_000))));
        times
    }

    fn steps(response_time: Histogram) -> BTreeMap<Arc<str>, RequestStats> {
        let stats =
            RequestStats { count: response_time.count(), response_time, ..RequestStats::default() };
        BTreeMap::from([("GET /".into(), stats)])
    }

    #[test]
    fn a_course_becomes_precise_as_requests_come_in() {
        let mut course = Course::default();
        assert!(!course.is_precise(0.9), "there is nothing yet");
        course.look(&steps(even(100)));
        assert!(!course.is_precise(0.9), "too few for a p99");
        let mut all = even(100);
        for _ in 0..9 {
            all.merge(&even(2_000));
            course.look(&steps(all.clone()));
        }
        assert!(course.is_precise(0.05), "{:?}", course.interval("GET /", Quantile::P99));
        assert_eq!(course.steps["GET /"].pieces.len(), 10);
        course.look(&steps(all.clone()));
        assert_eq!(course.steps["GET /"].pieces.len(), 10, "nothing new is no piece");
        all.merge(&even(3));
        course.look_at_rest(&steps(all.clone()));
        assert_eq!(course.steps["GET /"].pieces.len(), 10, "the rest belongs to the last piece");
        assert_eq!(course.steps["GET /"].known.count(), all.count());
    }

    #[test]
    fn one_step_that_is_not_precise_keeps_its_leg_going() {
        let mut course = Course::default();
        let mut both = steps(even(20_000));
        both.insert(
            "GET /rare".into(),
            RequestStats { response_time: even(50), ..RequestStats::default() },
        );
        course.look(&both);
        assert!(!course.is_precise(0.5));
    }

    #[test]
    fn the_farther_end_of_an_interval_counts() {
        let interval = |lower_s, upper_s| Interval {
            lower_s,
            value_s: 0.1,
            upper_s,
            design_effect_ratio: 1.0,
        };
        let ratio = half_width_ratio(&interval(0.08, Some(0.11))).expect("both ends");
        assert!((ratio - 0.2).abs() < 1e-9, "{ratio}");
        assert_eq!(half_width_ratio(&interval(0.08, None)), None);
    }

    #[test]
    fn a_percentile_that_time_outs_may_have_moved_is_a_lower_bound() {
        let mut stats = RequestStats { response_time: even(980), ..RequestStats::default() };
        for _ in 0..20 {
            stats.response_time.record(Duration::from_secs(1));
            stats.censored_time.record(Duration::from_secs(1));
        }
        let mut record = EndpointRecord::default();
        add_times(&mut record, &stats);
        assert_eq!(record.at_least, ["p99", "max"]);
        assert!(record.response_p50_ms.is_some() && record.response_p99_9_ms.is_none());
    }
}
