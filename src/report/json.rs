//! JSON: the view as it is (`docs/run-record.schema.json`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::clean::clean;
use super::view::RunView;
use super::view::times::{to_ms, to_s};
use crate::record::{RunRecord, RunRow, RunStatus};

/// A run whole, as one JSON document with a final line break.
#[must_use]
pub fn json(record: &RunRecord) -> String {
    pretty(&RunView::of(record))
}

/// Runs as a JSON array, in the order given.
#[must_use]
pub fn json_list(rows: &[RunRow]) -> String {
    pretty(&rows.iter().map(RowView::of).collect::<Vec<_>>())
}

/// Indented JSON with a final line break.
pub(super) fn pretty<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("plain data serialises") + "\n"
}

/// One run of a list.
#[derive(Debug, Serialize)]
struct RowView {
    run_id: String,
    id: i64,
    status: RunStatus,
    name: String,
    test_type: String,
    exit_code: Option<i32>,
    started_at: String,
    elapsed_s: f64,
    load: String,
    validity: Option<String>,
    requests: u64,
    failed: u64,
    error_ratio: f64,
    throughput: f64,
    response_time_p50_ms: Option<f64>,
    response_time_p95_ms: Option<f64>,
    response_time_p99_ms: Option<f64>,
    tags: BTreeMap<String, String>,
}

impl RowView {
    fn of(row: &RunRow) -> Self {
        Self {
            run_id: clean(&row.run_id),
            id: row.id,
            status: row.status,
            name: clean(&row.name),
            test_type: super::view::word(&row.test_type),
            exit_code: row.exit_code,
            started_at: super::view::rfc3339(row.started_at_ms),
            elapsed_s: to_s(row.elapsed),
            load: clean(&row.load),
            validity: row.validity.as_deref().map(clean),
            requests: row.requests,
            failed: row.failed,
            error_ratio: row.error_ratio(),
            throughput: row.throughput,
            response_time_p50_ms: row.p50.map(to_ms),
            response_time_p95_ms: row.p95.map(to_ms),
            response_time_p99_ms: row.p99.map(to_ms),
            tags: row.tags.iter().map(|(k, v)| (clean(k), clean(v))).collect(),
        }
    }
}
