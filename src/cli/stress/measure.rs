//! What one probe showed: the counts and times of its phase, out of everything observed so far.

use std::time::Duration;

use crate::analysis::knee::LoadPoint;
use crate::analysis::search::drift::Outstanding;
use crate::analysis::validity::{Evidence, Signal, Validity, Verdict, judge};
use crate::cli::conduct::Seen;
use crate::metric::resource::ResourceUse;
use crate::metric::sink::ErrorSource;
use crate::metric::{
    GeneratorHealth, Histogram, IterationStats, Quantile, RequestStats, Slice, Totals,
};
use crate::plan::{Probe, ProbeLoad};
use crate::record::{ProbePurpose, ProbeRecord, ProbeVerdict, ResourceOwner};

/// Everything seen of one probe.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// Requests intended in it.
    pub(super) requests: RequestStats,
    /// Iterations due in it.
    pub(super) iterations: IterationStats,
    /// Successful requests slower than the objective.
    pub(super) slow: u64,
    /// How long it was measured.
    pub(super) length: Duration,
    /// How long it was to be measured.
    pub(super) asked: Duration,
    /// Its whole seconds.
    pub(super) slices: Vec<Slice>,
    /// Iterations that waited for a user at the end of each of these seconds.
    pub(super) backlog: Vec<u64>,
    /// Work in flight or waiting, second by second.
    pub(super) outstanding: Vec<Outstanding>,
    /// The most frequent failure, in words.
    pub(super) failure: Option<String>,
    /// Whether the generator made this load well.
    pub(super) validity: Validity,
}

/// What was seen of `probe`, whose measured part ended at `end`.
pub(super) fn measured(
    seen: &Seen<'_>,
    probe: &Probe,
    end: Duration,
    limit: Option<Duration>,
    target_is_local: bool,
) -> Measured {
    let phase = [("phase".to_owned(), probe.phase.clone())];
    let requests = seen.totals.select_requests(&phase);
    let mut iterations = iterations(seen.totals, &probe.phase);
    let slices = slices(seen.totals, probe, end);
    if end < probe.end() {
        // What was due between the last whole second and the stop was dropped by the stop, not by the load.
        let before = slices.iter().map(|slice| slice.dropped).sum();
        let at_stop = iterations.dropped.saturating_sub(before);
        iterations.dropped -= at_stop;
        iterations.planned -= at_stop;
    }
    let backlog = backlog(seen.totals, &slices);
    let mut measured = Measured {
        slow: limit.map_or(0, |limit| slower(&requests, limit)),
        length: end.saturating_sub(probe.measured_from()),
        asked: probe.length,
        outstanding: outstanding(seen.totals, probe, end),
        failure: failure(seen.totals, &requests, &iterations, probe),
        requests,
        iterations,
        slices,
        backlog,
        validity: Validity::default(),
    };
    measured.validity = validity(seen, probe, &measured, target_is_local);
    measured
}

fn iterations(totals: &Totals, phase: &str) -> IterationStats {
    let mut merged = IterationStats::default();
    let of_phase = totals.iterations.iter().filter(|(labels, _)| *labels.phase == *phase);
    of_phase.for_each(|(_, stats)| merged.merge(stats));
    merged
}

/// The whole seconds of the measured part.
pub(super) fn slices(totals: &Totals, probe: &Probe, end: Duration) -> Vec<Slice> {
    let slices = totals.slices.as_slice().iter();
    let within = |slice: &&Slice| slice.start >= probe.measured_from() && slice.end() <= end;
    slices.filter(within).cloned().collect()
}

fn backlog(totals: &Totals, slices: &[Slice]) -> Vec<u64> {
    let at = |slice: &Slice| totals.backlog.get(slice.start.as_secs() as usize).copied();
    slices.iter().map(|slice| at(slice).unwrap_or(0)).collect()
}

/// Work in flight or waiting for a user, in the middle of each measured second and of the last one that settled: a short
/// probe has few.
pub(super) fn outstanding(totals: &Totals, probe: &Probe, end: Duration) -> Vec<Outstanding> {
    let from = probe.measured_from().saturating_sub(Duration::from_secs(1)).max(probe.start);
    let within = |slice: &&Slice| slice.start >= from && slice.end() <= end;
    let waiting = |slice: &Slice| totals.backlog.get(slice.start.as_secs() as usize).copied();
    let point = |slice: &Slice| Outstanding {
        at: slice.start + slice.width / 2,
        count: slice.in_flight_mean + waiting(slice).unwrap_or(0) as f64,
    };
    totals.slices.as_slice().iter().filter(within).map(point).collect()
}

/// Successful requests that took longer than `limit`.
fn slower(requests: &RequestStats, limit: Duration) -> u64 {
    let above = |times: &Histogram| {
        let mut count = 0;
        times.for_each(|ns, times| {
            count += if u128::from(ns) > limit.as_nanos() { times } else { 0 }
        });
        count
    };
    above(&requests.response_time).saturating_sub(above(&requests.failed_time))
}

/// The failure that was most frequent: a status, a kind of failure, or iterations that never began.
fn failure(
    totals: &Totals,
    requests: &RequestStats,
    iterations: &IterationStats,
    probe: &Probe,
) -> Option<String> {
    let failed = requests.failed.max(iterations.dropped);
    if failed == 0 {
        return None;
    }
    if iterations.dropped > requests.failed {
        return Some("iterations that found no free user".to_owned());
    }
    let of_phase = totals.requests.iter().filter(|(labels, _)| *labels.phase == *probe.phase);
    let (labels, _) = of_phase.max_by_key(|(_, stats)| stats.failed)?;
    if labels.status > 0 {
        return Some(format!("status {}", labels.status));
    }
    let errors = totals.errors.iter().filter(|(key, _)| key.source == ErrorSource::Request);
    let recent = errors.filter(|(_, stats)| stats.last >= probe.start);
    recent.max_by_key(|(_, stats)| stats.count).map(|(key, _)| key.kind.clone())
}

fn validity(
    seen: &Seen<'_>,
    probe: &Probe,
    measured: &Measured,
    target_is_local: bool,
) -> Validity {
    let Measured { requests, slices, backlog, .. } = measured;
    let (from, until) = (probe.measured_from(), slices.last().map_or(seen.now, Slice::end));
    let within = |at: Duration| at > from && at <= until + Duration::from_secs(1);
    let seconds = seen.machine.iter().filter(|second| within(second.at));
    let health: Vec<GeneratorHealth> = seconds.clone().map(|second| second.health).collect();
    let mut hiccups = Histogram::new();
    seconds.for_each(|second| hiccups.merge(&second.hiccups));
    let resources: Vec<ResourceUse> = seen
        .resources
        .iter()
        .filter(|sample| sample.owner == ResourceOwner::Generator && within(sample.at))
        .map(|sample| sample.usage)
        .collect();
    let busy = seen.totals.busy.between(from, until);
    let is_closed = matches!(probe.load, ProbeLoad::Users(_));
    judge(&Evidence {
        is_closed,
        target_is_local,
        slices,
        backlog,
        worker_busy: &busy,
        schedule_lag: requests.schedule_lag.clone(),
        response_p50: requests.response_time.quantile(Quantile::P50),
        response_p99: requests.response_time.quantile(Quantile::P99),
        hiccups,
        resources: &resources,
        health: &health,
        ..Evidence::default()
    })
}

/// Why the generator and not the target is what a probe shows; `None` when it is the target.
pub(super) fn generator_limit(validity: &Validity) -> Option<String> {
    let limits = |signal: Signal| {
        matches!(
            signal,
            Signal::ScheduleLag
                | Signal::WorkerBusy
                | Signal::Cpu
                | Signal::Ceiling
                | Signal::Throttled
                | Signal::LocalPorts
                | Signal::OpenFiles
        )
    };
    let invalid = validity.reasons.iter().filter(|reason| reason.verdict == Verdict::Invalid);
    invalid.filter(|reason| limits(reason.signal)).map(|reason| reason.message.clone()).next()
}

/// Whether the generator itself had no more to give, and not only its machine no time for it.
pub(super) fn is_saturated(validity: &Validity) -> bool {
    let own = |signal: Signal| {
        matches!(
            signal,
            Signal::WorkerBusy
                | Signal::Cpu
                | Signal::Throttled
                | Signal::LocalPorts
                | Signal::OpenFiles
        )
    };
    validity.reasons.iter().any(|reason| reason.verdict == Verdict::Invalid && own(reason.signal))
}

impl Measured {
    /// Requests that failed, had no answer or were never sent, of all that there should have been, 0..=1.
    pub(super) fn error_ratio(&self) -> f64 {
        self.loss_ratio(self.requests.failed)
    }

    /// The same with those slower than the objective.
    pub(super) fn objective_loss_ratio(&self) -> f64 {
        self.loss_ratio(self.requests.failed + self.slow)
    }

    /// An iteration that never began lost all of its requests; of the others the share of bad requests is lost.
    fn loss_ratio(&self, bad: u64) -> f64 {
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        let begun = 1.0 - share(self.iterations.dropped, self.iterations.planned);
        let lost_ends = self.iterations.interrupted.saturating_sub(self.requests.failed);
        let good = 1.0
            - share((bad + lost_ends).min(self.requests.count.max(1)), self.requests.count.max(1));
        1.0 - begun * good
    }

    /// Requests that there should have been: those that were made, and those of iterations that never began.
    pub(super) fn requests_due(&self) -> u64 {
        let IterationStats { started, dropped, .. } = self.iterations;
        let each = if started == 0 { 1.0 } else { self.requests.count as f64 / started as f64 };
        self.requests.count + (dropped as f64 * each).round() as u64
    }

    /// Successful requests a second: of those that were due, without the work that piled up and was done afterwards.
    pub(super) fn achieved_per_s(&self) -> f64 {
        let ok = self.requests.count.saturating_sub(self.requests.failed);
        let done = ok as f64 / self.length.as_secs_f64().max(1e-9);
        (done - self.pile_up_per_s().max(0.0)).max(0.0)
    }

    /// By how much work in flight grew from the first second to the last, a second.
    fn pile_up_per_s(&self) -> f64 {
        let points = &self.outstanding;
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return 0.0 };
        let span_s = last.at.saturating_sub(first.at).as_secs_f64();
        if span_s > 0.0 { (last.count - first.count) / span_s } else { 0.0 }
    }

    /// This load as a point of the curve that the knee is read from.
    pub(super) fn load_point(&self, probe: &Probe, offered_per_s: f64) -> LoadPoint {
        let times = &self.requests.response_time;
        let users = match probe.load {
            ProbeLoad::Users(users) => Some(users),
            ProbeLoad::PerSecond(_) => None,
        };
        let of_slice = |slice: &Slice| {
            let ok = slice.requests.saturating_sub(slice.failed) as f64;
            (ok / slice.width.as_secs_f64(), slice.in_flight_mean)
        };
        LoadPoint {
            offered_per_s,
            users,
            goodput_per_s: self.achieved_per_s(),
            error_ratio: self.error_ratio(),
            mean_in_flight: self.in_flight_mean(),
            response_mean: times.mean().unwrap_or_default(),
            response_p50: times.supported_quantile(Quantile::P50),
            response_p99: times.supported_quantile(Quantile::P99),
            slices: self.slices.iter().map(of_slice).collect(),
        }
    }

    fn in_flight_mean(&self) -> f64 {
        let sum: f64 = self.slices.iter().map(|slice| slice.in_flight_mean).sum();
        sum / self.slices.len().max(1) as f64
    }

    /// The record of this probe before it is judged.
    pub(super) fn record(
        &self,
        number: usize,
        purpose: ProbePurpose,
        probe: &Probe,
    ) -> ProbeRecord {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let times = &self.requests.response_time;
        let mean = |times: &Histogram| times.mean().map(ms);
        ProbeRecord {
            number,
            purpose,
            load: probe.load,
            offered_per_s: 0.0,
            start_s: probe.measured_from().as_secs_f64(),
            measured_s: self.length.as_secs_f64(),
            planned: self.iterations.planned,
            dropped: self.iterations.dropped,
            requests: self.requests.count,
            failed: self.requests.failed,
            slow: self.slow,
            achieved_per_s: self.achieved_per_s(),
            error_ratio: self.error_ratio(),
            objective_loss_ratio: self.objective_loss_ratio(),
            in_flight_mean: self.in_flight_mean(),
            growth_per_s: None,
            growth_error_per_s: None,
            response_mean_ms: mean(times),
            response_p50_ms: times.supported_quantile(Quantile::P50).map(ms),
            response_p95_ms: times.supported_quantile(Quantile::P95).map(ms),
            response_p99_ms: times.supported_quantile(Quantile::P99).map(ms),
            schedule_lag_p99_ms: self.requests.schedule_lag.quantile(Quantile::P99).map(ms),
            connect_mean_ms: mean(&self.requests.connecting),
            waiting_mean_ms: mean(&self.requests.waiting),
            receiving_mean_ms: mean(&self.requests.receiving),
            failure: self.failure.clone(),
            verdict: ProbeVerdict::NotJudged,
            reason: String::new(),
            validity: self.validity.verdict,
            bounds: (None, None),
        }
    }
}
