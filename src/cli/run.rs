//! `rhaid run`: the load that a script or a URL and its options ask for, judged by thresholds and against a baseline.

use super::CliError;
use super::args::{GlobalArgs, RunArgs};
use super::conclusion::conclude;
use super::execution::{EndedRun, Follower, execute, ready};
use super::exit::{Ending, ExitCode};
use super::limits::check_limits;
use super::prepare::{prepare, thresholds};
use super::printer::Printer;
use super::settings::RunSettings;
use crate::record::RunRecord;
use crate::report::{self, CompareOptions, Comparison};
use crate::store::Store;

/// Does what `run` was asked to do.
///
/// # Errors
/// Whatever keeps the run from starting; see [`ExitCode`].
pub fn run(args: RunArgs, global: &GlobalArgs, printer: &Printer) -> Result<ExitCode, CliError> {
    let settings = RunSettings::new(args, global)?;
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
    let (prepared, target) =
        ready(&settings, |wishes| prepare(&settings.source, wishes, &settings.env, printer))?;
    check_limits(&prepared.plan, settings.vu_stack_bytes, printer);
    let baseline = load_baseline(&settings)?;
    let ended = execute(&settings, prepared, target, None, follower)?;
    let comparison = baseline.and_then(|baseline| compare(&baseline, &ended.record, printer));
    let code = exit_code(&ended, comparison.as_ref());
    conclude(&settings, ended, code, comparison.as_ref(), printer)
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
