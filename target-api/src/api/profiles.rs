//! Public profiles: the look-up that takes its time.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::error::{ApiError, ErrorBody};
use super::extract::Ids;
use crate::app::App;
use crate::database::profiles::{self, Profile};

/// One profile, 10 to 100 ms late unless the service was told otherwise.
#[utoipa::path(
    get, path = "/user/{id}", tag = "profiles", params(("id" = i64, Path)),
    responses(
        (status = 200, description = "the profile", body = Profile),
        (status = 400, description = "the id is not a number", body = ErrorBody),
        (status = 404, description = "there is no such profile", body = ErrorBody),
    )
)]
pub(crate) async fn get_profile(
    State(app): State<Arc<App>>,
    Ids(id): Ids<i64>,
) -> Result<Json<Profile>, ApiError> {
    let profile = app.database.read(move |c| profiles::find(c, id)).await?;
    let missing = || ApiError::not_found("profile_not_found", format!("there is no profile {id}"));
    profile.map(Json).ok_or_else(missing)
}
