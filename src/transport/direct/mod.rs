//! The direct transport: HTTP/1.1 on sockets of our own, for speed.
//!
//! A request is written and its answer read by the task of the virtual user itself: no queue, no task and no lock lie between a
//! script and its socket. What arrives is read into memory that all virtual users of a thread share, and taken in on the spot
//! ([`receiver::Receiver`]), so that a connection that waits holds no buffer.
//!
//! One request at a time on a connection, and no hidden retry: a kept connection that the target has closed is noticed before
//! it is used ([`pool::Pool`]), and what fails after that is a failure. HTTP/2 and proxies are reqwest's.

mod chunks;
mod connect;
mod converse;
mod deadline;
mod departure;
#[cfg(test)]
mod fuzzed;
mod head;
mod known_heads;
mod outgoing;
mod pool;
mod prepared;
mod race;
mod receiver;
mod socket;
mod stream;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::hint::cold_path;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use url::Url;

use self::converse::{Reuse, converse};
use self::deadline::Deadlines;
use self::departure::Departed;
use self::pool::Pool;
use super::Shared;
use super::connect_watch::Marks;
use super::exchange::{Exchange, Failure};
use super::hop::Hop;
use super::lanes::Lanes;
use super::request::Request;
use super::timings::{Timings, between};
use crate::metric::failure::FailureKind;

/// The connections of one virtual user.
#[derive(Debug)]
pub struct DirectTransport {
    shared: Arc<Shared>,
    lanes: Lanes,
    pool: Pool,
    deadlines: Deadlines,
    tls: OnceCell<Tls>,
}

/// A connector that can be shown.
struct Tls(TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl DirectTransport {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let lanes = Lanes::new(shared.options.max_connections_per_host);
        Self {
            shared,
            lanes,
            pool: Pool::default(),
            deadlines: Deadlines::default(),
            tls: OnceCell::new(),
        }
    }

    /// Builds what requests to addresses like `url` need, short of connections.
    pub fn prepare(&self, url: &Url) {
        if url.scheme() == "https" {
            self.tls();
        }
    }

    /// Fetches what a request under way will use when it is answered.
    pub fn prefetch(&self) {
        self.lanes.prefetch();
        self.pool.prefetch();
    }

    /// Closes what is kept open; requests under way go on. The next request connects anew.
    pub fn close_connections(&self) {
        self.pool.close();
    }

    /// Sends one request and reads its answer to the end; see
    /// [`VuTransport::send`](super::VuTransport::send).
    pub(super) async fn send(&self, request: &Request) -> Box<Exchange> {
        let started_at = request.handed_at.unwrap_or_else(Instant::now);
        let mut attempt = Attempt::new(request, started_at, &self.shared);
        let deadline = started_at + request.timeout;
        let outcome = {
            // Pinned here, where it stays: it is large, and handing it on would copy it for each request.
            let work = pin!(self.run(request, &mut attempt));
            self.deadlines.by(deadline, work).await
        };
        match outcome {
            Some(Ok(())) => {}
            Some(Err(failure)) => attempt.hop.fail(failure),
            None => attempt.hop.cut_off(),
        }
        attempt.finish()
    }

    async fn run(&self, request: &Request, attempt: &mut Attempt<'_>) -> Result<(), Failure> {
        // Given back after the connection is, so that whoever waits for the lane finds it.
        let Some(lane) = self.lanes.enter(&request.url).await else {
            return Err(Failure::new(FailureKind::Other, "the address has no host"));
        };
        lane.host.admit(|| self.shared.check_reach(&request.url))?;
        let now = if lane.has_waited { Instant::now() } else { attempt.hop.started_at() };
        attempt.has_waited = lane.has_waited;
        let mut connection = match self.pool.take(&lane.host, now) {
            Some(connection) => connection,
            None => {
                cold_path();
                attempt.has_waited = true;
                let marks = attempt.marks.insert(Box::default());
                // Boxed, like all that is rare and large: a user who sends nothing would hold its memory too.
                Box::pin(self.open(&request.url, &lane.host, marks)).await?
            }
        };
        attempt.peer = Some(connection.peer);
        let options = &self.shared.options;
        let reuse = converse(&mut connection.stream, request, attempt, options).await?;
        if let Reuse::Yes(kept_for) = reuse
            && options.keep_alive
        {
            let answered_at = attempt.hop.first_byte_at();
            connection.good_until =
                kept_for.and_then(|kept_for| answered_at?.checked_add(kept_for));
            self.pool.put(connection);
        }
        Ok(())
    }

    /// The TLS settings of this virtual user, made at the first use.
    fn tls(&self) -> &TlsConnector {
        &self
            .tls
            .get_or_init(|| {
                let mut config = self.shared.tls.for_virtual_user();
                // Whatever the run may speak elsewhere: this transport speaks nothing else.
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                Tls(Arc::new(config).into())
            })
            .0
    }
}

/// One exchange in the making, and what is seen of its connection.
#[derive(Debug)]
struct Attempt<'a> {
    hop: Hop<'a>,
    /// Those of the connection, if it was made for this.
    marks: Option<Box<Marks>>,
    peer: Option<SocketAddr>,
    /// Whether there was no connection at hand: then the clock is to be looked at again.
    has_waited: bool,
    /// When the last byte of the request was taken by the system.
    written_at: Option<Instant>,
    /// Whether the body came along with the head, and was whole when that was.
    came_at_once: bool,
}

impl<'a> Attempt<'a> {
    fn new(request: &'a Request, started_at: Instant, shared: &Shared) -> Self {
        let hop = Hop::new(request, started_at, &shared.options);
        Self {
            hop,
            marks: None,
            peer: None,
            has_waited: true,
            written_at: None,
            came_at_once: false,
        }
    }

    /// Notes that the first of `bytes` is given to a connection now.
    fn sent(&mut self, bytes: u64) {
        let at = if self.has_waited { Instant::now() } else { self.hop.started_at() };
        self.hop.sent(at, bytes);
    }

    /// Notes when the request left that was put down.
    fn departed(&mut self, departed: &Departed, bytes: u64) {
        self.written_at = Some(departed.until);
        self.hop.left(departed.at, bytes);
    }

    /// The exchange as it came to be.
    fn finish(&mut self) -> Box<Exchange> {
        let at_once = self.hop.first_byte_at().filter(|_| self.came_at_once);
        let done_at = at_once.unwrap_or_else(Instant::now);
        let sent_at = self.hop.sent_at();
        let (started_at, ready_at) = (self.hop.started_at(), sent_at.unwrap_or(done_at));
        let mut stages = match &self.marks {
            Some(marks) => marks.timings(started_at, ready_at),
            None => Timings { blocked: between(started_at, ready_at), ..Timings::default() },
        };
        stages.sending =
            sent_at.map_or(Duration::ZERO, |at| self.written_at.unwrap_or(done_at) - at);
        if self.hop.has_head() {
            self.hop.answered_by(self.peer);
        }
        let mut exchange = self.hop.finish(done_at, stages);
        exchange.new_connection = self.marks.as_ref().is_some_and(|marks| marks.connected());
        exchange
    }
}
