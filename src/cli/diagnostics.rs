//! Script errors with their line and a mark under the place. `miette` draws them; it is named only here.

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use super::CliError;
use super::exit::ExitCode;
use super::printer::{Printer, harmless};
use crate::script::{Finding, ScriptError};

/// A finding as miette sees it.
#[derive(Debug)]
struct Shown {
    message: String,
    hint: Option<String>,
    line: Option<Line>,
}

/// The one line of a file that is shown.
#[derive(Debug)]
struct Line {
    file: String,
    text: String,
    /// 0-based.
    number: usize,
    /// Byte offset of the place within `text`, and the length of the word there.
    offset: usize,
    length: usize,
}

impl SourceCode for Line {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = SourceSpan::from((0, self.text.len()));
        // The heading asks without lines around the place and wants its column; the frame begins with the line.
        let before = self.text.get(..span.offset()).filter(|_| lines_before == 0);
        let contents = MietteSpanContents::new_named(
            self.file.clone(),
            self.text.as_bytes(),
            whole,
            self.number,
            before.map_or(0, |before| before.chars().count()),
            1,
        );
        Ok(Box::new(contents))
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.line.as_ref().map(|line| line as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let line = self.line.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline((line.offset, line.length)))))
    }
}

impl Shown {
    fn of(finding: &Finding) -> Self {
        let text = harmless(&finding.source_line);
        let column = finding.column.saturating_sub(1);
        // A place beyond the end is shown at the last character.
        let places = text.char_indices().map(|(at, _)| at);
        let offset = places.take(column.saturating_add(1)).last().unwrap_or(0);
        let line = (finding.line > 0 && !text.is_empty()).then(|| Line {
            file: harmless(&finding.file),
            number: finding.line - 1,
            length: word_length(&text[offset..]),
            offset,
            text,
        });
        // What a script throws may be what a target answered.
        let message = harmless(&finding.to_string());
        Self { message, hint: finding.hint.as_deref().map(harmless), line }
    }
}

/// Bytes of the word that a text begins with; at least its first character.
fn word_length(text: &str) -> usize {
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    word.max(text.chars().next().map_or(1, char::len_utf8))
}

/// All findings, one below the other.
pub(super) fn render(findings: &[Finding], printer: &Printer) -> String {
    let theme = if printer.talk_has_color() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1).with_links(false);
    let mut text = String::new();
    for finding in findings {
        let shown = Shown::of(finding);
        let mut one = String::new();
        match handler.render_report(&mut one, &shown) {
            Ok(()) => text.push_str(&one),
            Err(_) => text.push_str(&format!("error: {finding}\n")),
        }
    }
    text
}

/// The error of a script that cannot be run.
pub(super) fn script_error(error: &ScriptError, code: ExitCode, printer: &Printer) -> CliError {
    CliError {
        code,
        message: error.to_string(),
        hint: None,
        rendered: Some(render(&error.findings, printer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::GlobalArgs;
    use crate::cli::printer::Surroundings;

    fn rendered(line: usize, column: usize, source_line: &str) -> String {
        let (out, talk) = (Box::new(std::io::sink()), Box::new(std::io::sink()));
        let printer =
            Printer::with_streams(&GlobalArgs::default(), Surroundings::default(), out, talk);
        let finding = Finding {
            file: "a.rhai".to_owned(),
            line,
            column,
            source_line: source_line.to_owned(),
            message: "there is no function `gett`".to_owned(),
            hint: Some("did you mean `get`?".to_owned()),
        };
        render(&[finding], &printer)
    }

    #[test]
    fn the_whole_line_is_shown_with_a_mark_under_the_word() {
        let text = rendered(12, 6, "user.gett(\"/ä\");");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("a.rhai:12:6: there is no function `gett`"), "{text}");
        assert!(lines[1].ends_with("[a.rhai:12:6]"), "{text}");
        assert_eq!(lines[2], " 12 │ user.gett(\"/ä\");", "{text}");
        assert_eq!(lines[3], "    ·      ────", "{text}");
        assert!(text.contains("help: did you mean `get`?"), "{text}");
    }

    #[test]
    fn a_place_that_is_not_in_its_line_is_shown_all_the_same() {
        assert!(rendered(1, 99, "let straße = \"ä").contains("1 │ let straße = \"ä"));
        for (line, source_line) in [(1, ""), (0, "")] {
            let text = rendered(line, 1, source_line);
            assert!(text.contains("there is no function"), "{text}");
        }
    }
}
