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
