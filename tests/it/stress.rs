//! `rhaid stress` against real processes: bounds around a known truth, sweeps, ends good and bad.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::report::assert_valid;
use crate::support::{Ended, Rhaid, TargetApi, alone, poll};

/// Searches take longer than runs.
const WITHIN: Duration = Duration::from_secs(240);

/// Probes as short as they can be: this machine does other things meanwhile.
const QUICK: [&str; 6] = ["--probe-duration", "2s", "--hold", "0", "--width", "45%"];

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// Nothing of a search is lost on the way: sent = received = sampled = stored, planned = started + dropped.
#[track_caller]
fn assert_accounted(rhaid: &Rhaid, target: &TargetApi, record: &Value) {
    let totals = &record["totals"];
    assert_eq!(totals["sent"], totals["requests"], "{totals}");
    assert_eq!(totals["requests"].as_u64(), Some(target.received()), "{totals}");
    assert_eq!(totals["requests"].as_u64(), Some(rhaid.stored_requests()), "{totals}");
    let count = |name: &str| totals[name].as_u64().expect("a count");
    assert_eq!(count("planned"), count("started") + count("dropped"), "{totals}");
}

/// Forty servers of 50 ms without a queue lose 5 % of Poisson's arrivals at 692/s (Erlang's loss formula). With shorter answers
/// the millisecond by which a busy machine lets requests leave late would spoil probes.
#[test]
fn a_search_brackets_the_load_at_which_a_target_begins_to_lose() {
    let _machine = alone();
    let lab = ["--lab", "slots=40", "--lab", "service=det:50ms", "--lab", "queue=none"];
    let target = TargetApi::start(&lab);
    let url = format!("{}/lab/work", target.url());
    let mut rhaid = Rhaid::new()
        .args(["stress", &url, "--start-rate", "400", "--max-duration", "80s", "--seed", "5"])
        .args(QUICK)
        .args(["--require-rate", "5000"]);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(113), "{}\n{}", ended.stdout, ended.stderr);
    for words in
        ["Probe 400 RPS --> ", "too high --> search [", "Max sustainable RPS = ", "| Breakdown at "]
    {
        assert!(ended.stdout.contains(words), "no {words:?} in:\n{}", ended.stdout);
    }
    let states =
        ["QUEUED", "STRESS_BINARY_SEARCH", "COMPLETED"].map(|state| ended.stderr.find(state));
    assert!(states.iter().all(Option::is_some) && states.is_sorted(), "{}", ended.stderr);

    let record = rhaid.record();
    assert_valid(&record);
    assert_accounted(&rhaid, &target, &record);
    assert_eq!(record["test_type"], "stress");
    let (breakdown, sustainable) = (&record["breakdown"], &record["max_sustainable"]);
    // A busy machine sends in bunches, and loses more of them; probes that it spoils leave the bounds further apart, but no
    // further than one doubling.
    let (low, high) = (number(&breakdown["lower"]), number(&breakdown["value"]));
    assert!((380.0..900.0).contains(&low) && high > 550.0, "{breakdown}");
    assert!(low < high && high < 2.2 * low, "{breakdown}");
    assert_eq!(breakdown["first_failure"], "status 503");
    assert!(number(&sustainable["value"]) <= high, "{sustainable} {breakdown}");
    assert!(number(&sustainable["lower"]) <= high, "{sustainable} {breakdown}");
    let probes = record["probes"].as_array().expect("probes");
    let phases = record["phases"].as_array().expect("phases");
    assert!(probes.len() > 3 && probes.len() == phases.len(), "{} {}", probes.len(), phases.len());
    assert!(record["knee"].is_object() && record["curve"].is_array(), "{record}");

    let stored = |sql: &str| rhaid.query(sql);
    assert_eq!(stored("SELECT COUNT(*) FROM probes WHERE run_id = 1"), probes.len() as u64);
    let kept = "SELECT COUNT(*) FROM stress_results WHERE breakdown > breakdown_lower AND max_sustainable > 0";
    assert_eq!(stored(kept), 1);
    let mut rhaid = rhaid.args(["report", "1"]);
    let shown = rhaid.run().stdout;
    assert!(
        ended.stdout.ends_with(shown.trim_end_matches(|c| c != '\n'))
            || shown.contains("Breakdown at "),
        "{shown}"
    );
    let mut rhaid = rhaid.args(["report", "1", "--format", "json"]);
    let again: Value = serde_json::from_str(&rhaid.run().stdout).expect("JSON");
    assert_valid(&again);
    for field in
        ["max_sustainable", "breakdown", "probes", "knee", "usl", "bottleneck", "stress", "curve"]
    {
        assert_eq!(again[field], record[field], "{field}");
    }
}

/// A sweep over a target that bears everything: what it did and what it left.
#[track_caller]
fn sweep(range: [&str; 2]) -> (Rhaid, Ended, Value) {
    let target = TargetApi::start(&["--lab", "service=det:5ms"]);
    let url = format!("{}/lab/work", target.url());
    let mut rhaid =
        Rhaid::new().args(["stress", &url, "--points", "3", "--probe-duration", "2s"]).args(range);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    assert_valid(&record);
    assert_accounted(&rhaid, &target, &record);
    (rhaid, ended, record)
}

#[test]
fn a_sweep_is_a_curve_over_arrivals_or_over_users() {
    let (_, ended, record) = sweep(["--sweep", "50..200"]);
    let probes = record["probes"].as_array().expect("probes");
    let offered: Vec<f64> = probes
        .iter()
        .filter(|probe| probe["reason"] == "")
        .map(|probe| number(&probe["load"]["per_second"]).round())
        .collect();
    assert_eq!(offered, [50.0, 100.0, 200.0]);
    assert!(ended.stdout.contains("goodput by load"), "{}", ended.stdout);

    let (rhaid, _, record) = sweep(["--sweep-vus", "1..4"]);
    let probes = record["probes"].as_array().expect("probes");
    let loads: Vec<&Value> = probes.iter().map(|probe| &probe["load"]["users"]).collect();
    assert_eq!(loads, [1, 2, 4]);
    let users = "SELECT COUNT(*) FROM probes WHERE unit = 'vus' AND offered IN (1, 2, 4)";
    assert_eq!(rhaid.query(users), 3);
}

#[test]
fn what_cannot_be_searched_is_refused_before_any_load() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    // Nobody listens on port 1.
    let nobody = "http://127.0.0.1:1/";
    for (args, code, words) in [
        (vec![nobody], 104, "127.0.0.1:1"),
        (vec![&url, "--slo", "p(99)>300"], 2, "'p(99)<300'"),
        (vec![&url, "--error-threshold", "120%"], 2, "below 100%"),
        (vec![&url, "--sweep", "100..10"], 2, "100"),
        (vec![&url, "--probe-duration", "1s"], 2, "2s at least"),
        (vec![&url, "--start-rate", "100", "--max-rate", "50"], 2, "--max-rate"),
    ] {
        let mut rhaid = Rhaid::new().args(["stress"]).args(&args);
        let ended = rhaid.run();
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{args:?}: no {words:?} in {}", ended.stderr);
        assert_eq!(ended.stderr.contains("state: ERROR"), code == 104, "{}", ended.stderr);
    }
    assert_eq!(target.received(), 0);
}

#[test]
fn a_search_that_is_stopped_keeps_what_it_found() {
    let target = TargetApi::start(&["--lab", "service=det:5ms"]);
    let url = format!("{}/lab/work", target.url());
    let mut rhaid =
        Rhaid::new().args(["stress", &url, "--start-rate", "50", "--seed", "5"]).args(QUICK);
    let running = rhaid.spawn();
    let seen = poll(Duration::from_secs(60), || (target.received() > 400).then_some(()));
    assert!(seen.is_some(), "{}", running.stderr());
    running.signal(Signal::INT);
    let ended = running.wait_within(WITHIN);
    assert_eq!(ended.code, Some(105), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    assert_valid(&record);
    assert_eq!(record["stress"]["state"], "ERROR");
    assert!(!record["probes"].as_array().expect("probes").is_empty(), "{record}");
    assert_accounted(&rhaid, &target, &record);
}

/// AT-2.7 with the real generator: a script that computes cannot make the load that the target would bear.
#[test]
fn a_generator_that_is_the_limit_says_so() {
    let target = TargetApi::start(&[]);
    let rhaid = Rhaid::new().env("RHAID_ALLOW_INVALID", "0");
    rhaid.script(
        "spin.rhai",
        "let options = #{ tasks: #{ spin: 1 } };
         fn spin(user) {
             user.get(\"/api/health\");
             let end = elapsed_ms() + 10.0;
             while elapsed_ms() < end {}
         }\n",
    );
    let mut rhaid = rhaid
        .args([
            "stress",
            "spin.rhai",
            "--target",
            &target.url(),
            "--start-rate",
            "400",
            "--max-vus",
            "100",
        ])
        .args(QUICK);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(112), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    assert_eq!(record["stress"]["is_generator_limited"], true, "{}", record["stress"]);
    assert!(ended.stdout.contains("generator limited"), "{}", ended.stdout);
    assert_accounted(&rhaid, &target, &record);
}

/// AT-7.8: four connections that a request holds for 20 ms each serve 200/s, and nothing else of the target is near its end.
#[test]
fn a_pool_that_is_full_is_named() {
    let _machine = alone();
    let target = TargetApi::start(&["--pool-size", "4", "--query-delay", "20ms"]);
    let url = format!("{}/api/teams", target.url());
    let mut rhaid = Rhaid::new().args([
        "stress",
        &url,
        "--sweep",
        "40..320",
        "--points",
        "5",
        // The pool is looked at once a second, and three looks may all meet a moment in which the machine has stood still.
        "--probe-duration",
        "6s",
    ]);
    let ended = rhaid.spawn().wait_within(WITHIN);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    assert_valid(&record);
    let bottleneck = &record["bottleneck"];
    assert_eq!(bottleneck["category"], "database pool", "{bottleneck}");
    assert!(
        bottleneck["resource"].as_str().is_some_and(|name| name.contains("pool")),
        "{bottleneck}"
    );
    let evidence = bottleneck["evidence"].as_array().expect("evidence");
    assert!(evidence.iter().any(|fit| fit["saturated"] == true), "{bottleneck}");
    assert!(ended.stdout.contains("what saturates first"), "{}", ended.stdout);
    let named = "SELECT COUNT(*) FROM stress_results WHERE bottleneck LIKE '%pool%'";
    assert_eq!(rhaid.query(named), 1);
}
