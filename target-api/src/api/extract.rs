//! What is taken from a request, with errors in our own words.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::app::App;
use crate::auth::Token;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(body_error(&rejection)),
        }
    }
}

/// 400 for what is not JSON, 413 and 415 as HTTP has them, 422 for JSON of the wrong shape.
fn body_error(rejection: &JsonRejection) -> ApiError {
    let code = match rejection {
        JsonRejection::JsonDataError(_) => "invalid_body",
        JsonRejection::JsonSyntaxError(_) => "malformed_body",
        JsonRejection::MissingJsonContentType(_) => "unsupported_media_type",
        _ if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        _ => "unreadable_body",
    };
    ApiError::new(rejection.status(), code, rejection.body_text())
}

/// The ids in a path: a number, or a tuple of numbers.
#[derive(Debug)]
pub(crate) struct Ids<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(_) => {
                let message = format!("an id in {} is not a whole number", parts.uri.path());
                Err(ApiError::bad_request("invalid_id", message))
            }
        }
    }
}

/// The user who is asking, by the token in `authorization: Bearer`.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) user_id: i64,
    pub(crate) token: Token,
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).ok_or_else(|| {
            ApiError::unauthorized(
                "missing_token",
                "sign in, then send authorization: Bearer TOKEN",
            )
        })?;
        let token = header.to_str().ok().and_then(bearer).and_then(|text| text.parse().ok());
        let user = token.and_then(|token| Some((app.sessions.user(token)?, token)));
        let (user_id, token) = user.ok_or_else(|| {
            ApiError::unauthorized("invalid_token", "the token is unknown or has expired")
        })?;
        Ok(Self { user_id, token })
    }
}

/// What follows the scheme `Bearer`, whose letters' case does not matter (RFC 9110, 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
