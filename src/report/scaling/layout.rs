//! The scaling experiment as a table with a chart, as Markdown and as CSV.

use super::{ScalingReport, ScalingRun, number};
use crate::analysis::scaling::ScalingStep;
use crate::report::chart::{Axis, Chart, ChartOptions, ChartUnit, Series};
use crate::report::clean::markdown_text;
use crate::report::grid::{Column, Grid};
use crate::report::stress::rate_in_words;
use crate::report::{TextOptions, csv as cells, show};

/// Columns that a narrow terminal goes without, the first one first.
const EXPENDABLE: [&str; 4] = ["numbers", "between", "runs", "figure"];
/// Wider charts are no clearer.
const WIDEST_CHART: usize = 100;
/// Numbers that span this ratio or more are drawn on logarithmic axes, or the small ones would be one point.
const WIDE: f64 = 50.0;
/// Runs that do not count are listed up to so many.
const MOST_LEFT_OUT: usize = 8;

pub(super) fn text(report: &ScalingReport, options: &TextOptions) -> String {
    let mut out = format!("scaling by {}\n\n", report.tag);
    out += &grid(report).fitted(options.width, &EXPENDABLE).to_text(options.width, options.ascii);
    let size = ChartOptions {
        width: options.width.min(WIDEST_CHART),
        ascii: options.ascii,
        ..ChartOptions::default()
    };
    out += &format!("\n{}\n", chart(report).render(size));
    for sentence in &report.words {
        out += &folded("", sentence, options.width);
    }
    for sentence in remarks(report) {
        out += &folded("note: ", &sentence, options.width);
    }
    match options.ascii {
        true => out.replace('±', "+-").replace('≥', ">="),
        false => out,
    }
}

pub(super) fn markdown(report: &ScalingReport) -> String {
    let mut out = format!("# Scaling by {}\n\n", markdown_text(&report.tag));
    out += &grid(report).to_markdown();
    out += &format!("\n```text\n{}```\n\n", chart(report).render(ChartOptions::default()));
    for sentence in report.words.iter().chain(&remarks(report)) {
        out += &format!("- {}\n", markdown_text(sentence));
    }
    out
}

/// Notes, and runs that do not count.
fn remarks(report: &ScalingReport) -> Vec<String> {
    let mut remarks = report.notes.clone();
    let left_out = report.left_out.iter().take(MOST_LEFT_OUT);
    remarks.extend(left_out.map(|run| format!("left out: {}", run.in_words(&report.tag))));
    let more = report.left_out.len().saturating_sub(MOST_LEFT_OUT);
    if more > 0 {
        remarks.push(format!("left out: {more} more, which JSON lists"));
    }
    remarks
}

/// A sentence on lines of at most `width` columns, all but the first indented.
fn folded(lead: &str, sentence: &str, width: usize) -> String {
    let mut out = lead.to_owned();
    let mut column = lead.chars().count();
    for (index, word) in sentence.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > width {
            out += "\n  ";
            column = 2;
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += length;
    }
    out + "\n"
}

/// A row for each number.
fn grid(report: &ScalingReport) -> Grid {
    let mut grid = Grid::new(vec![
        Column::Figures("value"),
        Column::Figures("RPS"),
        Column::Figures("speed-up"),
        Column::Figures("efficiency"),
        Column::Figures("by the law"),
        Column::Labels("figure"),
        Column::Figures("between"),
        Column::Labels("runs"),
        Column::Labels("numbers"),
    ]);
    for step in &report.scaling.steps {
        let runs = || report.runs.iter().filter(|run| run.value == step.n);
        let ids: Vec<String> = runs().map(|run| run.id.to_string()).collect();
        let bound = bound(step);
        grid.push(vec![
            number(step.n),
            format!("{bound}{}", rate_in_words(step.throughput_per_s)),
            step.speed_up.map_or_else(unknown, |times| format!("{bound}{times:.2}x")),
            step.efficiency_ratio
                .map_or_else(unknown, |share| format!("{bound}{:.0} %", 100.0 * share)),
            step.by_law_per_s.map_or_else(unknown, rate_in_words),
            kinds(runs()),
            between(runs()),
            ids.join(" "),
            runs()
                .filter_map(|run| run.validity)
                .max()
                .map_or_else(|| "-".to_owned(), |worst| worst.to_string()),
        ]);
    }
    grid
}

fn bound(step: &ScalingStep) -> &'static str {
    if step.is_at_least { "≥ " } else { "" }
}

fn unknown() -> String {
    show::NOT_AVAILABLE.to_owned()
}

fn kinds<'a>(runs: impl Iterator<Item = &'a ScalingRun>) -> String {
    let mut kinds: Vec<_> = runs.map(|run| run.figure.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// The loads between which the limits of searches lie: `440..462`.
fn between<'a>(runs: impl Iterator<Item = &'a ScalingRun> + Clone) -> String {
    let lower = runs.clone().filter_map(|run| run.figure.lower_per_s).reduce(f64::min);
    let mut uppers = runs.filter(|run| run.figure.lower_per_s.is_some());
    let upper = uppers.try_fold(0.0, |most, run| Some(run.figure.upper_per_s?.max(most)));
    let upper = upper.map_or_else(|| "?".to_owned(), rate_in_words);
    lower.map_or_else(String::new, |lower| format!("{}..{upper}", rate_in_words(lower)))
}

/// What was measured, what the law says, and what the smallest would come to if each added as much.
fn chart(report: &ScalingReport) -> Chart {
    let steps = &report.scaling.steps;
    let (law, next) = (report.scaling.law.as_ref(), report.scaling.next.as_ref());
    let largest = steps.last().map_or(0.0, |step| step.n);
    let mut series = Vec::new();
    if let Some(base) = steps.first().filter(|base| !base.is_at_least) {
        let ideal = |n: f64| (n, n / base.n * base.throughput_per_s);
        let points = steps.iter().map(|step| ideal(step.n)).collect();
        series.push(Series { name: "ideal".to_owned(), points });
    }
    if law.is_some() {
        let by_law = |step: &ScalingStep| Some((step.n, step.by_law_per_s?));
        let mut points: Vec<(f64, f64)> = steps.iter().filter_map(by_law).collect();
        let beyond = next.filter(|next| next.n > largest);
        points
            .extend(beyond.zip(points.last().copied()).map(|(n, (_, x))| (n.n, x + n.gain_per_s)));
        series.push(Series { name: "by the law".to_owned(), points });
    }
    let measured = steps.iter().map(|step| (step.n, step.throughput_per_s)).collect();
    series.push(Series { name: "measured".to_owned(), points: measured });
    let is_log = steps.first().is_some_and(|base| largest >= WIDE * base.n);
    let axis = |label: &str, unit| Axis { label: label.to_owned(), unit, is_log };
    Chart {
        title: format!("requests a second by {}", report.tag),
        x: axis(&report.tag, ChartUnit::Count),
        y: axis("", ChartUnit::PerSecond),
        series,
        markers: Vec::new(),
    }
}

/// A row for each run.
pub(super) fn csv(report: &ScalingReport) -> String {
    let columns = [
        "id",
        "run_id",
        "started_at",
        "name",
        "tag",
        "value",
        "figure",
        "throughput_per_s",
        "lower_per_s",
        "upper_per_s",
        "is_at_least",
        "speed_up",
        "efficiency_ratio",
        "by_law_per_s",
        "validity",
    ];
    let mut out = cells::line(columns.map(str::to_owned));
    for run in &report.runs {
        let step = report.scaling.steps.iter().find(|step| step.n == run.value);
        let figure = |of: fn(&ScalingStep) -> Option<f64>| cells::cell(step.and_then(of));
        out += &cells::line([
            run.id.to_string(),
            run.run_id.clone(),
            run.started_at.clone(),
            run.name.clone(),
            report.tag.clone(),
            run.value.to_string(),
            super::view::word(&run.figure.kind),
            run.figure.throughput_per_s.to_string(),
            cells::cell(run.figure.lower_per_s),
            cells::cell(run.figure.upper_per_s),
            run.figure.is_at_least.to_string(),
            figure(|step| step.speed_up),
            figure(|step| step.efficiency_ratio),
            figure(|step| step.by_law_per_s),
            run.validity.map(|verdict| verdict.to_string()).unwrap_or_default(),
        ]);
    }
    out
}
