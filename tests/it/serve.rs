//! The control API of a real server: runs asked for, followed, kept, and what is refused.

mod clients;
mod steering;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Api, Rhaid, TargetApi, poll};

/// How long something may take that takes a second.
const WITHIN: Duration = Duration::from_secs(30);

fn states(list: &Value) -> Vec<&str> {
    let runs = list.as_array().expect("a list");
    runs.iter().map(|run| run["state"].as_str().expect("a state")).collect()
}

#[test]
fn all_three_kinds_of_tests_run_one_after_the_other_and_are_there_after_a_restart() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);

    let health = api.get("/api/health");
    assert_eq!(health["status"], "ok");
    assert_eq!((&health["running"], &health["queued"]), (&Value::Null, &json!(0)));

    let url = format!("{}/api/teams", service.url());
    let load = api.start_run(&json!({
        "name": "walk", "test_type": "load", "target_url": url, "users": 10, "duration_seconds": 3,
        "tags": {"kind": "walk"},
    }));
    let bench = api.start_run(&json!({
        "test_type": "benchmark", "target_url": url, "users": 2, "duration_seconds": 2,
    }));
    let stress = api.start_run(&json!({
        "test_type": "stress", "target_url": url, "error_threshold_percent": 5, "rate": 400,
        "duration_seconds": 12,
    }));
    let going = api.wait_for(&load, |run| run["live"]["vus"] == 10);
    let path = format!("/api/tests/runs/{load}/series");
    let live = poll(WITHIN, || Some(api.get(&path)).filter(|series| series[0]["vus"] == 10));
    assert!(live.is_some_and(|live| live[0]["in_flight"].is_number()), "while it goes on");
    assert_eq!(going["state"], "RUNNING");
    assert_eq!(api.get(&format!("/api/tests/runs/{stress}"))["state"], "QUEUED");
    assert_eq!(api.get("/api/health")["running"], load.as_str());
    let ended = api.wait_for_state(&load, "COMPLETED");
    assert!(ended["totals"]["requests"].as_u64() > Some(0), "{}", ended["totals"]);
    assert_eq!(ended["tags"], json!({"kind": "walk"}));
    api.wait_for_state(&bench, "COMPLETED");
    api.wait_for_state(&stress, "STRESS_BINARY_SEARCH");
    let found = api.wait_for_state(&stress, "COMPLETED");
    assert!(!found["probes"].as_array().expect("probes").is_empty());

    for (run, word) in [(&load, "walk"), (&bench, "GET /api/teams"), (&stress, "Probes")] {
        for (report, begin) in [("md", "#"), ("csv", ""), ("json", "{"), ("html", "<!doctype")] {
            let path = format!("/api/tests/runs/{run}/report.{report}");
            let answer = api.ask("GET", &path, None);
            assert_eq!(answer.status, 200, "{report} {}", answer.text);
            let is_one = answer.text.to_ascii_lowercase().starts_with(begin);
            assert!(is_one && !answer.text.trim().is_empty(), "{report} {}", answer.text);
            assert!(report != "md" || answer.text.contains(word), "{report} {}", answer.text);
        }
    }
    let machine = api.get("/api/system/metrics");
    assert!(machine["memory_total_bytes"].as_u64() > machine["memory_used_bytes"].as_u64());
    let list = api.get("/api/tests/runs");
    assert_eq!(states(&list), ["COMPLETED"; 3]);
    let ids = |list: &Value| -> Vec<String> {
        let runs = list.as_array().expect("a list").iter();
        runs.map(|run| run["run_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(&list), [stress, bench, load.clone()]);
    assert_eq!(ids(&api.get("/api/tests/runs?tag=kind=walk")), std::slice::from_ref(&load));
    assert_eq!(api.stop().code, Some(0));

    let again = Api::start(&mut rhaid, &[]);
    assert_eq!(ids(&again.get("/api/tests/runs")), ids(&list));
    let series = again.get(&format!("/api/tests/runs/{load}/series"));
    let counted = series.as_array().expect("a list").iter();
    let counted: u64 = counted.map(|point| point["rate_per_s"].as_u64().expect("a count")).sum();
    assert_eq!(json!(counted), ended["totals"]["requests"]);
    let second = &series[1];
    assert_eq!(second["vus"], 10, "{second}");
    let in_flight = second["in_flight"].as_f64().expect("a mean");
    assert!(in_flight > 0.0 && in_flight <= 10.0, "{second}");
}

#[test]
fn a_run_that_is_stopped_says_so_and_one_that_waits_never_begins() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    let request = json!({"test_type": "load", "users": 2, "duration_seconds": 600});
    let first = api.start_run(&request);
    let second = api.start_run(&request);
    api.wait_for(&first, |run| run["live"]["vus"] == 2);
    let stopped = api.ask("POST", &format!("/api/tests/runs/{second}/stop"), None);
    assert_eq!(stopped.json()["state"], "STOPPED");
    let stopped = api.ask("POST", &format!("/api/tests/runs/{first}/stop"), None);
    assert_eq!(stopped.status, 200, "{}", stopped.text);
    let ended = api.wait_for_state(&first, "STOPPED");
    assert_eq!((&ended["status"], &ended["exit_code"]), (&json!("aborted"), &json!(105)));
    assert_eq!(states(&api.get("/api/tests/runs")), ["STOPPED", "STOPPED"]);
    assert_eq!(rhaid.query("SELECT COUNT(*) FROM test_runs"), 1, "one never began");
    let again = api.ask("POST", &format!("/api/tests/runs/{first}/stop"), None);
    assert_eq!(again.status, 409);
    let removed = api.ask("DELETE", &format!("/api/tests/runs/{first}"), None);
    assert_eq!(removed.status, 204);
    assert_eq!(api.ask("GET", &format!("/api/tests/runs/{first}"), None).status, 404);
}

#[test]
fn a_signal_ends_the_run_that_goes_on_and_then_the_server() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    let run = api.start_run(&json!({"test_type": "load", "users": 1, "duration_seconds": 600}));
    api.wait_for(&run, |run| run["live"]["vus"] == 1);
    assert_eq!(api.stop().code, Some(0));
    let interrupted =
        "SELECT COUNT(*) FROM test_runs WHERE status = 'interrupted' AND is_final = 1";
    assert_eq!(rhaid.query(interrupted), 1);
}

#[test]
fn what_cannot_be_run_is_refused_before_it_waits() {
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", "http://127.0.0.1:1", "--max-users", "50"]);
    let cases = [
        (json!({"test_type": "soak"}), 400, "unknown_test_type"),
        (json!({"test_type": "load", "users": 51}), 403, "beyond_cap"),
        (json!({"test_type": "load", "users": 0}), 400, "invalid"),
        (json!({"test_type": "load", "rate": 1e9}), 403, "beyond_cap"),
        (json!({"test_type": "load", "rate": -1}), 400, "invalid"),
        (json!({"test_type": "load", "duration_seconds": 1e9}), 403, "beyond_cap"),
        (
            json!({"test_type": "load", "target_url": "http://shop.test/"}),
            403,
            "target_not_allowed",
        ),
        (
            json!({"test_type": "load", "target_url": "http://169.254.169.254/"}),
            403,
            "target_not_allowed",
        ),
        (json!({"test_type": "load", "target_url": "file:///etc/passwd"}), 400, "invalid"),
        (json!({"test_type": "load", "script": "a.rhai"}), 404, "not_found"),
        (json!({"test_type": "load", "slo": "p(99)<1"}), 400, "invalid"),
        (json!({"test_type": "stress", "error_threshold_percent": 0}), 400, "invalid"),
        (json!({"test_type": "stress", "slo": "p(99)>1"}), 400, "cannot_run"),
        (json!({"test_type": "load", "spawn": "rm"}), 400, "invalid"),
        (json!([]), 400, "invalid"),
    ];
    for (request, status, code) in cases {
        let answer = api.ask("POST", "/api/tests/start", Some(&request));
        let told = answer.json();
        assert_eq!(
            (answer.status, told["code"].as_str()),
            (status, Some(code)),
            "{request} {told}"
        );
    }
    // Nobody listens there: that is found out when its turn comes.
    let run = api.start_run(&json!({"test_type": "load"}));
    let ended = api.wait_for_state(&run, "ERROR");
    assert!(ended["error"]["message"].as_str().expect("why").contains("cannot be reached"));
}

#[test]
fn a_feed_has_every_message_once_and_goes_on_where_a_client_left_off() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    let run = api.start_run(&json!({"test_type": "load", "users": 2, "duration_seconds": 4}));
    // Reads nothing, and must be in nobody's way.
    let token = format!("Bearer {}", api.token);
    let headers = [("Host", api.address.as_str()), ("Authorization", token.as_str())];
    let frozen = api.open("GET", &format!("/api/tests/runs/{run}/events"), &headers, "");
    let messages: Vec<Value> = api.events(&run, "?since=0").collect();
    let numbers: Vec<u64> = messages.iter().map(|m| m["seq"].as_u64().expect("a number")).collect();
    let all: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, all, "each once, in order");
    let snapshots = messages.iter().filter(|message| message["type"] == "snapshot");
    let times: Vec<f64> = snapshots.map(|m| m["data"]["at_s"].as_f64().expect("a time")).collect();
    assert!(times.len() >= 7, "twice a second: {times:?}");
    assert!(times.is_sorted(), "{times:?}");
    let snapshots = messages.iter().filter(|message| message["type"] == "snapshot");
    let requests: Vec<u64> =
        snapshots.map(|m| m["data"]["totals"]["requests"].as_u64().expect("a count")).collect();
    let risen = requests.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!(4 * risen >= 3 * (requests.len() - 1), "new figures each time: {requests:?}");
    let halves = times.iter().filter(|at_s| at_s.fract() == 0.5).count();
    assert!(halves >= 2, "seconds and their halves: {times:?}");
    let end = messages.last().expect("an end");
    assert_eq!((&end["type"], &end["data"]["state"]), (&json!("end"), &json!("COMPLETED")));
    let half = all.len() as u64 / 2;
    let later: Vec<Value> = api.events(&run, &format!("?since={half}")).collect();
    assert_eq!(later, messages[half as usize..]);
    let newest: Vec<Value> = api.events(&run, "").collect();
    assert_eq!(newest.iter().filter(|message| message["type"] == "snapshot").count(), 1);
    drop(frozen);
}

/// A socket after the handshake, and its status.
fn upgraded(api: &Api, path: &str, extra: &[(&str, &str)]) -> (u16, TcpStream) {
    let mut headers = vec![
        ("Host", api.address.as_str()),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    headers.extend(extra);
    let mut stream = api.open("GET", path, &headers, "");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, stream)
}

/// The answer to a handshake, and the first text or close frame after what `say` sends.
pub(crate) fn handshake(api: &Api, path: &str, extra: &[(&str, &str)], say: &str) -> (u16, String) {
    let (status, mut stream) = upgraded(api, path, extra);
    if status != 101 {
        return (status, String::new());
    }
    if !say.is_empty() {
        // A mask of zeros leaves the text as it is.
        let length = 0x80 | u8::try_from(say.len()).expect("short");
        stream.write_all(&[&[0x81, length, 0, 0, 0, 0], say.as_bytes()].concat()).expect("read");
    }
    loop {
        let (kind, payload) = frame(&mut stream);
        match kind {
            1 => return (status, String::from_utf8(payload).expect("text")),
            8 => {
                return (
                    status,
                    format!("closed {}", u16::from_be_bytes([payload[0], payload[1]])),
                );
            }
            _ => {}
        }
    }
}

fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut read = |count: usize| {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).expect("a frame");
        bytes
    };
    let head = read(2);
    let length = match head[1] & 0x7f {
        126 => read(2).iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        127 => read(8).iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        short => usize::from(short),
    };
    (head[0] & 0x0f, read(length))
}

#[test]
fn a_socket_is_for_this_origin_and_for_those_who_know_the_token() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    let run = api.start_run(&json!({"test_type": "load", "users": 1, "duration_seconds": 600}));
    api.wait_for(&run, |run| run["live"]["vus"] == 1);
    let path = format!("/api/tests/ws/{run}");
    let own = format!("http://{}", api.address);
    let longer = format!("{own}0");
    for origin in ["null", "http://127.0.0.1", "http://evil.test", &longer] {
        assert_eq!(handshake(&api, &path, &[("Origin", origin)], "").0, 403, "{origin}");
    }
    assert_eq!(handshake(&api, &path, &[], "").0, 403, "without an origin");
    let own = ("Origin", own.as_str());
    for wrong in [r#"{"token":"wrong"}"#, "{}", "x"] {
        assert_eq!(handshake(&api, &path, &[own], wrong), (101, "closed 4401".to_owned()));
    }
    let first = format!(r#"{{"token":"{}"}}"#, api.token);
    let protocol = format!("rhaid.{}", api.token);
    for (headers, say) in [
        (vec![own], first.as_str()),
        (vec![own, ("Sec-WebSocket-Protocol", protocol.as_str())], ""),
    ] {
        let (status, text) = handshake(&api, &path, &headers, say);
        let message: Value = serde_json::from_str(&text).expect("a message");
        assert_eq!((status, &message["run_id"]), (101, &json!(run)));
        assert_eq!(message["data"]["state"], "RUNNING");
    }
    let nowhere = handshake(&api, "/api/tests/ws/7", &[own], &first);
    assert_eq!(nowhere, (101, "closed 4404".to_owned()));
}

/// Methods that every path is asked with.
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "MADEUP"];

#[test]
fn no_route_answers_other_sites_other_hosts_or_those_without_the_token() {
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &[]);
    let described = api.get("/api/openapi.json");
    let paths = described["paths"].as_object().expect("paths");
    assert!(paths.len() >= 15, "{paths:?}");
    let bearer = format!("Bearer {}", api.token);
    let known = ("Authorization", bearer.as_str());
    let host = ("Host", api.address.as_str());
    std::thread::scope(|scope| {
        for path in paths.keys() {
            let api = &api;
            scope.spawn(move || {
                let path = path.replace("{id}", "1").replace("{name}", "a.rhai");
                let path = path.replace("{report}", "report.json");
                for method in METHODS {
                    let ask = |headers: &[(&str, &str)]| api.say(method, &path, headers, "").status;
                    for wrong in ["evil.test", "127.0.0.1", "localhost", "127.0.0.1.evil.test"] {
                        assert_eq!(ask(&[("Host", wrong), known]), 421, "{method} {path} {wrong}");
                    }
                    for (name, wrong) in [
                        ("Origin", "http://evil.test"),
                        ("Origin", "null"),
                        ("Sec-Fetch-Site", "cross-site"),
                        ("Sec-Fetch-Site", "same-site"),
                    ] {
                        assert_eq!(
                            ask(&[host, known, (name, wrong)]),
                            403,
                            "{method} {path} {wrong}"
                        );
                    }
                    let is_open = path == "/api/health" || path.starts_with("/api/tests/ws/");
                    if !is_open {
                        assert_eq!(ask(&[host]), 401, "{method} {path}");
                        let wrong = ("Authorization", "Bearer wrong");
                        assert_eq!(ask(&[host, wrong]), 401, "{method} {path}");
                    }
                }
            });
        }
    });
    let form = [host, known, ("Content-Type", "text/plain")];
    assert_eq!(api.say("POST", "/api/tests/start", &form, "{}").status, 415);
    let page = api.say("GET", "/", &[host], "");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(!page.head.contains("access-control"), "{}", page.head);
    assert!(page.head.contains("cache-control: no-cache"), "{}", page.head);
    assert!(api.ask("GET", "/api/health", None).head.contains("cache-control: no-store"));
    let mark = page.head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a mark");
    let kept = api.say("GET", "/", &[host, ("If-None-Match", mark)], "");
    assert_eq!((kept.status, kept.text.as_str()), (304, ""));
    let other = api.say("GET", "/", &[host, ("If-None-Match", "\"other\"")], "");
    assert_eq!((other.status, other.text), (200, page.text));
    let large = json!({"text": "x".repeat(1 << 20)});
    assert_eq!(api.ask("POST", "/api/scripts/check", Some(&large)).status, 413);
}

#[test]
fn a_server_beyond_this_machine_needs_a_token_file_that_others_cannot_read() {
    use std::os::unix::fs::PermissionsExt;
    let mut rhaid = Rhaid::new();
    let mut refused = |args: &[&str], code: i32, word: &str| {
        rhaid = std::mem::replace(&mut rhaid, Rhaid::new()).args(["serve"]).args(args);
        let ended = rhaid.run();
        assert_eq!(ended.code, Some(code), "{args:?} {}", ended.stderr);
        assert!(ended.stderr.contains(word), "{args:?} {}", ended.stderr);
    };
    refused(&["--listen", "0.0.0.0:0"], 2, "token file");
    refused(&["--listen", "0.0.0.0:0", "--no-auth"], 2, "--no-auth");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let name = file.to_str().expect("text");
    std::fs::write(&file, "0123456789abcdef").expect("written");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    mode(0o644).expect("changed");
    refused(&["--listen", "0.0.0.0:0", "--token-file", name], 104, "others can read it");
    mode(0o600).expect("changed");
    std::fs::write(&file, "short").expect("written");
    refused(&["--listen", "0.0.0.0:0", "--token-file", name], 104, "no token");
}

#[test]
fn scripts_are_read_written_checked_and_run_below_their_folder_alone() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.rhai")).expect("a link");
    let root = folder.path().to_str().expect("text").to_owned();
    let api = Api::start(&mut rhaid, &["--target", &service.url(), "--script-root", &root]);
    let text = "fn teams(user) { user.get(\"/api/teams\"); }";
    let body = json!({"text": text});
    let put = api.ask("PUT", "/api/scripts/a.rhai", Some(&body));
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(api.get("/api/scripts/a.rhai")["text"], text);
    let list = api.get("/api/scripts");
    let names: Vec<&Value> =
        list.as_array().expect("a list").iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["a.rhai"], "links are no scripts");
    for name in
        ["..%2fa.rhai", "%2e%2e", ".a.rhai", "a.txt", "a%00.rhai", "link.rhai", "b%5ca.rhai"]
    {
        let path = format!("/api/scripts/{name}");
        let read = api.ask("GET", &path, None).status;
        assert!([400, 404].contains(&read), "{name}: {read}");
        let write = api.ask("PUT", &path, Some(&body)).status;
        assert!([400, 404, 409].contains(&write), "{name}: {write}");
    }
    let good = api.ask("POST", "/api/scripts/check", Some(&body)).json();
    assert_eq!(good, json!({"findings": []}));
    let bad = api.ask("POST", "/api/scripts/check", Some(&json!({"text": "fn a(user) {"}))).json();
    assert_eq!(bad["findings"][0]["line"], 1, "{bad}");
    let request =
        json!({"test_type": "load", "script": "a.rhai", "users": 1, "duration_seconds": 1});
    let (first, second) = (api.start_run(&request), api.start_run(&request));
    let ended = api.wait_for_state(&second, "COMPLETED");
    assert_eq!(ended["steps"][0]["name"], "GET /api/teams");
    // Other tests disturb these runs, and numbers that are INVALID are compared only by force.
    let compared = api.get(&format!("/api/tests/compare?a={first}&b={second}&force=true"));
    assert_eq!(compared["b"]["run_id"], second.as_str());
    for (report, begin) in [("md", "#"), ("csv", ""), ("json", "{")] {
        let path = format!("/api/tests/runs/{first}/report.{report}");
        let answer = api.ask("GET", &path, None);
        assert!(
            answer.status == 200 && answer.text.starts_with(begin),
            "{report}: {}",
            answer.text
        );
    }
}

#[test]
fn a_run_by_request_is_the_run_that_the_command_line_makes() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"
        let options = #{ seed: 7, load: #{ executor: "per-vu-iterations", vus: 3, iterations: 20 }, tasks: #{ teams: 3, team: 1 } };
        fn teams(user) { user.get("/api/teams"); }
        fn team(user) { user.get(`/api/teams/${user.iteration % 3 + 1}`); }
    "#;
    let script = folder.path().join("both.rhai");
    std::fs::write(&script, text).expect("written");
    let ended = {
        let own = ["run", script.to_str().expect("text"), "--target", &service.url()];
        rhaid = rhaid.args(own);
        rhaid.run()
    };
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let own = rhaid.record();
    let root = folder.path().to_str().expect("text");
    let api = Api::start(&mut rhaid, &["--target", &service.url(), "--script-root", root]);
    let run = api.start_run(&json!({"test_type": "load", "script": "both.rhai"}));
    let mut record = api.wait_for_state(&run, "COMPLETED");
    let http = record["plan"]["http"].as_object_mut().expect("settings");
    assert_eq!(
        http.remove("reach"),
        Some(json!([])),
        "the one thing that only a run by request has"
    );
    assert_eq!(record["plan"], own["plan"]);
    for name in ["name", "load", "target", "test_type", "tags", "status"] {
        assert_eq!(record[name], own[name], "{name}");
    }
    for name in ["planned", "started", "dropped", "completed", "sent", "requests", "failed"] {
        assert_eq!(record["totals"][name], own["totals"][name], "{name}");
    }
    let counts = |run: u32| {
        format!(
            "SELECT step, phase, tasks_json, SUM(count), SUM(failed) FROM test_metrics
             JOIN series ON series.id = series_id WHERE test_metrics.run_id = {run} GROUP BY step, phase"
        )
    };
    assert_eq!(rhaid.query(&format!("SELECT COUNT(*) FROM ({})", counts(1))), 2);
    let different = format!("SELECT COUNT(*) FROM ({} EXCEPT {})", counts(1), counts(2));
    assert_eq!(rhaid.query(&different), 0, "the same rows");
}

#[test]
fn no_run_takes_longer_than_the_server_allows() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let options = ["--target", &service.url(), "--max-duration", "6s"];
    let api = Api::start(&mut rhaid, &options);
    for (request, status, code) in [
        (json!({"test_type": "benchmark", "duration_seconds": 5}), 400, "cannot_run"),
        (json!({"test_type": "benchmark", "duration_seconds": 7}), 403, "beyond_cap"),
        (json!({"test_type": "stress", "duration_seconds": 7}), 403, "beyond_cap"),
        (json!({"test_type": "load", "duration_seconds": 7}), 403, "beyond_cap"),
        (json!({"test_type": "load"}), 403, "beyond_cap"),
    ] {
        let answer = api.ask("POST", "/api/tests/start", Some(&request));
        let told = answer.json();
        assert_eq!((answer.status, &told["code"]), (status, &json!(code)), "{request} {told}");
    }
    // Nothing limits this search but the time: the rate is one that the service bears.
    let run = api.start_run(&json!({"test_type": "stress", "rate": 20}));
    let ended = api.wait_for(&run, |run| run["exit_code"].is_number());
    let elapsed_s = ended["elapsed_s"].as_f64().expect("a time");
    assert!(elapsed_s <= 6.0 + 5.0, "it is cut off then: {elapsed_s}");
}
