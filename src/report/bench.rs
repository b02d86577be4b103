//! Endpoints in words: their lines as they are measured, their table, and one endpoint over many runs.

use serde::Serialize;

use super::grid::{Column, Grid};
use super::{Format, TextOptions, clean, csv, json, show, view};
use crate::analysis::percentile::Interval;
use crate::clock;
use crate::metric::spelling::nearest;
use crate::record::{EndpointRecord, EndpointRow, Verdict};
use crate::units::show_count;

/// Columns of the names in the lines of endpoints; longer names move what follows.
const NAME_WIDTH: usize = 24;
/// Columns of a history that a narrow terminal goes without, the first one first.
const EXPENDABLE: [&str; 6] = ["VUs", "reqs", "p95", "fail %", "numbers", "tags"];
/// Smaller changes are none, in percent, as in comparisons of runs: an interval knows the noise within its run, and not what
/// differs from one run to the next.
const SMALLEST_CHANGE_PERCENT: f64 = 5.0;
/// The levels of a sparkline.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same for terminals without Unicode.
const ASCII_BARS: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
/// A sparkline spans at least this share of its largest value: changes of a few percent stay flat.
const LEAST_SPAN: f64 = 0.25;

/// One endpoint: `GET /api/health           p50=  5.20ms  p99=  18.4ms  rps=312.1`.
#[must_use]
pub fn endpoint_line(endpoint: &EndpointRecord) -> String {
    let time = |name, ms| bounded(endpoint, name, ms);
    let mut line = format!(
        "{:NAME_WIDTH$}  p50={:>8}  p99={:>8}  rps={:.1}",
        clean::clean(&endpoint.name),
        time("p50", endpoint.response_p50_ms),
        time("p99", endpoint.response_p99_ms),
        endpoint.throughput
    );
    if endpoint.failed > 0 {
        line += &format!("  errors={:.1}%", 100.0 * endpoint.error_ratio());
    }
    line
}

fn bounded(endpoint: &EndpointRecord, figure: &str, ms: Option<f64>) -> String {
    let bound = if endpoint.is_at_least(figure) { "≥ " } else { "" };
    format!("{bound}{}", show::time(ms))
}

/// `[17.9ms, 19.4ms]`; an end that was not seen is `?`.
fn interval(found: Option<&Interval>) -> String {
    let Some(found) = found else { return show::NOT_AVAILABLE.to_owned() };
    let ms = |s: f64| show::time(Some(s * 1e3));
    format!("[{}, {}]", ms(found.lower_s), found.upper_s.map_or_else(|| "?".to_owned(), ms))
}

/// Endpoints of one benchmark, in the order given.
pub(super) fn endpoints(endpoints: &[EndpointRecord]) -> Grid {
    let mut columns = vec![Column::Words("endpoint")];
    let figures = [
        "VUs",
        "for",
        "reqs",
        "fail %",
        "min",
        "p50",
        "p95",
        "p99",
        "p99 at 95 %",
        "p99.9",
        "max",
        "RPS",
    ];
    columns.extend(figures.map(Column::Figures));
    columns.push(Column::Labels("numbers"));
    let mut grid = Grid::new(columns);
    for endpoint in endpoints {
        grid.push(vec![
            endpoint.name.clone(),
            show_count(endpoint.vus),
            show::span(endpoint.measured_s.round()),
            show_count(endpoint.requests),
            show::percent(endpoint.error_ratio()),
            bounded(endpoint, "min", endpoint.response_min_ms),
            bounded(endpoint, "p50", endpoint.response_p50_ms),
            bounded(endpoint, "p95", endpoint.response_p95_ms),
            bounded(endpoint, "p99", endpoint.response_p99_ms),
            interval(endpoint.p99_interval.as_ref()),
            bounded(endpoint, "p99_9", endpoint.response_p99_9_ms),
            bounded(endpoint, "max", endpoint.response_max_ms),
            format!("{:.1}", endpoint.throughput),
            endpoint.validity.to_string(),
        ]);
    }
    grid
}

/// How a figure stands to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// Their intervals do not meet, and this one is lower by more than [`SMALLEST_CHANGE_PERCENT`].
    Faster,
    /// Their intervals do not meet, and this one is higher by more than that.
    Slower,
    /// Their intervals meet, or it is less: it may be chance.
    Within,
    /// There is nothing to compare with.
    Unknown,
}

/// A figure against the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Step {
    percent: Option<f64>,
    change: Change,
}

impl Step {
    const NONE: Self = Self { percent: None, change: Change::Unknown };

    fn between(
        before: (Option<f64>, Option<Interval>),
        now: (Option<f64>, Option<Interval>),
    ) -> Self {
        let (Some(old), Some(new)) = (before.0.filter(|ms| *ms > 0.0), now.0) else {
            return Self::NONE;
        };
        let percent = (new / old - 1.0) * 100.0;
        let is_below = |lower: &Interval, upper: &Interval| {
            lower.upper_s.is_some_and(|upper_s| upper_s < upper.lower_s)
        };
        let change = match (before.1, now.1) {
            (Some(_), Some(_)) if percent.abs() <= SMALLEST_CHANGE_PERCENT => Change::Within,
            (Some(old), Some(new)) if is_below(&old, &new) => Change::Slower,
            (Some(old), Some(new)) if is_below(&new, &old) => Change::Faster,
            (Some(_), Some(_)) => Change::Within,
            _ => Change::Unknown,
        };
        Self { percent: Some(percent), change }
    }

    fn in_words(self) -> String {
        let word = match self.change {
            Change::Faster => " faster",
            Change::Slower => " slower",
            Change::Within | Change::Unknown => "",
        };
        self.percent.map_or_else(|| "-".to_owned(), |_| show::change(self.percent) + word)
    }
}

/// A line of a history: the endpoint in one run, and how it changed.
#[derive(Debug, Clone, Serialize)]
struct Line {
    run_id: String,
    id: i64,
    name: String,
    started_at: String,
    tags: std::collections::BTreeMap<String, String>,
    endpoint: EndpointRecord,
    p50_change: Step,
    p99_change: Step,
    #[serde(skip)]
    started_at_ms: i64,
}

/// Each row beside the newest one before it that it can be compared with: of the same task and as many users, and not INVALID.
fn lines(rows: &[EndpointRow]) -> Vec<Line> {
    let line = |(place, row): (usize, &EndpointRow)| {
        let now = cleaned(&row.endpoint);
        let is_alike = |other: &&EndpointRow| {
            let other = &other.endpoint;
            (&other.scenario, &other.task, other.vus)
                == (&row.endpoint.scenario, &row.endpoint.task, now.vus)
                && other.validity < Verdict::Invalid
        };
        let before = rows[..place].iter().rev().find(is_alike).map(|row| &row.endpoint);
        let step = |figure: fn(&EndpointRecord) -> (Option<f64>, Option<Interval>)| {
            before.map_or(Step::NONE, |before| Step::between(figure(before), figure(&now)))
        };
        Line {
            run_id: clean::clean(&row.run_id),
            id: row.id,
            name: clean::clean(&row.name),
            started_at: view::rfc3339(row.started_at_ms),
            started_at_ms: row.started_at_ms,
            tags: row.tags.iter().map(|(k, v)| (clean::clean(k), clean::clean(v))).collect(),
            p50_change: step(|e| (e.response_p50_ms, e.p50_interval)),
            p99_change: step(|e| (e.response_p99_ms, e.p99_interval)),
            endpoint: now,
        }
    };
    rows.iter().enumerate().map(line).collect()
}

/// An endpoint without what could move a cursor.
pub(super) fn cleaned(endpoint: &EndpointRecord) -> EndpointRecord {
    EndpointRecord {
        name: clean::clean(&endpoint.name),
        scenario: clean::clean(&endpoint.scenario),
        task: clean::clean(&endpoint.task),
        ..endpoint.clone()
    }
}

/// One endpoint over many runs, oldest first. A change is called slower or faster where the intervals of the two figures,
/// at 95 % each, do not meet and it is more than 5 %.
#[must_use]
pub fn endpoint_history(rows: &[EndpointRow], format: Format, options: &TextOptions) -> String {
    let lines = lines(rows);
    match format {
        Format::Json => json::pretty(&lines),
        Format::Csv => history_csv(&lines),
        Format::Markdown => {
            let sparks = sparklines(&lines, false);
            format!("{}\n```text\n{sparks}```\n", history_grid(&lines).to_markdown())
        }
        Format::Table | Format::Html => {
            let grid = history_grid(&lines).fitted(options.width, &EXPENDABLE);
            let table = grid.to_text(options.width, options.ascii);
            let text = format!("{table}\n{}", sparklines(&lines, options.ascii));
            if options.ascii { text.replace('µ', "u").replace('≥', ">=") } else { text }
        }
    }
}

fn history_grid(lines: &[Line]) -> Grid {
    let mut grid = Grid::new(vec![
        Column::Figures("run"),
        Column::Figures("started (UTC)"),
        Column::Words("tags"),
        Column::Figures("VUs"),
        Column::Figures("reqs"),
        Column::Figures("p50"),
        Column::Figures("p95"),
        Column::Figures("p99"),
        Column::Figures("RPS"),
        Column::Figures("fail %"),
        Column::Labels("p50 change"),
        Column::Labels("p99 change"),
        Column::Labels("numbers"),
    ]);
    for line in lines {
        let found = &line.endpoint;
        let tags: Vec<String> = line.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        grid.push(vec![
            line.id.to_string(),
            clock::show_wall_ms(line.started_at_ms),
            tags.join(" "),
            show_count(found.vus),
            show_count(found.requests),
            bounded(found, "p50", found.response_p50_ms),
            bounded(found, "p95", found.response_p95_ms),
            bounded(found, "p99", found.response_p99_ms),
            format!("{:.1}", found.throughput),
            show::percent(found.error_ratio()),
            line.p50_change.in_words(),
            line.p99_change.in_words(),
            found.validity.to_string(),
        ]);
    }
    grid
}

fn history_csv(lines: &[Line]) -> String {
    let columns = [
        "id",
        "run_id",
        "started_at",
        "name",
        "tags",
        "endpoint",
        "vus",
        "measured_s",
        "requests",
        "failed",
        "error_ratio",
        "throughput_per_s",
        "response_time_p50_ms",
        "response_time_p95_ms",
        "response_time_p99_ms",
        "p50_change_percent",
        "p50_change",
        "p99_change_percent",
        "p99_change",
        "validity",
    ];
    let mut out = csv::line(columns.map(str::to_owned));
    for line in lines {
        let found = &line.endpoint;
        let tags: Vec<String> = line.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        out += &csv::line([
            line.id.to_string(),
            line.run_id.clone(),
            line.started_at.clone(),
            line.name.clone(),
            tags.join(" "),
            found.name.clone(),
            found.vus.to_string(),
            found.measured_s.to_string(),
            found.requests.to_string(),
            found.failed.to_string(),
            found.error_ratio().to_string(),
            found.throughput.to_string(),
            csv::cell(found.response_p50_ms),
            csv::cell(found.response_p95_ms),
            csv::cell(found.response_p99_ms),
            csv::cell(line.p50_change.percent),
            view::word(&line.p50_change.change),
            csv::cell(line.p99_change.percent),
            view::word(&line.p99_change.change),
            found.validity.to_string(),
        ]);
    }
    out
}

/// The course of the median and of the 99th percentile, a line each.
fn sparklines(lines: &[Line], ascii: bool) -> String {
    let of = |figure: fn(&EndpointRecord) -> Option<f64>| -> Vec<Option<f64>> {
        lines.iter().map(|line| figure(&line.endpoint)).collect()
    };
    let courses = [("p50", of(|e| e.response_p50_ms)), ("p99", of(|e| e.response_p99_ms))];
    let line = |(name, values): (&str, Vec<Option<f64>>)| {
        let known = || values.iter().flatten().copied();
        let (low, high) = (known().reduce(f64::min), known().reduce(f64::max));
        let range = format!("{} to {}", show::time(low), show::time(high));
        format!("{name}  {}  {range}\n", sparkline(&values, ascii))
    };
    courses.into_iter().map(line).collect()
}

/// A character for each value, the higher the larger; a blank where there is none.
fn sparkline(values: &[Option<f64>], ascii: bool) -> String {
    let bars = if ascii { ASCII_BARS } else { BARS };
    let known = || values.iter().flatten().copied();
    let high = known().fold(0.0, f64::max);
    let low = known().fold(high * (1.0 - LEAST_SPAN), f64::min);
    let bar = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        bars[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)]
    };
    values.iter().map(|value| value.map_or(' ', bar)).collect()
}

/// The names that `wanted` may have meant, the nearest first, at most `most` of them.
#[must_use]
pub fn nearest_endpoints<'a>(wanted: &str, known: &'a [String], most: usize) -> Vec<&'a str> {
    let nearest = nearest(wanted, known.iter().map(String::as_str));
    let wanted = wanted.to_lowercase();
    let contains = |name: &&str| !wanted.is_empty() && name.to_lowercase().contains(&wanted);
    let mut found: Vec<&str> = nearest.into_iter().collect();
    // What contains the words comes next, then the rest.
    let names = || known.iter().map(String::as_str);
    for name in names().filter(contains).chain(names()) {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(p50_ms: f64, p99_ms: f64) -> EndpointRecord {
        let interval = |ms: f64| Interval {
            lower_s: ms * 0.9 / 1e3,
            value_s: ms / 1e3,
            upper_s: Some(ms * 1.1 / 1e3),
            design_effect_ratio: 1.0,
        };
        EndpointRecord {
            name: "GET /api/health".to_owned(),
            vus: 10,
            measured_s: 10.0,
            requests: 3_121,
            throughput: 312.1,
            response_p50_ms: Some(p50_ms),
            response_p99_ms: Some(p99_ms),
            p50_interval: Some(interval(p50_ms)),
            p99_interval: Some(interval(p99_ms)),
            ..EndpointRecord::default()
        }
    }

    fn row(id: i64, endpoint: EndpointRecord) -> EndpointRow {
        EndpointRow {
            id,
            run_id: format!("0000000000000000000000000{id}"),
            name: "endpoints".to_owned(),
            started_at_ms: 1_795_230_766_000,
            tags: [("build".to_owned(), id.to_string())].into(),
            endpoint,
        }
    }

    #[test]
    fn a_line_has_its_figures_below_each_other() {
        let mut found = endpoint(5.2, 18.4);
        let line = "GET /api/health           p50=  5.20ms  p99=  18.4ms  rps=312.1";
        assert_eq!(endpoint_line(&found), line);
        found.failed = 38;
        found.response_p99_ms = None;
        let line = "GET /api/health           p50=  5.20ms  p99=     n/a  rps=312.1  errors=1.2%";
        assert_eq!(endpoint_line(&found), line);
        found.response_p99_ms = Some(10_000.0);
        found.at_least = vec!["p99".to_owned()];
        assert!(endpoint_line(&found).contains("p99= ≥ 10.0s"), "{}", endpoint_line(&found));
    }

    #[test]
    fn an_interval_whose_end_was_not_seen_says_so() {
        let mut found = endpoint(5.0, 20.0).p99_interval;
        assert_eq!(interval(found.as_ref()), "[18.0ms, 22.0ms]");
        found.as_mut().expect("an interval").upper_s = None;
        assert_eq!(
            (interval(found.as_ref()), interval(None)),
            ("[18.0ms, ?]".into(), "n/a".into())
        );
    }

    #[test]
    fn only_what_is_beyond_both_intervals_is_called_a_change() {
        let rows = [
            row(1, endpoint(5.0, 20.0)),
            row(2, endpoint(5.5, 30.0)),
            row(3, EndpointRecord { vus: 20, ..endpoint(9.0, 90.0) }),
            row(4, EndpointRecord { validity: Verdict::Invalid, ..endpoint(9.0, 90.0) }),
            row(5, endpoint(5.5, 20.0)),
        ];
        let changes: Vec<(String, String)> = lines(&rows)
            .iter()
            .map(|line| (line.p50_change.in_words(), line.p99_change.in_words()))
            .collect();
        let expected = [
            ("-", "-"),
            ("+10.0 %", "+50.0 % slower"),
            ("-", "-"),
            ("+63.6 % slower", "+200.0 % slower"),
            ("+0.0 %", "-33.3 % faster"),
        ];
        assert_eq!(changes, expected.map(|(p50, p99)| (p50.to_owned(), p99.to_owned())));
    }

    #[test]
    fn a_sparkline_shows_courses_and_not_noise() {
        let spark = |values: &[f64]| {
            let values: Vec<_> = values.iter().copied().map(Some).collect();
            sparkline(&values, false)
        };
        assert_eq!(spark(&[1.0, 2.0, 3.0, 8.0]), "▁▂▃█");
        assert_eq!(spark(&[100.0, 99.0, 100.0]), "███", "one percent is nothing");
        assert_eq!(sparkline(&[Some(1.0), None, Some(2.0)], true), "_ #");
        assert_eq!(spark(&[]), "");
    }

    #[test]
    fn a_history_is_the_same_in_every_format() {
        let rows = [row(1, endpoint(5.0, 20.0)), row(2, endpoint(5.5, 30.0))];
        let give = |format, ascii| {
            let options = TextOptions { ascii, ..TextOptions::default() };
            endpoint_history(&rows, format, &options)
        };
        for (format, words) in [
            (Format::Table, ["build=2", "+50.0 % slower", "p99  ▁█  20.0ms to 30.0ms"]),
            (Format::Markdown, ["| build=2 |", "| +50.0 % slower |", "p99  ▁█"]),
            (Format::Csv, ["run_id", "build=2", ",slower,"]),
            (
                Format::Json,
                ["\"build\": \"2\"", "\"change\": \"slower\"", "\"response_p99_ms\": 30.0"],
            ),
        ] {
            let text = give(format, false);
            for word in words {
                assert!(text.contains(word), "no {word:?} in:\n{text}");
            }
        }
        assert!(give(Format::Table, true).is_ascii());
    }

    #[test]
    fn the_nearest_names_come_first() {
        let known =
            ["GET /api/health", "GET /api/teams", "GET /api/teams/{id}", "PUT /api/users/me"];
        let known = known.map(str::to_owned);
        let found = nearest_endpoints("GET /api/team", &known, 2);
        assert_eq!(found, ["GET /api/teams", "GET /api/teams/{id}"]);
        assert_eq!(nearest_endpoints("users", &known, 1), ["PUT /api/users/me"]);
        assert_eq!(nearest_endpoints("x", &[], 3), [""; 0]);
    }
}
