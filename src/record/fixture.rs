//! One run, made in code, for the tests of every room that reads records.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    CheckRecord, Findings, GeneratorFigures, GeneratorInfo, LevelSample, MetricRecord, PhaseRecord,
    ResourceOwner, ResourceSample, ResourceUse, RunRecord, RunStatus, StepRecord, ThresholdRecord,
    TotalsRecord, Validity, Verdict,
};
use crate::analysis::validity::{Reason, Signal};
use crate::metric::sink::{ErrorKey, ErrorSource, ErrorStats, RequestTimes};
use crate::metric::threshold::{Aggregation, Comparison, Threshold};
use crate::metric::{Exemplar, Histogram, IterationStats, LevelUnit, MetricKind, ResourceLevel};
use crate::plan::{
    Arrival, Executor, HttpSettings, PhaseSpan, Plan, Scenario, Task, TestType, ThinkTime,
};
use crate::units::Rate;

/// 2026-11-21 03:12:46 UTC.
pub(crate) const STARTED_AT_MS: i64 = 1_795_230_766_000;
/// The busy step.
pub(crate) const LIST: &str = "GET /api/teams";
/// The step that fails now and then.
pub(crate) const PUT: &str = "PUT /api/users/me";

/// A closed plan: 20 users for ten seconds, in two phases.
pub(crate) fn plan() -> Plan {
    let seconds = Duration::from_secs;
    let task = |function: &str, weight| Task { function: function.to_owned(), weight };
    let span = |name: &str, start, end| PhaseSpan {
        name: name.to_owned(),
        start: seconds(start),
        end: seconds(end),
    };
    Plan {
        name: "journey".to_owned(),
        test_type: TestType::Load,
        script: Some("scripts/journey.rhai".into()),
        target: Some("http://127.0.0.1:8117".to_owned()),
        scenarios: vec![Scenario {
            name: "default".to_owned(),
            weight: 1.0,
            tasks: vec![task("list_teams", 3.0), task("update_profile", 1.0)],
            on_start: Some("on_start".to_owned()),
            on_stop: None,
            think_time: ThinkTime::Between(seconds(1), seconds(3)),
            executor: Executor::ConstantVus { vus: 20, duration: seconds(10) },
            start_time: Duration::ZERO,
            graceful_stop: seconds(30),
            phases: vec![span("ramp-up", 0, 5), span("sustained", 5, 10)],
            tags: BTreeMap::new(),
        }],
        thresholds: vec![Threshold {
            metric: "http_req_duration".to_owned(),
            selector: vec![("task".to_owned(), "list_teams".to_owned())],
            aggregation: Aggregation::Percentile(95.0),
            comparison: Comparison::Less,
            bound: 300.0,
            abort_on_fail: false,
            delay_abort: Duration::ZERO,
        }],
        http: HttpSettings::default(),
        seed: 7,
        tags: BTreeMap::from([("build".to_owned(), "abc123".to_owned())]),
        threads: 2,
        abort_on_script_error: false,
        scrape: Vec::new(),
    }
}

/// The same plan with open arrivals.
pub(crate) fn open_plan() -> Plan {
    let mut plan = plan();
    plan.scenarios[0].executor = Executor::ConstantArrivalRate {
        rate: Rate::per_second(200.0).expect("200 is a rate"),
        duration: Duration::from_secs(10),
        arrival: Arrival::Poisson,
        pre_allocated_vus: 10,
        max_vus: 100,
    };
    plan
}

pub(crate) fn generator() -> GeneratorInfo {
    GeneratorInfo {
        version: "0.1.0".to_owned(),
        host: "bench-1".to_owned(),
        cores: 8,
        os: "Linux 6.1".to_owned(),
        transport: Some("reqwest".to_owned()),
    }
}

/// The phase of a second of the run.
pub(crate) fn phase_of(second: u64) -> &'static str {
    if second < 5 { "ramp-up" } else { "sustained" }
}

fn step(name: &str, task: &str, times_us: impl Iterator<Item = u64>) -> StepRecord {
    let mut step = empty_step(name);
    step.tasks.push(task.to_owned());
    for us in times_us {
        step.count += 1;
        step.times.service_time.record(Duration::from_micros(us));
        step.times.response_time.record(Duration::from_micros(us + 137));
        step.bytes_sent += 120;
        step.bytes_received += 900;
    }
    step.statuses = BTreeMap::from([(200, step.count)]);
    step
}

/// Second `second` of a run: 30 requests of [`LIST`], 10 of [`PUT`] of which one fails.
pub(crate) fn steps_in_second(second: u64) -> Vec<StepRecord> {
    let list = step(LIST, "list_teams", (0..30).map(|i| 8_000 + 311 * i + 97 * second));
    let mut put = step(PUT, "update_profile", (0..10).map(|i| 20_000 + 1_733 * i + 41 * second));
    put.failed = 1;
    put.statuses = BTreeMap::from([(200, 9), (503, 1)]);
    vec![list, put]
}

fn empty_step(name: &str) -> StepRecord {
    StepRecord { name: name.to_owned(), ..StepRecord::default() }
}

fn add(total: &mut StepRecord, step: &StepRecord) {
    total.tasks.clone_from(&step.tasks);
    total.count += step.count;
    total.failed += step.failed;
    step.statuses.iter().for_each(|(status, n)| *total.statuses.entry(*status).or_default() += n);
    total.times.merge(&step.times);
    total.bytes_sent += step.bytes_sent;
    total.bytes_received += step.bytes_received;
}

pub(crate) fn totals(seconds: u64) -> TotalsRecord {
    TotalsRecord {
        planned: 42 * seconds,
        started: 40 * seconds,
        dropped: 2 * seconds,
        completed: 40 * seconds - 3,
        interrupted: 3,
        failed_iterations: seconds,
        sent: 40 * seconds,
        requests: 40 * seconds,
        failed: seconds,
        throughput: 39.0,
        bytes_sent: 4_800 * seconds,
        bytes_received: 36_000 * seconds,
        vus_max: 20,
        overflowed: 0,
        discarded: 0,
    }
}

fn iterations(seconds: u64) -> IterationStats {
    let mut stats = IterationStats {
        planned: 42 * seconds,
        started: 40 * seconds,
        dropped: 2 * seconds,
        completed: 40 * seconds,
        ..IterationStats::default()
    };
    for i in 0..40 * seconds {
        stats.duration.record(Duration::from_micros(30_000 + 57 * i));
        stats.response_time.record(Duration::from_micros(30_137 + 57 * i));
    }
    stats
}

/// The phases of the first `seconds`, with their requests and iterations.
pub(crate) fn phases(seconds: u64) -> Vec<PhaseRecord> {
    let phase = |name: &str, start, end, iterated| {
        let mut all = empty_step(name);
        (0..seconds)
            .filter(|second| phase_of(*second) == name)
            .for_each(|second| steps_in_second(second).iter().for_each(|step| add(&mut all, step)));
        PhaseRecord {
            name: name.to_owned(),
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            count: all.count,
            failed: all.failed,
            times: all.times,
            iterations: iterations(iterated),
            steps: Vec::new(),
        }
    };
    let mut phases = vec![phase("ramp-up", 0, 5, seconds.min(5))];
    if seconds > 5 {
        phases.push(phase("sustained", 5, 10, seconds - 5));
    }
    phases
}

pub(crate) fn checks(seconds: u64) -> Vec<CheckRecord> {
    let check = |name: &str, task: &str, passes, fails| CheckRecord {
        name: name.to_owned(),
        task: task.to_owned(),
        passes,
        fails,
    };
    vec![
        check("status is 200", "list_teams", 30 * seconds, 0),
        check("profile saved", "update_profile", 9 * seconds, seconds),
    ]
}

pub(crate) fn errors(seconds: u64) -> Vec<(ErrorKey, ErrorStats)> {
    let key = ErrorKey {
        source: ErrorSource::Request,
        name: PUT.to_owned(),
        kind: "status 503".to_owned(),
        message: "expected a status below 400".to_owned(),
    };
    let stats = ErrorStats {
        count: seconds,
        first: Duration::from_millis(412),
        last: Duration::from_millis(seconds * 1000 - 90),
    };
    vec![(key, stats)]
}

pub(crate) fn thresholds() -> Vec<ThresholdRecord> {
    let rule = |expression: &str, actual, passed| ThresholdRecord {
        expression: expression.to_owned(),
        actual,
        passed,
        aborted: false,
    };
    vec![
        rule("http_req_duration{task:list_teams}: p(95)<300", Some(17.25), true),
        rule("http_req_failed: rate<0.01", Some(0.025), false),
        rule("http_req_duration{task:nobody}: p(95)<300", None, true),
    ]
}

pub(crate) fn metrics(seconds: u64) -> Vec<MetricRecord> {
    let mut trend = Histogram::new();
    (0..20 * seconds).for_each(|i| trend.record(Duration::from_millis(3 + i % 7)));
    let metric = |name: &str, kind, value| MetricRecord {
        name: name.to_owned(),
        kind,
        value,
        range: None,
        hits: None,
        histogram: None,
        bounds: Histogram::new(),
    };
    vec![
        metric("teams_seen", MetricKind::Counter, 12.0 * seconds as f64),
        MetricRecord { range: Some((1.0, 9.0)), ..metric("queue_depth", MetricKind::Gauge, 4.0) },
        MetricRecord { hits: Some((3, 12)), ..metric("cache_hit", MetricKind::Rate, 0.25) },
        MetricRecord { histogram: Some(trend), ..metric("render_time", MetricKind::Trend, 5.9) },
    ]
}

pub(crate) fn resources(second: u64) -> Vec<ResourceSample> {
    let sample = |owner, cpu_percent, memory_mib: u64| ResourceSample {
        owner,
        at: Duration::from_secs(second),
        usage: ResourceUse {
            cpu_percent,
            host_cpu_percent: 12.5,
            memory_bytes: memory_mib << 20,
            open_files: 40,
            connections: 20,
            threads: 4,
        },
    };
    vec![
        sample(ResourceOwner::Generator, 10.0 + second as f64, 48),
        sample(ResourceOwner::Target, 55.0 + second as f64, 90 + second),
    ]
}

/// A CPU that fills up, a pool that is full from the third second on, and what has no bound.
pub(crate) fn levels(second: u64) -> Vec<LevelSample> {
    let figure = |count: u64| count as f64;
    let sample = |resource: &str, unit, used, capacity, saturation| LevelSample {
        at: Duration::from_secs(second),
        level: ResourceLevel { resource: resource.into(), unit, used, capacity, saturation },
    };
    let pool = (second + 5).min(8);
    let waiting = figure(second.saturating_sub(3));
    vec![
        sample("target cpu", LevelUnit::Cores, 0.1 * figure(second), Some(2.0), Some(0.0)),
        sample("target memory", LevelUnit::Bytes, figure((90 + second) << 20), None, None),
        sample("database pool", LevelUnit::Count, figure(pool), Some(8.0), Some(waiting)),
    ]
}

fn exemplars() -> Vec<Exemplar> {
    vec![Exemplar {
        name: PUT.to_owned(),
        url: "http://127.0.0.1:8117/api/users/me".to_owned(),
        task: "update_profile".to_owned(),
        vu_id: 7,
        sent: Duration::from_millis(412),
        response_time: Duration::from_micros(31_137),
        service_time: Duration::from_micros(31_000),
        times: RequestTimes { waiting: Duration::from_micros(30_000), ..RequestTimes::default() },
        status: 503,
        failed: true,
        message: "expected a status below 400".to_owned(),
    }]
}

/// The record of a run of `seconds`, whose every second is [`steps_in_second`].
pub(crate) fn record_of(run_id: &str, seconds: u64) -> RunRecord {
    RunRecord {
        slices: crate::metric::Slices::default(),
        id: 12,
        run_id: run_id.to_owned(),
        name: "journey".to_owned(),
        test_type: TestType::Load,
        status: RunStatus::Finished,
        exit_code: Some(99),
        started_at_ms: STARTED_AT_MS,
        elapsed: Duration::from_secs(seconds),
        plan: plan(),
        tags: plan().tags,
        findings: findings(),
        steps: steps(seconds),
        phases: phases(seconds),
        checks: checks(seconds),
        thresholds: thresholds(),
        errors: errors(seconds),
        exemplars: exemplars(),
        metrics: metrics(seconds),
        resources: (1..=seconds).flat_map(resources).collect(),
        levels: (1..=seconds).flat_map(levels).collect(),
        totals: totals(seconds),
        generator: generator(),
    }
}

fn steps(seconds: u64) -> Vec<StepRecord> {
    let mut totals = vec![empty_step(LIST), empty_step(PUT)];
    for second in 0..seconds {
        for (total, step) in totals.iter_mut().zip(steps_in_second(second)) {
            add(total, &step);
        }
    }
    totals
}

/// The record of a whole run: ten seconds, two steps, two phases, one failed threshold.
pub(crate) fn record() -> RunRecord {
    record_of("01KBFIXTURE000000000000001", 10)
}

fn findings() -> Findings {
    let reason = Reason {
        verdict: Verdict::Degraded,
        signal: Signal::ScheduleLag,
        message: "requests left 12ms late".to_owned(),
    };
    let notes = vec!["the target runs on this machine".to_owned()];
    Findings {
        validity: Some(Validity { verdict: Verdict::Degraded, reasons: vec![reason], notes }),
        generator: GeneratorFigures {
            hiccup_p99_9_ms: Some(0.4),
            hiccup_max_ms: Some(2.5),
            worker_busy_ratio: Some(0.25),
            worker_busy_max_ratio: Some(0.5),
            available_cores: Some(2.0),
            ..GeneratorFigures::default()
        },
        ..Findings::default()
    }
}
