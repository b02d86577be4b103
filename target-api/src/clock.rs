//! The one place that reads the clock.
//!
//! Instants are tokio's, so that a test with paused time can let a token or a cache entry expire at
//! once.

use tokio::time::Instant;

/// The current instant of the monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}
