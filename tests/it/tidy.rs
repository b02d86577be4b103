//! Holds the source tree to the laws of ARCHITECTURE.md that no compiler knows. Reads it as text.
//!
//! A rule is a function from a [`Tree`] to [`Finding`]s. Each test first shows with planted trees that its rule catches what
//! it is for and lets the rest pass, then holds the rule to this repository. To add a rule: a function and a test beside
//! those it is most like. A rule's exceptions are rows of its table, each with its reason.

mod house;
mod imports;
mod size;
mod tree;
mod words;

use tree::{File, Tree};

/// A place that breaks a rule, and what to do there.
struct Finding {
    path: String,
    line: usize,
    advice: String,
}

impl Finding {
    /// In the code of a file.
    fn at(file: &File, offset: usize, advice: impl Into<String>) -> Self {
        Self::on(&file.path, file.line_of(offset), advice)
    }

    /// On a line of a file; 1 when the file itself is what is wrong.
    fn on(path: &str, line: usize, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, advice: advice.into() }
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

/// Files that were never on a disk, and where a rule must find something in them, as `path:line`.
type Planted<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

/// Shows that `rule` finds exactly what is planted, then that it finds nothing in this repository.
#[track_caller]
fn hold(rule: Rule, planted: &[Planted<'_>]) {
    let catches = planted.iter().any(|(_, places)| !places.is_empty());
    let accepts = planted.iter().any(|(_, places)| places.is_empty());
    assert!(catches && accepts, "a rule shows both what it catches and what it lets pass");
    for (files, places) in planted {
        let found = rule(&Tree::planted(files));
        let found: Vec<_> = found.iter().map(|f| format!("{}:{}", f.path, f.line)).collect();
        assert_eq!(&found, places, "the rule on the planted {files:?}");
    }
    let found = rule(Tree::here());
    let lines: String =
        found.iter().map(|f| format!("\n{}:{}: {}", f.path, f.line, f.advice)).collect();
    assert!(found.is_empty(), "{} to mend:{lines}", found.len());
}
