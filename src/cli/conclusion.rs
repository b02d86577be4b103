//! What all verbs that make load do at their end: the record stored, written to files, shown.

use std::io::Write;
use std::path::Path;

use super::CliError;
use super::args::ReportKind;
use super::diagnostics;
use super::execution::EndedRun;
use super::exit::ExitCode;
use super::printer::Printer;
use super::settings::RunSettings;
use crate::engine::EngineError;
use crate::pipeline::Output;
use crate::plan::TestType;
use crate::record::RunRecord;
use crate::report::{self, Comparison, Format, TextOptions};
use crate::store::Store;

/// Columns of a summary that does not go to a terminal.
const PLAIN_WIDTH: usize = 120;

/// Keeps and shows a run that ends with `code`.
///
/// # Errors
/// The first file that cannot be written.
pub(super) fn conclude(
    settings: &RunSettings,
    mut ended: EndedRun,
    code: ExitCode,
    comparison: Option<&Comparison>,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    ended.record.exit_code = Some(code.into());
    let previous = store(settings, &mut ended, printer);
    write_files(settings, &ended.record)?;
    let stored = settings.destinations.database.as_ref().filter(|_| ended.record.id > 0);
    let options = TextOptions {
        stored_in: stored.map(|path| path.display().to_string()),
        // Searches are not compared.
        previous: previous.filter(|_| ended.record.test_type != TestType::Stress),
        ..text_options(printer)
    };
    printer.data(report::summary(&ended.record, &options));
    if let Some(comparison) = comparison {
        printer.data(comparison.render(Format::Table, &options));
    }
    if let Some(failure) = &ended.outcome.failure {
        say(failure, printer);
    }
    if code != ExitCode::Passed {
        printer.talk(&format!("{code}"));
    }
    Ok(code)
}

fn say(failure: &EngineError, printer: &Printer) {
    match failure {
        EngineError::Stage { function, finding } => {
            let text = diagnostics::render(std::slice::from_ref(finding), printer);
            printer.error(&format!("{function} failed"), None);
            printer.error_rendered(&text);
        }
        error => printer.error(&error.to_string(), None),
    }
}

/// Columns of the terminal that data goes to, when it goes to one.
fn data_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// How text is laid out for where it goes.
pub(super) fn text_options(printer: &Printer) -> TextOptions {
    TextOptions {
        width: data_width().unwrap_or(PLAIN_WIDTH),
        colour: printer.data_has_color(),
        ..TextOptions::default()
    }
}

/// Gives the record to the outputs. What cannot be stored is said, and the summary is still shown.
fn store(settings: &RunSettings, ended: &mut EndedRun, printer: &Printer) -> Option<i64> {
    for lines in &mut ended.lines {
        if let Err(error) = lines.finish(&mut ended.record) {
            printer.warning(&error.to_string());
        }
    }
    let (Some(store), Some(path)) = (&mut ended.store, &settings.destinations.database) else {
        return None;
    };
    if let Err(error) = store.finish(&mut ended.record) {
        printer
            .error(&error.to_string(), Some("the summary below is complete; --json FILE keeps it"));
        return None;
    }
    let id = ended.record.id;
    Store::open_read_only(path).ok().and_then(|store| store.previous(id).ok().flatten())
}

/// Writes the files that were asked for.
///
/// # Errors
/// The first that cannot be written.
fn write_files(settings: &RunSettings, record: &RunRecord) -> Result<(), CliError> {
    if let Some(path) = &settings.destinations.json {
        write_file(path, &report::json(record))?;
    }
    for file in &settings.destinations.reports {
        let format = match file.kind {
            ReportKind::Markdown => Format::Markdown,
            ReportKind::Json => Format::Json,
            ReportKind::Csv => Format::Csv,
            ReportKind::Html => Format::Html,
        };
        write_file(&file.path, &report::render(record, format, &TextOptions::default()))?;
    }
    Ok(())
}

/// Writes a file whole, so that a reader never sees half of it.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(
            ExitCode::Invalid,
            format!("{} cannot be written: {error}", path.display()),
            "name a file in a folder that can be written",
        )
    };
    let mut file = std::fs::File::create(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    if !text.ends_with('\n') {
        file.write_all(b"\n").map_err(failed)?;
    }
    Ok(())
}
