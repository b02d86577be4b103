//! The one place that reads the clock.
//!
//! Instants are tokio's, so that a test with paused time can let a token or a cache entry expire at
//! once. The lab alone reads the true clock: its timer is a thread of its own, which knows of no
//! runtime and its pauses.

use tokio::time::Instant;

/// The current instant of the monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The current instant of the monotonic clock, whatever a runtime says.
#[expect(clippy::disallowed_methods, reason = "this is where the lab's time comes from")]
pub(crate) fn true_now() -> std::time::Instant {
    std::time::Instant::now()
}
