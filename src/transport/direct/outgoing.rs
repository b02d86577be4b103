//! A request as bytes on their way out.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use http::HeaderValue;
use http::header::EXPECT;

use super::super::request::Request;
use super::head::{is_word, tokens};
use super::prepared;
use super::stream::Stream;

/// Bodies up to this length, in bytes, are written along with the head: copying them costs less than a second write.
const MAX_JOINED: usize = 16 * 1024;

/// Buffers up to this size, in bytes, are kept for the next request of the thread.
const MAX_SPARE: usize = 64 * 1024;

thread_local! {
    /// The buffer of the last request of this thread. A request is most often written at once, so that one is enough.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The bytes of one request and how far they are written.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    /// The head, and the body if it is short.
    first: Vec<u8>,
    /// The body if it is long, or held back.
    rest: &'a [u8],
    /// How many bytes may be written now: with `Expect: 100-continue` the body waits to be asked for.
    released: usize,
    written: usize,
    is_flushed: bool,
}

impl<'a> Outgoing<'a> {
    /// The bytes of `request`, which may name a user agent of its own.
    #[inline]
    pub(super) fn new(request: &'a Request, user_agent: &str) -> Self {
        let mut first = SPARE.take();
        first.clear();
        prepared::put_head(&mut first, request, user_agent);
        let expects = |token| is_word(token, b"100-continue");
        let values = request.headers.get_all(EXPECT).iter().map(HeaderValue::as_bytes);
        let is_held = values.flat_map(tokens).any(expects);
        let is_joined = !is_held && request.body.len() <= MAX_JOINED;
        if is_joined {
            first.extend_from_slice(&request.body);
        }
        let rest = if is_joined { &[] } else { &request.body[..] };
        let released = first.len() + if is_held { 0 } else { rest.len() };
        Self { first, rest, released, written: 0, is_flushed: false }
    }

    /// Whether the body waits for the target to ask for it.
    pub(super) fn is_held(&self) -> bool {
        self.released < self.len()
    }

    /// Lets the body go.
    pub(super) fn release(&mut self) {
        self.released = self.len();
    }

    /// Bytes of the request, head and body.
    pub(super) fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    /// Whether the system has taken every byte.
    pub(super) fn is_written(&self) -> bool {
        self.is_flushed
    }

    /// All of it, if it is short and nothing is held back.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.rest.is_empty().then_some(&self.first)
    }

    /// Notes that the first `count` bytes were written by somebody else.
    pub(super) fn departed(&mut self, count: usize) {
        self.written = count;
        if count == self.len() {
            self.is_flushed = true;
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        let buffer = std::mem::take(&mut self.first);
        if (1..=MAX_SPARE).contains(&buffer.capacity()) {
            // At the end of the thread there is nothing left to give it back to.
            let _ = SPARE.try_with(|spare| spare.replace(buffer));
        }
    }

    /// Writes as much as goes; ready when all that may be is written.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<()>> {
        while self.written < self.released {
            let unsent = match self.first.get(self.written..) {
                Some(unsent) if !unsent.is_empty() => unsent,
                _ => &self.rest[self.written - self.first.len()..],
            };
            match ready!(stream.poll_write(cx, unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        ready!(stream.poll_flush(cx))?;
        self.is_flushed = !self.is_held();
        if self.is_flushed {
            // The answer may take long; who writes next need not wait for it, nor for memory.
            self.give_back();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
