//! The options of `stress`.

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::run::{EngineArgs, HttpArgs, OutputArgs, RequestArgs, TargetArgs, WatchArgs};
use super::values::{self, LoadRange};
use crate::plan::Arrival;
use crate::units::Rate;

const EXAMPLES: &str = "Examples:
  rhaid stress scripts/journey.rhai --demo                the breaking point of the sample service
  rhaid stress https://shop.test/search --slo 'p(99)<300' what it bears with 99 % of the answers within 300 ms
  rhaid stress scripts/journey.rhai --require-rate 500    for CI: exit code 113 below 500 requests a second
  rhaid stress scripts/journey.rhai --sweep 10..1000      no search: the curve from 10 to 1,000 arrivals a second
  rhaid stress scripts/journey.rhai --sweep-vus 1..10000  the curve from 1 to 10,000 users
  rhaid stress scripts/journey.rhai --tag replicas=2      one point of `rhaid report --scaling replicas`

The load is made by arrivals: it is the same however slow the target gets. docs/capacity.md says how the search decides.";

/// Finds the load at which the target breaks, the load that it bears, and what gives first.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct StressArgs {
    /// A script, or an http(s) URL to request over and over
    #[arg(value_name = "SCRIPT|URL", env = "RHAID_SCRIPT", hide_env = true)]
    pub source: Option<String>,
    /// How it is searched.
    #[command(flatten)]
    pub search: SearchArgs,
    /// What is tested.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What is watched beside it.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// How requests are made.
    #[command(flatten)]
    pub http: HttpArgs,
    /// The request of a plain URL.
    #[command(flatten)]
    pub request: RequestArgs,
    /// What is kept and written.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How the run is made.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// How `stress` searches.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArgs {
    /// The share of failed requests at which the target counts as broken [default: 5%]
    #[arg(long, value_name = "SHARE", env = "RHAID_ERROR_THRESHOLD", hide_env = true, value_parser = values::share)]
    pub error_threshold: Option<f64>,
    /// What the target must keep to: a percentile of the response time in ms [default: 99 % of requests succeed]
    #[arg(long, value_name = "'p(99)<300'", env = "RHAID_SLO", hide_env = true)]
    pub slo: Option<String>,
    /// Fail with exit code 113 when the target bears less than this many requests a second
    #[arg(long, value_name = "RATE", env = "RHAID_REQUIRE_RATE", hide_env = true, value_parser = values::rate_or_number)]
    pub require_rate: Option<Rate>,
    /// How the search decides
    #[arg(long, value_enum, env = "RHAID_STRATEGY", hide_env = true, default_value_t = StrategyArg::Mlr)]
    pub strategy: StrategyArg,
    /// The first load; smaller ones are tried when it is too high [default: 50/s]
    #[arg(long, value_name = "RATE", env = "RHAID_START_RATE", hide_env = true, value_parser = values::rate_or_number)]
    pub start_rate: Option<Rate>,
    /// The highest load that is tried [default: 100k/s]
    #[arg(long, value_name = "RATE", env = "RHAID_MAX_RATE", hide_env = true, value_parser = values::rate_or_number)]
    pub max_rate: Option<Rate>,
    /// How narrow the answer is to be [default: 5%]
    #[arg(long, value_name = "SHARE", env = "RHAID_WIDTH", hide_env = true, value_parser = values::share)]
    pub width: Option<f64>,
    /// How long one probe is measured, at least 2s; the decision takes several [default: 5s]
    #[arg(long, value_name = "TIME", env = "RHAID_PROBE_DURATION", hide_env = true, value_parser = values::positive_duration)]
    pub probe_duration: Option<Duration>,
    /// How long the answer is held at the end, 0 for not at all [default: 60s]
    #[arg(long, value_name = "TIME", env = "RHAID_HOLD", hide_env = true, value_parser = values::duration)]
    pub hold: Option<Duration>,
    /// The longest that the search may take [default: 20m]
    #[arg(long, value_name = "TIME", env = "RHAID_MAX_DURATION", hide_env = true, value_parser = values::positive_duration)]
    pub max_duration: Option<Duration>,
    /// No search: the curve over these arrivals a second
    #[arg(long, value_name = "FROM..TO", env = "RHAID_SWEEP", hide_env = true, value_parser = values::load_range,
        conflicts_with = "sweep_vus")]
    pub sweep: Option<LoadRange>,
    /// No search: the curve over these numbers of virtual users
    #[arg(long, value_name = "FROM..TO", env = "RHAID_SWEEP_VUS", hide_env = true, value_parser = values::load_range)]
    pub sweep_vus: Option<LoadRange>,
    /// Points of a sweep, each by the same factor higher [default: 10]
    #[arg(long, value_name = "N", env = "RHAID_POINTS", hide_env = true, value_parser = values::count)]
    pub points: Option<u64>,
    /// Users that may be added when a probe finds none free
    #[arg(long, value_name = "N", env = "RHAID_MAX_VUS", hide_env = true, value_parser = values::count)]
    pub max_vus: Option<u64>,
    /// Spacing of arrivals: even, or random as independent users arrive [default: poisson]
    #[arg(long, env = "RHAID_ARRIVAL", hide_env = true, value_parser = values::arrival())]
    pub arrival: Option<Arrival>,
    /// Do not fail when the generator was the limit; every report still says so
    #[arg(long, env = "RHAID_ALLOW_INVALID", hide_env = true, value_parser = FalseyValueParser::new())]
    pub allow_invalid: bool,
}

/// How `stress` decides on a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum StrategyArg {
    /// Several short probes at each load; one that was disturbed decides nothing (RFC 9971)
    #[default]
    Mlr,
    /// One probe at each load: the textbook search, for comparison
    Bisect,
}
