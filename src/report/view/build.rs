//! From a record to its view: all arithmetic and all cleaning of reports.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::times::{per_second, ratio, to_ms, to_s};
use super::{
    ErrorGroup, ErrorView, ExemplarView, FigureUnit, FirstOnConnectionView, IterationsView,
    MetricView, PhaseView, RequestTimesView, RequestsView, ResourcesView, RunView, SignalView,
    StepView, StressView, ThresholdView, TimesView, TotalsView, ValidityView,
};
use crate::clock;
use crate::metric::sink::{ErrorKey, ErrorStats};
use crate::metric::{Exemplar, Histogram, IterationStats, MetricKind};
use crate::record::{
    self, CheckRecord, GeneratorInfo, MetricRecord, PhaseRecord, RECORD_VERSION, RecoveryFinding,
    RunEvent, RunRecord, SteadinessFinding, StepRecord, ThresholdRecord, TimesRecord, Validity,
};
use crate::report::bench;
use crate::report::clean::clean;
use crate::units;

impl RunView {
    /// The view of a record.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let thresholds = record.thresholds.iter().map(|rule| threshold(rule, &record.metrics));
        Self {
            version: RECORD_VERSION,
            run_id: clean(&record.run_id),
            id: (record.id != 0).then_some(record.id),
            name: clean(&record.name),
            test_type: word(&record.test_type),
            status: record.status,
            exit_code: record.exit_code,
            started_at: rfc3339(record.started_at_ms),
            elapsed_s: to_s(record.elapsed),
            load: record::load_label(&record.plan),
            target: record.plan.target.as_deref().map(clean),
            tags: record.tags.iter().map(|(k, v)| (clean(k), clean(v))).collect(),
            plan: plan_value(value(&record::redacted(&record.plan))),
            validity: record.findings.validity.as_ref().map(validity),
            steps: record.steps.iter().map(|s| step(s, record.elapsed)).collect(),
            phases: record.phases.iter().map(|found| phase(found, &record.thresholds)).collect(),
            checks: record.checks.iter().map(check).collect(),
            thresholds: thresholds.collect(),
            errors: record.errors.iter().map(error).collect(),
            exemplars: record.exemplars.iter().map(exemplar).collect(),
            metrics: record.metrics.iter().map(metric).collect(),
            resources: ResourcesView::of(record),
            totals: totals(record),
            generator: generator(&record.generator),
            generator_figures: record.findings.generator,
            recoveries: record.findings.recoveries.iter().map(recovery).collect(),
            steadiness: record.findings.steadiness.iter().map(steadiness).collect(),
            exposure: record.findings.exposure,
            p99_interval: record.findings.p99_interval,
            stress: record.findings.stress.as_ref().map(StressView::of),
            endpoints: record.findings.endpoints.iter().map(bench::cleaned).collect(),
            events: record.findings.events.iter().map(event).collect(),
            departure: record::departure(&record.findings.events, to_s(record.elapsed)),
            is_open_model: record.plan.scenarios.iter().any(|s| s.executor.is_open_model()),
            is_insecure: record.plan.http.insecure,
        }
    }
}

fn value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("plain data serialises")
}

/// A plan's JSON with clean text and with durations as a script writes them, `1m30s`.
fn plan_value(plan: Value) -> Value {
    match plan {
        Value::String(text) => Value::String(clean(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(plan_value).collect()),
        Value::Object(fields) => match duration(&fields) {
            Some(duration) => Value::String(units::show_span(duration)),
            None => fields.into_iter().map(|(key, v)| (clean(&key), plan_value(v))).collect(),
        },
        plain => plain,
    }
}

/// The duration that serde writes as seconds and nanoseconds.
fn duration(fields: &Map<String, Value>) -> Option<Duration> {
    let (seconds, nanos) = (fields.get("secs")?.as_u64()?, fields.get("nanos")?.as_u64()?);
    (fields.len() == 2).then(|| Duration::new(seconds, u32::try_from(nanos).unwrap_or(0)))
}

/// The word that an enum without fields serialises to.
pub(in crate::report) fn word<T: Serialize>(variant: &T) -> String {
    value(variant).as_str().unwrap_or_default().to_owned()
}

/// A wall time as RFC 3339 in UTC, `2026-11-21T03:12:46.000Z`.
pub(in crate::report) fn rfc3339(wall_ms: i64) -> String {
    format!("{}.{:03}Z", clock::show_wall_ms(wall_ms).replace(' ', "T"), wall_ms.rem_euclid(1000))
}

fn validity(found: &Validity) -> ValidityView {
    ValidityView {
        verdict: found.verdict,
        reasons: found.reasons.iter().map(|reason| clean(&reason.message)).collect(),
        signals: found
            .reasons
            .iter()
            .map(|reason| SignalView { verdict: reason.verdict, signal: reason.signal })
            .collect(),
        notes: found.notes.iter().map(|note| clean(note)).collect(),
    }
}

fn steadiness(found: &SteadinessFinding) -> SteadinessFinding {
    let mut found = found.clone();
    found.phase = clean(&found.phase);
    found.steadiness.decided_by = clean(&found.steadiness.decided_by);
    found
}

fn recovery(found: &RecoveryFinding) -> RecoveryFinding {
    let mut found = found.clone();
    let texts = [
        &mut found.disturbance,
        &mut found.baseline,
        &mut found.after,
        &mut found.recovery.message,
    ];
    texts.into_iter().for_each(|text| *text = clean(text));
    found
}

fn generator(info: &GeneratorInfo) -> GeneratorInfo {
    GeneratorInfo {
        version: clean(&info.version),
        host: clean(&info.host),
        cores: info.cores,
        os: clean(&info.os),
        transport: info.transport.as_deref().map(clean),
    }
}

fn requests((count, failed): (u64, u64), time: Duration, times: &TimesRecord) -> RequestsView {
    RequestsView {
        count,
        failed,
        error_ratio: ratio(failed, count),
        rate_per_s: per_second(count, time),
        throughput: per_second(count.saturating_sub(failed), time),
        times: request_times(times),
    }
}

fn request_times(times: &TimesRecord) -> RequestTimesView {
    let first = &times.first_on_connection;
    RequestTimesView {
        censored: times.censored_time.count(),
        http_req_duration: TimesView::of_service(times),
        http_req_response_time: TimesView::of_response(times),
        http_req_response_time_success: TimesView::of_successes(times),
        schedule_lag: TimesView::of(&times.schedule_lag),
        first_on_connection: FirstOnConnectionView {
            count: first.count(),
            http_req_duration: TimesView::of(first),
            others: TimesView::of(&times.service_time.minus(first)),
        },
    }
}

fn step(step: &StepRecord, elapsed: Duration) -> StepView {
    let counts = (step.count, step.failed);
    StepView {
        name: clean(&step.name),
        tasks: step.tasks.iter().map(|task| clean(task)).collect(),
        requests: requests(counts, elapsed, &step.times),
        statuses: step.statuses.clone(),
        sent_bytes: step.bytes_sent,
        received_bytes: step.bytes_received,
    }
}

/// Thresholds that select this phase: how many held, and how many there are.
fn phase_thresholds(phase: &str, rules: &[ThresholdRecord]) -> (usize, usize) {
    let selector = format!("phase:{phase}");
    let of_phase = |rule: &&ThresholdRecord| {
        let braces = rule.expression.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        braces.is_some_and(|(inside, _)| inside.split(',').any(|part| part.trim() == selector))
    };
    let held = rules.iter().filter(of_phase).filter(|rule| rule.passed).count();
    (held, rules.iter().filter(of_phase).count())
}

fn phase(phase: &PhaseRecord, rules: &[ThresholdRecord]) -> PhaseView {
    let time = phase.end.saturating_sub(phase.start);
    let counts = (phase.count, phase.failed);
    PhaseView {
        name: clean(&phase.name),
        start_s: to_s(phase.start),
        end_s: to_s(phase.end),
        length_s: to_s(time),
        requests: requests(counts, time, &phase.times),
        iterations: iterations(&phase.iterations),
        steps: phase.steps.iter().map(|found| step(found, time)).collect(),
        thresholds: phase_thresholds(&phase.name, rules),
    }
}

fn iterations(stats: &IterationStats) -> IterationsView {
    IterationsView {
        planned: stats.planned,
        started: stats.started,
        dropped: stats.dropped,
        completed: stats.completed,
        interrupted: stats.interrupted,
        failed: stats.failed,
        iteration_duration: TimesView::of(&stats.duration),
        iteration_response_time: TimesView::of_bounded(&stats.response_time, &stats.censored_time),
    }
}

fn event(event: &RunEvent) -> RunEvent {
    RunEvent { text: clean(&event.text), ..event.clone() }
}

fn check(check: &CheckRecord) -> CheckRecord {
    CheckRecord { name: clean(&check.name), task: clean(&check.task), ..check.clone() }
}

fn threshold(rule: &ThresholdRecord, metrics: &[MetricRecord]) -> ThresholdView {
    let (selected, condition) = rule.expression.rsplit_once(": ").unwrap_or(("", &rule.expression));
    let figure = condition.split(['<', '>', '=', '!']).next().unwrap_or_default().trim();
    let name = selected.split('{').next().unwrap_or_default();
    ThresholdView {
        expression: clean(&rule.expression),
        actual: rule.actual.filter(|actual| actual.is_finite()),
        passed: rule.passed,
        aborted: rule.aborted,
        figure: clean(figure),
        unit: figure_unit(name, figure, metrics),
    }
}

fn figure_unit(metric: &str, figure: &str, metrics: &[MetricRecord]) -> FigureUnit {
    let kind = metrics.iter().find(|m| m.name == metric).map(|m| m.kind);
    match figure {
        "count" | "value" | "" => FigureUnit::Number,
        "rate" if kind == Some(MetricKind::Rate) => FigureUnit::Share,
        "rate" if matches!(metric, "http_req_failed" | "checks") => FigureUnit::Share,
        "rate" => FigureUnit::PerSecond,
        _ => FigureUnit::Milliseconds,
    }
}

fn error((key, stats): &(ErrorKey, ErrorStats)) -> ErrorView {
    ErrorView {
        group: ErrorGroup {
            source: key.source,
            name: clean(&key.name),
            kind: clean(&key.kind),
            message: clean(&key.message),
        },
        count: stats.count,
        first_s: to_s(stats.first),
        last_s: to_s(stats.last),
    }
}

fn exemplar(exemplar: &Exemplar) -> ExemplarView {
    let times = &exemplar.times;
    let times_ms = [
        ("blocked", times.blocked),
        ("dns", times.dns),
        ("connecting", times.connecting),
        ("tls_handshaking", times.tls_handshaking),
        ("sending", times.sending),
        ("waiting", times.waiting),
        ("receiving", times.receiving),
    ];
    ExemplarView {
        name: clean(&exemplar.name),
        url: clean(&exemplar.url),
        task: clean(&exemplar.task),
        vu_id: exemplar.vu_id,
        sent_s: to_s(exemplar.sent),
        response_time_ms: to_ms(exemplar.response_time),
        service_time_ms: to_ms(exemplar.service_time),
        times_ms: BTreeMap::from(times_ms.map(|(part, time)| (part, to_ms(time)))),
        status: exemplar.status,
        failed: exemplar.failed,
        message: clean(&exemplar.message),
    }
}

fn metric(metric: &MetricRecord) -> MetricView {
    let hits = metric.hits;
    MetricView {
        name: clean(&metric.name),
        kind: metric.kind,
        value: metric.value.is_finite().then_some(metric.value),
        min: metric.range.map(|(min, _)| min),
        max: metric.range.map(|(_, max)| max),
        hits: hits.map(|(hits, _)| hits),
        count: hits.map(|(_, all)| all).or(metric.histogram.as_ref().map(Histogram::count)),
        distribution: metric
            .histogram
            .as_ref()
            .map(|histogram| TimesView::of_bounded(histogram, &metric.bounds)),
    }
}

fn totals(record: &RunRecord) -> TotalsView {
    let mut times = TimesRecord::default();
    record.steps.iter().for_each(|step| times.merge(&step.times));
    let totals = &record.totals;
    TotalsView {
        planned: totals.planned,
        started: totals.started,
        dropped: totals.dropped,
        completed: totals.completed,
        interrupted: totals.interrupted,
        failed_iterations: totals.failed_iterations,
        sent: totals.sent,
        requests: totals.requests,
        failed: totals.failed,
        error_ratio: ratio(totals.failed, totals.requests),
        rate_per_s: per_second(totals.requests, record.elapsed),
        throughput: totals.throughput,
        times: request_times(&times),
        sent_bytes: totals.bytes_sent,
        received_bytes: totals.bytes_received,
        vus_max: totals.vus_max,
        overflowed: totals.overflowed,
        discarded: totals.discarded,
    }
}
