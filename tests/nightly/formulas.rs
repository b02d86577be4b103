//! Frozen targets and queues, against their closed forms (METHODS.md 1.5, 1.8, 10).

use std::time::Duration;

use serde_json::Value;

use crate::support::{Rhaid, TargetApi};

/// Longer than any run here.
const WITHIN: Duration = Duration::from_secs(600);

/// How long target and generator on two cores take for the answers that a stall held back.
const THAW_MS: f64 = 25.0;

const SCRIPT: &str = r#"
let options = #{ load: #{ vus: 1, duration: "1s" }, tasks: #{ work: 1 } };
fn setup(user) { user.post("/lab/restart"); }
fn work(user) { user.get("/lab/work"); }
"#;

/// The record of a run of the lab; nothing may be lost on the way.
fn run(lab: &[&str], load: &[&str]) -> Value {
    let options: Vec<&str> = lab.iter().flat_map(|knob| ["--lab", knob]).collect();
    let target = TargetApi::start(&options);
    let rhaid = Rhaid::new();
    rhaid.script("work.rhai", SCRIPT);
    let mut rhaid = rhaid.args(["run", "work.rhai", "--target", &target.url()]).args(load);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    let totals = &record["totals"];
    assert_eq!(totals["planned"], totals["started"], "{totals}");
    assert_eq!(totals["dropped"], 0, "{totals}");
    assert_eq!(totals["requests"], target.received() + 1, "and the one of `setup`: {totals}");
    assert_eq!(totals["requests"], rhaid.stored_requests(), "{totals}");
    record
}

#[track_caller]
fn response_ms(record: &Value, field: &str) -> f64 {
    time_ms(record, "http_req_response_time", field)
}

#[track_caller]
fn time_ms(record: &Value, times: &str, field: &str) -> f64 {
    let steps = record["steps"].as_array().expect("an array");
    let step = steps.iter().find(|step| step["name"] == "GET /lab/work").expect("the step");
    step[times][field].as_f64().unwrap_or_else(|| panic!("no {field} in {step}"))
}

/// Within `share` of the truth, or within the 25 ms that two cores take for a thousand answers at once.
#[track_caller]
fn assert_near(value: f64, truth: f64, share: f64) {
    let tolerance = (truth * share).max(THAW_MS);
    assert!((value - truth).abs() <= tolerance, "{value} ms for {truth} ms");
}

/// METHODS.md 1.5: `b + max(0, S − (1 − q) D (1 − ρ))`, in milliseconds.
fn stalled_ms(q: f64, length_s: f64, load: f64) -> f64 {
    1.0 + (1000.0 - (1.0 - q) * length_s * 1000.0 * (1.0 - load)).max(0.0)
}

/// AT-1.1: three loads of a target that freezes for a second of sixty.
#[test]
fn percentiles_of_a_stall_are_those_of_the_formula() {
    for (slots, service, load) in [
        ("slots=none", "service=det:1ms", 0.0),
        ("slots=2", "service=det:1ms", 0.5),
        ("slots=5", "service=det:4ms", 0.8),
    ] {
        let lab = [slots, service, "stall=at=20s,for=1s"];
        let load_args =
            ["--rate", "1000/s", "-d", "60s", "--max-vus", "3000", "--arrival", "constant"];
        let record = run(&lab, &load_args);
        for (field, q) in [("p99", 0.99), ("p99_9", 0.999)] {
            assert_near(response_ms(&record, field), stalled_ms(q, 60.0, load), 0.03);
        }
    }
}

/// The measure of the README: a second of twenty, however few users there are.
#[test]
fn a_frozen_second_of_twenty_is_seen_by_fifty_users_as_by_two_thousand() {
    for max_vus in ["50", "2000"] {
        let load = ["--rate", "1000/s", "-d", "20s", "--max-vus", max_vus, "--arrival", "constant"];
        let record = run(&["stall=at=8s,for=1s"], &load);
        assert_near(response_ms(&record, "p99"), 800.0, 0.03);
        assert_near(response_ms(&record, "p99_9"), 980.0, 0.03);
    }
}

/// AT-1.2.
#[test]
fn a_stall_in_the_last_second_is_the_same_stall() {
    let load = ["--rate", "1000/s", "-d", "60s", "--max-vus", "3000", "--arrival", "constant"];
    let record = run(&["service=det:1ms", "stall=at=59s,for=1s"], &load);
    assert_near(response_ms(&record, "p99"), stalled_ms(0.99, 60.0, 0.0), 0.03);
    assert_near(response_ms(&record, "p99_9"), stalled_ms(0.999, 60.0, 0.0), 0.03);
}

/// AT-1.3: ten users drain the backlog at ten requests a millisecond; only ten were on the wire.
#[test]
fn ten_users_wait_in_the_engine_and_not_on_the_wire() {
    let load = ["--rate", "1000/s", "-d", "60s", "--max-vus", "10", "--arrival", "constant"];
    let record = run(&["service=det:1ms", "stall=at=20s,for=1s"], &load);
    assert_near(response_ms(&record, "p99"), 461.0, 0.05);
    assert!(time_ms(&record, "http_req_duration", "p99") < 10.0);
}

/// AT-1.4: M/M/8 with μ = 50/s and λ = 320/s.
#[test]
fn a_queue_has_the_percentiles_of_its_closed_form() {
    let load = ["--rate", "320/s", "-d", "300s", "--max-vus", "1000", "--arrival", "poisson"];
    let record = run(&["slots=8", "service=exp:20ms"], &[&load[..], &["--seed", "7"]].concat());
    // The standard deviation of p99 over runs of 300 s is 3 ms.
    for (field, truth, share) in
        [("p50", 19.73, 0.05), ("p90", 55.69, 0.05), ("p99", 103.04, 0.09), ("p99_9", 149.4, 0.20)]
    {
        assert_near(response_ms(&record, field), truth, share);
    }
}
