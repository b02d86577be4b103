//! What was asked for: pure data, fully validated before any load.
//!
//! A [`Plan`] is immutable. It is made in two steps: every source (command line and environment, script, defaults) says
//! what it wants as a [`layers::Wishes`], and [`resolve::resolve`] lays them over each other and checks the whole,
//! returning every problem at once. This room does not know how anything runs. It sits between those who ask (the command
//! line, scripts, the control API) and those who do (pacing, the engine).

mod confine;
pub mod course;
mod describe;
pub mod error;
pub mod executor;
mod http;
pub mod lay;
pub mod layers;
mod load;
pub mod probe;
mod profile;
pub mod resolve;
mod scenario;
pub mod scrape;
mod share;
pub mod step_name;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use confine::{Confinement, Excess, MostLoad};
pub use error::PlanError;
pub use executor::{Arrival, Executor, Stage};
pub use load::MAX_VUS;
pub use probe::{Probe, ProbeLoad};
pub use resolve::{ResolveContext, resolve};
pub use scrape::ScrapeSource;
pub(crate) use share::largest_remainder;
pub use step_name::step_name;

use crate::metric::threshold::Threshold;
use crate::reach::Reach;

/// What kind of test a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestType {
    /// One load, as the plan says.
    Load,
    /// A search for the breaking point.
    Stress,
    /// Endpoints one by one.
    Benchmark,
    /// A long run that looks for slow change.
    Soak,
}

/// What is to be run. Serialised into the record of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The run's name; the script's file stem or the URL unless one was given.
    pub name: String,
    /// The kind of test.
    pub test_type: TestType,
    /// The script's path as it was given; `None` for a plain URL.
    pub script: Option<PathBuf>,
    /// The base of relative URLs, without user and password.
    pub target: Option<String>,
    /// The kinds of user, each with its own load.
    pub scenarios: Vec<Scenario>,
    /// Pass or fail rules.
    pub thresholds: Vec<Threshold>,
    /// How requests are made.
    pub http: HttpSettings,
    /// Seed of every random choice.
    pub seed: u64,
    /// Tags of the run, for the history.
    pub tags: BTreeMap<String, String>,
    /// Worker threads; at least 1.
    pub threads: usize,
    /// Whether the first script error ends the run.
    pub abort_on_script_error: bool,
    /// Pages of metrics that are fetched each second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrape: Vec<ScrapeSource>,
}

impl Plan {
    /// From the start to the planned end, graceful stops not included; `None` when only iterations bound a scenario.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.scenarios
            .iter()
            .map(|s| s.executor.duration().map(|d| s.start_time + d))
            .try_fold(Duration::ZERO, |longest, d| d.map(|d| longest.max(d)))
    }

    /// The most virtual users that can be alive at once.
    #[must_use]
    pub fn max_vus(&self) -> u64 {
        self.scenarios.iter().map(|s| s.executor.max_vus()).sum()
    }

    /// The sum of the highest rates of all scenarios, in arrivals a second, as if all had theirs at once; 0 where none has a
    /// rate.
    #[must_use]
    pub fn peak_per_s(&self) -> f64 {
        self.scenarios.iter().map(|s| s.executor.peak_per_s()).sum()
    }
}

/// One kind of user and its load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name; `default` when the script has only one.
    pub name: String,
    /// The share of a common load it was given; 1 when it has its own.
    pub weight: f64,
    /// The tasks among which each iteration picks one. Never empty; every weight is above 0.
    pub tasks: Vec<Task>,
    /// Script function run once for each virtual user before its first task.
    pub on_start: Option<String>,
    /// Script function run once for each virtual user after its last task.
    pub on_stop: Option<String>,
    /// Pause between iterations of one user in closed models.
    pub think_time: ThinkTime,
    /// When iterations start.
    pub executor: Executor,
    /// When the scenario begins, from the start of the run.
    pub start_time: Duration,
    /// How long running iterations may go on after the end.
    pub graceful_stop: Duration,
    /// Named spans of the scenario, from its own start, contiguous; at least one. The last one also takes what comes later.
    pub phases: Vec<PhaseSpan>,
    /// Tags for every sample of the scenario.
    pub tags: BTreeMap<String, String>,
}

/// A weighted choice of what an iteration does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The script function, called with the user.
    pub function: String,
    /// Above 0 and finite.
    pub weight: f64,
}

/// A named span of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseSpan {
    /// Its name, unique within the scenario.
    pub name: String,
    /// From the scenario's start.
    pub start: Duration,
    /// Where the next one begins. Equal to `start` when its length is not known before the run (iterations).
    pub end: Duration,
}

/// The pause between two iterations of one virtual user.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkTime {
    /// None.
    #[default]
    None,
    /// Always the same.
    Constant(Duration),
    /// Uniform between two bounds, both included.
    Between(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// Iterations begin at this interval; a longer iteration is followed at once.
    Pacing(Duration),
}

/// Which HTTP versions may be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpVersion {
    /// HTTP/2 where TLS negotiates it, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; without TLS by prior knowledge.
    Http2,
}

/// How requests are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpSettings {
    /// The transport: `direct`, `reqwest`, or `auto`, which is `direct` for `http` addresses and `reqwest` for `https` ones.
    /// With HTTP/1.1 only it is `direct` for all, and with HTTP/2 only or a proxy `reqwest`.
    pub transport: String,
    /// The version policy.
    pub version: HttpVersion,
    /// Total time of one request.
    pub timeout: Duration,
    /// Time to a connection.
    pub connect_timeout: Duration,
    /// Do not verify certificates. Shown in every report.
    pub insecure: bool,
    /// Trust only the certificates of this PEM file.
    pub ca_file: Option<PathBuf>,
    /// Headers of every request, in order.
    pub headers: Vec<(String, String)>,
    /// Redirects followed for one request.
    pub max_redirects: u32,
    /// Bytes of a decoded body that a script can see; the rest is read, counted and thrown away.
    pub max_body_bytes: u64,
    /// Fold numeric and UUID path segments to `{id}` in step names.
    pub fold_ids: bool,
    /// Proxy URL; none unless asked for.
    pub proxy: Option<String>,
    /// Open a new connection for each request.
    pub no_connection_reuse: bool,
    /// The hosts that may be connected to; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            transport: "auto".to_owned(),
            version: HttpVersion::Auto,
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            insecure: false,
            ca_file: None,
            headers: Vec::new(),
            max_redirects: 10,
            max_body_bytes: 8 << 20,
            fold_ids: true,
            proxy: None,
            no_connection_reuse: false,
            reach: None,
        }
    }
}
