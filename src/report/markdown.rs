//! Markdown: for pull requests and wikis.

use super::clean::markdown_text;
use super::grid::{Column, Grid};
use super::view::RunView;
use super::{bench, sections, show, stress};
use crate::record::RunRecord;
use crate::units::show_count;

/// A run as Markdown.
#[must_use]
pub fn markdown(record: &RunRecord) -> String {
    let view = RunView::of(record);
    let mut out = format!("# {}\n\n", markdown_text(&view.name));
    out += &facts(&view).to_markdown();
    if view.is_insecure {
        out += "\n> **Insecure:** certificates were not verified; anyone could have answered.\n";
    }
    if let Some(departure) = &view.departure {
        out += &format!("\n> **Note:** {}.\n", markdown_text(departure));
    }
    if let Some(found) = view.stress.as_ref().map(|view| &view.finding) {
        out += &format!("\n**{}**\n\n", markdown_text(&stress::stress_answer(found)));
        for remark in stress::remarks(found) {
            out += &format!("- {}\n", markdown_text(&remark));
        }
        if let Some(bottleneck) = &found.bottleneck {
            out += &format!("- what saturates first: {}\n", markdown_text(&bottleneck.words));
        }
    }
    let none = || Grid::new(Vec::new());
    let parts = [
        ("Probes", view.stress.as_ref().map_or_else(none, |view| stress::probes(&view.finding))),
        ("Thresholds", thresholds(&view)),
        ("Endpoints", bench::endpoints(&view.endpoints)),
        ("Steps", sections::steps(&view)),
        ("Phases", sections::phases(&view)),
        ("Events", sections::events(&view)),
        ("Checks", checks(&view)),
        ("Errors", sections::errors(&view)),
        ("Metrics", sections::metrics(&view)),
    ];
    for (title, grid) in parts {
        if !grid.is_empty() {
            out += &format!("\n## {title}\n\n{}", grid.to_markdown());
        }
    }
    for found in &view.recoveries {
        let message = markdown_text(&found.recovery.message);
        out += &format!("\nAfter {}: {message}\n", markdown_text(&found.disturbance));
    }
    out += "\n`docs/measurement.md` says what each number means and how far it may be off.\n";
    out
}

fn facts(view: &RunView) -> Grid {
    let mut grid = Grid::new(vec![Column::Words("run"), Column::Words("")]);
    let mut fact = |name: &str, value: String| grid.push(vec![name.to_owned(), value]);
    fact("id", view.id.map_or_else(|| view.run_id.clone(), |id| format!("{id} ({})", view.run_id)));
    fact("started", view.started_at.clone());
    fact("status", format!("{} after {}", view.status.as_str(), show::span(view.elapsed_s)));
    fact("load", format!("{}, {}", view.test_type, view.load));
    if let Some(target) = &view.target {
        fact("target", target.clone());
    }
    if let Some(transport) = &view.generator.transport {
        fact("transport", transport.clone());
    }
    if let Some(validity) = &view.validity {
        let reasons = validity.reasons.join("; ");
        let dash = if reasons.is_empty() { "" } else { ": " };
        fact("numbers", format!("{}{dash}{reasons}", validity.verdict));
    }
    let totals = &view.totals;
    fact(
        "iterations",
        format!(
            "{} planned = {} started + {} dropped",
            show_count(totals.planned),
            show_count(totals.started),
            show_count(totals.dropped)
        ),
    );
    fact(
        "requests",
        format!(
            "{}, {} failed ({} %), {} successful",
            show_count(totals.requests),
            show_count(totals.failed),
            show::percent(totals.error_ratio),
            show::rate(Some(totals.throughput))
        ),
    );
    grid
}

fn thresholds(view: &RunView) -> Grid {
    let columns = ["", "threshold", "actual"].map(Column::Words).to_vec();
    let mut grid = Grid::new(columns);
    for threshold in &view.thresholds {
        let mark = if threshold.passed { "✓" } else { "✗" };
        grid.push(vec![mark.to_owned(), threshold.expression.clone(), show::actual(threshold)]);
    }
    grid
}

fn checks(view: &RunView) -> Grid {
    let mut grid = Grid::new(vec![
        Column::Words(""),
        Column::Words("check"),
        Column::Words("task"),
        Column::Figures("passed"),
        Column::Figures("failed"),
    ]);
    for check in &view.checks {
        let mark = if check.fails == 0 { "✓" } else { "✗" };
        grid.push(vec![
            mark.to_owned(),
            check.name.clone(),
            check.task.clone(),
            show_count(check.passes),
            show_count(check.fails),
        ]);
    }
    grid
}
