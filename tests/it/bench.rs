//! What `rhaid bench` measures, prints, keeps and remembers.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::report::assert_valid;
use crate::support::{Ended, Rhaid, TargetApi, alone, poll};

/// Two endpoints, a task each.
const TWO: &str = "let options = #{ tasks: #{ a_health: 1, b_items: 1 } };
fn a_health(user) { user.get(\"/api/health\"); }
fn b_items(user) { user.get(\"/items/\"); }
";
/// How long a benchmark may take to come to a certain endpoint, and to end.
const SOON: Duration = Duration::from_secs(30);

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no count: {value}"))
}

/// A benchmark of `source` that says nothing but its data.
fn bench(rhaid: Rhaid, source: &str, args: &[&str]) -> Rhaid {
    rhaid
        .args(["bench", source, "-q", "--json", "record.json"])
        .args(["-u", "2", "--warm-up", "0s"])
        .args(args)
}

#[track_caller]
fn passed(mut rhaid: Rhaid) -> (Rhaid, Ended) {
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    (rhaid, ended)
}

/// The lines of endpoints: each has its name, then its figures in this order.
fn lines(ended: &Ended) -> Vec<(String, &str)> {
    let named = ended.stdout.lines().filter_map(|line| line.split_once("  p50="));
    named.map(|(name, figures)| (name.trim_end().to_owned(), figures)).collect()
}

fn names(record: &Value) -> Vec<&str> {
    let endpoints = record["endpoints"].as_array().expect("endpoints");
    endpoints.iter().map(|endpoint| endpoint["name"].as_str().expect("a name")).collect()
}

/// Every request is counted once, by the target, in the record and in the database.
#[track_caller]
fn agree(rhaid: &Rhaid, record: &Value, received: u64) {
    let totals = &record["totals"];
    assert_eq!(number(&totals["sent"]), received);
    assert_eq!(number(&totals["requests"]), received);
    let steps = record["steps"].as_array().expect("steps");
    assert_eq!(steps.iter().map(|step| number(&step["count"])).sum::<u64>(), received);
    assert_eq!(rhaid.stored_requests(), received);
    let measured: u64 = record["endpoints"].as_array().map_or(0, |endpoints| {
        endpoints.iter().map(|endpoint| number(&endpoint["requests"])).sum()
    });
    assert!(measured <= received, "{measured} of {received}");
    assert_eq!(rhaid.query("SELECT SUM(count) FROM benchmark_results"), measured);
}

#[test]
fn each_of_six_endpoints_is_measured_alone_and_no_request_is_lost() {
    let target = TargetApi::start(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/endpoints.rhai");
    let script = script.to_str().expect("text");
    let args = ["-d", "1s", "--target", &target.url()];
    let (rhaid, ended) = passed(bench(Rhaid::new(), script, &args));
    let found = lines(&ended);
    let mut expected = [
        "GET /api/teams/{id}",
        "GET /api/health",
        "GET /items/",
        "GET /api/teams",
        "GET /user/{id}",
        "PUT /api/users/me",
    ];
    let mut sorted: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let record = rhaid.record();
    assert_eq!(sorted, names(&record), "the order of time");
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    for (name, figures) in &found {
        let (p99, throughput) = (figures.find("p99="), figures.find("rps="));
        assert!(p99.is_some() && p99 < throughput, "{name}: {figures}");
        assert!(!figures.contains("errors="), "{name}: {figures}");
    }
    assert_valid(&record);
    agree(&rhaid, &record, target.received());
    assert_eq!(
        (record["test_type"].as_str(), &record["load"]),
        (Some("benchmark"), &"2 VUs".into())
    );
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM benchmark_results"), 6);
    let signed_in = target.received_by("POST /api/auth/login");
    assert_eq!(signed_in, 12, "two users for each of six legs, and no endpoint of their own");
    let (rhaid, shown) = passed(rhaid.args(["report", "last"]));
    assert!(expected.iter().all(|name| shown.stdout.contains(name)), "{}", shown.stdout);
    let (_, shown) = passed(rhaid.args(["report", "last", "--format", "json"]));
    let stored: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_valid(&stored);
    assert_eq!(stored["endpoints"], record["endpoints"]);
}

#[test]
fn the_history_of_an_endpoint_has_a_row_for_each_benchmark_and_none_of_other_runs() {
    let target = TargetApi::start(&[]);
    let url = target.url();
    let mut rhaid = Rhaid::new();
    let script = rhaid.script("two.rhai", TWO);
    for build in ["build=one", "build=two"] {
        let args = ["-d", "1s", "--target", &url, "--tag", build];
        rhaid = passed(bench(rhaid, &script, &args)).0;
    }
    let plain = ["run", &script, "-u", "1", "-i", "5", "-q", "--target", &url];
    (rhaid, _) = passed(rhaid.args(plain));
    let history = ["report", "--endpoint", "GET /api/health"];
    let (rhaid, shown) = passed(rhaid.args(history));
    let at = |word: &str| shown.stdout.find(word).unwrap_or_else(|| panic!("{}", shown.stdout));
    assert!(at("build=one") < at("build=two"), "oldest first:\n{}", shown.stdout);
    let sparks =
        shown.stdout.lines().filter(|line| line.starts_with("p50  ") || line.starts_with("p99  "));
    assert_eq!(sparks.count(), 2, "{}", shown.stdout);
    let (rhaid, shown) = passed(rhaid.args(history).args(["--format", "json"]));
    let rows: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let ids: Vec<u64> =
        rows.as_array().expect("rows").iter().map(|row| number(&row["id"])).collect();
    assert_eq!(ids, [1, 2], "{rows}");
    assert!(rows[1]["p50_change"]["percent"].is_number(), "{rows}");
    let mut rhaid = rhaid;
    for some in [&["--tag", "build=two"], &["--limit", "1"]] {
        let ended;
        (rhaid, ended) = passed(rhaid.args(history).args(some));
        let is_newest = ended.stdout.contains("build=two") && !ended.stdout.contains("build=one");
        assert!(is_newest, "{some:?}: {}", ended.stdout);
    }
    let (_, ended) = passed(rhaid.args(history).args(["--tag", "build=three"]));
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("has that tag"), "{}", ended.stderr);
}

#[test]
fn an_endpoint_that_was_never_measured_is_refused_with_the_nearest() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let (rhaid, _) = passed(bench(Rhaid::new(), &url, &["-d", "1s"]));
    let ended = rhaid.args(["report", "--endpoint", "GET /api/helth"]).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(104), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("GET /api/helth") && ended.stderr.contains("GET /api/health"));
    let ended = Rhaid::new().args(["report", "--endpoint", "GET /"]).run();
    assert_eq!(ended.code, Some(104), "there is no database: {}", ended.stderr);
    assert!(ended.stderr.contains("rhaid.db"), "{}", ended.stderr);
}

#[test]
fn several_urls_are_an_endpoint_each() {
    let (target, other) = (TargetApi::start(&[]), TargetApi::start(&[]));
    let urls = [
        format!("{}/api/health", target.url()),
        format!("{}/items/?page=1", target.url()),
        format!("{}/items/?page=2", target.url()),
        format!("{}/api/health", other.url()),
    ];
    let rhaid = Rhaid::new().args(["bench", "-q", "-d", "1s", "-u", "1", "--warm-up", "0s"]);
    let (rhaid, ended) = passed(rhaid.args(urls).args(["--json", "record.json"]));
    let record = rhaid.record();
    let elsewhere = format!("GET {}/api/health", other.url());
    let expected = ["GET /api/health", "GET /items/", "GET /items/ (url_3)", &elsewhere];
    assert_eq!(names(&record), expected, "{}", ended.stdout);
    assert_eq!(record["name"], "4 URLs");
    assert!(other.received() > 0);
    agree(&rhaid, &record, target.received() + other.received());
}

#[test]
fn steps_of_one_task_are_endpoints_and_failures_are_in_the_line() {
    let target = TargetApi::start(&[]);
    let rhaid = Rhaid::new();
    let script = rhaid.script(
        "steps.rhai",
        "let options = #{ think_time: constant(\"10s\"), tasks: #{ both: 1 } };
fn on_start(user) { user.get(\"/api/teams/1\"); }
fn both(user) { user.get(\"/api/health\"); user.get(\"/nowhere\"); }
",
    );
    let (rhaid, ended) = passed(bench(rhaid, &script, &["-d", "1s", "--target", &target.url()]));
    let record = rhaid.record();
    assert_eq!(names(&record), ["GET /api/health", "GET /nowhere"], "{}", ended.stdout);
    let [health, nowhere] = [0, 1].map(|place| number(&record["endpoints"][place]["requests"]));
    assert!(health > 10, "the think time is for runs: {}", ended.stdout);
    assert!(health.abs_diff(nowhere) <= 2, "{health} and {nowhere}");
    let found = lines(&ended);
    assert!(!found[0].1.contains("errors="), "{}", ended.stdout);
    assert!(
        found[1].1.contains("rps=0.0") && found[1].1.ends_with("errors=100.0%"),
        "{}",
        ended.stdout
    );
    agree(&rhaid, &record, target.received());
}

#[test]
fn a_precision_that_was_reached_ends_an_endpoint_early() {
    let _machine = alone();
    // Slow enough that a busy machine's milliseconds do not widen the interval.
    let target = TargetApi::start(&["--lab", "service=det:50ms"]);
    let url = format!("{}/lab/work", target.url());
    let (rhaid, ended) = passed(bench(Rhaid::new(), &url, &["-d", "40s", "--precision", "90%"]));
    let record = rhaid.record();
    let endpoint = &record["endpoints"][0];
    let measured_s = endpoint["measured_s"].as_f64().expect("seconds");
    assert!((5.0..40.0).contains(&measured_s), "{}", ended.stdout);
    assert_eq!(endpoint["is_precise"], true, "{endpoint}");
    let (rate, requests) = (endpoint["rate_per_s"].as_f64(), number(&endpoint["requests"]));
    let counted = rate.expect("a rate") * measured_s;
    assert!((counted - requests as f64).abs() < 1.0, "{endpoint}");
    assert_valid(&record);
    agree(&rhaid, &record, target.received());
}

#[test]
fn an_interrupt_keeps_the_endpoints_that_were_done() {
    let target = TargetApi::start(&[]);
    let rhaid = Rhaid::new();
    let script = rhaid.script("two.rhai", TWO);
    let args =
        ["bench", &script, "-u", "2", "--warm-up", "0s", "-d", "3s", "--target", &target.url()];
    let mut rhaid = rhaid.args(args).args(["--json", "record.json", "--no-progress"]);
    let running = rhaid.spawn();
    let seen = poll(SOON, || (target.received_by("GET /items/") > 0).then_some(()));
    assert!(seen.is_some(), "the second endpoint does not come: {}", running.stderr());
    running.signal(Signal::INT);
    let ended = running.wait_within(SOON);
    assert_eq!(ended.code, Some(105), "{}", ended.stderr);
    assert!(ended.stderr.contains("b_items was cut off"), "{}", ended.stderr);
    let record = rhaid.record();
    assert_eq!(
        (names(&record), &record["status"]),
        (vec!["GET /api/health"], &"interrupted".into())
    );
    assert_eq!(lines(&ended).len(), 1, "{}", ended.stdout);
    agree(&rhaid, &record, target.received());
}

#[test]
fn what_cannot_be_meant_is_usage_and_makes_no_load() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    for (args, word) in [
        (&[][..], "nothing to run"),
        (&[&url, "-u", "0"], "at least 1"),
        (&[&url, "-d", "5"], "a unit is missing"),
        (&[&url, "--precision", "0.5%"], "1%"),
        (&[&url, "--precision", "100%"], "below 100%"),
        (&[&url, "a.rhai"], "a script is measured by itself"),
        (&["a.rhai", "b.rhai"], "a script is measured by itself"),
        (&[&url, &url, "--demo"], "--demo has no meaning for a URL"),
        (&[&url, "--rate", "10/s"], "--rate"),
    ] {
        let ended = Rhaid::new().args(["bench"]).args(args).run();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            ended.stderr
        );
        assert!(ended.stderr.contains(word), "{args:?}: no {word:?} in {}", ended.stderr);
    }
    let ended = Rhaid::new().args(["report", "12", "--endpoint", "GET /"]).run();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(target.received(), 0);
}
