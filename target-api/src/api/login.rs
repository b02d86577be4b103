//! Signing in and out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::extract::{Body, SignedIn};
use crate::app::App;
use crate::auth::password;
use crate::database::users;

/// Who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Credentials {
    #[schema(example = "user1@example.com")]
    email: String,
    #[schema(example = "secret")]
    password: String,
}

/// The proof of a sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignIn {
    /// To be sent as `authorization: Bearer TOKEN`.
    token: String,
    expires_in_s: f64,
}

/// Signs a user in.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", request_body = Credentials,
    responses(
        (status = 200, description = "signed in", body = SignIn),
        (status = 400, description = "the body is not JSON", body = ErrorBody),
        (status = 401, description = "wrong address or password", body = ErrorBody),
        (status = 422, description = "the body lacks a field", body = ErrorBody),
    )
)]
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    Body(Credentials { email, password }): Body<Credentials>,
) -> Result<Json<SignIn>, ApiError> {
    let found = app.database.read(move |c| users::credentials(c, &email)).await?;
    // Here and not on a blocking thread: it takes about as long as it would take to get there.
    let user_id = match found {
        Some((user_id, stored)) => password::matches(&password, &stored).then_some(user_id),
        None => {
            password::match_nothing(&password);
            None
        }
    };
    let user_id = user_id.ok_or_else(|| {
        ApiError::unauthorized("wrong_credentials", "the e-mail address or the password is wrong")
    })?;
    let token = app.sessions.open(user_id).to_string();
    Ok(Json(SignIn { token, expires_in_s: app.sessions.ttl().as_secs_f64() }))
}

/// Signs the user out.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 204, description = "done"),
        (status = 401, description = "no valid token", body = ErrorBody),
    )
)]
pub(crate) async fn logout(State(app): State<Arc<App>>, user: SignedIn) -> StatusCode {
    app.sessions.close(user.token);
    StatusCode::NO_CONTENT
}
