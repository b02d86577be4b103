//! Where the time of one exchange went.

use std::time::Duration;

use tokio::time::Instant;

/// The stages of one exchange, in order; a stage that did not happen is zero.
///
/// k6's names: `blocked`, `connecting` and `tls_handshaking`, `sending`, `waiting`, `receiving` are
/// its `http_req_blocked`, `http_req_connecting` and so on. k6 has no name for `dns` and counts it
/// in `blocked`. `http_req_duration` is [`duration`](Timings::duration).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for a free connection slot, or for a connection another request is opening.
    pub blocked: Duration,
    /// Looking up the host name; zero when the answer was at hand.
    pub dns: Duration,
    /// Opening the TCP connection; with a proxy, everything up to the TLS handshake with the
    /// target.
    pub connecting: Duration,
    /// The TLS handshake.
    pub tls_handshaking: Duration,
    /// Writing the request. Zero on transports that cannot see it, where it is part of `waiting`.
    pub sending: Duration,
    /// From the last byte written to the whole response head.
    pub waiting: Duration,
    /// From the response head to the last byte of the body. Decompression is not in it.
    pub receiving: Duration,
}

impl Timings {
    /// The target's share: `sending + waiting + receiving`, k6's `http_req_duration`.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.sending + self.waiting + self.receiving
    }

    /// All stages together: from the call to the last byte.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.blocked + self.dns + self.connecting + self.tls_handshaking + self.duration()
    }
}

/// The time between two moments. They are often one and the same, which is cheaper to see than to reckon.
pub(super) fn between(from: Instant, to: Instant) -> Duration {
    if from == to { Duration::ZERO } else { to - from }
}
