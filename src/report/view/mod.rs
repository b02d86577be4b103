//! Every figure of a report, computed once. Its JSON is the published record (`docs/run-record.schema.json`).
//!
//! All text in here is clean, secrets are gone, and every number has its unit in its name. Times of distributions are
//! milliseconds, offsets are seconds from the start of the run.

mod build;
mod levels;
mod resources;
mod stress;
pub(super) mod times;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use levels::{LevelSampleView, LevelView};
pub use resources::{MaxLast, MeanMax, ResourceSampleView, ResourceView, ResourcesView};
pub use stress::{BottleneckView, CurvePoint, StressHead, StressView};
pub use times::{AtLeast, TimesView};

pub(super) use build::{rfc3339, word};

use crate::analysis::exposure::Exposure;
use crate::analysis::percentile::Interval as PercentileInterval;
use crate::analysis::validity::Signal;
use crate::metric::MetricKind;
use crate::metric::sink::ErrorSource;
use crate::record::{
    CheckRecord, EndpointRecord, GeneratorFigures, GeneratorInfo, RecoveryFinding, RunEvent,
    RunStatus, SteadinessFinding, Verdict,
};

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct RunView {
    /// Version of this document.
    pub version: u32,
    /// Unique for ever.
    pub run_id: String,
    /// Row in the store; `None` when it was not stored.
    pub id: Option<i64>,
    /// Name.
    pub name: String,
    /// `load`, `stress`, `benchmark` or `soak`.
    pub test_type: String,
    /// How it stands.
    pub status: RunStatus,
    /// The exit code of the command; `None` while it runs or when it died.
    pub exit_code: Option<i32>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// From start to the last sample.
    pub elapsed_s: f64,
    /// The load in a few words.
    pub load: String,
    /// The base of relative URLs.
    pub target: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What was asked for.
    pub plan: Value,
    /// Whether the numbers can be trusted; `None` until that is judged.
    pub validity: Option<ValidityView>,
    /// Each step.
    pub steps: Vec<StepView>,
    /// Each phase.
    pub phases: Vec<PhaseView>,
    /// Each check.
    pub checks: Vec<CheckRecord>,
    /// Each threshold.
    pub thresholds: Vec<ThresholdView>,
    /// Errors, most frequent first.
    pub errors: Vec<ErrorView>,
    /// The slowest requests and the first failing ones.
    pub exemplars: Vec<ExemplarView>,
    /// Custom and built-in metrics.
    pub metrics: Vec<MetricView>,
    /// What generator and target used.
    pub resources: ResourcesView,
    /// Sums.
    pub totals: TotalsView,
    /// What made the load.
    pub generator: GeneratorInfo,
    /// How near the generator was to its limits.
    pub generator_figures: GeneratorFigures,
    /// What came after each disturbance of the load.
    pub recoveries: Vec<RecoveryFinding>,
    /// Whether each phase of constant load came to a steady state.
    pub steadiness: Vec<SteadinessFinding>,
    /// What a closed load may not have seen; an estimate.
    pub exposure: Option<Exposure>,
    /// The interval of the 99th percentile of all response times, at 95 %.
    pub p99_interval: Option<PercentileInterval>,
    /// What a search for the breaking point came to; its fields stand beside these, and are missing in other runs.
    #[serde(flatten)]
    pub stress: Option<StressView>,
    /// The endpoints of a benchmark; missing in other runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointRecord>,
    /// What was done to the run while it was under way; missing when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<RunEvent>,
    /// That the load was not the plan's, in words.
    #[serde(skip)]
    pub departure: Option<String>,
    /// Whether any scenario's arrivals do not wait for completions.
    #[serde(skip)]
    pub is_open_model: bool,
    /// Whether certificates were not verified.
    #[serde(skip)]
    pub is_insecure: bool,
}

/// Whether the numbers can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValidityView {
    /// `VALID`, `DEGRADED` or `INVALID`.
    pub verdict: Verdict,
    /// Why not, in words, worst first.
    pub reasons: Vec<String>,
    /// What each reason is about, in the same order.
    pub signals: Vec<SignalView>,
    /// What is good to know and speaks against nothing.
    pub notes: Vec<String>,
}

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SignalView {
    /// How bad it is.
    pub verdict: Verdict,
    /// What it is about.
    pub signal: Signal,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    /// Its name.
    pub name: String,
    /// Tasks in which it was made.
    pub tasks: Vec<String>,
    /// Requests and their times.
    #[serde(flatten)]
    pub requests: RequestsView,
    /// Responses by status; 0 is no response.
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes written.
    pub sent_bytes: u64,
    /// Bytes read.
    pub received_bytes: u64,
}

/// Requests, of a step, a phase or all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct RequestsView {
    /// Requests.
    pub count: u64,
    /// Failed requests.
    pub failed: u64,
    /// Share of failed requests, 0..=1.
    pub error_ratio: f64,
    /// Requests per second; `None` over no time.
    pub rate_per_s: Option<f64>,
    /// Successful requests per second; `None` over no time.
    pub throughput: Option<f64>,
    /// Their times.
    #[serde(flatten)]
    pub times: RequestTimesView,
}

/// First requests on new connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct FirstOnConnectionView {
    /// How many.
    pub count: u64,
    /// Their service time in milliseconds.
    pub http_req_duration: TimesView,
    /// The service time of all others, in milliseconds.
    pub others: TimesView,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseView {
    /// Its name.
    pub name: String,
    /// Its start.
    pub start_s: f64,
    /// Its end.
    pub end_s: f64,
    /// From start to end.
    pub length_s: f64,
    /// Requests intended in it and their times.
    #[serde(flatten)]
    pub requests: RequestsView,
    /// Iterations due in it.
    pub iterations: IterationsView,
    /// Each step in it; empty when the run has only one phase.
    pub steps: Vec<StepView>,
    /// Thresholds of this phase alone that held, and all of them.
    #[serde(skip)]
    pub thresholds: (usize, usize),
}

/// Iterations of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IterationsView {
    /// Came due.
    pub planned: u64,
    /// Began.
    pub started: u64,
    /// Could not begin.
    pub dropped: u64,
    /// Ran to their end.
    pub completed: u64,
    /// Cut off.
    pub interrupted: u64,
    /// Failed by script error or `user.fail`.
    pub failed: u64,
    /// From start to end, in milliseconds.
    pub iteration_duration: TimesView,
    /// From when they were due to their end, in milliseconds.
    pub iteration_response_time: TimesView,
}

/// One threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdView {
    /// As written.
    pub expression: String,
    /// The figure it was compared with; `None` when nothing was observed.
    pub actual: Option<f64>,
    /// Whether it held.
    pub passed: bool,
    /// Whether it ended the run.
    pub aborted: bool,
    /// The figure's name: `p(95)`, `rate`.
    #[serde(skip)]
    pub figure: String,
    /// What the figure counts.
    #[serde(skip)]
    pub unit: FigureUnit,
}

/// What a threshold's figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureUnit {
    /// Milliseconds.
    Milliseconds,
    /// A share, 0..=1.
    Share,
    /// Something per second.
    PerSecond,
    /// A plain number.
    Number,
}

/// One group of errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorGroup {
    /// Where it came from.
    pub source: ErrorSource,
    /// The step for requests, the task otherwise.
    pub name: String,
    /// A short class.
    pub kind: String,
    /// The message.
    pub message: String,
}

/// One group of errors with how often and when it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorView {
    /// The group.
    #[serde(flatten)]
    pub group: ErrorGroup,
    /// Times it was seen.
    pub count: u64,
    /// First seen.
    pub first_s: f64,
    /// Last seen.
    pub last_s: f64,
}

/// One request kept whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExemplarView {
    /// The step.
    pub name: String,
    /// The URL without user, password and query.
    pub url: String,
    /// The task.
    pub task: String,
    /// The virtual user.
    pub vu_id: u64,
    /// When it was sent.
    pub sent_s: f64,
    /// Response time.
    pub response_time_ms: f64,
    /// Service time.
    pub service_time_ms: f64,
    /// The parts of its time, in milliseconds, by k6's names.
    pub times_ms: BTreeMap<&'static str, f64>,
    /// HTTP status; 0 without a response.
    pub status: u16,
    /// Whether it counts as failed.
    pub failed: bool,
    /// What went wrong.
    pub message: String,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricView {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: MetricKind,
    /// Sum, last value, share or mean; `None` when it was no number.
    pub value: Option<f64>,
    /// Smallest value of a gauge.
    pub min: Option<f64>,
    /// Largest value of a gauge.
    pub max: Option<f64>,
    /// True values of a rate.
    pub hits: Option<u64>,
    /// All values of a rate or a trend.
    pub count: Option<u64>,
    /// A trend's distribution, in milliseconds.
    pub distribution: Option<TimesView>,
}

/// Times of a set of requests, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct RequestTimesView {
    /// Requests whose end was not seen: their times are lower bounds.
    pub censored: u64,
    /// Service time.
    pub http_req_duration: TimesView,
    /// Response time.
    pub http_req_response_time: TimesView,
    /// Response time of the requests that did not fail.
    pub http_req_response_time_success: TimesView,
    /// How late the generator was.
    pub schedule_lag: TimesView,
    /// First requests on new connections.
    pub first_on_connection: FirstOnConnectionView,
}

/// Sums.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TotalsView {
    /// Iterations that came due.
    pub planned: u64,
    /// Iterations that began.
    pub started: u64,
    /// Iterations that could not begin.
    pub dropped: u64,
    /// Iterations that ran to their end.
    pub completed: u64,
    /// Iterations cut off.
    pub interrupted: u64,
    /// Iterations that failed.
    pub failed_iterations: u64,
    /// Requests handed to the transport.
    pub sent: u64,
    /// Requests that ended.
    pub requests: u64,
    /// Requests that count as failed.
    pub failed: u64,
    /// Share of failed requests, 0..=1.
    pub error_ratio: f64,
    /// Requests per second; `None` over no time.
    pub rate_per_s: Option<f64>,
    /// Successful requests per second.
    pub throughput: f64,
    /// Times of all steps.
    #[serde(flatten)]
    pub times: RequestTimesView,
    /// Bytes written.
    pub sent_bytes: u64,
    /// Bytes read.
    pub received_bytes: u64,
    /// The most virtual users alive at once.
    pub vus_max: u64,
    /// Samples folded into the overflow series.
    pub overflowed: u64,
    /// Error groups and exemplars that were counted and not kept.
    pub discarded: u64,
}

impl TotalsView {
    /// The requests of all steps.
    #[must_use]
    pub fn all_requests(&self) -> RequestsView {
        RequestsView {
            count: self.requests,
            failed: self.failed,
            error_ratio: self.error_ratio,
            rate_per_s: self.rate_per_s,
            throughput: Some(self.throughput),
            times: self.times,
        }
    }
}
