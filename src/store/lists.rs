//! The lists of a record that are cumulative: written each flush where they changed, and once more at the end.
//!
//! A list is replaced whole, so that its order and its length are the record's whatever was there before.

use rusqlite::{Connection, named_params};

use super::codec::{Cells, Precision, int, ns, to_json, word};
use crate::metric::sink::{ErrorKey, ErrorStats};
use crate::metric::{Exemplar, Histogram};
use crate::pipeline::Snapshot;
use crate::record::{CheckRecord, MetricRecord, PhaseRecord, StepRecord, ThresholdRecord};

/// What the file has, so that an unchanged list is not written again each second.
#[derive(Debug, Default)]
pub(super) struct Written {
    checks: Vec<CheckRecord>,
    errors: Vec<(ErrorKey, ErrorStats)>,
    thresholds: Vec<ThresholdRecord>,
}

/// Writes the lists of a snapshot that differ from what was written last.
pub(super) fn write_changed(
    connection: &Connection,
    run: i64,
    snapshot: &Snapshot,
    before: &Written,
) -> rusqlite::Result<Written> {
    if snapshot.checks != before.checks {
        replace_checks(connection, run, &snapshot.checks)?;
    }
    if snapshot.errors != before.errors {
        replace_errors(connection, run, &snapshot.errors)?;
    }
    if snapshot.thresholds != before.thresholds {
        replace_thresholds(connection, run, &snapshot.thresholds)?;
    }
    Ok(Written {
        checks: snapshot.checks.clone(),
        errors: snapshot.errors.clone(),
        thresholds: snapshot.thresholds.clone(),
    })
}

pub(super) fn replace_checks(
    connection: &Connection,
    run: i64,
    checks: &[CheckRecord],
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM checks WHERE run_id = ?1")?.execute([run])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO checks (run_id, name, task, passes, fails) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for check in checks {
        insert.execute((run, &check.name, &check.task, int(check.passes), int(check.fails)))?;
    }
    Ok(())
}

pub(super) fn replace_errors(
    connection: &Connection,
    run: i64,
    errors: &[(ErrorKey, ErrorStats)],
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM errors WHERE run_id = ?1")?.execute([run])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO errors (run_id, source, name, kind, message, count, first_ns, last_ns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (key, stats) in errors {
        insert.execute((
            run,
            word(&key.source)?,
            &key.name,
            &key.kind,
            &key.message,
            int(stats.count),
            ns(stats.first),
            ns(stats.last),
        ))?;
    }
    Ok(())
}

pub(super) fn replace_thresholds(
    connection: &Connection,
    run: i64,
    thresholds: &[ThresholdRecord],
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM thresholds WHERE run_id = ?1")?.execute([run])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO thresholds (run_id, expression, actual, passed, aborted) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for rule in thresholds {
        insert.execute((run, &rule.expression, rule.actual, rule.passed, rule.aborted))?;
    }
    Ok(())
}

pub(super) fn replace_phases(
    connection: &Connection,
    run: i64,
    phases: &[PhaseRecord],
    precision: Precision,
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM phases WHERE run_id = ?1")?.execute([run])?;
    clear_histograms(connection, run, "phase")?;
    for (position, phase) in (0_i64..).zip(phases) {
        let iterations = &phase.iterations;
        connection
            .prepare_cached(
                "INSERT INTO phases (run_id, position, name, start_ns, end_ns, count, failed, planned, started,
                     dropped, completed, interrupted, failed_iterations)
                 VALUES (:run, :position, :name, :start, :end, :count, :failed, :planned, :started, :dropped,
                     :completed, :interrupted, :failed_iterations)",
            )?
            .execute(named_params! {
                ":run": run,
                ":position": position,
                ":name": phase.name,
                ":start": ns(phase.start),
                ":end": ns(phase.end),
                ":count": int(phase.count),
                ":failed": int(phase.failed),
                ":planned": int(iterations.planned),
                ":started": int(iterations.started),
                ":dropped": int(iterations.dropped),
                ":completed": int(iterations.completed),
                ":interrupted": int(iterations.interrupted),
                ":failed_iterations": int(iterations.failed),
            })?;
        let place = Place { run, owner: "phase", position };
        for (kind, histogram) in phase.times.each() {
            place.insert(connection, kind, histogram, precision)?;
        }
        place.insert(connection, "iteration_duration", &iterations.duration, precision)?;
        let (response, censored) = (&iterations.response_time, &iterations.censored_time);
        place.insert(connection, "iteration_response_time", response, precision)?;
        place.insert(connection, "iteration_censored_time", censored, precision)?;
    }
    Ok(())
}

pub(super) fn replace_metrics(
    connection: &Connection,
    run: i64,
    metrics: &[MetricRecord],
    precision: Precision,
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM metrics WHERE run_id = ?1")?.execute([run])?;
    clear_histograms(connection, run, "metric")?;
    for (position, metric) in (0_i64..).zip(metrics) {
        connection
            .prepare_cached(
                "INSERT INTO metrics (run_id, position, name, kind, value, low, high, hits, total)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute((
                run,
                position,
                &metric.name,
                word(&metric.kind)?,
                metric.value,
                metric.range.map(|(low, _)| low),
                metric.range.map(|(_, high)| high),
                metric.hits.map(|(hits, _)| int(hits)),
                metric.hits.map(|(_, total)| int(total)),
            ))?;
        if let Some(histogram) = &metric.histogram {
            let place = Place { run, owner: "metric", position };
            place.insert(connection, "value", histogram, precision)?;
            place.insert(connection, "bounds", &metric.bounds, precision)?;
        }
    }
    Ok(())
}

pub(super) fn replace_steps(
    connection: &Connection,
    run: i64,
    steps: &[StepRecord],
    phases: &[PhaseRecord],
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM steps WHERE run_id = ?1")?.execute([run])?;
    clear_histograms(connection, run, "step")?;
    let of_run = steps.iter().map(|step| (None, step));
    let of_phases = (0_i64..)
        .zip(phases)
        .flat_map(|(phase, found)| found.steps.iter().map(move |step| (Some(phase), step)));
    for (position, (phase, step)) in (0_i64..).zip(of_run.chain(of_phases)) {
        connection
            .prepare_cached(
                "INSERT INTO steps (run_id, position, name, tasks_json, count, failed, statuses_json, sent_bytes,
                     received_bytes, phase_position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute((
                run,
                position,
                &step.name,
                to_json(&step.tasks)?,
                int(step.count),
                int(step.failed),
                to_json(&step.statuses)?,
                int(step.bytes_sent),
                int(step.bytes_received),
                phase,
            ))?;
        let place = Place { run, owner: "step", position };
        for (kind, histogram) in step.times.each() {
            place.insert(connection, kind, histogram, Precision::Total)?;
        }
    }
    Ok(())
}

pub(super) fn replace_exemplars(
    connection: &Connection,
    run: i64,
    exemplars: &[Exemplar],
) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM exemplars WHERE run_id = ?1")?.execute([run])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO exemplars (run_id, name, url, task, vu_id, sent_ns, response_time_ns, service_time_ns, times_json,
             status, failed, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for exemplar in exemplars {
        insert.execute((
            run,
            &exemplar.name,
            &exemplar.url,
            &exemplar.task,
            int(exemplar.vu_id),
            ns(exemplar.sent),
            ns(exemplar.response_time),
            ns(exemplar.service_time),
            to_json(&exemplar.times)?,
            exemplar.status,
            exemplar.failed,
            &exemplar.message,
        ))?;
    }
    Ok(())
}

/// Whose distribution a row of `histograms` is.
#[derive(Debug, Clone, Copy)]
struct Place {
    run: i64,
    owner: &'static str,
    position: i64,
}

impl Place {
    fn insert(
        self,
        connection: &Connection,
        kind: &str,
        histogram: &Histogram,
        precision: Precision,
    ) -> rusqlite::Result<()> {
        if histogram.count() == 0 {
            return Ok(());
        }
        let cells = Cells::of(histogram, precision);
        connection
            .prepare_cached(
                "INSERT INTO histograms (run_id, owner, position, kind, count, min_ns, max_ns, sum_s, hdr)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute((
                self.run,
                self.owner,
                self.position,
                kind,
                int(histogram.count()),
                cells.min_ns,
                cells.max_ns,
                cells.sum_s,
                cells.hdr,
            ))?;
        Ok(())
    }
}

fn clear_histograms(connection: &Connection, run: i64, owner: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM histograms WHERE run_id = ?1 AND owner = ?2")?
        .execute((run, owner))?;
    Ok(())
}
