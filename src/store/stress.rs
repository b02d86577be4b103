//! The rows of a search for the breaking point and of a benchmark, for those who read the file with SQL. What reports show
//! is in `findings_json`.

use rusqlite::{Connection, named_params};

use super::codec::to_json;
use crate::plan::ProbeLoad;
use crate::record::{Bottleneck, ProbeRecord, StressFinding};

/// Writes what a search found, over what may be there of an earlier attempt.
pub(super) fn replace(
    connection: &Connection,
    run: i64,
    found: &StressFinding,
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM stress_results WHERE run_id = ?1", [run])?;
    connection.execute("DELETE FROM probes WHERE run_id = ?1", [run])?;
    let usl = found.knee.as_ref().and_then(|knee| knee.usl.as_ref());
    let sustainable = found.max_sustainable.as_ref();
    connection.execute(
        "INSERT INTO stress_results (run_id, unit, max_sustainable, max_sustainable_lower, max_sustainable_upper,
             breakdown, breakdown_lower, knee, bottleneck, usl_json)
         VALUES (:run, :unit, :value, :lower, :upper, :breakdown, :breakdown_lower, :knee, :bottleneck, :usl)",
        named_params! {
            ":run": run,
            // Of the results; each probe has the unit of its load.
            ":unit": "per_s",
            ":value": sustainable.map(|s| s.value),
            ":lower": sustainable.map(|s| s.lower),
            ":upper": sustainable.and_then(|s| s.upper),
            ":breakdown": found.breakdown.as_ref().map(|b| b.value),
            ":breakdown_lower": found.breakdown.as_ref().and_then(|b| b.lower),
            ":knee": found.knee.as_ref().and_then(|knee| knee.power_point.as_ref()).map(|point| point.load),
            ":bottleneck": found.bottleneck.as_ref().map(named),
            ":usl": usl.map(to_json).transpose()?,
        },
    )?;
    found.probes.iter().try_for_each(|probe| insert_probe(connection, run, probe))
}

/// The resource by its name, or why none is named.
fn named(found: &Bottleneck) -> String {
    found.resource.clone().unwrap_or_else(|| found.category.as_str().to_owned())
}

fn insert_probe(connection: &Connection, run: i64, probe: &ProbeRecord) -> rusqlite::Result<()> {
    let (unit, offered) = match probe.load {
        ProbeLoad::PerSecond(_) => ("per_s", probe.offered_per_s),
        ProbeLoad::Users(users) => ("vus", users as f64),
    };
    let us = |ms: Option<f64>| ms.map(|ms| (ms * 1e3).round() as i64);
    let ns = |s: f64| (s * 1e9).round() as i64;
    connection.execute(
        "INSERT INTO probes (run_id, position, unit, offered, achieved_per_s, error_ratio, response_time_p50_us,
             response_time_p95_us, response_time_p99_us, start_ns, end_ns, verdict, reason)
         VALUES (:run, :position, :unit, :offered, :achieved, :errors, :p50, :p95, :p99, :start, :end, :verdict, :reason)",
        named_params! {
            ":run": run,
            ":position": probe.number as i64 - 1,
            ":unit": unit,
            ":offered": offered,
            ":achieved": probe.achieved_per_s,
            ":errors": probe.error_ratio,
            ":p50": us(probe.response_p50_ms),
            ":p95": us(probe.response_p95_ms),
            ":p99": us(probe.response_p99_ms),
            ":start": ns(probe.start_s),
            ":end": ns(probe.start_s + probe.measured_s),
            ":verdict": probe.verdict.as_str(),
            ":reason": probe.reason,
        },
    )?;
    Ok(())
}
