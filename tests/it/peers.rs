//! The comparisons with other tools: that they run, and that their counts add up. How fast anything is, no test here knows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::rhaid::read_json;
use crate::support::{Rhaid, missing_unless, succeeds};

/// What the comparison needs of Python.
const IS_NEW: &str = "import sys; sys.exit(sys.version_info < (3, 11))";
/// Two seconds are measured, three times at most; what is before and after takes as long again, and more on a busy machine.
const WITHIN: Duration = Duration::from_secs(90);

/// What keeps the comparison from running here.
fn obstacle() -> Option<&'static str> {
    if !succeeds(Command::new("python3").args(["-c", IS_NEW])) {
        return Some("no Python 3.11");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return Some("one core: target and tool would share it");
    }
    // `cargo test` builds it; `cargo test --test it` alone does not.
    (!target().exists()).then_some("no null target: cargo build --example null-target")
}

/// The target, beside the program under test.
fn target() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_rhaid")).with_file_name("examples").join("null-target")
}

/// Runs a comparison of few and short rounds with this program and gives what it measured; nothing where it cannot run.
fn compared(comparison: &str, options: &[&str], line: &str) -> Option<Value> {
    if let Some(obstacle) = obstacle() {
        missing_unless(false, obstacle);
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/run.py");
    // The program under test is the value of the option before it.
    let words = ["python3", &script.display().to_string(), comparison, "--rhaid"];
    let short = ["--rounds", "1", "--seconds", "2", "--connections", "10", "--json", "peers.json"];
    let mut rhaid = Rhaid::new().inside(&words.map(str::to_owned)).args(options).args(short);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
    Some(read_json(&rhaid.path("peers.json")))
}

/// Checks every sample of every tool: its counts are those of the target, and it has used something.
fn assert_adds_up(found: &Value) {
    assert_eq!(found["differences"], json!([]), "{found}");
    for setting in found["settings"].as_array().expect("tables") {
        for tool in setting["tools"].as_array().expect("tools") {
            let sample = &tool["rounds"][0];
            assert_eq!(sample["problems"], json!([]), "{sample}");
            let told = sample["told"]["requests"].as_u64().expect("a count");
            let received = sample["received"].as_u64().expect("a count");
            assert!((told..=told + 10).contains(&received), "{told} of {received}");
            assert!(sample["cpu_us_per_request"].as_f64().is_some_and(|cpu| cpu > 0.0), "{sample}");
            assert!(sample["peak_mib"].as_f64().is_some_and(|peak| peak > 1.0), "{sample}");
        }
    }
}

#[test]
fn a_comparison_measures_rhaid_and_its_counts_are_those_of_the_target() {
    let target = target().display().to_string();
    let options = ["--target", &target, "--tools", "rhaid", "--held-ms", "5"];
    let Some(found) = compared("peers", &options, "| rhaid | script, one check |") else { return };
    assert_eq!(found["settings"].as_array().map(Vec::len), Some(2), "{found}");
    assert_adds_up(&found);
}

#[test]
fn the_journey_is_measured_on_the_sample_service_and_its_counts_are_those_of_the_service() {
    // Without k6, which would have to be installed.
    let options = ["--tools", "rhaid"];
    let line = "| rhaid | signs in; lists, reads, changes |";
    let Some(found) = compared("journey", &options, line) else { return };
    assert_adds_up(&found);
}

#[test]
fn more_threads_are_held_against_one() {
    let target = target().display().to_string();
    let line = "| 4 threads | script, one check |";
    let Some(found) = compared("threads", &["--target", &target], line) else { return };
    assert_eq!(found["settings"][0]["tools"].as_array().map(Vec::len), Some(3), "{found}");
    assert_adds_up(&found);
}

#[test]
fn a_stored_and_watched_run_is_held_against_one_that_is_neither() {
    let target = target().display().to_string();
    let line = "| watched | stored, live feed with one reader |";
    let Some(found) = compared("storing", &["--target", &target], line) else { return };
    let tools = found["settings"][0]["tools"].as_array().expect("tools");
    for tool in tools {
        let ratio = tool["cpu_over_reference"][0].as_f64();
        assert!(ratio.is_some_and(|ratio| ratio > 0.0), "{tool}");
    }
    assert_eq!(tools.len(), 3, "{found}");
    assert_adds_up(&found);
}
