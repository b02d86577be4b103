//! What has to hold of any bytes that a target may say: the check of the tests here, and of the fuzzer in `tests/fuzz`, which
//! compiles this file and those that it checks into a program of its own.

use bytes::Bytes;
use http::Method;
use tokio::time::Instant;
use url::Url;

use super::receiver::Receiver;
use crate::metric::failure::FailureKind;
use crate::transport::decode::{self, Raw};
use crate::transport::exchange::Exchange;
use crate::transport::hop::Hop;
use crate::transport::options::TransportOptions;
use crate::transport::request::Request;
use crate::transport::timings::Timings;

/// Answers up to this length, in bytes, are also tried one byte at a time.
const MAX_TRICKLED: usize = 4096;

/// The most bytes that a body is decoded to here.
const MAX_DECODED: usize = 64 * 1024;

/// What came of the bytes of one connection.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exchange: Exchange,
    /// Whether the answer ended before the connection did.
    pub(crate) is_whole: bool,
    /// Whether another request might follow.
    pub(crate) is_persistent: bool,
}

/// How an answer is asked for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) keep_body: bool,
    pub(crate) options: TransportOptions,
}

impl Question {
    /// A request with this method and nothing else of its own.
    pub(crate) fn new(method: &Method) -> Self {
        let method = method.clone();
        Self { method, keep_body: true, options: TransportOptions::default() }
    }

    /// One for each pattern of bits, so that a fuzzer reaches them all.
    fn of(bits: u8) -> Self {
        let is_set = |bit: u8| bits & (1 << bit) != 0;
        let mut question = Self::new(if is_set(0) { &Method::HEAD } else { &Method::GET });
        question.keep_body = !is_set(1);
        if is_set(2) {
            question.options.max_body = 7;
        }
        if is_set(3) {
            question.options.max_drained = 20;
        }
        question
    }

    /// Feeds `pieces` and then the end of the connection.
    pub(crate) fn ask<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let url = Url::parse("http://t.test/").expect("a URL");
        let mut request = Request::new(self.method.clone(), url);
        request.keep_body = self.keep_body;
        let mut hop = Hop::new(&request, Instant::now(), &self.options);
        let mut receiver = Receiver::new(&self.method);
        let mut is_whole = false;
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            match receiver.feed(piece, &mut hop) {
                Ok(false) => {}
                Ok(true) => {
                    is_whole = true;
                    break;
                }
                Err(failure) => {
                    hop.fail(failure);
                    break;
                }
            }
        }
        let is_persistent = is_whole && receiver.is_persistent();
        let mut exchange = hop.finish(Instant::now(), Timings::default());
        if !is_whole && exchange.failure.is_none() {
            exchange.failure = receiver.end().err();
        }
        Outcome { exchange: *exchange, is_whole, is_persistent }
    }
}

impl Outcome {
    pub(crate) fn kind(&self) -> Option<FailureKind> {
        self.exchange.failure.as_ref().map(|failure| failure.kind)
    }

    /// What must not depend on how the bytes were cut.
    pub(crate) fn told(&self) -> (Option<u16>, String, Bytes, u64, Option<FailureKind>) {
        let exchange = &self.exchange;
        let status = exchange.status.map(|status| status.as_u16());
        let headers = format!("{:?} {:?}", exchange.version, exchange.headers);
        if self.kind() == Some(FailureKind::BodyTooLarge) {
            // The piece that is too much is not kept, and how long it is depends on the cut.
            return (status, headers, Bytes::new(), 0, self.kind());
        }
        (status, headers, exchange.body.clone(), exchange.bytes_received, self.kind())
    }
}

/// Takes the second half of `input` for an answer, however it is cut and asked for: the first byte says how it is asked for, the
/// second how it is cut.
///
/// # Panics
///
/// When the answer is understood in two ways, more is kept than came or than may be, or a connection would be used again that
/// cannot be trusted.
pub(crate) fn check(input: &[u8]) -> Option<Outcome> {
    let [bits, cut, answer @ ..] = input else { return None };
    let question = Question::of(*bits);
    let whole = question.ask([answer]);
    assert_bounded(&whole, &question, answer);
    assert_trusted(&whole, answer);
    let pieces = question.ask(answer.chunks(usize::from(*cut).max(1)));
    assert_eq!(pieces.told(), whole.told(), "cut each {cut} bytes");
    let (first, rest) = answer.split_at(usize::from(*cut).min(answer.len()));
    assert_eq!(question.ask([first, rest]).told(), whole.told(), "cut once, after {cut} bytes");
    if answer.len() <= MAX_TRICKLED {
        assert_eq!(question.ask(answer.chunks(1)).told(), whole.told(), "cut at each byte");
    }
    assert_decodes(&whole);
    Some(whole)
}

fn assert_bounded(outcome: &Outcome, question: &Question, answer: &[u8]) {
    let exchange = &outcome.exchange;
    assert!(exchange.body.len() <= answer.len().min(question.options.max_body));
    assert!(question.keep_body || exchange.body.is_empty());
    assert!(exchange.bytes_received <= answer.len() as u64);
    assert_eq!(exchange.status.is_some(), exchange.version.is_some());
    if let Some(failure) = &exchange.failure {
        assert!(!failure.message.is_empty() && !failure.message.contains(char::is_control));
    }
}

/// An answer that may be followed by another has exactly one way to tell where it ends, and nothing lies behind that.
fn assert_trusted(outcome: &Outcome, answer: &[u8]) {
    let exchange = &outcome.exchange;
    let is_bodiless = exchange.method == Method::HEAD
        || exchange.status.is_some_and(|status| matches!(status.as_u16(), 100..=199 | 204 | 304));
    assert!(!is_bodiless || exchange.body.is_empty());
    if !outcome.is_persistent {
        return;
    }
    assert!(outcome.is_whole && exchange.failure.is_none() && exchange.status.is_some());
    let has = |name: &str| exchange.headers.contains_key(name);
    assert!(!(has("content-length") && has("transfer-encoding")), "two ways to tell the end");
    assert!(is_bodiless || has("content-length") || has("transfer-encoding"), "no way to tell it");
    let interim_or_framing = answer.len() as u64 - exchange.bytes_received;
    let is_exact = answer.starts_with(b"HTTP/1.1 200") && !has("transfer-encoding");
    assert!(!is_exact || interim_or_framing == 0, "there is more than the answer");
}

fn assert_decodes(outcome: &Outcome) {
    let body = outcome.exchange.body.clone();
    let raw = Raw { body, truncated: outcome.exchange.failure.is_some(), cap: MAX_DECODED };
    if let Ok(decoded) = decode::decode(&outcome.exchange.headers, raw) {
        assert!(decoded.body.len() <= MAX_DECODED.max(outcome.exchange.body.len()));
    }
}
