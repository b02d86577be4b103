//! What the lab is told over HTTP: its configuration, and to begin again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::config::LabConfig;
use crate::api::error::{ApiError, ErrorBody};
use crate::api::extract::Body;
use crate::app::App;

/// Every knob of the lab.
#[utoipa::path(
    get, path = "/lab/config", tag = "lab",
    responses((status = 200, description = "the configuration", body = LabConfig))
)]
pub(crate) async fn get_config(State(app): State<Arc<App>>) -> Json<LabConfig> {
    Json(app.lab.config())
}

/// Changes the knobs that the body names, all or none of them; `null` clears one.
#[utoipa::path(
    put, path = "/lab/config", tag = "lab", request_body = Object,
    responses(
        (status = 200, description = "the configuration as changed", body = LabConfig),
        (status = 400, description = "no knob, or not a value of it", body = ErrorBody),
    )
)]
pub(crate) async fn put_config(
    State(app): State<Arc<App>>,
    Body(patch): Body<Value>,
) -> Result<Json<LabConfig>, ApiError> {
    let invalid = |message: String| ApiError::bad_request("invalid_config", message);
    let Value::Object(patch) = patch else {
        return Err(invalid("the body is an object of the knobs to change".to_owned()));
    };
    app.lab.reconfigure(patch).map(Json).map_err(|error| invalid(error.to_string()))
}

/// Sets the lab's clock to zero, empties its log and frees what it leaked; the configuration stays.
#[utoipa::path(
    post, path = "/lab/restart", tag = "lab",
    responses((status = 200, description = "the configuration", body = LabConfig))
)]
pub(crate) async fn restart(State(app): State<Arc<App>>) -> Json<LabConfig> {
    Json(app.lab.restart())
}
