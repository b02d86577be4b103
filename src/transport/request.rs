//! What one request asks for.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use super::decode;

/// The total time a request may take unless it says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// One HTTP request, complete in memory.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method, also one of the target's own invention.
    pub method: Method,
    /// Absolute, `http` or `https`. A user and password in it become basic authorization (in
    /// [`Session`]).
    ///
    /// [`Session`]: super::Session
    pub url: Rc<Url>,
    /// Headers as the script gave them; they win over every default.
    pub headers: HeaderMap,
    /// The body; empty means none.
    pub body: Bytes,
    /// Bound on the whole exchange, connecting and body included. Each redirect hop has its own.
    pub timeout: Duration,
    /// `true` keeps up to [`TransportOptions::max_body`] bytes; `false` reads the body, counts it
    /// and throws it away.
    ///
    /// [`TransportOptions::max_body`]: super::TransportOptions::max_body
    pub keep_body: bool,
    /// When it is handed over, if the caller has just looked at the clock.
    pub handed_at: Option<Instant>,
    /// Whether it may leave together with those that others of its thread send in the same moment: it waits until all who are
    /// ready have had their turn, and [`Exchange::started_at`](super::Exchange::started_at) is when that was over.
    pub gathers: bool,
    /// Whether the target is told which content encodings are understood, unless the headers say it.
    pub names_encodings: bool,
}

impl Request {
    /// A request without headers or body, with the default timeout, whose response body is kept.
    #[must_use]
    pub fn new(method: Method, url: impl Into<Rc<Url>>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: DEFAULT_TIMEOUT,
            keep_body: true,
            handed_at: None,
            gathers: false,
            names_encodings: false,
        }
    }

    /// A `GET` request; see [`Request::new`].
    #[must_use]
    pub fn get(url: impl Into<Rc<Url>>) -> Self {
        Self::new(Method::GET, url)
    }

    /// The `Accept-Encoding` header that the headers lack and the target is to be sent.
    pub(super) fn encodings(&self) -> Option<&'static str> {
        let is_missing = self.names_encodings && !self.headers.contains_key(ACCEPT_ENCODING);
        is_missing.then_some(decode::ACCEPT_ENCODING)
    }

    /// Whether the body's length is told though it be none: by those methods of which a body is expected (RFC 9110 8.6). Some
    /// servers refuse them otherwise, with 411 or worse.
    pub(super) fn tells_length(&self) -> bool {
        !self.body.is_empty() || matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }
}
