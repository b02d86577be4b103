//! The tables of one run, for every format that has tables.

use super::grid::{Column, Grid};
use super::show::{self, NOT_AVAILABLE};
use super::view::{MetricView, PhaseView, RequestsView, RunView, StepView, TimesView};
use crate::metric::MetricKind;
use crate::units::show_count;

/// Requests by step, with a sum when there are several: response time, and service time beside it.
pub(super) fn steps(view: &RunView) -> Grid {
    let mut grid = step_grid(&view.steps);
    if view.steps.len() > 1 {
        grid.push(step_row("all steps", &view.totals.all_requests()));
    }
    grid
}

/// Requests by step in one phase, with its sum.
pub(super) fn phase_steps(phase: &PhaseView) -> Grid {
    let mut grid = step_grid(&phase.steps);
    if phase.steps.len() > 1 {
        grid.push(step_row("all steps", &phase.requests));
    }
    grid
}

fn step_grid(steps: &[StepView]) -> Grid {
    let mut columns = vec![Column::Words("step")];
    let figures = ["reqs", "fail %", "avg", "min", "p50", "p95", "p99", "p99.9", "max"];
    columns.extend(figures.map(Column::Figures));
    columns.extend(["svc p50", "svc p95", "svc p99", "rate"].map(Column::Figures));
    let mut grid = Grid::new(columns);
    for step in steps {
        grid.push(step_row(&step.name, &step.requests));
    }
    grid
}

fn step_row(name: &str, requests: &RequestsView) -> Vec<String> {
    let (response, service) =
        (&requests.times.http_req_response_time, &requests.times.http_req_duration);
    let mut cells =
        vec![name.to_owned(), show_count(requests.count), show::percent(requests.error_ratio)];
    cells.extend(
        ["avg", "min", "p50", "p95", "p99", "p99_9", "max"].map(|f| show::figure(response, f)),
    );
    cells.extend(["p50", "p95", "p99"].map(|field| show::figure(service, field)));
    cells.push(show::rate(requests.rate_per_s));
    cells
}

/// Requests and iterations by phase; empty when there is only one.
pub(super) fn phases(view: &RunView) -> Grid {
    let mut columns = vec![Column::Words("phase")];
    let figures = [
        "from",
        "to",
        "reqs",
        "fail %",
        "p50",
        "p95",
        "p99",
        "svc p99",
        "rate",
        "iterations",
        "dropped",
        "thresholds",
    ];
    columns.extend(figures.map(Column::Figures));
    let mut grid = Grid::new(columns);
    for phase in view.phases.iter().filter(|_| view.phases.len() > 1) {
        let (response, service) =
            (&phase.requests.times.http_req_response_time, &phase.requests.times.http_req_duration);
        grid.push(vec![
            phase.name.clone(),
            show::span(phase.start_s),
            show::span(phase.end_s),
            show_count(phase.requests.count),
            show::percent(phase.requests.error_ratio),
            show::figure(response, "p50"),
            show::figure(response, "p95"),
            show::figure(response, "p99"),
            show::figure(service, "p99"),
            show::rate(phase.requests.rate_per_s),
            show_count(phase.iterations.started),
            show_count(phase.iterations.dropped),
            match phase.thresholds {
                (_, 0) => "-".to_owned(),
                (held, all) => format!("{held} of {all}"),
            },
        ]);
    }
    grid
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

/// What was done to the run while it was under way.
pub(super) fn events(view: &RunView) -> Grid {
    let columns = vec![Column::Figures("at"), Column::Words("event"), Column::Words("what")];
    let mut grid = Grid::new(columns);
    for event in &view.events {
        let kind = event.kind.as_str().to_owned();
        grid.push(vec![show::span(event.at_s), kind, event.text.clone()]);
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
    let fields = ["min", "p50", "p95", "p99", "max"];
    fields.map(|field| format!("{field} {}", show::figure(times, field))).join("  ")
}

/// How much of each resource was in use.
pub(super) fn levels(view: &RunView) -> Grid {
    let mut columns = vec![Column::Words("resource")];
    columns.extend(["mean", "max", "capacity", "used at most", "saturation"].map(Column::Figures));
    let mut grid = Grid::new(columns);
    for level in &view.resources.levels {
        let amount = |value| show::amount(value, level.unit);
        let unknown = || "-".to_owned();
        grid.push(vec![
            level.resource.clone(),
            amount(level.used.mean),
            amount(level.used.max),
            level.capacity.map_or_else(unknown, amount),
            level.used_ratio_max.map_or_else(unknown, |ratio| format!("{:.0} %", ratio * 100.0)),
            level.saturation.map_or_else(unknown, |wanted| show::number(Some(wanted.max))),
        ]);
    }
    grid
}
