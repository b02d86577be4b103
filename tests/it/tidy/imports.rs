//! Who may import whom: the table of rooms, and the table of external crates.

use super::tree::{File, Tree, words};
use super::{Finding, hold};

/// The rooms, each with those that it may import. A row names only rows above it, so there can be no cycle.
const ROOMS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("clock", &[]),
    ("page", &[]),
    ("reach", &[]),
    ("prefetch", &[]),
    ("free_lists", &[]),
    ("metric", &["units", "clock"]),
    ("plan", &["reach", "metric", "units", "clock"]),
    ("transport", &["reach", "prefetch", "metric", "units", "clock"]),
    ("analysis", &["metric", "units", "clock"]),
    ("watch", &["metric", "units", "clock"]),
    ("pacing", &["plan", "units", "clock"]),
    ("script", &["prefetch", "plan", "metric", "units", "clock"]),
    ("record", &["plan", "analysis", "metric", "units", "clock"]),
    (
        "engine",
        &[
            "prefetch",
            "plan",
            "pacing",
            "script",
            "transport",
            "record",
            "metric",
            "units",
            "clock",
        ],
    ),
    ("pipeline", &["record", "plan", "metric", "units", "clock"]),
    ("store", &["record", "pipeline", "plan", "metric", "units", "clock"]),
    ("report", &["page", "record", "analysis", "plan", "metric", "units", "clock"]),
    (
        "control",
        &[
            "page", "reach", "engine", "pipeline", "store", "report", "record", "plan", "metric",
            "units", "clock",
        ],
    ),
    (
        "cli",
        &[
            "units",
            "clock",
            "metric",
            "plan",
            "transport",
            "analysis",
            "watch",
            "pacing",
            "script",
            "record",
            "engine",
            "pipeline",
            "store",
            "report",
            "control",
            "reach",
        ],
    ),
];

/// Where a crate may be named.
enum Home {
    /// In files whose path begins with one of these.
    In(&'static [&'static str]),
    /// Everywhere but there.
    NotIn(&'static [&'static str]),
}
use Home::{In, NotIn};

/// Plain vocabulary: types without behaviour of their own, or derives.
const ANYWHERE: Home = NotIn(&[]);

/// Every dependency of the engine, and where it may be named. One crate, one room: what a crate can do stays behind the
/// words of its room, and it can be replaced there.
const CRATES: &[(&str, Home)] = &[
    ("axum", In(&["src/control/"])),
    ("base64", In(&["src/pipeline/", "src/script/", "src/transport/"])),
    ("brotli", In(&["src/transport/"])),
    ("bytes", In(&["src/engine/", "src/script/", "src/transport/"])),
    ("clap", In(&["src/cli/"])),
    ("clap_complete", In(&["src/cli/"])),
    ("clap_mangen", In(&["src/cli/"])),
    ("cookie_store", In(&["src/transport/"])),
    ("corosensei", In(&["src/script/"])),
    ("csv", In(&["src/report/", "src/script/"])),
    ("fake", In(&["src/script/"])),
    ("flate2", In(&["src/transport/"])),
    ("futures_util", In(&["src/control/"])),
    ("hdrhistogram", In(&["src/metric/histogram.rs"])),
    ("http", In(&["src/control/", "src/engine/", "src/plan/", "src/script/", "src/transport/"])),
    ("httparse", In(&["src/transport/"])),
    ("hyper", In(&["src/control/"])),
    ("hyper_util", In(&["src/control/"])),
    ("indicatif", In(&["src/cli/progress.rs", "src/cli/progress/", "src/cli/printer.rs"])),
    ("libc", In(&["src/script/stacks.rs", "src/transport/"])),
    ("miette", In(&["src/cli/"])),
    ("mimalloc", In(&["src/free_lists.rs"])),
    ("procfs", In(&["src/watch/"])),
    (
        "rand",
        In(&[
            "src/analysis/",
            "src/cli/",
            "src/control/",
            "src/engine/",
            "src/record/",
            "src/script/",
        ]),
    ),
    ("rand_pcg", In(&["src/analysis/", "src/engine/", "src/pacing/", "src/script/"])),
    ("reqwest", In(&["src/transport/"])),
    ("rhai", In(&["src/script/"])),
    ("rlimit", In(&["src/cli/"])),
    ("rusqlite", In(&["src/store/"])),
    ("rust_embed", In(&["src/control/"])),
    (
        "rustix",
        In(&[
            "src/cli/",
            "src/engine/timer/",
            "src/script/stacks.rs",
            "src/transport/direct/socket.rs",
        ]),
    ),
    ("rustls", In(&["src/transport/"])),
    ("rustls_native_certs", In(&["src/transport/"])),
    ("rustls_pki_types", In(&["src/transport/"])),
    ("serde", ANYWHERE),
    ("serde_json", ANYWHERE),
    ("serde_json_path", In(&["src/script/"])),
    ("sysinfo", In(&["src/watch/"])),
    ("tabled", In(&["src/report/"])),
    // The sample service shares nothing with the engine, so that what it counts is evidence of its own.
    ("target_api", In(&["src/cli/"])),
    ("thiserror", ANYWHERE),
    // Rooms of arithmetic and of values do not wait for anything.
    (
        "tokio",
        NotIn(&[
            "src/units.rs",
            "src/metric/",
            "src/plan/",
            "src/analysis/",
            "src/pacing/",
            "src/record/",
            "src/report/",
        ]),
    ),
    ("tokio_rustls", In(&["src/transport/"])),
    ("tower_layer", In(&["src/transport/"])),
    ("tower_service", In(&["src/transport/"])),
    (
        "url",
        In(&[
            "src/cli/",
            "src/control/",
            "src/engine/",
            "src/plan/",
            "src/reach.rs",
            "src/script/",
            "src/transport/",
        ]),
    ),
    ("webpki_roots", In(&["src/transport/"])),
    ("zstd", In(&["src/transport/"])),
];

/// The room of a file, if it is in one: `src/metric/sink.rs` and `src/units.rs` are.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    (name != "lib" && name != "main").then_some(name)
}

/// The paths of the product's code, each with its offset and segments: `use` trees taken apart, and paths in expressions.
pub(super) fn paths(file: &File) -> Vec<(usize, Vec<&str>)> {
    let code = &file.code;
    let mut found = Vec::new();
    let mut done = 0;
    for (at, word) in file.product_words() {
        if at < done || word.starts_with("__") {
            continue;
        }
        if word == "use" && begins_statement(code, at) {
            done = code[at..].find(';').map_or(code.len(), |length| at + length);
            take_apart(&code[at + 3..done], at + 3, &[], &mut found);
            continue;
        }
        let (segments, end) = path_from(code, at);
        done = end;
        let before = code[..at].trim_end();
        // `a::b` found by its `b`, or `<T as A>::b`: the name before it is what counts.
        let is_tail = before.strip_suffix("::").is_some_and(|rest| {
            rest.ends_with(|c: char| c == '_' || c == '>' || c.is_ascii_alphanumeric())
        });
        if segments.len() > 1 && !is_tail {
            found.push((at, segments));
        }
    }
    found
}

fn begins_statement(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end();
    let is_public = words(before)
        .last()
        .is_some_and(|&(from, word)| word == "pub" && from + word.len() == before.len());
    before.is_empty() || is_public || before.ends_with([';', '{', '}', ']', ')'])
}

/// The path that begins with the word at `at`, and where it ends.
fn path_from(code: &str, at: usize) -> (Vec<&str>, usize) {
    let mut segments = Vec::new();
    let mut end = at;
    loop {
        let length = code[end..].find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        let stop = length.map_or(code.len(), |length| end + length);
        segments.push(&code[end..stop]);
        let next = stop + 2;
        let goes_on = code[stop..].starts_with("::")
            && code[next..].starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
        if !goes_on {
            return (segments, stop);
        }
        end = next;
    }
}

/// Takes a `use` tree apart: `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn take_apart<'a>(
    tree: &'a str,
    offset: usize,
    prefix: &[&'a str],
    found: &mut Vec<(usize, Vec<&'a str>)>,
) {
    let open = tree.find('{');
    let head = &tree[..open.unwrap_or(tree.len())];
    let mut segments = prefix.to_vec();
    let named = words(head);
    segments.extend(named.iter().map(|&(_, word)| word).take_while(|&word| word != "as"));
    if head.contains('*') {
        segments.push("*");
    }
    let Some(open) = open else {
        let first = named.first().map_or(0, |&(at, _)| at);
        return found.push((offset + first, segments));
    };
    let inside = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let mut depth = 0;
    let mut from = 0;
    for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inside[from..at].trim().is_empty() {
                    take_apart(&inside[from..at], offset + open + 1 + from, &segments, found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The module that a path of the crate begins with, seen from `file`: `crate::a::..`, or `super::` as often as it takes.
fn module_of<'a>(file: &File, segments: &[&'a str]) -> Option<&'a str> {
    if segments[0] == "crate" {
        return segments.get(1).copied();
    }
    let ups = segments.iter().take_while(|&&segment| segment == "super").count();
    let below = file.path.trim_start_matches("src/").trim_end_matches("mod.rs");
    let depth = below.trim_end_matches(['/']).split('/').count();
    (ups > 0 && ups >= depth).then(|| segments.get(ups).copied()).flatten()
}

fn rooms_import_by_the_table(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.product() {
        let Some(room) = room(&file.path) else { continue };
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            let advice =
                format!("`{room}` is no room: give it a row in ROOMS of tests/it/tidy/imports.rs");
            findings.push(Finding::on(&file.path, 1, advice));
            continue;
        };
        for (at, segments) in paths(file) {
            let Some(other) = module_of(file, &segments) else { continue };
            if other != room && !may.contains(&other) {
                let advice = format!(
                    "`{room}` may not know `{other}`: pass what is needed as a value or through a trait of `{room}`, \
                     or move the code up (it may import: {})",
                    may.join(", ")
                );
                findings.push(Finding::at(file, at, advice));
            }
        }
    }
    findings
}

fn crates_stay_in_their_rooms(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.product().filter(|file| file.path.starts_with("src/")) {
        for (at, segments) in paths(file) {
            let Some((name, home)) = CRATES.iter().find(|(name, _)| *name == segments[0]) else {
                continue;
            };
            let advice = match home {
                In(homes) if !homes.iter().any(|home| file.path.starts_with(home)) => {
                    format!(
                        "`{name}` is named only in {}: give the room a word for what is needed",
                        homes.join(", ")
                    )
                }
                NotIn(rooms) if rooms.iter().any(|room| file.path.starts_with(room)) => {
                    format!(
                        "`{name}` is not named in this room: leave what needs it to the rooms that use this one"
                    )
                }
                _ => continue,
            };
            findings.push(Finding::at(file, at, advice));
        }
    }
    findings
}

fn dependencies_have_a_home(tree: &Tree) -> Vec<Finding> {
    let manifest = tree.file("Cargo.toml").map_or("", |file| &file.text);
    let mut section = "";
    let mut findings = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            section = line;
            continue;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default().replace('-', "_");
        let is_dependency = section.ends_with("dependencies]")
            && !section.contains("dev-dependencies")
            && !section.contains("workspace")
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && line.contains('=');
        if is_dependency && !CRATES.iter().any(|(known, _)| *known == name) {
            let advice =
                format!("say in CRATES of tests/it/tidy/imports.rs where `{name}` may be named");
            findings.push(Finding::on("Cargo.toml", index + 1, advice));
        }
    }
    findings
}

fn sample_service_shares_no_code_with_the_engine(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with("target-api/")) {
        for (at, _) in file.words().into_iter().filter(|&(_, word)| word == "rhaid") {
            let advice =
                "the sample service shares no code with the engine, or its counts prove nothing";
            findings.push(Finding::at(file, at, advice));
        }
    }
    findings
}

#[test]
fn the_table_of_rooms_has_no_cycle() {
    for (index, (room, may)) in ROOMS.iter().enumerate() {
        for other in *may {
            let is_above = ROOMS[..index].iter().any(|(name, _)| name == other);
            assert!(is_above, "`{room}` may import `{other}`, which is no row above it");
        }
    }
}

#[test]
fn a_room_imports_only_rooms_that_its_row_names() {
    hold(
        rooms_import_by_the_table,
        &[
            (&[("src/plan/a.rs", "use crate::engine::Run;")], &["src/plan/a.rs:1"]),
            (
                &[("src/plan/a.rs", "use crate::{\n    units::Rate,\n    store::{Store},\n};")],
                &["src/plan/a.rs:3"],
            ),
            (&[("src/units.rs", "fn a() -> crate::clock::RunClock {}")], &["src/units.rs:1"]),
            (
                &[("src/metric/a.rs", "use super::super::record::RunRecord;")],
                &["src/metric/a.rs:1"],
            ),
            (&[("src/clock.rs", "use super::units::Rate;")], &["src/clock.rs:1"]),
            (&[("src/metric/mod.rs", "use crate::*;")], &["src/metric/mod.rs:1"]),
            (&[("src/attic/mod.rs", "")], &["src/attic/mod.rs:1"]),
            (
                &[(
                    "src/plan/a.rs",
                    "// use crate::engine::Run;\nuse crate::{metric, units::Rate};",
                )],
                &[],
            ),
            (&[("src/plan/b/c.rs", "use super::super::error::PlanError;\nuse super::a;")], &[]),
            (&[("src/plan/a.rs", "#[cfg(test)]\nmod tests { use crate::engine::Run; }")], &[]),
            (
                &[("src/cli/a.rs", "use crate::engine::Run;"), ("src/main.rs", "use rhaid::cli;")],
                &[],
            ),
        ],
    );
}

#[test]
fn an_external_crate_is_named_only_in_its_room() {
    hold(
        crates_stay_in_their_rooms,
        &[
            (&[("src/plan/a.rs", "use rhai::Engine;")], &["src/plan/a.rs:1"]),
            (
                &[("src/metric/window.rs", "fn a(b: ::hdrhistogram::Histogram<u64>) {}")],
                &["src/metric/window.rs:1"],
            ),
            (
                &[("src/pacing/a.rs", "use std::fmt;\npub use tokio::{time, task};")],
                &["src/pacing/a.rs:2", "src/pacing/a.rs:2"],
            ),
            (&[("src/cli/run.rs", "use indicatif::ProgressBar;")], &["src/cli/run.rs:1"]),
            (
                &[
                    ("src/script/a.rs", "use rhai::Engine;"),
                    ("src/engine/a.rs", "use tokio::time;"),
                ],
                &[],
            ),
            (
                &[(
                    "src/report/a.rs",
                    "use super::csv::table; // rhai::Engine\nlet a = self::csv::b();",
                )],
                &[],
            ),
            (
                &[
                    ("src/transport/tests.rs", "use axum::Router;"),
                    ("target-api/src/a.rs", "use axum::Router;"),
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn every_dependency_has_a_room() {
    hold(
        dependencies_have_a_home,
        &[
            (
                &[("Cargo.toml", "[dependencies]\nserde.workspace = true\nleft-pad = \"1\"\n")],
                &["Cargo.toml:3"],
            ),
            (
                &[("Cargo.toml", "[target.'cfg(unix)'.dependencies]\nnix = \"1\"")],
                &["Cargo.toml:2"],
            ),
            (
                &[(
                    "Cargo.toml",
                    "[dependencies]\n# A comment = here.\nrand_pcg = \"1\"\n[dev-dependencies]\nhyper = \"1\"",
                )],
                &[],
            ),
        ],
    );
}

#[test]
fn the_sample_service_does_not_know_the_engine() {
    hold(
        sample_service_shares_no_code_with_the_engine,
        &[
            (&[("target-api/src/a.rs", "use rhaid::units::Rate;")], &["target-api/src/a.rs:1"]),
            (
                &[
                    ("target-api/src/a.rs", "// rhaid loads it.\nlet a = \"rhaid\";"),
                    ("tests/it/a.rs", "use rhaid::cli;"),
                ],
                &[],
            ),
        ],
    );
}
