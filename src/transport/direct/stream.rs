//! A connection's bytes, with TLS or without.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::socket::Socket;

/// An open connection. TLS keeps much more for each, which is why it is apart.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Rc<Socket>),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Reads what is there; nothing read is the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => socket.poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }

    /// Writes as much as goes.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Hands on what TLS has not yet written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Where it lies in memory.
    pub(super) fn address(&self) -> usize {
        match self {
            Self::Plain(socket) => Rc::as_ptr(socket).addr(),
            Self::Tls(stream) => std::ptr::from_ref(&**stream).addr(),
        }
    }

    /// Whether the target has neither closed the connection nor said anything unasked: a request may be sent on it.
    ///
    /// Asks the system only if it has told of something to read, so that it costs next to nothing.
    pub(super) fn is_quiet(&mut self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_quiet(),
            Self::Tls(stream) => {
                let mut cx = Context::from_waker(Waker::noop());
                Pin::new(stream).poll_read(&mut cx, &mut ReadBuf::new(&mut [0])).is_pending()
            }
        }
    }
}
