//! A connection without TLS, on which somebody else may write for its user.
//!
//! Read and written by system calls of their own: `recv` and `send` of libc are points at which a thread can be cancelled, and
//! keeping count of that takes twice as long as the calls themselves. Where there are no system calls to make, rustix takes
//! those of libc.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

use super::departure::Departed;

/// An open connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// What became of the request that was put down last, until its user asks.
    pub(super) departed: RefCell<Option<Departed>>,
    /// Who put it down. Kept from request to request: mostly it is the same, and a new one costs two atomic operations.
    pub(super) waker: RefCell<Waker>,
}

impl Socket {
    /// A connection on which nothing waits.
    pub(super) fn new(stream: TcpStream) -> Rc<Self> {
        let waker = RefCell::new(Waker::noop().clone());
        Rc::new(Self { stream, departed: RefCell::default(), waker })
    }

    /// Reads what is there; nothing read is the end.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.try_read(into.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(count) => {
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads what is there, if the system has told of something.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut part = 0;
        let read = self.stream.try_io(Interest::READABLE, || {
            let (count, _) = rustix::net::recv(&self.stream, &mut *into, RecvFlags::empty())?;
            if count > 0 && count < into.len() {
                // There was no more, and the system tells of what comes from now on: asking for that would cost a call.
                part = count;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(count)
        });
        if part > 0 { Ok(part) } else { read }
    }

    /// Writes as much as goes.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Writes as much as goes, if the system has told that something does.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = || Ok(rustix::net::send(&self.stream, bytes, SendFlags::NOSIGNAL)?);
        self.stream.try_io(Interest::WRITABLE, send)
    }

    /// Whether the target has neither closed the connection nor said anything unasked.
    pub(super) fn is_quiet(&self) -> bool {
        self.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// From now on this one is told what becomes of what is put down.
    pub(super) fn told_to(&self, waker: &Waker) {
        self.waker.borrow_mut().clone_from(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn connected() -> (Rc<Socket>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let (stream, peer) = tokio::join!(TcpStream::connect(to), listener.accept());
        (Socket::new(stream.unwrap()), peer.unwrap().0)
    }

    async fn read(socket: &Socket, at_most: usize) -> io::Result<Vec<u8>> {
        let mut memory = vec![0; at_most];
        let mut buffer = ReadBuf::new(&mut memory);
        poll_fn(|cx| socket.poll_read(cx, &mut buffer)).await?;
        Ok(buffer.filled().to_vec())
    }

    #[tokio::test]
    async fn all_that_comes_is_read_in_pieces_of_any_size_and_then_the_end() {
        for at_most in [1, 3, 4, 5, 100] {
            let (socket, mut peer) = connected().await;
            for word in ["four", "four", "fi"] {
                peer.write_all(word.as_bytes()).await.unwrap();
                let mut came = Vec::new();
                while came.len() < word.len() {
                    came.extend(read(&socket, at_most).await.unwrap());
                }
                assert_eq!(came, word.as_bytes(), "{at_most} at a time");
                assert!(socket.is_quiet());
            }
            drop(peer);
            assert!(read(&socket, at_most).await.unwrap().is_empty());
            assert!(!socket.is_quiet());
        }
    }

    #[tokio::test]
    async fn a_write_waits_for_its_place() {
        let (socket, mut peer) = connected().await;
        let piece = [b'x'; 64 * 1024];
        poll_fn(|cx| socket.poll_write(cx, b"first")).await.unwrap();
        let mut filled = 5;
        while let Ok(count) = socket.try_write(&piece) {
            filled += count;
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(socket.poll_write(&mut cx, b"more").is_pending());
        let mut came = vec![0; filled];
        let reads = peer.read_exact(&mut came);
        let writes = poll_fn(|cx| socket.poll_write(cx, b"more"));
        let (read, written) = tokio::join!(reads, writes);
        assert_eq!((read.unwrap(), written.unwrap()), (filled, 4));
    }

    #[tokio::test]
    async fn what_a_peer_resets_is_an_error_and_no_signal() {
        let (socket, mut peer) = connected().await;
        poll_fn(|cx| socket.poll_write(cx, b"unread")).await.unwrap();
        peer.readable().await.unwrap();
        // The close of a peer that has not read everything is a reset.
        peer = connected().await.1;
        let error = read(&socket, 10).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(socket.try_write(b"more").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        drop(peer);
    }
}
