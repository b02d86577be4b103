//! Users.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::extract::{Body, Ids, SignedIn};
use super::page::{Page, PageQuery};
use crate::app::App;
use crate::database::users::{self, Change, Changed, User};

/// The longest name, in characters.
pub(super) const NAME_MAX: usize = 100;
/// The longest address, in bytes (RFC 5321).
const EMAIL_MAX: usize = 254;
/// The longest bio, in characters.
const BIO_MAX: usize = 1_000;

/// What a user says about themselves; what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UserUpdate {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(max_length = 254)]
    email: Option<String>,
    #[schema(max_length = 1000)]
    bio: Option<String>,
}

impl UserUpdate {
    fn validate(self) -> Result<Change, ApiError> {
        let Self { name, email, bio } = self;
        validate_name(&name)?;
        if email.as_deref().is_some_and(|email| !is_email(email)) {
            return Err(ApiError::invalid("email is not an address"));
        }
        if bio.as_deref().is_some_and(|bio| bio.chars().count() > BIO_MAX) {
            return Err(ApiError::invalid(format!("bio has over {BIO_MAX} characters")));
        }
        Ok(Change { name, email, bio })
    }
}

/// A name has 1 to [`NAME_MAX`] characters, not all of them spaces.
pub(super) fn validate_name(name: &str) -> Result<(), ApiError> {
    if name.trim().is_empty() {
        return Err(ApiError::invalid("name is empty"));
    }
    if name.chars().count() > NAME_MAX {
        return Err(ApiError::invalid(format!("name has over {NAME_MAX} characters")));
    }
    Ok(())
}

/// Something before and after one `@`, and no spaces: more can only be told by sending a mail.
fn is_email(text: &str) -> bool {
    let has_ends = text
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    has_ends && text.len() <= EMAIL_MAX && !text.contains(char::is_whitespace)
}

pub(super) fn no_such_user(id: i64) -> ApiError {
    ApiError::not_found("user_not_found", format!("there is no user {id}"))
}

/// Users by id.
#[utoipa::path(
    get, path = "/api/users", tag = "users", params(PageQuery),
    responses(
        (status = 200, description = "one page", body = Page<User>),
        (status = 400, description = "page or limit is out of range", body = ErrorBody),
    )
)]
pub(crate) async fn list_users(
    State(app): State<Arc<App>>,
    page: PageQuery,
) -> Result<Json<Page<User>>, ApiError> {
    let found = app.database.read(move |c| users::page(c, page.limit(), page.offset())).await?;
    Ok(Json(Page::new(found, page)))
}

/// One user.
#[utoipa::path(
    get, path = "/api/users/{id}", tag = "users", params(("id" = i64, Path)),
    responses(
        (status = 200, description = "the user", body = User),
        (status = 400, description = "the id is not a number", body = ErrorBody),
        (status = 404, description = "there is no such user", body = ErrorBody),
    )
)]
pub(crate) async fn get_user(
    State(app): State<Arc<App>>,
    Ids(id): Ids<i64>,
) -> Result<Json<User>, ApiError> {
    let user = app.database.read(move |c| users::find(c, id)).await?;
    user.map(Json).ok_or_else(|| no_such_user(id))
}

/// The user who asks.
#[utoipa::path(
    get, path = "/api/users/me", tag = "users", security(("bearer" = [])),
    responses(
        (status = 200, description = "the user", body = User),
        (status = 401, description = "no valid token", body = ErrorBody),
    )
)]
pub(crate) async fn get_me(
    State(app): State<Arc<App>>,
    SignedIn { user_id, .. }: SignedIn,
) -> Result<Json<User>, ApiError> {
    let user = app.database.read(move |c| users::find(c, user_id)).await?;
    user.map(Json).ok_or_else(|| no_such_user(user_id))
}

/// Changes the user who asks.
#[utoipa::path(
    put, path = "/api/users/me", tag = "users", security(("bearer" = [])),
    request_body = UserUpdate,
    responses(
        (status = 200, description = "the user", body = User),
        (status = 400, description = "the body is not JSON", body = ErrorBody),
        (status = 401, description = "no valid token", body = ErrorBody),
        (status = 409, description = "the address is another user's", body = ErrorBody),
        (status = 422, description = "a value will not do", body = ErrorBody),
    )
)]
pub(crate) async fn put_me(
    State(app): State<Arc<App>>,
    SignedIn { user_id, .. }: SignedIn,
    Body(update): Body<UserUpdate>,
) -> Result<Json<User>, ApiError> {
    let change = update.validate()?;
    match app.database.write(move |t| users::update(t, user_id, &change)).await? {
        Changed::Done(user) => Ok(Json(user)),
        Changed::EmailTaken => {
            Err(ApiError::conflict("email_taken", "the address is another user's"))
        }
        Changed::NoSuchUser => Err(no_such_user(user_id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_two_ends_and_one_at_sign() {
        for (text, expected) in [
            ("a@b", true),
            ("user1@example.com", true),
            ("", false),
            ("a", false),
            ("@b", false),
            ("a@", false),
            ("a@b@c", false),
            ("a b@c", false),
        ] {
            assert_eq!(is_email(text), expected, "{text}");
        }
    }
}
