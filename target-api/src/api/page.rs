//! Lists, a page at a time.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;

/// The longest page.
const LIMIT_MAX: u32 = 100;

/// Which page of a list.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The page, from 1.
    #[serde(default = "first")]
    #[param(minimum = 1, default = 1)]
    page: u32,
    /// How many items a page has at most.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
}

const fn first() -> u32 {
    1
}

const fn usual_limit() -> u32 {
    20
}

impl PageQuery {
    /// How many rows to read at most.
    pub(crate) fn limit(self) -> i64 {
        i64::from(self.limit)
    }

    /// How many rows to pass over.
    pub(crate) fn offset(self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.limit)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let invalid = |message: String| ApiError::bad_request("invalid_page", message);
        let Query(query) = Query::<Self>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| invalid(rejection.body_text()))?;
        if query.page == 0 {
            return Err(invalid("page must be 1 or more".to_owned()));
        }
        if !(1..=LIMIT_MAX).contains(&query.limit) {
            return Err(invalid(format!("limit must be 1 to {LIMIT_MAX}, not {}", query.limit)));
        }
        Ok(query)
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    /// How many items all pages have together.
    total: i64,
    page: u32,
    limit: u32,
}

impl<T> Page<T> {
    pub(crate) fn new((items, total): (Vec<T>, i64), query: PageQuery) -> Self {
        Self { items, total, page: query.page, limit: query.limit }
    }
}
