//! The comparison with other tools: that it runs, and that its counts add up. How fast anything is, no test here knows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::rhaid::read_json;
use crate::support::{Rhaid, skipped};

/// What the comparison needs of Python.
const IS_NEW: &str = "import sys; sys.exit(sys.version_info < (3, 11))";
/// Two seconds are measured; what is before and after takes as long again, and more on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// What keeps the comparison from running here.
fn obstacle() -> Option<&'static str> {
    let python = Command::new("python3").args(["-c", IS_NEW]).status();
    if !python.is_ok_and(|status| status.success()) {
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

#[test]
fn a_comparison_measures_rhaid_and_its_counts_are_those_of_the_target() {
    if let Some(obstacle) = obstacle() {
        let is_required = std::env::var("RHAID_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!is_required, "{obstacle}");
        return skipped(obstacle);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/run.py");
    let (script, target) = (script.display().to_string(), target().display().to_string());
    // The program under test is the value of the option before it.
    let words = ["python3", &script, "--rhaid"].map(str::to_owned);
    let short = ["--target", &target, "--tools", "rhaid", "--rounds", "1", "--seconds", "2"];
    let mut rhaid = Rhaid::new().inside(&words).args(short);
    rhaid = rhaid.args(["--connections", "10", "--held-ms", "5", "--json", "peers.json"]);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("| rhaid | script, one check |"), "{}", ended.stdout);
    let found = read_json(&rhaid.path("peers.json"));
    for setting in found["settings"].as_array().expect("two tables") {
        let sample = &setting["tools"][0]["rounds"][0];
        assert_eq!(sample["problems"].as_array().map(Vec::len), Some(0), "{sample}");
        let told = sample["told"]["requests"].as_u64().expect("a count");
        let received = sample["received"].as_u64().expect("a count");
        assert!((told..=told + 10).contains(&received), "{told} of {received}");
        assert!(sample["cpu_us_per_request"].as_f64().is_some_and(|cpu| cpu > 0.0), "{sample}");
        assert!(sample["peak_mib"].as_f64().is_some_and(|peak| peak > 1.0), "{sample}");
    }
}
