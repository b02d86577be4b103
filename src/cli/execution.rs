//! What all verbs that make load do around it: a target started and reached, outputs opened, the engine led to its end.

use super::CliError;
use super::args::OutputSpec;
use super::conduct::{Conducted, Conducting, Lead, conduct};
use super::exit::{Ending, ExitCode};
use super::judge::judge_run;
use super::prepare::Prepared;
use super::printer::Printer;
use super::progress::Progress;
use super::selftest::Machine;
use super::settings::{RunSettings, TargetStart};
use super::target::{StartedTarget, check_reachable, find_target};
use crate::clock;
use crate::control::{FeedOutput, RunLink};
use crate::engine::{self, EngineError, Run, RunConfig};
use crate::pipeline::{HistogramLog, JsonLines, Output, RunHead};
use crate::plan::Plan;
use crate::plan::layers::Wishes;
use crate::record::{GeneratorInfo, RunRecord, Verdict, new_run_id};
use crate::script::ScriptLimits;
use crate::store::{Store, StoreOutput};
use crate::watch::{host_info, is_on_this_machine};

/// A run that has ended, with the outputs that still want its record.
pub(super) struct EndedRun {
    pub(super) record: RunRecord,
    pub(super) outcome: Outcome,
    pub(super) store: Option<StoreOutput>,
    pub(super) lines: Vec<Box<dyn Output>>,
}

/// Who is told how a run is going.
pub(super) struct Follower<'p> {
    pub(super) printer: &'p Printer,
    /// Those who control and watch it from elsewhere.
    pub(super) link: Option<RunLink>,
}

/// What the exit code depends on.
pub(super) struct Outcome {
    signals: u32,
    is_stopped: bool,
    has_script_error: bool,
    allows_invalid: bool,
    pub(super) failure: Option<EngineError>,
}

impl EndedRun {
    /// The exit code of a run that nothing else is asked of than what `asked` says.
    pub(super) fn exit_code(&self, asked: Ending) -> ExitCode {
        let outcome = &self.outcome;
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
            was_interrupted: outcome.signals > 0 || outcome.is_stopped,
            has_script_error: outcome.has_script_error,
            is_untrustworthy: is_invalid(&self.record) && !outcome.allows_invalid,
            ..asked
        }
        .code()
    }
}

/// Whether the numbers say more about the generator than about the target.
fn is_invalid(record: &RunRecord) -> bool {
    record.findings.validity.as_ref().is_some_and(|found| found.verdict == Verdict::Invalid)
}

/// Everything checked by `prepare`, and the target answering.
///
/// # Errors
/// Whatever keeps a run from starting.
pub(super) fn ready(
    settings: &RunSettings,
    prepare: impl FnOnce(&Wishes) -> Result<Prepared, CliError>,
) -> Result<(Prepared, Option<StartedTarget>), CliError> {
    let mut target = settings.start.as_ref().map(StartedTarget::start).transpose()?;
    let mut wishes = settings.wishes.clone();
    if let Some(url) = target.as_ref().and_then(|target| target.url.clone()) {
        wishes.target.get_or_insert(url);
    }
    let prepared = prepare(&wishes)?;
    reach_target(&prepared.plan, &mut target, settings.start.as_ref())?;
    Ok((prepared, target))
}

/// Waits until a target that was started answers; without one the target must answer now.
///
/// # Errors
/// When it does not.
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

/// Makes the load that the plan asks for, or what `lead` says leg by leg, and judges a run that was not led.
///
/// # Errors
/// When an output cannot be opened, and when the system gives no thread.
pub(super) fn execute<'l>(
    settings: &RunSettings,
    prepared: Prepared,
    target: Option<StartedTarget>,
    lead: Option<&'l mut (dyn Lead + 'l)>,
    follower: Follower<'_>,
) -> Result<EndedRun, CliError> {
    let Follower { printer, link } = follower;
    let mut head = run_head(&prepared.plan);
    let mut live = link.as_ref().map(|link| FeedOutput(link.feed.clone()));
    if let Some(link) = &link {
        head.run_id.clone_from(&link.run_id);
    }
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
    outputs.extend(live.iter_mut().map(|live| live as &mut dyn Output));
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
    let config = RunConfig {
        plan: head.plan.clone().into(),
        script: prepared.script,
        limits,
        has_halves: link.is_some(),
    };
    let no_thread = |error: String| {
        CliError::new(ExitCode::Internal, error, "free some of the system's resources")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| no_thread(error.to_string()))?;
    let target_is_local =
        watched.destinations.iter().any(|address| is_on_this_machine(address.ip()));
    let is_led = lead.is_some();
    let what = Conducting { head: &head, outputs, watched, target_is_local, printer, lead, link };
    let mut conducted = runtime
        .block_on(async {
            let launch = if is_led { Run::launch_in_legs } else { Run::launch };
            let run = launch(config).map_err(|error| error.to_string())?;
            conduct(run, what).await.map_err(|error| error.to_string())
        })
        .map_err(no_thread)?;
    progress.clear();
    if !is_led {
        judge_run(&mut conducted, target_is_local, ceiling);
    }
    drop(target);
    let Conducted { record, signals, is_stopped, has_script_error, failure, .. } = conducted;
    let allows_invalid = settings.allows_invalid;
    let outcome = Outcome { signals, is_stopped, has_script_error, allows_invalid, failure };
    Ok(EndedRun { record, outcome, store, lines })
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
            transport: Some(engine::carrier(plan).to_owned()),
        },
    }
}
