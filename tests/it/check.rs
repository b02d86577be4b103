//! What `rhaid check` finds and shows.

use serde_json::Value;

use crate::support::{Ended, Rhaid, TargetApi};

/// Two kinds of user, a stage before and after, and one of everything that is shown.
const SCRIPT: &str = r#"
let options = #{
    scenarios: #{
        member: #{ weight: 3, on_start: "sign_in", on_stop: "sign_out", tasks: #{ list: 3, look: 1 } },
        visitor: #{ weight: 1, tasks: #{ browse: 1 } },
    },
    load: #{ vus: 4, duration: "1m" },
    think_time: constant("30s"),
    thresholds: #{ http_req_failed: ["rate<0.01"] },
};
fn setup() { #{ password: "secret" } }
fn sign_in(user) {
    let r = user.post("/api/auth/login", #{ json: #{ email: "user1@example.com", password: user.data.password } });
    check(r, "signed in", r.status == 200);
    user.header("authorization", `Bearer ${r.json().token}`);
}
fn list(user) { user.get("/api/teams", #{ query: #{ page: 1 } }); user.think(); }
fn look(user) { let r = user.get("/api/nothing"); check(r, "found", r.status == 200); }
fn sign_out(user) { user.post("/api/auth/logout"); }
fn browse(user) { print("browsing"); user.get("/api/health"); }
fn teardown(data) {}
"#;

fn check(script: &str, args: &[&str]) -> Ended {
    let rhaid = Rhaid::new();
    rhaid.script("a.rhai", script);
    rhaid.args(["check", "a.rhai"]).args(args).run()
}

#[track_caller]
fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", ended.stdout, ended.stderr))
}

/// Where each of `words` is, which must be one after the other.
#[track_caller]
fn assert_in_order(text: &str, words: &[&str]) {
    let mut rest = text;
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("no {word:?} after that in:\n{text}"));
        rest = &rest[at + word.len()..];
    }
}

#[test]
fn plan_and_every_request_are_shown_in_their_order() {
    let target = TargetApi::start(&[]);
    let ended = check(SCRIPT, &["--target", &target.url()]);
    assert_eq!(ended.code, Some(0), "a failed check is no error: {}", ended.stderr);
    assert_eq!(ended.stderr, "");
    let words = [
        &target.url(),
        "for 1m",
        "list 3 (75 %), look 1 (25 %)",
        "http_req_failed: rate<0.01",
        "setup",
        "member: sign_in",
        "✓ POST /api/auth/login",
        "200",
        "✓ check: signed in",
        "member: list",
        "✓ GET /api/teams",
        "/api/teams?page=1",
        "member: look",
        "✗ GET /api/nothing",
        "404",
        "failed: status 404",
        "✗ check: found",
        "member: sign_out",
        "✓ POST /api/auth/logout",
        "visitor: browse",
        "log: browsing",
        "✓ GET /api/health",
        "teardown",
        "5 requests (1 failed), 2 checks (1 failed), 0 script errors",
    ];
    assert_in_order(&ended.stdout, &words);
    assert_eq!(target.received(), 5, "one iteration and nothing else");
}

#[test]
fn json_says_the_same_for_programs() {
    let ended = check(SCRIPT, &["--demo", "--format", "json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = json(&ended);
    assert_eq!(said["ok"], true);
    assert_eq!(said["findings"], Value::Array(Vec::new()));
    assert_eq!(said["plan"]["scenarios"].as_array().map(Vec::len), Some(2));
    assert_eq!(said["requests"].as_array().map(Vec::len), Some(5));
    assert_eq!(said["requests"][0]["task"], "sign_in");
    assert_eq!(said["requests"][0]["status"], 200);
    assert_eq!(said["requests"][2]["failed"], true);
    assert_eq!(said["checks"][1]["passed"], false);
    assert_eq!(said["errors"], Value::Array(Vec::new()));
}

#[test]
fn findings_come_before_the_target_is_looked_at() {
    let script = "let options = #{ tasks: #{ a: 1, b: 1 } };\nfn a(user) { user.gett(\"/\"); }\nfn b(user) { user.pots(\"/\"); }\n";
    let ended = check(script, &["--target", "http://127.0.0.1:1", "--format", "json"]);
    assert_eq!(ended.code, Some(104), "{}", ended.stderr);
    let said = json(&ended);
    assert_eq!(said["ok"], false);
    assert_eq!(said["plan"], Value::Null);
    let lines: Vec<_> = (0..2).map(|i| said["findings"][i]["line"].clone()).collect();
    assert_eq!(lines, [2, 3], "all of them at once");
    assert_eq!(said["findings"][1]["hint"], "did you mean `post`?");
    assert!(ended.stderr.contains("user.pots(\"/\");"), "{}", ended.stderr);
}

#[test]
fn dead_target_is_refused() {
    let ended = check("fn a(user) { user.get(\"/\"); }", &["--target", "http://127.0.0.1:1"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(104), ""));
    assert!(ended.stderr.contains("--demo"), "{}", ended.stderr);
}

#[test]
fn script_error_is_shown_in_its_line_and_the_next_task_still_runs() {
    let script =
        "fn a(user) {\n    let n = [1][7];\n}\nfn b(user) { user.get(\"/api/health\"); }\n";
    let options = "let options = #{ tasks: #{ a: 1, b: 1 } };\n";
    let ended = check(&format!("{options}{script}"), &["--demo"]);
    assert_eq!(ended.code, Some(107), "{}", ended.stdout);
    assert!(ended.stderr.contains("a.rhai:3:"), "{}", ended.stderr);
    assert!(ended.stderr.contains("let n = [1][7];"), "{}", ended.stderr);
    assert_in_order(&ended.stdout, &["✗ a.rhai:3:", "default: b", "✓ GET /api/health"]);
}

#[test]
fn giving_up_in_on_start_ends_the_scenario() {
    let script = "fn on_start(user) { user.fail(\"no account\"); }\nfn a(user) { user.get(\"/\"); }\nfn teardown() {}";
    let ended = check(script, &["--demo", "--format", "json"]);
    assert_eq!(ended.code, Some(107), "{}", ended.stderr);
    let said = json(&ended);
    assert_eq!(said["ok"], false);
    assert_eq!(said["errors"][0]["task"], "on_start");
    assert_eq!(said["errors"][0]["message"], "no account");
    assert_eq!(said["requests"], Value::Array(Vec::new()));
}

#[test]
fn broken_setup_ends_it_all() {
    let script = "fn setup() { throw \"no data\"; }\nfn a(user) { user.get(\"/\"); }\n";
    let ended = check(script, &["--demo"]);
    assert_eq!(ended.code, Some(107), "{}", ended.stdout);
    assert!(ended.stderr.contains("no data"), "{}", ended.stderr);
    assert!(ended.stdout.contains("0 requests"), "{}", ended.stdout);
}

#[test]
fn escape_codes_from_elsewhere_do_not_reach_the_terminal() {
    let script =
        "fn a(user) { print(\"\\x1b[2J\"); check((), \"\\x1b[2J\", true); throw \"\\x1b[2J\"; }";
    let ended = check(script, &["--demo"]);
    assert_eq!(ended.code, Some(107), "{}", ended.stderr);
    assert!(!ended.stdout.contains('\x1b') && !ended.stderr.contains('\x1b'), "{ended:?}");
}

#[test]
fn user_and_password_of_a_url_are_not_shown() {
    let target = TargetApi::start(&[]);
    let url = target.url().replace("http://", "http://joe:hunter2@");
    let ended = check(
        &format!("fn a(user) {{ user.get(\"{url}/api/health\"); }}"),
        &["--target", &target.url()],
    );
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hunter2"), "{}", ended.stdout);
}
