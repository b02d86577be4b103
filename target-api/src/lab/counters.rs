//! How many requests have arrived.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// Requests received since the start or the last reset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counters {
    /// All of them: the sum of `by_route`.
    received: u64,
    /// By method and route, e.g. `GET /api/teams/{id}`, those above zero; `unmatched` is every path
    /// without a route.
    by_route: BTreeMap<String, u64>,
}

impl Counters {
    /// Adds up what `take` reads from each counter.
    fn gather(app: &App, take: impl Fn(&AtomicU64) -> u64) -> Self {
        let by_route: BTreeMap<_, _> = app
            .routes
            .iter()
            .flat_map(|route| {
                route.methods().map(move |(method, metrics)| (route, method, metrics))
            })
            .map(|(route, method, metrics)| {
                (format!("{method} {}", route.route), take(&metrics.received))
            })
            .filter(|(_, received)| *received > 0)
            .collect();
        Self { received: by_route.values().sum(), by_route }
    }
}

/// How many requests have arrived, each counted once, the moment its head did.
#[utoipa::path(
    get, path = "/lab/counters", tag = "lab",
    responses((status = 200, description = "the counts", body = Counters))
)]
pub(crate) async fn counters(State(app): State<Arc<App>>) -> Json<Counters> {
    Json(Counters::gather(&app, |counter| counter.load(Ordering::Relaxed)))
}

/// Sets the counters to zero and answers what they were.
#[utoipa::path(
    post, path = "/lab/counters/reset", tag = "lab",
    responses((status = 200, description = "the counts", body = Counters))
)]
pub(crate) async fn reset_counters(State(app): State<Arc<App>>) -> Json<Counters> {
    Json(Counters::gather(&app, |counter| counter.swap(0, Ordering::Relaxed)))
}
