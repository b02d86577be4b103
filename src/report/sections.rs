//! The tables of one run, for every format that has tables.

use super::grid::{Column, Grid};
use super::show::{self, NOT_AVAILABLE};
use super::view::{MetricView, RequestsView, RunView, TimesView};
use crate::metric::MetricKind;
use crate::units::show_count;

/// Requests by step, with a sum when there are several.
pub(super) fn steps(view: &RunView) -> Grid {
    let mut columns = vec![Column::Words("step")];
    let figures = ["reqs", "fail %", "avg", "min", "p50", "p95", "p99", "max"];
    columns.extend(figures.map(Column::Figures));
    if view.is_open_model {
        columns.extend(["resp p95", "resp p99"].map(Column::Figures));
    }
    columns.push(Column::Figures("rate"));
    let mut grid = Grid::new(columns);
    for step in &view.steps {
        grid.push(step_row(&step.name, &step.requests, view.is_open_model));
    }
    if view.steps.len() > 1 {
        grid.push(step_row("all steps", &view.totals.all_requests(), view.is_open_model));
    }
    grid
}

fn step_row(name: &str, requests: &RequestsView, is_open_model: bool) -> Vec<String> {
    let times = &requests.http_req_duration;
    let mut cells =
        vec![name.to_owned(), show_count(requests.count), show::percent(requests.error_ratio)];
    let shown = [times.avg, times.min, times.p50, times.p95, times.p99, times.max];
    cells.extend(shown.map(show::time));
    if is_open_model {
        let response = &requests.http_req_response_time;
        cells.extend([response.p95, response.p99].map(show::time));
    }
    cells.push(show::rate(requests.rate_per_s));
    cells
}

/// Requests and iterations by phase; empty when there is only one.
pub(super) fn phases(view: &RunView) -> Grid {
    let mut columns = vec![Column::Words("phase")];
    let figures =
        ["from", "to", "reqs", "fail %", "p50", "p95", "p99", "rate", "iterations", "dropped"];
    columns.extend(figures.map(Column::Figures));
    let mut grid = Grid::new(columns);
    for phase in view.phases.iter().filter(|_| view.phases.len() > 1) {
        let times = headline(view, &phase.requests);
        grid.push(vec![
            phase.name.clone(),
            show::span(phase.start_s),
            show::span(phase.end_s),
            show_count(phase.requests.count),
            show::percent(phase.requests.error_ratio),
            show::time(times.p50),
            show::time(times.p95),
            show::time(times.p99),
            show::rate(phase.requests.rate_per_s),
            show_count(phase.iterations.started),
            show_count(phase.iterations.dropped),
        ]);
    }
    grid
}

/// The times that speak for a run: response times where arrivals do not wait, else service times.
pub(super) fn headline<'v>(view: &RunView, requests: &'v RequestsView) -> &'v TimesView {
    if view.is_open_model { &requests.http_req_response_time } else { &requests.http_req_duration }
}

/// Errors, grouped.
pub(super) fn errors(view: &RunView) -> Grid {
    let mut grid = Grid::new(vec![
        Column::Figures("count"),
        Column::Words("kind"),
        Column::Words("where"),
        Column::Words("message"),
        Column::Figures("first"),
        Column::Figures("last"),
    ]);
    for error in &view.errors {
        grid.push(vec![
            show_count(error.count),
            error.group.kind.clone(),
            error.group.name.clone(),
            error.group.message.clone(),
            show::span(error.first_s),
            show::span(error.last_s),
        ]);
    }
    grid
}

/// Counters of the totals, and times that are those of the steps.
const TOLD_ELSEWHERE: [&str; 7] = [
    "http_reqs",
    "iterations",
    "dropped_iterations",
    "data_sent",
    "data_received",
    "http_req_duration",
    "http_req_response_time",
];

/// Whether another section shows a metric, or it is a part of a request that never took any time.
fn is_told_elsewhere(metric: &MetricView) -> bool {
    let never_happened = metric.name.starts_with("http_req_")
        && metric.distribution.is_some_and(|times| times.max.unwrap_or(0.0) <= 0.0);
    TOLD_ELSEWHERE.contains(&metric.name.as_str()) || never_happened
}

/// Custom and built-in metrics that no other section tells.
pub(super) fn metrics(view: &RunView) -> Grid {
    let mut grid = Grid::new(vec![
        Column::Words("metric"),
        Column::Words("kind"),
        Column::Figures("value"),
        Column::Words("detail"),
    ]);
    for metric in view.metrics.iter().filter(|metric| !is_told_elsewhere(metric)) {
        let (value, detail) = match (metric.kind, metric.distribution) {
            (MetricKind::Rate, _) => (
                metric.value.map_or(NOT_AVAILABLE.to_owned(), |v| show::percent(v) + " %"),
                format!("{} of {}", count(metric.hits), count(metric.count)),
            ),
            (MetricKind::Gauge, _) => (
                show::number(metric.value),
                format!("min {}  max {}", show::number(metric.min), show::number(metric.max)),
            ),
            (MetricKind::Trend, Some(times)) => (show::time(metric.value), trend_detail(&times)),
            (MetricKind::Counter | MetricKind::Trend, _) => {
                (show::number(metric.value), String::new())
            }
        };
        grid.push(vec![metric.name.clone(), super::view::word(&metric.kind), value, detail]);
    }
    grid
}

fn count(count: Option<u64>) -> String {
    count.map_or_else(|| NOT_AVAILABLE.to_owned(), show_count)
}

fn trend_detail(times: &TimesView) -> String {
    format!(
        "min {}  p50 {}  p95 {}  p99 {}  max {}",
        show::time(times.min),
        show::time(times.p50),
        show::time(times.p95),
        show::time(times.p99),
        show::time(times.max)
    )
}
