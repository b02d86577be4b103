//! What the target and its machine have in use: seen, scraped, stored, shown.

use serde_json::Value;

use crate::support::{Fault, Faulty, Rhaid, TargetApi};

/// Four connections, 20 ms each: 200 requests a second, and whoever comes more often waits.
const SMALL_POOL: [&str; 4] = ["--pool-size", "4", "--query-delay", "20ms"];

/// A journey of one request, and what a page tells of its pool.
const MAPPED: &str = r#"
let options = #{ scrape: #{ url: env("PAGE"), resources: #{
    "db pool": #{ used: "target_api_db_pool_in_use", capacity: "target_api_db_pool_size", waiting: "target_api_db_pool_waiting" },
    answers: #{ used: "rate(target_api_requests_total{status=\"200\"})", capacity: 200 },
    nothing: #{ used: "no_such_series" },
} } };
fn journey(user) { user.get("/api/teams"); }
"#;

fn level<'a>(record: &'a Value, resource: &str) -> &'a Value {
    let levels = record["resources"]["levels"].as_array().expect("levels");
    let found = levels.iter().find(|level| level["resource"] == resource);
    found.unwrap_or_else(|| panic!("no {resource} in {:#}", record["resources"]["levels"]))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_mapped_pool_that_is_full_is_stored_and_told_as_full() {
    let target = TargetApi::start(&SMALL_POOL);
    let page = format!("{}/metrics", target.url());
    let mut rhaid = Rhaid::new();
    let script = rhaid.script("mapped.rhai", MAPPED);
    let load = ["-u", "16", "-d", "4s", "--target", &target.url()];
    rhaid = rhaid.args(["run", &script]).args(load).args(["-e", &format!("PAGE={page}")]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    let pool = level(&record, "db pool");
    assert_eq!((number(&pool["capacity"]), number(&pool["used"]["max"])), (4.0, 4.0), "{pool:#}");
    // Twelve of the sixteen wait.
    assert!(number(&pool["saturation"]["max"]) > 4.0, "{pool:#}");
    let answers = level(&record, "answers");
    assert_eq!(answers["unit"], "per_s");
    assert!(
        number(&answers["used"]["max"]) <= 220.0,
        "the pool lets 200 a second pass: {answers:#}"
    );
    assert!(number(&level(&record, "target cpu")["used_ratio_max"]) < 1.0);
    assert_eq!(ended.stderr.matches("no no_such_series").count(), 1, "{}", ended.stderr);
    let stored = rhaid.query("SELECT count(*) FROM resource_levels WHERE resource = 'db pool'");
    assert_eq!(Some(stored as usize), pool["samples"].as_array().map(Vec::len));
    assert!(stored >= 2, "{pool:#}");
    let ended = rhaid.args(["report", "1", "--format", "json"]).run();
    let again: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(again["resources"], record["resources"], "what was stored is what was told");
}

#[test]
fn the_scrape_is_no_request_of_the_run_and_the_sample_service_is_scraped_unasked() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/teams", target.url());
    let mut rhaid = Rhaid::new().args(["run", &url, "--rate", "50/s", "-d", "4s"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = rhaid.record();
    assert_eq!((record["totals"]["sent"].as_u64(), target.received()), (Some(200), 200));
    let scrapes = &record["resources"]["scrapes"];
    assert_eq!(scrapes[0]["url"], format!("{}/metrics", target.url()));
    assert_eq!(scrapes[0]["failed"], 0);
    assert!(scrapes[0]["done"].as_u64().is_some_and(|done| done >= 1), "{scrapes:#}");
}

#[test]
fn a_target_that_only_started_a_sample_service_is_not_asked_for_pages() {
    // This process listens itself, and has the service as a child.
    let child = TargetApi::start(&[]);
    let target = Faulty::start(Fault::ResetsEvery(u64::MAX));
    let mut rhaid = Rhaid::new().args(["run", &target.url(), "-u", "1", "-d", "2s"]);
    let ended = rhaid.run();
    let record = rhaid.record();
    assert_eq!(
        record["resources"]["scrapes"].as_array().map(Vec::len),
        Some(0),
        "{}",
        ended.stderr
    );
    assert_eq!(record["totals"]["sent"].as_u64(), Some(target.received()));
    assert_eq!(child.received(), 0);
}

#[test]
fn a_run_of_the_demo_shows_its_pool_and_its_machine_in_the_summary() {
    let mut rhaid = Rhaid::new();
    let script = rhaid.script("one.rhai", "fn journey(user) { user.get(\"/api/teams\"); }");
    rhaid = rhaid.args(["run", &script, "--demo", "-u", "2", "-d", "3s"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let again = rhaid.args(["report", "1"]).run();
    for text in [&ended.stdout, &again.stdout] {
        let table = text.split("\nresources:").nth(1).expect("a table of resources");
        for resource in ["database pool", "target cpu", "target memory", "host cpu", "accept queue"]
        {
            assert!(table.contains(resource), "no {resource} in {table}");
        }
    }
}

#[test]
fn pages_that_are_garbage_or_never_come_are_counted_and_said_once() {
    let target = TargetApi::start(&[]);
    let silent = Faulty::start(Fault::NeverAnswers);
    let (garbage, silent_page) = (format!("{}/api/openapi.json", target.url()), silent.url());
    let url = format!("{}/api/health", target.url());
    let mut rhaid = Rhaid::new()
        .args(["run", &url, "-u", "2", "-d", "4s", "--scrape", &garbage])
        .args(["--scrape", &silent_page]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("could not be scraped").count(), 2, "{}", ended.stderr);
    let record = rhaid.record();
    let scrapes = record["resources"]["scrapes"].as_array().expect("scrapes");
    for (scrape, why) in scrapes.iter().zip(["line 1 is no metric", "no whole page within"]) {
        assert_eq!(scrape["done"], 0, "{scrape:#}");
        assert!(scrape["failed"].as_u64().is_some_and(|failed| failed >= 2), "{scrape:#}");
        assert!(scrape["last_error"].as_str().is_some_and(|e| e.contains(why)), "{scrape:#}");
    }
    assert!(ended.stdout.contains("failed: line 1 is no metric"), "{}", ended.stdout);
}

#[test]
fn pages_come_from_the_environment_and_wrong_ones_are_refused_before_any_load() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let page = format!("{}/metrics", target.url());
    let mut rhaid = Rhaid::new().args(["run", &url, "-i", "1"]).env("RHAID_SCRAPE", &page);
    assert_eq!(rhaid.run().code, Some(0));
    let plan = &rhaid.record()["plan"];
    assert_eq!(plan["scrape"][0]["url"], page, "{plan:#}");
    let before = target.received();
    for wrong in ["https://localhost/metrics", "localhost:9100/metrics", "http://me:pw@h/metrics"] {
        let ended = Rhaid::new().args(["run", &url, "--scrape", wrong]).run();
        assert_eq!(ended.code, Some(104), "{wrong}: {}", ended.stderr);
        assert!(ended.stderr.contains("cannot be scraped"), "{wrong}: {}", ended.stderr);
        assert!(!ended.stderr.contains("pw@"), "{}", ended.stderr);
    }
    assert_eq!(target.received(), before);
}
