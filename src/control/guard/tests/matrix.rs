//! Routes, methods and headers, each with each.

use super::*;
use crate::control::start::StartRequest;
use crate::plan::layers::{ScenarioWishes, Wishes};
use crate::plan::{ResolveContext, resolve};

/// What is wrong with a request, its headers, and the answer.
type Case = (&'static str, Vec<Field<'static>>, u16);

const HOST_FIELD: Field<'static> = ("host", HOST);
const TOKEN_FIELD: Field<'static> = ("authorization", BEARER);

/// Requests of those who do not know the token.
fn without_token() -> Vec<Case> {
    let token = |what, value| (what, vec![HOST_FIELD, ("authorization", value)], 401);
    vec![
        ("no token", vec![HOST_FIELD], 401),
        token("another token", "Bearer 0123456789abcdef0123456789abcdee"),
        token("more than the token", "Bearer 0123456789abcdef0123456789abcdef0"),
        token("the beginning of the token", "Bearer 0123456789abcdef"),
        token("an empty token", "Bearer "),
        token("no scheme", TOKEN),
        token("another scheme", "Basic 0123456789abcdef0123456789abcdef"),
        ("two tokens", vec![HOST_FIELD, TOKEN_FIELD, ("authorization", "Bearer x")], 401),
        ("a cookie", vec![HOST_FIELD, ("cookie", "token=0123456789abcdef0123456789abcdef")], 401),
        ("another header", vec![HOST_FIELD, ("x-token", TOKEN)], 401),
        (
            "a subprotocol",
            vec![HOST_FIELD, ("sec-websocket-protocol", "rhaid.0123456789abcdef0123456789abcdef")],
            401,
        ),
    ]
}

/// Requests of pages of other sites, in a browser that knows the token.
fn of_other_sites() -> Vec<Case> {
    let origin = |what, value| (what, vec![HOST_FIELD, TOKEN_FIELD, ("origin", value)], 403);
    let site = |value| (value, vec![HOST_FIELD, TOKEN_FIELD, ("sec-fetch-site", value)], 403);
    vec![
        origin("another origin", "http://evil.test"),
        origin("no origin", "null"),
        origin("an empty origin", ""),
        origin("another port", "http://127.0.0.1:8080"),
        origin("no port", "http://127.0.0.1"),
        origin("a longer host", "http://127.0.0.1:3117.evil.test"),
        origin("a user", "http://127.0.0.1:3117@evil.test"),
        origin("another scheme", "file://127.0.0.1:3117"),
        origin("another name of this server", "http://localhost:3117"),
        (
            "two origins",
            vec![
                HOST_FIELD,
                TOKEN_FIELD,
                ("origin", "http://127.0.0.1:3117"),
                ("origin", "http://evil.test"),
            ],
            403,
        ),
        site("cross-site"),
        site("same-site"),
        site("evil"),
    ]
}

/// Requests for another host.
fn for_other_hosts() -> Vec<Case> {
    vec![
        ("another host", vec![("host", "evil.test"), TOKEN_FIELD], 421),
        ("no host", vec![TOKEN_FIELD], 421),
        ("two hosts", vec![HOST_FIELD, ("host", HOST), TOKEN_FIELD], 421),
    ]
}

#[tokio::test(start_paused = true)]
async fn no_route_answers_anybody_who_may_not_ask_by_any_method() {
    let server = Server::new();
    let mut asked = 0;
    for path in paths() {
        let is_socket = path.starts_with("/api/tests/ws/");
        for method in METHODS {
            let all = [without_token(), of_other_sites(), for_other_hosts()].concat();
            for (what, fields, expected) in all {
                let status = server.status(method, &path, &fields).await;
                asked += 1;
                let expected = match expected {
                    // Whether somebody is there is no secret.
                    401 if path == "/api/health" => continue,
                    // Browsers say where they are when they open one, and what does not is no page.
                    401 if is_socket => 403,
                    expected => expected,
                };
                assert_eq!(status, expected, "{method} {path}: {what}");
            }
            for query in ["?token=", "?access_token=", "?authorization=Bearer%20"] {
                let uri = format!("{path}{query}{TOKEN}");
                let status = server.status(method, &uri, &[HOST_FIELD]).await;
                assert!(path == "/api/health" || status >= 401, "{method} {uri}: {status}");
            }
        }
    }
    assert!(asked >= 15 * 8 * 27, "{asked}");
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_other_sites_and_hosts_are_refused_all_the_same() {
    let server = Server::with_token(None);
    assert_eq!(server.status("GET", "/api/tests/runs", &[HOST_FIELD]).await, 200);
    for path in paths() {
        for method in METHODS {
            for (what, fields, expected) in [of_other_sites(), for_other_hosts()].concat() {
                let status = server.status(method, &path, &fields).await;
                assert_eq!(status, expected, "{method} {path}: {what}");
            }
        }
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn only_health_and_the_files_of_the_page_are_there_for_everybody() {
    let server = Server::new();
    let more = [
        "/",
        "/index.html",
        "/favicon.ico",
        "/report.html",
        "/api",
        "/api/",
        "/metrics",
        "/debug/pprof",
    ];
    for path in paths().into_iter().chain(more.map(str::to_owned)) {
        for method in METHODS {
            let status = server.status(method, &path, &[HOST_FIELD]).await;
            let is_read = ["GET", "HEAD"].contains(&method);
            let is_open = ["/api/health", "/", "/index.html"].contains(&path.as_str());
            assert_eq!(
                (200..300).contains(&status),
                is_read && is_open,
                "{method} {path}: {status}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_spelling_of_a_path_leads_around_the_guard() {
    let server = Server::new();
    for uri in [
        "//api/tests/runs",
        "/api//tests/runs",
        "/./api/tests/runs",
        "/x/../api/tests/runs",
        "/%61pi/tests/runs",
        "/%2fapi/tests/runs",
        "/api%2ftests/runs",
        "/API/tests/runs",
        "/api/tests/runs/",
        "/api/tests/runs;a",
        "/api/tests/runs%00",
        "/api/tests/runs%20",
        "/api/health/../tests/runs",
        "/api/health/",
        "/api/health%2f..%2ftests%2fruns",
        "/api/tests/ws/../runs",
        "/api/tests/ws/%2e%2e/runs",
        "/api/tests/ws/..%2fruns",
        "/api/tests/ws//",
        "/api/tests/ws/",
        "/assets/../api/tests/runs",
        "/\\api\\tests\\runs",
        "/api/tests/runs?a=/api/health",
        "/api/openapi.json",
        "/api/openapi.json/",
    ] {
        for method in METHODS {
            // Some are no addresses at all, and are refused before they come here.
            if uri.parse::<http::Uri>().is_err() {
                continue;
            }
            let status = server.status(method, uri, &[HOST_FIELD]).await;
            assert!(status >= 400, "{method} {uri}: {status}");
        }
    }
    // As to a proxy: the first line counts, not the header.
    let fields = [HOST_FIELD, TOKEN_FIELD];
    assert_eq!(server.status("GET", "http://evil.test/api/tests/runs", &fields).await, 421);
    assert_eq!(server.status("GET", "http://127.0.0.1:3117/api/tests/runs", &fields).await, 200);
}

#[tokio::test(start_paused = true)]
async fn only_the_hosts_of_this_server_are_answered_spelt_as_they_are() {
    let server = Server::new();
    for host in ["127.0.0.1:3117", "localhost:3117", "LOCALHOST:3117", "load.lan", "Load.LAN"] {
        assert_eq!(server.status("GET", "/", &[("host", host)]).await, 200, "{host}");
    }
    for host in [
        "",
        " ",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:80",
        "127.0.0.1:03117",
        "127.0.0.1:31170",
        "127.0.0.1:3117.",
        "127.0.0.1.:3117",
        "127.0.0.1:3117 ",
        " 127.0.0.1:3117",
        "127.0.0.1:3117,evil.test",
        "127.0.0.1:3117/",
        "127.0.0.1:3117@evil.test",
        "evil.test@127.0.0.1:3117",
        "user:x@127.0.0.1:3117",
        "127.1:3117",
        "127.0.1:3117",
        "0x7f000001:3117",
        "2130706433:3117",
        "017700000001:3117",
        "127.0.0.01:3117",
        "0.0.0.0:3117",
        "[::1]:3117",
        "[::ffff:127.0.0.1]:3117",
        "::1:3117",
        "localhost",
        "localhost:80",
        "localhost.:3117",
        "localhost:3117.evil.test",
        "a.localhost:3117",
        "evil.test",
        "evil.test:3117",
        "127.0.0.1.evil.test:3117",
        "127.0.0.1.nip.io:3117",
        "load.lan:3117",
        "load.lan.",
        "xload.lan",
        "evil.load.lan",
        "load.lan#",
        "load.lan?",
        "http://127.0.0.1:3117",
        "127.0.0.1:3117\t",
        "ｌocalhost:3117",
        "lοcalhost:3117",
    ] {
        for path in ["/", "/api/health", "/api/tests/runs", "/api/tests/ws/1"] {
            let fields = [("host", host), TOKEN_FIELD];
            assert_eq!(server.status("GET", path, &fields).await, 421, "{host:?} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_that_a_form_can_send_are_not_read() {
    let server = Server::new();
    let kinds = [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "text/plain",
        "text/plain;application/json",
        "application/jsonx",
        "json",
        "",
        "application/x-www-form-urlencoded, application/json",
    ];
    for path in paths() {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            for kind in kinds {
                let fields = [HOST_FIELD, TOKEN_FIELD, ("content-type", kind)];
                let status = server.say(method, &path, &fields, "{}").await.status();
                let is_refused = status == StatusCode::UNSUPPORTED_MEDIA_TYPE
                    || (path.starts_with("/api/tests/ws/") && status == StatusCode::FORBIDDEN);
                assert!(is_refused, "{method} {path} {kind}: {status}");
            }
            let fields = [HOST_FIELD, TOKEN_FIELD, ("transfer-encoding", "chunked")];
            let status = server.status(method, &path, &fields).await;
            assert!([403, 415].contains(&status), "{method} {path} chunked: {status}");
        }
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn bodies_have_a_bound_and_nothing_in_them_is_nested_without_end() {
    let server = Server::new();
    let large = json!({ "text": "x".repeat(1 << 20) }).to_string();
    let deep = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
    for (method, path) in [
        ("POST", "/api/tests/start"),
        ("POST", "/api/scripts/check"),
        ("PUT", "/api/scripts/a.rhai"),
    ] {
        assert_eq!(server.ask(method, path, &large).await.status(), 413, "{path}");
        for count in [65, 100_000] {
            let nested = deep(count);
            for body in [
                nested.clone(),
                format!(r#"{{"text":{nested}}}"#),
                format!(r#"{{"tags":{nested}}}"#),
                format!(r#"{{"x":{nested}}}"#),
            ] {
                let answer = server.ask(method, path, &body).await;
                assert_eq!(answer.status(), 400, "{path}: {}", text(answer).await);
            }
        }
        for body in
            ["", "{", "null", "[]", "\u{feff}{}", "{}{}", r#"{"text":1}"#, r#"{"text":"\ud800"}"#]
        {
            let status = server.ask(method, path, body).await.status().as_u16();
            assert!((400..500).contains(&status), "{path} {body}: {status}");
        }
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

/// One user and one iteration.
fn plan() -> Plan {
    let tasks = vec![("journey".to_owned(), 1.0)];
    let scenarios = vec![ScenarioWishes { tasks, ..ScenarioWishes::default() }];
    let context =
        ResolveContext { cores: 1, functions: None, custom_metrics: None, default_seed: 1 };
    resolve(&[&Wishes { scenarios, ..Wishes::default() }], &context).unwrap()
}

/// Everything that a request could have changed.
fn state(server: &Server) -> Vec<(String, String)> {
    let mut state: Vec<(String, String)> = Vec::new();
    for folder in [server.folder.path().to_owned(), server.folder.path().join("scripts")] {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let content = std::fs::read(entry.path()).unwrap_or_default();
            state.push((
                entry.path().display().to_string(),
                String::from_utf8_lossy(&content).into_owned(),
            ));
        }
    }
    let entries = server.control.entries();
    state.extend(entries.iter().map(|entry| (entry.run_id.clone(), format!("{:?}", entry.state))));
    state.push(("asked".to_owned(), server.asked.load(Ordering::SeqCst).to_string()));
    state.sort();
    state
}

#[tokio::test(start_paused = true)]
async fn reading_changes_nothing_even_for_those_who_may() {
    let server = Server::new();
    let request = StartRequest { test_type: "load".to_owned(), ..StartRequest::default() };
    let launch = Launch::new(request, &server.control.config).unwrap();
    let id = server.control.enqueue(launch, &plan()).unwrap();
    let before = state(&server);
    for route in ROUTES {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "MADEUP"] {
            let path = filled(route.path, &id);
            for uri in [path.clone(), format!("{path}?_method=POST&force=true&a=1&b=2")] {
                drop(server.ask(method, &uri, "").await);
                let override_method = ("x-http-method-override", "DELETE");
                server.status(method, &uri, &[HOST_FIELD, TOKEN_FIELD, override_method]).await;
            }
        }
    }
    assert_eq!(state(&server), before);
    let stopped = server.ask("POST", &format!("/api/tests/runs/{id}/stop"), "").await;
    assert_eq!(stopped.status(), 200);
    assert_ne!(state(&server), before, "what changes something is seen here");
}

#[tokio::test(start_paused = true)]
async fn a_start_beyond_the_allowed_hosts_makes_nothing() {
    let server = Server::new();
    for target in [
        "http://evil.test/",
        "http://10.0.0.1",
        "http://169.254.169.254/latest",
        "http://0xa9fea9fe",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]",
        "http://localhost.evil.test",
        "http://127.0.0.1@evil.test/",
        "http://127.0.0.1.evil.test",
        "http://evil.test#127.0.0.1",
        "http://0.0.0.0:1",
        "http://evil.test\\@127.0.0.1/",
    ] {
        let body = json!({ "test_type": "load", "target_url": target }).to_string();
        let answer = server.ask("POST", "/api/tests/start", &body).await;
        let status = answer.status();
        let told = text(answer).await;
        assert!(status == 403 && told.contains("target_not_allowed"), "{target}: {status} {told}");
    }
    for target in
        ["file:///etc/passwd", "gopher://127.0.0.1", "127.0.0.1", "http://", "//evil.test", ""]
    {
        let body = json!({ "test_type": "load", "target_url": target }).to_string();
        assert_eq!(server.ask("POST", "/api/tests/start", &body).await.status(), 400, "{target}");
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
    // This one is let through to whoever makes runs.
    let body = json!({ "test_type": "load" }).to_string();
    assert_eq!(server.ask("POST", "/api/tests/start", &body).await.status(), 400);
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_answered_late_and_keeps_nobody_waiting() {
    let server = Server::new();
    let begin = tokio::time::Instant::now();
    server.status("GET", "/api/tests/runs", &[HOST_FIELD, TOKEN_FIELD]).await;
    assert_eq!(begin.elapsed(), std::time::Duration::ZERO);
    let wrong = [HOST_FIELD, ("authorization", "Bearer wrong")];
    server.status("GET", "/api/tests/runs", &wrong).await;
    let one = begin.elapsed();
    assert_eq!(one, super::super::AFTER_A_WRONG_TOKEN);
    let begin = tokio::time::Instant::now();
    let many = (0..50).map(|_| server.status("GET", "/api/tests/runs", &wrong));
    let statuses = futures_util::future::join_all(many).await;
    assert!(statuses.iter().all(|status| *status == 401));
    assert_eq!(begin.elapsed(), one, "they wait beside each other");
}

/// The headers of an answer that say what a browser may do with it.
fn about(answer: &Answer) -> String {
    let own = ["content-type", "content-length", "etag", "allow", "location"];
    let named = answer.headers().iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut lines: Vec<String> =
        named.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test(start_paused = true)]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let server = Server::new();
    let api = about(&server.ask("GET", "/api/tests/runs", "").await);
    insta::assert_snapshot!(api, @r"
    cache-control: no-store
    content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
    cross-origin-opener-policy: same-origin
    cross-origin-resource-policy: same-origin
    referrer-policy: no-referrer
    x-content-type-options: nosniff
    ");
    let page = about(&server.say("GET", "/", &[HOST_FIELD], "").await);
    assert_eq!(page, api.replace("no-store", "no-cache"));
    for path in paths() {
        for method in METHODS {
            for fields in [vec![], vec![HOST_FIELD], vec![HOST_FIELD, TOKEN_FIELD]] {
                let answer = server.say(method, &path, &fields, "").await;
                // The events of a run say themselves that nobody is to keep them.
                let told =
                    about(&answer).replace("cache-control: no-cache", "cache-control: no-store");
                assert_eq!(told, api, "{method} {path} {fields:?}");
            }
        }
    }
}
