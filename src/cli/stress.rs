//! `rhaid stress`: finds the load at which the target breaks, the load that it bears, and what gives first.

mod bottleneck;
mod guide;
mod lead;
mod measure;
mod settings;

use super::CliError;
use super::args::{GlobalArgs, StressArgs};
use super::diagnostics;
use super::execution::{
    EndedRun, Follower, check_limits, execute, reach_target, store, write_files,
};
use super::exit::{Ending, ExitCode};
use super::prepare::{Prepared, prepare};
use super::printer::Printer;
use super::run::text_options;
use super::target::{StartedTarget, find_target};
use crate::analysis::validity::{Reason, Signal, Validity, Verdict};
use crate::engine::EngineError;
use crate::plan::TestType;
use crate::record::{ProbePurpose, StressFinding, StressState};
use crate::report::{self, TextOptions};
use crate::watch::is_on_this_machine;
use lead::StressLead;
pub(super) use settings::StressSettings;

/// Does what `stress` was asked to do.
///
/// # Errors
/// Whatever keeps the search from starting; see [`ExitCode`].
pub(super) fn stress(
    args: StressArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let settings = StressSettings::new(args, global)?;
    stress_with(&settings, Follower { printer, link: None })
}

/// Does what `settings` say.
///
/// # Errors
/// As [`stress`].
pub(super) fn stress_with(
    settings: &StressSettings,
    follower: Follower<'_>,
) -> Result<ExitCode, CliError> {
    let printer = follower.printer;
    say(StressState::Queued, printer);
    let (mut prepared, target) =
        ready(settings, printer).inspect_err(|_| say(StressState::Error, printer))?;
    prepared.plan.test_type = TestType::Stress;
    check_limits(&prepared.plan, printer);
    say(StressState::StressBinarySearch, printer);
    let watched = find_target(target.as_ref(), &prepared.plan);
    let is_local = watched.destinations.iter().any(|address| is_on_this_machine(address.ip()));
    let plan = prepared.plan.clone();
    let mut lead = StressLead::new(&plan, settings, is_local, printer);
    let mut ended = execute(&settings.run, prepared, target, Some(&mut lead), follower)?;
    let mut found = lead.finding();
    found.bottleneck = bottleneck::bottleneck(&found, &ended.record);
    say(found.state, printer);
    printer.data(report::stress_answer(&found) + "\n");
    ended.record.findings.validity = Some(validity(&found));
    let code = exit_code(&ended, &found, settings);
    ended.record.findings.stress = Some(found);
    ended.record.exit_code = Some(code.into());
    store(&settings.run, &mut ended, printer);
    write_files(&settings.run, &ended.record)?;
    show(settings, &ended, printer);
    if code != ExitCode::Passed {
        printer.talk(&format!("{code}"));
    }
    Ok(code)
}

fn say(state: StressState, printer: &Printer) {
    printer.talk(&format!("state: {}", state.as_str()));
}

/// Everything checked and the target answering.
fn ready(
    settings: &StressSettings,
    printer: &Printer,
) -> Result<(Prepared, Option<StartedTarget>), CliError> {
    let run = &settings.run;
    let mut target = run.start.as_ref().map(StartedTarget::start).transpose()?;
    let mut wishes = run.wishes.clone();
    if let Some(url) = target.as_ref().and_then(|target| target.url.clone()) {
        wishes.target.get_or_insert(url);
    }
    let prepared = prepare(&run.source, &wishes, &run.env, printer)?;
    reach_target(&prepared.plan, &mut target, run.start.as_ref())?;
    Ok((prepared, target))
}

/// The worst of the probes that count, and whether the generator was the limit.
fn validity(found: &StressFinding) -> Validity {
    let counted = found.probes.iter().filter(|probe| probe.purpose != ProbePurpose::WarmUp);
    let is_degraded = counted.clone().any(|probe| probe.validity > Verdict::Valid);
    let mut reasons = Vec::new();
    if found.is_generator_limited {
        let message = found.irregular.first().cloned().unwrap_or_default();
        reasons.push(Reason { verdict: Verdict::Invalid, signal: Signal::Ceiling, message });
    } else if is_degraded {
        let spoilt = counted.filter(|probe| probe.validity > Verdict::Valid).count();
        let message = format!(
            "the generator was strained in {spoilt} of {} probes; those that it spoilt were not counted",
            found.probes.len()
        );
        reasons.push(Reason { verdict: Verdict::Degraded, signal: Signal::Cpu, message });
    }
    let verdict = reasons.first().map_or(Verdict::Valid, |reason| reason.verdict);
    Validity { verdict, reasons, notes: Vec::new() }
}

fn exit_code(ended: &EndedRun, found: &StressFinding, settings: &StressSettings) -> ExitCode {
    let capacity = found.max_sustainable.as_ref().map_or(0.0, |found| found.value);
    let is_below = settings.required_per_s.is_some_and(|required| capacity < required);
    ended.exit_code(Ending { is_below_capacity: is_below, ..Ending::default() })
}

fn show(settings: &StressSettings, ended: &EndedRun, printer: &Printer) {
    let stored = settings.run.destinations.database.as_ref().filter(|_| ended.record.id > 0);
    let options = TextOptions {
        stored_in: stored.map(|path| path.display().to_string()),
        ..text_options(printer)
    };
    printer.data(report::summary(&ended.record, &options));
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
