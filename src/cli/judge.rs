//! The verdicts on a run that has ended: evidence in, findings out.
//!
//! `analysis` judges and knows nothing of plans; here the plan says what was meant, and the record keeps what was found.

use super::conduct::{Conducted, MachineSecond};
use crate::analysis::exposure::{self, Exposure};
use crate::analysis::steady::{self, SteadyLabel};
use crate::analysis::validity::{Evidence, judge};
use crate::analysis::{little, percentile, recovery};
use crate::metric::resource::ResourceUse;
use crate::metric::sink::ErrorSource;
use crate::metric::{FailureKind, GeneratorHealth, Histogram, Quantile, Slice, Totals};
use crate::plan::course;
use crate::record::{
    Findings, GeneratorFigures, RecoveryFinding, ResourceOwner, RunRecord, SteadinessFinding,
    departure,
};

/// Judges a run and puts the findings into its record.
pub(super) fn judge_run(
    conducted: &mut Conducted,
    target_is_local: bool,
    ceiling_per_s: Option<f64>,
) {
    conducted.record.findings = findings(conducted, target_is_local, ceiling_per_s);
}

fn findings(conducted: &Conducted, target_is_local: bool, ceiling_per_s: Option<f64>) -> Findings {
    let Conducted { record, totals, .. } = conducted;
    let all = totals.select_requests(&[]);
    let resources: Vec<ResourceUse> = record
        .resources
        .iter()
        .filter(|sample| sample.owner == ResourceOwner::Generator)
        .map(|sample| sample.usage)
        .collect();
    let executors = || record.plan.scenarios.iter().map(|scenario| &scenario.executor);
    let caps = executors().filter(|executor| executor.is_open_model()).map(|e| e.max_vus());
    let busy = totals.busy.by_worker();
    let health: Vec<GeneratorHealth> = conducted.machine.iter().map(|s| s.health).collect();
    let mut steadiness = steadiness(record, totals.slices.as_slice());
    // What the plan says of the course of the load tells nothing of a load that was another one.
    let departure = departure(&record.findings.events, record.elapsed.as_secs_f64());
    let is_plans = departure.is_none();
    steadiness.retain(|_| is_plans);
    let evidence = Evidence {
        is_closed: !executors().any(|executor| executor.is_open_model()),
        target_is_local,
        user_cap: caps.reduce(|a, b| a + b),
        slices: totals.slices.as_slice(),
        backlog: &totals.backlog,
        worker_busy: &busy,
        schedule_lag: all.schedule_lag.clone(),
        response_p50: all.response_time.quantile(Quantile::P50),
        response_p99: all.response_time.quantile(Quantile::P99),
        hiccups: hiccups(&conducted.machine),
        time: totals.time,
        iterations: totals.iterations_total().ended(),
        sent: totals.sent,
        sampled: totals.request_count(),
        windows_lost: 0,
        local_port_failures: failures(record, FailureKind::LocalPorts),
        local_file_failures: failures(record, FailureKind::LocalFiles),
        resources: &resources,
        health: &health,
        throughput_and_ceiling_per_s: ceiling_per_s.map(|ceiling| {
            (record.totals.requests as f64 / record.elapsed.as_secs_f64().max(1e-9), ceiling)
        }),
        arrival_p_value: None,
        steadiness: steadiness
            .iter()
            .find(|found| found.steadiness.label == SteadyLabel::NeverSteady)
            .map(|found| found.steadiness.label.as_str().to_owned()),
    };
    let mut validity = judge(&evidence);
    validity.notes.extend(departure);
    Findings {
        validity: Some(validity),
        generator: generator_figures(&evidence),
        recoveries: if is_plans {
            recoveries(record, totals.slices.as_slice())
        } else {
            Vec::new()
        },
        exposure: evidence.is_closed.then(|| exposed(totals, &all.response_time)).flatten(),
        p99_interval: percentile::interval(totals.slices.as_slice(), Quantile::P99),
        steadiness,
        stress: None,
        sources: record.findings.sources.clone(),
        events: record.findings.events.clone(),
        endpoints: Vec::new(),
    }
}

/// The course of each phase of constant load that is long enough to tell.
fn steadiness(record: &RunRecord, slices: &[Slice]) -> Vec<SteadinessFinding> {
    let spans = record.plan.scenarios.first().map(course::spans).unwrap_or_default();
    let judge = |span: course::Span| {
        let end = span.range.end.min(record.elapsed);
        let within = |slice: &&Slice| slice.start >= span.range.start && slice.end() <= end;
        let of_span: Vec<Slice> = slices.iter().filter(within).cloned().collect();
        SteadinessFinding { phase: span.name, steadiness: steady::assess(&of_span) }
    };
    let level = spans.into_iter().filter(course::Span::is_level).map(judge);
    level.filter(|found| found.steadiness.label != SteadyLabel::TooShort).collect()
}

/// What a closed load may not have seen: as if each user had sent its requests at the median time between two of them.
fn exposed(totals: &Totals, response_time: &Histogram) -> Option<Exposure> {
    let iteration = totals.iterations_total().duration.quantile(Quantile::P50)?;
    let requests = totals.request_count().checked_div(totals.iterations_total().ended())?.max(1);
    exposure::exposure(response_time, iteration / u32::try_from(requests).ok()?)
}

/// What came after each rise of the load of the first scenario that has one.
fn recoveries(record: &RunRecord, slices: &[Slice]) -> Vec<RecoveryFinding> {
    let mut courses = record.plan.scenarios.iter().map(course::spans);
    let found =
        courses.find_map(|spans| Some(course::disturbances(&spans)).filter(|f| !f.is_empty()));
    let judged = found.into_iter().flatten().filter(|found| found.range.end < record.elapsed);
    judged
        .map(|found| {
            let spans = recovery::Spans {
                baseline: found.baseline.range.clone(),
                disturbance_start: found.range.start,
                disturbance_end: found.range.end,
                observation_end: found.observation_end.min(record.elapsed),
            };
            let settings = recovery::Settings::for_spans(&spans);
            RecoveryFinding {
                recovery: recovery::assess(slices, &spans, &settings),
                disturbance: found.name,
                baseline: found.baseline.name,
                after: found.after,
            }
        })
        .collect()
}

fn generator_figures(evidence: &Evidence) -> GeneratorFigures {
    let health = evidence.health;
    let most = |figure: &dyn Fn(&GeneratorHealth) -> Option<f64>| {
        health.iter().filter_map(figure).reduce(f64::max)
    };
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let mean = |shares: &Vec<f64>| shares.iter().sum::<f64>() / shares.len().max(1) as f64;
    let share = |used: Option<u64>, of: Option<u64>| Some(used? as f64 / of?.max(1) as f64);
    let inside = little::generator_time(&evidence.time, evidence.iterations);
    GeneratorFigures {
        hiccup_p99_9_ms: evidence.hiccups.quantile(Quantile::P99_9).map(ms),
        hiccup_max_ms: evidence.hiccups.max().map(ms),
        worker_busy_ratio: evidence.worker_busy.iter().map(mean).reduce(f64::max),
        worker_busy_max_ratio: evidence.worker_busy.iter().flatten().copied().reduce(f64::max),
        available_cores: health.iter().filter_map(GeneratorHealth::cores).reduce(f64::min),
        throttled_s: health.iter().filter_map(|h| h.throttled_s).reduce(|a, b| a + b),
        steal_ratio: most(&|h| h.steal_ratio),
        open_files_ratio: most(&|h| share(h.open_files, h.max_open_files)),
        local_ports_ratio: most(&|h| share(h.used_ports, h.available_ports)),
        link_ratio: most(&|h| h.link_ratio),
        little_mismatch_ratio: Some(little::closure_gap_ratio(&evidence.time, evidence.sent)),
        generator_time_ratio: inside.map(|inside| inside.ratio),
    }
}

fn hiccups(machine: &[MachineSecond]) -> Histogram {
    let mut all = Histogram::new();
    machine.iter().for_each(|second| all.merge(&second.hiccups));
    all
}

/// Requests that failed for a reason of this machine.
fn failures(record: &RunRecord, kind: FailureKind) -> u64 {
    let kind = kind.to_string();
    let alike = |source, found: &str| source == ErrorSource::Request && *found == kind;
    let errors = record.errors.iter().filter(|(key, _)| alike(key.source, &key.kind));
    errors.map(|(_, stats)| stats.count).sum()
}
