//! One connection out of the pool, which goes back whatever happens to the request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::clock;
use crate::metrics::{Gauged, PoolMetrics};

/// The connections that nobody holds.
#[derive(Debug)]
pub(super) struct Idle(Mutex<Vec<Connection>>);

impl Idle {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self(Mutex::new(connections))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Pushing and popping cannot leave the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection held by one request.
///
/// Its drop puts the connection back before the permit, so that whoever gets the permit finds a
/// connection.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<Connection>,
    idle: Arc<Idle>,
    metrics: Arc<PoolMetrics>,
    taken_at: Instant,
    turn: Option<OwnedSemaphorePermit>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    pub(super) fn new(
        idle: Arc<Idle>,
        metrics: Arc<PoolMetrics>,
        permit: OwnedSemaphorePermit,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let connection = idle.lock().pop();
        Gauged::raise(&metrics.in_use);
        Self { connection, idle, metrics, taken_at: clock::now(), turn, _permit: permit }
    }

    /// The connection.
    pub(super) fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("as many permits as connections")
    }

    /// Lets the next writer begin, while this connection may still be held.
    pub(super) fn end_turn(&mut self) {
        self.turn = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.metrics.query.observe(self.taken_at.elapsed());
        Gauged::lower(&self.metrics.in_use);
        self.idle.lock().extend(self.connection.take());
    }
}
