//! Runs that must not be trusted end INVALID, with the reason in words and exit code 112; sound ones do not.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Ended, Rhaid, TargetApi, poll};

/// Turns INVALID numbers into the exit code 112, as it is outside these tests.
fn strict() -> Rhaid {
    Rhaid::new().env("RHAID_ALLOW_INVALID", "0")
}

/// The signals that speak against a run, with their verdicts.
fn signals(record: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let signals = record["validity"]["signals"].as_array().expect("a judged run");
    signals.iter().map(|found| (word(&found["signal"]), word(&found["verdict"]))).collect()
}

#[track_caller]
fn assert_invalid(rhaid: &Rhaid, ended: &Ended, wanted: &[&str], words: &[&str]) {
    let record = rhaid.record();
    let validity = &record["validity"];
    assert_eq!(validity["verdict"], "INVALID", "{validity}\n{}", ended.stdout);
    assert_eq!(ended.code, Some(112), "{}", ended.stderr);
    assert_eq!(record["exit_code"], 112);
    let found = signals(&record);
    let is_wanted = |(signal, verdict): &(String, String)| {
        verdict == "INVALID" && wanted.contains(&signal.as_str())
    };
    assert!(found.iter().any(is_wanted), "none of {wanted:?} in {found:?}");
    for word in words.iter().chain(&["INVALID"]) {
        assert!(ended.stdout.contains(word), "no {word:?} in:\n{}", ended.stdout);
    }
    let stored =
        "SELECT COUNT(*) FROM test_runs WHERE validity_verdict = 'INVALID' AND exit_code = 112";
    assert_eq!(rhaid.query(stored), 1);
}

/// AT-7.4.
#[test]
fn a_script_that_computes_for_five_milliseconds_is_found_out() {
    let target = TargetApi::start(&[]);
    let rhaid = strict();
    rhaid.script(
        "spin.rhai",
        "let options = #{ load: #{ rate: \"1000/s\", duration: \"4s\", max_vus: 200 }, tasks: #{ spin: 1 } };
         fn spin(user) {
             user.get(\"/api/health\");
             let end = elapsed_ms() + 5.0;
             while elapsed_ms() < end {}
         }\n",
    );
    let mut rhaid = rhaid.args(["run", "spin.rhai", "--target", &target.url()]);
    let ended = rhaid.run();
    let wanted = ["worker_busy", "cpu", "schedule_lag", "closed_time", "planned_not_sent"];
    assert_invalid(&rhaid, &ended, &wanted, &["script"]);
}

/// AT-1.6 and AT-7.5: the time in which rhaid stood still is in the response times, and not blamed on the target.
#[test]
fn a_generator_that_stood_still_says_so() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid =
        strict().args(["run", &url, "--rate", "300/s", "-d", "5s", "--arrival", "constant"]);
    let running = rhaid.spawn();
    let seen = poll(std::time::Duration::from_secs(20), || (target.received() > 300).then_some(()));
    assert!(seen.is_some(), "{}", running.stderr());
    running.signal(Signal::STOP);
    crate::support::wait(std::time::Duration::from_secs(1));
    running.signal(Signal::CONT);
    let ended = running.wait();
    assert_invalid(&rhaid, &ended, &["os_hiccup"], &["kept rhaid from running"]);
    let record = rhaid.record();
    let totals = &record["totals"];
    assert_eq!(totals["planned"], 1500, "{totals}");
    assert_eq!((&totals["requests"], target.received()), (&totals["sent"], 1500), "{totals}");
    let max_ms = |times: &str| totals[times]["max"].as_f64().expect("a time");
    assert!(max_ms("schedule_lag") > 800.0, "{totals}");
    assert!(max_ms("http_req_response_time") > 800.0, "{totals}");
    assert!(record["generator_figures"]["hiccup_max_ms"].as_f64() > Some(800.0), "{record}");
}

/// AT-7.2.
#[test]
fn too_few_open_files_are_found_out() {
    let target = TargetApi::start(&["--lab", "service=det:500ms"]);
    let url = format!("{}/lab/work", target.url());
    let mut rhaid = strict()
        .args(["run", &url, "--rate", "200/s", "-d", "2s", "--max-vus", "300"])
        .under("ulimit -n 64");
    let ended = rhaid.run();
    assert_invalid(&rhaid, &ended, &["open_files"], &["ulimit -n"]);
}

/// AT-7.3.
#[test]
fn too_few_local_ports_are_found_out() {
    let namespace =
        "ip link set lo up && echo 20000 20099 > /proc/sys/net/ipv4/ip_local_port_range";
    let Some(shell) = crate::support::network_namespace(namespace) else { return };
    let rhaid = strict();
    rhaid.script(
        "ports.rhai",
        "let options = #{ load: #{ rate: \"200/s\", duration: \"3s\", max_vus: 50 }, tasks: #{ one: 1 },
             no_connection_reuse: true };
         fn one(user) { user.get(\"/api/health\"); }\n",
    );
    let mut rhaid = rhaid.args(["run", "ports.rhai", "--demo"]).inside(&shell);
    let ended = rhaid.run();
    assert_invalid(&rhaid, &ended, &["local_ports"], &["ip_local_port_range"]);
}

/// AT-7.1.
#[test]
fn a_cpu_quota_that_holds_the_generator_back_is_found_out() {
    let Some(group) = crate::support::CpuGroup::with_quota(0.2) else { return };
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = strict()
        .args(["run", &url, "--rate", "2000/s", "-d", "4s", "--max-vus", "100"])
        .under(&group.join_command());
    let ended = rhaid.run();
    assert_invalid(&rhaid, &ended, &["throttled", "cpu", "schedule_lag"], &["quota"]);
}

/// AT-7.7. Tests beside this one take the machine's time; nothing else may speak against it.
#[test]
fn a_slow_and_healthy_target_is_trusted() {
    let target = TargetApi::start(&["--lab", "service=det:2s"]);
    let url = format!("{}/lab/work", target.url());
    let mut rhaid =
        Rhaid::new().args(["run", &url, "--rate", "50/s", "-d", "5s", "--max-vus", "400"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = rhaid.record();
    let of_the_machine = ["shared_host", "os_hiccup", "steal"];
    let others: Vec<_> = signals(&record)
        .into_iter()
        .filter(|(signal, _)| !of_the_machine.contains(&signal.as_str()))
        .collect();
    assert_eq!(others, [], "{}", ended.stdout);
    let totals = &record["totals"];
    assert_eq!((&totals["planned"], &totals["dropped"]), (&250.into(), &0.into()), "{totals}");
    assert!(totals["http_req_response_time"]["p50"].as_f64() >= Some(2000.0), "{totals}");
}

#[test]
fn an_invalid_run_is_never_a_baseline() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let load = ["run", &url, "-i", "20", "-u", "2"];
    let mut rhaid = Rhaid::new().args(load).args(["--tag", "build=old"]);
    assert_eq!(rhaid.run().code, Some(0));
    let database = rusqlite::Connection::open(rhaid.path("rhaid.db")).expect("a database");
    let spoil = "UPDATE test_runs SET validity_verdict = 'INVALID',
                 findings_json = json_set(findings_json, '$.validity.verdict', 'INVALID')";
    assert_eq!(database.execute(spoil, []), Ok(1));
    drop(database);
    for (name, words) in
        [("1", "never a baseline"), ("last", "never a baseline"), ("build=old", "build=old")]
    {
        rhaid = rhaid.args(load).args(["--baseline", name]);
        let ended = rhaid.run();
        assert_eq!(ended.code, Some(104), "{name}: {}", ended.stdout);
        assert!(ended.stderr.contains(words), "{name}: {}", ended.stderr);
    }
    assert_eq!(target.received(), 20, "refused before any load");
}
