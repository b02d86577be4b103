//! How runs begin and end, well and badly: what is kept after a kill, what a broken script does, what is left behind.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::rhaid::read_json;
use crate::support::{Ended, Rhaid, Running, TargetApi, children, is_alive, poll};

/// Within this something outside that is asked for has happened.
const SOON: Duration = Duration::from_secs(8);

#[track_caller]
fn wait_for(what: &str, mut look: impl FnMut() -> bool) {
    assert!(poll(SOON, || look().then_some(())).is_some(), "in vain: {what}");
}

/// Waits until the load has gone on for a second, so that signals are listened for.
#[track_caller]
fn wait_for_first_second(running: &Running) {
    let seen = poll(SOON, || running.stderr().contains("in flight").then_some(()));
    assert!(seen.is_some(), "no first second: {}", running.stderr());
}

/// Runs the script `text`, which is stored as `broken.rhai`, and gives the record too.
fn run_script(text: &str, args: &[&str]) -> (Rhaid, Ended, Value) {
    let rhaid = Rhaid::new();
    rhaid.script("broken.rhai", text);
    let mut rhaid = rhaid.args(["run", "broken.rhai"]).args(args);
    let ended = rhaid.run();
    let record = rhaid.record();
    (rhaid, ended, record)
}

#[test]
fn a_killed_run_is_listed_as_interrupted_with_all_but_its_last_second() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = Rhaid::new().args(["run", &url, "--rate", "100/s", "-d", "60s"]);
    let running = rhaid.spawn();
    wait_for("the load", || target.received() >= 350);
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code, None, "killed");
    let received = target.received();

    let mut rhaid = rhaid.args(["report", "--format", "json"]);
    let listed: Value = serde_json::from_str(&rhaid.run().stdout).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["status"], "interrupted");

    let mut rhaid = rhaid.args(["report", "1", "--format", "json"]);
    let shown = rhaid.run();
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let record: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(record["status"], "interrupted");
    let stored = rhaid.stored_requests();
    assert_eq!(record["totals"]["requests"].as_u64(), Some(stored));
    // A second's worth, a tenth of one until it is flushed, and what a busy machine adds.
    assert!((received - 200..=received).contains(&stored), "{stored} of {received} stored");
}

#[test]
fn two_runs_are_two_rows() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = Rhaid::new();
    for _ in 0..2 {
        rhaid = rhaid.args(["run", &url, "-u", "2", "-i", "20"]);
        assert_eq!(rhaid.run().code, Some(0));
    }
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM test_runs WHERE status = 'finished'"), 2);
    assert_eq!(rhaid.stored_requests(), 40);
    let mut rhaid = rhaid.args(["report", "1", "2"]);
    let compared = rhaid.run();
    assert_eq!(compared.code, Some(0), "{}", compared.stderr);
}

#[test]
fn two_runs_at_once_into_one_database_land_whole() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = Rhaid::new();
    let mut runs = Vec::new();
    for name in ["a.json", "b.json"] {
        rhaid = rhaid.args(["run", &url, "-u", "3", "-d", "3s", "--json", name]);
        runs.push(rhaid.spawn());
    }
    for running in runs {
        let ended = running.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let records = ["a.json", "b.json"].map(|name| read_json(&rhaid.path(name)));
    let requests = records.iter().filter_map(|record| record["totals"]["requests"].as_u64());
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM test_runs WHERE is_final = 1"), 2);
    assert_eq!(rhaid.stored_requests(), requests.sum::<u64>());
    assert_eq!(rhaid.stored_requests(), target.received());
    for record in records {
        let id = &record["id"];
        let sql = format!("SELECT COALESCE(SUM(count), 0) FROM test_metrics WHERE run_id = {id}");
        assert_eq!(Some(rhaid.query(&sql)), record["totals"]["requests"].as_u64(), "run {id}");
    }
}

#[test]
fn data_of_setup_reaches_every_user_and_teardown() {
    let text = r#"
let options = #{ load: #{ vus: 3, per_vu: true, iterations: 4 } };
fn setup() { #{ word: "hello" } }
fn browse(user) { if user.data.word != "hello" { user.fail("no data"); } counter("greeted").add(1); user.sleep("50ms"); }
fn teardown(data) { print(`bye after ${data.word}`); }
"#;
    let (_rhaid, ended, record) = run_script(text, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(record["errors"], serde_json::json!([]));
    assert_eq!(record["totals"]["vus_max"], 3, "even in less than a second");
    let metrics = record["metrics"].as_array().expect("metrics");
    let greeted = metrics.iter().find(|metric| metric["name"] == "greeted").expect("a counter");
    assert_eq!(greeted["value"].as_f64(), Some(12.0));
    assert_eq!(ended.stderr.matches("bye after hello").count(), 1, "{}", ended.stderr);
}

#[test]
fn a_script_that_cannot_be_run_is_shown_with_its_line_and_a_mark() {
    let rhaid = Rhaid::new();
    rhaid.script("wrong.rhai", "fn browse(user) {\n    let r = 5;\n    r.nothing();\n}\n");
    let mut rhaid = rhaid.args(["run", "wrong.rhai"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(104), "{}", ended.stderr);
    assert!(ended.stderr.contains("wrong.rhai:3:7"), "{}", ended.stderr);
    assert!(ended.stderr.contains("3 │     r.nothing();\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("·       ───────\n"), "{}", ended.stderr);
}

/// Throws in each iteration, at line 4, column 28.
const THROWS: &str = r#"
let options = #{ load: #{ vus: 1, iterations: 20 } };
fn browse(user) {
    if user.id > 0 {       throw "sold out"; }
}
"#;

#[test]
fn a_script_error_is_counted_with_its_place_and_the_run_goes_on() {
    let (_rhaid, ended, record) = run_script(THROWS, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let errors = record["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "alike errors are one group: {errors:?}");
    assert_eq!(errors[0]["source"], "script");
    assert_eq!(errors[0]["count"], 20);
    let message = errors[0]["message"].as_str().expect("text");
    assert!(message.starts_with("broken.rhai:4:28: "), "{message}");
    assert!(message.contains("sold out"), "{message}");
    assert_eq!(record["totals"]["failed_iterations"], 20);
    assert!(ended.stdout.contains("broken.rhai:4:28"), "{}", ended.stdout);
}

#[test]
fn a_script_error_ends_the_run_when_that_is_asked_for() {
    let args = ["--abort-on-script-error", "-d", "30s", "-u", "1"];
    let (_rhaid, ended, record) = run_script(THROWS, &args);
    assert_eq!(ended.code, Some(107), "{}", ended.stderr);
    assert_eq!(record["status"], "aborted");
    assert_eq!(record["exit_code"], 107);
}

#[test]
fn a_crossed_threshold_ends_the_run_when_that_is_asked_for() {
    let text = r#"
let options = #{
    load: #{ vus: 1, duration: "60s" },
    thresholds: #{ sold: [#{ threshold: "count<5", abort_on_fail: true, delay_abort_eval: "1s" }] },
};
fn browse(user) { counter("sold").add(1); user.sleep("20ms"); }
"#;
    let (_rhaid, ended, record) = run_script(text, &[]);
    assert_eq!(ended.code, Some(99), "{}", ended.stderr);
    assert_eq!(record["status"], "aborted");
    assert_eq!(record["thresholds"][0]["passed"], false);
    assert!(record["elapsed_s"].as_f64().expect("seconds") < 30.0, "{}", record["elapsed_s"]);
    assert!(ended.stderr.contains("ends the run"), "{}", ended.stderr);
}

#[test]
fn what_a_script_declares_failed_is_counted_under_its_reason() {
    let text = r#"
let options = #{ load: #{ vus: 1, iterations: 3 } };
fn browse(user) { user.fail("sold out"); }
"#;
    let (_rhaid, ended, record) = run_script(text, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let error = &record["errors"][0];
    assert_eq!((&error["source"], &error["message"]), (&"fail".into(), &"sold out".into()));
    assert_eq!(error["count"], 3);
}

#[test]
fn a_script_that_never_yields_ends_with_two_interrupts() {
    let rhaid = Rhaid::new();
    let text =
        "let options = #{ load: #{ vus: 4, duration: \"60s\" } };\nfn spin(user) { loop {} }\n";
    rhaid.script("spin.rhai", text);
    let mut rhaid = rhaid.args(["run", "spin.rhai"]);
    let running = rhaid.spawn();
    wait_for_first_second(&running);
    running.signal(Signal::INT);
    wait_for("an answer to the first interrupt", || running.stderr().contains("stopping"));
    running.signal(Signal::INT);
    let ended = running.wait_within(SOON);
    assert_eq!(ended.code, Some(105), "{}", ended.stderr);
    assert_eq!(rhaid.record()["status"], "interrupted");
}

/// Runs the body of a task that asks for too much, and gives the only error.
#[track_caller]
fn only_error_of(functions: &str) -> String {
    let text = format!(
        "let options = #{{ load: #{{ vus: 2, iterations: 6 }}, tasks: #{{ ask: 1 }} }};\n{functions}"
    );
    let (_rhaid, ended, record) = run_script(&text, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let error = &record["errors"][0];
    assert_eq!((&error["source"], &error["count"]), (&"script".into(), &6.into()), "{record}");
    error["message"].as_str().expect("text").to_owned()
}

#[test]
fn a_recursion_without_end_is_a_script_error() {
    let message = only_error_of("fn dig(n) { dig(n + 1) + 1 }\nfn ask(user) { dig(0); }");
    assert!(message.starts_with("broken.rhai:"), "{message}");
}

#[test]
fn an_array_without_end_is_a_script_error() {
    let pads = only_error_of("fn ask(user) { let a = []; a.pad(1000000000, 1); }");
    assert!(pads.contains("too large"), "{pads}");
    let pushes = only_error_of("fn ask(user) { let a = [1]; loop { a += a; } }");
    assert!(pushes.contains("too large"), "{pushes}");
}

#[test]
fn a_spawned_service_is_stopped_with_all_it_started() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("free").port();
    // The shell stays between: it is the group that is stopped.
    let command = format!("'{}' target-api --port {port}; true", env!("CARGO_BIN_EXE_rhaid"));
    let url = format!("http://127.0.0.1:{port}/api/health");
    let mut rhaid = Rhaid::new().args(["run", &url, "--spawn", &command, "-u", "2", "-d", "2s"]);
    let running = rhaid.spawn();
    wait_for_first_second(&running);
    let shell = children(running.pid());
    let started: Vec<u32> =
        shell.iter().flat_map(|shell| children(*shell)).chain(shell.clone()).collect();
    assert_eq!(started.len(), 2, "a shell and the service");
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(rhaid.record()["resources"]["target"].is_object(), "the service is watched");
    wait_for("the end of the service", || started.iter().all(|pid| !is_alive(*pid)));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens");
}

#[test]
fn the_demo_service_ends_when_rhaid_is_killed() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/journey.rhai");
    let mut rhaid = Rhaid::new().args(["run", script, "--demo", "-d", "60s"]);
    let running = rhaid.spawn();
    wait_for_first_second(&running);
    let services = children(running.pid());
    assert_eq!(services.len(), 1);
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code, None, "killed");
    wait_for("the end of the service", || !is_alive(services[0]));
}
