//! What a run leaves behind: versioned values, the same whether they come from memory or from the store.
//!
//! A [`RunRecord`] is all that reports may know. It does not know where it is stored.

pub mod bench;
pub mod event;
pub mod findings;
#[cfg(test)]
pub(crate) mod fixture;
pub mod redact;
pub mod row;
pub mod run_id;
pub mod stress;
pub mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metric::sink::{ErrorKey, ErrorStats};
use crate::metric::{Exemplar, Histogram, IterationStats, MetricKind, ResourceLevel, Slices};
use crate::plan::{Plan, TestType};

pub use crate::analysis::saturation::Bottleneck;
pub use crate::analysis::validity::{Validity, Verdict};
pub use bench::{EndpointRecord, EndpointRow};
pub use event::{EventKind, RunEvent, departure};
pub use findings::{
    Findings, GeneratorFigures, RecoveryFinding, ScrapeAccount, SourceAccount, SteadinessFinding,
};
pub use redact::redacted;
pub use row::{RunRow, load_label};
pub use run_id::new_run_id;
pub use stress::{
    Breakdown, Capacity, ProbePurpose, ProbeRecord, ProbeVerdict, StressFinding, StressState,
    Sustainable,
};
pub use times::TimesRecord;

/// Version of the record's JSON; raised when a field changes its meaning.
pub const RECORD_VERSION: u32 = 1;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Still going, as far as its last flush tells.
    Running,
    /// Came to its planned end.
    Finished,
    /// Ended early by a threshold, a script error or a stop.
    Aborted,
    /// Ended by a signal or by the death of its process.
    Interrupted,
}

impl RunStatus {
    /// The word used in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Aborted => "aborted",
            Self::Interrupted => "interrupted",
        }
    }

    /// The status of a word that [`RunStatus::as_str`] gave; `None` for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Finished, Self::Aborted, Self::Interrupted]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// Everything that is known about one run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// Row in the store; 0 when it was not stored.
    pub id: i64,
    /// Unique for ever: 26 characters, sortable by time.
    pub run_id: String,
    /// Name.
    pub name: String,
    /// Kind of test.
    pub test_type: TestType,
    /// How it stands.
    pub status: RunStatus,
    /// The exit code of the command; `None` while it runs or when it died.
    pub exit_code: Option<i32>,
    /// Wall time of the start, milliseconds since 1970.
    pub started_at_ms: i64,
    /// From start to the last sample.
    pub elapsed: Duration,
    /// What was asked for.
    pub plan: Plan,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The verdicts on it; empty until it has ended.
    pub findings: Findings,
    /// Each step, in the order of their names.
    pub steps: Vec<StepRecord>,
    /// Each phase, in the order of time.
    pub phases: Vec<PhaseRecord>,
    /// Each check.
    pub checks: Vec<CheckRecord>,
    /// Each threshold with its actual value.
    pub thresholds: Vec<ThresholdRecord>,
    /// Errors, most frequent first.
    pub errors: Vec<(ErrorKey, ErrorStats)>,
    /// The slowest requests and the first failing ones.
    pub exemplars: Vec<Exemplar>,
    /// Custom metrics and k6's built-in ones that are not per step.
    pub metrics: Vec<MetricRecord>,
    /// Resource samples of generator and target.
    pub resources: Vec<ResourceSample>,
    /// How much of each resource was in use, in the order of time.
    pub levels: Vec<LevelSample>,
    /// Sums.
    pub totals: TotalsRecord,
    /// The run second by second; empty for a record that was read from the store.
    pub slices: Slices,
    /// What made the load.
    pub generator: GeneratorInfo,
}

impl RunRecord {
    /// Who carried the requests; what the plan asked for where that was not noted.
    #[must_use]
    pub fn transport(&self) -> &str {
        self.generator.transport.as_deref().unwrap_or(&self.plan.http.transport)
    }
}

/// One step, over the whole run or one phase.
#[derive(Debug, Clone, Default)]
pub struct StepRecord {
    /// The step's name.
    pub name: String,
    /// Tasks in which it was made.
    pub tasks: Vec<String>,
    /// Requests.
    pub count: u64,
    /// Failed requests.
    pub failed: u64,
    /// Responses by status; 0 is no response.
    pub statuses: BTreeMap<u16, u64>,
    /// How long they took.
    pub times: TimesRecord,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
}

/// One phase over all steps.
#[derive(Debug, Clone, Default)]
pub struct PhaseRecord {
    /// Its name.
    pub name: String,
    /// From the start of the run.
    pub start: Duration,
    /// Its planned end; for the last phase the end of the run.
    pub end: Duration,
    /// Requests intended in it.
    pub count: u64,
    /// Failed requests.
    pub failed: u64,
    /// How long they took.
    pub times: TimesRecord,
    /// Iterations due in it.
    pub iterations: IterationStats,
    /// Each step in it; empty when the run has only one phase, and until a run has ended.
    pub steps: Vec<StepRecord>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Its name.
    pub name: String,
    /// The task that made it.
    pub task: String,
    /// Times it held.
    pub passes: u64,
    /// Times it did not.
    pub fails: u64,
}

/// One threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRecord {
    /// As written: `http_req_duration{task:login}: p(95)<300`.
    pub expression: String,
    /// The figure it was compared with; `None` when nothing was observed.
    pub actual: Option<f64>,
    /// Whether it held; a threshold without data holds, as in k6.
    pub passed: bool,
    /// Whether it ended the run.
    pub aborted: bool,
}

/// One custom or built-in metric over the whole run.
#[derive(Debug, Clone)]
pub struct MetricRecord {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: MetricKind,
    /// Sum of a counter, last value of a gauge, share of a rate, mean of a trend.
    pub value: f64,
    /// Smallest and largest value of a gauge.
    pub range: Option<(f64, f64)>,
    /// True and all values of a rate.
    pub hits: Option<(u64, u64)>,
    /// Distribution of a trend, in milliseconds.
    pub histogram: Option<Histogram>,
    /// Those of its values that are only lower bounds.
    pub bounds: Histogram,
}

/// Sums over the run. `planned = started + dropped`; `sent = requests`, once the run has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TotalsRecord {
    /// Iterations that came due.
    pub planned: u64,
    /// Iterations that began.
    pub started: u64,
    /// Iterations due that could not begin.
    pub dropped: u64,
    /// Iterations that ran to their end.
    pub completed: u64,
    /// Iterations cut off.
    pub interrupted: u64,
    /// Iterations that failed by script error or `user.fail`.
    pub failed_iterations: u64,
    /// Requests handed to the transport.
    pub sent: u64,
    /// Requests that ended: samples.
    pub requests: u64,
    /// Requests that count as failed.
    pub failed: u64,
    /// Successful requests per second.
    pub throughput: f64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
    /// The most virtual users alive at once.
    pub vus_max: u64,
    /// Samples folded into the overflow series.
    pub overflowed: u64,
    /// Error groups and exemplars that were counted and not kept.
    pub discarded: u64,
}

/// Whose resources a sample is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceOwner {
    /// This process.
    Generator,
    /// The system under test.
    Target,
}

pub use crate::metric::resource::ResourceUse;

/// Resources of one owner at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResourceSample {
    /// Whose.
    pub owner: ResourceOwner,
    /// From the start of the run.
    pub at: Duration,
    /// What was in use.
    pub usage: ResourceUse,
}

/// One resource at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelSample {
    /// From the start of the run.
    pub at: Duration,
    /// How much was in use.
    #[serde(flatten)]
    pub level: ResourceLevel,
}

/// What made the load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratorInfo {
    /// rhaid's version.
    pub version: String,
    /// The host's name.
    pub host: String,
    /// Logical cores.
    pub cores: usize,
    /// Kernel and its version.
    pub os: String,
    /// Who carried the requests, `direct` or `reqwest`, where the plan may have left the choice open (`auto` if each address of
    /// a script without a target decides); `None` for runs of before
    /// it was noted.
    #[serde(default)]
    pub transport: Option<String>,
}
