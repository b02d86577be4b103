//! Finding runs without loading them.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::{count_column, duration_column, from_ns, json_column, unreadable, word_column};
use super::process::Process;
use super::{finish, open};
use crate::clock;
use crate::record::{RunRow, RunStatus};

/// Which runs to list; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only runs with this tag, and with this value when there is one.
    pub tag: Option<(String, Option<String>)>,
    /// Only runs of this name.
    pub name: Option<String>,
    /// Only runs that stand so.
    pub status: Option<RunStatus>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// What [`run_row`] reads.
const ROWS: &str =
    "SELECT *, (SELECT json_group_object(key, value) FROM run_tags WHERE run_id = test_runs.id) AS tags_json
     FROM test_runs";

/// One run; `None` when there is no such run.
pub(super) fn row(connection: &Connection, id: i64) -> rusqlite::Result<Option<RunRow>> {
    connection.query_row(&format!("{ROWS} WHERE id = ?1"), [id], run_row).optional()
}

/// Runs, newest first.
pub(super) fn list(connection: &Connection, filter: &ListFilter) -> rusqlite::Result<Vec<RunRow>> {
    let mut select = connection.prepare(&format!(
        "{ROWS}
         WHERE (?1 IS NULL OR name = ?1)
             AND (?2 IS NULL OR EXISTS (SELECT 1 FROM run_tags
                 WHERE run_id = test_runs.id AND key = ?2 AND (?3 IS NULL OR value = ?3)))
         ORDER BY id DESC"
    ))?;
    let (key, value) = match &filter.tag {
        Some((key, value)) => (Some(key), value.as_ref()),
        None => (None, None),
    };
    // How a run stands is known only once its process has been looked for, so that part of the filter is here.
    let limit = filter.limit.unwrap_or(usize::MAX);
    let mut rows = select.query(params![filter.name, key, value])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let row = run_row(row)?;
        if filter.status.is_none_or(|status| status == row.status) {
            found.push(row);
        }
    }
    Ok(found)
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let time = |column| row.get(column).map(|ns: Option<i64>| ns.map(from_ns));
    let tags: BTreeMap<String, String> = json_column(row, "tags_json")?;
    Ok(RunRow {
        id: row.get("id")?,
        run_id: row.get("run_id")?,
        name: row.get("name")?,
        test_type: word_column(row, "test_type")?,
        status: status(row)?,
        exit_code: row.get("exit_code")?,
        started_at_ms: row.get("started_at_ms")?,
        elapsed: duration_column(row, "elapsed_ns")?,
        load: row.get("load_label")?,
        validity: row.get("validity_verdict")?,
        requests: count_column(row, "requests")?,
        failed: count_column(row, "failed")?,
        throughput: row.get("throughput_per_s")?,
        p50: time("response_time_p50_ns")?,
        p95: time("response_time_p95_ns")?,
        p99: time("response_time_p99_ns")?,
        tags,
    })
}

/// How the run of a row stands: one that calls itself running while its process is dead was interrupted.
pub(super) fn status(row: &Row<'_>) -> rusqlite::Result<RunStatus> {
    let word: String = row.get("status")?;
    let status = RunStatus::from_word(&word)
        .ok_or_else(|| unreadable(format!("unknown status of a run: {word:?}")))?;
    if status != RunStatus::Running {
        return Ok(status);
    }
    let heartbeat_ms: i64 = row.get("heartbeat_at_ms")?;
    let age_ms = clock::wall_now_ms().saturating_sub(heartbeat_ms);
    let is_alive = Process::from_row(row)?.is_alive(age_ms);
    Ok(if is_alive { RunStatus::Running } else { RunStatus::Interrupted })
}

/// Writes down which runs were interrupted.
pub(super) fn mark_dead_runs(connection: &Connection) -> rusqlite::Result<()> {
    let dead = |connection: &Connection| -> rusqlite::Result<Vec<i64>> {
        let mut select = connection.prepare("SELECT * FROM test_runs WHERE status = 'running'")?;
        let rows = select.query_map([], |row| Ok((row.get("id")?, status(row)?)))?;
        let standing: Vec<(i64, RunStatus)> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(standing
            .into_iter()
            .filter(|(_, s)| *s != RunStatus::Running)
            .map(|(id, _)| id)
            .collect())
    };
    if dead(connection)?.is_empty() {
        return Ok(());
    }
    let transaction = open::begin(connection, &AtomicBool::new(false))?;
    for id in dead(&transaction)? {
        finish::mark_interrupted(&transaction, id)?;
    }
    transaction.commit()
}

/// The runs that a reference can mean; two when it is ambiguous.
pub(super) fn resolve(connection: &Connection, reference: &str) -> rusqlite::Result<Vec<i64>> {
    let found = |sql: &str, parameter: &dyn rusqlite::ToSql| -> rusqlite::Result<Vec<i64>> {
        let mut select = connection.prepare(sql)?;
        select.query_map([parameter], |row| row.get(0))?.collect()
    };
    let back = match reference.strip_prefix("last") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix('~').and_then(|n| n.parse::<i64>().ok()),
        None => None,
    };
    if let Some(back) = back {
        return found("SELECT id FROM test_runs ORDER BY id DESC LIMIT 1 OFFSET ?1", &back);
    }
    // A run id may begin with digits as well, but with a zero first for the next few thousand years.
    if let (Ok(id), false) = (reference.parse::<i64>(), reference.starts_with('0')) {
        let by_id = found("SELECT id FROM test_runs WHERE id = ?1", &id)?;
        if !by_id.is_empty() {
            return Ok(by_id);
        }
    }
    let named =
        found("SELECT id FROM test_runs WHERE name = ?1 ORDER BY id DESC LIMIT 1", &reference)?;
    if !named.is_empty() || reference.is_empty() {
        return Ok(named);
    }
    found(
        "SELECT id FROM test_runs WHERE substr(run_id, 1, length(?1)) = upper(?1) ORDER BY id LIMIT 2",
        &reference,
    )
}

/// The newest ended run before `id` with the same name.
pub(super) fn previous(connection: &Connection, id: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row(
            "SELECT id FROM test_runs
             WHERE id < ?1 AND status = 'finished' AND validity_verdict IS NOT 'INVALID'
                 AND name = (SELECT name FROM test_runs WHERE id = ?1)
             ORDER BY id DESC LIMIT 1",
            [id],
            |row| row.get(0),
        )
        .optional()
}

/// The newest run, as a message names it.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT id, name FROM test_runs ORDER BY id DESC LIMIT 1", [], |row| {
            Ok(format!("{}, {:?}", row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()
}

/// Whether there is such a run.
pub(super) fn exists(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM test_runs WHERE id = ?1")?.exists([id])
}

/// Whether there is such a run and its process is alive.
pub(super) fn is_running(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let standing =
        connection.query_row("SELECT * FROM test_runs WHERE id = ?1", [id], status).optional()?;
    Ok(standing == Some(RunStatus::Running))
}
