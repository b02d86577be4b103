//! A run's record from its rows.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::codec::{Cells, count_column, duration_column, json_column, unreadable, word_column};
use super::{history, seconds};
use crate::metric::sink::{ErrorKey, ErrorStats};
use crate::metric::{Exemplar, Histogram, IterationStats, MetricKind, ResourceLevel, Slices};
use crate::record::{
    CheckRecord, Findings, LevelSample, MetricRecord, PhaseRecord, ResourceSample, ResourceUse,
    RunRecord, StepRecord, ThresholdRecord, TimesRecord, TotalsRecord,
};

/// The record of run `id`; `None` when there is no such run.
pub(super) fn record(connection: &Connection, id: i64) -> rusqlite::Result<Option<RunRecord>> {
    let head = connection
        .query_row("SELECT * FROM test_runs WHERE id = ?1", [id], |row| {
            Ok((row.get::<_, bool>("is_final")?, head(row)?))
        })
        .optional()?;
    let Some((is_final, mut record)) = head else { return Ok(None) };
    let mut histograms = histograms(connection, id)?;
    record.tags = tags(connection, id)?;
    record.phases = phases(connection, id, &mut histograms)?;
    for (phase, step) in steps(connection, id, &mut histograms)? {
        match phase {
            None => record.steps.push(step),
            // A row of no phase can only be another program's.
            Some(phase) => record
                .phases
                .get_mut(phase)
                .into_iter()
                .for_each(|found| found.steps.push(step.clone())),
        }
    }
    if !is_final {
        record.steps = seconds::rebuild(connection, id, &mut record.phases)?;
    }
    record.checks = checks(connection, id)?;
    record.thresholds = thresholds(connection, id)?;
    record.errors = errors(connection, id)?;
    record.exemplars = exemplars(connection, id)?;
    record.metrics = metrics(connection, id, &mut histograms)?;
    record.resources = resources(connection, id)?;
    record.levels = levels(connection, id)?;
    Ok(Some(record))
}

/// What `test_runs` itself tells; lists are empty.
fn head(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let findings: Option<String> = row.get("findings_json")?;
    let findings = match findings {
        Some(text) => serde_json::from_str(&text).map_err(unreadable)?,
        None => Findings::default(),
    };
    Ok(RunRecord {
        id: row.get("id")?,
        run_id: row.get("run_id")?,
        name: row.get("name")?,
        test_type: word_column(row, "test_type")?,
        status: history::status(row)?,
        exit_code: row.get("exit_code")?,
        started_at_ms: row.get("started_at_ms")?,
        elapsed: duration_column(row, "elapsed_ns")?,
        plan: json_column(row, "plan_json")?,
        tags: BTreeMap::new(),
        findings,
        steps: Vec::new(),
        phases: Vec::new(),
        checks: Vec::new(),
        thresholds: Vec::new(),
        errors: Vec::new(),
        exemplars: Vec::new(),
        metrics: Vec::new(),
        resources: Vec::new(),
        levels: Vec::new(),
        totals: totals(row)?,
        slices: Slices::default(),
        generator: json_column(row, "generator_json")?,
    })
}

fn totals(row: &Row<'_>) -> rusqlite::Result<TotalsRecord> {
    Ok(TotalsRecord {
        planned: count_column(row, "planned")?,
        started: count_column(row, "started")?,
        dropped: count_column(row, "dropped")?,
        completed: count_column(row, "completed")?,
        interrupted: count_column(row, "interrupted")?,
        failed_iterations: count_column(row, "failed_iterations")?,
        sent: count_column(row, "sent")?,
        requests: count_column(row, "requests")?,
        failed: count_column(row, "failed")?,
        throughput: row.get("throughput_per_s")?,
        bytes_sent: count_column(row, "sent_bytes")?,
        bytes_received: count_column(row, "received_bytes")?,
        vus_max: count_column(row, "vus_max")?,
        overflowed: count_column(row, "overflowed")?,
        discarded: count_column(row, "discarded")?,
    })
}

/// A run's rows of one list, in their order.
fn rows<T>(
    connection: &Connection,
    run: i64,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([run], read)?.collect()
}

/// Distributions by owner, position and kind.
type Histograms = BTreeMap<(String, i64, String), Histogram>;

fn histograms(connection: &Connection, run: i64) -> rusqlite::Result<Histograms> {
    let found = rows(connection, run, "SELECT * FROM histograms WHERE run_id = ?1", |row| {
        let cells = Cells {
            hdr: row.get("hdr")?,
            min_ns: row.get("min_ns")?,
            max_ns: row.get("max_ns")?,
            sum_s: row.get("sum_s")?,
        };
        let key = (row.get("owner")?, row.get("position")?, row.get("kind")?);
        Ok((key, cells.histogram()?))
    })?;
    Ok(found.into_iter().collect())
}

/// Takes a distribution out; an empty one where none was kept.
fn take(histograms: &mut Histograms, owner: &str, position: i64, kind: &str) -> Histogram {
    histograms.remove(&(owner.to_owned(), position, kind.to_owned())).unwrap_or_default()
}

fn times(histograms: &mut Histograms, owner: &str, position: i64) -> TimesRecord {
    let mut times = TimesRecord::default();
    for (kind, histogram) in times.each_mut() {
        *histogram = take(histograms, owner, position, kind);
    }
    times
}

fn tags(connection: &Connection, run: i64) -> rusqlite::Result<BTreeMap<String, String>> {
    let sql = "SELECT key, value FROM run_tags WHERE run_id = ?1";
    Ok(rows(connection, run, sql, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

fn steps(
    connection: &Connection,
    run: i64,
    histograms: &mut Histograms,
) -> rusqlite::Result<Vec<(Option<usize>, StepRecord)>> {
    let sql = "SELECT * FROM steps WHERE run_id = ?1 ORDER BY position";
    rows(connection, run, sql, |row| {
        let position = row.get("position")?;
        let step = StepRecord {
            name: row.get("name")?,
            tasks: json_column(row, "tasks_json")?,
            count: count_column(row, "count")?,
            failed: count_column(row, "failed")?,
            statuses: json_column(row, "statuses_json")?,
            times: times(histograms, "step", position),
            bytes_sent: count_column(row, "sent_bytes")?,
            bytes_received: count_column(row, "received_bytes")?,
        };
        let phase: Option<i64> = row.get("phase_position")?;
        Ok((phase.map(|phase| usize::try_from(phase).unwrap_or(usize::MAX)), step))
    })
}

fn phases(
    connection: &Connection,
    run: i64,
    histograms: &mut Histograms,
) -> rusqlite::Result<Vec<PhaseRecord>> {
    let sql = "SELECT * FROM phases WHERE run_id = ?1 ORDER BY position";
    rows(connection, run, sql, |row| {
        let position = row.get("position")?;
        Ok(PhaseRecord {
            name: row.get("name")?,
            start: duration_column(row, "start_ns")?,
            end: duration_column(row, "end_ns")?,
            count: count_column(row, "count")?,
            failed: count_column(row, "failed")?,
            times: times(histograms, "phase", position),
            steps: Vec::new(),
            iterations: IterationStats {
                planned: count_column(row, "planned")?,
                started: count_column(row, "started")?,
                dropped: count_column(row, "dropped")?,
                completed: count_column(row, "completed")?,
                interrupted: count_column(row, "interrupted")?,
                failed: count_column(row, "failed_iterations")?,
                response_time: take(histograms, "phase", position, "iteration_response_time"),
                censored_time: take(histograms, "phase", position, "iteration_censored_time"),
                duration: take(histograms, "phase", position, "iteration_duration"),
            },
        })
    })
}

fn checks(connection: &Connection, run: i64) -> rusqlite::Result<Vec<CheckRecord>> {
    rows(connection, run, "SELECT * FROM checks WHERE run_id = ?1 ORDER BY id", |row| {
        Ok(CheckRecord {
            name: row.get("name")?,
            task: row.get("task")?,
            passes: count_column(row, "passes")?,
            fails: count_column(row, "fails")?,
        })
    })
}

fn thresholds(connection: &Connection, run: i64) -> rusqlite::Result<Vec<ThresholdRecord>> {
    rows(connection, run, "SELECT * FROM thresholds WHERE run_id = ?1 ORDER BY id", |row| {
        Ok(ThresholdRecord {
            expression: row.get("expression")?,
            actual: row.get("actual")?,
            passed: row.get("passed")?,
            aborted: row.get("aborted")?,
        })
    })
}

fn errors(connection: &Connection, run: i64) -> rusqlite::Result<Vec<(ErrorKey, ErrorStats)>> {
    rows(connection, run, "SELECT * FROM errors WHERE run_id = ?1 ORDER BY id", |row| {
        let key = ErrorKey {
            source: word_column(row, "source")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            message: row.get("message")?,
        };
        let stats = ErrorStats {
            count: count_column(row, "count")?,
            first: duration_column(row, "first_ns")?,
            last: duration_column(row, "last_ns")?,
        };
        Ok((key, stats))
    })
}

fn exemplars(connection: &Connection, run: i64) -> rusqlite::Result<Vec<Exemplar>> {
    rows(connection, run, "SELECT * FROM exemplars WHERE run_id = ?1 ORDER BY id", |row| {
        Ok(Exemplar {
            name: row.get("name")?,
            url: row.get("url")?,
            task: row.get("task")?,
            vu_id: count_column(row, "vu_id")?,
            sent: duration_column(row, "sent_ns")?,
            response_time: duration_column(row, "response_time_ns")?,
            service_time: duration_column(row, "service_time_ns")?,
            times: json_column(row, "times_json")?,
            status: row.get("status")?,
            failed: row.get("failed")?,
            message: row.get("message")?,
        })
    })
}

fn metrics(
    connection: &Connection,
    run: i64,
    histograms: &mut Histograms,
) -> rusqlite::Result<Vec<MetricRecord>> {
    let sql = "SELECT * FROM metrics WHERE run_id = ?1 ORDER BY position";
    rows(connection, run, sql, |row| {
        let (low, high): (Option<f64>, Option<f64>) = (row.get("low")?, row.get("high")?);
        let (hits, total): (Option<i64>, Option<i64>) = (row.get("hits")?, row.get("total")?);
        let count = |value: i64| u64::try_from(value).map_err(unreadable);
        let kind: MetricKind = word_column(row, "kind")?;
        let position = row.get("position")?;
        Ok(MetricRecord {
            name: row.get("name")?,
            kind,
            value: row.get::<_, Option<f64>>("value")?.unwrap_or(f64::NAN),
            range: low.zip(high),
            hits: match hits.zip(total) {
                Some((hits, total)) => Some((count(hits)?, count(total)?)),
                None => None,
            },
            histogram: (kind == MetricKind::Trend)
                .then(|| take(histograms, "metric", position, "value")),
            bounds: take(histograms, "metric", position, "bounds"),
        })
    })
}

fn resources(connection: &Connection, run: i64) -> rusqlite::Result<Vec<ResourceSample>> {
    rows(connection, run, "SELECT * FROM resource_samples WHERE run_id = ?1 ORDER BY id", |row| {
        Ok(ResourceSample {
            owner: word_column(row, "owner")?,
            at: duration_column(row, "at_ns")?,
            usage: ResourceUse {
                cpu_percent: row.get("cpu_percent")?,
                host_cpu_percent: row.get("host_cpu_percent")?,
                memory_bytes: count_column(row, "memory_bytes")?,
                open_files: count_column(row, "open_files")?,
                connections: count_column(row, "connections")?,
                threads: count_column(row, "threads")?,
            },
        })
    })
}

fn levels(connection: &Connection, run: i64) -> rusqlite::Result<Vec<LevelSample>> {
    rows(connection, run, "SELECT * FROM resource_levels WHERE run_id = ?1 ORDER BY id", |row| {
        Ok(LevelSample {
            at: duration_column(row, "at_ns")?,
            level: ResourceLevel {
                resource: row.get("resource")?,
                unit: word_column(row, "unit")?,
                used: row.get("used")?,
                capacity: row.get("capacity")?,
                saturation: row.get("saturation")?,
            },
        })
    })
}
