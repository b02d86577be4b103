//! One exchange in the making, on whichever transport.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{StatusCode, Version};
use tokio::time::Instant;

use super::exchange::{Exchange, Failure};
use super::fields::Fields;
use super::options::TransportOptions;
use super::request::Request;
use super::timings::{Timings, between};
use crate::metric::failure::FailureKind;

/// A response's head as a transport has read it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: Fields,
    /// Its size on the wire, or an estimate of it.
    pub(super) bytes: u64,
}

/// An exchange that fills up. It outlives the future that fills it, so that a timeout loses nothing.
#[derive(Debug)]
pub(super) struct Hop<'a> {
    request: &'a Request,
    started_at: Instant,
    sent_at: Option<Instant>,
    bytes_sent: u64,
    /// Made when there is something to tell. Until then a user who waits for an answer has no more than this.
    exchange: Option<Box<Exchange>>,
    body: Kept,
    drained: u64,
    max_drained: u64,
}

impl<'a> Hop<'a> {
    /// A hop of which nothing has happened yet.
    pub(super) fn new(
        request: &'a Request,
        started_at: Instant,
        options: &TransportOptions,
    ) -> Self {
        Self {
            request,
            started_at,
            sent_at: None,
            bytes_sent: 0,
            exchange: None,
            body: Kept::new(if request.keep_body { options.max_body } else { 0 }),
            drained: 0,
            max_drained: options.max_drained,
        }
    }

    fn exchange(&mut self) -> &mut Exchange {
        let Self { request, started_at, .. } = *self;
        self.exchange.get_or_insert_with(|| unsent(request, started_at))
    }

    /// Notes why there will be no more.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.exchange().failure = Some(failure);
    }

    /// Notes that `bytes` were given to a connection.
    pub(super) fn sent(&mut self, at: Instant, bytes: u64) {
        self.sent_at = Some(at);
        self.bytes_sent = bytes;
    }

    /// Notes that `bytes` were given to a connection, and that nothing had begun before.
    pub(super) fn left(&mut self, at: Instant, bytes: u64) {
        self.started_at = at;
        self.sent(at, bytes);
    }

    /// When the transport was asked.
    pub(super) fn started_at(&self) -> Instant {
        self.started_at
    }

    /// When the request was given to a connection.
    pub(super) fn sent_at(&self) -> Option<Instant> {
        self.sent_at
    }

    /// When the head of the answer was there.
    pub(super) fn first_byte_at(&self) -> Option<Instant> {
        self.exchange.as_ref()?.first_byte_at
    }

    /// Takes the head of the answer, which has just become whole.
    pub(super) fn head(&mut self, head: Head) {
        let exchange = self.exchange();
        exchange.first_byte_at = Some(Instant::now());
        exchange.status = Some(head.status);
        exchange.version = Some(head.version);
        exchange.headers = head.headers;
        exchange.bytes_received = head.bytes;
    }

    /// Notes who answers.
    pub(super) fn answered_by(&mut self, address: Option<SocketAddr>) {
        self.exchange().remote_addr = address;
    }

    /// Whether the head of the answer is there.
    pub(super) fn has_head(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.status.is_some())
    }

    /// Takes a piece of the body that is in memory of its own.
    ///
    /// # Errors
    ///
    /// When the body is longer than is ever read.
    pub(super) fn piece(&mut self, piece: Bytes) -> Result<(), Failure> {
        self.count(piece.len())?;
        self.body.push(piece);
        Ok(())
    }

    /// Takes a piece of the body that is in borrowed memory, and copies what is kept of it.
    ///
    /// # Errors
    ///
    /// When the body is longer than is ever read.
    pub(super) fn copy_piece(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.count(piece.len())?;
        self.body.copy(piece);
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Failure> {
        self.drained += bytes as u64;
        self.exchange().bytes_received += bytes as u64;
        if self.drained > self.max_drained {
            let message = format!("the body has more than {} B", self.max_drained);
            return Err(Failure::new(FailureKind::BodyTooLarge, &message));
        }
        Ok(())
    }

    /// Notes that the total timeout came first.
    pub(super) fn cut_off(&mut self) {
        let stage = match (self.sent_at, self.first_byte_at()) {
            (None, _) => "before the request was sent",
            (Some(_), None) => "while waiting for the response",
            (Some(_), Some(_)) => "while receiving the body",
        };
        self.fail(Failure::new(FailureKind::Timeout, &format!("total timeout {stage}")));
    }

    /// The exchange as it came to be, once. `stages` are those up to the last byte of the request.
    pub(super) fn finish(&mut self, done_at: Instant, stages: Timings) -> Box<Exchange> {
        let Self { request, started_at, sent_at, bytes_sent, .. } = *self;
        let exchange = self.exchange.take();
        let mut exchange = exchange.unwrap_or_else(|| unsent(request, started_at));
        (exchange.started_at, exchange.sent_at, exchange.bytes_sent) =
            (started_at, sent_at, bytes_sent);
        exchange.truncated = self.body.is_truncated && self.body.bound > 0;
        exchange.body = self.body.take();
        exchange.done_at = done_at;
        exchange.timings = stages;
        if let Some(sent_at) = sent_at {
            let first_byte_at = exchange.first_byte_at.unwrap_or(done_at);
            // An answer may come before the last byte of the request has left.
            let answered_after = first_byte_at - sent_at;
            exchange.timings.sending = stages.sending.min(answered_after);
            exchange.timings.waiting = answered_after - exchange.timings.sending;
            exchange.timings.receiving = between(first_byte_at, done_at);
        }
        exchange
    }
}

fn unsent(request: &Request, started_at: Instant) -> Box<Exchange> {
    // Put together where it stays, rather than copied there.
    let place = Box::new_uninit();
    Box::write(place, Exchange::unsent(request.method.clone(), request.url.clone(), started_at))
}

/// The kept beginning of a body. A body of one piece is kept without copying it again.
#[derive(Debug)]
struct Kept {
    bound: usize,
    first: Bytes,
    more: Vec<u8>,
    is_truncated: bool,
}

impl Kept {
    /// Keeps at most `bound` bytes.
    fn new(bound: usize) -> Self {
        Self { bound, first: Bytes::new(), more: Vec::new(), is_truncated: false }
    }

    /// How many of the next `offered` bytes are kept.
    fn share(&mut self, offered: usize) -> usize {
        let room = self.bound - self.first.len().max(self.more.len());
        self.is_truncated |= offered > room;
        offered.min(room)
    }

    fn push(&mut self, mut piece: Bytes) {
        piece.truncate(self.share(piece.len()));
        if self.first.is_empty() && self.more.is_empty() {
            self.first = piece;
        } else {
            self.append(&piece);
        }
    }

    fn copy(&mut self, piece: &[u8]) {
        let piece = &piece[..self.share(piece.len())];
        if self.first.is_empty() && self.more.is_empty() {
            self.first = Bytes::copy_from_slice(piece);
        } else {
            self.append(piece);
        }
    }

    fn append(&mut self, piece: &[u8]) {
        self.more.extend_from_slice(&std::mem::take(&mut self.first));
        self.more.extend_from_slice(piece);
    }

    fn take(&mut self) -> Bytes {
        let (first, more) = (&mut self.first, &mut self.more);
        if more.is_empty() { std::mem::take(first) } else { std::mem::take(more).into() }
    }
}
