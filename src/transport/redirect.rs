//! Where a redirect leads, and what of the request goes along.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_TYPE, COOKIE, HOST, HeaderName, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::{Method, StatusCode};
use url::Url;

use super::exchange::{Exchange, Failure};
use super::request::Request;
use crate::metric::failure::FailureKind;

/// Headers that say who is asking; a redirect to another origin leaves them behind.
const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST];

/// Headers that describe a body; they go when the body goes.
const BODY_HEADERS: [HeaderName; 6] = [
    CONTENT_TYPE,
    CONTENT_LENGTH,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
    TRANSFER_ENCODING,
];

/// How many redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedirectPolicy {
    /// Redirects followed before the request counts as failed. Zero follows none, and a redirect is
    /// then a plain answer.
    pub max_hops: u32,
}

impl RedirectPolicy {
    /// Follows none: a redirect is an answer like any other.
    pub const NONE: Self = Self { max_hops: 0 };
}

impl Default for RedirectPolicy {
    /// Ten, as k6 and Go have it.
    fn default() -> Self {
        Self { max_hops: 10 }
    }
}

/// Where the answer leads: `None` when it is no redirect, or one that does not say where to.
///
/// # Errors
///
/// A [`Failure`] when it leads out of HTTP.
pub(super) fn target(exchange: &Exchange) -> Result<Option<Url>, Failure> {
    if !exchange.status.is_some_and(is_redirect) || exchange.failure.is_some() {
        return Ok(None);
    }
    let Some(location) = exchange.headers.get(LOCATION) else { return Ok(None) };
    let location = String::from_utf8_lossy(location.as_bytes());
    let refused = |why: &str| Failure::new(FailureKind::Protocol, why);
    let url = exchange
        .url
        .join(&location)
        .map_err(|error| refused(&format!("redirect to no address: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(Some(url)),
        scheme => Err(refused(&format!("redirect to scheme `{scheme}` refused"))),
    }
}

/// The failure of a chain that has used up its hops at `next`, having been at `visited`.
///
/// A second visit by itself is no failure: a page may set a cookie and redirect to itself.
pub(super) fn exhausted(max_hops: u32, visited: &[Rc<Url>], next: &Url) -> Failure {
    if visited.iter().any(|url| **url == *next) {
        Failure::new(
            FailureKind::RedirectLoop,
            &format!("redirects in a circle, {max_hops} followed"),
        )
    } else {
        Failure::new(FailureKind::TooManyRedirects, &format!("more than {max_hops} redirects"))
    }
}

/// Turns `request` into the one that follows a redirect with `status` to `url`.
pub(super) fn follow(request: &mut Request, status: StatusCode, url: Url) {
    let keeps_method =
        matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    if !keeps_method && request.method != Method::HEAD {
        request.method = Method::GET;
        request.body = Bytes::new();
        BODY_HEADERS.iter().for_each(|name| drop(request.headers.remove(name)));
    }
    if request.url.origin() != url.origin() {
        CREDENTIALS.iter().for_each(|name| drop(request.headers.remove(name)));
    }
    request.handed_at = None;
    request.gathers = false;
    request.url = url.into();
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
