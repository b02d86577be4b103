//! `rhaid new`: a starter script.

use super::CliError;
use super::args::NewArgs;
use super::conclusion::write_file;
use super::exit::ExitCode;
use super::printer::Printer;

/// What a newcomer starts from; it runs against the sample service as it stands.
const STARTER: &str = include_str!("new/starter.rhai");

/// Writes the starter script.
///
/// # Errors
/// Exit code 104: the file is there already, or cannot be written.
pub fn new(args: &NewArgs, printer: &Printer) -> Result<ExitCode, CliError> {
    let path = &args.file;
    if path.exists() && !args.force {
        let message = format!("{} is there already", path.display());
        return Err(CliError::new(
            ExitCode::Invalid,
            message,
            "name another file, or overwrite it with --force",
        ));
    }
    write_file(path, STARTER)?;
    printer.talk(&format!("wrote {0}; try: rhaid run {0} --demo", path.display()));
    Ok(ExitCode::Passed)
}
