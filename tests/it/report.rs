//! Runs kept, shown again, compared and deleted; the record against its schema.

use std::path::Path;

use serde_json::Value;

use crate::support::rhaid::read_json;
use crate::support::{Ended, Rhaid, TargetApi};

/// Two runs of one plan, tagged `build=one` and `build=two`, and a third of another.
fn three_runs() -> (TargetApi, Rhaid) {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = Rhaid::new();
    for (vus, tag, json) in
        [("2", "build=one", "1.json"), ("2", "build=two", "2.json"), ("3", "build=other", "3.json")]
    {
        rhaid = rhaid.args(["run", &url, "-u", vus, "-d", "1s", "--tag", tag, "--json", json]);
        let ended = rhaid.run();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    (target, rhaid)
}

fn report(rhaid: Rhaid, args: &[&str]) -> (Rhaid, Ended) {
    let mut rhaid = rhaid.args(["report"]).args(args);
    let ended = rhaid.run();
    (rhaid, ended)
}

#[track_caller]
fn shown(rhaid: Rhaid, args: &[&str], words: &[&str]) -> Rhaid {
    let (rhaid, ended) = report(rhaid, args);
    assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
    for word in words {
        assert!(ended.stdout.contains(word), "{args:?}: no {word:?} in:\n{}", ended.stdout);
    }
    rhaid
}

#[track_caller]
fn refused(rhaid: Rhaid, args: &[&str], words: &[&str]) -> Rhaid {
    let (rhaid, ended) = report(rhaid, args);
    assert_eq!(ended.code, Some(104), "{args:?}: {}", ended.stdout);
    assert_eq!(ended.stdout, "", "{args:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{args:?}: no {word:?} in:\n{}", ended.stderr);
    }
    rhaid
}

#[track_caller]
pub(crate) fn assert_valid(record: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/run-record.schema.json");
    let schema = read_json(&path);
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let problems: Vec<_> = validator
        .iter_errors(record)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// What DESIGN.md section 5 promises of the record.
#[track_caller]
fn assert_has_promised_fields(record: &Value) {
    let fields = |of: &Value, names: &[&str]| {
        for name in names {
            assert!(of.get(name).is_some(), "no {name:?} in {of}");
        }
    };
    fields(record, &["run_id", "status", "exit_code", "plan", "validity", "steps", "phases"]);
    fields(record, &["checks", "thresholds", "errors", "resources", "totals"]);
    fields(&record["resources"], &["generator", "target"]);
    let totals = ["planned", "started", "dropped", "requests", "failed", "throughput"];
    fields(&record["totals"], &totals);
    let step = &record["steps"][0];
    fields(step, &["name", "count", "failed"]);
    for distribution in ["http_req_duration", "http_req_response_time"] {
        let figures = ["min", "avg", "p50", "p90", "p95", "p99", "p99_9", "max"];
        fields(&step[distribution], &figures);
    }
    let totals = &record["totals"];
    let count = |name: &str| totals[name].as_u64().expect("a count");
    assert_eq!(count("planned"), count("started") + count("dropped"));
}

#[test]
fn runs_are_listed_and_shown_in_every_format() {
    let (_target, rhaid) = three_runs();
    let rhaid = shown(rhaid, &[], &["i/health", "2 VUs", "3 VUs", "finished"]);
    let rhaid = shown(rhaid, &["--format", "markdown"], &["| 3 |", "| 1 |", "build=one"]);
    let rhaid = shown(rhaid, &["--format", "csv"], &["run_id", "build=two"]);
    let rhaid = shown(rhaid, &["1"], &["GET /api/health", "http_req_duration", "2 VUs"]);
    let rhaid = shown(rhaid, &["1", "--format", "markdown"], &["# ", "## Steps"]);
    let rhaid = shown(rhaid, &["1", "--format", "csv"], &["http_req_duration_p95_ms"]);
    let (rhaid, ended) = report(rhaid, &["--format", "json", "--tag", "build=two"]);
    let listed: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["id"], 2);
    let (rhaid, ended) = report(rhaid, &["--tag", "build=none"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert!(ended.stderr.contains("no runs with that tag"), "{}", ended.stderr);
    let (_, ended) = report(rhaid, &["--format", "json", "--limit", "2"]);
    let listed: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&3.into(), &2.into()), "the newest first");
}

#[test]
fn record_is_what_its_schema_and_the_design_promise() {
    let (_target, rhaid) = three_runs();
    let written = read_json(&rhaid.path("3.json"));
    assert_valid(&written);
    assert_has_promised_fields(&written);
    let (_, ended) = report(rhaid, &["last", "--format", "json"]);
    let stored: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_valid(&stored);
    assert_has_promised_fields(&stored);
    for same in ["run_id", "status", "exit_code", "totals", "plan", "tags"] {
        assert_eq!(written[same], stored[same], "{same}");
    }
    assert_eq!(written["steps"], stored["steps"], "percentiles come from the same histograms");
}

#[test]
fn runs_are_compared_when_their_plans_are_alike() {
    let (_target, rhaid) = three_runs();
    let words = ["A  run 1", "B  run 2", "GET /api/health", "p95", "change"];
    let rhaid = shown(rhaid, &["1", "2"], &words);
    let rhaid = refused(rhaid, &["last~1", "last"], &["plans differ", "2 VUs", "3 VUs", "--force"]);
    let rhaid = shown(rhaid, &["last~1", "last", "--force"], &["A  run 2", "B  run 3", "unlike"]);
    let (rhaid, ended) = report(rhaid, &["2", "--baseline", "build=one"]);
    // Two runs of one second may well differ: then the baseline was missed.
    assert!(matches!(ended.code, Some(0 | 111)), "{}", ended.stderr);
    assert!(ended.stdout.contains("A  run 1"), "{}", ended.stdout);
    refused(rhaid, &["2", "--baseline", "build=none"], &["build=none"]);
}

#[test]
fn unknown_run_is_refused() {
    let (_target, rhaid) = three_runs();
    let rhaid = refused(rhaid, &["77"], &["\"77\"", "rhaid report"]);
    let rhaid = refused(rhaid, &["last~9"], &["last~9"]);
    refused(rhaid, &["rm", "77"], &["\"77\""]);
}

#[test]
fn deleted_runs_are_gone() {
    let (_target, rhaid) = three_runs();
    let (rhaid, ended) = report(rhaid, &["rm", "1", "2"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("deleted 2 runs"), "{}", ended.stderr);
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM test_runs"), 1);
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM test_metrics WHERE run_id <> 3"), 0);
    refused(rhaid, &["1"], &["\"1\""]);
}

#[test]
fn output_goes_to_a_file() {
    let (_target, rhaid) = three_runs();
    let args = ["1", "--format", "markdown", "-o", "run.md"];
    let (rhaid, ended) = report(rhaid, &args);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    let text = std::fs::read_to_string(rhaid.path("run.md")).expect("it was written");
    assert!(text.contains("## Steps"), "{text}");
    let rhaid = refused(rhaid, &args, &["run.md", "--force"]);
    let (_, ended) = report(rhaid, &["1", "-o", "run.md", "--force"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn nothing_kept_yet_is_no_error() {
    let (rhaid, ended) = report(Rhaid::new(), &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert!(ended.stderr.contains("rhaid run"), "{}", ended.stderr);
    refused(rhaid, &["1"], &["rhaid.db"]);
}
