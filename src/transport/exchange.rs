//! What came of one request: one request on the wire and its answer, or the failure that took its
//! place.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use tokio::time::Instant;
use url::Url;

use super::fields::Fields;
use super::request::Request;
use super::timings::Timings;
use crate::metric::failure::FailureKind;

/// The longest failure message that is kept, in characters.
const MAX_MESSAGE: usize = 200;

/// One request and what answered it. A redirect is an exchange of its own.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The method of this hop.
    pub method: Method,
    /// The address of this hop, without user and password.
    pub url: Rc<Url>,
    /// The response's status; `None` when no whole response head arrived.
    pub status: Option<StatusCode>,
    /// The response's HTTP version; `None` as for `status`.
    pub version: Option<Version>,
    /// The response's headers as received: `content-encoding` stays, whatever became of the body.
    pub headers: Fields,
    /// The body: raw as received from a transport, decoded after a [`Session`](super::Session).
    /// Empty when the request did not ask to keep it.
    pub body: Bytes,
    /// Whether `body` was cut at its bound.
    pub truncated: bool,
    /// Where the time went.
    pub timings: Timings,
    /// When the transport was asked.
    pub started_at: Instant,
    /// When a connection was in hand and the request was given to it; `None` if that never
    /// happened.
    pub sent_at: Option<Instant>,
    /// When the whole response head was there; `None` if that never happened.
    pub first_byte_at: Option<Instant>,
    /// When the last byte was there, or the failure was known.
    pub done_at: Instant,
    /// Bytes of the request, zero if it was never sent. An estimate of its HTTP/1.1 form where the
    /// transport does not tell.
    pub bytes_sent: u64,
    /// Bytes of the response: the head, or an estimate of its HTTP/1.1 form where the transport does
    /// not tell, and the raw body exactly, without the framing of chunks.
    pub bytes_received: u64,
    /// Why it failed. An error status (4xx, 5xx) is not a failure here: an answer arrived.
    pub failure: Option<Failure>,
    /// The address that answered; `None` when nothing did.
    pub remote_addr: Option<SocketAddr>,
    /// Whether this request opened a connection, rather than reusing one.
    pub new_connection: bool,
}

impl Exchange {
    /// An exchange of which nothing has happened yet.
    #[inline]
    pub(super) fn unsent(method: Method, url: Rc<Url>, started_at: Instant) -> Self {
        Self {
            method,
            url,
            status: None,
            version: None,
            headers: Fields::default(),
            body: Bytes::new(),
            truncated: false,
            timings: Timings::default(),
            started_at,
            sent_at: None,
            first_byte_at: None,
            done_at: started_at,
            bytes_sent: 0,
            bytes_received: 0,
            failure: None,
            remote_addr: None,
            new_connection: false,
        }
    }

    /// Service time: from giving the request to a connection (or, failing that, from the start) to
    /// the end.
    #[must_use]
    pub fn service_time(&self) -> Duration {
        self.done_at - self.sent_at.unwrap_or(self.started_at)
    }
}

/// Why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, for counting.
    pub kind: FailureKind,
    /// For people: at most 200 characters, no control characters, no URL.
    pub message: String,
}

impl Failure {
    /// A failure whose message is cut and cleaned to be fit for a terminal or a page.
    #[must_use]
    #[cold]
    pub fn new(kind: FailureKind, message: &str) -> Self {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        Self { kind, message: message.chars().take(MAX_MESSAGE).map(clean).collect() }
    }
}

impl Failure {
    /// The failure of a body of which nothing has come for `bound`.
    pub(super) fn silence(bound: Duration) -> Self {
        Self::new(FailureKind::IdleTimeout, &format!("no byte of the body for {bound:?}"))
    }
}

/// Bytes of a header block in its HTTP/1.1 form, the empty line included.
pub(super) fn header_bytes(headers: &HeaderMap) -> u64 {
    const COLON_SPACE_CRLF: usize = 4;
    const EMPTY_LINE: usize = 2;
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    lines.map(|line| (line + COLON_SPACE_CRLF) as u64).sum::<u64>() + EMPTY_LINE as u64
}

/// Bytes of a request's head in its HTTP/1.1 form, `host` included, which clients add themselves.
pub(super) fn request_head_bytes(request: &Request) -> u64 {
    const LINE_REST: usize = "  HTTP/1.1\r\n".len();
    const HOST_REST: usize = "host: \r\n".len();
    let url = &request.url;
    let target = url.path().len() + url.query().map_or(0, |query| query.len() + 1);
    let host = url.authority().len() + HOST_REST;
    let line = request.method.as_str().len() + target + LINE_REST;
    let encodings =
        request.encodings().map_or(0, |value| "accept-encoding: \r\n".len() + value.len());
    (line + host + encodings) as u64 + header_bytes(&request.headers)
}

/// Bytes of a status line, supposing the target gives the usual reason.
pub(super) fn status_line_bytes(status: StatusCode) -> u64 {
    const REST: usize = "HTTP/1.1 200 \r\n".len();
    (REST + status.canonical_reason().map_or(0, str::len)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_message_is_short_and_fit_for_a_terminal() {
        let failure = Failure::new(FailureKind::Other, &format!("a\x1b[31m\nb{}", "é".repeat(500)));
        assert_eq!(failure.message.chars().count(), 200);
        assert!(failure.message.starts_with("a [31m bé"));
    }
}
