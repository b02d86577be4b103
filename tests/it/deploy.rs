//! The build that knows what runs (`deploy/optimized.py`), but for the building, which takes longer than all tests.

use std::path::Path;
use std::time::Duration;

use crate::support::{Ended, Rhaid, is_installed};

/// Three loads of a second each, and their beginnings.
const WITHIN: Duration = Duration::from_secs(60);

/// Runs the script with the program under test as its last word; nothing where there is no Python.
fn optimized(options: &[&str]) -> Option<Ended> {
    if !is_installed("python3", "--version") {
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/optimized.py");
    let script = script.display().to_string();
    let words = [&["python3", &script], options].concat().into_iter().map(str::to_owned);
    let words: Vec<String> = words.collect();
    Some(Rhaid::new().inside(&words).spawn().wait_within(WITHIN))
}

#[test]
fn its_loads_are_made_and_everything_in_them_succeeds() {
    let Some(ended) = optimized(&["--seconds", "1", "--only-load"]) else { return };
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
}

#[test]
fn a_load_that_fails_is_no_guide() {
    let Some(ended) = optimized(&["--seconds", "0", "--only-load"]) else { return };
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("exited with 2"), "{}", ended.stderr);
}
