//! What was typed: verbs and options, as `clap` reads them. What they mean is in `settings`.

mod bench;
mod run;
mod serve;
mod stress;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use bench::{BenchArgs, MeasureArgs};
pub use run::{
    EngineArgs, HttpArgs, JudgeArgs, LoadArgs, OutputArgs, RequestArgs, RunArgs, TargetArgs,
};
pub use serve::ServeArgs;
pub use stress::{SearchArgs, StrategyArg, StressArgs};
pub use values::{LoadRange, OutputSpec, ReportFile, ReportKind, ThresholdText};

use super::exit::ExitCode;

/// Load tests from Rhai scripts: how fast the service is, how much it can hold, and whether the figures can be trusted
#[derive(Debug, Clone, Parser)]
#[command(name = "rhaid", version, after_help = ExitCode::table(), arg_required_else_help = true)]
#[command(disable_help_subcommand = true, max_term_width = 110)]
pub struct Cli {
    /// What every verb understands.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every verb.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// The database that keeps the runs
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "RHAID_DB",
        hide_env = true,
        default_value = "rhaid.db"
    )]
    pub db: PathBuf,
    /// Only data and errors, no talk
    #[arg(short = 'q', long, global = true, env = "RHAID_QUIET", hide_env = true,
        value_parser = FalseyValueParser::new(), conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more about what happens
    #[arg(short = 'v', long, global = true, env = "RHAID_VERBOSE", hide_env = true,
        value_parser = FalseyValueParser::new())]
    pub verbose: bool,
    /// No colours; NO_COLOR does the same
    #[arg(long, global = true, env = "RHAID_NO_COLOR", hide_env = true, value_parser = FalseyValueParser::new())]
    pub no_color: bool,
}

/// The verbs.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run a script, or request one URL over and over
    Run(Box<RunArgs>),
    /// Find the load at which the target breaks, the load it bears, and what gives first
    Stress(Box<StressArgs>),
    /// Measure each endpoint alone, one after the other
    Bench(Box<BenchArgs>),
    /// Compile a script, and run one iteration with every request shown
    Check(Box<CheckArgs>),
    /// Write a starter script
    New(NewArgs),
    /// Table of all runs, one run whole, or a comparison of several
    Report(ReportArgs),
    /// Serve the dashboard, the control API and the live feed of runs
    Serve(Box<ServeArgs>),
    /// Measure how much load rhaid itself can make on this machine, and how exactly
    Selftest(SelftestArgs),
    /// Answer every request at once, for `selftest`
    #[command(hide = true)]
    NullServer,
    /// Run the sample service by itself
    #[cfg(feature = "demo")]
    TargetApi(TargetApiArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all verbs to a folder
    Man(ManArgs),
}

/// Compiles a script, and runs one iteration with every request shown.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// The script
    #[arg(env = "RHAID_SCRIPT", hide_env = true)]
    pub script: PathBuf,
    /// How the findings are shown
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// What is tested.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How requests are made.
    #[command(flatten)]
    pub http: HttpArgs,
}

/// How `check` shows what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CheckFormat {
    /// For people
    #[default]
    Text,
    /// For editors and CI
    Json,
}

/// Writes a starter script.
#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    /// Where to
    #[arg(default_value = "journey.rhai")]
    pub file: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    pub force: bool,
}

const REPORT_EXAMPLES: &str = "Examples:
  rhaid report                       all runs, the newest first
  rhaid report --tag branch=main     only those with a tag
  rhaid report 12                    one run, whole
  rhaid report 12 15                 what got faster or slower from 12 to 15
  rhaid report 15 --baseline main    15 against the last run tagged main
  rhaid report --endpoint 'GET /api/teams'   one endpoint over all benchmarks
  rhaid report --scaling replicas    throughput over runs tagged replicas=1, replicas=2 and so on
  rhaid report 12 --format json -o run.json
  rhaid report rm 3 4                delete runs";

/// Shows, compares and deletes runs.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub struct ReportArgs {
    /// Runs by number or run id; none for the table; `rm` first to delete them
    #[arg(value_name = "IDS")]
    pub ids: Vec<String>,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
    /// Write to a file instead of the terminal
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Compare with this run, or the last one with this tag
    #[arg(long, value_name = "RUN|TAG")]
    pub baseline: Option<String>,
    /// One endpoint over all benchmarks, oldest first; with --tag and --limit only some of them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ids", "baseline"])]
    pub endpoint: Option<String>,
    /// Throughput over the values of this tag, such as the number of replicas: of each the newest run that can be trusted
    #[arg(long, value_name = "KEY", conflicts_with_all = ["ids", "baseline", "endpoint"])]
    pub scaling: Option<String>,
    /// Only runs with this tag; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair)]
    pub tag: Vec<(String, String)>,
    /// At most this many runs in the table; with --scaling, of each value [there: 1]
    #[arg(long, value_name = "N", value_parser = values::count)]
    pub limit: Option<u64>,
    /// Compare runs of different plans as well; with --scaling, count INVALID runs too
    #[arg(long)]
    pub force: bool,
}

/// How `report` shows runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Table,
    /// The whole record
    Json,
    /// For pull requests
    Markdown,
    /// For spreadsheets
    Csv,
    /// For browsers: one run as one file with charts
    Html,
}

const SELFTEST_EXAMPLES: &str = "Examples:
  rhaid selftest                           one GET and a check
  rhaid selftest scripts/journey.rhai      the tasks of a script, without its think time
  rhaid selftest --duration 10s --vus 200
  rhaid selftest --format json -q > selftest.json

Requests go to a server of rhaid's own on this machine, also those of a script that names another host. Nothing else should
run meanwhile. The result is kept in the database, and runs of this machine and script are judged by it.";

/// Measures how much load rhaid itself can make.
#[derive(Debug, Clone, Args)]
#[command(after_help = SELFTEST_EXAMPLES)]
pub struct SelftestArgs {
    /// A script whose tasks are measured; without one it is one GET and a check
    pub script: Option<PathBuf>,
    /// How long the ceiling is measured, at least 1s; the rest takes at most 10s more
    #[arg(short = 'd', long, value_name = "TIME", default_value = "5s", value_parser = values::positive_duration)]
    pub duration: Duration,
    /// Users that request as fast as they can
    #[arg(short = 'u', long, value_name = "N", default_value = "50", value_parser = values::count)]
    pub vus: u64,
    /// A value for the script's env("KEY"); repeatable
    #[arg(short = 'e', long = "env", value_name = "KEY=VALUE", value_parser = values::pair)]
    pub env: Vec<(String, String)>,
    /// Worker threads [default: the cores]
    #[arg(long, value_name = "N", env = "RHAID_THREADS", hide_env = true, value_parser = values::count)]
    pub threads: Option<u64>,
    /// How the result is shown
    #[arg(long, value_enum, default_value_t = SelftestFormat::Table)]
    pub format: SelftestFormat,
}

/// How `selftest` shows its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SelftestFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Runs the sample service by itself.
#[cfg(feature = "demo")]
#[derive(Debug, Clone, Default, Args)]
#[command(disable_help_flag = true)]
pub struct TargetApiArgs {
    /// Its own options; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    pub raw: Vec<std::ffi::OsString>,
}

/// Prints the completions of a shell.
#[derive(Debug, Clone, Copy, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Prints the manual page.
#[derive(Debug, Clone, Default, Args)]
pub struct ManArgs {
    /// Write a page for each verb to this folder
    pub dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests;
