//! Every route, in one table: the router, the description in OpenAPI and the tests of who may ask are made of it.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Json, Router, middleware};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::Value;

use super::error::Refusal;
use super::openapi::openapi;
use super::queue::Control;
use super::{guard, live, runs, scripts, system};
use crate::page;

/// The largest body of a request.
const MOST_BYTES: usize = 1 << 20;

/// One method of one path.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// What it does, for the description.
    pub(super) summary: &'static str,
    handler: fn() -> MethodRouter<Arc<Control>>,
}

const fn route(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    handler: fn() -> MethodRouter<Arc<Control>>,
) -> Route {
    Route { method, path, summary, handler }
}

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/api/health", "Whether the server is there; needs no token", || {
        get(system::health)
    }),
    route("POST", "/api/tests/start", "Start a run, or let it wait for its turn", || {
        post(runs::start)
    }),
    route("GET", "/api/tests/runs", "All runs, the newest first", || get(runs::list)),
    route("GET", "/api/tests/runs/{id}", "One run whole", || get(runs::show)),
    route("DELETE", "/api/tests/runs/{id}", "Delete a run that has ended", || delete(runs::remove)),
    route("POST", "/api/tests/runs/{id}/stop", "Stop a run; a second time at once", || {
        post(runs::stop)
    }),
    route("POST", "/api/tests/runs/{id}/pause", "Begin nothing new for a while", || {
        post(runs::pause)
    }),
    route("POST", "/api/tests/runs/{id}/resume", "Go on after a pause", || post(runs::resume)),
    route("POST", "/api/tests/runs/{id}/scale", "Change users or rate of a run", || {
        post(runs::scale)
    }),
    route("GET", "/api/tests/runs/{id}/events", "The live feed, as server-sent events", || {
        get(live::events)
    }),
    route("GET", "/api/tests/ws/{id}", "The live feed, as a WebSocket", || get(live::socket)),
    route("GET", "/api/tests/runs/{id}/series", "A run second by second", || get(runs::series)),
    route(
        "GET",
        "/api/tests/runs/{id}/{report}",
        "A report: report.html, .json, .md or .csv",
        || get(runs::report),
    ),
    route("GET", "/api/tests/compare", "Two runs beside each other", || get(runs::compare)),
    route("GET", "/api/scripts", "The scripts that can be run", || get(scripts::list)),
    route("GET", "/api/scripts/{name}", "The text of a script", || get(scripts::read)),
    route("PUT", "/api/scripts/{name}", "Write a script", || put(scripts::write)),
    route("POST", "/api/scripts/check", "What is wrong with a script", || post(scripts::check)),
    route("GET", "/api/system/metrics", "What this machine has in use now", || {
        get(system::metrics)
    }),
    route("GET", "/api/openapi.json", "This description", || get(describe)),
];

/// The router of the whole server, guarded.
pub(super) fn router(control: &Arc<Control>) -> Router {
    let routes = ROUTES
        .iter()
        .fold(Router::new(), |router, route| router.route(route.path, (route.handler)()));
    routes
        .fallback(page_file)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(middleware::from_fn_with_state(control.clone(), guard::guard))
        .with_state(control.clone())
}

async fn wrong_method() -> Refusal {
    let message = "this path has no such method";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// A file of the page. What a browser has already is not sent again.
async fn page_file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let file = match page::file(uri.path()) {
        _ if method != Method::GET && method != Method::HEAD => {
            return wrong_method().await.into_response();
        }
        Some(file) => file,
        None => return Refusal::unknown("there is nothing at this path").into_response(),
    };
    let keep = if file.is_immutable() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let about = [(header::ETAG, file.etag), (header::CACHE_CONTROL, keep)];
    if has_already(&headers, file.etag) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, file.content_type)], file.bytes).into_response()
}

/// Whether one of the marks in `If-None-Match` is that of the file (RFC 9110, section 13.1.2: compared weakly).
fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut marks = lists.flat_map(|list| list.split(',')).map(str::trim);
    marks.any(|mark| mark == "*" || mark.strip_prefix("W/").unwrap_or(mark) == etag)
}

async fn describe(State(_): State<Arc<Control>>) -> Json<Value> {
    Json(openapi())
}
