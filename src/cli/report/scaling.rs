//! `rhaid report --scaling KEY`: which runs count, and their report.

use std::collections::BTreeMap;

use super::{MOST_NAMED, format_of, give, open, store_error};
use crate::cli::CliError;
use crate::cli::args::{GlobalArgs, ReportArgs};
use crate::cli::exit::ExitCode;
use crate::cli::printer::{Printer, plural};
use crate::cli::run::text_options;
use crate::record::{RunRow, RunStatus};
use crate::report::{LeftOut, ScalingReport, ScalingRun};
use crate::store::{ListFilter, Store};

/// Reports throughput over the values of a tag. Of each value the newest run that can be trusted counts, or with a limit as
/// many of the newest; forced, runs whose numbers are INVALID count as well.
///
/// # Errors
/// Exit code 104: no database, no run with the tag, none whose value is a number, none with a throughput that counts.
pub(super) fn scaling(
    tag: &str,
    args: &ReportArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let store = open(global)?;
    let filter = ListFilter { tag: Some((tag.to_owned(), None)), ..ListFilter::default() };
    let mut rows = store.list(&filter).map_err(|error| store_error(&error))?;
    rows.retain(|row| args.tag.iter().all(|(key, value)| row.tags.get(key) == Some(value)));
    if rows.is_empty() {
        return Err(unknown_tag(tag, args, &store)?);
    }
    let (runs, left_out) = chosen(&store, &rows, tag, args)?;
    if runs.is_empty() {
        return Err(nothing_counts(tag, &left_out));
    }
    let report = ScalingReport::new(tag, runs, left_out);
    give(args, &report.render(format_of(args.format), &text_options(printer)), printer)
}

/// The runs that count, of rows that come newest first, and those newer than these that do not.
fn chosen(
    store: &Store,
    rows: &[RunRow],
    tag: &str,
    args: &ReportArgs,
) -> Result<(Vec<ScalingRun>, Vec<LeftOut>), CliError> {
    let most = args.limit.map_or(1, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut runs: Vec<ScalingRun> = Vec::new();
    let mut left_out = Vec::new();
    for row in rows {
        let text = row.tags.get(tag).map_or("", String::as_str);
        let mut leave_out = |reason: &str| left_out.push(LeftOut::new(row.id, text, reason));
        let Some(value) = number(text) else {
            leave_out("its value is no number above zero");
            continue;
        };
        if runs.iter().filter(|run| run.value == value).count() >= most {
            continue;
        }
        if let Some(reason) = objection(row, args.force) {
            leave_out(&reason);
            continue;
        }
        let record = store.load(row.id).map_err(|error| store_error(&error))?;
        match ScalingRun::of(&record, value) {
            Ok(run) => runs.push(run),
            Err(reason) => leave_out(&reason),
        }
    }
    Ok((runs, left_out))
}

/// The value of a tag as a count of replicas; parts of one are possible, such as half a core.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)
}

/// Why a run does not count, by its line in the history.
fn objection(row: &RunRow, is_forced: bool) -> Option<String> {
    match row.status {
        RunStatus::Finished => {}
        RunStatus::Running => return Some("it is still running".to_owned()),
        ended => return Some(format!("it was {} before its end", ended.as_str())),
    }
    let is_invalid = row.validity.as_deref() == Some("INVALID");
    (is_invalid && !is_forced).then(|| "its numbers are INVALID".to_owned())
}

fn unknown_tag(tag: &str, args: &ReportArgs, store: &Store) -> Result<CliError, CliError> {
    let rows = store.list(&ListFilter::default()).map_err(|error| store_error(&error))?;
    let mut numeric: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, value) in rows.iter().flat_map(|row| &row.tags) {
        if number(value).is_some() {
            *numeric.entry(key).or_default() += 1;
        }
    }
    let besides: Vec<String> =
        args.tag.iter().map(|(key, value)| format!(" and {key}={value}")).collect();
    let message =
        format!("no run in {} has the tag {tag:?}{}", store.path().display(), besides.concat());
    let known: Vec<String> = numeric
        .iter()
        .take(MOST_NAMED)
        .map(|(key, count)| format!("{key} ({})", plural(*count, "run")))
        .collect();
    let hint = if known.is_empty() {
        format!("`rhaid stress … --tag {tag}=1` makes a run that has it")
    } else {
        format!("tags whose values are numbers: {}", known.join(", "))
    };
    Ok(CliError::new(ExitCode::Invalid, message, hint))
}

fn nothing_counts(tag: &str, left_out: &[LeftOut]) -> CliError {
    let reasons: Vec<String> =
        left_out.iter().take(MOST_NAMED).map(|run| run.in_words(tag)).collect();
    let more = left_out.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("; {more} more") } else { String::new() };
    CliError::new(
        ExitCode::Invalid,
        format!("no run with the tag {tag:?} counts: {}{more}", reasons.join("; ")),
        "runs count that came to their end, are not INVALID, and whose value of the tag is a number",
    )
}
