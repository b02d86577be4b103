//! A comparison in each format.

use super::{Comparison, Figure, Side, StepComparison, Word};
use crate::report::clean::markdown_text;
use crate::report::grid::{Column, Grid};
use crate::report::{Format, TextOptions, csv, json, show};
use crate::units::show_count;

/// What every comparison of two single runs says at its end.
const PROVISIONAL: &str = "provisional: single runs differ among themselves; repeat both before you act on a small change";

impl Comparison {
    /// The comparison in a format, with a final line break.
    #[must_use]
    pub fn render(&self, format: Format, options: &TextOptions) -> String {
        match format {
            Format::Table | Format::Html => self.text(options),
            Format::Json => json::pretty(self),
            Format::Markdown => self.markdown(),
            Format::Csv => self.csv(),
        }
    }

    fn text(&self, options: &TextOptions) -> String {
        let mut out = format!("A  {}\nB  {}\n", side(&self.a), side(&self.b));
        for (kind, texts) in [("unlike", &self.differences), ("note", &self.notes)] {
            texts.iter().for_each(|text| out += &format!("{kind}: {text}\n"));
        }
        out += &format!("\n{}: {}\n\n", self.measure, self.in_short());
        out += &self.grid().to_text(options.width, options.ascii);
        out += &format!("\n{PROVISIONAL}\n");
        if options.ascii { out.replace('µ', "u") } else { out }
    }

    fn markdown(&self) -> String {
        let line = |name: &str, run: &Side| format!("- {name}: {}\n", markdown_text(&side(run)));
        let mut out = format!("# Comparison\n\n{}{}", line("A", &self.a), line("B", &self.b));
        for text in self.differences.iter().chain(&self.notes) {
            out += &format!("- {}\n", markdown_text(text));
        }
        out += &format!("\n{}: **{}**\n\n", markdown_text(self.measure), self.in_short());
        out + &self.grid().to_markdown() + &format!("\n_{PROVISIONAL}_\n")
    }

    fn csv(&self) -> String {
        let columns = ["step", "verdict", "reason", "figure", "unit", "a", "b", "change_percent"];
        let mut out = csv::line(columns.map(str::to_owned));
        for step in self.rows() {
            for (figure, unit, found) in figures(step) {
                out += &csv::line([
                    step.name.clone(),
                    step.judgement.verdict.as_str().to_owned(),
                    step.judgement.reason.clone(),
                    figure.to_owned(),
                    unit.to_owned(),
                    csv::cell(found.a),
                    csv::cell(found.b),
                    csv::cell(found.change_percent),
                ]);
            }
        }
        out
    }

    /// Each step, then all of them.
    fn rows(&self) -> impl Iterator<Item = &StepComparison> {
        self.steps.iter().chain(std::iter::once(&self.totals))
    }

    /// How many steps got which word: `1 faster, 2 same`.
    fn in_short(&self) -> String {
        let words = [
            Word::Slower,
            Word::Faster,
            Word::Same,
            Word::CannotBeTold,
            Word::OnlyInA,
            Word::OnlyInB,
        ];
        let counts = words.iter().filter_map(|word| {
            let count = self.steps.iter().filter(|s| s.judgement.verdict == *word).count();
            (count > 0).then(|| format!("{count} {}", word.as_str()))
        });
        counts.collect::<Vec<_>>().join(", ")
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::new(vec![
            Column::Words("step"),
            Column::Words("verdict"),
            Column::Words("figure"),
            Column::Figures("A"),
            Column::Figures("B"),
            Column::Figures("change"),
        ]);
        for step in self.rows() {
            let judgement = &step.judgement;
            // The word stands beside the first figure, and below it why nothing can be told.
            let beside = [judgement.verdict.as_str(), judgement.reason.as_str()];
            for (index, (figure, unit, found)) in figures(step).into_iter().enumerate() {
                let name = if index == 0 { step.name.as_str() } else { "" };
                grid.push(vec![
                    name.to_owned(),
                    (*beside.get(index).unwrap_or(&"")).to_owned(),
                    figure.to_owned(),
                    cell(unit, found.a),
                    cell(unit, found.b),
                    show::change(found.change_percent),
                ]);
            }
        }
        grid
    }
}

fn figures(step: &StepComparison) -> [(&'static str, &'static str, Figure); 7] {
    [
        ("p50", "ms", step.p50),
        ("p95", "ms", step.p95),
        ("p99", "ms", step.p99),
        ("avg", "ms", step.avg),
        ("rate", "per_s", step.rate_per_s),
        ("fail", "ratio", step.error_ratio),
        ("reqs", "count", step.count),
    ]
}

fn cell(unit: &str, value: Option<f64>) -> String {
    match (unit, value) {
        (_, None) => show::NOT_AVAILABLE.to_owned(),
        ("ms", ms) => show::time(ms),
        ("per_s", per_s) => show::rate(per_s),
        ("ratio", Some(ratio)) => format!("{} %", show::percent(ratio)),
        (_, Some(count)) => show_count(count as u64),
    }
}

fn side(side: &Side) -> String {
    let id = side.id.map_or_else(|| side.run_id.clone(), |id| format!("run {id}"));
    format!("{id}, {}, {}, {}", side.name, side.started_at, side.status.as_str())
}
