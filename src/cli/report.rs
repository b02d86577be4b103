//! `rhaid report`: the history of all runs or of one endpoint, one run again, several beside each other, or how they scale.

mod scaling;

use super::CliError;
use super::args::{GlobalArgs, ReportArgs, ReportFormat};
use super::conclusion::{text_options, write_file};
use super::exit::ExitCode;
use super::printer::{Printer, plural};
use super::settings::ReportRequest;
use crate::record::RunRow;
use crate::report::html::CoursePoint;
use crate::report::{self, CompareOptions, Format, TextOptions};
use crate::store::{ListFilter, SecondPoint, Store, StoreError, StoreErrorKind};

/// Endpoints, tags or runs that are named when none is what was asked for.
const MOST_NAMED: usize = 6;

/// Does what `report` was asked to do.
///
/// # Errors
/// Exit code 104: no such run, no database, runs that cannot be compared, none that tells how it scales.
pub fn report(
    args: &ReportArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let is_one_run = args.ids.len() == 1 && args.baseline.is_none() && args.endpoint.is_none();
    if args.format == ReportFormat::Html && !is_one_run {
        return Err(CliError::new(
            ExitCode::Usage,
            "--format html shows one run",
            "name it: `rhaid report last --format html -o run.html`",
        ));
    }
    if let Some(endpoint) = &args.endpoint {
        return endpoint_history(endpoint, args, global, printer);
    }
    if let Some(tag) = &args.scaling {
        return scaling::scaling(tag, args, global, printer);
    }
    let request = ReportRequest::new(args)?;
    match request {
        ReportRequest::Table => history(args, global, printer),
        ReportRequest::Show(names) => show(args, &names, global, printer),
        ReportRequest::Remove(names) => remove(&names, global, printer),
    }
}

fn store_error(error: &StoreError) -> CliError {
    CliError::plain(ExitCode::Invalid, error.to_string())
}

fn format_of(format: ReportFormat) -> Format {
    match format {
        ReportFormat::Table => Format::Table,
        ReportFormat::Json => Format::Json,
        ReportFormat::Markdown => Format::Markdown,
        ReportFormat::Csv => Format::Csv,
        ReportFormat::Html => Format::Html,
    }
}

fn open(global: &GlobalArgs) -> Result<Store, CliError> {
    Store::open_read_only(&global.db).map_err(|error| store_error(&error))
}

/// A run by number, `last~1`, name or run id; or the newest that has the reference as a tag, as its value or as `key=value`.
///
/// # Errors
/// What the store says; an unknown run.
pub(super) fn resolve(store: &Store, reference: &str) -> Result<i64, StoreError> {
    store.resolve(reference).or_else(|error| {
        let rows = store.list(&ListFilter::default())?;
        rows.iter().find(|row| has_tag(row, reference)).map(|row| row.id).ok_or(error)
    })
}

/// The run that a baseline's name means: as [`resolve`], but a tag never means a run whose numbers are INVALID.
///
/// # Errors
/// What the store says; an unknown run; a run that is INVALID.
pub(super) fn resolve_baseline(store: &Store, reference: &str) -> Result<i64, String> {
    let is_invalid = |row: &RunRow| row.validity.as_deref() == Some("INVALID");
    let told = |error: StoreError| error.to_string();
    match store.resolve(reference) {
        Ok(id) if store.row(id).map_err(told)?.is_some_and(|row| is_invalid(&row)) => Err(format!(
            "the numbers of run {id} are INVALID, and such a run is never a baseline; name another one"
        )),
        Ok(id) => Ok(id),
        Err(error) => {
            let rows = store.list(&ListFilter::default()).map_err(told)?;
            let tagged = rows.iter().find(|row| has_tag(row, reference) && !is_invalid(row));
            tagged.map(|row| row.id).ok_or_else(|| error.to_string())
        }
    }
}

fn has_tag(row: &RunRow, reference: &str) -> bool {
    row.tags.iter().any(|(key, value)| {
        key == reference || value == reference || format!("{key}={value}") == reference
    })
}

fn history(
    args: &ReportArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let format = format_of(args.format);
    let rows = match Store::open_read_only(&global.db) {
        Ok(store) => {
            let limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
            let first = args.tag.first().map(|(key, value)| (key.clone(), Some(value.clone())));
            let filter = ListFilter {
                tag: first,
                limit: limit.filter(|_| args.tag.len() < 2),
                ..ListFilter::default()
            };
            let mut rows = store.list(&filter).map_err(|error| store_error(&error))?;
            rows.retain(|row| args.tag.iter().all(|(key, value)| row.tags.get(key) == Some(value)));
            rows.truncate(limit.unwrap_or(usize::MAX));
            rows
        }
        Err(error) if matches!(error.kind, StoreErrorKind::Missing) => Vec::new(),
        Err(error) => return Err(store_error(&error)),
    };
    if rows.is_empty() && format == Format::Table {
        let database = global.db.display();
        printer.talk(&match args.tag.is_empty() {
            true => {
                format!("no runs in {database}; `rhaid run scripts/journey.rhai --demo` makes one")
            }
            false => format!("no runs with that tag in {database}; `rhaid report` lists all"),
        });
        return Ok(ExitCode::Passed);
    }
    give(args, &report::history(&rows, format, &text_options(printer)), printer)
}

/// One endpoint over all benchmarks that measured it, oldest first; of these the newest when there is a limit.
fn endpoint_history(
    endpoint: &str,
    args: &ReportArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let store = open(global)?;
    let mut rows = store.endpoint_history(endpoint).map_err(|error| store_error(&error))?;
    if rows.is_empty() {
        let known = store.endpoint_names().map_err(|error| store_error(&error))?;
        return Err(unknown_endpoint(endpoint, &known, global));
    }
    rows.retain(|row| args.tag.iter().all(|(key, value)| row.tags.get(key) == Some(value)));
    if let Some(limit) = args.limit.and_then(|limit| usize::try_from(limit).ok()) {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    let format = format_of(args.format);
    if rows.is_empty() && format == Format::Table {
        printer.talk(&format!("no benchmark of {endpoint} has that tag"));
        return Ok(ExitCode::Passed);
    }
    give(args, &report::endpoint_history(&rows, format, &text_options(printer)), printer)
}

fn unknown_endpoint(endpoint: &str, known: &[String], global: &GlobalArgs) -> CliError {
    let nearest = report::nearest_endpoints(endpoint, known, MOST_NAMED);
    let hint = if nearest.is_empty() {
        "`rhaid bench scripts/endpoints.rhai --demo` measures some".to_owned()
    } else {
        format!("of {} that were measured: {}", known.len(), nearest.join(", "))
    };
    let message = format!("no benchmark in {} has measured {endpoint:?}", global.db.display());
    CliError::new(ExitCode::Invalid, message, hint)
}

fn show(
    args: &ReportArgs,
    names: &[String],
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let store = open(global)?;
    let mut ids = Vec::new();
    if let Some(baseline) = &args.baseline {
        let refused = |reason| CliError::plain(ExitCode::Invalid, format!("--baseline: {reason}"));
        ids.push(resolve_baseline(&store, baseline).map_err(refused)?);
    }
    for name in names {
        ids.push(resolve(&store, name).map_err(|error| store_error(&error))?);
    }
    let records = ids
        .into_iter()
        .map(|id| store.load(id).map_err(|error| store_error(&error)))
        .collect::<Result<Vec<_>, _>>()?;
    let format = format_of(args.format);
    let [first, others @ ..] = records.as_slice() else { return Ok(ExitCode::Passed) };
    let options = TextOptions {
        stored_in: Some(global.db.display().to_string()),
        previous: store.previous(first.id).ok().flatten(),
        ..text_options(printer)
    };
    if others.is_empty() && format == Format::Html {
        let points = store.series(first.id).map_err(|error| store_error(&error))?;
        let points: Vec<_> = points.iter().map(course_point).collect();
        return give(args, &report::html(first, &points), printer);
    }
    if others.is_empty() {
        return give(args, &report::render(first, format, &options), printer);
    }
    let mut text = String::new();
    let mut has_regression = false;
    for other in others {
        let comparison = report::compare(first, other, CompareOptions { force: args.force })
            .map_err(|unlike| CliError::plain(ExitCode::Invalid, unlike.to_string()))?;
        has_regression |= comparison.has_regression();
        text.push_str(&comparison.render(format, &options));
    }
    let code = give(args, &text, printer)?;
    // Only a comparison with a named baseline judges; two runs side by side are just shown.
    Ok(if has_regression && args.baseline.is_some() { ExitCode::Regression } else { code })
}

fn course_point(point: &SecondPoint) -> CoursePoint {
    let second =
        CoursePoint::of_second(point.second, point.count, point.failed, &point.response_time);
    CoursePoint { in_flight: point.in_flight, ..second }
}

fn remove(names: &[String], global: &GlobalArgs, printer: &Printer) -> Result<ExitCode, CliError> {
    let store = Store::open(&global.db).map_err(|error| store_error(&error))?;
    let ids = names
        .iter()
        .map(|name| store.resolve(name))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| store_error(&error))?;
    for id in &ids {
        store.remove(*id).map_err(|error| store_error(&error))?;
    }
    printer.talk(&format!("deleted {}", plural(ids.len() as u64, "run")));
    Ok(ExitCode::Passed)
}

fn give(args: &ReportArgs, text: &str, printer: &Printer) -> Result<ExitCode, CliError> {
    match &args.output {
        Some(path) if path.exists() && !args.force => {
            return Err(CliError::new(
                ExitCode::Invalid,
                format!("{} is there already", path.display()),
                "name another file, or overwrite it with --force",
            ));
        }
        Some(path) => write_file(path, text)?,
        None => printer.data(text),
    }
    Ok(ExitCode::Passed)
}
