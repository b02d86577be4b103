//! Requests that leave together.
//!
//! The first of them wakes the target, which finds the others there when it has done with that: with 1,000 users a third of what
//! each costs. So a user who is in no hurry puts its request down and waits for the answer at once. The bytes of all are
//! written one after the other when [`MOST`] have come together, or when everybody who was ready has had a turn; by one user, so
//! that the others need no second turn, for which all that is theirs would have to come back into the caches.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::Context;

use tokio::time::Instant;

use super::socket::Socket;

/// Requests that leave together at most. More gain nothing, and the first of them would wait longer.
const MOST: usize = 32;

/// Bytes that are kept for the next ones.
const MAX_SPARE: usize = 64 * 1024;

thread_local! {
    /// What the users of this thread have put down.
    static WAITING: RefCell<Waiting> = const { RefCell::new(Waiting::EMPTY) };
}

/// Requests that have been put down, in that order.
struct Waiting {
    bytes: Vec<u8>,
    requests: Vec<Request>,
}

impl Waiting {
    const EMPTY: Self = Self { bytes: Vec::new(), requests: Vec::new() };
}

struct Request {
    socket: Rc<Socket>,
    /// Where its bytes end; they begin where those of the one before it end.
    end: usize,
}

/// How a request left.
#[derive(Debug)]
pub(super) struct Departed {
    /// When it was given to the system.
    pub(super) at: Instant,
    /// When the system had taken what it would.
    pub(super) until: Instant,
    /// How many bytes that were, or why none will be taken any more.
    pub(super) written: io::Result<usize>,
}

/// The place of a request that was put down. Dropped while that waits, it lets it leave with all others: who put it down has
/// counted it as sent.
#[derive(Debug)]
pub(super) struct Ticket {
    socket: Rc<Socket>,
    /// Whether it is this one's user who writes for all, at its next turn.
    is_first: bool,
    is_waiting: bool,
}

impl Ticket {
    /// Puts a request down whose bytes are `whole`.
    #[inline]
    pub(super) fn new(socket: &Rc<Socket>, whole: &[u8], cx: &Context<'_>) -> Self {
        // Its user need not hear of it when all is well.
        socket.told_to(cx.waker());
        let count = WAITING.with_borrow_mut(|waiting| {
            waiting.bytes.extend_from_slice(whole);
            let socket = Rc::clone(socket);
            waiting.requests.push(Request { socket, end: waiting.bytes.len() });
            waiting.requests.len()
        });
        let ticket = Self { socket: Rc::clone(socket), is_first: count == 1, is_waiting: true };
        if count >= MOST {
            write_all();
        } else if ticket.is_first {
            // At the end of the queue: after those who are ready.
            cx.waker().wake_by_ref();
        }
        ticket
    }

    /// How the request left, told once; `None` while it waits.
    pub(super) fn departed(&mut self) -> Option<Departed> {
        if self.is_first && self.socket.departed.borrow().is_none() {
            write_all();
        }
        let departed = self.socket.departed.take();
        self.is_waiting = departed.is_none();
        departed
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_waiting && self.socket.departed.take().is_none() {
            write_all();
            self.socket.departed.take();
        }
    }
}

/// Writes what waits.
fn write_all() {
    // At the end of a thread there are no others left.
    let Ok(Waiting { mut bytes, mut requests }) = WAITING.try_with(|it| it.replace(Waiting::EMPTY))
    else {
        return;
    };
    let mut begin = 0;
    let mut at = Instant::now();
    for Request { socket, end } in requests.drain(..) {
        let whole = &bytes[begin..end];
        let written = match socket.try_write(whole) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        };
        let until = Instant::now();
        if !matches!(written, Ok(count) if count == whole.len()) {
            socket.waker.borrow().wake_by_ref();
        }
        socket.departed.replace(Some(Departed { at, until, written }));
        (begin, at) = (end, until);
    }
    bytes.clear();
    if bytes.capacity() <= MAX_SPARE {
        // Waking and dropping may have let others in, but only to be woken: nobody puts a request down outside a turn.
        WAITING.set(Waiting { bytes, requests });
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::{AsyncReadExt, ReadBuf};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A user, as far as it matters here.
    struct User {
        socket: Rc<Socket>,
        peer: TcpStream,
        wakes: Arc<Count>,
    }

    impl User {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let to = listener.local_addr().unwrap();
            let (stream, peer) = tokio::join!(TcpStream::connect(to), listener.accept());
            let stream = stream.unwrap();
            // A socket is known to be writable only when the system has said so.
            stream.writable().await.unwrap();
            Self { socket: Socket::new(stream), peer: peer.unwrap().0, wakes: Arc::default() }
        }

        fn put(&self, whole: &[u8]) -> Ticket {
            let waker = Waker::from(Arc::clone(&self.wakes));
            Ticket::new(&self.socket, whole, &Context::from_waker(&waker))
        }

        fn wakes(&self) -> usize {
            self.wakes.0.load(Ordering::Relaxed)
        }

        async fn receives(&mut self, expected: &str) {
            let mut bytes = vec![0; expected.len()];
            self.peer.read_exact(&mut bytes).await.unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }

    async fn users(count: usize) -> Vec<User> {
        let mut users = Vec::new();
        for _ in 0..count {
            users.push(User::new().await);
        }
        users
    }

    #[tokio::test]
    async fn so_many_leave_at_once_and_nobody_is_woken_but_the_first() {
        let mut users = users(MOST + 1).await;
        let put: Vec<_> =
            users.iter().zip(100..).map(|(user, n)| user.put(format!("{n}").as_bytes())).collect();
        let mut last = put.into_iter().enumerate();
        let mut before = None;
        for (index, mut ticket) in last.by_ref().take(MOST) {
            let departed = ticket.departed().unwrap();
            assert_eq!(departed.written.unwrap(), 3);
            assert!(departed.at <= departed.until && before <= Some(departed.at), "{index}");
            before = Some(departed.until);
            assert_eq!(users[index].wakes(), usize::from(index == 0));
            assert!(ticket.departed().is_none(), "told twice");
        }
        // The one after them is the first of the next.
        let (index, mut ticket) = last.next().unwrap();
        assert_eq!(users[index].wakes(), 1);
        assert_eq!(ticket.departed().unwrap().written.unwrap(), 3);
        for (user, n) in users.iter_mut().zip(100..) {
            user.receives(&format!("{n}")).await;
        }
    }

    #[tokio::test]
    async fn the_first_writes_for_all_at_its_next_turn() {
        let mut users = users(3).await;
        let mut put: Vec<_> = users.iter().map(|user| user.put(b"GET /")).collect();
        assert!(put[2].departed().is_none());
        assert!(put[1].departed().is_none());
        assert!(put[0].departed().is_some());
        assert!(put[1].departed().is_some());
        assert!(put[2].departed().is_some());
        for user in &mut users {
            user.receives("GET /").await;
        }
    }

    #[tokio::test]
    async fn who_gives_up_has_sent_all_the_same_and_holds_up_nobody() {
        for gives_up in 0..3 {
            let mut users = users(3).await;
            let mut put: Vec<_> = users.iter().map(|user| user.put(b"GET /")).collect();
            drop(put.remove(gives_up));
            for mut ticket in put {
                assert_eq!(ticket.departed().unwrap().written.unwrap(), 5);
            }
            for user in &mut users {
                user.receives("GET /").await;
                assert!(user.socket.departed.borrow().is_none());
            }
        }
    }

    #[tokio::test]
    async fn who_is_not_done_is_woken_and_told_how_far_it_came() {
        let mut users = users(3).await;
        let mut filled = 0;
        while let Ok(count) = users[1].socket.try_write(&[b'x'; 64 * 1024]) {
            filled += count;
        }
        // The close of a peer that has not read everything is a reset.
        users[2].socket.try_write(b"unread").unwrap();
        users[2].peer.readable().await.unwrap();
        users[2].peer = User::new().await.peer;
        let mut memory = [0];
        let mut buffer = ReadBuf::new(&mut memory);
        poll_fn(|cx| users[2].socket.poll_read(cx, &mut buffer)).await.unwrap_err();
        let mut put: Vec<_> = users.iter().map(|user| user.put(b"GET /")).collect();
        let mut written = put.iter_mut().map(|ticket| ticket.departed().unwrap().written);
        assert_eq!(written.next().unwrap().unwrap(), 5);
        assert_eq!(written.next().unwrap().unwrap(), 0);
        assert!(written.next().unwrap().is_err());
        assert_eq!(users.iter().map(User::wakes).collect::<Vec<_>>(), [1, 1, 1]);
        users[0].receives("GET /").await;
        users[1].receives(&"x".repeat(filled)).await;
    }
}
