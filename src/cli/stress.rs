//! `rhaid stress`: finds the load at which the target breaks, the load that it bears, and what gives first.

mod bottleneck;
mod guide;
mod lead;
mod measure;
mod settings;

use super::CliError;
use super::args::{GlobalArgs, StressArgs};
use super::conclusion::conclude;
use super::execution::{EndedRun, Follower, execute, ready};
use super::exit::{Ending, ExitCode};
use super::limits::check_limits;
use super::prepare::prepare;
use super::printer::Printer;
use crate::analysis::validity::{Reason, Signal, Validity, Verdict};
use crate::plan::TestType;
use crate::record::{ProbePurpose, StressFinding, StressState};
use crate::report;
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
    let run = &settings.run;
    let (mut prepared, target) =
        ready(run, |wishes| prepare(&run.source, wishes, &run.env, printer))
            .inspect_err(|_| say(StressState::Error, printer))?;
    prepared.plan.test_type = TestType::Stress;
    check_limits(&prepared.plan, run.vu_stack_bytes, printer);
    say(StressState::StressBinarySearch, printer);
    let plan = prepared.plan.clone();
    let mut lead = StressLead::new(&plan, settings, printer);
    let mut ended = execute(run, prepared, target, Some(&mut lead), follower)?;
    let mut found = lead.finding();
    found.bottleneck = bottleneck::bottleneck(&found, &ended.record);
    say(found.state, printer);
    printer.data(report::stress_answer(&found) + "\n");
    ended.record.findings.validity = Some(validity(&found));
    let code = exit_code(&ended, &found, settings);
    ended.record.findings.stress = Some(found);
    conclude(run, ended, code, None, printer)
}

fn say(state: StressState, printer: &Printer) {
    printer.talk(&format!("state: {}", state.as_str()));
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
