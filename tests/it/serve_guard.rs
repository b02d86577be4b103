//! What a real server refuses while it makes runs: hosts, files and variables that nobody allowed, and clients that wait.

use std::path::Path;

use serde_json::{Value, json};

use crate::serve::handshake;
use crate::support::{Api, Rhaid, TargetApi};

/// A folder of scripts with a file beside it.
fn folder() -> (tempfile::TempDir, String) {
    let whole = tempfile::tempdir().expect("a folder");
    let scripts = whole.path().join("scripts");
    std::fs::create_dir(&scripts).expect("made");
    std::fs::write(whole.path().join("secret.csv"), "name\ncanary\n").expect("written");
    std::fs::write(scripts.join("users.csv"), "name\nann\n").expect("written");
    let root = scripts.to_str().expect("text").to_owned();
    (whole, root)
}

fn put(api: &Api, name: &str, text: &str) {
    let answer = api.ask("PUT", &format!("/api/scripts/{name}"), Some(&json!({ "text": text })));
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn kinds(run: &Value) -> Vec<&str> {
    let errors = run["errors"].as_array().expect("a list");
    errors.iter().map(|error| error["kind"].as_str().expect("a kind")).collect()
}

#[test]
fn a_script_that_asks_other_hosts_fails_there_and_reaches_none() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let (_whole, root) = folder();
    let api = Api::start(&mut rhaid, &["--target", &service.url(), "--script-root", &root]);
    // The system connects this address to the loopback: without the guard it would be answered.
    let other = service.url().replace("127.0.0.1", "0.0.0.0");
    let text = format!(
        "fn journey(user) {{\n user.get(\"{other}/api/teams\");\n user.get(\"http://169.254.169.254/latest\");\n\
         user.get(\"http://[::ffff:169.254.169.254]/\");\nuser.sleep(0.05);\n}}"
    );
    put(&api, "out.rhai", &text);
    let request =
        json!({"test_type": "load", "script": "out.rhai", "users": 1, "duration_seconds": 1});
    let before = service.received();
    let run = api.start_run(&request);
    let ended = api.wait_for(&run, |run| run["exit_code"].is_i64());
    assert_eq!(service.received(), before);
    let (all, failed) = (&ended["totals"]["requests"], &ended["totals"]["failed"]);
    assert!(all.as_u64() > Some(0) && all == failed, "{}", ended["totals"]);
    assert!(kinds(&ended).iter().all(|kind| *kind == "not_allowed"), "{}", ended["errors"]);
    assert_eq!(ended["plan"]["http"]["reach"], json!([]));
}

#[test]
fn scripts_read_no_variable_and_no_file_that_was_not_allowed() {
    let mut rhaid = Rhaid::new().env("RHAID_TEST_CANARY", "canary").env("RHAID_TEST_OPEN", "open");
    let (whole, root) = folder();
    let options = ["--target", "http://127.0.0.1:1", "--script-root", &root];
    let api = Api::start(&mut rhaid, &[&options[..], &["--allow-env", "RHAID_TEST_OPEN"]].concat());
    let secret = whole.path().join("secret.csv");
    let findings = |code: &str| {
        let text = format!("{code}\nfn journey(user) {{ user.get(\"/\"); }}");
        let found = api.ask("POST", "/api/scripts/check", Some(&json!({ "text": text }))).json();
        found["findings"].as_array().expect("a list").clone()
    };
    for code in [
        "if env(\"RHAID_TEST_OPEN\") != () { throw \"read\"; }",
        "for name in [\"RHAID_TEST_CANARY\", \"HOME\", \"PATH\"] { if env(name) != () { throw name; } }",
        "const U = csv(\"users.csv\"); if U.len() != 1 { throw U.len(); }",
    ] {
        let found = findings(code);
        assert!(found.is_empty(), "{code}: {found:?}");
    }
    for code in [
        "const S = csv(\"../secret.csv\"); throw S[0].name;",
        &format!("const S = file(\"{}\");", secret.display()),
        "const S = csv(\"/etc/passwd\"); throw S[0];",
        "const S = file(\"Cargo.toml\");",
        "import \"part\" as part;",
        "loop {}",
    ] {
        let found = findings(code);
        assert_eq!(found.len(), 1, "{code}: {found:?}");
        assert!(!found[0]["message"].as_str().expect("text").contains("canary"), "{found:?}");
        put(&api, "bad.rhai", &format!("{code}\nfn journey(user) {{ user.get(\"/\"); }}"));
        let request = json!({"test_type": "load", "script": "bad.rhai"});
        let refused = api.ask("POST", "/api/tests/start", Some(&request));
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("cannot_run")));
        assert!(!refused.text.contains("canary"), "{}", refused.text);
    }
}

/// What a script asks for that is refused before any load, and a word of the reason.
const BEYOND: [(&str, &str); 5] = [
    ("target: \"http://evil.test\"", "evil.test may not be loaded"),
    ("scrape: \"http://169.254.169.254/metrics\"", "169.254.169.254 may not be loaded"),
    ("ca_file: \"/etc/hostname\"", "ca_file is not allowed here"),
    ("vus: 51, duration: \"1s\"", "50 users"),
    ("vus: 1, duration: \"2h\"", "3600 s at most"),
];

#[test]
fn what_a_script_asks_for_is_bounded_when_it_is_asked_for() {
    let mut rhaid = Rhaid::new();
    let (_whole, root) = folder();
    let options = ["--script-root", &root, "--max-users", "50"];
    let api = Api::start(&mut rhaid, &options);
    for (options, word) in BEYOND {
        put(
            &api,
            "a.rhai",
            &format!("let options = #{{ {options} }};\nfn journey(user) {{ user.get(\"/\"); }}"),
        );
        let mut request = json!({"test_type": "load", "script": "a.rhai"});
        // The target of a request would be laid over the script's.
        if !options.starts_with("target") {
            request["target_url"] = json!("http://127.0.0.1:1");
        }
        let refused = api.ask("POST", "/api/tests/start", Some(&request));
        assert!([400, 403].contains(&refused.status), "{options}: {}", refused.text);
        assert!(refused.text.contains(word), "{options}: {}", refused.text);
    }
}

#[test]
fn a_script_that_is_written_anew_while_its_run_waits_is_bounded_when_its_turn_comes() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let (_whole, root) = folder();
    let options = ["--script-root", &root, "--target", &service.url(), "--max-users", "5"];
    let api = Api::start(&mut rhaid, &options);
    let journey = "fn journey(user) { user.get(\"/api/teams\"); }";
    put(&api, "a.rhai", journey);
    let first = api.start_run(&json!({"test_type": "load", "users": 1, "duration_seconds": 600}));
    api.wait_for(&first, |run| run["live"]["vus"] == 1);
    let second = api.start_run(&json!({"test_type": "load", "script": "a.rhai"}));
    put(&api, "a.rhai", &format!("let options = #{{ vus: 6, duration: \"1s\" }};\n{journey}"));
    api.ask("POST", &format!("/api/tests/runs/{first}/stop"), None);
    let ended = api.wait_for_state(&second, "ERROR");
    assert!(ended["error"]["message"].as_str().expect("why").contains("6 users"), "{ended}");
    assert!(Path::new(&root).join("a.rhai").exists());
}

/// Whether `value` is what the description says that `method` of `path` answers with.
fn check(described: &Value, place: [&str; 3], value: &Value) {
    let [method, path, status] = place;
    let answers = &described["paths"][path][method]["responses"][status]["content"];
    let kinds = answers.as_object().unwrap_or_else(|| panic!("{place:?} is described"));
    let mut schema = kinds.values().next().expect("a kind")["schema"].clone();
    schema["components"] = described["components"].clone();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{place:?}: {wrong:?} in {value}");
}

#[test]
fn what_is_answered_about_runs_has_the_form_that_is_described() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    let described = api.get("/api/openapi.json");
    let request =
        json!({"test_type": "load", "users": 1, "duration_seconds": 2, "tags": {"a": "b"}});
    let started = api.ask("POST", "/api/tests/start", Some(&request));
    check(&described, ["post", "/api/tests/start", "202"], &started.json());
    let waiting = api.start_run(&request);
    check(&described, ["get", "/api/tests/runs", "200"], &api.get("/api/tests/runs"));
    let stopped = api.ask("POST", &format!("/api/tests/runs/{waiting}/stop"), None).json();
    check(&described, ["post", "/api/tests/runs/{id}/stop", "200"], &stopped);
    let run = started.json()["run_id"].as_str().expect("an id").to_owned();
    let path = format!("/api/tests/runs/{run}");
    for message in api.events(&run, "?since=0") {
        check(&described, ["get", "/api/tests/runs/{id}/events", "200"], &message);
    }
    api.wait_for_state(&run, "COMPLETED");
    check(&described, ["get", "/api/tests/runs/{id}", "200"], &api.get(&path));
    check(&described, ["get", "/api/tests/runs", "200"], &api.get("/api/tests/runs"));
    let series = api.get(&format!("{path}/series"));
    assert!(!series.as_array().expect("a list").is_empty());
    check(&described, ["get", "/api/tests/runs/{id}/series", "200"], &series);
    let compared = api.get(&format!("/api/tests/compare?a={run}&b={run}&force=true"));
    check(&described, ["get", "/api/tests/compare", "200"], &compared);
    let again = api.ask("POST", &format!("{path}/stop"), None);
    assert_eq!(again.status, 409);
    check(&described, ["post", "/api/tests/runs/{id}/stop", "default"], &again.json());
}

/// Every file beneath a folder, as text.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

#[test]
fn the_token_and_the_environment_are_in_no_file_and_no_answer() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new().env("RHAID_TEST_CANARY", "canary-7d1f");
    let folder = rhaid.path("");
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    let token = api.token.clone();
    let run = api.start_run(&json!({"test_type": "load", "users": 1, "duration_seconds": 1}));
    let ended = api.wait_for_state(&run, "COMPLETED");
    let mut texts = vec![("the record".to_owned(), ended.to_string())];
    for path in ["/api/health", "/api/openapi.json", "/api/tests/runs", "/api/system/metrics"] {
        texts.push((path.to_owned(), api.get(path).to_string()));
    }
    for report in ["html", "json", "md", "csv"] {
        let path = format!("/api/tests/runs/{run}/report.{report}");
        texts.push((path.clone(), api.ask("GET", &path, None).text));
    }
    let files = contents(&folder);
    assert!(files.iter().any(|(name, _)| name.ends_with(".db")), "{files:?}");
    // The link with the token is printed there, and only there.
    texts.extend(files.into_iter().filter(|(name, _)| !name.contains("/stdout")));
    texts.push(("standard error".to_owned(), api.stop().stderr));
    for (place, text) in texts {
        assert!(!text.contains(&token), "the token is in {place}");
        assert!(!text.contains("canary-7d1f"), "the environment is in {place}");
    }
}

#[test]
fn a_socket_on_which_nobody_shows_a_token_is_closed() {
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", "http://127.0.0.1:1"]);
    let own = format!("http://{}", api.address);
    let silent = handshake(&api, "/api/tests/ws/1", &[("Origin", &own)], "");
    assert_eq!(silent, (101, "closed 4401".to_owned()));
    let health = api.get("/api/health");
    assert_eq!(health["status"], "ok");
}
