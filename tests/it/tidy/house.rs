//! What lies where: headers, the top of the repository, scripts, pages and snapshots.

use super::tree::Tree;
use super::{Finding, hold};

/// What may lie at the top of the repository.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "src",
    "scripts",
    "target-api",
    "tests",
    "dashboard",
    "docs",
    "benches",
    "deploy",
    // Tools look for these here and nowhere else.
    ".cargo",
    ".ci",
    ".gitignore",
    "build.rs",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

/// Lines of ARCHITECTURE.md: what one sitting takes.
const MAX_ARCHITECTURE_LINES: usize = 200;

fn header_lines(text: &str) -> usize {
    text.lines().take_while(|line| line.starts_with("//!")).count()
}

fn rooms_have_a_header(tree: &Tree) -> Vec<Finding> {
    let is_room = |path: &str| path.starts_with("src/") && path.matches('/').count() == 2;
    let rooms = tree.rust().filter(|file| is_room(&file.path) && file.path.ends_with("/mod.rs"));
    let bare = rooms.filter(|file| header_lines(&file.text) < 3);
    bare.map(|file| {
        let advice = "say in at least three lines of `//!` what the room is for, its main type, what it must not know, \
                      and where it sits in the flow";
        Finding::on(&file.path, 1, advice)
    })
    .collect()
}

fn files_have_a_header(tree: &Tree) -> Vec<Finding> {
    let bare = tree.rust().filter(|file| header_lines(&file.text) == 0);
    bare.map(|file| Finding::on(&file.path, 1, "begin with `//!` and what the file is about"))
        .collect()
}

fn top_holds_only_what_belongs(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for file in &tree.files {
        let top = file.path.split('/').next().unwrap_or(&file.path);
        if !TOP.contains(&top) && findings.iter().all(|finding| finding.path != top) {
            let advice = "does not belong at the top: move it below, or add it to .gitignore if it is made by a command";
            findings.push(Finding::on(top, 1, advice));
        }
    }
    findings
}

/// The scripts of the product: path and name.
fn scripts(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files.iter().filter_map(|file| {
        let name = file.path.strip_prefix("scripts/")?;
        name.ends_with(".rhai").then_some((file.path.as_str(), name))
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let is_part = |c: char| c == '_' || c == '-' || c.is_alphanumeric();
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

fn scripts_are_tested(tree: &Tree) -> Vec<Finding> {
    // These rules name scripts in what they plant; that runs none.
    let is_tidy = |path: &str| path.starts_with("tests/it/tidy");
    let tests = || tree.rust().filter(|f| f.path.starts_with("tests/") && !is_tidy(&f.path));
    let untested = scripts(tree).filter(|(_, name)| {
        let stem = name.trim_end_matches(".rhai");
        !tests().any(|file| has_word(&file.text, stem))
    });
    untested
        .map(|(path, _)| {
            Finding::on(path, 1, "run it in tests/it/scripts.rs: examples cannot rot then")
        })
        .collect()
}

fn scripts_are_in_the_readme(tree: &Tree) -> Vec<Finding> {
    let readme = tree.file("README.md").map_or("", |file| &file.text);
    let unknown = scripts(tree).filter(|(path, _)| !has_word(readme, path));
    unknown.map(|(path, _)| Finding::on(path, 1, "say in README.md what it shows")).collect()
}

fn pages_are_there(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text = |path| tree.file(path).map_or("", |file| &file.text);
    if !text("CHANGELOG.md").lines().any(|line| line.trim() == "## [Unreleased]") {
        findings.push(Finding::on(
            "CHANGELOG.md",
            1,
            "keep a section `## [Unreleased]`, and write in it what a user gets",
        ));
    }
    let lines = text("ARCHITECTURE.md").lines().count();
    if lines == 0 || lines > MAX_ARCHITECTURE_LINES {
        let advice = format!(
            "has {lines} lines: from 1 to {MAX_ARCHITECTURE_LINES}; details go into the rooms' headers"
        );
        findings.push(Finding::on("ARCHITECTURE.md", 1, advice));
    }
    findings
}

/// What a snapshot belongs to: the name in `it__report__a_run_as_text-2.snap` is `a_run_as_text`.
fn snapshot_name(path: &str) -> &str {
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".snap");
    let name = stem.rsplit("__").next().unwrap_or(stem).split('@').next().unwrap_or(stem);
    match name.rsplit_once('-') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    }
}

fn snapshots_have_a_test(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if file.path.ends_with(".snap.new") || file.path.ends_with(".pending-snap") {
            findings.push(Finding::on(&file.path, 1, "accept or reject this snapshot"));
        } else if file.path.ends_with(".snap") {
            let source = file.text.lines().find_map(|line| line.strip_prefix("source: "));
            let test = source.and_then(|path| tree.file(path.trim().trim_matches('"')));
            let name = snapshot_name(&file.path);
            let is_used = test.is_some_and(|test| {
                let spellings =
                    [format!("fn {name}("), format!("fn test_{name}("), format!("\"{name}\"")];
                spellings.iter().any(|spelling| test.text.contains(spelling))
            });
            if !is_used {
                findings.push(Finding::on(&file.path, 1, "no test compares with it: remove it"));
            }
        }
    }
    findings
}

#[test]
fn every_room_says_what_it_is_for() {
    hold(
        rooms_have_a_header,
        &[
            (&[("src/plan/mod.rs", "//! Room `plan`.\nmod a;")], &["src/plan/mod.rs:1"]),
            (
                &[("src/plan/mod.rs", "//! A\n//!\n//! B\nmod a;"), ("src/plan/a/mod.rs", "//! A")],
                &[],
            ),
        ],
    );
}

#[test]
fn every_file_begins_with_what_it_is_about() {
    hold(
        files_have_a_header,
        &[
            (&[("src/plan/a.rs", "use b;\n//! Late.")], &["src/plan/a.rs:1"]),
            (&[("src/plan/a.rs", "//! Shares."), ("scripts/a.rhai", "fn a() {}")], &[]),
        ],
    );
}

#[test]
fn the_top_of_the_repository_holds_only_what_belongs_there() {
    hold(
        top_holds_only_what_belongs,
        &[
            (
                &[("notes.txt", ""), ("crates/a/b.rs", ""), ("crates/a/c.rs", "")],
                &["crates:1", "notes.txt:1"],
            ),
            (&[("src/lib.rs", ""), ("docs/notes.txt", ""), (".ci/run", "")], &[]),
        ],
    );
}

#[test]
fn every_script_is_named_by_a_test() {
    hold(
        scripts_are_tested,
        &[
            (
                &[("scripts/shop.rhai", ""), ("tests/it/a.rs", "// Not a workshop.")],
                &["scripts/shop.rhai:1"],
            ),
            (
                &[("scripts/shop.rhai", ""), ("tests/it/tidy.rs", "shop.rhai")],
                &["scripts/shop.rhai:1"],
            ),
            (&[("scripts/shop.rhai", ""), ("tests/it/scripts.rs", "run(\"shop.rhai\")")], &[]),
        ],
    );
}

#[test]
fn every_script_is_in_the_readme() {
    hold(
        scripts_are_in_the_readme,
        &[
            (
                &[("scripts/shop.rhai", ""), ("README.md", "scripts/shop.rhaid")],
                &["scripts/shop.rhai:1"],
            ),
            (&[("scripts/shop.rhai", "")], &["scripts/shop.rhai:1"]),
            (&[("scripts/shop.rhai", ""), ("README.md", "`rhaid run scripts/shop.rhai`")], &[]),
        ],
    );
}

#[test]
fn the_changelog_and_the_architecture_are_kept() {
    let pages = ("ARCHITECTURE.md", "# A");
    let long = "line\n".repeat(201);
    hold(
        pages_are_there,
        &[
            (&[pages, ("CHANGELOG.md", "## [0.1.0]\n")], &["CHANGELOG.md:1"]),
            (
                &[("ARCHITECTURE.md", &long), ("CHANGELOG.md", "## [Unreleased]\n")],
                &["ARCHITECTURE.md:1"],
            ),
            (&[], &["CHANGELOG.md:1", "ARCHITECTURE.md:1"]),
            (&[pages, ("CHANGELOG.md", "# Changes\n\n## [Unreleased]\n")], &[]),
        ],
    );
}

#[test]
fn every_snapshot_belongs_to_a_test() {
    let snapshot = "---\nsource: tests/it/report.rs\nexpression: text\n---\nbody";
    let test = ("tests/it/report.rs", "fn a_run_as_text() {}");
    hold(
        snapshots_have_a_test,
        &[
            (
                &[test, ("tests/it/snapshots/it__report__old.snap", snapshot)],
                &["tests/it/snapshots/it__report__old.snap:1"],
            ),
            (
                &[("tests/it/snapshots/it__report__a_run_as_text.snap", snapshot)],
                &["tests/it/snapshots/it__report__a_run_as_text.snap:1"],
            ),
            (
                &[test, ("tests/it/snapshots/a.snap.new", snapshot)],
                &["tests/it/snapshots/a.snap.new:1"],
            ),
            (&[test, ("tests/it/snapshots/it__report__a_run_as_text-2.snap", snapshot)], &[]),
        ],
    );
}
