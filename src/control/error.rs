//! What is answered when a request cannot be met: `{code, message, detail?}` with a fitting status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::store::{StoreError, StoreErrorKind};

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The HTTP status.
    #[serde(skip)]
    pub status: StatusCode,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// A way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Refusal {
    /// A refusal without a way out.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: None }
    }

    /// What was sent makes no sense.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// There is no such thing.
    #[must_use]
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// It cannot be done as things stand.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// It is more than may be asked for.
    #[must_use]
    pub fn beyond(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "beyond_cap", message)
    }

    /// The same with a way out.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let (status, code) = match error.kind {
            // Where the database lies is nothing to those who ask for a run that is not there.
            StoreErrorKind::UnknownRun { .. } | StoreErrorKind::Missing => {
                return Self::unknown("there is no such run");
            }
            StoreErrorKind::StillRunning(_) => (StatusCode::CONFLICT, "conflict"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "store"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// What every handler gives.
pub(super) type Answer<T> = Result<T, Refusal>;

impl From<axum::extract::rejection::JsonRejection> for Refusal {
    fn from(rejection: axum::extract::rejection::JsonRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
            _ => return Self::invalid(rejection.body_text()),
        };
        Self::new(rejection.status(), code, rejection.body_text())
    }
}
