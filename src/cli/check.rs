//! `rhaid check`: everything that can be known of a script without load, and one dry iteration with every request shown.

mod show;

use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use super::args::{CheckArgs, CheckFormat, GlobalArgs};
use super::diagnostics;
use super::execution::reach_target;
use super::exit::ExitCode;
use super::prepare::{Prepared, find};
use super::printer::Printer;
use super::settings::{CheckSettings, Source, TargetStart};
use super::target::StartedTarget;
use crate::engine::{DryEvent, DryReport, EngineError, RunConfig, dry_run};
use crate::script::{Finding, ScriptError, ScriptLimits};

/// Stands for the address of a sample service that is not started before the script is known to be right.
const NOT_YET_STARTED: &str = "http://127.0.0.1:1";

/// Does what `check` was asked to do.
///
/// # Errors
/// Exit code 104: what is wrong with the script or its options, or a target that does not answer.
pub fn check(args: CheckArgs, _: &GlobalArgs, printer: &Printer) -> Result<ExitCode, CliError> {
    let format = args.format;
    let settings = CheckSettings::new(args)
        .map_err(|error| CliError::new(ExitCode::Usage, error.to_string(), error.hint()))?;
    let (mut prepared, target) = match ready(settings) {
        Ok(ready) => ready,
        Err(refusal) => return Err(refuse(refusal, format, printer)),
    };
    if format == CheckFormat::Text {
        printer.data(show::plan(&prepared.plan));
    }
    let Some(report) = iterate(&mut prepared)? else { return Ok(ExitCode::Interrupted) };
    drop(target);
    match format {
        CheckFormat::Text => printer.data(show::events(&report, printer.data_has_color())),
        CheckFormat::Json => printer.data(show::json(&[], Some(&prepared.plan), &report)),
    }
    let findings = findings(&report);
    if findings.is_empty() {
        return Ok(ExitCode::Passed);
    }
    printer.error_rendered(&diagnostics::render(&findings, printer));
    Ok(ExitCode::ScriptError)
}

/// Why there is no dry iteration.
enum Refusal {
    /// The script or its options are wrong.
    Script(ScriptError),
    /// The target does not answer.
    Target(Box<CliError>),
}

/// Checks the script, and only then starts or reaches the target.
fn ready(settings: CheckSettings) -> Result<(Prepared, Option<StartedTarget>), Refusal> {
    let CheckSettings { script, mut wishes, env, start } = settings;
    let takes_address = wishes.target.is_none() && matches!(start, Some(TargetStart::Demo { .. }));
    if takes_address {
        wishes.target = Some(NOT_YET_STARTED.to_owned());
    }
    let mut prepared = find(&Source::Script(script), &wishes, &env).map_err(Refusal::Script)?;
    let mut begin = || -> Result<Option<StartedTarget>, CliError> {
        let mut target = start.as_ref().map(StartedTarget::start).transpose()?;
        if takes_address {
            prepared.plan.target = target.as_ref().and_then(|target| target.url.clone());
        }
        reach_target(&prepared.plan, &mut target, start.as_ref())?;
        Ok(target)
    };
    let target = begin().map_err(|error| Refusal::Target(Box::new(error)))?;
    Ok((prepared, target))
}

fn refuse(refusal: Refusal, format: CheckFormat, printer: &Printer) -> CliError {
    let nothing = DryReport { events: Vec::new(), left_out: 0 };
    let (findings, error) = match refusal {
        Refusal::Script(error) => {
            let shown = diagnostics::script_error(&error, ExitCode::Invalid, printer);
            (error.findings, shown)
        }
        Refusal::Target(error) => {
            let finding = Finding {
                file: "target".to_owned(),
                line: 0,
                column: 0,
                source_line: String::new(),
                message: error.message.clone(),
                hint: error.hint.clone(),
            };
            (vec![finding], *error)
        }
    };
    if format == CheckFormat::Json {
        printer.data(show::json(&findings, None, &nothing));
    }
    error
}

/// The dry iteration; `None` when a signal came before its end. The started target is stopped in either case.
fn iterate(prepared: &mut Prepared) -> Result<Option<DryReport>, CliError> {
    let config = RunConfig {
        plan: prepared.plan.clone().into(),
        script: prepared.script.clone(),
        limits: ScriptLimits::default(),
        has_halves: false,
    };
    let no_thread = |error: std::io::Error| {
        CliError::new(
            ExitCode::Internal,
            format!("the system gave no worker thread: {error}"),
            "free some of the system's resources",
        )
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let iteration = tokio::task::spawn_blocking(move || dry_run(config));
        Ok(tokio::select! {
            ended = iteration => Some(ended),
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        })
    });
    // After a signal the script may still wait for the target; nobody waits for the script.
    runtime.shutdown_background();
    match ended.map_err(no_thread)? {
        None => Ok(None),
        Some(Ok(Ok(report))) => Ok(Some(report)),
        Some(Ok(Err(error))) => Err(engine_error(&error)),
        Some(Err(panic)) => Err(CliError::plain(ExitCode::Internal, panic.to_string())),
    }
}

fn engine_error(error: &EngineError) -> CliError {
    let code = match error {
        EngineError::Script(_) | EngineError::Transport(_) => ExitCode::Invalid,
        _ => ExitCode::Internal,
    };
    CliError::plain(code, error.to_string())
}

fn findings(report: &DryReport) -> Vec<Finding> {
    let finding = |event: &DryEvent| match event {
        DryEvent::Error(error) => Some(error.finding.clone()),
        _ => None,
    };
    report.events.iter().filter_map(finding).collect()
}
