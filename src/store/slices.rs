//! The time axis of a run: a row a slice, by when things were due.

use rusqlite::{Connection, named_params};

use super::codec::{int, ms};
use crate::metric::{Buckets, Quantile, Slices};

/// Writes the slices of a run that has ended.
pub(super) fn replace(connection: &Connection, run: i64, slices: &Slices) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM slices WHERE run_id = ?1")?.execute([run])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO slices (run_id, start_ms, width_ms, planned, started, dropped, requests, failed, censored,
             in_flight_mean, in_flight_max, response_time_p50_us, response_time_p99_us, service_time_p50_us,
             service_time_p99_us, schedule_lag_p50_us, schedule_lag_p99_us)
         VALUES (:run, :start, :width, :planned, :started, :dropped, :requests, :failed, :censored, :in_flight_mean,
             :in_flight_max, :response_p50, :response_p99, :service_p50, :service_p99, :lag_p50, :lag_p99)",
    )?;
    for slice in slices.as_slice() {
        insert.execute(named_params! {
            ":run": run,
            ":start": ms(slice.start),
            ":width": ms(slice.width),
            ":planned": int(slice.planned),
            ":started": int(slice.started),
            ":dropped": int(slice.dropped),
            ":requests": int(slice.requests),
            ":failed": int(slice.failed),
            ":censored": int(slice.censored),
            ":in_flight_mean": slice.in_flight_mean,
            ":in_flight_max": int(slice.in_flight_max),
            ":response_p50": quantile_us(&slice.response_time, Quantile::P50),
            ":response_p99": quantile_us(&slice.response_time, Quantile::P99),
            ":service_p50": quantile_us(&slice.service_time, Quantile::P50),
            ":service_p99": quantile_us(&slice.service_time, Quantile::P99),
            ":lag_p50": quantile_us(&slice.schedule_lag, Quantile::P50),
            ":lag_p99": quantile_us(&slice.schedule_lag, Quantile::P99),
        })?;
    }
    Ok(())
}

/// Microseconds at a quantile; `None` where there are too few values for it.
fn quantile_us(buckets: &Buckets, q: Quantile) -> Option<i64> {
    let enough = buckets.count() >= q.samples_needed();
    enough.then(|| buckets.quantile_s(q)).flatten().map(|seconds| (seconds * 1e6).round() as i64)
}
