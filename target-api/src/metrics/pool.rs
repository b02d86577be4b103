//! What is measured about the pool of database connections.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::Histogram;

/// The pool's gauges, counters and histograms.
#[derive(Debug)]
pub(crate) struct PoolMetrics {
    /// Connections in all.
    pub(crate) size: usize,
    /// Connections held by a request.
    pub(crate) in_use: AtomicI64,
    /// Requests that wait for a connection.
    pub(crate) waiting: AtomicI64,
    /// Requests that waited in vain.
    pub(crate) acquire_timeouts: AtomicU64,
    /// How long requests waited, in vain or not.
    pub(crate) wait: Histogram,
    /// How long a connection was held, `--query-delay` included.
    pub(crate) query: Histogram,
}

impl PoolMetrics {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            in_use: AtomicI64::new(0),
            waiting: AtomicI64::new(0),
            acquire_timeouts: AtomicU64::new(0),
            wait: Histogram::default(),
            query: Histogram::default(),
        }
    }
}

/// One unit on a gauge, taken back when dropped.
#[derive(Debug)]
pub(crate) struct Gauged<'a>(&'a AtomicI64);

impl<'a> Gauged<'a> {
    /// Raises the gauge for as long as the value lives.
    pub(crate) fn enter(gauge: &'a AtomicI64) -> Self {
        Self::raise(gauge);
        Self(gauge)
    }

    /// Adds one to a gauge whose holder lowers it by itself.
    pub(crate) fn raise(gauge: &AtomicI64) {
        gauge.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one off again.
    pub(crate) fn lower(gauge: &AtomicI64) {
        gauge.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Gauged<'_> {
    fn drop(&mut self) {
        Self::lower(self.0);
    }
}
