//! Who may ask: checked for every request before it is routed.
//!
//! A web page in the operator's browser can send requests to this server too. It cannot choose `Host` (a name that was
//! bound to this address later is told apart by it), nor `Origin`, and it does not know the token.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::error::Refusal;
use super::queue::Control;

/// What each answer carries: nothing but this server's own files is loaded, run, framed or guessed at.
const SECURITY: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The one path of the API that asks for no token.
pub(super) const HEALTH: &str = "/api/health";
/// Where the first frame has the token.
pub(super) const SOCKETS: &str = "/api/tests/ws/";
/// Of a reason that the library gives.
const MOST_REASON_BYTES: usize = 4 << 10;
/// What makes guessing slow.
const AFTER_A_WRONG_TOKEN: Duration = Duration::from_millis(200);

/// Lets a request through, or answers it.
pub(super) async fn guard(
    State(control): State<Arc<Control>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match admit(&control, &request) {
        Ok(()) => in_one_form(next.run(request).await).await,
        Err(refusal) => {
            if refusal.status == StatusCode::UNAUTHORIZED {
                tokio::time::sleep(AFTER_A_WRONG_TOKEN).await;
            }
            refusal.into_response()
        }
    };
    for (name, value) in SECURITY {
        // Files of the page say themselves how long they may be kept; nothing else is an answer's to say.
        if name != header::CACHE_CONTROL || !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// What the library refuses before a handler is asked, a number that is none or a socket that is none, in the form of all
/// refusals.
async fn in_one_form(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_text = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !response.status().is_client_error() || !is_text {
        return response;
    }
    let status = response.status();
    let text = axum::body::to_bytes(response.into_body(), MOST_REASON_BYTES).await;
    let reason = text.map_or_else(|_| String::new(), |t| String::from_utf8_lossy(&t).into_owned());
    Refusal::new(status, "invalid", reason).into_response()
}

fn admit(control: &Control, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let is_known =
        |host: &str| control.config.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    // A request to a proxy names the host in its first line as well, and that one counts (RFC 9112, section 3.2.2).
    let is_for_another = request.uri().authority().is_some_and(|host| !is_known(host.as_str()));
    let host = one(headers, header::HOST).filter(|host| !is_for_another && is_known(host));
    let Some(host) = host else {
        let message = "this server is not known by that Host";
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message));
    };
    let path = request.uri().path();
    if !path.starts_with("/api") {
        // Files of the page: no secrets, and nothing is done by reading them.
        return Ok(());
    }
    same_origin(headers, host, path)?;
    if path != HEALTH && !path.starts_with(SOCKETS) && !has_token(control, headers) {
        let message = "the token is missing or wrong";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
            .with_detail("send it as `Authorization: Bearer TOKEN`; the server has printed it"));
    }
    is_json(request.method(), headers)
}

/// The value of a header that is there exactly once, as text.
fn one(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn same_origin(headers: &HeaderMap, host: &str, path: &str) -> Result<(), Refusal> {
    let refusal = || {
        let message = "requests of other sites are not answered";
        Refusal::new(StatusCode::FORBIDDEN, "other_origin", message)
    };
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(refusal());
    }
    let is_named = headers.contains_key(header::ORIGIN);
    let is_own = one(headers, header::ORIGIN).is_some_and(|origin| {
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    });
    // Browsers always send it with a WebSocket, and nothing else keeps other sites from opening one.
    if is_own || (!is_named && !path.starts_with(SOCKETS)) { Ok(()) } else { Err(refusal()) }
}

fn has_token(control: &Control, headers: &HeaderMap) -> bool {
    let shown = one(headers, header::AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
    is_token(control, shown.unwrap_or_default())
}

/// Whether a text is the token; every text is when none is asked for.
pub(super) fn is_token(control: &Control, shown: &str) -> bool {
    control.config.token.as_deref().is_none_or(|token| is_same(token.as_bytes(), shown.as_bytes()))
}

/// Compares in a time that depends on the lengths alone.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b));
    a.len() == b.len() && std::hint::black_box(difference) == 0
}

/// A form of another site can have only three kinds of body, and JSON is none of them.
fn is_json(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let kind = one(headers, header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if method == Method::GET || !has_body || kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "bodies are JSON: `Content-Type: application/json`";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message))
}

#[cfg(test)]
mod tests;
