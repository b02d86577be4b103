//! What `rhaid selftest` measures, shows, keeps and leaves behind. How fast anything is, no test here knows.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Rhaid, Running, TargetApi, children, is_alive, poll};

/// Within this something outside that is asked for has happened.
const SOON: Duration = Duration::from_secs(8);
/// A short selftest.
const SHORT: [&str; 5] = ["selftest", "-d", "1s", "-u", "4"];

/// Waits until the first figure is measured, and gives the process of the null server.
#[track_caller]
fn wait_for_null_server(running: &Running) -> u32 {
    let begun = poll(SOON, || running.stderr().contains("measuring").then_some(()));
    assert!(begun.is_some(), "nothing is measured: {}", running.stderr());
    let servers = children(running.pid());
    assert_eq!(servers.len(), 1, "one null server");
    servers[0]
}

#[track_caller]
fn wait_for_its_end(server: u32) {
    let ended = poll(SOON, || (!is_alive(server)).then_some(()));
    assert!(ended.is_some(), "the null server goes on");
}

#[track_caller]
fn positive(value: &Value) -> f64 {
    value
        .as_f64()
        .filter(|number| *number > 0.0)
        .unwrap_or_else(|| panic!("{value} is not above 0"))
}

#[test]
fn figures_are_shown_and_kept_and_nothing_is_left_behind() {
    let mut rhaid = Rhaid::new().args(SHORT);
    let running = rhaid.spawn();
    let server = wait_for_null_server(&running);
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    wait_for_its_end(server);
    for word in ["one GET and a check", "  ceiling  ", "  floor    ", "  lag      ", "keep below "]
    {
        assert!(ended.stdout.contains(word), "no {word:?} in:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("measuring"), "talk is no data:\n{}", ended.stdout);
    let kept = "SELECT COUNT(*) FROM calibrations
                WHERE script_hash IS NULL AND ceiling_per_s > 0 AND floor_us > 0 AND lag_rate_per_s > 0";
    assert_eq!(rhaid.query(kept), 1);
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM test_runs"), 0, "it is no test");
}

#[test]
fn scripts_are_measured_without_think_time_and_without_a_request_to_anybody_else() {
    let other = TargetApi::start(&[]);
    let script = r#"
let options = #{ target: env("OTHER"), think_time: constant("1h"), load: #{ vus: 2, duration: "1h" } };
const OTHER = env("OTHER");
fn on_start(user) { user.header("authorization", user.post("/login").json().token); }
fn look(user) {
    let r = user.get(global::OTHER + "/api/teams");
    check(r, "has items", pick(r.json().items).id == 1);
}
"#;
    let rhaid = Rhaid::new();
    let path = rhaid.script("a.rhai", script);
    let variable = format!("OTHER={}", other.url());
    let mut rhaid = rhaid.args(SHORT).args([&path, "-e", &variable, "--format", "json", "-q"]);
    let ended = rhaid.run();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(other.received(), 0, "the script's own target is left alone");

    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&told["script"], &told["instead_of_script"]), (&path.into(), &Value::Null));
    assert_eq!(told["script_hash"].as_str().map(str::len), Some(16));
    let ceiling = positive(&told["ceiling_per_s"]);
    let ratio = |key: &str| positive(&told[key]) / ceiling;
    assert!((ratio("degraded_above_per_s") - 0.7).abs() < 1e-9, "{told}");
    assert!((ratio("invalid_above_per_s") - 0.9).abs() < 1e-9, "{told}");
    positive(&told["floor_us"]);
    positive(&told["machine"]["cores"]);
    let lags = told["lag"].as_array().expect("a lag for each rate");
    assert!(!lags.is_empty() && lags.iter().all(|lag| lag["rate_per_s"].is_number()), "{told}");
    let hash = told["script_hash"].as_str().expect("text");
    let kept = format!("SELECT COUNT(*) FROM calibrations WHERE script_hash = '{hash}'");
    assert_eq!(rhaid.query(&kept), 1);
}

#[test]
fn a_script_that_needs_real_answers_gives_way_to_a_plain_request() {
    let rhaid = Rhaid::new();
    let text =
        "fn look(user) { if user.get(\"/\").json().stock == () { user.fail(\"sold out\"); } }\n";
    let path = rhaid.script("a.rhai", text);
    let mut rhaid = rhaid.args(SHORT).args([&path, "--format", "json"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let why = told["instead_of_script"].as_str().expect("a reason");
    assert!(why.contains("needs real answers") && why.contains("sold out"), "{why}");
    assert_eq!((&told["script"], &told["script_hash"]), (&Value::Null, &Value::Null));
    positive(&told["ceiling_per_s"]);
    assert!(ended.stderr.contains("measuring with one GET and a check"), "{}", ended.stderr);
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM calibrations WHERE script_hash IS NULL"), 1);
}

#[test]
fn an_interrupt_ends_it_without_figures() {
    let mut rhaid = Rhaid::new().args(["selftest", "-d", "60s"]);
    let running = rhaid.spawn();
    let server = wait_for_null_server(&running);
    running.signal(Signal::INT);
    let ended = running.wait_within(SOON);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(105), ""), "{}", ended.stderr);
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM calibrations"), 0);
    wait_for_its_end(server);
}

#[test]
fn the_null_server_ends_when_rhaid_is_killed() {
    let mut rhaid = Rhaid::new().args(["selftest", "-d", "60s"]);
    let running = rhaid.spawn();
    let server = wait_for_null_server(&running);
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code, None, "killed");
    wait_for_its_end(server);
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_measured() {
    for (args, code, word) in [
        (&["--duration", "500ms"] as &[&str], 2, "--duration 5s"),
        (&["--duration", "5"], 2, "a unit is missing"),
        (&["--vus", "0"], 2, "at least 1"),
        (&["http://127.0.0.1:1/"], 2, "no URL"),
        (&["missing.rhai"], 104, "missing.rhai"),
        (&["--db", "nowhere/rhaid.db"], 104, "nowhere/rhaid.db"),
    ] {
        let mut rhaid = Rhaid::new().args(["selftest"]).args(args);
        let ended = rhaid.run();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(code), ""),
            "{args:?}: {}",
            ended.stderr
        );
        assert!(ended.stderr.contains(word), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("measuring"), "{args:?}: {}", ended.stderr);
        assert!(!rhaid.path("rhaid.db").exists(), "{args:?} made a database");
    }
}

#[test]
fn the_help_has_examples_and_the_null_server_is_no_verb_of_the_user() {
    let helped = Rhaid::new().args(["selftest", "--help"]).run();
    assert_eq!(helped.code, Some(0));
    assert!(helped.stdout.contains("rhaid selftest scripts/journey.rhai"), "{}", helped.stdout);
    let verbs = Rhaid::new().args(["--help"]).run().stdout;
    assert!(verbs.contains("selftest") && !verbs.contains("null-server"), "{verbs}");
}
