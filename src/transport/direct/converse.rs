//! One request and its answer on an open connection.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::HeaderValue;
use http::header::CONNECTION;
use tokio::io::ReadBuf;
use tokio::time::{Instant, timeout};

use super::super::classify::classify_exchanging;
use super::super::exchange::Failure;
use super::super::options::TransportOptions;
use super::super::request::Request;
use super::Attempt;
use super::departure::Ticket;
use super::head::{is_word, tokens};
use super::outgoing::Outgoing;
use super::receiver::Receiver;
use super::stream::Stream;

/// How long a body is held back that the target was asked about (RFC 9110 10.1.1): a target may never answer that.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// Bytes read at a time.
const READ_AT_ONCE: usize = 64 * 1024;

thread_local! {
    /// What a read fills and a [`Receiver`] takes in before anything else happens on this thread.
    static ARRIVED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Whether a connection may be used again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reuse {
    No,
    /// For so long after the head of the answer, if the target has told.
    Yes(Option<Duration>),
}

/// Writes `request` and reads its answer to the end, both at once: a target may answer before it has read everything.
///
/// # Errors
///
/// Why the answer is not whole. The connection is of no use then.
///
/// # Cancel safety
///
/// Dropping the future leaves the connection in the middle of something: it is to be dropped too.
pub(super) async fn converse(
    stream: &mut Stream,
    request: &Request,
    attempt: &mut Attempt<'_>,
    options: &TransportOptions,
) -> Result<Reuse, Failure> {
    // A request that has waited for its connection has left the others behind.
    let gathers = request.gathers && !attempt.has_waited;
    let mut talk = Talk {
        stream,
        outgoing: Outgoing::new(request, &options.user_agent),
        leaving: if gathers { Leaving::WithOthers } else { Leaving::Alone },
        receiver: Receiver::new(&request.method),
        broken: None,
    };
    if !gathers {
        attempt.sent(talk.outgoing.len() as u64);
    }
    loop {
        let (is_in_body, is_held) = (talk.receiver.is_in_body(), talk.outgoing.is_held());
        let step = poll_fn(|cx| talk.poll_step(cx, attempt));
        let is_whole = if is_in_body {
            let bound = options.idle_read_timeout;
            Box::pin(timeout(bound, step)).await.map_err(|_| Failure::silence(bound))??
        } else if is_held {
            let answered = Box::pin(timeout(CONTINUE_WAIT, step)).await;
            if answered.is_err() || talk.receiver.has_interim() {
                talk.outgoing.release();
            }
            answered.unwrap_or(Ok(false))?
        } else {
            step.await?
        };
        if is_whole {
            let says_close = |token| is_word(token, b"close");
            let values = request.headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
            let asks_to_close = values.flat_map(tokens).any(says_close);
            let is_clean = talk.outgoing.is_written() && talk.receiver.is_persistent();
            let is_reusable = is_clean && !asks_to_close;
            let kept_for = talk.receiver.kept_for();
            return Ok(if is_reusable { Reuse::Yes(kept_for) } else { Reuse::No });
        }
    }
}

/// Both directions of one exchange.
struct Talk<'a> {
    stream: &'a mut Stream,
    outgoing: Outgoing<'a>,
    leaving: Leaving,
    receiver: Receiver<'a>,
    /// Why no more of the request can be written. The target may have answered all the same.
    broken: Option<io::Error>,
}

/// Who writes the first bytes of a request.
enum Leaving {
    /// Its own user.
    Alone,
    /// It is to be put down.
    WithOthers,
    /// It waits among others.
    Waiting(Ticket),
}

impl Talk<'_> {
    /// Writes what goes, reads once, and takes in what came; `true` when the answer is whole.
    fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Poll<Result<bool, Failure>> {
        self.write(cx, attempt);
        ARRIVED.with_borrow_mut(|memory| {
            memory.resize(READ_AT_ONCE, 0);
            let mut buffer = ReadBuf::new(memory);
            let read = match (self.stream.poll_read(cx, &mut buffer), &self.broken) {
                // What the write met says more than what the read does.
                (Poll::Pending | Poll::Ready(Err(_)), Some(error)) => {
                    return Poll::Ready(Err(classify_exchanging(error)));
                }
                (read, _) => ready!(read),
            };
            Poll::Ready(match (read, buffer.filled()) {
                (Err(error), _) => Err(classify_exchanging(&error)),
                (Ok(()), []) => self.end(),
                (Ok(()), arrived) => {
                    let had_head = attempt.hop.has_head();
                    let fed = self.receiver.feed(arrived, &mut attempt.hop);
                    attempt.came_at_once = !had_head && matches!(fed, Ok(true));
                    fed
                }
            })
        })
    }

    fn write(&mut self, cx: &mut Context<'_>, attempt: &mut Attempt<'_>) {
        if self.waits_for_others(cx, attempt) || self.outgoing.is_written() || self.broken.is_some()
        {
            return;
        }
        match self.outgoing.poll_write(cx, self.stream) {
            Poll::Ready(Ok(())) if self.outgoing.is_written() => {
                attempt.written_at = Some(Instant::now());
            }
            Poll::Pending | Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => self.broken = Some(error),
        }
    }

    /// Whether the request has yet to leave, with others; if it has just left, notes that.
    fn waits_for_others(&mut self, cx: &Context<'_>, attempt: &mut Attempt<'_>) -> bool {
        let bytes = self.outgoing.len() as u64;
        match &mut self.leaving {
            Leaving::Alone => return false,
            Leaving::WithOthers => match (&self.stream, self.outgoing.whole()) {
                (Stream::Plain(socket), Some(whole)) => {
                    self.leaving = Leaving::Waiting(Ticket::new(socket, whole, cx));
                    return true;
                }
                // What TLS or a long body writes is not in one piece.
                _ => attempt.sent(bytes),
            },
            Leaving::Waiting(ticket) => {
                let Some(departed) = ticket.departed() else { return true };
                attempt.departed(&departed, bytes);
                match departed.written {
                    Ok(count) => self.outgoing.departed(count),
                    Err(error) => self.broken = Some(error),
                }
            }
        }
        self.leaving = Leaving::Alone;
        false
    }

    fn end(&self) -> Result<bool, Failure> {
        match (self.receiver.end(), &self.broken) {
            (Ok(()), _) => Ok(true),
            (Err(_), Some(error)) => Err(classify_exchanging(error)),
            (Err(failure), None) => Err(failure),
        }
    }
}
