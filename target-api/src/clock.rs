//! The one place that reads the clock.
//!
//! Instants are tokio's, so that a test with paused time can let a token or a cache entry expire at
//! once. The lab alone reads the true clock: its timer is a thread of its own, which knows of no
//! runtime and its pauses.

use std::time::Duration;

use tokio::time::Instant;

/// The current instant of the monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Time since it was started by the true clock, whatever a runtime says. It never runs backwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is where the lab's time comes from")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
