//! Manners of the command line: what is refused and how it is said, where options come from, what goes where.

use std::net::TcpListener;

use crate::support::{Ended, Rhaid, TargetApi};

/// A script with one task, for a target that is named on the command line.
const GOOD: &str = "fn look(user) { user.get(\"/api/health\"); }\n";

#[track_caller]
fn assert_refused(ended: &Ended, code: i32, words: &[&str]) {
    let said = &ended.stderr;
    assert_eq!(ended.code, Some(code), "{said}");
    assert_eq!(ended.stdout, "", "data is not for errors");
    for word in words {
        assert!(said.contains(word), "no {word:?} in:\n{said}");
    }
    for word in ["panicked", "RUST_BACKTRACE", "stack backtrace", "\x1b"] {
        assert!(!said.contains(word), "{said}");
    }
    assert!(said.lines().count() <= 10, "more than a paragraph:\n{said}");
}

/// `run` refuses with this code and these words, and neither makes load nor keeps a run.
#[track_caller]
fn assert_run_refused(script: &str, args: &[&str], code: i32, words: &[&str]) {
    let target = TargetApi::start(&[]);
    let rhaid = Rhaid::new();
    rhaid.script("a.rhai", script);
    let mut rhaid = rhaid
        .args(["run", "a.rhai", "--target", &target.url(), "-u", "2"])
        .args(["--no-progress"])
        .args(args);
    assert_refused(&rhaid.run(), code, words);
    assert_eq!(target.received(), 0, "load was made");
    assert!(!rhaid.path("rhaid.db").exists(), "a run was kept");
    assert!(!rhaid.path("record.json").exists(), "a record was written");
}

#[test]
fn wrong_option_is_usage() {
    assert_run_refused(GOOD, &["--durration", "1s"], 2, &["--durration", "--duration"]);
}

#[test]
fn negative_duration_on_the_command_line_is_usage() {
    assert_run_refused(GOOD, &["--duration=-5s"], 2, &["-5s", "negative", "30s"]);
}

#[test]
fn loads_that_cannot_be_meant_are_usage() {
    for (args, word) in [
        (&["-d", "-5s"] as &[&str], "it is negative"),
        (&["-d", "5"], "a unit is missing"),
        (&["--iterations", "0"], "at least 1"),
        (&["--rate", "10/s", "-s", "10s:5"], "cannot be used with"),
        (&["--out", "csv=x"], "json=FILE"),
        (&["--body", "x"], "has no meaning for a script"),
    ] {
        assert_run_refused(GOOD, args, 2, &[word]);
    }
    for (vus, word) in [("0", "at least 1"), ("-3", "whole number")] {
        let ended = Rhaid::new().args(["run", "http://127.0.0.1:1/", "--vus", vus]).run();
        assert_refused(&ended, 2, &[word]);
    }
}

#[test]
fn without_arguments_there_is_help() {
    let nothing = Rhaid::new().run();
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(2), ""));
    assert!(nothing.stderr.contains("Usage: rhaid"), "{}", nothing.stderr);
    for (args, word) in [
        (&["--help"] as &[&str], "Exit codes:"),
        (&["run", "--help"], "--max-vus"),
        (&["target-api", "--help"], "--port"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let helped = Rhaid::new().args(args).run();
        assert_eq!((helped.code, helped.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(helped.stdout.contains(word), "{args:?}: {}", helped.stdout);
    }
}

#[test]
fn place_beyond_the_end_of_a_line_is_shown() {
    let script = "fn look(user) { user.get(\"/ä";
    assert_run_refused(script, &["-d", "1s"], 104, &["a.rhai:1:", "/ä"]);
}

#[test]
fn misspelt_function_is_shown_in_its_line() {
    let script = "fn look(user) {\n    user.gett(\"/api/health\");\n}\n";
    let words = ["a.rhai:2:10", "user.gett(\"/api/health\");", "did you mean `get`?"];
    assert_run_refused(script, &["-d", "1s"], 104, &words);
}

#[test]
fn misspelt_option_key_is_shown_in_its_line() {
    let script = format!("let options = #{{\n    taks: #{{ look: 1 }},\n}};\n{GOOD}");
    let words = ["a.rhai:2:5", "taks: #{ look: 1 }", "did you mean `tasks`?"];
    assert_run_refused(&script, &["-d", "1s"], 104, &words);
}

#[test]
fn negative_duration_in_a_script_is_refused() {
    let script = format!("let options = #{{ load: #{{ vus: 1, duration: \"-5s\" }} }};\n{GOOD}");
    assert_run_refused(&script, &[], 104, &["a.rhai:1:", "-5s", "negative"]);
}

#[test]
fn zero_weight_is_refused() {
    let script = format!("let options = #{{ tasks: #{{ look: 0 }} }};\n{GOOD}");
    assert_run_refused(&script, &["-d", "1s"], 104, &["a.rhai:1:", "weight of `look` is 0"]);
}

#[test]
fn unknown_task_function_is_refused_with_the_nearest() {
    let script = format!("let options = #{{ tasks: #{{ lok: 1 }} }};\n{GOOD}");
    assert_run_refused(&script, &["-d", "1s"], 104, &["lok", "look"]);
}

#[test]
fn unknown_scenario_is_refused_with_the_nearest() {
    let script = format!(
        "let options = #{{ scenarios: #{{ member: #{{ tasks: #{{ look: 1 }} }} }} }};\n{GOOD}"
    );
    assert_run_refused(
        &script,
        &["--scenario", "membr"],
        104,
        &["membr", "did you mean", "member"],
    );
}

#[test]
fn bad_thresholds_are_refused() {
    let threshold = |text: &str, code: i32, words: &[&str]| {
        assert_run_refused(GOOD, &["-d", "1s", "--threshold", text], code, words);
    };
    threshold("nonsense", 2, &["nonsense", "http_req_duration: p(95)<300"]);
    threshold("http_req_duration: p(95)<<3", 104, &["p(95)<<3", "p(95)<300"]);
    threshold("http_req_durations: p(95)<3", 104, &["did you mean", "http_req_duration"]);
}

#[test]
fn missing_script_is_refused_with_a_way_out() {
    let ended = Rhaid::new().args(["run", "nowhere.rhai"]).run();
    assert_refused(&ended, 104, &["nowhere.rhai", "cannot be read", "rhaid new"]);
}

#[test]
fn nothing_to_run_and_a_bare_host_are_usage() {
    assert_refused(&Rhaid::new().args(["run"]).run(), 2, &["nothing to run", "rhaid new"]);
    let ended = Rhaid::new().args(["run", "localhost:8080"]).run();
    assert_refused(&ended, 2, &["localhost:8080", "http://localhost:8080"]);
}

#[test]
fn dead_target_is_refused_with_a_way_out() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let mut rhaid = Rhaid::new().args(["run", &url, "-d", "1s"]);
    assert_refused(&rhaid.run(), 104, &["cannot be reached", "refused", "--target", "--demo"]);
    assert!(!rhaid.path("rhaid.db").exists(), "a run was kept");
}

#[test]
fn port_in_use_is_named_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let ended = Rhaid::new().args(["target-api", "--port", &port]).run();
    assert_refused(&ended, 104, &[&port, "in use", "--port 0"]);
}

#[test]
fn unwritable_database_is_refused_before_any_load() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let refused = |database: &str, words: &[&str]| {
        let rhaid = Rhaid::new();
        rhaid.script("plain", "a file");
        rhaid.script("garbage.db", &"no database at all ".repeat(400));
        let before = std::fs::read(rhaid.path("garbage.db")).expect("it was written");
        let mut rhaid = rhaid.args(["run", &url, "-d", "1s", "--db", database]);
        assert_refused(&rhaid.run(), 104, words);
        let after = std::fs::read(rhaid.path("garbage.db")).expect("it is left");
        assert!(before == after, "the file was changed");
    };
    refused(".", &["directory", "--db"]);
    refused("plain/kept.db", &["plain/kept.db", "--db"]);
    refused("garbage.db", &["garbage.db", "not an SQLite database", "--db"]);
    assert_eq!(target.received(), 0, "load was made");
}

#[test]
fn url_runs_without_a_script() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = Rhaid::new().args(["run", &url, "-u", "10", "-d", "1s"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("GET /api/health"), "{}", ended.stdout);
    let requests = rhaid.record()["totals"]["requests"].as_u64().expect("a number");
    assert!(requests > 10);
    assert_eq!(requests, target.received());
}

#[test]
fn url_is_requested_with_method_and_body() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/auth/login", target.url());
    let body = r#"{"email":"user1@example.com","password":"secret"}"#;
    let mut rhaid = Rhaid::new()
        .args(["run", &url, "-X", "POST", "--body", body, "-i", "3"])
        .args(["-H", "content-type: application/json"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = rhaid.record();
    assert_eq!(record["steps"][0]["name"], "POST /api/auth/login");
    assert_eq!(record["totals"]["failed"], 0, "{}", ended.stdout);
    assert_eq!(target.received_by("POST /api/auth/login"), 3);
}

#[test]
fn quiet_leaves_the_data_alone() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let ended = Rhaid::new().args(["run", &url, "-i", "3", "-q"]).run();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("GET /api/health"), "{}", ended.stdout);
}

#[test]
fn what_goes_to_a_file_has_no_escape_codes() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    for no_color in ["", "1"] {
        let ended = Rhaid::new().env("NO_COLOR", no_color).args(["run", &url, "-d", "1s"]).run();
        assert!(!ended.stdout.contains('\x1b'), "{}", ended.stdout);
        assert!(!ended.stderr.contains('\x1b'), "{}", ended.stderr);
    }
}

#[test]
fn completions_and_manual_are_printed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = Rhaid::new().args(["completions", shell]).run();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains("target-api"), "{shell}");
    }
    let ended = Rhaid::new().args(["man"]).run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains(".TH rhaid"), "{}", ended.stdout);
    let mut rhaid = Rhaid::new();
    std::fs::create_dir(rhaid.path("pages")).expect("a folder");
    rhaid = rhaid.args(["man", "pages"]);
    assert_eq!(rhaid.run().code, Some(0));
    let pages = std::fs::read_dir(rhaid.path("pages")).expect("a folder").count();
    assert!(pages > 5, "{pages} pages");
}

#[test]
fn starter_script_passes_check_and_run() {
    let mut rhaid = Rhaid::new().args(["new"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("rhaid run journey.rhai --demo"), "{}", ended.stderr);
    rhaid = rhaid.args(["check", "journey.rhai", "--demo"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    rhaid = rhaid.args(["run", "journey.rhai", "--demo", "-d", "2s"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(rhaid.record()["totals"]["failed"], 0);
}

#[test]
fn new_overwrites_only_when_forced() {
    let mut rhaid = Rhaid::new();
    rhaid.script("mine.rhai", "// mine");
    rhaid = rhaid.args(["new", "mine.rhai"]);
    assert_refused(&rhaid.run(), 104, &["mine.rhai", "there already", "--force"]);
    let text = |rhaid: &Rhaid| std::fs::read_to_string(rhaid.path("mine.rhai")).expect("a script");
    assert_eq!(text(&rhaid), "// mine");
    rhaid = rhaid.args(["new", "mine.rhai", "--force"]);
    assert_eq!(rhaid.run().code, Some(0));
    assert!(text(&rhaid).contains("let options"));
}

#[test]
fn command_line_wins_over_environment_over_script() {
    let target = TargetApi::start(&[]);
    let script = format!("let options = #{{ load: #{{ vus: 2, iterations: 12 }} }};\n{GOOD}");
    let load = |variable: &str, args: &[&str]| {
        let mut rhaid = Rhaid::new();
        rhaid.script("a.rhai", &script);
        if !variable.is_empty() {
            rhaid = rhaid.env("RHAID_VUS", variable);
        }
        rhaid = rhaid.args(["run", "a.rhai", "--target", &target.url()]).args(args);
        let ended = rhaid.run();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        rhaid.record()["plan"]["scenarios"][0]["executor"]["vus"].as_u64().expect("users")
    };
    assert_eq!(load("", &[]), 2, "the script's");
    assert_eq!(load("3", &[]), 3, "the environment's");
    assert_eq!(load("3", &["-u", "4"]), 4, "the command line's");
}
