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
struct Notes(RefCell<Vec<String>>);

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

struct Bench {
    host: ScriptHost,
    user: Rc<User>,
    notes: Rc<Notes>,
}

fn bench(text: &str) -> Bench {
    let known = LoadOptions { has_target: true, ..LoadOptions::default() };
    let script =
        Script::from_text("test.rhai", text.to_owned(), PathBuf::from("."), known).unwrap();
    let script = Arc::new(script);
    let clock = RunClock::starting_now();
    let limits = ScriptLimits { max_busy: Duration::from_millis(200), ..ScriptLimits::default() };
    let host = ScriptHost::new(script, clock, limits, Arc::new(AtomicBool::new(false))).unwrap();
    let notes = Rc::new(Notes::default());
    let seed = UserSeed { id: 7, scenario: "default".into(), seed: 1, tags: Arc::from([]) };
    let base = Url::parse("http://host.test").unwrap();
    let user = Rc::new(User::new(seed, Some(base), true, notes.clone()));
    Bench { host, user, notes }
}

impl Bench {
    /// Runs a function; every request is answered by `answer`.
    fn run(&self, function: &str, answer: impl Fn(&HttpCall) -> HttpReply) -> TaskEnd {
        let mut task = self.host.task(&function.into(), &self.user).unwrap();
        let mut with = Resumption::Start;
        loop {
            with = match task.resume(with) {
                Step::Suspended(Operation::Request(call)) => Resumption::Reply(answer(&call)),
                Step::Suspended(_) => Resumption::Woken,
                Step::Ended(result) => return self.host.explain(result),
                Step::Panicked(message) => panic!("{message}"),
            };
        }
    }
}

fn json(status: u16, body: &str) -> HttpReply {
    HttpReply {
        status,
        ok: status == 200,
        body: Bytes::from(body.to_owned()),
        step: "GET /x".into(),
        ..HttpReply::default()
    }
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
    let end = deep.run("journey", |_| HttpReply::default());
    assert!(matches!(&end, TaskEnd::Error(f) if f.message.contains("deep")), "{end:?}");
    let huge = bench("fn journey(user) { let a = []; a.pad(2000000, 1); }");
    let end = huge.run("journey", |_| HttpReply::default());
    assert!(matches!(&end, TaskEnd::Error(f) if f.message.contains("too large")), "{end:?}");
    let text = bench(r#"fn journey(user) { let s = "0123456789"; loop { s += s; } }"#);
    let end = text.run("journey", |_| HttpReply::default());
    assert!(matches!(&end, TaskEnd::Error(f) if f.message.contains("too large")), "{end:?}");
}

#[test]
fn an_endless_loop_yields_to_others_and_ends_as_an_error() {
    let bench = bench("fn journey(user) { loop {} }");
    let mut task = bench.host.task(&"journey".into(), &bench.user).unwrap();
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
    let mut task = bench.host.task(&"journey".into(), &bench.user).unwrap();
    assert!(matches!(task.resume(Resumption::Start), Step::Suspended(_)));
    // Dropping a suspended task unwinds its stack and leaves the thread usable.
    drop(task);
    assert!(matches!(bench.run("journey", |_| json(200, "{}")), TaskEnd::Completed));
}
