//! What is said after a spike: the lab has a capacity, so how long its queue takes to empty is known.

use crate::support::{Rhaid, TargetApi};

/// Ten slots of 100 ms: 100 requests a second, and so slow that a busy machine's milliseconds do not matter.
const LAB: [&str; 4] = ["--lab", "slots=10", "--lab", "service=det:100ms"];

fn script(spike: &str, after: &str) -> String {
    format!(
        r#"let options = #{{
            load: #{{ phases: [
                #{{ name: "steady", duration: "12s", rate: "50/s", jump: true }},
                #{{ name: "spike", duration: "4s", rate: "{spike}", jump: true }},
                #{{ name: "after", duration: "{after}", rate: "50/s", jump: true }},
            ], max_vus: 1000 }},
            tasks: #{{ work: 1 }},
            thresholds: #{{
                "http_req_response_time{{phase:steady}}": ["p(95)<1000"],
                "http_req_response_time{{phase:spike}}": ["p(95)<1"],
            }},
        }};
        fn setup(user) {{ user.post("/lab/restart"); }}
        fn work(user) {{ user.get("/lab/work"); }}"#
    )
}

fn spiked(spike: &str, after: &str) -> (serde_json::Value, String) {
    let target = TargetApi::start(&LAB);
    let rhaid = Rhaid::new();
    rhaid.script("spike.rhai", &script(spike, after));
    let mut rhaid = rhaid.args(["run", "spike.rhai", "--target", &target.url()]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(99), "one threshold fails: {}", ended.stderr);
    let record = rhaid.record();
    // The request of `setup` goes to the lab itself, which counts none of those.
    let requests = record["totals"]["requests"].as_u64().expect("a count");
    assert_eq!(requests, target.received() + 1, "{}", record["totals"]);
    rhaid = rhaid.args(["report", "1"]);
    let again = rhaid.run();
    assert!(again.stdout.contains("after spike: "), "kept in the store: {}", again.stdout);
    (record, ended.stdout)
}

#[test]
fn the_time_to_recover_from_a_spike_is_that_of_the_formula() {
    let (record, printed) = spiked("150/s", "12s");
    let found = &record["recoveries"][0];
    assert_eq!(
        (&found["verdict"], &found["baseline"]),
        (&"RECOVERED".into(), &"steady".into()),
        "{found}"
    );
    // (150 − 100) · 4 / (100 − 50).
    let truth = 4.0;
    let number = |name: &str| found[name].as_f64().expect("a number");
    assert!((number("time_to_recover_s") - truth).abs() <= number("window_s"), "{found}");
    assert!((number("lower_s")..=number("upper_s")).contains(&truth), "{found}");
    assert!(number("pain_user_s") > 100.0 && number("slow_requests") > 200.0, "{found}");
    assert!(printed.contains("RECOVERED"), "{printed}");
    let phases = record["phases"].as_array().expect("an array");
    let counts: Vec<_> = phases.iter().map(|phase| &phase["count"]).collect();
    assert_eq!(counts, [600, 600, 600], "each request is in the phase for which it was due");
    assert!(
        printed.contains("1 of 1") && printed.contains("0 of 1"),
        "each phase's thresholds: {printed}"
    );
}

#[test]
fn a_service_that_has_not_recovered_gets_a_bound() {
    let (record, printed) = spiked("300/s", "6s");
    let found = &record["recoveries"][0];
    assert_ne!(found["verdict"], "RECOVERED", "{found}");
    assert_eq!(found["time_to_recover_s"], serde_json::Value::Null, "{found}");
    assert!(printed.contains("> 6 s"), "{printed}");
}
