//! How the service is: health, metrics, and the description of its API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::metrics::prometheus;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` for as long as the service answers.
    #[schema(value_type = String)]
    status: &'static str,
    uptime_s: f64,
    #[schema(value_type = String)]
    version: &'static str,
}

/// Whether the service answers.
#[utoipa::path(
    get, path = "/api/health", tag = "status",
    responses((status = 200, description = "the service answers", body = Health))
)]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    Json(Health { status: "ok", uptime_s: app.uptime_s(), version: env!("CARGO_PKG_VERSION") })
}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "status",
    responses((status = 200, description = "the document", body = Object))
)]
pub(crate) async fn openapi(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}

/// What the service measures about itself, in Prometheus's text format.
#[utoipa::path(
    get, path = "/metrics", tag = "status",
    responses(
        (status = 200, description = "the metrics", body = String, content_type = "text/plain"),
    )
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut page = prometheus::Page::default();
    page.gauge("uptime_seconds", "Time since the service started.", app.uptime_s());
    page.routes(app.routes.iter().map(AsRef::as_ref));
    page.pool(app.database.metrics());
    let (hits, misses) = app.teams.hits_and_misses();
    page.counter("cache_hits_total", "Teams that were found in the cache.", hits);
    page.counter("cache_misses_total", "Teams that had to be read from the database.", misses);
    page.gauge("sessions", "Sign-ins that are remembered.", app.sessions.count());
    ([(CONTENT_TYPE, prometheus::CONTENT_TYPE)], page.into_text()).into_response()
}
