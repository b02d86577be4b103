//! The `target-api` binary: the sample service by itself.

use std::process::ExitCode;

use clap::Parser;
use target_api::Options;

/// The sample service that rhaid loads in its demo and in its tests
#[derive(Debug, Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    target_api::main_with(CommandLine::parse().options)
}
