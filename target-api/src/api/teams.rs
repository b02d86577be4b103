//! Teams and their members.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::extract::{Body, Ids, SignedIn};
use super::page::{Page, PageQuery};
use super::users::no_such_user;
use crate::app::App;
use crate::database::teams::{self, Joined, Left, Member, Team};

/// Who joins a team.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewMember {
    user_id: i64,
}

fn no_such_team(id: i64) -> ApiError {
    ApiError::not_found("team_not_found", format!("there is no team {id}"))
}

/// Teams by id.
#[utoipa::path(
    get, path = "/api/teams", tag = "teams", params(PageQuery),
    responses(
        (status = 200, description = "one page", body = Page<Team>),
        (status = 400, description = "page or limit is out of range", body = ErrorBody),
    )
)]
pub(crate) async fn list_teams(
    State(app): State<Arc<App>>,
    page: PageQuery,
) -> Result<Json<Page<Team>>, ApiError> {
    let found = app.database.read(move |c| teams::page(c, page.limit(), page.offset())).await?;
    Ok(Json(Page::new(found, page)))
}

/// One team, from the cache if it is there.
#[utoipa::path(
    get, path = "/api/teams/{id}", tag = "teams", params(("id" = i64, Path)),
    responses(
        (status = 200, description = "the team", body = Team),
        (status = 400, description = "the id is not a number", body = ErrorBody),
        (status = 404, description = "there is no such team", body = ErrorBody),
    )
)]
pub(crate) async fn get_team(
    State(app): State<Arc<App>>,
    Ids(id): Ids<i64>,
) -> Result<Json<Arc<Team>>, ApiError> {
    let ticket = match app.teams.get(id) {
        Ok(team) => return Ok(Json(team)),
        Err(ticket) => ticket,
    };
    let team = app.database.read(move |c| teams::find(c, id)).await?;
    let team = Arc::new(team.ok_or_else(|| no_such_team(id))?);
    app.teams.fill(&ticket, Arc::clone(&team));
    Ok(Json(team))
}

/// A team's members by id.
#[utoipa::path(
    get, path = "/api/teams/{id}/members", tag = "teams", params(("id" = i64, Path), PageQuery),
    responses(
        (status = 200, description = "one page", body = Page<Member>),
        (status = 400, description = "page, limit or id will not do", body = ErrorBody),
        (status = 404, description = "there is no such team", body = ErrorBody),
    )
)]
pub(crate) async fn list_members(
    State(app): State<Arc<App>>,
    Ids(id): Ids<i64>,
    page: PageQuery,
) -> Result<Json<Page<Member>>, ApiError> {
    let found =
        app.database.read(move |c| teams::members(c, id, page.limit(), page.offset())).await?;
    Ok(Json(Page::new(found.ok_or_else(|| no_such_team(id))?, page)))
}

/// Makes a user a member.
#[utoipa::path(
    post, path = "/api/teams/{id}/members", tag = "teams", params(("id" = i64, Path)),
    security(("bearer" = [])), request_body = NewMember,
    responses(
        (status = 201, description = "the new member", body = Member),
        (status = 400, description = "the id or the body makes no sense", body = ErrorBody),
        (status = 401, description = "no valid token", body = ErrorBody),
        (status = 404, description = "there is no such team or user", body = ErrorBody),
        (status = 409, description = "the user is a member already", body = ErrorBody),
        (status = 422, description = "a value will not do", body = ErrorBody),
    )
)]
pub(crate) async fn add_member(
    State(app): State<Arc<App>>,
    _user: SignedIn,
    Ids(id): Ids<i64>,
    Body(NewMember { user_id }): Body<NewMember>,
) -> Result<(StatusCode, Json<Member>), ApiError> {
    match app.database.write(move |t| teams::join(t, id, user_id)).await? {
        Joined::Done(member) => {
            app.teams.invalidate(id);
            Ok((StatusCode::CREATED, Json(member)))
        }
        Joined::AlreadyMember => {
            let message = format!("user {user_id} is in team {id} already");
            Err(ApiError::conflict("already_member", message))
        }
        Joined::NoSuchTeam => Err(no_such_team(id)),
        Joined::NoSuchUser => Err(no_such_user(user_id)),
    }
}

/// Takes a member out of a team.
#[utoipa::path(
    delete, path = "/api/teams/{id}/members/{user_id}", tag = "teams",
    params(("id" = i64, Path), ("user_id" = i64, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "done"),
        (status = 400, description = "an id is not a number", body = ErrorBody),
        (status = 401, description = "no valid token", body = ErrorBody),
        (status = 404, description = "there is no such team or member", body = ErrorBody),
    )
)]
pub(crate) async fn remove_member(
    State(app): State<Arc<App>>,
    _user: SignedIn,
    Ids((id, user_id)): Ids<(i64, i64)>,
) -> Result<StatusCode, ApiError> {
    match app.database.write(move |t| teams::leave(t, id, user_id)).await? {
        Left::Done => {
            app.teams.invalidate(id);
            Ok(StatusCode::NO_CONTENT)
        }
        Left::NotAMember => {
            let message = format!("user {user_id} is not in team {id}");
            Err(ApiError::not_found("member_not_found", message))
        }
        Left::NoSuchTeam => Err(no_such_team(id)),
    }
}
