//! The scaling experiment: what runs with more and more replicas carried, and what the next one would bring.
//!
//! A [`ScalingRun`] is the one figure that a run contributes; [`ScalingReport`] holds them all with what
//! [`analysis::scaling`](crate::analysis::scaling) makes of them. Each format lays the same report out.

mod figure;
mod layout;
#[cfg(test)]
mod tests;
mod words;

use serde::Serialize;

use super::clean::clean;
use super::{Format, TextOptions, json, show, view};
use crate::analysis::scaling::{Scaling, ScalingPoint, scaling};
use crate::record::{RunRecord, Verdict};
pub use figure::FigureKind;
use figure::{Asked, Figure};

/// Version of the report's JSON.
const SCALING_VERSION: u32 = 1;

/// One run and the figure that counts of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScalingRun {
    /// Row in the store.
    pub id: i64,
    /// Unique for ever.
    pub run_id: String,
    /// Name.
    pub name: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Whether its numbers can be trusted; `None` when that was not judged.
    pub validity: Option<Verdict>,
    /// The value of the tag: how many replicas there were; above zero.
    pub value: f64,
    /// Which figure it is, and how large.
    #[serde(flatten)]
    figure: Figure,
    #[serde(skip)]
    asked: Asked,
}

impl ScalingRun {
    /// What a run that was tagged with `value` contributes.
    ///
    /// # Errors
    /// Why it has no throughput that counts, in words.
    pub fn of(record: &RunRecord, value: f64) -> Result<Self, String> {
        Ok(Self {
            id: record.id,
            run_id: clean(&record.run_id),
            name: clean(&record.name),
            started_at: view::rfc3339(record.started_at_ms),
            validity: record.findings.validity.as_ref().map(|found| found.verdict),
            value,
            figure: Figure::of(record)?,
            asked: Asked::of(record),
        })
    }

    fn point(&self) -> ScalingPoint {
        ScalingPoint {
            n: self.value,
            throughput_per_s: self.figure.throughput_per_s,
            is_at_least: self.figure.is_at_least,
        }
    }
}

/// A run that has the tag and does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Row in the store.
    pub id: i64,
    /// The value of its tag, as it was written.
    pub value: String,
    /// Why, in words.
    pub reason: String,
}

impl LeftOut {
    /// A run that does not count.
    #[must_use]
    pub fn new(id: i64, value: &str, reason: &str) -> Self {
        Self { id, value: clean(value), reason: clean(reason) }
    }

    /// `run 7 (replicas=4): its numbers are INVALID`.
    #[must_use]
    pub fn in_words(&self, tag: &str) -> String {
        format!("run {} ({}={}): {}", self.id, clean(tag), self.value, self.reason)
    }
}

/// Runs over the values of a tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScalingReport {
    /// Version of this document.
    pub version: u32,
    /// The tag.
    pub tag: String,
    /// Runs that count, by value.
    pub runs: Vec<ScalingRun>,
    /// What they come to.
    #[serde(flatten)]
    pub scaling: Scaling,
    /// The law, the next one, the peak and the asymptote, a sentence each.
    pub words: Vec<String>,
    /// What a reader should know of the runs, a sentence each.
    pub notes: Vec<String>,
    /// Runs with the tag that do not count.
    pub left_out: Vec<LeftOut>,
}

impl ScalingReport {
    /// The report of some runs.
    #[must_use]
    pub fn new(tag: &str, mut runs: Vec<ScalingRun>, left_out: Vec<LeftOut>) -> Self {
        runs.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.id.cmp(&b.id)));
        let points: Vec<ScalingPoint> = runs.iter().map(ScalingRun::point).collect();
        let tag = clean(tag);
        let scaling = scaling(&points);
        Self {
            version: SCALING_VERSION,
            words: words::of_law(&tag, &scaling),
            notes: words::notes(&tag, &runs, &scaling),
            tag,
            runs,
            scaling,
            left_out,
        }
    }

    /// The report in a format, with a final line break.
    #[must_use]
    pub fn render(&self, format: Format, options: &TextOptions) -> String {
        match format {
            Format::Json => json::pretty(self),
            Format::Csv => layout::csv(self),
            Format::Markdown => layout::markdown(self),
            Format::Table | Format::Html => layout::text(self, options),
        }
    }
}

/// A value of the tag for people: `4`, `0.5`.
fn number(value: f64) -> String {
    show::number(Some(value))
}
