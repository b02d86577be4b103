//! What truly happened, for comparison with what a load generator says.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bench::Findings;
use super::config::LabConfig;
use super::log::Entry;
use super::model::Outcome;
use crate::api::error::{ApiError, ErrorBody};
use crate::app::App;

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TruthQuery {
    /// 1 for the log of every request too.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1)]
    log: u8,
}

/// A distribution by the log, exactly: a quantile is the smallest value that is not exceeded by the
/// share (nearest rank). `null` where nothing was measured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Distribution {
    count: usize,
    mean: Option<f64>,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    p99_9: Option<f64>,
    max: Option<f64>,
}

impl Distribution {
    /// The distribution of nanoseconds, in milliseconds.
    fn of_ns(values: impl Iterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        let count = values.len();
        let millis = |nanos: u64| nanos as f64 / 1e6;
        // In thousandths, so that the rank is exact.
        let quantile = |thousandths: usize| {
            let rank = (count * thousandths).div_ceil(1_000).max(1);
            values.get(rank - 1).copied().map(millis)
        };
        let sum: f64 = values.iter().copied().map(millis).sum();
        Self {
            count,
            mean: (count > 0).then(|| sum / count as f64),
            p50: quantile(500),
            p90: quantile(900),
            p99: quantile(990),
            p99_9: quantile(999),
            max: quantile(1_000),
        }
    }
}

/// Every request that is through, in the order of arrivals; times since the lab's zero.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RawLog {
    arrived_us: Vec<u64>,
    /// When its answer was made.
    finished_us: Vec<u64>,
    /// When it was due to finish by the lab's own schedule.
    due_us: Vec<u64>,
    service_us: Vec<u64>,
    /// 200, 500 or 503.
    status: Vec<u16>,
}

impl RawLog {
    fn new(findings: &Findings) -> Self {
        let mut entries: Vec<Entry> = findings.excerpt.entries().copied().collect();
        entries.sort_by_key(|entry| entry.arrived_ns);
        let micros =
            |of: fn(&Entry) -> u64| entries.iter().map(|entry| of(entry) / 1_000).collect();
        Self {
            arrived_us: micros(|entry| entry.arrived_ns),
            finished_us: micros(|entry| entry.finished_ns),
            due_us: micros(|entry| entry.due_ns),
            service_us: micros(|entry| entry.service_ns),
            status: entries.iter().map(|entry| status(entry.outcome)).collect(),
        }
    }
}

fn status(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Served => 200,
        Outcome::Failed => 500,
        Outcome::Refused => 503,
    }
}

/// What truly happened since the lab's zero: arrivals = finished + rejected + in flight.
///
/// The distributions are of what has finished, errors included and refusals not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Truth {
    config: LabConfig,
    /// The lab's clock.
    uptime_s: f64,
    arrivals: u64,
    /// Served, be it with success or with an error.
    finished: u64,
    /// Answered 503: neither a slot nor a place in the queue.
    rejected: u64,
    /// Of `finished`, those answered 500.
    errors: u64,
    in_flight: u64,
    /// The most that ever waited for a slot at the same time.
    max_queue: usize,
    leaked_bytes: u64,
    /// Whether there were over 2,000,000 requests, or a day of them: the distributions, the log and
    /// the counts by second then leave out what came later.
    truncated: bool,
    /// The mean number of requests at work.
    busy_mean: f64,
    /// The same as a share of the present slots, 0 to 1; `null` without a limit of slots.
    utilisation: Option<f64>,
    /// Arrivals in each second since zero.
    arrivals_per_s: Vec<u32>,
    finishes_per_s: Vec<u32>,
    /// How long requests were worked at.
    service_time_ms: Distribution,
    /// From arrival to when it was due to finish, but for the service: in the queue, or frozen.
    waiting_time_ms: Distribution,
    /// From arrival to when it was due to finish.
    sojourn_due_ms: Distribution,
    /// From arrival to when the answer was made.
    sojourn_time_ms: Distribution,
    /// From when it was due to when the answer was made: the error of the lab's timer, and `cpu`.
    lateness_ms: Distribution,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<RawLog>,
}

impl Truth {
    fn new(findings: Findings, wants_log: bool) -> Self {
        let distribution = |of: fn(&Entry) -> u64| {
            let through = findings.excerpt.entries().filter(|e| e.outcome != Outcome::Refused);
            Distribution::of_ns(through.map(of))
        };
        let uptime_s = findings.uptime.as_secs_f64();
        let busy_mean = findings.busy_time.as_secs_f64() / uptime_s.max(f64::MIN_POSITIVE);
        let slots = findings.config.slots;
        let log = wants_log.then(|| RawLog::new(&findings));
        Self {
            service_time_ms: distribution(|e| e.service_ns),
            waiting_time_ms: distribution(|e| e.due_ns - e.arrived_ns - e.service_ns),
            sojourn_due_ms: distribution(|e| e.due_ns - e.arrived_ns),
            sojourn_time_ms: distribution(|e| e.finished_ns - e.arrived_ns),
            lateness_ms: distribution(|e| e.finished_ns - e.due_ns),
            uptime_s,
            busy_mean,
            utilisation: slots.map(|slots| busy_mean / f64::from(slots)),
            config: findings.config,
            max_queue: findings.max_queue,
            leaked_bytes: findings.leaked_bytes,
            arrivals: findings.excerpt.counts.arrivals,
            finished: findings.excerpt.counts.finished,
            rejected: findings.excerpt.counts.rejected,
            errors: findings.excerpt.counts.errors,
            in_flight: findings.excerpt.counts.in_flight,
            truncated: findings.excerpt.counts.is_truncated,
            arrivals_per_s: findings.excerpt.counts.arrivals_per_s,
            finishes_per_s: findings.excerpt.counts.finishes_per_s,
            log,
        }
    }
}

/// What truly happened since the lab was started or restarted.
#[utoipa::path(
    get, path = "/lab/truth", tag = "lab", params(TruthQuery),
    responses(
        (status = 200, description = "what happened", body = Truth),
        (status = 400, description = "log is neither 0 nor 1", body = ErrorBody),
    )
)]
pub(crate) async fn truth(
    State(app): State<Arc<App>>,
    query: Result<Query<TruthQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let log = query.map(|Query(query)| query.log).ok().filter(|log| *log <= 1);
    let invalid = || ApiError::bad_request("invalid_query", "`log` is 0 or 1, and nothing else");
    let wants_log = log.ok_or_else(invalid)? == 1;
    let findings = app.lab.findings();
    // Sorting a million numbers takes a while, in which requests are to be answered as before.
    let making = tokio::task::spawn_blocking(move || {
        serde_json::to_vec(&Truth::new(findings, wants_log)).expect("numbers under fixed names")
    });
    let body = making.await.expect("it neither panics nor is called off");
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_ranks() {
        let thousand = Distribution::of_ns((1..=1_000).rev().map(|n| n * 1_000_000));
        let found = [thousand.p50, thousand.p90, thousand.p99, thousand.p99_9, thousand.max];
        assert_eq!(found, [500.0, 900.0, 990.0, 999.0, 1_000.0].map(Some));
        assert_eq!((thousand.count, thousand.mean), (1_000, Some(500.5)));
        let one = Distribution::of_ns(std::iter::once(2_000_000));
        assert_eq!((one.p50, one.max), (Some(2.0), Some(2.0)));
        let none = Distribution::of_ns(std::iter::empty());
        assert_eq!((none.count, none.mean, none.p99), (0, None, None));
    }
}
