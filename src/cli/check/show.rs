//! How `check` shows a plan and what a dry iteration did, for people and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::printer::{harmless, plural};
use crate::cli::settings::without_password;
use crate::engine::{DryCheck, DryEvent, DryReport, DryRequest};
use crate::plan::{Plan, Scenario};
use crate::script::Finding;
use crate::units::{show_bytes, show_duration};

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

/// The plan in some lines.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = format!("{}\n", harmless(&plan.name));
    let target = plan.target.as_deref().map_or("none".to_owned(), without_password);
    row(&mut text, "target", [target]);
    row(&mut text, "load", plan.describe());
    let several = plan.scenarios.len() > 1;
    row(&mut text, "tasks", plan.scenarios.iter().map(|scenario| tasks(scenario, several)));
    row(&mut text, "thresholds", plan.thresholds.iter().map(ToString::to_string));
    text
}

/// A word, and its values below each other; nothing when there is none.
fn row(text: &mut String, word: &str, values: impl IntoIterator<Item = String>) {
    for (index, value) in values.into_iter().enumerate() {
        let word = if index == 0 { word } else { "" };
        let _ = writeln!(text, "  {word:<12}{}", harmless(&value));
    }
}

/// `member: list_teams 75 %, update_profile 25 %`, with what is called before and after them.
fn tasks(scenario: &Scenario, several: bool) -> String {
    let all: f64 = scenario.tasks.iter().map(|task| task.weight).sum();
    let mut parts: Vec<String> = scenario
        .tasks
        .iter()
        .map(|task| {
            let share = 100.0 * task.weight / all;
            format!("{} {} ({share:.0} %)", task.function, task.weight)
        })
        .collect();
    if let Some(function) = &scenario.on_start {
        parts.insert(0, format!("first {function}"));
    }
    if let Some(function) = &scenario.on_stop {
        parts.push(format!("last {function}"));
    }
    let name = if several { format!("{}: ", scenario.name) } else { String::new() };
    format!("{name}{}", parts.join(", "))
}

/// Everything that happened, a line each, and a last line that counts it.
pub(super) fn events(report: &DryReport, has_color: bool) -> String {
    let mark = |good: bool| match (good, has_color) {
        (true, true) => format!("{GREEN}✓{RESET}"),
        (false, true) => format!("{RED}✗{RESET}"),
        (true, false) => "✓".to_owned(),
        (false, false) => "✗".to_owned(),
    };
    let mut text = String::from("\ndry iteration\n");
    for event in &report.events {
        let line = match event {
            DryEvent::Call { scenario, function } if scenario == function => {
                format!("  {function}")
            }
            DryEvent::Call { scenario, function } => format!("  {scenario}: {function}"),
            DryEvent::Request(request) => {
                format!("    {} {}", mark(!request.failed), harmless(&request_line(request)))
            }
            DryEvent::Check(check) => {
                format!("    {} check: {}", mark(check.passed), harmless(&check.name))
            }
            DryEvent::Log(line) => format!("      log: {}", harmless(line)),
            DryEvent::Error(error) => {
                format!("    {} {}", mark(false), harmless(&error.finding.to_string()))
            }
        };
        let _ = writeln!(text, "{line}");
    }
    if report.left_out > 0 {
        let _ = writeln!(text, "  … and {} more", plural(report.left_out, "event"));
    }
    text.push_str(&counted(report));
    text
}

/// `POST /api/auth/login  200  1.2ms  312 B  http://127.0.0.1:8117/api/auth/login`.
fn request_line(request: &DryRequest) -> String {
    let status = match (request.status, request.failure) {
        (status, None) => status.to_string(),
        (_, Some(kind)) => kind.to_string(),
    };
    // A named step does not say its method.
    let step = match request.name.starts_with(&format!("{} ", request.method)) {
        true => request.name.clone(),
        false => format!("{} {}", request.method, request.name),
    };
    let mut line = format!(
        "{step:<32}  {status:>3}  {:>7}  {:>9}  {}",
        show_duration(request.service_time),
        show_bytes(request.bytes_received),
        request.url
    );
    if request.failed {
        let _ = write!(line, "  failed: {}", request.message);
    }
    line
}

fn counted(report: &DryReport) -> String {
    let count = |matches: fn(&DryEvent) -> bool| {
        report.events.iter().filter(|event| matches(event)).count() as u64
    };
    let requests = count(|event| matches!(event, DryEvent::Request(_)));
    let failed = count(|event| matches!(event, DryEvent::Request(r) if r.failed));
    let checks = count(|event| matches!(event, DryEvent::Check(_)));
    let unmet = count(|event| matches!(event, DryEvent::Check(c) if !c.passed));
    let errors = count(|event| matches!(event, DryEvent::Error(_)));
    format!(
        "\n{} ({failed} failed), {} ({unmet} failed), {}\n",
        plural(requests, "request"),
        plural(checks, "check"),
        plural(errors, "script error"),
    )
}

/// The same for programs. `plan` is null when the script is not right.
pub(super) fn json(findings: &[Finding], plan: Option<&Plan>, report: &DryReport) -> String {
    let (mut requests, mut checks, mut errors, mut logs) = (vec![], vec![], vec![], vec![]);
    for event in &report.events {
        match event {
            DryEvent::Call { .. } => {}
            DryEvent::Request(request) => requests.push(request_json(request)),
            DryEvent::Check(DryCheck { scenario, task, name, passed }) => checks.push(
                json!({ "scenario": scenario, "task": task, "name": name, "passed": passed }),
            ),
            DryEvent::Log(line) => logs.push(json!(line)),
            DryEvent::Error(error) => {
                let mut one = json!({ "scenario": error.scenario, "task": error.task });
                if let (Value::Object(one), Value::Object(more)) =
                    (&mut one, finding_json(&error.finding))
                {
                    one.extend(more);
                }
                errors.push(one);
            }
        }
    }
    let ok = findings.is_empty() && errors.is_empty();
    let findings: Vec<Value> = findings.iter().map(finding_json).collect();
    let all = json!({
        "ok": ok,
        "findings": findings,
        "plan": plan,
        "requests": requests,
        "checks": checks,
        "logs": logs,
        "errors": errors,
        "left_out": report.left_out,
    });
    format!("{all:#}\n")
}

fn request_json(request: &DryRequest) -> Value {
    json!({
        "scenario": request.scenario,
        "task": request.task,
        "name": request.name,
        "method": request.method,
        "url": request.url,
        "status": (request.status > 0).then_some(request.status),
        "service_time_ms": request.service_time.as_secs_f64() * 1e3,
        "bytes_sent": request.bytes_sent,
        "bytes_received": request.bytes_received,
        "failed": request.failed,
        "failure": request.failure.map(|kind| kind.to_string()),
        "message": request.message,
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "file": finding.file,
        "line": (finding.line > 0).then_some(finding.line),
        "column": (finding.line > 0).then_some(finding.column),
        "source_line": finding.source_line,
        "message": finding.message,
        "hint": finding.hint,
    })
}
