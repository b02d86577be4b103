//! All runs: a line each.

use super::grid::{Column, Grid};
use super::view::times::{to_ms, to_s};
use super::{Format, TextOptions, clean, csv, json, show, view};
use crate::clock;
use crate::record::RunRow;
use crate::units::show_count;

/// Columns that a narrow terminal goes without, the first one first.
const EXPENDABLE: [&str; 5] = ["type", "length", "tags", "p50", "load"];

/// Runs as a table, in the order given. Times are response times.
#[must_use]
pub fn history(rows: &[RunRow], format: Format, options: &TextOptions) -> String {
    match format {
        Format::Json => json::json_list(rows),
        Format::Csv => history_csv(rows),
        Format::Markdown => grid(rows).to_markdown(),
        // The page has the history; a file of it would be a page without one.
        Format::Table | Format::Html if rows.is_empty() => {
            "no runs yet; `rhaid run` makes one\n".to_owned()
        }
        Format::Table | Format::Html => {
            let grid = grid(rows).fitted(options.width, &EXPENDABLE);
            let text = grid.to_text(options.width, options.ascii);
            if options.ascii { text.replace('µ', "u") } else { text }
        }
    }
}

fn grid(rows: &[RunRow]) -> Grid {
    let mut grid = Grid::new(vec![
        Column::Figures("id"),
        Column::Figures("started (UTC)"),
        Column::Words("name"),
        Column::Labels("type"),
        Column::Labels("status"),
        Column::Labels("numbers"),
        Column::Figures("load"),
        Column::Figures("reqs"),
        Column::Figures("fail %"),
        Column::Figures("p50"),
        Column::Figures("p95"),
        Column::Figures("p99"),
        Column::Figures("rate"),
        Column::Figures("length"),
        Column::Words("tags"),
    ]);
    for row in rows {
        let tags: Vec<String> = row.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        grid.push(vec![
            row.id.to_string(),
            clock::show_wall_ms(row.started_at_ms),
            clean::clean(&row.name),
            view::word(&row.test_type),
            row.status.as_str().to_owned(),
            row.validity.as_deref().map_or_else(|| "-".to_owned(), clean::clean),
            clean::clean(&row.load),
            show_count(row.requests),
            show::percent(row.error_ratio()),
            show::time(row.p50.map(to_ms)),
            show::time(row.p95.map(to_ms)),
            show::time(row.p99.map(to_ms)),
            show::rate(Some(row.throughput)),
            show::span(to_s(row.elapsed)),
            clean::clean(&tags.join(" ")),
        ]);
    }
    grid
}

fn history_csv(rows: &[RunRow]) -> String {
    let columns = [
        "id",
        "run_id",
        "started_at",
        "name",
        "test_type",
        "status",
        "exit_code",
        "load",
        "validity",
        "requests",
        "failed",
        "error_ratio",
        "throughput_per_s",
        "response_time_p50_ms",
        "response_time_p95_ms",
        "response_time_p99_ms",
        "elapsed_s",
        "tags",
    ];
    let mut out = csv::line(columns.map(str::to_owned));
    for row in rows {
        let tags: Vec<String> = row.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        out += &csv::line([
            row.id.to_string(),
            clean::clean(&row.run_id),
            view::rfc3339(row.started_at_ms),
            clean::clean(&row.name),
            view::word(&row.test_type),
            row.status.as_str().to_owned(),
            row.exit_code.map_or_else(String::new, |code| code.to_string()),
            clean::clean(&row.load),
            row.validity.as_deref().map(clean::clean).unwrap_or_default(),
            row.requests.to_string(),
            row.failed.to_string(),
            row.error_ratio().to_string(),
            row.throughput.to_string(),
            csv::cell(row.p50.map(to_ms)),
            csv::cell(row.p95.map(to_ms)),
            csv::cell(row.p99.map(to_ms)),
            to_s(row.elapsed).to_string(),
            clean::clean(&tags.join(" ")),
        ]);
    }
    out
}
