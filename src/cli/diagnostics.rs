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
    source: Option<Line>,
    offset: usize,
}

/// The one line of a file that is shown, whole, whatever part of it is asked for.
#[derive(Debug)]
struct Line {
    file: String,
    /// From 0.
    number: usize,
    text: String,
}

impl SourceCode for Line {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Without lines around it, it is the place for the heading that is asked for.
        let before = self.text.get(..span.offset()).filter(|_| lines_before == 0);
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            self.text.as_bytes(),
            (0, self.text.len()).into(),
            self.number,
            before.map_or(0, |before| before.chars().count()),
            1,
        )))
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
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline((self.offset, 1)))))
    }
}

impl Shown {
    fn of(finding: &Finding) -> Self {
        let placed = finding.line > 0;
        let line = harmless(&finding.source_line);
        let column = line
            .char_indices()
            .nth(finding.column.saturating_sub(1))
            .map_or(line.len(), |(at, _)| at);
        Self {
            // What a script throws may be what a target answered.
            message: harmless(&finding.to_string()),
            hint: finding.hint.as_deref().map(harmless),
            offset: column.min(line.len().saturating_sub(1)),
            source: placed.then(|| Line {
                file: harmless(&finding.file),
                number: finding.line.saturating_sub(1),
                text: line,
            }),
        }
    }
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
