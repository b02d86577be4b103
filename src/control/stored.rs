//! Reading the store for requests. Everything here blocks for a moment.

use std::path::Path;

use serde_json::{Value, json};

use super::error::Answer;
use crate::metric::Quantile;
use crate::record::RunRow;
use crate::store::{ListFilter, SecondPoint, Store, StoreError, StoreErrorKind};

/// The rows of the store; none when there is no store yet.
pub(super) fn rows(database: &Path, filter: &ListFilter) -> Answer<Vec<RunRow>> {
    match Store::open_read_only(database) {
        Ok(store) => Ok(store.list(filter)?),
        Err(error) if matches!(error.kind, StoreErrorKind::Missing) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The row of a run, when the store has it.
pub(super) fn row_of(database: &Path, run_id: &str) -> Option<RunRow> {
    let store = Store::open_read_only(database).ok()?;
    let id = store.resolve(run_id).ok()?;
    store.row(id).ok()?.filter(|row| row.run_id == run_id)
}

/// A run second by second, as clients see it.
pub(super) fn series(store: &Store, id: i64) -> Result<Vec<Value>, StoreError> {
    let point = |point: &SecondPoint| {
        let ms = |quantile| {
            let time = point.response_time.supported_quantile(quantile);
            time.map(|time| time.as_secs_f64() * 1e3)
        };
        let ratio = point.failed as f64 / point.count.max(1) as f64;
        json!({
            "second": point.second,
            "rate_per_s": point.count,
            "error_ratio": ratio,
            "p50_ms": ms(Quantile::P50),
            "p95_ms": ms(Quantile::P95),
            "p99_ms": ms(Quantile::P99),
            "in_flight": point.in_flight,
            "vus": point.vus,
        })
    };
    Ok(store.series(id)?.iter().map(point).collect())
}
