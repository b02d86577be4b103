//! The program counts what happens: the same requests in the record, in the database and at the service, under every
//! executor and every fault.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Ended, Fault, Faulty, Rhaid, TargetApi, poll};

/// Within this a run that was asked to stop has ended.
const STOPS_WITHIN: Duration = Duration::from_secs(8);
/// Kinds of error after which the service has not seen the request.
const NEVER_REACHED: &[&str] = &["connect_refused", "connect_timeout", "connect", "unreachable"];

/// A total of a record.
fn total(record: &Value, name: &str) -> u64 {
    record["totals"][name].as_u64().unwrap_or_else(|| panic!("totals.{name}"))
}

/// Requests that ended before the service could see them.
fn never_reached(record: &Value) -> u64 {
    let errors = record["errors"].as_array().expect("errors");
    let is_early =
        |error: &&Value| NEVER_REACHED.iter().any(|kind| error["kind"].as_str() == Some(kind));
    errors.iter().filter(is_early).map(|error| error["count"].as_u64().expect("a count")).sum()
}

/// Checks that nothing was lost or counted twice, and gives the record.
#[track_caller]
fn agree(rhaid: &Rhaid, ended: &Ended, received: u64) -> Value {
    let record = rhaid.record();
    let of = |name| total(&record, name);
    let said = format!("exit {:?}\n{}\n{}", ended.code, ended.stdout, ended.stderr);
    assert_eq!(of("planned"), of("started") + of("dropped"), "iterations\n{said}");
    assert_eq!(of("started"), of("completed") + of("interrupted"), "ends of iterations\n{said}");
    assert_eq!(of("sent"), of("requests"), "sent and ended\n{said}");
    assert_eq!(of("requests"), rhaid.stored_requests(), "ended and stored\n{said}");
    assert_eq!(of("sent") - never_reached(&record), received, "sent and received\n{said}");
    record
}

/// Runs one URL with `load` against a sound service, and checks that all counts agree.
#[track_caller]
fn counts_agree(load: &[&str]) -> Value {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = Rhaid::new().args(["run", &url]).args(load);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = agree(&rhaid, &ended, target.received());
    assert!(total(&record, "requests") > 0);
    record
}

#[test]
fn constant_users_are_counted_exactly() {
    counts_agree(&["-u", "10", "-d", "2s"]);
}

#[test]
fn ramping_users_are_counted_exactly() {
    counts_agree(&["-u", "1", "-s", "1s:20", "-s", "1s:20", "-s", "1s:0"]);
}

#[test]
fn shared_iterations_are_as_many_as_asked_for() {
    let record = counts_agree(&["-u", "7", "-i", "500"]);
    assert_eq!(total(&record, "completed"), 500);
    assert_eq!(total(&record, "requests"), 500);
}

#[test]
fn iterations_of_each_user_are_as_many_as_asked_for() {
    let record = counts_agree(&["-u", "7", "-i", "30", "--per-vu"]);
    assert_eq!(total(&record, "completed"), 210);
    assert_eq!(total(&record, "requests"), 210);
}

#[test]
fn a_constant_rate_plans_exactly_its_arrivals_and_starts_nearly_all() {
    let record = counts_agree(&["--rate", "2000/s", "-d", "3s", "--max-vus", "500"]);
    assert_eq!(total(&record, "planned"), 6000);
    assert!(total(&record, "started") >= 5940, "{}", record["totals"]);
}

#[test]
fn a_ramping_rate_is_counted_exactly() {
    let record = counts_agree(&["-s", "2s:200/s", "-s", "1s:200/s"]);
    assert_eq!(total(&record, "planned"), 400, "the area under the stages");
}

#[test]
fn random_arrivals_are_counted_exactly() {
    let record = counts_agree(&["--rate", "200/s", "-d", "2s", "--arrival", "poisson"]);
    let planned = total(&record, "planned");
    assert!((300..=500).contains(&planned), "400 on average, {planned} planned");
}

#[test]
fn five_phases_are_counted_exactly_and_each_on_its_own() {
    let profile = ["--profile", "five-phase", "--peak", "10", "--spike", "30", "--scale", "0.02"];
    let record = counts_agree(&profile);
    let phases = record["phases"].as_array().expect("phases");
    assert_eq!(phases.len(), 5);
    let counts: u64 = phases.iter().filter_map(|phase| phase["count"].as_u64()).sum();
    assert_eq!(counts, total(&record, "requests"), "phases add up");
}

#[test]
fn five_hundred_users_of_the_journey_are_counted_exactly() {
    let target = TargetApi::start(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/journey.rhai");
    let load = ["-u", "500", "-d", "4s", "--no-thresholds", "--target"];
    let mut rhaid = Rhaid::new().args(["run", script]).args(load).args([target.url()]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = agree(&rhaid, &ended, target.received());
    assert_eq!(total(&record, "vus_max"), 500);
    let steps = record["steps"].as_array().expect("steps");
    let counts: u64 = steps.iter().filter_map(|step| step["count"].as_u64()).sum();
    assert_eq!(counts, total(&record, "requests"), "steps add up");
    let login = steps.iter().find(|step| step["name"] == "POST /api/auth/login").expect("a step");
    assert_eq!(login["count"].as_u64(), Some(target.received_by("POST /api/auth/login")));
}

/// Tasks that end with an answer, with a pause, and with work for Rhai.
const ENDINGS: &str = r#"
let options = #{ tasks: #{ plain: 1, sleeps: 1, works: 1 } };
fn plain(user) { let r = user.get("/api/health"); check(r, "ok", r.ok); }
fn sleeps(user) { user.get("/api/health"); user.sleep("50ms"); }
fn works(user) {
    user.get("/api/health");
    let n = 0;
    while n < 300000 { n += 1; }
    user.get("/api/health");
}
"#;

#[test]
fn an_iteration_lasts_until_all_that_is_in_it_is_over() {
    let target = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let script = rhaid.script("endings.rhai", ENDINGS);
    rhaid = rhaid.args(["run", &script, "--target", &target.url(), "-u", "2", "-i", "90"]);
    let figures = [
        "iteration_duration{task:plain}: min>=0",
        "http_req_duration{task:plain}: min>=0",
        "iteration_duration{task:sleeps}: min>=50",
        "iteration_duration{task:works}: min>=0",
        "http_req_duration{task:works}: med>=0",
    ];
    for figure in figures {
        rhaid = rhaid.args(["--threshold", figure]);
    }
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = agree(&rhaid, &ended, target.received());
    assert_eq!(total(&record, "completed"), 90);
    let thresholds = record["thresholds"].as_array().expect("thresholds");
    let actual = |text: &str| {
        let is_it = |one: &&Value| one["expression"].as_str() == Some(text);
        thresholds.iter().find(is_it).and_then(|one| one["actual"].as_f64()).expect("a figure")
    };
    let [plain, plain_request, sleeps, works, works_request] = figures.map(actual);
    assert!(plain >= plain_request, "{plain} ms, of which the request took {plain_request} ms");
    assert!(sleeps >= 50.0, "{sleeps} ms");
    // So many steps of Rhai take many times as long as an answer of the service.
    assert!(works > 2.0 * works_request, "{works} ms, of which a request took {works_request} ms");
}

/// Runs against a service with a fault, and gives the record and how many errors are of `kind`.
#[track_caller]
fn counts_agree_with(fault: Fault, load: &[&str], kinds: &[&str]) -> (Value, u64) {
    let target = Faulty::start(fault);
    let mut rhaid = Rhaid::new().args(["run", &target.url()]).args(load);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = agree(&rhaid, &ended, target.received());
    let errors = record["errors"].as_array().expect("errors");
    let counts = errors
        .iter()
        .filter(|error| kinds.iter().any(|kind| error["kind"].as_str() == Some(kind)))
        .filter_map(|error| error["count"].as_u64());
    let counted = counts.sum();
    assert_eq!(counted, total(&record, "failed"), "errors by kind: {errors:?}");
    (record, counted)
}

#[test]
fn resets_are_counted_as_often_as_they_happen() {
    let load = ["-u", "4", "-i", "400", "--max-duration", "20s"];
    let (record, resets) = counts_agree_with(Fault::ResetsEvery(10), &load, &["reset"]);
    assert_eq!((total(&record, "requests"), resets), (400, 40), "no request is made again");
}

#[test]
fn a_service_that_never_answers_makes_timeouts() {
    let load = ["-u", "4", "-d", "2s", "--timeout", "500ms"];
    let (record, timeouts) = counts_agree_with(Fault::NeverAnswers, &load, &["timeout"]);
    assert_eq!(total(&record, "requests"), timeouts);
    assert!((12..=24).contains(&timeouts), "{timeouts} timeouts of half a second in two seconds");
}

#[test]
fn bodies_that_end_half_way_are_failures() {
    let load = ["-u", "4", "-i", "400", "--max-duration", "20s"];
    let kinds = ["closed_early"];
    let (record, closed) = counts_agree_with(Fault::ClosesHalfWayEvery(8), &load, &kinds);
    assert_eq!((total(&record, "requests"), closed), (400, 50));
}

/// Starts a slow run and waits until the service has seen `count` requests of it.
fn spawn_until(target: &TargetApi, count: u64, load: &[&str]) -> (Rhaid, crate::support::Running) {
    let url = format!("{}/user/7", target.url());
    let mut rhaid = Rhaid::new().args(["run", &url]).args(load);
    let running = rhaid.spawn();
    let seen = poll(STOPS_WITHIN, || (target.received() >= count).then_some(()));
    assert!(seen.is_some(), "the load does not come: {}", running.stderr());
    (rhaid, running)
}

#[test]
fn a_service_that_dies_half_way_leaves_refused_connections_and_no_gap() {
    let mut target = TargetApi::start(&[]);
    let (rhaid, running) = spawn_until(&target, 100, &["-u", "5", "-d", "3s"]);
    let before = target.received();
    target.kill();
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = rhaid.record();
    let reached = total(&record, "sent") - never_reached(&record);
    // Between the last look and the end a few more may have come.
    assert!((before..=before + 60).contains(&reached), "{before} seen, {reached} sent");
    assert!(never_reached(&record) > 0, "{}", record["errors"]);
    agree(&rhaid, &ended, reached);
}

#[test]
fn one_interrupt_ends_the_run_gently_and_keeps_all_of_it() {
    let target = TargetApi::start(&[]);
    let (rhaid, running) = spawn_until(&target, 100, &["-u", "5", "-d", "60s"]);
    running.signal(Signal::INT);
    let ended = running.wait_within(STOPS_WITHIN);
    assert_eq!(ended.code, Some(105), "{}", ended.stderr);
    let record = agree(&rhaid, &ended, target.received());
    assert_eq!(record["status"], "interrupted");
    assert_eq!(record["exit_code"], 105);
    assert_eq!(total(&record, "interrupted"), 0, "running iterations end by themselves");
}

#[test]
fn terminate_ends_the_run_as_an_interrupt_does() {
    let target = TargetApi::start(&[]);
    let (rhaid, running) = spawn_until(&target, 100, &["-u", "5", "-d", "60s"]);
    running.signal(Signal::TERM);
    let ended = running.wait_within(STOPS_WITHIN);
    assert_eq!(ended.code, Some(105), "{}", ended.stderr);
    agree(&rhaid, &ended, target.received());
}

#[test]
fn a_second_interrupt_ends_the_run_at_once_and_it_is_stored() {
    let target = TargetApi::start(&["--latency", "20s..20s"]);
    let (rhaid, running) = spawn_until(&target, 5, &["-u", "5", "-d", "60s"]);
    running.signal(Signal::INT);
    let heard = poll(STOPS_WITHIN, || running.stderr().contains("stopping").then_some(()));
    assert!(heard.is_some(), "the first interrupt is answered");
    running.signal(Signal::INT);
    let ended = running.wait_within(STOPS_WITHIN);
    assert_eq!(ended.code, Some(105), "{}", ended.stderr);
    let record = agree(&rhaid, &ended, target.received());
    assert_eq!(total(&record, "interrupted"), 5, "five requests were under way");
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM test_runs WHERE is_final = 1"), 1);
}
