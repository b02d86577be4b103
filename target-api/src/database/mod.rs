//! The embedded SQLite database: opening, seeding, the bounded pool, and the queries.
//!
//! The main type is [`Database`]: [`Database::read`] and [`Database::write`] run a closure in a
//! transaction on a pooled connection, off the async threads. Nothing here knows about HTTP.

mod lease;
mod names;
mod open;
mod seed;

pub(crate) mod items;
pub(crate) mod profiles;
pub(crate) mod teams;
pub(crate) mod users;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tempfile::TempDir;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::metrics::{Gauged, PoolMetrics};
use crate::options::Options;

use lease::{Idle, Lease};
pub(crate) use open::OpenError;

/// Why a query gave no answer.
#[derive(Debug, Error)]
pub(crate) enum DatabaseError {
    /// No connection became free in time.
    #[error("no database connection became free within {0:?}")]
    Exhausted(Duration),
    /// SQLite refused.
    #[error(transparent)]
    Query(#[from] rusqlite::Error),
    /// The runtime is going away.
    #[error("the service is stopping")]
    Stopping,
}

/// A bounded pool of connections to one SQLite file.
///
/// Readers run side by side (WAL). Writers take turns on a semaphore of their own before they take
/// a connection, so that no connection is held by a writer that only waits for another one.
#[derive(Debug)]
pub(crate) struct Database {
    idle: Arc<Idle>,
    connections: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    acquire_timeout: Duration,
    query_delay: Duration,
    metrics: Arc<PoolMetrics>,
    /// Removed with everything in it once the last connection is closed; `None` for a file of the
    /// user's.
    _directory: Option<TempDir>,
}

impl Database {
    /// Opens and seeds the database that `options` ask for. Blocks.
    pub(crate) fn open(options: &Options) -> Result<Self, OpenError> {
        let (connections, directory) = open::connections(options)?;
        let size = connections.len();
        let metrics = Arc::new(PoolMetrics::new(size));
        Ok(Self {
            idle: Arc::new(Idle::new(connections)),
            connections: Arc::new(Semaphore::new(size)),
            writers: Arc::new(Semaphore::new(1)),
            acquire_timeout: options.pool_timeout,
            query_delay: options.query_delay,
            metrics,
            _directory: directory,
        })
    }

    pub(crate) fn metrics(&self) -> &PoolMetrics {
        &self.metrics
    }

    /// Runs `query` on one consistent snapshot.
    ///
    /// # Cancel safety
    ///
    /// A dropped call lets the query finish; its connection then goes back to the pool.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let lease = self.acquire(false).await?;
        self.run(lease, move |connection| {
            let snapshot = connection.transaction()?;
            let found = query(&snapshot)?;
            snapshot.commit()?;
            Ok(found)
        })
        .await
    }

    /// Runs `change` in a write transaction, which is committed unless `change` fails.
    ///
    /// # Cancel safety
    ///
    /// A dropped call lets the transaction finish once it has begun.
    pub(crate) async fn write<T, F>(&self, change: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let lease = self.acquire(true).await?;
        self.run(lease, move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = change(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }

    /// Takes a connection, and the writers' turn if `writes`, within the acquire timeout.
    async fn acquire(&self, writes: bool) -> Result<Lease, DatabaseError> {
        let began = crate::clock::now();
        let waiting = Gauged::enter(&self.metrics.waiting);
        let permits = timeout(self.acquire_timeout, async {
            let turn = match writes {
                true => Some(Arc::clone(&self.writers).acquire_owned().await),
                false => None,
            };
            (turn.transpose(), Arc::clone(&self.connections).acquire_owned().await)
        })
        .await;
        drop(waiting);
        self.metrics.wait.observe(began.elapsed());
        let Ok((turn, permit)) = permits else {
            self.metrics.acquire_timeouts.fetch_add(1, Ordering::Relaxed);
            return Err(DatabaseError::Exhausted(self.acquire_timeout));
        };
        let (Ok(turn), Ok(permit)) = (turn, permit) else { return Err(DatabaseError::Stopping) };
        Ok(Lease::new(Arc::clone(&self.idle), Arc::clone(&self.metrics), permit, turn))
    }

    /// Runs `work` on a blocking thread, then holds the connection for the query delay.
    async fn run<T, F>(&self, mut lease: Lease, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let ran = spawn_blocking(move || {
            let result = work(lease.connection());
            lease.end_turn();
            (result, lease)
        });
        let held = hold(ran, self.query_delay);
        let result = if self.query_delay.is_zero() {
            held.await
        } else {
            // In a task of its own, so that a client that hangs up does not end the delay.
            tokio::spawn(held).await.flatten()
        };
        Ok(result.map_err(stopped_or_panicked)??)
    }
}

/// Waits for a query, and goes on holding its connection for `delay`.
async fn hold<R>(ran: JoinHandle<(R, Lease)>, delay: Duration) -> Result<R, JoinError> {
    let (result, lease) = ran.await?;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    drop(lease);
    Ok(result)
}

/// A panic goes on in the caller; a task that never ran means that the runtime is stopping.
fn stopped_or_panicked(error: JoinError) -> DatabaseError {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => DatabaseError::Stopping,
    }
}
