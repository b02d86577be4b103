//! Records to bytes: what a run looks like at its end, in the history and beside another one.
//!
//! Every function here is pure. A [`view::RunView`] holds every figure that any format shows, computed once from a
//! [`RunRecord`]; text, JSON, CSV, Markdown and HTML only lay it out, so that no two of them can
//! disagree. Text of scripts and targets loses its control characters on the way in. This room knows no terminal, no file
//! and no database; `tabled` is named only here.

mod bench;
pub mod chart;
mod clean;
pub mod compare;
mod csv;
mod format;
mod grid;
mod history;
pub mod html;
mod json;
mod markdown;
mod scaling;
mod sections;
mod show;
mod stress;
mod summary;
#[cfg(test)]
mod tests;
pub mod view;

pub use bench::{endpoint_history, endpoint_line, nearest_endpoints};
pub use compare::{CompareOptions, Comparison, Unlike, compare};
pub use csv::csv;
pub use format::{Format, UnknownFormat};
pub use history::history;
pub use html::html;
pub use json::{json, json_list};
pub use markdown::markdown;
pub use scaling::{FigureKind, LeftOut, ScalingReport, ScalingRun};
pub use stress::{probe_line, rate_in_words, stress_answer};
pub use summary::summary;

use crate::record::RunRecord;

/// How text is laid out, and what of its surroundings the end of a summary names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns of the terminal; names that do not fit lose their middle.
    pub width: usize,
    /// ANSI colours.
    pub colour: bool,
    /// Nothing of our own outside ASCII.
    pub ascii: bool,
    /// The database, when the run is in one.
    pub stored_in: Option<String>,
    /// An earlier run to offer for a comparison.
    pub previous: Option<i64>,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { width: 100, colour: false, ascii: false, stored_in: None, previous: None }
    }
}

/// A run in a format.
#[must_use]
pub fn render(record: &RunRecord, format: Format, options: &TextOptions) -> String {
    match format {
        Format::Table => summary(record, options),
        Format::Json => json(record),
        Format::Markdown => markdown(record),
        Format::Csv => csv(record),
        Format::Html => html(record, &html::course(&record.slices)),
    }
}
