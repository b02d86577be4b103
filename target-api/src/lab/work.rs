//! `/lab/work`, and how requests pass through the lab.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::bench::Lab;
use super::model::{Finished, Outcome};
use super::processor::burn;

/// What the lab did to a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Spent {
    /// From its arrival to its slot.
    slot_wait_ms: f64,
    /// How long it was worked at, stalls left out.
    service_ms: f64,
}

impl Spent {
    fn new(finished: &Finished) -> Self {
        let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        Self {
            slot_wait_ms: millis(finished.begun_at - finished.arrived_at),
            service_ms: millis(finished.service),
        }
    }
}

/// The body of an answer that the lab made an error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpentInVain {
    /// For programs: `lab_error` or `lab_refused`.
    #[schema(value_type = String)]
    code: &'static str,
    /// For people.
    #[schema(value_type = String)]
    message: &'static str,
    #[serde(flatten)]
    spent: Spent,
}

/// The lab as one route sees it.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    lab: Arc<Lab>,
    is_work: bool,
}

impl Gate {
    /// The gate of `route`, as the OpenAPI document writes it.
    pub(crate) fn new(lab: Arc<Lab>, route: &str) -> Self {
        Self { lab, is_work: route == "/lab/work" }
    }
}

/// Lets a request through the lab before anything else happens to it, if the lab is for its route.
pub(crate) async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    if !gate.is_work && !gate.lab.covers_all() {
        return next.run(request).await;
    }
    let passage = gate.lab.pass().await;
    if let Some(cpu) = passage.cpu.filter(|_| passage.finished.outcome != Outcome::Refused) {
        burn(cpu);
    }
    let (outcome, spent) = (passage.finished.outcome, Spent::new(&passage.finished));
    // In the log before the client knows of it.
    drop(passage);
    let (status, code, message) = match outcome {
        Outcome::Served => {
            request.extensions_mut().insert(spent);
            return next.run(request).await;
        }
        Outcome::Failed => {
            (StatusCode::INTERNAL_SERVER_ERROR, "lab_error", "the lab was told to fail")
        }
        Outcome::Refused => (
            StatusCode::SERVICE_UNAVAILABLE,
            "lab_refused",
            "there is neither a free slot nor a place in the queue",
        ),
    };
    (status, Json(SpentInVain { code, message, spent })).into_response()
}

/// Work that takes as long as the lab is told.
#[utoipa::path(
    get, path = "/lab/work", tag = "lab",
    responses(
        (status = 200, description = "what the lab did", body = Spent),
        (status = 500, description = "the lab was told to fail", body = SpentInVain),
        (status = 503, description = "no slot and no place in the queue", body = SpentInVain),
    )
)]
pub(crate) async fn get_work(Extension(spent): Extension<Spent>) -> Json<Spent> {
    Json(spent)
}

/// Work that takes as long as the lab is told; the body is not looked at.
#[utoipa::path(
    post, path = "/lab/work", tag = "lab",
    responses(
        (status = 200, description = "what the lab did", body = Spent),
        (status = 500, description = "the lab was told to fail", body = SpentInVain),
        (status = 503, description = "no slot and no place in the queue", body = SpentInVain),
    )
)]
pub(crate) async fn post_work(Extension(spent): Extension<Spent>) -> Json<Spent> {
    Json(spent)
}
