//! Takes in a response as its bytes arrive, however they are cut.
//!
//! Pure: no socket and no timer, so that any sequence of bytes can be tried on it.

use std::hint::cold_path;
use std::rc::Rc;
use std::time::Duration;

use http::Method;

use super::super::exchange::Failure;
use super::super::fields::Fields;
use super::super::hop::{Head, Hop};
use super::chunks::Chunks;
use super::head::{Framing, MAX_HEAD, ResponseHead, fields, protocol};
use super::known_heads::{self, Known};
use crate::metric::failure::FailureKind;

/// The most interim responses (1xx) before the final one.
const MAX_INTERIM: u32 = 16;

/// The response to one request, as far as it has come.
#[derive(Debug)]
pub(super) struct Receiver<'a> {
    method: &'a Method,
    stage: Stage,
    /// The beginning of a head that is not whole.
    held: Vec<u8>,
    interim: u32,
    is_persistent: bool,
    kept_for: Option<Duration>,
}

#[derive(Debug)]
enum Stage {
    Head,
    Length(u64),
    Chunked(Chunks),
    UntilClose,
    Done,
}

impl<'a> Receiver<'a> {
    /// For the response to a request with this method.
    pub(super) fn new(method: &'a Method) -> Self {
        Self {
            method,
            stage: Stage::Head,
            held: Vec::new(),
            interim: 0,
            is_persistent: false,
            kept_for: None,
        }
    }

    /// Whether the head is there and the body is not.
    pub(super) fn is_in_body(&self) -> bool {
        !matches!(self.stage, Stage::Head | Stage::Done)
    }

    /// Whether the target has said that it will answer later (1xx).
    pub(super) fn has_interim(&self) -> bool {
        self.interim > 0
    }

    /// Whether another request may follow on the connection, once the response is whole.
    pub(super) fn is_persistent(&self) -> bool {
        self.is_persistent
    }

    /// For how long after the head of the response the connection can be relied on, if the target has told.
    pub(super) fn kept_for(&self) -> Option<Duration> {
        self.kept_for
    }

    /// Takes what has arrived, which goes to `hop`; `true` when the response is whole.
    ///
    /// # Errors
    ///
    /// What is not HTTP, and bodies beyond the bound.
    pub(super) fn feed(&mut self, bytes: &[u8], hop: &mut Hop<'_>) -> Result<bool, Failure> {
        if !matches!(self.stage, Stage::Head) {
            return self.body(bytes, hop);
        }
        if self.held.is_empty() {
            let used = self.heads(bytes, hop)?;
            if matches!(self.stage, Stage::Head) {
                self.held.extend_from_slice(&bytes[used..]);
                return self.check_held();
            }
            return self.body(&bytes[used..], hop);
        }
        let mut held = std::mem::take(&mut self.held);
        // The empty line may have begun among the bytes that were held.
        let unseen = held.len().saturating_sub(3);
        held.extend_from_slice(bytes);
        // Reading from the start again at every byte would take the square of the time.
        let used = if has_empty_line(&held[unseen..]) { self.heads(&held, hop)? } else { 0 };
        if matches!(self.stage, Stage::Head) {
            held.drain(..used);
            self.held = held;
            return self.check_held();
        }
        self.body(&held[used..], hop)
    }

    /// The target has closed its side.
    ///
    /// # Errors
    ///
    /// When that is before the response was whole.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if matches!(self.stage, Stage::Head) {
            // What came in several pieces was last looked at when its first one came.
            ResponseHead::parse(&self.held)?;
        }
        let missing = match self.stage {
            Stage::UntilClose | Stage::Done => return Ok(()),
            Stage::Head if self.held.is_empty() => "before the response",
            Stage::Head => "within the head of the response",
            Stage::Length(_) | Stage::Chunked(_) => "within the body",
        };
        let message = format!("connection closed {missing}");
        Err(Failure::new(FailureKind::ClosedEarly, &message))
    }

    fn check_held(&self) -> Result<bool, Failure> {
        if self.held.len() > MAX_HEAD {
            return Err(protocol("the response head is too long"));
        }
        Ok(false)
    }

    /// Reads heads up to the final one, if it is there; says how many bytes were used.
    fn heads(&mut self, bytes: &[u8], hop: &mut Hop<'_>) -> Result<usize, Failure> {
        let mut used = 0;
        while let Some(Known { head, block }) = known_heads::read(&bytes[used..])? {
            used += head.len;
            if head.is_interim() {
                cold_path();
                self.interim += 1;
                if self.interim > MAX_INTERIM {
                    return Err(protocol("too many interim responses"));
                }
                continue;
            }
            self.take(&head, block, hop)?;
            break;
        }
        Ok(used)
    }

    fn take(
        &mut self,
        head: &ResponseHead,
        block: Rc<[u8]>,
        hop: &mut Hop<'_>,
    ) -> Result<(), Failure> {
        let framing = head.framing(self.method)?;
        self.is_persistent = head.is_persistent() && framing != Framing::UntilClose;
        self.kept_for = head.kept_for();
        self.stage = match framing {
            Framing::Length(0) => Stage::Done,
            Framing::Length(length) => Stage::Length(length),
            Framing::Chunked => Stage::Chunked(Chunks::default()),
            Framing::UntilClose => Stage::UntilClose,
        };
        let ResponseHead { status, version, len, mentions, .. } = *head;
        let headers = Fields::unread(block, mentions, fields);
        hop.head(Head { status, version, headers, bytes: len as u64 });
        Ok(())
    }

    fn body(&mut self, bytes: &[u8], hop: &mut Hop<'_>) -> Result<bool, Failure> {
        let used = match &mut self.stage {
            Stage::Length(left) => {
                let count = usize::try_from(*left).map_or(bytes.len(), |n| n.min(bytes.len()));
                if count > 0 {
                    hop.copy_piece(&bytes[..count])?;
                }
                *left -= count as u64;
                if *left == 0 {
                    self.stage = Stage::Done;
                }
                count
            }
            Stage::Chunked(chunks) => {
                let used = chunks.feed(bytes, |piece| hop.copy_piece(piece))?;
                if chunks.is_done() {
                    self.stage = Stage::Done;
                }
                used
            }
            Stage::UntilClose => {
                if !bytes.is_empty() {
                    hop.copy_piece(bytes)?;
                }
                bytes.len()
            }
            Stage::Head | Stage::Done => 0,
        };
        let is_done = matches!(self.stage, Stage::Done);
        // More than was announced: whatever it is, it is not the answer to the next request.
        self.is_persistent &= used == bytes.len();
        Ok(is_done)
    }
}

/// Whether a line ends and the next one is empty.
fn has_empty_line(bytes: &[u8]) -> bool {
    let ends = |end: &[u8]| bytes.windows(end.len()).any(|window| window == end);
    ends(b"\n\r\n") || ends(b"\n\n")
}
