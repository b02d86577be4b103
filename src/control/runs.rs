//! Runs: started, listed, shown, controlled, compared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Answer, Refusal};
use super::launcher::Order;
use super::queue::{Control, Entry};
use super::start::{Launch, ScaleRequest, StartRequest};
use super::state::State as RunState;
use super::stored;
use super::system::blocking;
use crate::record::{RunRecord, RunRow, RunStatus};
use crate::report::{self, CompareOptions, Format, TextOptions};
use crate::store::{ListFilter, Store};

/// Runs in a list, unless fewer are asked for.
const MOST_RUNS: usize = 1_000;

/// `POST /api/tests/start`
pub(super) async fn start(
    State(control): State<Arc<Control>>,
    body: Result<Json<StartRequest>, JsonRejection>,
) -> Answer<Response> {
    let Json(request) = body?;
    blocking(move || {
        let launch = Launch::new(request, &control.config)?;
        let plan = control.launcher.check(&launch).map_err(|error| Refusal {
            detail: error.hint,
            code: "cannot_run",
            ..Refusal::invalid(error.message)
        })?;
        launch.check_plan(&plan)?;
        let run_id = control.enqueue(launch, &plan)?;
        let body = Json(json!({ "run_id": run_id, "status": "started" }));
        Ok((StatusCode::ACCEPTED, body).into_response())
    })
    .await
}

/// Which runs to list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    limit: Option<usize>,
    name: Option<String>,
    tag: Option<String>,
}

/// `GET /api/tests/runs`
pub(super) async fn list(
    State(control): State<Arc<Control>>,
    Query(query): Query<ListQuery>,
) -> Answer<Json<Vec<Value>>> {
    blocking(move || {
        let limit = query.limit.unwrap_or(MOST_RUNS).min(MOST_RUNS);
        let tag = query.tag.map(|tag| match tag.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (tag, None),
        });
        let filter = ListFilter { tag, name: query.name, limit: Some(limit), status: None };
        let rows = stored::rows(&control.config.database, &filter)?;
        let mut listed: Vec<(i64, Value)> = rows
            .iter()
            .map(|row| (row.started_at_ms, stored_json(row, control.entry(&row.run_id).as_ref())))
            .collect();
        let is_stored = |entry: &Entry| stored::row_of(&control.config.database, &entry.run_id);
        let others = control.entries().into_iter().filter(|entry| fits(&entry_row(entry), &filter));
        listed.extend(
            others
                .filter(|entry| !rows.iter().any(|row| row.run_id == entry.run_id))
                .filter(|entry| is_stored(entry).is_none())
                .map(|entry| (entry.asked_at_ms, entry_json(&entry))),
        );
        listed.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
        Ok(listed.into_iter().take(limit).map(|(_, value)| value).collect())
    })
    .await
    .map(Json)
}

fn fits(row: &RunRow, filter: &ListFilter) -> bool {
    let has_tag = |(key, value): &(String, Option<String>)| {
        row.tags.get(key).is_some_and(|own| value.as_ref().is_none_or(|value| value == own))
    };
    filter.name.as_ref().is_none_or(|name| *name == row.name)
        && filter.tag.as_ref().is_none_or(has_tag)
}

fn row_json(row: &RunRow) -> Value {
    // What was just written is read again, so that a list here and `rhaid report --format json` have the same fields.
    let rows: Vec<Value> = serde_json::from_str(&report::json_list(std::slice::from_ref(row)))
        .expect("what was serialised parses");
    rows.into_iter().next().unwrap_or_default()
}

fn stored_json(row: &RunRow, entry: Option<&Entry>) -> Value {
    let mut value = row_json(row);
    let of_store = RunState::stored(row.status, row.test_type, row.exit_code);
    value["state"] = json!(entry.map_or(of_store, |entry| entry.state));
    value
}

/// A run that the store does not have.
fn entry_row(entry: &Entry) -> RunRow {
    let launch = &entry.launch;
    let script = launch.script.as_ref().and_then(|path| path.file_stem()?.to_str());
    let name = launch.name.as_deref().or(script).or(launch.target_url.as_deref());
    RunRow {
        id: 0,
        run_id: entry.run_id.clone(),
        name: name.unwrap_or_default().to_owned(),
        test_type: launch.test_type,
        status: RunStatus::Running,
        exit_code: entry.exit_code,
        started_at_ms: entry.asked_at_ms,
        elapsed: Duration::ZERO,
        load: String::new(),
        validity: None,
        requests: 0,
        failed: 0,
        throughput: 0.0,
        p50: None,
        p95: None,
        p99: None,
        tags: launch.tags.clone(),
    }
}

fn entry_json(entry: &Entry) -> Value {
    let mut value = row_json(&entry_row(entry));
    value["id"] = Value::Null;
    value["state"] = json!(entry.state);
    value["status"] = match entry.state {
        RunState::Queued => json!("queued"),
        RunState::Running | RunState::Paused | RunState::StressBinarySearch => json!("running"),
        _ => json!("aborted"),
    };
    if let Some(error) = &entry.error {
        value["error"] = json!(error);
    }
    value
}

/// `GET /api/tests/runs/{id}`
pub(super) async fn show(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    blocking(move || {
        let entry = control.entry(&id);
        let record = match load(&control, &id) {
            Ok(record) => record,
            Err(refusal) => return entry.map(|entry| entry_json(&entry)).ok_or(refusal),
        };
        let entry = entry.or_else(|| control.entry(&record.run_id));
        let mut value: Value =
            serde_json::from_str(&report::json(&record)).expect("what was serialised parses");
        let of_store = RunState::stored(record.status, record.test_type, record.exit_code);
        value["state"] = json!(entry.as_ref().map_or(of_store, |entry| entry.state));
        if let Some(entry) = entry.filter(Entry::is_under_way) {
            value["live"] = entry.feed.last().unwrap_or_default();
        }
        Ok(value)
    })
    .await
    .map(Json)
}

/// A run by its number or its whole id: nothing else, so that no name of a run can mean another one.
pub(super) fn number(store: &Store, id: &str) -> Answer<i64> {
    let unknown = || Refusal::unknown(format!("there is no run {}", id.escape_default()));
    if let Ok(number) = id.parse::<i64>() {
        return Ok(number);
    }
    let is_id = id.len() == crate::record::run_id::RUN_ID_LENGTH
        && id.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_id {
        return Err(unknown());
    }
    store.resolve(id).map_err(|_| unknown())
}

fn load(control: &Control, id: &str) -> Answer<RunRecord> {
    let store = Store::open_read_only(&control.config.database)?;
    Ok(store.load(number(&store, id)?)?)
}

/// The whole id of a run that may be named by its number.
pub(super) fn run_id_of(control: &Control, id: &str) -> Answer<String> {
    if control.entry(id).is_some() {
        return Ok(id.to_owned());
    }
    let store = Store::open_read_only(&control.config.database)?;
    let number = number(&store, id)?;
    let row = store.row(number)?;
    row.map(|row| row.run_id).ok_or_else(|| Refusal::unknown(format!("there is no run {number}")))
}

/// `POST /api/tests/runs/{id}/stop`
pub(super) async fn stop(state: State<Arc<Control>>, id: Path<String>) -> Answer<Json<Value>> {
    order(state, id, Order::Stop).await
}

/// `POST /api/tests/runs/{id}/pause`
pub(super) async fn pause(state: State<Arc<Control>>, id: Path<String>) -> Answer<Json<Value>> {
    order(state, id, Order::Pause).await
}

/// `POST /api/tests/runs/{id}/resume`
pub(super) async fn resume(state: State<Arc<Control>>, id: Path<String>) -> Answer<Json<Value>> {
    order(state, id, Order::Resume).await
}

/// `POST /api/tests/runs/{id}/scale`
pub(super) async fn scale(
    State(control): State<Arc<Control>>,
    id: Path<String>,
    body: Result<Json<ScaleRequest>, JsonRejection>,
) -> Answer<Json<Value>> {
    let Json(request) = body?;
    let change = request.order(&control.config)?;
    order(State(control), id, change).await
}

async fn order(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    order: Order,
) -> Answer<Json<Value>> {
    blocking(move || {
        let run_id = run_id_of(&control, &id)?;
        let state = control.order(&run_id, order)?;
        Ok(Json(json!({ "run_id": run_id, "state": state })))
    })
    .await
}

/// `DELETE /api/tests/runs/{id}`
pub(super) async fn remove(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    blocking(move || {
        let run_id = run_id_of(&control, &id)?;
        if let Some(entry) = control.entry(&run_id)
            && !entry.has_ended()
        {
            return Err(Refusal::conflict("this run has not ended; stop it first"));
        }
        if let Some(row) = stored::row_of(&control.config.database, &run_id) {
            Store::open(&control.config.database)?.remove(row.id)?;
        }
        control.forget(&run_id);
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// `GET /api/tests/runs/{id}/series`
pub(super) async fn series(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
) -> Answer<Json<Vec<Value>>> {
    blocking(move || {
        let store = match Store::open_read_only(&control.config.database) {
            Err(_) if control.entry(&id).is_some() => return Ok(Vec::new()),
            other => other?,
        };
        let number = match number(&store, &id) {
            Err(_) if control.entry(&id).is_some() => return Ok(Vec::new()),
            other => other?,
        };
        Ok(stored::series(&store, number)?)
    })
    .await
    .map(Json)
}

/// `GET /api/tests/runs/{id}/report.json` and its likes
pub(super) async fn report(
    State(control): State<Arc<Control>>,
    Path((id, report)): Path<(String, String)>,
) -> Answer<Response> {
    let (format, content_type) = match report.as_str() {
        "report.json" => (Format::Json, "application/json"),
        "report.md" => (Format::Markdown, "text/markdown; charset=utf-8"),
        "report.csv" => (Format::Csv, "text/csv; charset=utf-8"),
        "report.html" => return html(control, id).await,
        _ => return Err(Refusal::unknown("reports are report.html, .json, .md and .csv")),
    };
    blocking(move || {
        let text = report::render(&load(&control, &id)?, format, &TextOptions::default());
        Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
    })
    .await
}

/// A run as one page, with its course.
async fn html(control: Arc<Control>, id: String) -> Answer<Response> {
    blocking(move || {
        let store = Store::open_read_only(&control.config.database)?;
        let record = store.load(number(&store, &id)?)?;
        let course = stored::series(&store, record.id)?;
        let text = report::html(&record, &course);
        Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
    })
    .await
}

/// `GET /api/tests/compare?a=&b=&force=`
pub(super) async fn compare(
    State(control): State<Arc<Control>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer<Response> {
    blocking(move || {
        let side = |name: &str| {
            let id = query.get(name);
            id.ok_or_else(|| Refusal::invalid("name two runs: ?a=12&b=13"))
        };
        let (a, b) = (load(&control, side("a")?)?, load(&control, side("b")?)?);
        let force = query.get("force").is_some_and(|word| word == "true");
        let comparison = report::compare(&a, &b, CompareOptions { force })
            .map_err(|unlike| Refusal::conflict(unlike.to_string()))?;
        let text = comparison.render(Format::Json, &TextOptions::default());
        Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
    })
    .await
}
