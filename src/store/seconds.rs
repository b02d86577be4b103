//! Steps and phases of a run that has no final record, from the rows of its seconds.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use super::codec::{Cells, count_column, json_column};
use crate::metric::Histogram;
use crate::record::{PhaseRecord, StepRecord};

/// One row of `test_metrics` with its series.
struct Second {
    number: u32,
    step: String,
    phase: String,
    tasks: Vec<String>,
    count: u64,
    failed: u64,
    statuses: BTreeMap<u16, u64>,
    bytes_sent: u64,
    bytes_received: u64,
    service_time: Histogram,
    response_time: Histogram,
}

/// All steps and phases of a run in one second of it.
#[derive(Debug, Clone)]
pub struct SecondPoint {
    /// The second for which the requests were intended, 0-based.
    pub second: u32,
    /// Requests that ended.
    pub count: u64,
    /// Requests that count as failed.
    pub failed: u64,
    /// Response times.
    pub response_time: Histogram,
    /// Virtual users alive at its end; `None` where it is not known.
    pub vus: Option<u64>,
    /// Requests in flight: the mean of the second once the run has ended, before that those at its end; `None` where it is
    /// not known.
    pub in_flight: Option<f64>,
}

impl SecondPoint {
    fn empty(second: u32) -> Self {
        let response_time = Histogram::new();
        Self { second, count: 0, failed: 0, response_time, vus: None, in_flight: None }
    }
}

/// The seconds of a run in the order of time; those of which nothing is known are left out.
pub(super) fn series(connection: &Connection, run: i64) -> rusqlite::Result<Vec<SecondPoint>> {
    let mut points: BTreeMap<u32, SecondPoint> = BTreeMap::new();
    add_gauges(connection, run, &mut points)?;
    for_each_second(connection, run, |second| {
        let number = second.number;
        let point = points.entry(number).or_insert_with(|| SecondPoint::empty(number));
        point.count += second.count;
        point.failed += second.failed;
        point.response_time.merge(&second.response_time);
    })?;
    Ok(points.into_values().collect())
}

/// Users and requests in flight at the flush that closed each second, and the mean of those once it is written.
fn add_gauges(
    connection: &Connection,
    run: i64,
    points: &mut BTreeMap<u32, SecondPoint>,
) -> rusqlite::Result<()> {
    // A flush at 3,000 ms closes the second that began at 2,000 ms.
    let mut flushes = connection.prepare(
        "SELECT max(at_ms - 1, 0) / 1000, vus, in_flight FROM flushes
         WHERE run_id = ?1 AND vus IS NOT NULL ORDER BY seq",
    )?;
    let mut rows = flushes.query([run])?;
    while let Some(row) = rows.next()? {
        let second: u32 = row.get(0)?;
        let point = points.entry(second).or_insert_with(|| SecondPoint::empty(second));
        let vus: Option<i64> = row.get(1)?;
        point.vus = vus.and_then(|vus| u64::try_from(vus).ok());
        point.in_flight = row.get(2)?;
    }
    let mut slices = connection.prepare(
        "SELECT start_ms / 1000, in_flight_mean FROM slices WHERE run_id = ?1 AND width_ms = 1000",
    )?;
    let mut rows = slices.query([run])?;
    while let Some(row) = rows.next()? {
        let second: u32 = row.get(0)?;
        let point = points.entry(second).or_insert_with(|| SecondPoint::empty(second));
        point.in_flight = row.get(1)?;
    }
    Ok(())
}

/// The steps in the order of their names; `phases` get their requests.
pub(super) fn rebuild(
    connection: &Connection,
    run: i64,
    phases: &mut [PhaseRecord],
) -> rusqlite::Result<Vec<StepRecord>> {
    let mut steps: BTreeMap<String, StepRecord> = BTreeMap::new();
    for_each_second(connection, run, |second| {
        if let Some(phase) = phases.iter_mut().find(|phase| phase.name == second.phase) {
            add_to_phase(phase, &second);
        }
        let step = steps.entry(second.step.clone()).or_insert_with(|| empty_step(&second.step));
        add_to_step(step, second);
    })?;
    Ok(steps.into_values().collect())
}

/// Row by row, in the order in which they were written: the seconds of a long run do not fit into memory all at once.
fn for_each_second(
    connection: &Connection,
    run: i64,
    mut take: impl FnMut(Second),
) -> rusqlite::Result<()> {
    let mut select = connection.prepare(
        "SELECT test_metrics.*, series.step, series.phase, series.tasks_json
         FROM test_metrics JOIN series ON series.id = test_metrics.series_id
         WHERE test_metrics.run_id = ?1 ORDER BY test_metrics.seq",
    )?;
    let mut rows = select.query([run])?;
    while let Some(row) = rows.next()? {
        take(second(row)?);
    }
    Ok(())
}

fn second(row: &Row<'_>) -> rusqlite::Result<Second> {
    let response_hdr: Vec<u8> = row.get("response_time_hdr")?;
    let service_hdr: Option<Vec<u8>> = row.get("service_time_hdr")?;
    let service_time = Cells {
        hdr: service_hdr.unwrap_or_else(|| response_hdr.clone()),
        min_ns: row.get("service_time_min_ns")?,
        max_ns: row.get("service_time_max_ns")?,
        sum_s: row.get("service_time_sum_s")?,
    };
    let response_time = Cells {
        hdr: response_hdr,
        min_ns: row.get("response_time_min_ns")?,
        max_ns: row.get("response_time_max_ns")?,
        sum_s: row.get("response_time_sum_s")?,
    };
    Ok(Second {
        number: row.get("second")?,
        step: row.get("step")?,
        phase: row.get("phase")?,
        tasks: json_column(row, "tasks_json")?,
        count: count_column(row, "count")?,
        failed: count_column(row, "failed")?,
        statuses: json_column(row, "statuses_json")?,
        bytes_sent: count_column(row, "sent_bytes")?,
        bytes_received: count_column(row, "received_bytes")?,
        service_time: service_time.histogram()?,
        response_time: response_time.histogram()?,
    })
}

fn add_to_phase(phase: &mut PhaseRecord, second: &Second) {
    phase.count += second.count;
    phase.failed += second.failed;
    phase.times.service_time.merge(&second.service_time);
    phase.times.response_time.merge(&second.response_time);
}

fn add_to_step(step: &mut StepRecord, second: Second) {
    for task in second.tasks {
        if !step.tasks.contains(&task) {
            step.tasks.push(task);
        }
    }
    step.count += second.count;
    step.failed += second.failed;
    for (status, count) in second.statuses {
        *step.statuses.entry(status).or_default() += count;
    }
    step.times.service_time.merge(&second.service_time);
    step.times.response_time.merge(&second.response_time);
    step.bytes_sent += second.bytes_sent;
    step.bytes_received += second.bytes_received;
}

fn empty_step(name: &str) -> StepRecord {
    StepRecord { name: name.to_owned(), ..StepRecord::default() }
}
