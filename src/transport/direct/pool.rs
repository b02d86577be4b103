//! Connections that wait for the next request of their virtual user.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::time::Instant;

use super::super::lanes::Host;
use super::super::options::MAX_IDLE_PER_HOST;
use super::socket::Socket;
use super::stream::Stream;
use crate::prefetch;

/// Idle connections kept for all hosts together; the one that waits longest goes first.
const MAX_IDLE: usize = 64;

/// An open connection and where it leads.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) peer: SocketAddr,
    pub(super) host: Rc<Host>,
    /// Of [`Pool::generation`] when it was opened.
    pub(super) generation: u32,
    /// When the target may close it, if that is known.
    pub(super) good_until: Option<Instant>,
}

/// The idle connections of one virtual user, the one used last at the end.
#[derive(Debug, Default)]
pub(super) struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "each goes to its request and back, where a pointer is less to move and to keep"
    )]
    idle: RefCell<Vec<Box<Connection>>>,
    generation: Cell<u32>,
    /// Where the connection that was taken last lies, and its socket, if they are there still.
    taken: Cell<(usize, usize)>,
}

impl Pool {
    /// The connection to `host` that was used last, if it is still good. Others that are not are closed on the way.
    pub(super) fn take(&self, host: &Rc<Host>, now: Instant) -> Option<Box<Connection>> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let index = idle.iter().rposition(|connection| Rc::ptr_eq(&connection.host, host))?;
            let mut connection = idle.remove(index);
            let is_late = connection.good_until.is_some_and(|until| until <= now);
            if !is_late && connection.stream.is_quiet() {
                let lies_at = std::ptr::from_ref(&*connection).addr();
                self.taken.set((lies_at, connection.stream.address()));
                return Some(connection);
            }
        }
    }

    /// Keeps `connection` for the next request, unless all were closed since it was opened.
    pub(super) fn put(&self, connection: Box<Connection>) {
        if connection.generation != self.generation.get() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let same = idle.iter().filter(|known| Rc::ptr_eq(&known.host, &connection.host));
        if same.count() >= MAX_IDLE_PER_HOST {
            return;
        }
        if idle.len() >= MAX_IDLE {
            idle.remove(0);
        }
        idle.push(connection);
    }

    /// Fetches the connection that was taken last, and the place to which it comes back.
    pub(super) fn prefetch(&self) {
        let idle = self.idle.borrow();
        let end = idle.as_ptr_range().end.addr();
        prefetch::range(end, end + size_of::<Box<Connection>>());
        let (connection, socket) = self.taken.get();
        prefetch::range(connection, connection + size_of::<Connection>());
        prefetch::range(socket, socket + size_of::<Socket>());
    }

    /// Closes the idle ones, and later those that are in use.
    pub(super) fn close(&self) {
        self.generation.set(self.generation.get().wrapping_add(1));
        self.idle.take();
    }

    /// What connections opened now are marked with.
    pub(super) fn generation(&self) -> u32 {
        self.generation.get()
    }
}
