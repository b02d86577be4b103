//! One snapshot to rows, in one transaction together with the row that accounts for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rusqlite::{Connection, named_params};

use super::codec::{Cells, Precision, int, ms, ns, to_json, word};
use super::{lists, open};
use crate::clock;
use crate::metric::{Histogram, Quantile};
use crate::pipeline::{PhasePoint, Snapshot, StepPoint};
use crate::record::{LevelSample, PhaseRecord, ResourceSample, TimesRecord, TotalsRecord};

/// Writes one run. Owns the connection; whoever calls it decides on which thread.
#[derive(Debug)]
pub(super) struct Flusher {
    connection: Connection,
    /// The run's row.
    pub(super) run: i64,
    /// Number of the next flush.
    seq: i64,
    /// Response times of all that was committed.
    response_time: Histogram,
    /// Rows of series whose tasks are as the file has them.
    series: HashMap<(Arc<str>, Arc<str>), Series>,
    /// What the cumulative lists were when they were last committed.
    written: lists::Written,
}

#[derive(Debug, Clone)]
struct Series {
    id: i64,
    tasks: Vec<Arc<str>>,
}

impl Flusher {
    /// For a run whose row exists.
    pub(super) fn new(connection: Connection, run: i64) -> Self {
        Self {
            connection,
            run,
            seq: 0,
            response_time: Histogram::new(),
            series: HashMap::new(),
            written: lists::Written::default(),
        }
    }

    /// The connection, for what is written after the last snapshot.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Writes a snapshot whole or not at all.
    pub(super) fn flush(
        &mut self,
        snapshot: &Snapshot,
        give_up: &AtomicBool,
    ) -> rusqlite::Result<()> {
        let mut response_time = self.response_time.clone();
        snapshot.points.iter().for_each(|point| response_time.merge(&point.response_time));
        let mut series = self.series.clone();
        let transaction = open::begin(&self.connection, give_up)?;
        for point in &snapshot.points {
            let id = series_row(&transaction, self.run, &mut series, point)?;
            insert_point(&transaction, (self.run, id, self.seq), snapshot, point)?;
        }
        insert_resources(&transaction, self.run, &snapshot.resources)?;
        insert_levels(&transaction, self.run, &snapshot.levels)?;
        insert_accounts(&transaction, (self.run, self.seq), snapshot)?;
        let written = lists::write_changed(&transaction, self.run, snapshot, &self.written)?;
        let phases: Vec<PhaseRecord> = snapshot.phases.iter().map(phase_so_far).collect();
        lists::replace_phases(&transaction, self.run, &phases, Precision::Second)?;
        lists::replace_metrics(&transaction, self.run, &snapshot.metrics, Precision::Second)?;
        update_totals(&transaction, self.run, snapshot.at, &snapshot.totals)?;
        update_quantiles(&transaction, self.run, &response_time)?;
        // A process that cannot see this one may have taken it for dead while it waited for a lock.
        transaction
            .prepare_cached(
                "UPDATE test_runs SET status = 'running' WHERE id = ?1 AND status = 'interrupted'",
            )?
            .execute([self.run])?;
        transaction.commit()?;
        (self.response_time, self.series, self.written) = (response_time, series, written);
        self.seq += 1;
        Ok(())
    }
}

fn series_row(
    connection: &Connection,
    run: i64,
    known: &mut HashMap<(Arc<str>, Arc<str>), Series>,
    point: &StepPoint,
) -> rusqlite::Result<i64> {
    let key = (point.step.clone(), point.phase.clone());
    let mut tasks = known.get(&key).map(|series| series.tasks.clone()).unwrap_or_default();
    let known_tasks = tasks.len();
    point.tasks.iter().for_each(|task| {
        if !tasks.contains(task) {
            tasks.push(task.clone());
        }
    });
    if let Some(series) = known.get(&key).filter(|_| tasks.len() == known_tasks) {
        return Ok(series.id);
    }
    let names: Vec<&str> = tasks.iter().map(|task| &**task).collect();
    let id = connection
        .prepare_cached(
            "INSERT INTO series (run_id, step, phase, tasks_json) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (run_id, step, phase) DO UPDATE SET tasks_json = excluded.tasks_json
             RETURNING id",
        )?
        .query_row((run, &*key.0, &*key.1, to_json(&names)?), |row| row.get(0))?;
    known.insert(key, Series { id, tasks });
    Ok(id)
}

fn insert_point(
    connection: &Connection,
    (run, series, seq): (i64, i64, i64),
    snapshot: &Snapshot,
    point: &StepPoint,
) -> rusqlite::Result<()> {
    let service = Cells::of(&point.service_time, Precision::Second);
    let response = Cells::of(&point.response_time, Precision::Second);
    let at = |q| point.response_time.supported_quantile(q).map(|d| int(d.as_micros() as u64));
    connection
        .prepare_cached(
            "INSERT INTO test_metrics (run_id, series_id, seq, at_ms, interval_ms, second, censored, count, failed, statuses_json,
                 sent_bytes, received_bytes, response_time_p50_us, response_time_p95_us, response_time_p99_us,
                 service_time_min_ns, service_time_max_ns, service_time_sum_s, service_time_hdr,
                 response_time_min_ns, response_time_max_ns, response_time_sum_s, response_time_hdr)
             VALUES (:run, :series, :seq, :at, :interval, :second, :censored, :count, :failed, :statuses, :sent, :received,
                 :p50, :p95, :p99, :service_min, :service_max, :service_sum, :service_hdr,
                 :response_min, :response_max, :response_sum, :response_hdr)",
        )?
        .execute(named_params! {
            ":run": run,
            ":series": series,
            ":seq": seq,
            ":at": ms(snapshot.at),
            ":interval": ms(snapshot.interval),
            ":second": point.second,
            ":censored": int(point.censored),
            ":count": int(point.count),
            ":failed": int(point.failed),
            ":statuses": to_json(&point.statuses)?,
            ":sent": int(point.bytes_sent),
            ":received": int(point.bytes_received),
            ":p50": at(Quantile::P50),
            ":p95": at(Quantile::P95),
            ":p99": at(Quantile::P99),
            ":service_min": service.min_ns,
            ":service_max": service.max_ns,
            ":service_sum": service.sum_s,
            ":service_hdr": (service.hdr != response.hdr).then_some(&service.hdr),
            ":response_min": response.min_ns,
            ":response_max": response.max_ns,
            ":response_sum": response.sum_s,
            ":response_hdr": response.hdr,
        })?;
    Ok(())
}

/// Appends resource samples.
pub(super) fn insert_resources(
    connection: &Connection,
    run: i64,
    samples: &[ResourceSample],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO resource_samples (run_id, owner, at_ns, cpu_percent, host_cpu_percent, memory_bytes, open_files,
             connections, threads) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for sample in samples {
        let usage = &sample.usage;
        insert.execute((
            run,
            word(&sample.owner)?,
            ns(sample.at),
            finite(usage.cpu_percent),
            finite(usage.host_cpu_percent),
            int(usage.memory_bytes),
            int(usage.open_files),
            int(usage.connections),
            int(usage.threads),
        ))?;
    }
    Ok(())
}

/// Appends levels of resources.
pub(super) fn insert_levels(
    connection: &Connection,
    run: i64,
    samples: &[LevelSample],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO resource_levels (run_id, at_ns, resource, unit, used, capacity, saturation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for LevelSample { at, level } in samples {
        insert.execute((
            run,
            ns(*at),
            &*level.resource,
            level.unit.as_str(),
            finite(level.used),
            level.capacity,
            level.saturation,
        ))?;
    }
    Ok(())
}

/// SQLite keeps NaN as NULL, which these columns refuse.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn insert_accounts(
    connection: &Connection,
    (run, seq): (i64, i64),
    snapshot: &Snapshot,
) -> rusqlite::Result<()> {
    let totals = &snapshot.totals;
    connection
        .prepare_cached(
            "INSERT INTO flushes (run_id, seq, at_ms, planned, started, dropped, sent, requests, failed,
                 vus, in_flight) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            run,
            seq,
            ms(snapshot.at),
            int(totals.planned),
            int(totals.started),
            int(totals.dropped),
            int(totals.sent),
            int(totals.requests),
            int(totals.failed),
            int(snapshot.vus),
            int(snapshot.in_flight),
        ))?;
    Ok(())
}

/// The run's sums, its length so far and its heartbeat.
pub(super) fn update_totals(
    connection: &Connection,
    run: i64,
    elapsed: Duration,
    totals: &TotalsRecord,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE test_runs SET elapsed_ns = :elapsed, heartbeat_at_ms = :heartbeat, planned = :planned,
                 started = :started, dropped = :dropped, completed = :completed, interrupted = :interrupted,
                 failed_iterations = :failed_iterations, sent = :sent, requests = :requests, failed = :failed,
                 throughput_per_s = :throughput, sent_bytes = :sent_bytes, received_bytes = :received_bytes,
                 vus_max = :vus_max, overflowed = :overflowed, discarded = :discarded
             WHERE id = :run",
        )?
        .execute(named_params! {
            ":run": run,
            ":elapsed": ns(elapsed),
            ":heartbeat": clock::wall_now_ms(),
            ":planned": int(totals.planned),
            ":started": int(totals.started),
            ":dropped": int(totals.dropped),
            ":completed": int(totals.completed),
            ":interrupted": int(totals.interrupted),
            ":failed_iterations": int(totals.failed_iterations),
            ":sent": int(totals.sent),
            ":requests": int(totals.requests),
            ":failed": int(totals.failed),
            ":throughput": finite(totals.throughput),
            ":sent_bytes": int(totals.bytes_sent),
            ":received_bytes": int(totals.bytes_received),
            ":vus_max": int(totals.vus_max),
            ":overflowed": int(totals.overflowed),
            ":discarded": int(totals.discarded),
        })?;
    Ok(())
}

/// The percentiles that lists show.
pub(super) fn update_quantiles(
    connection: &Connection,
    run: i64,
    response_time: &Histogram,
) -> rusqlite::Result<()> {
    let at = |q| response_time.supported_quantile(q).map(ns);
    connection
        .prepare_cached(
            "UPDATE test_runs SET response_time_p50_ns = ?2, response_time_p95_ns = ?3, response_time_p99_ns = ?4
             WHERE id = ?1",
        )?
        .execute((run, at(Quantile::P50), at(Quantile::P95), at(Quantile::P99)))?;
    Ok(())
}

/// A phase of a run that is not over: its requests are still in the rows of their seconds.
fn phase_so_far(point: &PhasePoint) -> PhaseRecord {
    PhaseRecord {
        name: point.phase.to_string(),
        start: point.start,
        end: point.end,
        count: 0,
        failed: 0,
        times: TimesRecord::default(),
        iterations: point.iterations.clone(),
        steps: Vec::new(),
    }
}
