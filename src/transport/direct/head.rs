//! Reading the head of a response, and what it says of the body.

use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use httparse::{ParserConfig, Response, Status};

use super::super::exchange::Failure;
use super::super::fields::Mentions;
use crate::metric::failure::FailureKind;

/// The longest head, in bytes; reqwest's bound.
pub(super) const MAX_HEAD: usize = 8192 + 4096 * 100;

/// The longest name of a field, in bytes; the bound of [`HeaderName`].
const MAX_NAME: usize = (1 << 16) - 1;

/// The field in which many servers tell when they will close an idle connection: `timeout=5, max=100`, in seconds and requests.
const KEEP_ALIVE: &[u8] = b"keep-alive";

/// How long before that a connection is not used any more: the next request is some time on its way.
const SLACK: Duration = Duration::from_secs(1);

/// The most fields of a head; reqwest's bound.
pub(super) const MAX_FIELDS: usize = 100;

/// What a head says of its body and its connection, and its length on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    /// In bytes, the empty line included.
    pub(super) len: usize,
    pub(super) mentions: Mentions,
    length: Length,
    /// Whether the last transfer coding is `chunked`; `None` without one.
    ends_chunked: Option<bool>,
    says_close: bool,
    says_keep_alive: bool,
    /// How long the target keeps an idle connection, in seconds, if it tells.
    kept_s: Option<u64>,
}

/// What the `content-length` fields say, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Untold,
    Told(u64),
    /// They contradict each other, or are none.
    Invalid,
}

impl Length {
    fn and(self, told: Option<u64>) -> Self {
        match (self, told) {
            (Self::Untold, Some(length)) => Self::Told(length),
            (Self::Told(known), Some(length)) if known == length => self,
            _ => Self::Invalid,
        }
    }
}

/// How the end of a body is told (RFC 9112 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There are this many bytes.
    Length(u64),
    /// Each piece says its length.
    Chunked,
    /// The connection ends with it.
    UntilClose,
}

/// The failure of a target that does not keep to the protocol.
pub(super) fn protocol(message: &str) -> Failure {
    Failure::new(FailureKind::Protocol, message)
}

impl ResponseHead {
    /// The head that `bytes` begin with; `None` when it is not whole yet.
    ///
    /// # Errors
    ///
    /// What a response cannot begin with, and heads beyond the bounds.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Failure> {
        let mut fields = NO_FIELDS;
        let (parsed, response) = read(bytes, &mut fields)
            .map_err(|error| protocol(&format!("invalid response head: {error}")))?;
        let (Status::Complete(len), Some(code), Some(minor)) =
            (parsed, response.code, response.version)
        else {
            return Ok(None);
        };
        if len > MAX_HEAD {
            return Err(protocol("the response head is too long"));
        }
        let status = StatusCode::from_u16(code).map_err(|_| protocol("invalid status code"))?;
        let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
        let mut head = Self {
            status,
            version,
            len,
            mentions: Mentions { cookies: false, encoding: false },
            length: Length::Untold,
            ends_chunked: None,
            says_close: false,
            says_keep_alive: false,
            kept_s: None,
        };
        for field in &*response.headers {
            if field.name.len() > MAX_NAME {
                return Err(protocol("invalid header name"));
            }
            head.hear(field);
        }
        Ok(Some(head))
    }

    /// Takes in a field that tells of the body or the connection. The names' lengths tell nearly all others apart.
    fn hear(&mut self, field: &httparse::Header<'_>) {
        let is = |name: HeaderName| field.name.eq_ignore_ascii_case(name.as_str());
        match field.name.len() {
            10 if is(CONNECTION) => {
                for token in tokens(field.value) {
                    self.says_close |= is_word(token, b"close");
                    self.says_keep_alive |= is_word(token, b"keep-alive");
                }
            }
            10 if is_word(field.name.as_bytes(), KEEP_ALIVE) => {
                let told = tokens(field.value).filter_map(|token| parameter(token, b"timeout"));
                self.kept_s = told.chain(self.kept_s).min();
            }
            10 if is(SET_COOKIE) => self.mentions.cookies = true,
            14 if is(CONTENT_LENGTH) => {
                let told = tokens(field.value).map(number);
                self.length = told.fold(self.length, Length::and);
            }
            16 if is(CONTENT_ENCODING) => self.mentions.encoding = true,
            17 if is(TRANSFER_ENCODING) => {
                let last = tokens(field.value).next_back();
                self.ends_chunked = Some(last.is_some_and(|token| is_word(token, b"chunked")));
            }
            _ => {}
        }
    }

    /// Whether the final response is still to come. After 101 nothing of HTTP is.
    pub(super) fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }

    /// How the body ends in an answer to `method`.
    ///
    /// # Errors
    ///
    /// Lengths that contradict each other or are none, and transfer codings before HTTP/1.1.
    pub(super) fn framing(&self, method: &Method) -> Result<Framing, Failure> {
        let is_bodiless = *method == Method::HEAD
            || (*method == Method::CONNECT && self.status.is_success())
            || matches!(self.status.as_u16(), 100..=199 | 204 | 304);
        if is_bodiless {
            return Ok(Framing::Length(0));
        }
        match (self.ends_chunked, self.length) {
            (Some(_), _) if self.version == Version::HTTP_10 => {
                Err(protocol("a transfer encoding in HTTP/1.0"))
            }
            (Some(true), _) => Ok(Framing::Chunked),
            (Some(false), _) | (None, Length::Untold) => Ok(Framing::UntilClose),
            (None, Length::Told(length)) => Ok(Framing::Length(length)),
            (None, Length::Invalid) => Err(protocol("invalid content-length")),
        }
    }

    /// For how long from now an idle connection can be relied on; `None` when the target does not tell.
    pub(super) fn kept_for(&self) -> Option<Duration> {
        let told = Duration::from_secs(self.kept_s?);
        Some(told - SLACK.min(told / 2))
    }

    /// Whether the target means to keep the connection, and what is read on it next can be trusted: a head with two ways to
    /// tell the end of its body may have been read otherwise on the way here (RFC 9112 6.3).
    pub(super) fn is_persistent(&self) -> bool {
        let is_ambiguous = self.ends_chunked.is_some() && self.length != Length::Untold;
        !is_ambiguous
            && self.status != StatusCode::SWITCHING_PROTOCOLS
            && !self.says_close
            && (self.version == Version::HTTP_11 || self.says_keep_alive)
    }
}

type Unread<'a> = [MaybeUninit<httparse::Header<'a>>; MAX_FIELDS];

/// Room for the fields of a head.
const NO_FIELDS: Unread<'static> = [const { MaybeUninit::uninit() }; MAX_FIELDS];

/// What `bytes` begin with, and how many of them belong to the head.
fn read<'h, 'b>(
    bytes: &'b [u8],
    fields: &'h mut Unread<'b>,
) -> Result<(Status<usize>, Response<'h, 'b>), httparse::Error> {
    let mut response = Response::new(&mut []);
    let status =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, fields)?;
    Ok((status, response))
}

/// The fields of a head that was parsed before. All values share memory.
pub(super) fn fields(block: &[u8]) -> HeaderMap {
    let block = Bytes::copy_from_slice(block);
    let mut fields = NO_FIELDS;
    let Ok((_, response)) = read(&block, &mut fields) else { return HeaderMap::new() };
    let own = |field: &httparse::Header<'_>| {
        // What httparse takes for names and values is what the types here take, too.
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(block.slice_ref(field.value)).ok()?;
        Some((name, value))
    };
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for (name, value) in response.headers.iter().filter_map(own) {
        headers.append(name, value);
    }
    headers
}

/// The members of a list (RFC 9110 5.6.1), empty ones included.
pub(super) fn tokens(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether a member of a list is this word, in any case.
pub(super) fn is_word(token: &[u8], word: &[u8]) -> bool {
    token.eq_ignore_ascii_case(word)
}

/// The number of a parameter with this name, in any case.
fn parameter(token: &[u8], name: &[u8]) -> Option<u64> {
    let (found, value) = token.split_at_checked(name.len())?;
    number(value.strip_prefix(b"=").filter(|_| is_word(found, name))?)
}

/// Digits and nothing else, as a number.
fn number(token: &[u8]) -> Option<u64> {
    if token.is_empty() || !token.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(token).ok()?.parse().ok()
}
