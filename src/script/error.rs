//! What can be wrong with a script, with its place and a way out.

use std::fmt;

use rhai::{EvalAltResult, ParseErrorType, Position};

use crate::metric::spelling;

/// One problem at one place of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, as the user would write it.
    pub file: String,
    /// 1-based line; 0 when the place is not known.
    pub line: usize,
    /// 1-based column; 0 when the place is not known.
    pub column: usize,
    /// The text of that line.
    pub source_line: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
        }
    }
}

/// A script that cannot be run: everything that was found wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ScriptError {
    /// At least one.
    pub findings: Vec<Finding>,
}

impl From<Finding> for ScriptError {
    fn from(finding: Finding) -> Self {
        Self { findings: vec![finding] }
    }
}

/// The texts of a script and its imports, to show lines of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    files: Vec<(String, String)>,
}

impl Sources {
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        if !self.files.iter().any(|(name, _)| name == file) {
            self.files.push((file.to_owned(), text.to_owned()));
        }
    }

    /// The texts, in the order in which they were added.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(_, text)| text.as_str())
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        other.files.iter().for_each(|(file, text)| self.add(file, text));
    }

    fn line(&self, file: &str, line: usize) -> String {
        self.files
            .iter()
            .find(|(name, _)| name == file)
            .and_then(|(_, text)| text.lines().nth(line.saturating_sub(1)))
            .unwrap_or_default()
            .trim_end()
            .to_owned()
    }

    /// A finding at a position of a file.
    pub(crate) fn finding(
        &self,
        file: &str,
        position: Position,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Finding {
        let (line, column) = (position.line().unwrap_or(0), position.position().unwrap_or(0));
        Finding {
            file: file.to_owned(),
            line,
            column: if line == 0 { 0 } else { column.max(1) },
            source_line: if line == 0 { String::new() } else { self.line(file, line) },
            message: message.into(),
            hint,
        }
    }

    /// The innermost cause of an error with the file and position it has.
    pub(crate) fn explain(&self, file: &str, error: &EvalAltResult, known: &[String]) -> Finding {
        let (file, position, inner) = innermost(file, error);
        let (message, hint) = describe(inner, known);
        self.finding(&file, position, message, hint)
    }
}

/// Walks from the outer call to where it went wrong; the innermost known position and file win.
fn innermost<'a>(file: &str, error: &'a EvalAltResult) -> (String, Position, &'a EvalAltResult) {
    let mut file = file.to_owned();
    let mut position = error.position();
    let mut current = error;
    loop {
        let inner = match current {
            EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
                if !source.is_empty() && inner.position() != Position::NONE {
                    file.clone_from(source);
                }
                inner
            }
            EvalAltResult::ErrorInModule(path, inner, _) => {
                if !path.is_empty() && inner.position() != Position::NONE {
                    file.clone_from(path);
                }
                inner
            }
            _ => return (file, position, current),
        };
        if inner.position() != Position::NONE {
            position = inner.position();
        }
        current = inner;
    }
}

fn describe(error: &EvalAltResult, known: &[String]) -> (String, Option<String>) {
    match error {
        EvalAltResult::ErrorParsing(kind, _) => describe_parse(kind, known),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let name = signature.split([' ', '(']).next().unwrap_or(signature);
            let hint = if known.iter().any(|k| k == name) {
                Some(format!("`{name}` exists, but not for these arguments"))
            } else {
                did_you_mean(name, known)
            };
            (format!("there is no function `{signature}`"), hint)
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => {
            (format!("there is no variable `{name}`"), Some(outer_variable_hint(name)))
        }
        EvalAltResult::ErrorRuntime(value, _) => (value.to_string(), None),
        EvalAltResult::ErrorTerminated(value, _) => (value.to_string(), None),
        EvalAltResult::ErrorTooManyOperations(_) => {
            ("the script did too many operations".into(), None)
        }
        EvalAltResult::ErrorStackOverflow(_) => (
            "the calls are nested too deep".into(),
            Some("look for a function that calls itself without an end".into()),
        ),
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            (format!("{what} is too large"), Some("keep less in memory".into()))
        }
        EvalAltResult::ErrorModuleNotFound(path, _) => (
            format!("the script `{path}` cannot be imported"),
            Some("imports are files below the script's own folder, without `..`".into()),
        ),
        other => {
            let text = other.to_string();
            (lower_first(text.split(" (line ").next().unwrap_or(&text)), None)
        }
    }
}

fn describe_parse(kind: &ParseErrorType, known: &[String]) -> (String, Option<String>) {
    match kind {
        ParseErrorType::VariableUndefined(name) => {
            let hint = did_you_mean(name, known).unwrap_or_else(|| outer_variable_hint(name));
            (format!("there is no variable `{name}`"), Some(hint))
        }
        other => (lower_first(&other.to_string()), None),
    }
}

fn outer_variable_hint(name: &str) -> String {
    format!(
        "functions do not see variables made at top level with `let`; make it `const {}` and use `global::{}`",
        name.to_uppercase(),
        name.to_uppercase()
    )
}

/// A suggestion for a word that is long enough for its neighbours to mean something.
pub(crate) fn did_you_mean(word: &str, known: &[String]) -> Option<String> {
    if word.len() < 3 {
        return None;
    }
    spelling::nearest(word, known.iter().map(String::as_str))
        .map(|best| format!("did you mean `{best}`?"))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
