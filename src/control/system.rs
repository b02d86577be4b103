//! The server itself and the machine under it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::error::{Answer, Refusal};
use super::launcher::MachineUse;
use super::queue::Control;
use super::state::State as RunState;

/// `GET /api/health`
pub(super) async fn health(State(control): State<Arc<Control>>) -> Json<Value> {
    let entries = control.entries();
    let running = entries.iter().find(|entry| entry.is_under_way()).map(|entry| &entry.run_id);
    let queued = entries.iter().filter(|entry| entry.state == RunState::Queued).count();
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": control.uptime().as_secs_f64(),
        "running": running,
        "queued": queued,
    }))
}

/// `GET /api/system/metrics`
pub(super) async fn metrics(State(control): State<Arc<Control>>) -> Answer<Json<MachineUse>> {
    blocking(move || Ok(control.launcher.machine())).await.map(Json)
}

/// Does what blocks for a moment on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        Err(Refusal::new(status, "internal", "a defect of rhaid; its log says more"))
    })
}
