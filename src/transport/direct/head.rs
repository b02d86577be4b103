//! Reading the head of a response, and what it says of the body.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use httparse::{ParserConfig, Response, Status};

use super::super::exchange::Failure;
use crate::metric::failure::FailureKind;

/// The longest head, in bytes; reqwest's bound.
pub(super) const MAX_HEAD: usize = 8192 + 4096 * 100;

/// The most fields of a head; reqwest's bound.
pub(super) const MAX_FIELDS: usize = 100;

/// A head and its length on the wire.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    /// In bytes, the empty line included.
    pub(super) len: usize,
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
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = Response::new(&mut []);
        let parsed = ParserConfig::default()
            .parse_response_with_uninit_headers(&mut response, bytes, &mut fields)
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
        let headers = own(response.headers, &bytes[..len])?;
        Ok(Some(Self { status, version, headers, len }))
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
        if let Some(last) = self.headers.get_all(TRANSFER_ENCODING).iter().next_back() {
            if self.version == Version::HTTP_10 {
                return Err(protocol("a transfer encoding in HTTP/1.0"));
            }
            let is_chunked = tokens(last).next_back().is_some_and(|it| is_word(it, b"chunked"));
            return Ok(if is_chunked { Framing::Chunked } else { Framing::UntilClose });
        }
        let mut lengths = self.headers.get_all(CONTENT_LENGTH).iter().flat_map(tokens).map(number);
        let Some(first) = lengths.next() else { return Ok(Framing::UntilClose) };
        match first {
            Some(length) if lengths.all(|other| other == first) => Ok(Framing::Length(length)),
            _ => Err(protocol("invalid content-length")),
        }
    }

    /// Whether the target means to keep the connection, and what is read on it next can be trusted: a head with two ways to
    /// tell the end of its body may have been read otherwise on the way here (RFC 9112 6.3).
    pub(super) fn is_persistent(&self) -> bool {
        let says = |word: &[u8]| {
            let mut said = self.headers.get_all(CONNECTION).iter().flat_map(tokens);
            said.any(|token| is_word(token, word))
        };
        let is_ambiguous = self.headers.contains_key(TRANSFER_ENCODING)
            && self.headers.contains_key(CONTENT_LENGTH);
        !is_ambiguous
            && self.status != StatusCode::SWITCHING_PROTOCOLS
            && !says(b"close")
            && (self.version == Version::HTTP_11 || says(b"keep-alive"))
    }
}

/// The fields in memory of their own: one copy of the block, which all values share.
fn own(fields: &[httparse::Header<'_>], block: &[u8]) -> Result<HeaderMap, Failure> {
    let start = block.as_ptr().addr();
    let copy = Bytes::copy_from_slice(block);
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| protocol("invalid header name"))?;
        let value = if field.value.is_empty() {
            HeaderValue::from_static("")
        } else {
            let at = field.value.as_ptr().addr() - start;
            HeaderValue::from_maybe_shared(copy.slice(at..at + field.value.len()))
                .map_err(|_| protocol("invalid header value"))?
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// The members of a list (RFC 9110 5.6.1), empty ones included.
pub(super) fn tokens(value: &HeaderValue) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether a member of a list is this word, in any case.
pub(super) fn is_word(token: &[u8], word: &[u8]) -> bool {
    token.eq_ignore_ascii_case(word)
}

/// Digits and nothing else, as a number.
fn number(token: &[u8]) -> Option<u64> {
    if token.is_empty() || !token.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(token).ok()?.parse().ok()
}
