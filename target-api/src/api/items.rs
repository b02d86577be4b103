//! Items for sale.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::extract::Body;
use super::page::{Page, PageQuery};
use super::users::validate_name;
use crate::app::App;
use crate::database::items::{self, Item};

/// The highest price: a million of whatever the currency is.
const PRICE_MAX_CENTS: i64 = 100_000_000;

/// An item to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewItem {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(minimum = 0, maximum = 100_000_000)]
    price_cents: i64,
}

/// Items by id.
#[utoipa::path(
    get, path = "/items/", tag = "items", params(PageQuery),
    responses(
        (status = 200, description = "one page", body = Page<Item>),
        (status = 400, description = "page or limit is out of range", body = ErrorBody),
    )
)]
pub(crate) async fn list_items(
    State(app): State<Arc<App>>,
    page: PageQuery,
) -> Result<Json<Page<Item>>, ApiError> {
    let found = app.database.read(move |c| items::page(c, page.limit(), page.offset())).await?;
    Ok(Json(Page::new(found, page)))
}

/// Adds an item.
#[utoipa::path(
    post, path = "/items/", tag = "items", request_body = NewItem,
    responses(
        (status = 201, description = "the new item", body = Item),
        (status = 400, description = "the body is not JSON", body = ErrorBody),
        (status = 422, description = "a value will not do", body = ErrorBody),
    )
)]
pub(crate) async fn create_item(
    State(app): State<Arc<App>>,
    Body(NewItem { name, price_cents }): Body<NewItem>,
) -> Result<(StatusCode, Json<Item>), ApiError> {
    validate_name(&name)?;
    if !(0..=PRICE_MAX_CENTS).contains(&price_cents) {
        let message = format!("price_cents must be 0 to {PRICE_MAX_CENTS}, not {price_cents}");
        return Err(ApiError::invalid(message));
    }
    let item = app.database.write(move |t| items::add(t, &name, price_cents)).await?;
    Ok((StatusCode::CREATED, Json(item)))
}
