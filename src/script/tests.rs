//! Scripts against an engine that answers by hand.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::*;
use crate::clock::RunClock;
use crate::metric::sink::{CustomValue, MetricKind};

/// Keeps what a script observed.
#[derive(Default)]
pub(super) struct Notes(pub(super) RefCell<Vec<String>>);

impl Observer for Notes {
    fn check(&self, _: &User, name: &str, passed: bool) {
        self.0.borrow_mut().push(format!("check {name}: {passed}"));
    }
    fn custom(&self, user: &User, metric: &str, _: MetricKind, value: CustomValue) {
        let group = user.group();
        self.0.borrow_mut().push(match value {
            CustomValue::Observe(_) => format!("{metric} in {group}"),
            other => format!("{metric} {other:?}"),
        });
    }
    fn log(&self, _: &User, line: &str) {
        self.0.borrow_mut().push(format!("log {line}"));
    }
}

fn load(text: &str) -> Result<Script, ScriptError> {
    Script::from_text("test.rhai", text.to_owned(), PathBuf::from("."), LoadOptions::default())
}

fn first_finding(text: &str) -> Finding {
    load(text).expect_err("the script is wrong").findings.remove(0)
}

pub(super) struct Bench {
    pub(super) host: ScriptHost,
    pub(super) user: Rc<User>,
    pub(super) notes: Rc<Notes>,
}

pub(super) fn bench(text: &str) -> Bench {
    let known = LoadOptions { has_target: true, ..LoadOptions::default() };
    bench_of(Script::from_text("test.rhai", text.to_owned(), PathBuf::from("."), known).unwrap())
}

fn bench_of(script: Script) -> Bench {
    let max_busy = Duration::from_millis(200);
    bench_within(script, ScriptLimits { max_busy, ..ScriptLimits::default() })
}

fn bench_within(script: Script, limits: ScriptLimits) -> Bench {
    let script = Arc::new(script);
    let clock = RunClock::starting_now();
    let host = ScriptHost::new(script, clock, limits, Arc::new(AtomicBool::new(false))).unwrap();
    let notes = Rc::new(Notes::default());
    let seed = UserSeed { id: 7, scenario: "default".into(), seed: 1, tags: Arc::from([]) };
    let base = Url::parse("http://host.test").unwrap();
    let user = Rc::new(User::new(seed, Some(base.into()), true, notes.clone()));
    Bench { host, user, notes }
}

impl Bench {
    /// Runs a function; every request is answered by `answer`.
    pub(super) fn run(&self, function: &str, answer: impl Fn(&HttpCall) -> HttpReply) -> TaskEnd {
        let mut task = self.host.task(&function.into(), &self.user);
        let mut with = Resumption::Start;
        loop {
            with = match task.resume(with) {
                Step::Suspended(Operation::Request(call)) => {
                    Resumption::Reply(Rc::new(answer(&call)))
                }
                Step::Suspended(_) => Resumption::Woken,
                Step::Ended(result) => return self.host.explain(result),
                Step::Panicked(message) => panic!("{message}"),
                Step::NoStack(error) => panic!("{error}"),
            };
        }
    }
}

pub(super) fn json(status: u16, body: &str) -> HttpReply {
    let answer = PlainAnswer { body: Bytes::from(body.to_owned()), ..PlainAnswer::default() };
    HttpReply::new(status, Duration::ZERO, "GET /x".into(), Box::new(answer))
}

#[test]
fn the_example_of_the_design_is_a_good_script() {
    let script = Script::load("scripts/journey.rhai".as_ref(), LoadOptions::default()).unwrap();
    let wishes = script.wishes();
    assert_eq!(wishes.target.as_deref(), Some("http://127.0.0.1:8117"));
    assert_eq!(wishes.load.vus, Some(20));
    assert_eq!(
        wishes.scenarios[0].tasks,
        [("list_teams".to_owned(), 3.0), ("update_profile".to_owned(), 1.0)]
    );
    assert_eq!(wishes.scenarios[0].on_start.as_deref(), Some("on_start"));
    assert_eq!(wishes.thresholds.len(), 3);
}

#[test]
fn a_task_suspends_for_each_request_and_goes_on_with_its_answer() {
    let bench = bench(
        r#"fn journey(user) {
            user.header("x-team", 5);
            let r = user.post("/login", #{ json: #{ name: `u${user.id}` }, query: #{ a: [1, 2], b: () } });
            check(r, "ok", r.status == 200);
            user.token = r.json("$.token");
            user.group("inner", |u| { let t = u.get("/teams/17"); check(t, `saw ${u.token}`, t.json().id == 17); });
            counter("made").add(2);
            trend("size").add(1.5);
        }"#,
    );
    let seen = RefCell::new(Vec::new());
    let end = bench.run("journey", |call| {
        seen.borrow_mut()
            .push(format!("{} {} {:?} [{}]", call.name, call.url, call.headers, call.group));
        json(200, r#"{"token": "abc", "id": 17}"#)
    });
    assert!(matches!(end, TaskEnd::Completed), "{end:?}");
    let header = r#"[("x-team", "5")]"#;
    assert_eq!(
        *seen.borrow(),
        [
            format!("POST /login http://host.test/login?a=1&a=2 {header} []"),
            format!("GET /teams/{{id}} http://host.test/teams/17 {header} [inner]"),
        ]
    );
    assert_eq!(
        *bench.notes.0.borrow(),
        [
            "check ok: true",
            "check saw abc: true",
            "group_duration in inner",
            "made Add(2.0)",
            "size in "
        ]
    );
}

#[test]
fn a_task_has_a_stack_when_rhai_is_needed_and_says_when_there_is_none() {
    let text =
        r#"fn journey(user) { let r = user.get("/"); check(r, "ok", r.ok); print("seen"); }"#;
    let known = LoadOptions { has_target: true, ..LoadOptions::default() };
    let script = Script::from_text("test.rhai", text.to_owned(), PathBuf::from("."), known);
    // More than a process can have of addresses.
    let limits = ScriptLimits { stack_bytes: 1 << 48, ..ScriptLimits::default() };
    let bench = bench_within(script.unwrap(), limits);
    let mut task = bench.host.task(&"journey".into(), &bench.user);
    assert!(matches!(task.resume(Resumption::Start), Step::Suspended(Operation::Request(_))));
    let step = task.resume(Resumption::Reply(Rc::new(json(200, ""))));
    let Step::NoStack(error) = step else { panic!("{step:?}") };
    assert!(error.hint().contains("--vu-stack"), "{error}");
    assert_eq!(*bench.notes.0.borrow(), ["check ok: true"]);
}

#[test]
fn a_failed_answer_is_data_and_its_missing_json_is_an_error_with_a_place() {
    let bench = bench("fn journey(user) {\n    let r = user.get(\"/x\");\n    r.json().token\n}");
    let end = bench.run("journey", |_| json(500, "oops"));
    let TaskEnd::Error(finding) = end else { panic!("{end:?}") };
    assert_eq!((finding.line, finding.source_line.trim()), (3, "r.json().token"));
    assert!(
        finding.message.contains("no JSON body") && finding.message.contains("500"),
        "{finding}"
    );
}

#[test]
fn fail_ends_the_iteration_and_cannot_be_caught() {
    let bench = bench(
        r#"fn journey(user) { try { user.fail("no stock"); } catch { user.get("/never"); } }"#,
    );
    let end = bench.run("journey", |_| panic!("no request is made"));
    assert!(matches!(&end, TaskEnd::Failed(reason) if reason == "no stock"), "{end:?}");
}

#[test]
fn hostile_scripts_end_as_errors() {
    let deep = bench("fn journey(user) { f(1) } fn f(n) { let x = [1, #{ a: f(n + 1) }]; x }");
    let end = deep.run("journey", |_| json(200, ""));
    assert!(matches!(&end, TaskEnd::Error(f) if f.message.contains("deep")), "{end:?}");
    let huge = bench("fn journey(user) { let a = []; a.pad(2000000, 1); }");
    let end = huge.run("journey", |_| json(200, ""));
    assert!(matches!(&end, TaskEnd::Error(f) if f.message.contains("too large")), "{end:?}");
    let text = bench(r#"fn journey(user) { let s = "0123456789"; loop { s += s; } }"#);
    let end = text.run("journey", |_| json(200, ""));
    assert!(matches!(&end, TaskEnd::Error(f) if f.message.contains("too large")), "{end:?}");
}

#[test]
fn an_endless_loop_yields_to_others_and_ends_as_an_error() {
    let bench = bench("fn journey(user) { loop {} }");
    let mut task = bench.host.task(&"journey".into(), &bench.user);
    let (mut yields, mut with) = (0, Resumption::Start);
    let finding = loop {
        match task.resume(with) {
            Step::Suspended(Operation::Yield) => yields += 1,
            Step::Ended(result) => match bench.host.explain(result) {
                TaskEnd::Error(finding) => break finding,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
        with = Resumption::Woken;
    };
    assert!(yields >= 1);
    assert!(finding.message.contains("without a request or a pause"), "{finding}");
}

#[test]
fn wrong_scripts_say_where_and_what_would_work() {
    for (text, line, says, hint) in [
        ("fn journey(user) {\n  user.gett(\"/\");\n}", 2, "no method `gett`", "did you mean `get`"),
        ("fn journey(user) {\n  chek(1, \"a\", true);\n}", 2, "no function `chek`", "check"),
        (
            "let options = #{\n  target: \"http://h\",\n  task: #{ journey: 1 } };\nfn journey(user) {}",
            3,
            "`task`",
            "tasks",
        ),
        (
            "let options = #{ target: \"http://h\",\n duration: \"-5s\" };\nfn journey(user) {}",
            2,
            "negative",
            "30s",
        ),
        (
            "let options = #{ tasks:\n #{ journey: 0 } };\nfn journey(user) {}",
            2,
            "above zero",
            "leave the task out",
        ),
        (
            "let options = #{ tasks:\n #{ jurney: 1 } };\nfn journey(user) {}",
            2,
            "no function `jurney`",
            "journey",
        ),
        ("fn journey(user) {\n  user.get(\"/a\");\n}", 2, "has no host", "target"),
        ("let x = 5;\nfn journey(user) {\n  x + 1\n}", 3, "no variable `x`", "global::X"),
        (
            "fn journey(user) {\n  user.get(\"http://h\", #{ jsn: 1 });\n}",
            2,
            "no option `jsn`",
            "json",
        ),
        ("fn journey(user {\n}", 1, "expecting", ""),
    ] {
        let finding = first_finding(text);
        assert_eq!(finding.line, line, "{finding} in {text}");
        assert!(finding.column > 0 && !finding.source_line.is_empty(), "{finding}");
        assert!(finding.message.contains(says), "{finding} should say {says}");
        assert!(finding.hint.unwrap_or_default().contains(hint), "{text} should hint at {hint}");
    }
}

#[test]
fn a_panic_in_a_host_function_is_contained() {
    let bench = bench("fn journey(user) { user.get(\"/x\"); }");
    let mut task = bench.host.task(&"journey".into(), &bench.user);
    assert!(matches!(task.resume(Resumption::Start), Step::Suspended(_)));
    // Dropping a suspended task unwinds its stack and leaves the thread usable.
    drop(task);
    assert!(matches!(bench.run("journey", |_| json(200, "{}")), TaskEnd::Completed));
}

#[test]
fn a_task_that_rests_finds_everything_as_it_left_it() {
    let bench = bench(
        "fn deep(n) {
             let own = #{ text: `level ${n}` };
             if n > 0 { deep(n - 1) } else { sleep(\"1h\") }
             print(own.text);
         }
         fn journey(user) { for round in 0..3 { deep(4) } }",
    );
    let mut task = bench.host.task(&"journey".into(), &bench.user);
    let mut with = Resumption::Start;
    let mut rests = 0;
    while let Step::Suspended(Operation::Sleep(pause)) = task.resume(with) {
        // The second time there is nothing left to give back.
        task.rest(pause);
        task.rest(pause);
        rests += 1;
        with = Resumption::Woken;
    }
    let levels: Vec<_> = (0..15).map(|line| format!("log level {}", line % 5)).collect();
    assert_eq!((rests, bench.notes.0.take()), (3, levels));
}

#[test]
fn a_task_can_be_dropped_while_it_rests() {
    let bench = bench("fn journey(user) { let own = [1, 2]; user.sleep(\"1h\"); own.push(3); }");
    let handles = Rc::strong_count(&bench.user);
    let mut task = bench.host.task(&"journey".into(), &bench.user);
    let step = task.resume(Resumption::Start);
    assert!(matches!(step, Step::Suspended(Operation::Sleep(_))), "{step:?}");
    task.rest(Duration::from_secs(3600));
    drop(task);
    // What the script held was found on its stack and let go.
    assert_eq!(Rc::strong_count(&bench.user), handles);
    assert!(matches!(bench.run("journey", |_| json(200, "{}")), TaskEnd::Completed));
}

/// A folder with files, gone at the end of the test.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn load_in(folder: &tempfile::TempDir, text: &str) -> Result<Script, ScriptError> {
    let known = LoadOptions { has_target: true, ..LoadOptions::default() };
    Script::from_text("test.rhai", text.to_owned(), folder.path().to_owned(), known)
}

#[test]
fn data_files_are_shared_and_run_out_only_when_rows_must_be_unique() {
    let folder = folder(&[
        ("users.csv", "\u{feff}name, mail\nann,a@x\nbob,b@x\n"),
        ("items.json", r#"[{"id": 1}, {"id": 2}]"#),
    ]);
    let text = r#"
        const USERS = csv("users.csv");
        const ITEMS = json_file("items.json");
        fn journey(user) {
            let u = global::USERS;
            print(`${u.next().name} ${u.next().mail} ${u.next().name} ${u.len()} ${global::ITEMS[1].id}`);
            check("random is a row", global::ITEMS.random().id > 0);
            u.unique(); u.unique(); u.unique();
        }"#;
    let bench = bench_of(load_in(&folder, text).unwrap());
    let end = bench.run("journey", |_| json(200, ""));
    assert!(matches!(&end, TaskEnd::Error(f) if f.message.contains("all are taken")), "{end:?}");
    assert_eq!(*bench.notes.0.borrow(), ["log ann b@x ann 2 2", "check random is a row: true"]);
    let missing = load_in(&folder, "const U = csv(\"no.csv\");\nfn journey(user) {}");
    let finding = missing.unwrap_err().findings.remove(0);
    assert!(finding.line == 1 && finding.message.contains("no.csv"), "{finding}");
}

#[test]
fn imports_come_from_below_the_scripts_folder_only() {
    let outside = folder(&[
        ("secret.rhai", "fn f() { 1 }"),
        ("in/lib/login.rhai", "fn greet(user) { user.get(\"/hello\") }"),
    ]);
    let inside = outside.path().join("in");
    let known = LoadOptions { has_target: true, ..LoadOptions::default() };
    let good = "import \"lib/login\" as login;\nfn journey(user) { login::greet(user); }";
    let script =
        Script::from_text("test.rhai", good.to_owned(), inside.clone(), known.clone()).unwrap();
    let bench = bench_of(script);
    let seen = RefCell::new(0);
    let end = bench.run("journey", |call| {
        *seen.borrow_mut() += 1;
        assert_eq!(call.url.path(), "/hello");
        json(200, "{}")
    });
    assert!(matches!(end, TaskEnd::Completed) && *seen.borrow() == 1, "{end:?}");
    let absolute = outside.path().join("secret").display().to_string();
    for path in ["../secret", absolute.as_str(), "lib/none"] {
        let text = format!("import \"{path}\" as s;\nfn journey(user) {{ s::f(); }}");
        let error =
            Script::from_text("test.rhai", text, inside.clone(), known.clone()).unwrap_err();
        assert!(error.findings[0].message.contains("cannot be imported"), "{path}: {error}");
        assert_eq!(error.findings[0].line, 1, "{error}");
    }
}

#[test]
fn every_kind_of_request_body_and_option_reaches_the_engine() {
    let folder = folder(&[("logo.png", "PNG")]);
    let text = r#"
        const LOGO = file("logo.png", "image/png");
        fn journey(user) {
            user.post("/form", #{ form: #{ a: "1 2", b: true } });
            user.put("/raw", #{ body: "text", content_type: "text/csv", timeout: "250ms" });
            user.patch("/parts", #{ multipart: #{ name: "x", logo: global::LOGO } });
            user.delete("/gone", #{ expect: [404, 410], redirects: 0, tags: #{ kind: "rare" } });
            user.request("purge", "http://other.test/x?q=1", #{ name: "purge", basic_auth: ["me", "pw"] });
        }"#;
    let bench = bench_of(load_in(&folder, text).unwrap());
    let calls = RefCell::new(Vec::new());
    let end = bench.run("journey", |call| {
        calls.borrow_mut().push(call.clone());
        json(404, "{}")
    });
    assert!(matches!(end, TaskEnd::Completed), "{end:?}");
    let calls = calls.into_inner();
    assert!(
        matches!(&calls[0].body, call::CallBody::Form(pairs) if pairs[0].1 == "1 2" && pairs[1].1 == "true")
    );
    assert_eq!(calls[1].timeout, Some(Duration::from_millis(250)));
    assert_eq!(calls[1].headers, [("content-type".to_owned(), "text/csv".to_owned())]);
    let call::CallBody::Multipart(fields) = &calls[2].body else { panic!("{:?}", calls[2].body) };
    let logo = fields.iter().find(|field| field.name == "logo").unwrap();
    assert_eq!((logo.file_name.as_deref(), &logo.content[..]), (Some("logo.png"), &b"PNG"[..]));
    assert!(
        !calls[3].is_failure(404) && calls[3].is_failure(200) && calls[3].max_redirects == Some(0)
    );
    assert_eq!(&*calls[3].tags[0].1, "rare");
    assert_eq!(
        (&*calls[4].name, &*calls[4].method, calls[4].url.as_str()),
        ("purge", "PURGE", "http://other.test/x?q=1")
    );
    assert_eq!(calls[4].basic_auth, Some(("me".to_owned(), "pw".to_owned())));
}

#[test]
fn misuse_at_run_time_is_an_error_with_a_way_out() {
    for (text, says) in [
        ("user.data = 5;", "cannot be changed"),
        ("user.sleep(\"-1s\");", "negative"),
        ("user.sleep(0.0 / 0.0);", "a pause is 0 s or more"),
        ("pick([]);", "empty"),
        ("rand_int(5, 1);", "above the second"),
        ("fake(\"nmae\");", "did you mean \"name\""),
        ("user.header(\"x\", \"a\\nb\");", "not a header"),
        ("user.get(\"/\").json(\"$.[\");", "not a JSONPath"),
        ("trend(\"t\").add(0.0 / 0.0);", "not a finite number"),
        ("user.get(\"/\", #{ json: |x| x });", "JSON cannot say"),
    ] {
        let bench = bench(&format!("fn journey(user) {{ {text} }}"));
        let end = bench.run("journey", |_| json(200, "{}"));
        let TaskEnd::Error(finding) = end else { panic!("{text}: {end:?}") };
        assert!(finding.message.contains(says) && finding.line == 1, "{text}: {finding}");
    }
}

#[test]
fn options_of_every_kind_become_wishes() {
    let script = load(
        r#"let options = #{
            target: "http://h", scenarios: #{
                member: #{ weight: 4, on_start: "sign_in", tasks: #{ a: 2 }, think_time: exponential("2s"), tags: #{ team: "x" } },
                visitor: #{ tasks: #{ b: 1.5 }, think_time: pacing("1s"), load: #{ rate: "20/s", arrival: "poisson", duration: "5s" } },
            },
            phases: [#{ name: "up", duration: "1m30s", vus: 50 }, #{ duration: "10s", vus: 5, jump: true }],
            thresholds: #{ http_req_failed: [#{ threshold: "rate<0.1", abort_on_fail: true, delay_abort_eval: "3s" }] },
            headers: #{ accept: "text/html" }, insecure: true, max_body: "64KiB", http_version: "2", seed: 5,
        };
        fn sign_in(user) {} fn a(user) {} fn b(user) {}"#,
    )
    .unwrap();
    let wishes = script.wishes();
    let [member, visitor] = wishes.scenarios.as_slice() else { panic!("{:?}", wishes.scenarios) };
    assert_eq!(
        (member.name.as_str(), member.weight, member.on_start.as_deref()),
        ("member", Some(4.0), Some("sign_in"))
    );
    assert_eq!(
        member.think_time,
        Some(crate::plan::ThinkTime::Exponential(Duration::from_secs(2)))
    );
    assert_eq!(visitor.load.as_ref().unwrap().arrival, Some(crate::plan::Arrival::Poisson));
    let phases = wishes.load.phases.as_ref().unwrap();
    assert_eq!((phases[0].duration, phases[1].jump), (Duration::from_secs(90), true));
    assert!(
        wishes.thresholds[0].abort_on_fail
            && wishes.thresholds[0].delay_abort == Duration::from_secs(3)
    );
    assert_eq!(
        (wishes.http.insecure, wishes.http.max_body_bytes, wishes.seed),
        (Some(true), Some(65536), Some(5))
    );
    assert_eq!(wishes.http.headers, [("accept".to_owned(), "text/html".to_owned())]);
}

#[test]
fn pages_to_scrape_are_read_with_what_they_tell_in_the_scripts_order() {
    let script = load(
        r#"let options = #{ scrape: ["http://h:1/metrics", #{ url: "http://h:2/metrics", resources: #{
            "db pool": #{ used: "in_use{db=\"a\"}", capacity: "size", waiting: "waiting" },
            cpu: #{ used: "rate(process_cpu_seconds_total)", capacity: 4 },
        } }] };
        fn journey(user) {}"#,
    )
    .unwrap();
    let [plain, mapped] = script.wishes().scrape.as_slice() else { panic!("two pages") };
    assert_eq!(*plain, crate::plan::ScrapeSource::unmapped("http://h:1/metrics".to_owned()));
    assert_eq!(
        serde_json::to_string(mapped).unwrap(),
        r#"{"url":"http://h:2/metrics","resources":[{"resource":"db pool","used":"in_use{db=\"a\"}","capacity":"size","waiting":"waiting"},{"resource":"cpu","used":"rate(process_cpu_seconds_total)","capacity":4.0}]}"#
    );
}

#[test]
fn wrong_pages_to_scrape_say_where_and_what_would_work() {
    for (text, line, says, hint) in [
        (
            "let options = #{ scrape: #{ url: \"http://h:1/m\", resources: #{\n pool: #{ used: \"a\", size: \"b\" } } } };\nfn journey(user) {}",
            2,
            "no option `size`",
            "capacity",
        ),
        (
            "let options = #{ scrape: #{ url: \"http://h:1/m\", resources: #{\n \"db pool\": #{ used: \"sum(a)\" } } } };\nfn journey(user) {}",
            2,
            "is no series",
            "rate(name)",
        ),
        (
            "let options = #{ scrape: #{ url: \"http://h:1/m\", resources: #{\n pool: #{ capacity: 8 } } } };\nfn journey(user) {}",
            2,
            "needs `used`",
            "used:",
        ),
        (
            "let options = #{\n scrape: [\"http://h:1/m\",\n \"https://h/m\"] };\nfn journey(user) {}",
            3,
            "without TLS",
            "proxy",
        ),
        (
            "let options = #{\n scrape: #{ resources: #{} } };\nfn journey(user) {}",
            2,
            "needs its `url`",
            "9100",
        ),
    ] {
        let finding = first_finding(text);
        assert_eq!(finding.line, line, "{finding:?}");
        assert!(finding.message.contains(says), "{finding:?}");
        assert!(finding.hint.as_deref().unwrap_or("").contains(hint), "{finding:?}");
    }
}
