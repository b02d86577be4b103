//! `rhaid run`: prepares, starts the target, leads the run, reports.

use super::CliError;
use super::args::{GlobalArgs, RunArgs};
use super::diagnostics;
use super::execution::{
    EndedRun, Follower, check_limits, execute, reach_target, store, write_files,
};
use super::exit::{Ending, ExitCode};
use super::prepare::{prepare, thresholds};
use super::printer::Printer;
use super::settings::RunSettings;
use super::target::StartedTarget;
use crate::engine::EngineError;
use crate::record::RunRecord;
use crate::report::{self, CompareOptions, Comparison, Format, TextOptions};
use crate::store::Store;

/// Columns of a summary that does not go to a terminal.
const PLAIN_WIDTH: usize = 120;

/// Does what `run` was asked to do.
///
/// # Errors
/// Whatever keeps the run from starting; see [`ExitCode`].
pub fn run(args: RunArgs, global: &GlobalArgs, printer: &Printer) -> Result<ExitCode, CliError> {
    let settings = RunSettings::new(args, global)
        .map_err(|error| CliError::new(ExitCode::Usage, error.to_string(), error.hint()))?;
    run_with(settings, Follower { printer, link: None })
}

/// Does what `settings` say.
///
/// # Errors
/// As [`run`].
pub(super) fn run_with(
    mut settings: RunSettings,
    follower: Follower<'_>,
) -> Result<ExitCode, CliError> {
    let printer = follower.printer;
    settings.wishes.thresholds = thresholds(&settings.thresholds)?;
    let mut target = settings.start.as_ref().map(StartedTarget::start).transpose()?;
    if let Some(url) = target.as_ref().and_then(|target| target.url.clone()) {
        settings.wishes.target.get_or_insert(url);
    }
    let prepared = prepare(&settings.source, &settings.wishes, &settings.env, printer)?;
    reach_target(&prepared.plan, &mut target, settings.start.as_ref())?;
    check_limits(&prepared.plan, printer);
    let baseline = load_baseline(&settings)?;
    let mut ended = execute(&settings, prepared, target, None, follower)?;
    let comparison = baseline.and_then(|baseline| compare(&baseline, &ended.record, printer));
    let code = exit_code(&ended, comparison.as_ref());
    ended.record.exit_code = Some(code.into());
    let id = store(&settings, &mut ended, printer);
    write_files(&settings, &ended.record)?;
    show(&settings, &ended, comparison.as_ref(), id, printer);
    if code != ExitCode::Passed {
        printer.talk(&format!("{code}"));
    }
    Ok(code)
}

fn load_baseline(settings: &RunSettings) -> Result<Option<RunRecord>, CliError> {
    let (Some(reference), Some(path)) = (&settings.baseline, &settings.destinations.database)
    else {
        return Ok(None);
    };
    let failed = |error: String| {
        CliError::plain(ExitCode::Invalid, format!("--baseline {reference}: {error}"))
    };
    let store = Store::open_read_only(path).map_err(|error| failed(error.to_string()))?;
    let id = super::report::resolve_baseline(&store, reference).map_err(failed)?;
    store.load(id).map(Some).map_err(|error| failed(error.to_string()))
}

fn compare(baseline: &RunRecord, record: &RunRecord, printer: &Printer) -> Option<Comparison> {
    match report::compare(baseline, record, CompareOptions { force: false }) {
        Ok(comparison) => Some(comparison),
        Err(unlike) => {
            printer.warning(&format!("not compared with the baseline: {unlike}"));
            None
        }
    }
}

fn exit_code(ended: &EndedRun, comparison: Option<&Comparison>) -> ExitCode {
    ended.exit_code(Ending {
        has_failed_threshold: ended.record.thresholds.iter().any(|threshold| !threshold.passed),
        has_regression: comparison.is_some_and(Comparison::has_regression),
        ..Ending::default()
    })
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

fn show(
    settings: &RunSettings,
    ended: &EndedRun,
    comparison: Option<&Comparison>,
    previous: Option<i64>,
    printer: &Printer,
) {
    let stored = settings.destinations.database.as_ref().filter(|_| ended.record.id > 0);
    let options = TextOptions {
        stored_in: stored.map(|path| path.display().to_string()),
        previous,
        ..text_options(printer)
    };
    printer.data(report::summary(&ended.record, &options));
    if let Some(comparison) = comparison {
        printer.data(comparison.render(Format::Table, &options));
    }
    match &ended.outcome.failure {
        None => {}
        Some(EngineError::Stage { function, finding }) => {
            let text = diagnostics::render(std::slice::from_ref(finding), printer);
            printer.error(&format!("{function} failed"), None);
            printer.error_rendered(&text);
        }
        Some(error) => printer.error(&error.to_string(), None),
    }
}
