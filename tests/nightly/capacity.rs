//! Searches for the breaking point over a real lab, against the closed forms of METHODS.md 2.7 and 7.3.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Rhaid, TargetApi};

/// A search takes up to twenty minutes.
const WITHIN: Duration = Duration::from_secs(1500);

fn search(lab: &[&str], args: &[&str]) -> Value {
    let options: Vec<&str> = lab.iter().flat_map(|knob| ["--lab", knob]).collect();
    let target = TargetApi::start(&options);
    let url = format!("{}/lab/work", target.url());
    let mut rhaid = Rhaid::new().args(["stress", &url, "--hold", "10s", "--seed", "11"]).args(args);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    let totals = &record["totals"];
    assert_eq!(totals["requests"].as_u64(), Some(target.received()), "{totals}");
    assert_eq!(totals["requests"].as_u64(), Some(rhaid.stored_requests()), "{totals}");
    record
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// AT-2.2: Erlang's loss formula for 50 servers of 100 ms gives 5 % at 445.33/s.
#[test]
fn the_breakdown_of_a_lossy_target_is_bracketed() {
    let record = search(
        &["slots=50", "service=det:100ms", "queue=none"],
        &["--start-rate", "100", "--arrival", "poisson"],
    );
    let breakdown = &record["breakdown"];
    let (low, high) = (number(&breakdown["lower"]), number(&breakdown["value"]));
    assert!(high / low <= 1.051, "{breakdown}");
    // The service takes a timer's millisecond more than its 100 ms.
    assert!(low <= 445.33 * 1.01 && high >= 445.33 * 0.98, "{breakdown}");
}

/// AT-2.3: a queue of 1,000/s is found out by its growth, whatever the client waits for.
#[test]
fn the_capacity_of_a_queue_does_not_depend_on_the_time_out() {
    for timeout in ["1s", "5s", "30s"] {
        let record = search(
            &["slots=50", "service=det:50ms", "queue=unbounded"],
            &["--start-rate", "200", "--timeout", timeout],
        );
        let capacity = number(&record["capacity"]["value"]);
        assert!((capacity / 1000.0 - 1.0).abs() < 0.03, "{timeout}: {}", record["capacity"]);
        let value = number(&record["max_sustainable"]["value"]);
        assert!((value / 1000.0 - 1.0).abs() < 0.06, "{timeout}: {}", record["max_sustainable"]);
    }
}

/// AT-7.8: 2 ms of CPU a request on one core are full at 500/s, and that shows before they are.
#[test]
fn a_core_that_is_full_is_named_and_predicted() {
    for range in ["50..700", "50..300"] {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let service = format!(
            "taskset -c 1 {} target-api --port {port} --lab cpu=2ms",
            env!("CARGO_BIN_EXE_rhaid")
        );
        let url = format!("http://127.0.0.1:{port}/lab/work");
        let mut rhaid = Rhaid::new().args(["stress", &url, "--spawn", &service]);
        rhaid = rhaid.args(["--sweep", range, "--points", "8"]);
        let ended = rhaid.spawn().wait_within(WITHIN);
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
        let record = rhaid.record();
        let bottleneck = &record["bottleneck"];
        assert_eq!(bottleneck["category"], "cpu", "{range}: {}", bottleneck["words"]);
        let evidence = bottleneck["evidence"].as_array().expect("evidence");
        let full_at = evidence
            .iter()
            .find(|fit| fit["resource"] == "target cpu")
            .map(|fit| number(&fit["at_capacity_per_s"]))
            .expect("the target's CPU");
        assert!((full_at / 500.0 - 1.0).abs() < 0.10, "{range}: {full_at}");
    }
}
