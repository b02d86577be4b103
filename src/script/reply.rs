//! What comes back to a script for a request.

use std::cell::OnceCell;
use std::fmt;
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
#[derive(Debug)]
pub struct HttpReply {
    /// HTTP status; 0 without a response.
    pub status: u16,
    /// Whether the status is 200 to 299.
    pub ok: bool,
    /// Service time of the last hop.
    pub time: Duration,
    /// The step's name, for messages.
    pub step: Arc<str>,
    /// What else there is to know of it.
    pub answer: Box<dyn Answer>,
    /// The body as JSON, once somebody has asked for it.
    pub json: ParsedBody,
}

/// What scripts do not ask of each reply: it stays where the transport has put it until they do.
pub trait Answer: fmt::Debug {
    /// The URL of the last hop; `None` for a request that could not be made.
    fn url(&self) -> Option<&Url>;
    /// Response headers.
    fn headers(&self) -> &HeaderMap;
    /// The decoded body, cut at the cap.
    fn body(&self) -> &[u8];
    /// The parts of the service time of the last hop, and of what came before it.
    fn times(&self) -> RequestTimes;
    /// Why it failed below HTTP.
    fn failure(&self) -> Option<(FailureKind, &str)>;
}

/// An answer whose parts are given one by one.
#[derive(Debug, Default)]
pub struct PlainAnswer {
    /// As [`Answer::url`].
    pub url: Option<Rc<Url>>,
    /// As [`Answer::headers`].
    pub headers: HeaderMap,
    /// As [`Answer::body`].
    pub body: Bytes,
    /// As [`Answer::times`].
    pub times: RequestTimes,
    /// As [`Answer::failure`].
    pub failure: Option<(FailureKind, String)>,
}

impl Answer for PlainAnswer {
    fn url(&self) -> Option<&Url> {
        self.url.as_deref()
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    fn times(&self) -> RequestTimes {
        self.times
    }

    fn failure(&self) -> Option<(FailureKind, &str)> {
        self.failure.as_ref().map(|(kind, message)| (*kind, message.as_str()))
    }
}

impl HttpReply {
    /// The reply to the step `step`; `status` is 0 without a response.
    #[must_use]
    pub fn new(status: u16, time: Duration, step: Arc<str>, answer: Box<dyn Answer>) -> Self {
        let ok = (200..300).contains(&status);
        Self { status, ok, time, step, answer, json: ParsedBody::default() }
    }
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

    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.0.ok
    }

    fn body(&self) -> ImmutableString {
        String::from_utf8_lossy(self.0.answer.body()).into_owned().into()
    }

    fn parsed(&self) -> Fallible<&serde_json::Value> {
        let parsed = self.0.json.0.get_or_init(|| {
            serde_json::from_slice(self.0.answer.body()).map_err(|error| error.to_string())
        });
        parsed.as_ref().map_err(|error| {
            let reply = &self.0;
            let what = match reply.answer.failure() {
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
        joined(self.0.answer.headers(), &name).map_or(Dynamic::UNIT, Into::into)
    }

    fn headers(&self) -> Map {
        let headers = self.0.answer.headers();
        let pair = |name: &HeaderName| {
            (name.as_str().into(), joined(headers, name).unwrap_or_default().into())
        };
        headers.keys().map(pair).collect()
    }

    fn url(&self) -> ImmutableString {
        self.0.answer.url().map_or_else(Default::default, |url| url.as_str().into())
    }

    fn error(&self) -> ImmutableString {
        self.0.answer.failure().map_or_else(Default::default, |(_, message)| message.into())
    }

    fn error_kind(&self) -> ImmutableString {
        self.0.answer.failure().map_or_else(Default::default, |(kind, _)| kind.to_string().into())
    }

    fn timings(&self) -> Map {
        let t = self.0.answer.times();
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
#[cold]
pub(crate) fn runtime_error(message: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE).into()
}

/// Makes responses known to an engine.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Response>("Response")
        .register_get("status", |r: &mut Response| i64::from(r.status()))
        .register_get("ok", |r: &mut Response| r.is_ok())
        .register_get("body", |r: &mut Response| r.body())
        .register_get("url", |r: &mut Response| r.url())
        .register_get("time", |r: &mut Response| milliseconds(r.0.time))
        .register_get("timings", |r: &mut Response| r.timings())
        .register_get("headers", |r: &mut Response| r.headers())
        .register_get("error", |r: &mut Response| r.error())
        .register_get("error_kind", |r: &mut Response| r.error_kind())
        .register_fn("bytes", |r: &mut Response| r.0.answer.body().to_vec())
        .register_fn("json", |r: &mut Response| r.json())
        .register_fn("json", |r: &mut Response, path: &str| r.json_path(path))
        .register_fn("header", |r: &mut Response, name: &str| r.header(name))
        .register_fn("to_string", |r: &mut Response| {
            format!("{} -> {} ({} bytes)", r.0.step, r.0.status, r.0.answer.body().len())
        })
        .register_fn("to_debug", |r: &mut Response| {
            format!("{} -> {} ({} bytes)", r.0.step, r.0.status, r.0.answer.body().len())
        });
}
