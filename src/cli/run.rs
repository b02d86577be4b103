//! `rhaid run`: prepares, starts the target, leads the run, reports.

use std::io::Write;
use std::path::Path;

use super::CliError;
use super::args::{GlobalArgs, OutputSpec, ReportKind, RunArgs};
use super::conduct::{Conducted, conduct};
use super::diagnostics;
use super::exit::{Ending, ExitCode};
use super::judge::judge_run;
use super::prepare::{Prepared, prepare, thresholds};
use super::printer::Printer;
use super::progress::Progress;
use super::selftest::Machine;
use super::settings::{RunSettings, TargetStart};
use super::target::{StartedTarget, check_reachable, find_target};
use crate::clock;
use crate::engine::{EngineError, Run, RunConfig};
use crate::pipeline::{HistogramLog, JsonLines, Output, RunHead};
use crate::plan::Plan;
use crate::record::{GeneratorInfo, RunRecord, Verdict, new_run_id};
use crate::report::{self, CompareOptions, Comparison, Format, TextOptions};
use crate::script::ScriptLimits;
use crate::store::{Store, StoreOutput};
use crate::watch::{host_info, is_on_this_machine};

/// Descriptors that the process needs besides one for each virtual user's connection.
const OWN_FILES: u64 = 64;
/// Columns of a summary that does not go to a terminal.
const PLAIN_WIDTH: usize = 120;

/// Does what `run` was asked to do.
///
/// # Errors
/// Whatever keeps the run from starting; see [`ExitCode`].
pub fn run(args: RunArgs, global: &GlobalArgs, printer: &Printer) -> Result<ExitCode, CliError> {
    let mut settings = RunSettings::new(args, global)
        .map_err(|error| CliError::new(ExitCode::Usage, error.to_string(), error.hint()))?;
    settings.wishes.thresholds = thresholds(&settings.thresholds)?;
    let mut target = settings.start.as_ref().map(StartedTarget::start).transpose()?;
    if let Some(url) = target.as_ref().and_then(|target| target.url.clone()) {
        settings.wishes.target.get_or_insert(url);
    }
    let prepared = prepare(&settings.source, &settings.wishes, &settings.env, printer)?;
    reach_target(&prepared.plan, &mut target, settings.start.as_ref())?;
    check_limits(&prepared.plan, printer);
    let baseline = load_baseline(&settings)?;
    let mut ended = execute(&settings, prepared, target, printer)?;
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

/// A run that has ended, with the outputs that still want its record.
struct EndedRun {
    record: RunRecord,
    conducted: Outcome,
    store: Option<StoreOutput>,
    lines: Vec<Box<dyn Output>>,
}

/// Whether the numbers say more about the generator than about the target.
fn is_invalid(record: &RunRecord) -> bool {
    record.findings.validity.as_ref().is_some_and(|found| found.verdict == Verdict::Invalid)
}

/// What the exit code depends on.
struct Outcome {
    signals: u32,
    has_script_error: bool,
    allows_invalid: bool,
    failure: Option<EngineError>,
}

pub(super) fn reach_target(
    plan: &Plan,
    started: &mut Option<StartedTarget>,
    start: Option<&TargetStart>,
) -> Result<(), CliError> {
    let Some(target) = plan.target.as_deref() else { return Ok(()) };
    match (started, start) {
        (
            Some(started),
            Some(TargetStart::Demo { ready_timeout } | TargetStart::Spawn { ready_timeout, .. }),
        ) => started.wait_until_it_answers(target, *ready_timeout),
        _ if plan.http.proxy.is_some() => Ok(()),
        _ => check_reachable(target),
    }
}

/// Raises the limit of open files and says when it is still too low.
fn check_limits(plan: &Plan, printer: &Printer) {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    let needed = plan.max_vus() + OWN_FILES;
    if limit > 0 && needed > limit {
        printer.warning(&format!(
            "{} virtual users may need {needed} open files and the limit is {limit}; raise it with `ulimit -n {needed}`",
            plan.max_vus()
        ));
    }
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

fn execute(
    settings: &RunSettings,
    prepared: Prepared,
    target: Option<StartedTarget>,
    printer: &Printer,
) -> Result<EndedRun, CliError> {
    let head = run_head(&prepared.plan);
    let mut progress = Progress::new(printer, settings.destinations.shows_progress);
    let mut store = settings.destinations.database.as_ref().map(StoreOutput::new);
    let mut lines: Vec<Box<dyn Output>> = settings
        .destinations
        .outputs
        .iter()
        .map(|spec| -> Box<dyn Output> {
            match spec {
                OutputSpec::Json(path) => Box::new(JsonLines::new(path)),
                OutputSpec::HistogramLog(path) => Box::new(HistogramLog::new(path)),
            }
        })
        .collect();
    let mut outputs: Vec<&mut dyn Output> = Vec::new();
    outputs.extend(store.iter_mut().map(|store| store as &mut dyn Output));
    outputs.extend(lines.iter_mut().map(|lines| lines.as_mut() as &mut dyn Output));
    outputs.push(&mut progress);
    for output in &mut outputs {
        output.start(&head).map_err(|error| {
            // The reason ends in a way out.
            CliError::plain(ExitCode::Invalid, format!("{}: {}", error.output, error.reason))
        })?;
    }
    let watched = find_target(target.as_ref(), &head.plan);
    let mut limits = ScriptLimits::default();
    if let Some(bytes) = settings.vu_stack_bytes {
        limits.stack_bytes = usize::try_from(bytes).unwrap_or(limits.stack_bytes);
    }
    let ceiling = ceiling_per_s(settings, &prepared);
    let config = RunConfig { plan: head.plan.clone().into(), script: prepared.script, limits };
    let no_thread = |error: String| {
        CliError::new(ExitCode::Internal, error, "free some of the system's resources")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| no_thread(error.to_string()))?;
    let target_is_local =
        watched.destinations.iter().any(|address| is_on_this_machine(address.ip()));
    let mut conducted = runtime
        .block_on(async {
            let run = Run::launch(config).map_err(|error| error.to_string())?;
            conduct(run, &head, outputs, watched, printer).await.map_err(|error| error.to_string())
        })
        .map_err(no_thread)?;
    progress.clear();
    judge_run(&mut conducted, target_is_local, ceiling);
    drop(target);
    let Conducted { record, signals, has_script_error, failure, .. } = conducted;
    let allows_invalid = settings.allows_invalid;
    let conducted = Outcome { signals, has_script_error, allows_invalid, failure };
    Ok(EndedRun { record, conducted, store, lines })
}

/// The most requests a second that `selftest` measured for this machine, script and number of threads.
fn ceiling_per_s(settings: &RunSettings, prepared: &Prepared) -> Option<f64> {
    let path = settings.destinations.database.as_ref()?;
    let store = Store::open_read_only(path).ok()?;
    let hash = prepared.script.fingerprint();
    let found = store.calibration(&Machine::this().key, Some(&hash)).ok().flatten()?;
    (found.threads == prepared.plan.threads).then_some(found.ceiling_per_s)
}

fn run_head(plan: &Plan) -> RunHead {
    let host = host_info();
    RunHead {
        run_id: new_run_id(),
        name: plan.name.clone(),
        test_type: plan.test_type,
        started_at_ms: clock::wall_now_ms(),
        plan: plan.clone(),
        tags: plan.tags.clone(),
        generator: GeneratorInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host.host,
            cores: host.cores,
            os: host.os,
        },
    }
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
    let outcome = &ended.conducted;
    let is_ours = |error: &EngineError| {
        matches!(error, EngineError::WorkerPanicked { .. } | EngineError::Thread(_))
    };
    if outcome.failure.as_ref().is_some_and(is_ours) {
        return ExitCode::Internal;
    }
    if matches!(outcome.failure, Some(EngineError::Transport(_))) {
        return ExitCode::Invalid;
    }
    Ending {
        was_interrupted: outcome.signals > 0,
        has_script_error: outcome.has_script_error,
        has_failed_threshold: ended.record.thresholds.iter().any(|threshold| !threshold.passed),
        has_regression: comparison.is_some_and(Comparison::has_regression),
        is_untrustworthy: is_invalid(&ended.record) && !outcome.allows_invalid,
        ..Ending::default()
    }
    .code()
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

fn write_files(settings: &RunSettings, record: &RunRecord) -> Result<(), CliError> {
    if let Some(path) = &settings.destinations.json {
        write_file(path, &report::json(record))?;
    }
    for file in &settings.destinations.reports {
        let format = match file.kind {
            ReportKind::Markdown => Format::Markdown,
            ReportKind::Json => Format::Json,
            ReportKind::Csv => Format::Csv,
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
    match &ended.conducted.failure {
        None => {}
        Some(EngineError::Stage { function, finding }) => {
            let text = diagnostics::render(std::slice::from_ref(finding), printer);
            printer.error(&format!("{function} failed"), None);
            printer.error_rendered(&text);
        }
        Some(error) => printer.error(&error.to_string(), None),
    }
}
