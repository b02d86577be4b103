//! What is not written: words with a better one, notes to self, and calls that have a place of their own.

use super::imports::paths;
use super::tree::{File, Tree};
use super::{Finding, hold};

/// A word that no identifier contains, what to say instead, and where the rule holds: a beginning of paths.
const WORDS: &[(&str, &str, &str)] = &[
    ("rps", "`rate` for what is planned, `throughput` for what is seen", ""),
    ("qps", "`rate` for what is planned, `throughput` for what is seen", ""),
    ("tps", "`rate` for what is planned, `throughput` for what is seen", ""),
    ("attack", "`run`", ""),
    ("work_mode", "`executor`", ""),
    ("spawn_rate", "a `Stage` with its target and duration", ""),
    ("sla", "`threshold`", ""),
    ("exporter", "`output` while a run goes on, `report` after it", ""),
    ("timestamp", "`.._at` for an offset from the start of the run, `wall_..` for wall time", ""),
    ("skipped_iteration", "`dropped`: due, but never started", ""),
    ("missed_iteration", "`dropped`: due, but never started", ""),
    // The sample service injects delays, and there the word is the name of that.
    (
        "latency",
        "`service_time` from when it was sent, `response_time` from when it was due",
        "src/",
    ),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "misc", "type", "types", "imp", "impl"];

/// The only files that print: one for each program.
const PRINTERS: &[&str] =
    &["build.rs", "src/cli/printer.rs", "target-api/src/main.rs", "target-api/src/launch.rs"];

/// The only files that read clocks.
const CLOCKS: &[&str] = &["src/clock.rs", "target-api/src/clock.rs"];

/// Rooms that open no file; what they need is handed to them, what they make is handed on.
const WITHOUT_FILES: &[&str] = &[
    "src/units.rs",
    "src/clock.rs",
    "src/reach.rs",
    "src/metric/",
    "src/plan/",
    "src/analysis/",
    "src/pacing/",
    "src/record/",
    "src/engine/",
    "src/report/",
];

/// `WorkMode` and `workMode` as `work_mode`.
fn snake(identifier: &str) -> String {
    let mut snake = String::new();
    let mut after_lower = false;
    for c in identifier.chars() {
        if c.is_ascii_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn identifiers_use_the_vocabulary(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let words = WORDS.iter().filter(|(_, _, scope)| file.path.starts_with(scope));
        let words: Vec<_> = words.map(|(word, better, _)| (format!("_{word}_"), better)).collect();
        for (at, identifier) in file.words() {
            let parts = format!("_{}_", snake(identifier));
            let plain = parts.replace("s_", "_");
            if let Some((word, better)) =
                words.iter().find(|(word, _)| parts.contains(word) || plain.contains(word))
            {
                let word = word.trim_matches('_');
                findings.push(Finding::at(file, at, format!("not `{word}`: say {better}")));
            }
        }
    }
    findings
}

fn nothing_is_left_to_do(tree: &Tree) -> Vec<Finding> {
    // Put together here, so that this file does not find itself.
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let macros = [concat!("to", "do!"), concat!("unimple", "mented!")];
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            let mut tokens = line.split(|c: char| c != '_' && !c.is_alphanumeric());
            if tokens.any(|token| notes.contains(&token)) {
                let advice = "do it now, or write down as a sentence what holds today and why";
                findings.push(Finding::on(&file.path, index + 1, advice));
            }
        }
        for (at, name) in macros.iter().flat_map(|name| file.code.match_indices(name)) {
            findings.push(Finding::at(
                file,
                at,
                format!("`{name}` panics: return an error that says so"),
            ));
        }
    }
    findings
}

fn names_say_what_is_inside(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let empty = file.path.split('/').find(|part| {
            let stem = part.split('.').next().unwrap_or(part);
            EMPTY_NAMES.contains(&stem)
        });
        if let Some(name) = empty {
            let advice = format!(
                "`{name}` names nothing: call it by the noun that is inside, or give its parts to those that use them"
            );
            findings.push(Finding::on(&file.path, 1, advice));
        }
    }
    findings
}

fn only_printers_print(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.product().filter(|file| !PRINTERS.contains(&file.path.as_str())) {
        for (at, word) in file.product_words() {
            let prints = ["println", "eprintln", "print", "eprint", "dbg"].contains(&word);
            if prints && file.code[at + word.len()..].starts_with('!') {
                let advice = format!(
                    "`{word}!` belongs in {}: hand the text to it, or return it",
                    PRINTERS.join(", ")
                );
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

/// Where the path `..::a::b` stands in the product's code.
fn places_of(file: &File, wanted: &[&str]) -> Vec<usize> {
    let here = paths(file)
        .into_iter()
        .filter(|(_, path)| path.windows(wanted.len()).any(|part| part == wanted));
    here.map(|(at, _)| at).collect()
}

fn only_the_command_line_knows_a_terminal(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rooms = tree.product().filter(|file| file.path.starts_with("src/"));
    for file in rooms.filter(|file| !file.path.starts_with("src/cli/")) {
        for stream in ["stdout", "stderr", "Stdout", "Stderr"] {
            for at in places_of(file, &["io", stream]) {
                let advice =
                    format!("`{stream}` is known to src/cli/ alone: return what is to be said");
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

fn only_some_rooms_open_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_without = |file: &&File| WITHOUT_FILES.iter().any(|room| file.path.starts_with(room));
    for file in tree.product().filter(is_without) {
        for library in ["std", "tokio"] {
            for at in places_of(file, &[library, "fs"]) {
                let advice =
                    "this room opens no file: take the text as an argument, or return the bytes";
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

fn nothing_is_unwrapped(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.product() {
        for (at, _) in file.code.match_indices(".unwrap()") {
            if !file.is_test_at(at) {
                let advice = "return the error, or `expect` with the invariant in words";
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

fn only_the_clock_reads_time(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.product().filter(|file| !CLOCKS.contains(&file.path.as_str())) {
        for clock in
            [["time", "Instant"].as_slice(), &["SystemTime", "now"], &["UNIX_EPOCH", "elapsed"]]
        {
            let is_tokio = |at: &usize| {
                paths(file).iter().any(|(place, path)| place == at && path[0] == "tokio")
            };
            for at in places_of(file, clock).into_iter().filter(|at| !is_tokio(at)) {
                let advice = "ask the run's clock (or tokio's `Instant`, which it is made of): it can be paused in tests";
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

fn every_queue_has_a_bound(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (at, word) in file.words() {
            if snake(word).split('_').any(|part| part == "unbounded") {
                let advice = "give the queue a bound, and count what does not fit";
                findings.push(Finding::at(file, at, advice));
            }
        }
        // `std::sync::mpsc::channel()` has no bound; tokio's takes it as its argument, and a `oneshot` needs none.
        let names_std = !places_of(file, &["std", "sync", "mpsc"]).is_empty();
        for (at, word) in file.product_words().into_iter().filter(|_| names_std) {
            let before = file.code[..at].trim_end();
            let after = &file.code[at + word.len()..];
            let is_call = after.starts_with("()") || after.starts_with("::<");
            if word == "channel" && is_call && !before.ends_with("oneshot::") {
                let advice =
                    "this channel has no bound: use `sync_channel`, and count what does not fit";
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

#[test]
fn identifiers_are_words_of_the_vocabulary() {
    hold(
        identifiers_use_the_vocabulary,
        &[
            (&[("src/plan/a.rs", "let b = 1;\nlet max_rps = 2;")], &["src/plan/a.rs:2"]),
            (
                &[("tests/it/a.rs", "enum WorkMode {}\nfn attack() {}")],
                &["tests/it/a.rs:1", "tests/it/a.rs:2"],
            ),
            (
                &[("src/plan/a.rs", "struct P99Latency; let timestamps = 1;")],
                &["src/plan/a.rs:1", "src/plan/a.rs:1"],
            ),
            (&[("src/plan/a.rs", "let a = \"rps\"; // attack\nlet slack = corpses;")], &[]),
            (&[("target-api/src/latency.rs", "struct Latency;")], &[]),
        ],
    );
}

#[test]
fn nothing_says_that_it_is_to_be_done_later() {
    let note = concat!("let a = 1;\n// TO", "DO: more");
    let call = concat!("fn a() {\n to", "do!()\n}");
    hold(
        nothing_is_left_to_do,
        &[
            (&[("src/plan/a.rs", note)], &["src/plan/a.rs:2"]),
            (&[("README.md", concat!("FIX", "ME\n"))], &["README.md:1"]),
            (&[("src/plan/a.rs", call)], &["src/plan/a.rs:2"]),
            (
                &[(
                    "src/plan/a.rs",
                    "// All todo lists of the service.\nlet todo = mktemp(\"XXXXXX\");",
                )],
                &[],
            ),
        ],
    );
}

#[test]
fn a_file_is_called_by_what_is_inside() {
    hold(
        names_say_what_is_inside,
        &[
            (&[("src/plan/utils.rs", "")], &["src/plan/utils.rs:1"]),
            (
                &[("tests/it/common/mod.rs", ""), ("dashboard/src/helpers.test.ts", "")],
                &["dashboard/src/helpers.test.ts:1", "tests/it/common/mod.rs:1"],
            ),
            (&[("src/plan/utility_curve.rs", ""), ("tests/it/support/mod.rs", "")], &[]),
        ],
    );
}

#[test]
fn only_the_printer_prints() {
    hold(
        only_printers_print,
        &[
            (&[("src/engine/a.rs", "fn a() {\n println!(\"a\");\n}")], &["src/engine/a.rs:2"]),
            (&[("src/cli/run.rs", "std::eprintln!(\"a\");")], &["src/cli/run.rs:1"]),
            (
                &[
                    ("src/cli/printer.rs", "println!()"),
                    ("src/plan/a.rs", "// println!\n#[test]\nfn a() { dbg!(1) }"),
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn only_the_command_line_names_the_terminal() {
    hold(
        only_the_command_line_knows_a_terminal,
        &[
            (
                &[("src/engine/a.rs", "use std::io::{self, Write};\nlet a = io::stdout();")],
                &["src/engine/a.rs:2"],
            ),
            (&[("src/report/a.rs", "use std::io::{Write, stderr};")], &["src/report/a.rs:1"]),
            (
                &[
                    ("src/cli/a.rs", "let a = io::stdout();"),
                    ("target-api/src/a.rs", "let a = io::stdout();"),
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn the_engine_and_the_rooms_of_values_open_no_file() {
    hold(
        only_some_rooms_open_files,
        &[
            (&[("src/engine/a.rs", "use std::{\n fmt,\n fs::File,\n};")], &["src/engine/a.rs:3"]),
            (&[("src/report/a.rs", "let a = std::fs::read(b);")], &["src/report/a.rs:1"]),
            (
                &[
                    ("src/store/a.rs", "use std::fs;"),
                    ("src/plan/a.rs", "#[cfg(test)]\nuse std::fs;"),
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    hold(
        nothing_is_unwrapped,
        &[
            (&[("src/plan/a.rs", "fn a() {\n b.unwrap();\n}")], &["src/plan/a.rs:2"]),
            (&[("target-api/src/a.rs", "b().unwrap();")], &["target-api/src/a.rs:1"]),
            (
                &[(
                    "src/plan/a.rs",
                    "b.unwrap_or(1); // .unwrap()\n#[test]\nfn a() { b.unwrap() }",
                )],
                &[],
            ),
        ],
    );
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    hold(
        only_the_clock_reads_time,
        &[
            (&[("src/engine/a.rs", "use std::time::{Duration, Instant};")], &["src/engine/a.rs:1"]),
            (&[("src/cli/a.rs", "let a = std::time::Instant::now();")], &["src/cli/a.rs:1"]),
            (
                &[(
                    "target-api/src/a.rs",
                    "use std::time::SystemTime;\nlet a = SystemTime::now();",
                )],
                &["target-api/src/a.rs:2"],
            ),
            (
                &[
                    ("src/clock.rs", "let a = SystemTime::now();"),
                    ("src/a.rs", "use tokio::time::Instant;"),
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn every_queue_is_bounded() {
    hold(
        every_queue_has_a_bound,
        &[
            (
                &[("src/engine/a.rs", "let (a, b) = mpsc::unbounded_channel();")],
                &["src/engine/a.rs:1"],
            ),
            (&[("src/engine/a.rs", "fn a(b: UnboundedSender<u8>) {}")], &["src/engine/a.rs:1"]),
            (
                &[("src/cli/a.rs", "use std::sync::mpsc::{self};\nlet a = mpsc::channel();")],
                &["src/cli/a.rs:2"],
            ),
            (
                &[("src/cli/a.rs", "use std::sync::mpsc::channel;\nlet a = channel::<u8>();")],
                &["src/cli/a.rs:2"],
            ),
            (
                &[(
                    "src/cli/a.rs",
                    "use std::sync::mpsc;\nlet a = oneshot::channel();\nlet b = mpsc::sync_channel(1);",
                )],
                &[],
            ),
            (&[("src/engine/a.rs", "// unbounded\nuse tokio::sync::mpsc::channel;")], &[]),
        ],
    );
}
