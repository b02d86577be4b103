//! `rhaid target-api`: the sample service by itself, and as the target of `--demo`.

use std::ffi::OsString;
use std::io::Read;

use clap::Parser;

use super::args::TargetApiArgs;
use super::exit::ExitCode;
use super::target::STOP_WITH_STDIN;

/// The service's own options.
#[derive(Debug, Parser)]
#[command(name = "rhaid target-api", about = "Run the sample service by itself")]
struct ServiceCli {
    #[command(flatten)]
    options: target_api::Options,
}

/// Serves until a signal, or until standard input ends when another rhaid started it.
pub(super) fn serve(args: &TargetApiArgs) -> ExitCode {
    let words = std::iter::once(OsString::from("rhaid target-api")).chain(args.raw.iter().cloned());
    let cli = match ServiceCli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Passed };
        }
    };
    if std::env::var_os(STOP_WITH_STDIN).is_some() {
        end_with_parent();
    }
    let ended_well = target_api::main_with(cli.options) == std::process::ExitCode::SUCCESS;
    if ended_well { ExitCode::Passed } else { ExitCode::Invalid }
}

/// When the process that started us is gone, however it went, our standard input ends, and we stop as for a signal.
fn end_with_parent() {
    std::thread::spawn(|| {
        let mut buffer = [0; 64];
        let mut input = std::io::stdin();
        while matches!(input.read(&mut buffer), Ok(read) if read > 0) {}
        // Our own process always exists.
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
    });
}
