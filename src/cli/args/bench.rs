//! The options of `bench`.

use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::run::{EngineArgs, HttpArgs, OutputArgs, RequestArgs, TargetArgs, WatchArgs};
use super::values;

const EXAMPLES: &str = "Examples:
  rhaid bench scripts/endpoints.rhai --demo                 each endpoint of the sample service, one after the other
  rhaid bench https://shop.test/ https://shop.test/search   plain URLs
  rhaid bench scripts/endpoints.rhai -u 1 -d 30s            without concurrency: the time of one request at a time
  rhaid bench scripts/endpoints.rhai --precision 5%         each until its p99 is known to within 5 %, for 60s at most
  rhaid bench scripts/endpoints.rhai --tag build=1.4.2
  rhaid report --endpoint 'GET /api/teams'                  one endpoint over all benchmarks

Each task is run alone by so many users without think time. docs/benchmarks.md says what the figures mean.";

/// Measures each endpoint alone.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// A script whose tasks are measured one by one, or http(s) URLs
    #[arg(value_name = "SCRIPT|URL", env = "RHAID_SCRIPT", hide_env = true)]
    pub sources: Vec<String>,
    /// How each endpoint is measured.
    #[command(flatten)]
    pub measure: MeasureArgs,
    /// What is tested.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What is watched beside it.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// How requests are made.
    #[command(flatten)]
    pub http: HttpArgs,
    /// The request of plain URLs.
    #[command(flatten)]
    pub request: RequestArgs,
    /// What is kept and written.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How the run is made.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// How `bench` measures an endpoint.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Measuring")]
pub struct MeasureArgs {
    /// Virtual users that request an endpoint at the same time [default: 10]
    #[arg(short = 'u', long, value_name = "N", env = "RHAID_VUS", hide_env = true, value_parser = values::count,
        allow_negative_numbers = true)]
    pub vus: Option<u64>,
    /// How long each endpoint is measured, in whole seconds; at most, with --precision [default: 10s, or 60s]
    #[arg(short = 'd', long, value_name = "TIME", env = "RHAID_DURATION", hide_env = true, allow_hyphen_values = true,
        value_parser = values::positive_duration)]
    pub duration: Option<Duration>,
    /// How long each endpoint is requested before it is measured, in whole seconds; 0s for not at all [default: 2s]
    #[arg(long, value_name = "TIME", env = "RHAID_WARM_UP", hide_env = true, value_parser = values::duration)]
    pub warm_up: Option<Duration>,
    /// Go on to the next endpoint once the p99 is known this well, after 5s at least; 1% is the finest
    #[arg(long, value_name = "SHARE", env = "RHAID_PRECISION", hide_env = true, value_parser = values::share)]
    pub precision: Option<f64>,
    /// Do not fail when the generator was the limit; every report still says so
    #[arg(long, env = "RHAID_ALLOW_INVALID", hide_env = true, value_parser = FalseyValueParser::new())]
    pub allow_invalid: bool,
}
