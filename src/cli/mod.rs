//! The command line: what was typed, what it means, what is said about it, and how the process ends.
//!
//! Main types: [`args::Cli`] is what was typed, [`settings::RunSettings`] what is meant, [`printer::Printer`] the only way
//! to the terminal, [`exit::ExitCode`] the end. `clap` is named in this room alone. There is nothing it must not know: it is
//! the composition root, and no other room knows it. It sits at both ends of the flow.
//!
//! A verb is a file: [`run`], `stress`, `bench`, [`check`], [`new`], [`report`], [`selftest`], `serve`, `sample_service`. What they share: [`prepare`] makes a plan of
//! settings, [`target`] starts and finds the target, [`conduct`] leads a run from its first window to its record, `execution` is what is around that,
//! `limits` what the machine allows, `leg` what legs of searches and benchmarks have in common, `conclusion` keeps and shows what came of it.

pub mod args;
mod bench;
pub mod check;
pub mod completions;
mod conclusion;
pub mod conduct;
mod diagnostics;
mod execution;
pub mod exit;
mod judge;
mod leg;
mod limits;
pub mod new;
pub mod prepare;
pub mod printer;
pub mod progress;
pub mod report;
pub mod run;
#[cfg(feature = "demo")]
mod sample_service;
mod scraping;
pub mod selftest;
mod serve;
pub mod settings;
mod stress;
pub mod target;
pub mod watching;

use clap::Parser;

use args::{Cli, Command, GlobalArgs};
use exit::ExitCode;
use printer::Printer;
use settings::SettingsError;

/// A command that cannot do what it was asked, said in one paragraph.
#[derive(Debug, Clone)]
pub struct CliError {
    /// How the process ends.
    pub code: ExitCode,
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
    /// The whole text, when it is already laid out (script errors with their lines).
    pub rendered: Option<String>,
}

impl CliError {
    /// An error in one paragraph.
    #[must_use]
    pub fn new(code: ExitCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: Some(hint.into()), rendered: None }
    }

    /// A command line that cannot be meant.
    #[must_use]
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message, hint)
    }

    /// An error whose message says the way out itself.
    #[must_use]
    pub fn plain(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, rendered: None }
    }

    fn print(&self, printer: &Printer) {
        match &self.rendered {
            Some(text) => printer.error_rendered(text),
            None => printer.error(&self.message, self.hint.as_deref()),
        }
    }
}

impl From<SettingsError> for CliError {
    fn from(error: SettingsError) -> Self {
        Self::usage(error.to_string(), error.hint())
    }
}

/// Reads the command line of the process and does what it says.
#[must_use]
pub fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are printed the same way, and are no error. A closed pipe is nobody's fault.
            let _ = error.print();
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Passed };
            return code.into();
        }
    };
    let printer = Printer::new(&cli.global);
    let code = dispatch(cli.command, &cli.global, &printer).unwrap_or_else(|error| {
        error.print(&printer);
        error.code
    });
    code.into()
}

fn dispatch(
    command: Command,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    match command {
        Command::Run(args) => run::run(*args, global, printer),
        Command::Stress(args) => stress::stress(*args, global, printer),
        Command::Bench(args) => bench::bench(*args, global, printer),
        Command::Check(args) => check::check(*args, global, printer),
        Command::New(args) => new::new(&args, printer),
        Command::Report(args) => report::report(&args, global, printer),
        Command::Serve(args) => serve::serve(*args, global, printer),
        Command::Selftest(args) => selftest::selftest(args, global, printer),
        Command::NullServer => selftest::null_server::serve(printer),
        #[cfg(feature = "demo")]
        Command::TargetApi(args) => Ok(sample_service::serve(&args)),
        Command::Completions(args) => {
            printer.data(completions::completions(args.shell));
            Ok(ExitCode::Passed)
        }
        Command::Man(args) => manual(args.dir.as_deref(), printer),
    }
}

fn manual(folder: Option<&std::path::Path>, printer: &Printer) -> Result<ExitCode, CliError> {
    let cannot = |error: std::io::Error| {
        CliError::new(
            ExitCode::Invalid,
            format!("the manual cannot be written: {error}"),
            "name a folder that can be written",
        )
    };
    match folder {
        Some(folder) => completions::write_manual_pages(folder).map_err(cannot)?,
        None => printer.data(completions::manual_page().map_err(cannot)?),
    }
    Ok(ExitCode::Passed)
}
