//! The verdicts on a run that has ended, with their evidence.

use serde::{Deserialize, Serialize};

use crate::analysis::exposure::Exposure;
use crate::analysis::percentile::Interval as PercentileInterval;
use crate::analysis::recovery::Recovery;
use crate::analysis::steady::Steadiness;
use crate::analysis::validity::Validity;
use crate::record::{EndpointRecord, RunEvent, StressFinding};

/// What was found out about a run. Nothing of a run that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// Whether the numbers can be trusted; `None` until that is judged.
    pub validity: Option<Validity>,
    /// How near the generator was to its limits.
    pub generator: GeneratorFigures,
    /// What came after each disturbance of the load.
    pub recoveries: Vec<RecoveryFinding>,
    /// Whether each phase of constant load, long enough to tell, came to a steady state.
    pub steadiness: Vec<SteadinessFinding>,
    /// What a closed load may not have seen because it was waiting; an estimate. `None` for open loads.
    pub exposure: Option<Exposure>,
    /// The interval of the 99th percentile of all response times, at 95 %.
    pub p99_interval: Option<PercentileInterval>,
    /// What a search for the breaking point, or a sweep, came to.
    pub stress: Option<StressFinding>,
    /// The endpoints of a benchmark, in the order of time.
    pub endpoints: Vec<EndpointRecord>,
    /// What became of looking at resources.
    pub sources: SourceAccount,
    /// What was done to the run while it was under way, in the order of time.
    pub events: Vec<RunEvent>,
}

/// What became of looking at resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceAccount {
    /// Levels of resources beyond the bound of distinct ones, counted and not kept.
    pub levels_overflowed: u64,
    /// Each page of metrics that was fetched.
    pub scrapes: Vec<ScrapeAccount>,
}

/// What became of fetching one page of metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrapeAccount {
    /// The page, without its query.
    pub url: String,
    /// Times it was fetched and read.
    pub done: u64,
    /// Times it was not.
    pub failed: u64,
    /// Why not, the last time.
    pub last_error: Option<String>,
}

/// The course of one phase of constant load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteadinessFinding {
    /// The phase.
    pub phase: String,
    /// What was found.
    #[serde(flatten)]
    pub steadiness: Steadiness,
}

/// What came after one disturbance of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoveryFinding {
    /// The phase in which the load rose.
    pub disturbance: String,
    /// The phase before it at the same load as after it.
    pub baseline: String,
    /// The phase after it.
    pub after: String,
    /// What was found.
    #[serde(flatten)]
    pub recovery: Recovery,
}

/// How near the generator was to its limits over a run; what the system does not tell is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorFigures {
    /// 99.9th percentile of how long the operating system kept a sleeping thread from running.
    pub hiccup_p99_9_ms: Option<f64>,
    /// The longest of these.
    pub hiccup_max_ms: Option<f64>,
    /// Share of the time in which the busiest worker thread had work, 0..=1.
    pub worker_busy_ratio: Option<f64>,
    /// The same in its worst second.
    pub worker_busy_max_ratio: Option<f64>,
    /// Cores that the process may use, by affinity and quota.
    pub available_cores: Option<f64>,
    /// For how long a CPU quota held the process back.
    pub throttled_s: Option<f64>,
    /// Share of the machine's CPU time that its hypervisor gave to others, 0..=1.
    pub steal_ratio: Option<f64>,
    /// Open files over their limit, 0..=1, at most.
    pub open_files_ratio: Option<f64>,
    /// Local ports towards one destination over those there are, 0..=1, at most.
    pub local_ports_ratio: Option<f64>,
    /// Use of the busiest network link but loopback, 0..=1, at most.
    pub link_ratio: Option<f64>,
    /// By how much the two accounts of the requests' time differ (Little's law), as a share.
    pub little_mismatch_ratio: Option<f64>,
    /// Share of the iterations' time that was neither requests nor pauses, 0..=1.
    pub generator_time_ratio: Option<f64>,
}
