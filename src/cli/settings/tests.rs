//! From words to meaning.

use clap::Parser;

use super::super::args::{Cli, Command};
use super::*;
use crate::plan::HttpVersion;
use crate::plan::layers::PeakWish;

fn run(words: &[&str]) -> Result<RunSettings, SettingsError> {
    let cli = Cli::try_parse_from(["rhaid", "run"].iter().chain(words)).expect("it reads well");
    let Command::Run(args) = cli.command else { panic!("another verb") };
    RunSettings::new(*args, &cli.global)
}

fn report(words: &[&str]) -> Result<ReportRequest, SettingsError> {
    let cli = Cli::try_parse_from(["rhaid", "report"].iter().chain(words)).expect("it reads well");
    let Command::Report(args) = cli.command else { panic!("another verb") };
    ReportRequest::new(&args)
}

#[test]
fn a_script_leaves_everything_else_to_the_layers_below() {
    let settings = run(&["a.rhai"]).expect("valid");
    assert_eq!(settings.source, Source::Script("a.rhai".into()));
    assert_eq!(settings.wishes, Wishes { script: Some("a.rhai".into()), ..Wishes::default() });
    assert_eq!(settings.destinations.database, Some("rhaid.db".into()));
    assert!(settings.start.is_none() && settings.destinations.shows_progress);
}

#[test]
fn a_url_is_its_own_target_and_name() {
    let settings = run(&["https://me:secret@shop.test:8443/search?q=1", "-u", "5"]).expect("valid");
    assert_eq!(settings.wishes.target.as_deref(), Some("https://shop.test:8443"));
    assert_eq!(settings.wishes.name.as_deref(), Some("shop.test:8443/search"));
    assert_eq!(settings.wishes.script, None);
    let Source::Url(request) = settings.source else { panic!("a URL") };
    assert_eq!(
        (request.url.as_str(), request.method.as_str()),
        ("https://me:secret@shop.test:8443/search?q=1", "GET")
    );
    let settings = run(&["http://[::1]:80", "--body", "@b.json", "--name", "mine"]).expect("valid");
    assert_eq!(settings.wishes.name.as_deref(), Some("mine"));
    let Source::Url(request) = settings.source else { panic!("a URL") };
    assert_eq!(
        (request.method.as_str(), request.body),
        ("POST", Some(BodySource::File("b.json".into())))
    );
}

#[test]
fn the_load_is_what_was_typed() {
    let words = [
        "a.rhai",
        "-s",
        "30s:50",
        "-s",
        "1m:0",
        "--graceful-stop",
        "0",
        "--scale",
        "0.5",
        "--seed",
        "7",
    ];
    let wishes = run(&words).expect("valid").wishes;
    let phases = wishes.load.phases.expect("stages");
    assert_eq!(
        phases.iter().map(|p| p.to).collect::<Vec<_>>(),
        [PeakWish::Vus(50), PeakWish::Vus(0)]
    );
    assert_eq!(wishes.load.graceful_stop, Some(Duration::ZERO));
    assert_eq!((wishes.scale, wishes.seed), (Some(0.5), Some(7)));
}

#[test]
fn http_settings_are_what_was_typed() {
    let words = [
        "a.rhai",
        "-H",
        "A: b",
        "--http",
        "1.1",
        "--transport",
        "auto",
        "--insecure",
        "--timeout",
        "5s",
    ];
    let http = run(&words).expect("valid").wishes.http;
    assert_eq!(http.headers, [("A".to_owned(), "b".to_owned())]);
    assert_eq!(
        (http.version, http.transport, http.insecure),
        (Some(HttpVersion::Http1), None, Some(true))
    );
    assert_eq!(http.timeout, Some(Duration::from_secs(5)));
}

#[test]
fn a_target_can_be_started() {
    let demo = run(&["a.rhai", "--demo"]).expect("valid").start;
    assert_eq!(demo, Some(TargetStart::Demo { ready_timeout: DEFAULT_READY_TIMEOUT }));
    let spawned = run(&["http://127.0.0.1:1/", "--spawn", "./server", "--ready-timeout", "2s"])
        .expect("valid")
        .start;
    let ready_timeout = Duration::from_secs(2);
    assert_eq!(spawned, Some(TargetStart::Spawn { command: "./server".to_owned(), ready_timeout }));
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_hint() {
    let cases: [(&[&str], &str, &str); 10] = [
        (&[], "nothing to run", "rhaid new"),
        (&["localhost:8080/x"], "neither a script nor a URL", "http://localhost:8080/x"),
        (&["ftp://x/"], "neither http nor https", "https://"),
        (&["http:///x"], "no host", "https://"),
        (&["http://a b/"], "white space", "https://"),
        (&["a.rhai", "--body", "x"], "--body", "script"),
        (&["http://x/", "--demo"], "--demo", "URL"),
        (&["http://x/", "--scenario", "a"], "--scenario", "URL"),
        (&["a.rhai", "-e", "A=1", "-e", "A=2"], "twice", "once"),
        (&["a.rhai", "--tag", "A=1", "--tag", "A=2"], "--tag", "once"),
    ];
    for (words, says, hints) in cases {
        let error = run(words).expect_err(says);
        assert!(error.to_string().contains(says), "{words:?}: {error}");
        assert!(error.hint().contains(hints), "{words:?}: {}", error.hint());
    }
    let error = run(&["ftp://me:secret@x/"]).expect_err("scheme");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn odd_paths_are_scripts() {
    for path in ["a.rhai", "dir/a:1.rhai", "C:journey.RHAI", "journey", "./localhost"] {
        assert_eq!(run(&[path]).expect(path).source, Source::Script(path.into()));
    }
}

#[test]
fn runs_are_named_as_the_store_resolves_them() {
    assert_eq!(report(&[]), Ok(ReportRequest::Table));
    let names = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(report(&["12", "last~1"]), Ok(ReportRequest::Show(names(&["12", "last~1"]))));
    assert_eq!(report(&["rm", "3"]), Ok(ReportRequest::Remove(names(&["3"]))));
    for words in [&["rm"][..], &["rm", "3", "-o", "f"]] {
        let Ok(cli) = Cli::try_parse_from(["rhaid", "report"].iter().chain(words)) else {
            continue;
        };
        let Command::Report(args) = cli.command else { panic!("another verb") };
        let error = ReportRequest::new(&args).expect_err("no run");
        assert!(!error.hint().is_empty());
    }
}
