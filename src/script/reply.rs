//! What comes back to a script for a request.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};
use url::Url;

use super::value;
use crate::metric::FailureKind;
use crate::metric::sink::RequestTimes;

/// A finished request as the script sees it. A failed request has status 0 and an error.
#[derive(Debug, Clone, Default)]
pub struct HttpReply {
    /// HTTP status; 0 without a response.
    pub status: u16,
    /// Whether the status is 200 to 299.
    pub ok: bool,
    /// The URL of the last hop.
    pub url: Option<Arc<Url>>,
    /// Response headers.
    pub headers: HeaderMap,
    /// The decoded body, cut at the cap.
    pub body: Bytes,
    /// Service time of the last hop.
    pub time: Duration,
    /// Its parts.
    pub times: RequestTimes,
    /// Why it failed below HTTP.
    pub failure: Option<(FailureKind, String)>,
    /// The step's name, for messages.
    pub step: Arc<str>,
    /// The body as JSON, once somebody has asked for it.
    pub json: ParsedBody,
}

/// A body as JSON, parsed once. It begins unparsed.
#[derive(Debug, Clone, Default)]
pub struct ParsedBody(OnceCell<Result<serde_json::Value, String>>);

/// The script's handle on a reply.
#[derive(Debug, Clone)]
pub(crate) struct Response(Rc<HttpReply>);

type Fallible<T> = Result<T, Box<EvalAltResult>>;

impl Response {
    pub(crate) fn new(reply: Rc<HttpReply>) -> Self {
        Self(reply)
    }

    fn body(&self) -> ImmutableString {
        String::from_utf8_lossy(&self.0.body).into_owned().into()
    }

    fn parsed(&self) -> Fallible<&serde_json::Value> {
        let parsed = self.0.json.0.get_or_init(|| {
            serde_json::from_slice(&self.0.body).map_err(|error| error.to_string())
        });
        parsed.as_ref().map_err(|error| {
            let reply = &self.0;
            let what = match &reply.failure {
                Some((kind, _)) => format!("it failed ({kind})"),
                None => format!("status {}, {error}", reply.status),
            };
            runtime_error(format!("the response of {} has no JSON body: {what}", reply.step))
        })
    }

    fn json(&self) -> Fallible<Dynamic> {
        self.parsed().map(value::from_json)
    }

    /// RFC 9535: no match is `()`, one match is its value, more are an array.
    fn json_path(&self, path: &str) -> Fallible<Dynamic> {
        let query = serde_json_path::JsonPath::parse(path)
            .map_err(|error| runtime_error(format!("{path:?} is not a JSONPath: {error}")))?;
        let nodes = query.query(self.parsed()?).all();
        Ok(match nodes.as_slice() {
            [] => Dynamic::UNIT,
            [one] => value::from_json(one),
            many => many.iter().map(|node| value::from_json(node)).collect::<Vec<_>>().into(),
        })
    }

    fn header(&self, name: &str) -> Dynamic {
        let Ok(name) = HeaderName::try_from(name) else { return Dynamic::UNIT };
        joined(&self.0.headers, &name).map_or(Dynamic::UNIT, Into::into)
    }

    fn headers(&self) -> Map {
        let headers = &self.0.headers;
        let pair = |name: &HeaderName| {
            (name.as_str().into(), joined(headers, name).unwrap_or_default().into())
        };
        headers.keys().map(pair).collect()
    }

    fn url(&self) -> ImmutableString {
        self.0.url.as_ref().map_or_else(Default::default, |url| url.as_str().into())
    }

    fn error(&self) -> ImmutableString {
        self.0.failure.as_ref().map_or_else(Default::default, |(_, message)| message.into())
    }

    fn error_kind(&self) -> ImmutableString {
        self.0.failure.as_ref().map_or_else(Default::default, |(kind, _)| kind.to_string().into())
    }

    fn timings(&self) -> Map {
        let t = &self.0.times;
        [
            ("blocked", t.blocked),
            ("dns", t.dns),
            ("connecting", t.connecting),
            ("tls_handshaking", t.tls_handshaking),
            ("sending", t.sending),
            ("waiting", t.waiting),
            ("receiving", t.receiving),
            ("duration", self.0.time),
        ]
        .into_iter()
        .map(|(name, time)| (name.into(), milliseconds(time).into()))
        .collect()
    }
}

/// The values of a header, joined as a list (RFC 9110 5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter();
    let texts: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// An error that the script may catch.
pub(crate) fn runtime_error(message: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE).into()
}

/// Makes responses known to an engine.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Response>("Response")
        .register_get("status", |r: &mut Response| i64::from(r.0.status))
        .register_get("ok", |r: &mut Response| r.0.ok)
        .register_get("body", |r: &mut Response| r.body())
        .register_get("url", |r: &mut Response| r.url())
        .register_get("time", |r: &mut Response| milliseconds(r.0.time))
        .register_get("timings", |r: &mut Response| r.timings())
        .register_get("headers", |r: &mut Response| r.headers())
        .register_get("error", |r: &mut Response| r.error())
        .register_get("error_kind", |r: &mut Response| r.error_kind())
        .register_fn("bytes", |r: &mut Response| r.0.body.to_vec())
        .register_fn("json", |r: &mut Response| r.json())
        .register_fn("json", |r: &mut Response, path: &str| r.json_path(path))
        .register_fn("header", |r: &mut Response, name: &str| r.header(name))
        .register_fn("to_string", |r: &mut Response| {
            format!("{} -> {} ({} bytes)", r.0.step, r.0.status, r.0.body.len())
        })
        .register_fn("to_debug", |r: &mut Response| {
            format!("{} -> {} ({} bytes)", r.0.step, r.0.status, r.0.body.len())
        });
}
