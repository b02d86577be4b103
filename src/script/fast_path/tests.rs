//! What is done here is what Rhai would have done: the same scripts, with shortcuts and without.

use std::cell::RefCell;

use proptest::prelude::*;

use super::shape;
use crate::script::tests::{Bench, bench, json};
use crate::script::{HttpCall, HttpReply, Operation, Resumption, Step, TaskEnd, User};

/// What can be seen of a call: what it asked for and noted, and how it ended.
fn seen(bench: &Bench, answer: impl Fn(&HttpCall) -> HttpReply) -> (Vec<String>, String) {
    let calls = RefCell::new(Vec::new());
    let end = bench.run("journey", |call| {
        calls.borrow_mut().push(format!("{call:?}"));
        answer(call)
    });
    let mut all = calls.into_inner();
    all.append(&mut bench.notes.0.borrow_mut());
    (all, format!("{end:?}"))
}

/// Runs a script both ways, twice: the second call finds what the first one has left.
fn same_both_ways(text: &str) -> (Vec<String>, String) {
    let answer = |call: &HttpCall| match call.method.as_ref() {
        "GET" => json(200, r#"{"id": 17}"#),
        "POST" => json(201, "made"),
        _ => json(404, ""),
    };
    let (with, without) = (bench(text), bench(text));
    let without = Bench { host: without.host.without_shortcuts(), ..without };
    for call in ["first", "second"] {
        assert_eq!(seen(&with, answer), seen(&without, answer), "{call} call of\n{text}");
    }
    seen(&with, answer)
}

/// Which statements of a function have shortcuts.
fn shortcuts(text: &str) -> Vec<bool> {
    let mut engine = rhai::Engine::new();
    engine.set_optimization_level(rhai::OptimizationLevel::Simple);
    let ast = engine.compile(format!("fn journey(user) {{ {text} }}")).unwrap();
    let statements = shape::statements(&ast, "journey", 1);
    let steps = statements.chunks(1).flat_map(|one| shape::steps(one, &["journey"]));
    steps.map(|step| step.shortcut.is_some()).collect()
}

#[test]
fn what_nearly_every_journey_does_has_a_shortcut() {
    let usual = r#"
        let r = user.get("/teams");
        check(r, "ok", r.status == 200);
        check(r, "ok", r.ok);
        check("ok", r.status >= 200 && r.status < 300 || r.status == 404);
        user.put(`/teams/${user.id}`);
        let s = user.post("/teams", #{ json: #{ name: fake("name"), page: rand_int(1, 5) }, name: "make" });
        user.delete("/teams/1", #{ name: "/teams/{id}" });
        let t = user.get(`/user/${rand_int(1, 1000)}`);
    "#;
    assert_eq!(shortcuts(usual), [true; 8]);
}

#[test]
fn what_may_change_what_it_looks_at_has_none() {
    let unusual = r#"
        let url = "/teams";
        let r = user.get(url);
        const c = user.get("/");
        let s = user?.get("/");
        let t = user.get("/").status;
        let u = user.request("GET", "/");
        let v = user.get(`/${{ let w = 1; w }}`);
        check(r, "json", r.json().id == 17);
        check(r, `name ${r.status}`, true);
        check(user.get("/"), "inline", true);
        check(r, "not", !r.ok);
        check(r, "float", r.status == 200.0);
        let x = get(user, "/");
        user.sleep("1s");
        if r.ok { user.get("/"); }
    "#;
    assert_eq!(shortcuts(unusual), [false; 15]);
}

#[test]
fn a_function_of_the_script_is_meant_before_ours() {
    let (all, end) = same_both_ways(
        r#"fn check(a, b, c) { log(b); true }
        fn log(text) { print(text); }
        fn journey(user) { let r = user.get("/"); check(r, "mine", r.ok); check("ours", r.ok); }"#,
    );
    assert_eq!(all[1..], ["log mine", "check ours: true"], "{end}");
}

#[test]
fn a_request_that_is_known_is_the_one_that_would_be_made() {
    let text = r#"fn journey(user) {
        user.get("/");
        let r = user.post("/teams", #{ json: #{ a: 1 }, tags: #{ own: "x" }, headers: #{ b: "c" } });
    }"#;
    let (with, without) = (bench(text), bench(text));
    let without = Bench { host: without.host.without_shortcuts(), ..without };
    let changes: [fn(&User); 6] = [
        |_| {},
        |user| user.set_tag("team", "blue"),
        |user| user.set_group("group".into()),
        |user| user.headers.borrow_mut().push(("accept".into(), "text/html".into())),
        |user| user.headers.borrow_mut().clear(),
        |user| user.begin(&"journey".into(), 2),
    ];
    let mut all = Vec::new();
    for change in changes {
        for bench in [&with, &without] {
            change(&bench.user);
        }
        // The second time it is known, if it may be.
        for _ in 0..2 {
            let seen = [&with, &without].map(|bench| seen(bench, |_| json(200, "")));
            assert_eq!(seen[0], seen[1]);
            all.push(seen[0].0.clone());
        }
    }
    all.dedup();
    assert_eq!(all.len(), changes.len(), "each change is seen: {all:#?}");
}

#[test]
fn every_end_is_the_same() {
    for body in [
        "",
        "1",
        "return user.get(\"/\");",
        "user.get(\"/\")",
        "let r = user.get(\"/\"); return; check(r, \"never\", true);",
        "let r = user.get(\"/\"); throw `${r.status}`;",
        "user.get(\"/\"); user.fail(\"no stock\"); user.get(\"/never\");",
        "let r = user.get(\"/\"); check(r, \"kind\", r.status);",
        "let r = user.get(\"/\"); check(r, \"kind\", r.status == \"200\");",
        "let r = user.get(\"/\"); check(r, \"kind\", r.ok && r.status);",
        "let r = user.get(\"/\"); check(r, \"kind\", r.ok > false);",
        "let user = 5; user.get(\"/\");",
        "let user = #{ get: |path| print(path) }; user.get(\"/x\");",
        "const user = user; user.get(\"/\");",
        "let r = #{ status: 200, ok: true }; check(r, \"map\", r.status == 200 && r.ok);",
        "let r = 5; check(r, \"number\", r.status == 200);",
        "user.get(\"http://[\");",
        "user.get(\"/\", #{ timeout: \"soon\" });",
        "let r = user.get(\"/\", #{ json: #{ n: 1 + user } });",
        "let u = user; let seen = || u.get(\"/shared\"); seen.call(); u.get(\"/own\"); check(u, \"shared\", true);",
        "let r = user.get(\"/\"); let seen = || r.status; check(r, \"shared\", r.status == seen.call());",
        "let r = user.get(\"/\"); let r = user.post(\"/\"); check(r, \"shadow\", r.status == 201);",
        "for n in 0..3 { let r = user.get(`/${n}`); check(r, \"loop\", r.ok); }",
        "try { let r = user.get(\"/\"); r.json().missing.deep } catch (e) { print(`${e}`); }",
        "let r = user.get(\"/\"); switch r.status { 200 => user.put(\"/\"), _ => user.post(\"/\") }",
        "user.group(\"outer\", |u| { let r = u.get(\"/\"); check(r, \"in\", r.ok); });",
        "helper(user); user.get(`/${global::PAGE}`, #{ query: #{ page: global::PAGE } });",
        "let page = || global::PAGE; user.get(`/${page.call()}`);",
        "user.get(`/${down(0)}`);",
        "user.get(`/${down_to(0, 62)}`);",
        "user.get(`/${down_to(0, 63)}`);",
        "user.get(`/${down_to(0, 64)}`);",
        "let s = \"0123456789\"; loop { s += s; }",
    ] {
        same_both_ways(&format!(
            "const PAGE = 3;\n\
             fn helper(user) {{ let r = user.post(\"/helper\"); check(r, \"helped\", r.ok); }}\n\
             fn down(n) {{ down(n + 1) }}\n\
             fn down_to(n, last) {{ if n == last {{ n }} else {{ down_to(n + 1, last) }} }}\n\
             fn journey(user) {{\n    {body}\n}}"
        ));
    }
}

#[test]
fn what_is_imported_may_mean_anything_and_is_rhais() {
    let shortens = |text: &str| bench(text).host.has_shortcuts();
    assert!(shortens("fn journey(user) { user.get(\"/import/important\"); } // import"));
    assert!(!shortens("fn journey(user) { import \"missing\" as m; m::visit(user); }"));
    assert!(!shortens("fn journey(user) { if user.id == 0 { import \"missing\" as m; } }"));
}

#[test]
fn a_call_that_is_cut_off_ends_the_same() {
    let text = r#"fn journey(user) { try { user.get("/"); user.get(`/${1 + 1}`); } catch { print("caught"); } }
        fn walks(user) { user.get("/"); print("never"); }"#;
    let (with, without) = (bench(text), bench(text));
    let without = Bench { host: without.host.without_shortcuts(), ..without };
    for function in ["journey", "walks"] {
        for bench in [&with, &without] {
            let mut task = bench.host.task(&function.into(), &bench.user);
            let step = task.resume(Resumption::Start);
            assert!(matches!(step, Step::Suspended(Operation::Request(_))), "{step:?}");
            let Step::Ended(result) = task.resume(Resumption::Aborted) else { panic!("goes on") };
            assert!(matches!(bench.host.explain(result), TaskEnd::Aborted));
            assert!(bench.notes.0.borrow().is_empty());
        }
    }
}

#[test]
fn there_are_as_many_variables_as_rhai_allows() {
    for (count, fits) in [(9_998, true), (9_999, false)] {
        let lines: String = (0..count).map(|n| format!("let v{n} = {n};\n")).collect();
        let text = format!("fn journey(user) {{ {lines} let r = user.get(\"/\"); r.status }}");
        let (_, end) = same_both_ways(&text);
        assert_eq!(end == "Completed", fits, "{end}");
    }
}

/// Statements that go together: each finds the variables `r`, `s` and `n`, whatever they are by then.
const STATEMENTS: [&str; 27] = [
    "let r = user.get(\"/a\");",
    "let r = user.post(\"/b\", #{ json: #{ n: n } });",
    "let s = user.get(`/c/${n}`);",
    "user.put(`/d/${n}`, #{ name: \"d\", tags: #{ n: `${n}` } });",
    "user.head(\"/e\");",
    "check(r, \"r is 200\", r.status == 200);",
    "check(r, \"r is ok\", r.ok);",
    "check(s, \"s is fine\", s.ok && s.status < 300);",
    "check(s, \"either\", s.status == 404 || r.status != 200 || true);",
    "check(\"plain\", 1 <= 2);",
    "check(n, \"n\", r.status > n);",
    "let r = n;",
    "let s = #{ status: 200, ok: true };",
    "let s = r;",
    "const s = user.get(\"/f\");",
    "const r = r;",
    "n += 1;",
    "let n = n + 1;",
    "let f = || r; print(`${f.call()}`);",
    "let g = || { n += 1; n }; g.call();",
    "if r.status == 200 { let r = user.get(\"/g\"); check(r, \"inner\", r.ok); }",
    "{ let user = 1; n += user; }",
    "user.count = n; print(`${user.count}`);",
    "user.header(\"x-n\", n);",
    "for r in 0..2 { n += r; }",
    "print(`${n} ${r} ${s}`);",
    "if n > 3 { return n; }",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_function_is_the_same(chosen in prop::collection::vec(0..STATEMENTS.len(), 1..12)) {
        let body: Vec<_> = chosen.into_iter().map(|index| STATEMENTS[index]).collect();
        let body = body.join("\n    ");
        same_both_ways(&format!(
            "fn journey(user) {{\n    let n = 1; let r = user.get(\"/r\"); let s = user.post(\"/s\");\n    {body}\n}}"
        ));
    }
}
