//! `rhaid check`: everything that can be known of a script without load, and one dry iteration with every request shown.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};

use super::CliError;
use super::args::{CheckArgs, CheckFormat, GlobalArgs};
use super::diagnostics;
use super::exit::ExitCode;
use super::prepare::{Prepared, prepare};
use super::printer::{Printer, harmless};
use super::settings::{CheckSettings, Source};
use super::target::{StartedTarget, reach_target};
use crate::engine::{DryEvent, DryRequest, RunConfig, dry_run};
use crate::plan::Plan;
use crate::script::{Finding, ScriptLimits};
use crate::units::{show_bytes, show_duration};

/// Does what `check` was asked to do. A failed check is shown and is no error; a function that does not come to its end is.
///
/// # Errors
/// Exit code 104: the script, the options or the target are not fit for a run.
pub fn check(
    args: CheckArgs,
    _global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let format = args.format;
    let mut settings = CheckSettings::new(args)
        .map_err(|error| CliError::new(ExitCode::Usage, error.to_string(), error.hint()))?;
    let mut target = settings.start.as_ref().map(StartedTarget::start).transpose()?;
    if let Some(url) = target.as_ref().and_then(|target| target.url.clone()) {
        settings.wishes.target.get_or_insert(url);
    }
    let source = Source::Script(settings.script.clone());
    let prepared = match prepare(&source, &settings.wishes, &settings.env, printer) {
        Ok(prepared) => prepared,
        Err(error) if format == CheckFormat::Json => {
            printer.data(document(&error.findings, None, &Seen::default()));
            return Ok(error.code);
        }
        Err(error) => return Err(error),
    };
    if format == CheckFormat::Text {
        printer.data(plan_text(&prepared.plan));
    }
    reach_target(&prepared.plan, &mut target, settings.start.as_ref())?;
    let seen = go_dry(prepared.clone(), format, printer)?;
    if format == CheckFormat::Json {
        printer.data(document(&seen.findings, Some(&prepared.plan), &seen));
    }
    Ok(if seen.findings.is_empty() { ExitCode::Passed } else { ExitCode::ScriptError })
}

/// What a dry run showed.
#[derive(Debug, Default)]
struct Seen {
    requests: Vec<DryRequest>,
    checks: Vec<(String, u64, u64)>,
    logs: Vec<String>,
    findings: Vec<Finding>,
}

fn go_dry(prepared: Prepared, format: CheckFormat, printer: &Printer) -> Result<Seen, CliError> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let into = seen.clone();
    let to = printer.clone();
    let config = RunConfig {
        plan: prepared.plan.into(),
        script: prepared.script,
        limits: ScriptLimits::default(),
    };
    let told = move |event: DryEvent| {
        if format == CheckFormat::Text {
            show(&event, &to);
        }
        keep(event, &mut into.borrow_mut());
    };
    dry_run(config, told).map_err(|error| CliError::plain(ExitCode::Invalid, error.to_string()))?;
    let seen = std::mem::take(&mut *seen.borrow_mut());
    Ok(seen)
}

fn keep(event: DryEvent, seen: &mut Seen) {
    match event {
        DryEvent::Begins { .. } => {}
        DryEvent::Request(request) => seen.requests.push(request),
        DryEvent::Check { name, passes, fails } => seen.checks.push((name, passes, fails)),
        DryEvent::Log(line) => seen.logs.push(line),
        DryEvent::Failed(finding) => seen.findings.push(finding),
    }
}

fn show(event: &DryEvent, printer: &Printer) {
    match event {
        DryEvent::Begins { scenario, function } if scenario.is_empty() => {
            printer.data(format!("\n{function}\n"))
        }
        DryEvent::Begins { scenario, function } => {
            printer.data(format!("\n{scenario} · {function}\n"))
        }
        DryEvent::Request(request) => printer.data(request_line(request)),
        DryEvent::Check { name, passes, fails } => {
            let mark = if *fails == 0 { "✓" } else { "✗" };
            printer.data(format!("  {mark} {}  {passes} of {}\n", harmless(name), passes + fails));
        }
        DryEvent::Log(line) => printer.data(format!("  | {}\n", harmless(line))),
        DryEvent::Failed(finding) => {
            printer.error_rendered(&diagnostics::render(std::slice::from_ref(finding), printer))
        }
    }
}

fn request_line(request: &DryRequest) -> String {
    let status = if request.status == 0 { "---".to_owned() } else { request.status.to_string() };
    let why = if request.failed {
        format!("  ✗ {}", harmless(&request.message))
    } else {
        String::new()
    };
    format!(
        "  {status}  {:>8}  {:>10}  {} {}  [{}]{why}\n",
        show_duration(request.service_time),
        show_bytes(request.bytes_received),
        request.method,
        harmless(&request.url),
        harmless(&request.step),
    )
}

fn plan_text(plan: &Plan) -> String {
    let mut text = format!("{}: the script compiles, and this is its plan\n", plan.name);
    if let Some(target) = &plan.target {
        text.push_str(&format!("  target     {target}\n"));
    }
    for line in plan.describe() {
        text.push_str(&format!("  load       {line}\n"));
    }
    for scenario in &plan.scenarios {
        let all: f64 = scenario.tasks.iter().map(|task| task.weight).sum();
        for task in &scenario.tasks {
            let share = 100.0 * task.weight / all;
            text.push_str(&format!(
                "  task       {} · {} {share:.0} %\n",
                scenario.name, task.function
            ));
        }
    }
    for threshold in &plan.thresholds {
        text.push_str(&format!("  threshold  {threshold}\n"));
    }
    text
}

fn document(findings: &[Finding], plan: Option<&Plan>, seen: &Seen) -> String {
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "file": finding.file, "line": finding.line, "column": finding.column,
                "message": finding.message, "hint": finding.hint, "source_line": finding.source_line,
            })
        })
        .collect();
    let checks: Vec<Value> = seen
        .checks
        .iter()
        .map(|(name, passes, fails)| json!({ "name": name, "passes": passes, "fails": fails }))
        .collect();
    let document = json!({
        "version": 1,
        "ok": findings.is_empty(),
        "findings": findings,
        "plan": plan.map(crate::record::redacted),
        "requests": seen.requests,
        "checks": checks,
        "logs": seen.logs,
    });
    format!("{document:#}\n")
}
