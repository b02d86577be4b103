//! CSV: a row for each step, each phase and the whole run. Numbers are plain; their unit is in the column's name.

use super::clean::csv_cell;
use super::view::{RequestsView, RunView, TimesView};
use crate::record::RunRecord;

const COLUMNS: [&str; 27] = [
    "run_id",
    "run_name",
    "started_at",
    "scope",
    "name",
    "count",
    "failed",
    "error_ratio",
    "rate_per_s",
    "throughput_per_s",
    "elapsed_s",
    "http_req_duration_min_ms",
    "http_req_duration_avg_ms",
    "http_req_duration_p50_ms",
    "http_req_duration_p90_ms",
    "http_req_duration_p95_ms",
    "http_req_duration_p99_ms",
    "http_req_duration_p99_9_ms",
    "http_req_duration_max_ms",
    "http_req_response_time_min_ms",
    "http_req_response_time_avg_ms",
    "http_req_response_time_p50_ms",
    "http_req_response_time_p90_ms",
    "http_req_response_time_p95_ms",
    "http_req_response_time_p99_ms",
    "http_req_response_time_p99_9_ms",
    "http_req_response_time_max_ms",
];

/// A run as CSV with a header line (RFC 4180, but with line feeds).
#[must_use]
pub fn csv(record: &RunRecord) -> String {
    let view = RunView::of(record);
    let mut out = line(COLUMNS.map(str::to_owned));
    for step in &view.steps {
        out += &row(&view, ("step", &step.name), view.elapsed_s, &step.requests);
    }
    for phase in &view.phases {
        out += &row(&view, ("phase", &phase.name), phase.length_s, &phase.requests);
    }
    out + &row(&view, ("total", "all steps"), view.elapsed_s, &view.totals.all_requests())
}

/// A line of cells.
pub(super) fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| csv_cell(&cell)).collect();
    cells.join(",") + "\n"
}

/// A number, or an empty cell.
pub(super) fn cell(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn row(view: &RunView, scope: (&str, &str), length_s: f64, requests: &RequestsView) -> String {
    let mut cells = vec![
        view.run_id.clone(),
        view.name.clone(),
        view.started_at.clone(),
        scope.0.to_owned(),
        scope.1.to_owned(),
        requests.count.to_string(),
        requests.failed.to_string(),
        requests.error_ratio.to_string(),
        cell(requests.rate_per_s),
        cell(requests.throughput),
        length_s.to_string(),
    ];
    cells.extend(figures(&requests.times.http_req_duration));
    cells.extend(figures(&requests.times.http_req_response_time));
    line(cells)
}

fn figures(times: &TimesView) -> [String; 8] {
    [times.min, times.avg, times.p50, times.p90, times.p95, times.p99, times.p99_9, times.max]
        .map(cell)
}
