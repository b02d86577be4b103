//! The command line as users type it.

use clap::CommandFactory;

use super::*;

fn run(words: &[&str]) -> Result<RunArgs, String> {
    let all = ["rhaid", "run"].iter().chain(words);
    match Cli::try_parse_from(all).map_err(|error| error.to_string())?.command {
        Command::Run(args) => Ok(*args),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_of_a_run_has_its_environment_variable() {
    let mut root = Cli::command();
    root.build();
    // Not those of `report`: a tag meant for runs would silently filter the table, and a force would delete.
    for verb in root.get_subcommands().filter(|verb| verb.get_name() == "run") {
        for option in
            verb.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
        {
            let Some(long) = option.get_long() else { continue };
            let expected = format!("RHAID_{}", long.replace('-', "_").to_uppercase());
            let actual = option.get_env().map(|name| name.to_string_lossy().into_owned());
            assert_eq!(actual.as_deref(), Some(expected.as_str()), "{} --{long}", verb.get_name());
            assert!(option.is_hide_env_set(), "--{long} would show a value that may be secret");
            assert!(option.get_help().is_some(), "--{long} has no help");
        }
    }
}

#[test]
fn k6_letters_work() {
    let args =
        run(&["x.rhai", "-u", "10", "-d", "1m30s", "-e", "A=1", "-e", "B=2", "-o", "json=f", "-q"]);
    let args = args.expect("k6's letters");
    assert_eq!(args.load.vus, Some(10));
    assert_eq!(args.load.duration.map(|d| d.as_secs()), Some(90));
    assert_eq!(args.target.env.len(), 2);
    let args = run(&["x.rhai", "-s", "30s:50", "--stage", "1m:100,10s:0"]).expect("stages");
    assert_eq!(args.load.stage.len(), 3);
    assert_eq!(
        run(&["x.rhai", "-i", "100", "--per-vu"]).expect("iterations").load.iterations,
        Some(100)
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    let contradictions: [&[&str]; 9] = [
        &["--demo", "--spawn", "x"],
        &["--demo", "--target", "http://x"],
        &["-s", "1s:1", "--profile", "five-phase"],
        &["-s", "1s:1", "-d", "1s"],
        &["-s", "1s:1", "--rate", "1/s"],
        &["-i", "1", "--rate", "1/s"],
        &["--no-thresholds", "--threshold", "a: b<1"],
        &["-q", "-v"],
        &["--profile", "six-phase"],
    ];
    for words in contradictions {
        assert!(run(&[&["x.rhai"], words].concat()).is_err(), "{words:?}");
    }
}

#[test]
fn a_refusal_says_what_would_work() {
    for (words, says) in [
        (["-d", "30"], "30s"),
        (["--rate", "200"], "200/s"),
        (["--peak", "many"], "200/s"),
        (["--http", "3"], "1.1"),
        (["--report-file", "x.pdf"], ".md"),
        (["--vu-stack", "1XB"], "MiB"),
        (["--durations", "1s"], "--duration"),
    ] {
        let error = run(&["x.rhai", words[0], words[1]]).expect_err(words[0]);
        assert!(error.contains(says), "{words:?}: {error}");
    }
}

#[test]
fn global_options_go_before_and_after_the_verb() {
    for words in [["rhaid", "--db", "a.db", "report"], ["rhaid", "report", "--db", "a.db"]] {
        assert_eq!(Cli::try_parse_from(words).expect("global").global.db, PathBuf::from("a.db"));
    }
    assert_eq!(
        Cli::try_parse_from(["rhaid", "report"]).expect("bare").global.db,
        PathBuf::from("rhaid.db")
    );
}

#[test]
#[cfg(feature = "demo")]
fn the_sample_service_gets_its_own_options() {
    let cli =
        Cli::try_parse_from(["rhaid", "target-api", "--port", "8117", "--help"]).expect("raw");
    let Command::TargetApi(args) = cli.command else { panic!("another verb") };
    assert_eq!(args.raw, ["--port", "8117", "--help"]);
}

#[test]
fn the_help_lists_the_exit_codes_and_fits() {
    let help = Cli::command().render_help().to_string();
    assert!(help.contains("112  result not trustworthy"), "{help}");
    let mut root = Cli::command();
    let run = root.find_subcommand_mut("run").expect("the verb");
    let help = run.render_help().to_string();
    assert!(help.contains("Examples:") && help.contains("Pass or fail:"), "{help}");
}
