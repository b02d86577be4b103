//! What each source of settings wished for, before they are laid over each other: command line and environment over
//! script over defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::executor::Arrival;
use super::{Confinement, HttpVersion, ScrapeSource, ThinkTime};
use crate::metric::threshold::Threshold;
use crate::units::Rate;

/// A load as somebody wrote it; what is absent comes from the layer below.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadWishes {
    /// k6's executor name, when written out.
    pub executor: Option<String>,
    /// Users.
    pub vus: Option<u64>,
    /// Length.
    pub duration: Option<Duration>,
    /// Iterations: shared by all users, unless `per_vu`.
    pub iterations: Option<u64>,
    /// Iterations are per user.
    pub per_vu: Option<bool>,
    /// Open arrivals per second.
    pub rate: Option<Rate>,
    /// Spacing of open arrivals.
    pub arrival: Option<Arrival>,
    /// Users that may be added in an open model.
    pub max_vus: Option<u64>,
    /// Bound of iteration-counted loads.
    pub max_duration: Option<Duration>,
    /// Phases (or k6 stages); replaces the whole list below.
    pub phases: Option<Vec<PhaseWish>>,
    /// A named profile: `five-phase`.
    pub profile: Option<String>,
    /// Users or rate of the profile's sustained phase.
    pub peak: Option<PeakWish>,
    /// Users or rate of the profile's spike; three times the peak unless given.
    pub spike: Option<PeakWish>,
    /// When the scenario begins.
    pub start_time: Option<Duration>,
    /// Bound of the graceful stop; 30 s unless given.
    pub graceful_stop: Option<Duration>,
}

/// A level of load: users or arrivals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PeakWish {
    /// Users.
    Vus(u64),
    /// Arrivals per second.
    Rate(Rate),
}

/// One phase as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseWish {
    /// Its name, or none for `stage-N`.
    pub name: Option<String>,
    /// Its length.
    pub duration: Duration,
    /// Where it goes: users or arrivals.
    pub to: PeakWish,
    /// At once instead of linearly.
    pub jump: bool,
}

/// One scenario as the script wrote it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScenarioWishes {
    /// Its name.
    pub name: String,
    /// Its share of a common load; 1 unless given.
    pub weight: Option<f64>,
    /// Task functions and weights, in the script's order.
    pub tasks: Vec<(String, f64)>,
    /// Function for a user's start; the script's `on_start` when it has one and this is absent.
    pub on_start: Option<String>,
    /// Function for a user's end.
    pub on_stop: Option<String>,
    /// Pause between iterations.
    pub think_time: Option<ThinkTime>,
    /// Its own load, if it wishes.
    pub load: Option<LoadWishes>,
    /// Tags for its samples.
    pub tags: BTreeMap<String, String>,
}

/// HTTP settings as somebody wrote them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpWishes {
    /// `auto`, `direct` or `reqwest`.
    pub transport: Option<String>,
    /// Version policy.
    pub version: Option<HttpVersion>,
    /// Total time of a request.
    pub timeout: Option<Duration>,
    /// Time to a connection.
    pub connect_timeout: Option<Duration>,
    /// Skip certificate verification.
    pub insecure: Option<bool>,
    /// PEM file of trusted certificates.
    pub ca_file: Option<PathBuf>,
    /// Headers of every request; added to those of the layer below.
    pub headers: Vec<(String, String)>,
    /// Redirects followed.
    pub max_redirects: Option<u32>,
    /// Cap of the kept body.
    pub max_body_bytes: Option<u64>,
    /// Fold ids in step names.
    pub fold_ids: Option<bool>,
    /// Proxy URL.
    pub proxy: Option<String>,
    /// A new connection for each request.
    pub no_connection_reuse: Option<bool>,
}

/// Everything one source wished for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes {
    /// The run's name.
    pub name: Option<String>,
    /// The script's path.
    pub script: Option<PathBuf>,
    /// Base URL.
    pub target: Option<String>,
    /// The common load.
    pub load: LoadWishes,
    /// Scenarios; empty in layers above the script.
    pub scenarios: Vec<ScenarioWishes>,
    /// Only these scenarios run; all when empty.
    pub only_scenarios: Vec<String>,
    /// Thresholds; added to those below.
    pub thresholds: Vec<Threshold>,
    /// Drop the thresholds of all layers.
    pub no_thresholds: bool,
    /// HTTP settings.
    pub http: HttpWishes,
    /// Pause between iterations, for scenarios that name none.
    pub think_time: Option<ThinkTime>,
    /// Factor on every duration of phases and profiles; above 0.
    pub scale: Option<f64>,
    /// Seed.
    pub seed: Option<u64>,
    /// Tags of the run.
    pub tags: BTreeMap<String, String>,
    /// Worker threads.
    pub threads: Option<usize>,
    /// The first script error ends the run.
    pub abort_on_script_error: Option<bool>,
    /// Pages of metrics; added to those below.
    pub scrape: Vec<ScrapeSource>,
    /// Bounds of a run that is made for somebody else; never a script's wish.
    pub confinement: Option<Confinement>,
}
