//! The two ends of a run in the file: its first row, and its whole record.

use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, named_params};

use super::codec::{Precision, as_stored, to_json, word};
use super::flush::{self, Flusher};
use super::process::Process;
use super::{bench, lists, open, slices, stress};
use crate::clock;
use crate::metric::Histogram;
use crate::pipeline::{RunHead, Snapshot};
use crate::record::{self, RECORD_VERSION, RunRecord, RunStatus, TimesRecord};

/// Inserts the row of a run that begins; its place in the history.
pub(super) fn insert_run(connection: &Connection, head: &RunHead) -> rusqlite::Result<i64> {
    let process = Process::current();
    let transaction = open::begin(connection, &AtomicBool::new(false))?;
    transaction.execute(
        "INSERT INTO test_runs (run_id, record_version, name, test_type, status, started_at_ms, heartbeat_at_ms, pid,
             process_started_ticks, machine_id, load_label, plan_json, generator_json)
         VALUES (:run_id, :version, :name, :test_type, :status, :started_at, :heartbeat, :pid, :ticks, :machine,
             :load, :plan, :generator)",
        named_params! {
            ":run_id": head.run_id,
            ":version": RECORD_VERSION,
            ":name": head.name,
            ":test_type": word(&head.test_type)?,
            ":status": RunStatus::Running.as_str(),
            ":started_at": head.started_at_ms,
            ":heartbeat": clock::wall_now_ms(),
            ":pid": process.pid,
            ":ticks": process.started_ticks,
            ":machine": process.machine_id,
            ":load": record::load_label(&head.plan),
            ":plan": to_json(&record::redacted(&head.plan))?,
            ":generator": to_json(&head.generator)?,
        },
    )?;
    let run = transaction.last_insert_rowid();
    for (key, value) in &head.tags {
        set_tag(&transaction, run, key, value)?;
    }
    transaction.commit()?;
    Ok(run)
}

/// Sets one tag.
pub(super) fn set_tag(
    connection: &Connection,
    run: i64,
    key: &str,
    value: &str,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO run_tags (run_id, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value",
        (run, key, value),
    )?;
    Ok(())
}

/// Writes what was left over and the whole record, then empties the write-ahead log.
pub(super) fn write_final(
    flusher: &mut Flusher,
    unwritten: Option<&Snapshot>,
    record: &RunRecord,
) -> rusqlite::Result<()> {
    let patient = AtomicBool::new(false);
    if let Some(snapshot) = unwritten {
        flusher.flush(snapshot, &patient)?;
    }
    let transaction = open::begin(flusher.connection(), &patient)?;
    write_record(&transaction, flusher.run, record)?;
    transaction.commit()?;
    // Best effort: a reader may hold the log, and whoever closes the file last empties it as well.
    let _busy: rusqlite::Result<()> =
        flusher.connection().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(())
}

fn write_record(connection: &Connection, run: i64, record: &RunRecord) -> rusqlite::Result<()> {
    let validity = record.findings.validity.as_ref();
    connection.execute(
        "UPDATE test_runs SET status = :status, exit_code = :exit_code, is_final = 1, name = :name,
             plan_json = :plan, generator_json = :generator, validity_verdict = :verdict,
             validity_reasons_json = :reasons, findings_json = :findings
         WHERE id = :run",
        named_params! {
            ":run": run,
            ":status": record.status.as_str(),
            ":exit_code": record.exit_code,
            ":name": record.name,
            ":plan": to_json(&record::redacted(&record.plan))?,
            ":generator": to_json(&record.generator)?,
            ":verdict": validity.map(|v| v.verdict.as_str()),
            ":reasons": validity.map(|v| to_json(&v.reasons)).transpose()?,
            ":findings": to_json(&record.findings)?,
        },
    )?;
    for (key, value) in &record.tags {
        set_tag(connection, run, key, value)?;
    }
    flush::update_totals(connection, run, record.elapsed, &record.totals)?;
    let mut response_time = Histogram::new();
    // Merged from what is stored, so that a list shows the digits that the loaded record does.
    record.steps.iter().for_each(|step| response_time.merge(&as_stored(&step.times.response_time)));
    flush::update_quantiles(connection, run, &response_time)?;
    lists::replace_steps(connection, run, &record.steps, &record.phases)?;
    slices::replace(connection, run, &record.slices)?;
    lists::replace_phases(connection, run, &record.phases, Precision::Total)?;
    lists::replace_metrics(connection, run, &record.metrics, Precision::Total)?;
    lists::replace_checks(connection, run, &record.checks)?;
    lists::replace_errors(connection, run, &record.errors)?;
    lists::replace_thresholds(connection, run, &record.thresholds)?;
    lists::replace_exemplars(connection, run, &record.exemplars)?;
    if let Some(found) = &record.findings.stress {
        stress::replace(connection, run, found)?;
    }
    bench::replace(connection, run, &record.findings.endpoints)?;
    // Whoever made a record without samples did not keep them; those of the seconds are here already.
    if !record.resources.is_empty() {
        connection.execute("DELETE FROM resource_samples WHERE run_id = ?1", [run])?;
        flush::insert_resources(connection, run, &record.resources)?;
    }
    if !record.levels.is_empty() {
        connection.execute("DELETE FROM resource_levels WHERE run_id = ?1", [run])?;
        flush::insert_levels(connection, run, &record.levels)?;
    }
    Ok(())
}

/// Marks a run whose process will not end it.
pub(super) fn mark_interrupted(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE test_runs SET status = ?2 WHERE id = ?1 AND is_final = 0",
        (run, RunStatus::Interrupted.as_str()),
    )?;
    Ok(())
}

/// Makes a record's distributions and plan what [`super::Store::load`] gives back, so that a report at the end of a run
/// and one from the file show the same digits.
pub(super) fn normalise(record: &mut RunRecord) {
    let keep = |histogram: &mut Histogram| *histogram = as_stored(histogram);
    let keep_times = |times: &mut TimesRecord| {
        times.each_mut().into_iter().for_each(|(_, histogram)| keep(histogram))
    };
    record.steps.iter_mut().for_each(|step| keep_times(&mut step.times));
    for phase in &mut record.phases {
        keep_times(&mut phase.times);
        phase.steps.iter_mut().for_each(|step| keep_times(&mut step.times));
        keep(&mut phase.iterations.duration);
        keep(&mut phase.iterations.response_time);
        keep(&mut phase.iterations.censored_time);
    }
    for metric in &mut record.metrics {
        metric.histogram.as_mut().into_iter().for_each(keep);
        keep(&mut metric.bounds);
    }
    record.plan = record::redacted(&record.plan);
}
