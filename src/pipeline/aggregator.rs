//! Windows in, snapshots and the final record out. The only place where a run's figures are computed while it goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::halves::{self, Halves, Points};
use super::levels::Levels;
use super::output::RunHead;
use super::snapshot::{PhasePoint, Snapshot, StepPoint};
use crate::metric::window::RequestCell;
use crate::metric::{
    CustomSink, Exemplar, Histogram, IterationStats, MetricKind, RequestStats, Totals, Window,
};
use crate::plan::{Executor, Plan, Scenario};
use crate::record::{
    CheckRecord, Findings, LevelSample, MetricRecord, PhaseRecord, ResourceSample, RunRecord,
    RunStatus, SourceAccount, StepRecord, ThresholdRecord, TimesRecord, TotalsRecord,
};

/// Up to this many series every threshold is judged each second; beyond it only those that can end the run.
const JUDGE_ALL_BELOW: usize = 200;

/// Merges what workers hand over.
#[derive(Debug)]
pub struct Aggregator {
    plan: Arc<Plan>,
    totals: Totals,
    phases: Vec<Phase>,
    points: Points,
    /// For those who watch twice a second; `None` when nobody does.
    halves: Option<Halves>,
    resources: Vec<ResourceSample>,
    all_resources: Vec<ResourceSample>,
    levels: Levels,
    workers: BTreeMap<usize, WorkerState>,
    aborting: Vec<bool>,
    seq: u64,
    last_at: Duration,
    /// Phases are added as legs begin: nobody knows when it ends.
    is_in_legs: bool,
}

/// A named span of the run, over all scenarios that have it.
#[derive(Debug, Clone)]
struct Phase {
    name: Arc<str>,
    start: Duration,
    end: Duration,
}

/// The latest gauges of one worker.
#[derive(Debug, Clone, Copy, Default)]
struct WorkerState {
    vus: u64,
    vus_peak: u64,
    in_flight: u64,
    backlog: u64,
}

impl Aggregator {
    /// An aggregator for a run of `plan`.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            phases: phases_of(&plan.scenarios),
            aborting: vec![false; plan.thresholds.len()],
            plan,
            totals: Totals::default(),
            points: Points::new(),
            halves: None,
            resources: Vec::new(),
            all_resources: Vec::new(),
            levels: Levels::default(),
            workers: BTreeMap::new(),
            seq: 0,
            last_at: Duration::ZERO,
            is_in_legs: false,
        }
    }

    /// An aggregator for a run whose scenarios come leg by leg; of `plan` only thresholds count.
    #[must_use]
    pub fn in_legs(plan: Arc<Plan>) -> Self {
        Self { phases: Vec::new(), is_in_legs: true, ..Self::new(plan) }
    }

    /// The same for a run that is watched twice a second.
    #[must_use]
    pub fn with_halves(self) -> Self {
        Self { halves: Some(Halves::default()), ..self }
    }

    /// Takes note of the phase of a leg: its last, as what comes before it only settles.
    pub fn add_leg(&mut self, scenarios: &[Scenario]) {
        self.phases.extend(phases_of(scenarios).into_iter().next_back());
    }

    /// Takes note that what was planned after `at` did not take place.
    pub fn cut_leg(&mut self, at: Duration) {
        self.phases.retain(|phase| phase.start < at);
        self.phases.iter_mut().for_each(|phase| phase.end = phase.end.min(at));
    }

    /// Everything observed so far.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// All resource samples so far.
    #[must_use]
    pub fn all_resources(&self) -> &[ResourceSample] {
        &self.all_resources
    }

    /// Takes in what one worker observed.
    pub fn add(&mut self, window: &Window) {
        let state = WorkerState {
            vus: window.vus,
            vus_peak: window.vus_peak,
            in_flight: window.in_flight,
            backlog: window.backlog,
        };
        self.workers.insert(window.worker_index, state);
        self.totals.add(window);
        let alive = self.workers.values().map(|worker| worker.vus_peak).sum();
        self.totals.vus_max = self.totals.vus_max.max(alive);
        for cell in &window.requests {
            let point = point_of(cell);
            if let Some(halves) = &mut self.halves {
                halves.add(point.clone());
            }
            halves::merge(&mut self.points, point);
        }
    }

    /// Takes in resource samples.
    pub fn add_resources(&mut self, samples: &[ResourceSample]) {
        self.resources.extend_from_slice(samples);
        self.all_resources.extend_from_slice(samples);
    }

    /// Takes in levels of resources, those of one moment after those of the one before.
    pub fn add_levels(&mut self, samples: Vec<LevelSample>) {
        self.levels.add(samples);
    }

    /// Closes the interval that ends at `at`.
    pub fn snapshot(&mut self, at: Duration) -> Snapshot {
        let points = std::mem::take(&mut self.points).into_values().collect();
        let snapshot = Snapshot {
            resources: std::mem::take(&mut self.resources),
            levels: self.levels.take_interval(),
            ..self.view(at, at.saturating_sub(self.last_at), points)
        };
        self.totals.backlog.push(snapshot.backlog);
        if let Some(halves) = &mut self.halves {
            halves.close_second();
        }
        self.seq += 1;
        self.last_at = at;
        snapshot
    }

    /// The second that ends at `at`, half of a whole one; for those who watch, and for no output. Resources are not in it. `None`
    /// when the run is not watched twice a second.
    pub fn half(&mut self, at: Duration) -> Option<Snapshot> {
        let (interval, points) = self.halves.as_mut()?.take(at);
        Some(self.view(at, interval, points))
    }

    fn view(&self, at: Duration, interval: Duration, points: Vec<StepPoint>) -> Snapshot {
        let gauges =
            self.workers.values().fold(WorkerState::default(), |sum, worker| WorkerState {
                vus: sum.vus + worker.vus,
                vus_peak: sum.vus_peak + worker.vus_peak,
                in_flight: sum.in_flight + worker.in_flight,
                backlog: sum.backlog + worker.backlog,
            });
        Snapshot {
            seq: self.seq,
            at,
            interval,
            phase: self.phase_at(at),
            planned_end: (!self.is_in_legs).then(|| self.plan.duration()).flatten(),
            progress: self.progress(at),
            vus: gauges.vus,
            in_flight: gauges.in_flight,
            backlog: gauges.backlog,
            totals: self.totals_record(at),
            points,
            phases: self.phase_points(),
            checks: self.checks(),
            errors: self.errors(),
            thresholds: self.judge(at, self.totals.requests.len() > JUDGE_ALL_BELOW),
            metrics: self.custom_metrics(),
            resources: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// The index of a threshold that must end the run now, remembered for the record.
    pub fn threshold_to_abort(&mut self, at: Duration) -> Option<usize> {
        let crossed = self.plan.thresholds.iter().position(|threshold| {
            threshold.abort_on_fail
                && at >= threshold.delay_abort
                && !threshold.evaluate(&self.totals, at, self.totals.vus_max).passed
        })?;
        self.aborting[crossed] = true;
        Some(crossed)
    }

    /// The whole run. `at` is its end.
    #[must_use]
    pub fn record(&self, head: &RunHead, status: RunStatus, at: Duration) -> RunRecord {
        let exemplars: Vec<Exemplar> =
            self.totals.slowest.iter().chain(&self.totals.failing).cloned().collect();
        RunRecord {
            id: 0,
            run_id: head.run_id.clone(),
            name: head.name.clone(),
            test_type: head.test_type,
            status,
            exit_code: None,
            started_at_ms: head.started_at_ms,
            elapsed: at,
            plan: head.plan.clone(),
            tags: head.tags.clone(),
            findings: Findings {
                sources: SourceAccount {
                    levels_overflowed: self.levels.overflowed(),
                    ..SourceAccount::default()
                },
                ..Findings::default()
            },
            steps: self.steps(None),
            phases: self.phase_records(at),
            checks: self.checks(),
            thresholds: self.judge(at, false),
            errors: self.errors(),
            exemplars,
            metrics: self.all_metrics(at),
            resources: self.all_resources.clone(),
            levels: self.levels.all().to_vec(),
            totals: self.totals_record(at),
            slices: self.totals.slices.clone(),
            generator: head.generator.clone(),
        }
    }

    /// What the record was made of.
    #[must_use]
    pub fn into_totals(self) -> Totals {
        self.totals
    }

    fn phase_at(&self, at: Duration) -> Arc<str> {
        let place = self
            .phases
            .partition_point(|phase| phase.end <= at)
            .min(self.phases.len().saturating_sub(1));
        self.phases.get(place).map_or_else(|| "".into(), |phase| phase.name.clone())
    }

    fn progress(&self, at: Duration) -> Option<f64> {
        if self.is_in_legs {
            return None;
        }
        if let Some(end) = self.plan.duration() {
            return (!end.is_zero()).then(|| (at.as_secs_f64() / end.as_secs_f64()).min(1.0));
        }
        let planned: u64 = self
            .plan
            .scenarios
            .iter()
            .map(|scenario| match &scenario.executor {
                Executor::SharedIterations { iterations, .. } => *iterations,
                Executor::PerVuIterations { vus, iterations, .. } => vus * iterations,
                _ => 0,
            })
            .sum();
        let totals = self.totals.iterations_total();
        let done = totals.completed + totals.failed + totals.interrupted + totals.dropped;
        (planned > 0).then(|| (done as f64 / planned as f64).min(1.0))
    }

    fn totals_record(&self, at: Duration) -> TotalsRecord {
        let iterations = self.totals.iterations_total();
        let (bytes_sent, bytes_received) =
            self.totals.requests.values().fold((0, 0), |(sent, received), s| {
                (sent + s.bytes_sent, received + s.bytes_received)
            });
        TotalsRecord {
            planned: iterations.planned,
            started: iterations.started,
            dropped: iterations.dropped,
            completed: iterations.completed,
            interrupted: iterations.interrupted,
            failed_iterations: iterations.failed,
            sent: self.totals.sent,
            requests: self.totals.request_count(),
            failed: self.totals.failed_count(),
            throughput: self.totals.throughput_per_s(at),
            bytes_sent,
            bytes_received,
            vus_max: self.totals.vus_max,
            overflowed: self.totals.overflowed,
            discarded: self.totals.discarded,
        }
    }

    fn iterations_by_phase(&self) -> BTreeMap<Arc<str>, IterationStats> {
        let mut by_phase: BTreeMap<Arc<str>, IterationStats> = BTreeMap::new();
        for (labels, stats) in &self.totals.iterations {
            by_phase.entry(labels.phase.clone()).or_default().merge(stats);
        }
        by_phase
    }

    fn phase_points(&self) -> Vec<PhasePoint> {
        let mut iterations = self.iterations_by_phase();
        self.phases
            .iter()
            .map(|phase| PhasePoint {
                phase: phase.name.clone(),
                start: phase.start,
                end: phase.end,
                iterations: iterations.remove(&phase.name).unwrap_or_default(),
            })
            .collect()
    }

    fn phase_records(&self, at: Duration) -> Vec<PhaseRecord> {
        let mut requests = self.totals.requests_by(|labels| labels.phase.clone());
        let mut iterations = self.iterations_by_phase();
        let last = self.phases.len().saturating_sub(1);
        let has_several = self.phases.len() > 1;
        let record = |phase: &Phase, end, stats: RequestStats, iterations| PhaseRecord {
            name: phase.name.to_string(),
            start: phase.start,
            end,
            count: stats.count,
            failed: stats.failed,
            times: times_of(&stats),
            iterations,
            steps: if has_several { self.steps(Some(&phase.name)) } else { Vec::new() },
        };
        self.phases
            .iter()
            .enumerate()
            .filter(|(_, phase)| phase.start <= at)
            .map(|(index, phase)| {
                let is_open = index == last && !self.is_in_legs;
                let end = if is_open { at } else { phase.end.min(at) };
                let stats = requests.remove(&phase.name).unwrap_or_default();
                record(phase, end, stats, iterations.remove(&phase.name).unwrap_or_default())
            })
            .collect()
    }

    /// Each step, over the whole run or one phase.
    fn steps(&self, phase: Option<&Arc<str>>) -> Vec<StepRecord> {
        let mut steps: BTreeMap<Arc<str>, StepRecord> = BTreeMap::new();
        let wanted = self
            .totals
            .requests
            .iter()
            .filter(|(labels, _)| phase.is_none_or(|phase| labels.phase == *phase));
        for (labels, stats) in wanted {
            let step = steps.entry(labels.name.clone()).or_insert_with(|| StepRecord {
                name: labels.name.to_string(),
                ..StepRecord::default()
            });
            if !step.tasks.iter().any(|task| **task == *labels.task) {
                step.tasks.push(labels.task.to_string());
            }
            step.count += stats.count;
            step.failed += stats.failed;
            *step.statuses.entry(labels.status).or_default() += stats.count;
            step.times.add(stats);
            step.bytes_sent += stats.bytes_sent;
            step.bytes_received += stats.bytes_received;
        }
        steps.into_values().collect()
    }

    fn checks(&self) -> Vec<CheckRecord> {
        let mut checks: BTreeMap<(Arc<str>, Arc<str>), CheckRecord> = BTreeMap::new();
        for (key, stats) in &self.totals.checks {
            let (task, name) = (key.labels.task.clone(), key.labels.name.clone());
            let check = checks.entry((task.clone(), name.clone())).or_insert_with(|| CheckRecord {
                name: name.to_string(),
                task: task.to_string(),
                passes: 0,
                fails: 0,
            });
            check.passes += stats.passes;
            check.fails += stats.fails;
        }
        checks.into_values().collect()
    }

    fn errors(&self) -> Vec<(crate::metric::sink::ErrorKey, crate::metric::sink::ErrorStats)> {
        let mut errors: Vec<_> =
            self.totals.errors.iter().map(|(key, stats)| (key.clone(), *stats)).collect();
        errors.sort_by_key(|(_, stats)| std::cmp::Reverse(stats.count));
        errors
    }

    fn judge(&self, at: Duration, only_aborting: bool) -> Vec<ThresholdRecord> {
        self.plan
            .thresholds
            .iter()
            .zip(&self.aborting)
            .filter(|(threshold, _)| threshold.abort_on_fail || !only_aborting)
            .map(|(threshold, aborted)| {
                let judgement = threshold.evaluate(&self.totals, at, self.totals.vus_max);
                ThresholdRecord {
                    expression: threshold.to_string(),
                    actual: judgement.actual,
                    passed: judgement.passed,
                    aborted: *aborted,
                }
            })
            .collect()
    }

    fn custom_metrics(&self) -> Vec<MetricRecord> {
        let mut sinks: BTreeMap<Arc<str>, CustomSink> = BTreeMap::new();
        for (key, sink) in &self.totals.customs {
            sinks
                .entry(key.metric.clone())
                .or_insert_with(|| CustomSink::new(sink.kind()))
                .merge(sink);
        }
        sinks.into_iter().map(|(name, sink)| metric_record(&name, sink)).collect()
    }

    /// Custom metrics and k6's built-in ones that are not per step.
    fn all_metrics(&self, at: Duration) -> Vec<MetricRecord> {
        let mut metrics = self.custom_metrics();
        let all = self.totals.select_requests(&[]);
        let mut iterations = self.totals.iterations_total();
        for slice in self.totals.slices.as_slice() {
            // From the end of their second they waited in vain until the end of the run.
            iterations.record_unseen(at.saturating_sub(slice.end()), slice.dropped);
        }
        let trends = [
            ("http_req_blocked", all.blocked, Histogram::new()),
            ("http_req_dns", all.dns, Histogram::new()),
            ("http_req_connecting", all.connecting, Histogram::new()),
            ("http_req_tls_handshaking", all.tls_handshaking, Histogram::new()),
            ("http_req_sending", all.sending, Histogram::new()),
            ("http_req_waiting", all.waiting, Histogram::new()),
            ("http_req_receiving", all.receiving, Histogram::new()),
            ("http_req_duration", all.service_time, Histogram::new()),
            ("http_req_response_time", all.response_time, all.censored_time),
            ("iteration_duration", iterations.duration, Histogram::new()),
            ("iteration_response_time", iterations.response_time, iterations.censored_time),
            ("schedule_lag", all.schedule_lag, Histogram::new()),
        ];
        for (name, histogram, bounds) in trends {
            if histogram.count() > 0 {
                let trend = metric_record(name, CustomSink::Trend(Box::new(histogram)));
                metrics.push(MetricRecord { bounds, ..trend });
            }
        }
        let totals = self.totals_record(at);
        for (name, count) in [
            ("http_reqs", totals.requests),
            ("iterations", totals.completed + totals.failed_iterations),
            ("dropped_iterations", totals.dropped),
            ("data_sent", totals.bytes_sent),
            ("data_received", totals.bytes_received),
        ] {
            metrics.push(metric_record(name, CustomSink::Counter(count as f64)));
        }
        metrics
    }
}

fn times_of(stats: &RequestStats) -> TimesRecord {
    let mut times = TimesRecord::default();
    times.add(stats);
    times
}

fn point_of(cell: &RequestCell) -> StepPoint {
    let RequestCell { labels, second, stats } = cell;
    StepPoint {
        second: *second,
        step: labels.name.clone(),
        phase: labels.phase.clone(),
        tasks: vec![labels.task.clone()],
        count: stats.count,
        failed: stats.failed,
        censored: stats.censored_time.count(),
        statuses: BTreeMap::from([(labels.status, stats.count)]),
        service_time: stats.service_time.clone(),
        response_time: stats.response_time.clone(),
        bytes_sent: stats.bytes_sent,
        bytes_received: stats.bytes_received,
    }
}

fn metric_record(name: &str, sink: CustomSink) -> MetricRecord {
    let record = |kind, value| MetricRecord {
        name: name.to_owned(),
        kind,
        value,
        range: None,
        hits: None,
        histogram: None,
        bounds: Histogram::new(),
    };
    match sink {
        CustomSink::Counter(sum) => record(MetricKind::Counter, sum),
        CustomSink::Gauge(state) => {
            let (now, low, high) = state.unwrap_or_default();
            MetricRecord { range: Some((low, high)), ..record(MetricKind::Gauge, now) }
        }
        CustomSink::Rate(hits, all) => {
            let share = if all == 0 { 0.0 } else { hits as f64 / all as f64 };
            MetricRecord { hits: Some((hits, all)), ..record(MetricKind::Rate, share) }
        }
        CustomSink::Trend(histogram) => {
            let mean = histogram.mean().map_or(0.0, |mean| mean.as_secs_f64() * 1e3);
            MetricRecord { histogram: Some(*histogram), ..record(MetricKind::Trend, mean) }
        }
    }
}

/// The phases of all scenarios by name, in the order of time.
fn phases_of(scenarios: &[Scenario]) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for scenario in scenarios {
        for span in &scenario.phases {
            let (start, end) = (scenario.start_time + span.start, scenario.start_time + span.end);
            match phases.iter_mut().find(|phase| *phase.name == *span.name) {
                Some(known) => {
                    known.start = known.start.min(start);
                    known.end = known.end.max(end);
                }
                None => phases.push(Phase { name: span.name.as_str().into(), start, end }),
            }
        }
    }
    phases.sort_by_key(|phase| (phase.start, phase.end));
    phases
}
