//! The rows of a benchmark: an endpoint each, and one endpoint over all runs.

use rusqlite::{Connection, Row, named_params};

use super::codec::{int, json_column};
use crate::record::{EndpointRecord, EndpointRow};

/// Writes what a benchmark measured, over what may be there of an earlier attempt.
pub(super) fn replace(
    connection: &Connection,
    run: i64,
    endpoints: &[EndpointRecord],
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM benchmark_results WHERE run_id = ?1", [run])?;
    let mut places = endpoints.iter().zip(0_i64..);
    places.try_for_each(|(endpoint, position)| insert(connection, run, position, endpoint))
}

fn insert(
    connection: &Connection,
    run: i64,
    position: i64,
    endpoint: &EndpointRecord,
) -> rusqlite::Result<()> {
    let us = |ms: Option<f64>| ms.map(|ms| (ms * 1e3).round() as i64);
    connection.execute(
        "INSERT INTO benchmark_results (run_id, position, endpoint, count, failed, rate_per_s, response_time_min_us,
             response_time_avg_us, response_time_p50_us, response_time_p90_us, response_time_p95_us,
             response_time_p99_us, response_time_p99_9_us, response_time_max_us)
         VALUES (:run, :position, :endpoint, :count, :failed, :rate, :min, :avg, :p50, :p90, :p95, :p99, :p99_9, :max)",
        named_params! {
            ":run": run,
            ":position": position,
            ":endpoint": endpoint.name,
            ":count": int(endpoint.requests),
            ":failed": int(endpoint.failed),
            ":rate": endpoint.rate_per_s,
            ":min": us(endpoint.response_min_ms),
            ":avg": us(endpoint.response_mean_ms),
            ":p50": us(endpoint.response_p50_ms),
            ":p90": us(endpoint.response_p90_ms),
            ":p95": us(endpoint.response_p95_ms),
            ":p99": us(endpoint.response_p99_ms),
            ":p99_9": us(endpoint.response_p99_9_ms),
            ":max": us(endpoint.response_max_ms),
        },
    )?;
    Ok(())
}

/// An endpoint in all benchmarks, oldest first. What the table has no columns for comes from the findings, whose list has
/// the same order.
pub(super) fn history(
    connection: &Connection,
    endpoint: &str,
) -> rusqlite::Result<Vec<EndpointRow>> {
    let mut select = connection.prepare(
        "SELECT r.id, r.run_id, r.name, r.started_at_ms,
             (SELECT json_group_object(key, value) FROM run_tags WHERE run_id = r.id) AS tags_json,
             json_extract(r.findings_json, '$.endpoints[' || b.position || ']') AS endpoint_json
         FROM benchmark_results AS b JOIN test_runs AS r ON r.id = b.run_id
         WHERE b.endpoint = ?1
         ORDER BY r.id, b.position",
    )?;
    select.query_map([endpoint], endpoint_row)?.collect()
}

fn endpoint_row(row: &Row<'_>) -> rusqlite::Result<EndpointRow> {
    Ok(EndpointRow {
        id: row.get("id")?,
        run_id: row.get("run_id")?,
        name: row.get("name")?,
        started_at_ms: row.get("started_at_ms")?,
        tags: json_column(row, "tags_json")?,
        endpoint: json_column(row, "endpoint_json")?,
    })
}

/// The names of all endpoints that were ever measured, in alphabetical order.
pub(super) fn names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select =
        connection.prepare("SELECT DISTINCT endpoint FROM benchmark_results ORDER BY endpoint")?;
    select.query_map([], |row| row.get(0))?.collect()
}
