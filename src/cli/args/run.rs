//! The options of `run`, in groups that other verbs share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::values::{self, OutputSpec, ReportFile, ThresholdText};
use crate::plan::layers::{PeakWish, PhaseWish};
use crate::plan::{Arrival, HttpVersion};
use crate::units::Rate;

const EXAMPLES: &str = "Examples:
  rhaid run scripts/journey.rhai --demo              the sample service, started for the run
  rhaid run scripts/journey.rhai -u 50 -d 2m         50 users for two minutes
  rhaid run scripts/journey.rhai --rate 200/s -d 5m  200 arrivals a second, however slow the target
  rhaid run scripts/journey.rhai -s 30s:50 -s 2m:50 -s 30s:0
  rhaid run https://shop.test/search -u 100 -d 30s   one URL, no script
  rhaid run scripts/journey.rhai --threshold 'http_req_duration: p(95)<300'

Every option can be set in the environment: --max-vus is RHAID_MAX_VUS.
The command line wins over the environment, the environment over the script.";

/// Runs a script, or requests one URL over and over.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// A script, or an http(s) URL to request over and over
    #[arg(value_name = "SCRIPT|URL", env = "RHAID_SCRIPT", hide_env = true)]
    pub source: Option<String>,
    /// What is tested.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What is watched of it.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// How much load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// How requests are made.
    #[command(flatten)]
    pub http: HttpArgs,
    /// The request of a plain URL.
    #[command(flatten)]
    pub request: RequestArgs,
    /// What must hold.
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// What is kept and written.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How the run is made.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// What is tested, and what the script is told.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// Base URL for relative URLs of the script
    #[arg(long, value_name = "URL", env = "RHAID_TARGET", hide_env = true)]
    pub target: Option<String>,
    /// Start the sample service on a free port and test it
    #[arg(long, env = "RHAID_DEMO", hide_env = true, value_parser = FalseyValueParser::new(),
        conflicts_with_all = ["target", "spawn"])]
    pub demo: bool,
    /// Start this command, wait until the target answers, stop it at the end
    #[arg(long, value_name = "CMD", env = "RHAID_SPAWN", hide_env = true)]
    pub spawn: Option<String>,
    /// How long a started target may take to answer [default: 30s]
    #[arg(long, value_name = "TIME", env = "RHAID_READY_TIMEOUT", hide_env = true,
        value_parser = values::positive_duration)]
    pub ready_timeout: Option<Duration>,
    /// A value for the script's env("KEY"); repeatable
    #[arg(short = 'e', long = "env", value_name = "KEY=VALUE", env = "RHAID_ENV", hide_env = true,
        value_parser = values::pair)]
    pub env: Vec<(String, String)>,
    /// Only this scenario of the script; repeatable
    #[arg(
        long,
        value_name = "NAME",
        env = "RHAID_SCENARIO",
        hide_env = true,
        value_delimiter = ','
    )]
    pub scenario: Vec<String>,
}

/// What is watched of the target beside its answers.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct WatchArgs {
    /// Fetch this page of Prometheus metrics each second; what it tells is kept with the run; repeatable
    #[arg(long, value_name = "URL", env = "RHAID_SCRAPE", hide_env = true, value_delimiter = ',')]
    pub scrape: Vec<String>,
}

/// How much load, and for how long.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Virtual users; with --rate those that are there from the start
    #[arg(short = 'u', long, value_name = "N", env = "RHAID_VUS", hide_env = true, value_parser = values::count,
        allow_negative_numbers = true)]
    pub vus: Option<u64>,
    /// How long, such as 30s, 1m30s or 2h
    #[arg(short = 'd', long, value_name = "TIME", env = "RHAID_DURATION", hide_env = true, allow_hyphen_values = true,
        value_parser = values::positive_duration, conflicts_with_all = ["stage", "profile"])]
    pub duration: Option<Duration>,
    /// Iterations, shared by all users
    #[arg(short = 'i', long, value_name = "N", env = "RHAID_ITERATIONS", hide_env = true,
        value_parser = values::count, conflicts_with_all = ["stage", "profile", "rate"])]
    pub iterations: Option<u64>,
    /// Iterations are for each user
    #[arg(long, env = "RHAID_PER_VU", hide_env = true, value_parser = FalseyValueParser::new())]
    pub per_vu: bool,
    /// Go to 50 users (30s:50) or 200 arrivals a second (30s:200/s) over a time; repeatable
    #[arg(short = 's', long, value_name = "TIME:LEVEL", env = "RHAID_STAGE", hide_env = true,
        value_parser = values::stage, value_delimiter = ',', conflicts_with_all = ["profile", "rate"])]
    pub stage: Vec<PhaseWish>,
    /// Open load: iterations that start whatever the target does, such as 200/s
    #[arg(long, value_name = "RATE", env = "RHAID_RATE", hide_env = true, value_parser = values::rate,
        conflicts_with = "profile")]
    pub rate: Option<Rate>,
    /// Users that may be added when an open load finds none free
    #[arg(long, value_name = "N", env = "RHAID_MAX_VUS", hide_env = true, value_parser = values::count)]
    pub max_vus: Option<u64>,
    /// Spacing of an open load: even, or random as independent users arrive
    #[arg(long, env = "RHAID_ARRIVAL", hide_env = true, value_parser = values::arrival())]
    pub arrival: Option<Arrival>,
    /// A named course: warm-up, ramp-up, sustained, spike, recovery
    #[arg(long, env = "RHAID_PROFILE", hide_env = true, value_parser = ["five-phase"])]
    pub profile: Option<String>,
    /// Level of the profile's sustained phase: 50 users or 200/s
    #[arg(long, value_name = "LEVEL", env = "RHAID_PEAK", hide_env = true, value_parser = values::peak)]
    pub peak: Option<PeakWish>,
    /// Level of the profile's spike [default: three times the peak]
    #[arg(long, value_name = "LEVEL", env = "RHAID_SPIKE", hide_env = true, value_parser = values::peak)]
    pub spike: Option<PeakWish>,
    /// Factor on the length of all phases: 0.1 is a tenth
    #[arg(long, value_name = "FACTOR", env = "RHAID_SCALE", hide_env = true, value_parser = values::factor)]
    pub scale: Option<f64>,
    /// How long running iterations may go on after the end [default: 30s]
    #[arg(long, value_name = "TIME", env = "RHAID_GRACEFUL_STOP", hide_env = true, value_parser = values::duration)]
    pub graceful_stop: Option<Duration>,
    /// The longest that a load counted in iterations may take [default: 10m]
    #[arg(long, value_name = "TIME", env = "RHAID_MAX_DURATION", hide_env = true,
        value_parser = values::positive_duration)]
    pub max_duration: Option<Duration>,
}

/// How requests are made.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// A header for every request; repeatable
    #[arg(short = 'H', long, value_name = "'NAME: VALUE'", env = "RHAID_HEADER", hide_env = true,
        value_parser = values::header)]
    pub header: Vec<(String, String)>,
    /// Longest time of one request [default: 60s]
    #[arg(long, value_name = "TIME", env = "RHAID_TIMEOUT", hide_env = true, value_parser = values::positive_duration)]
    pub timeout: Option<Duration>,
    /// Do not verify certificates; shown in every report
    #[arg(long, env = "RHAID_INSECURE", hide_env = true, value_parser = FalseyValueParser::new())]
    pub insecure: bool,
    /// Trust only the certificates of this PEM file
    #[arg(long, value_name = "FILE", env = "RHAID_CA_FILE", hide_env = true)]
    pub ca_file: Option<PathBuf>,
    /// HTTP version
    #[arg(long, value_name = "VERSION", env = "RHAID_HTTP", hide_env = true, value_parser = values::http_version())]
    pub http: Option<HttpVersion>,
    /// Proxy for all requests; none is taken from the environment
    #[arg(long, value_name = "URL", env = "RHAID_PROXY", hide_env = true)]
    pub proxy: Option<String>,
    /// Who makes the requests; `auto` chooses
    #[arg(long, env = "RHAID_TRANSPORT", hide_env = true, value_parser = ["auto", "direct", "reqwest"])]
    pub transport: Option<String>,
}

/// The request of a run without a script.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "URL runs")]
pub struct RequestArgs {
    /// Method [default: GET, or POST with a body]
    #[arg(short = 'X', long, env = "RHAID_METHOD", hide_env = true)]
    pub method: Option<String>,
    /// Body; @FILE reads it from a file
    #[arg(long, value_name = "TEXT|@FILE", env = "RHAID_BODY", hide_env = true)]
    pub body: Option<String>,
}

/// What must hold for the run to pass.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pass or fail")]
pub struct JudgeArgs {
    /// A rule in k6's syntax, added to the script's; repeatable
    #[arg(long, value_name = "'METRIC: RULE'", env = "RHAID_THRESHOLD", hide_env = true,
        value_parser = values::threshold)]
    pub threshold: Vec<ThresholdText>,
    /// Judge by no threshold, not even the script's
    #[arg(long, env = "RHAID_NO_THRESHOLDS", hide_env = true, value_parser = FalseyValueParser::new(),
        conflicts_with = "threshold")]
    pub no_thresholds: bool,
    /// Compare with this run, or the last one with this tag; a regression fails
    #[arg(long, value_name = "RUN|TAG", env = "RHAID_BASELINE", hide_env = true)]
    pub baseline: Option<String>,
    /// Do not fail when the numbers are INVALID; every report still says so
    #[arg(long, env = "RHAID_ALLOW_INVALID", hide_env = true, value_parser = FalseyValueParser::new())]
    pub allow_invalid: bool,
    /// End the run at the first script error
    #[arg(long, env = "RHAID_ABORT_ON_SCRIPT_ERROR", hide_env = true, value_parser = FalseyValueParser::new())]
    pub abort_on_script_error: bool,
}

/// What is kept of the run, and where it is written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Name of the run [default: the script's or the URL]
    #[arg(long, env = "RHAID_NAME", hide_env = true)]
    pub name: Option<String>,
    /// A tag of the run, for the history; repeatable
    #[arg(long, value_name = "KEY=VALUE", env = "RHAID_TAG", hide_env = true, value_parser = values::pair)]
    pub tag: Vec<(String, String)>,
    /// Stream figures as they come: json=FILE, hlog=FILE (HDR histogram log); repeatable
    #[arg(short = 'o', long, value_name = "TYPE=PATH", env = "RHAID_OUT", hide_env = true,
        value_parser = values::output)]
    pub out: Vec<OutputSpec>,
    /// Write the run's record as JSON
    #[arg(long, value_name = "FILE", env = "RHAID_JSON", hide_env = true)]
    pub json: Option<PathBuf>,
    /// Write a report, its kind by extension: .md .json .csv .html; repeatable
    #[arg(long, value_name = "FILE", env = "RHAID_REPORT_FILE", hide_env = true, value_parser = values::report_file)]
    pub report_file: Vec<ReportFile>,
    /// Do not store the run
    #[arg(long, env = "RHAID_NO_DB", hide_env = true, value_parser = FalseyValueParser::new())]
    pub no_db: bool,
    /// Show no progress
    #[arg(long, env = "RHAID_NO_PROGRESS", hide_env = true, value_parser = FalseyValueParser::new())]
    pub no_progress: bool,
}

/// How the run is made.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineArgs {
    /// Seed of every random choice [default: a new one]
    #[arg(long, value_name = "N", env = "RHAID_SEED", hide_env = true)]
    pub seed: Option<u64>,
    /// Worker threads [default: the cores]
    #[arg(long, value_name = "N", env = "RHAID_THREADS", hide_env = true, value_parser = values::count)]
    pub threads: Option<u64>,
    /// Stack of one user's script, such as 1MiB; deep recursion needs more
    #[arg(long, value_name = "SIZE", env = "RHAID_VU_STACK", hide_env = true, value_parser = values::bytes)]
    pub vu_stack: Option<u64>,
}
