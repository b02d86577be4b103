//! Sees when a request connects, although the HTTP client does not tell.
//!
//! reqwest opens connections inside the future of a request, and offers no event for it. But what
//! it calls on the way is ours: the proxy rule (asked once at the start of each connection), the
//! resolver, and TLS's session store and key log. Each of them leaves a [`Mark`]. A [`Watch`] polls
//! the request and collects the marks left during its own polls, so that concurrent requests are
//! never mixed up and a connection opened in the background belongs to nobody.
//!
//! One moment has no caller: that the connection is open and the request was given to it. It
//! follows from how hyper-util works: from then on only the response wakes the request. So it is
//! the last poll before the one that brought the answer. That holds if each poll stems from a wake
//! of this very request; [`Beacon`] sees to it.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::timings::Timings;

thread_local! {
    /// The marks of the request that is being polled on this thread, if any.
    static CURRENT: Cell<Option<Marks>> = const { Cell::new(None) };
}

/// Something that happens while a connection is opened.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    /// The connector was called.
    ConnectStarted,
    /// A name is being looked up.
    DnsStarted,
    /// The lookup ended, either way.
    DnsEnded,
    /// The first TLS message is being written.
    TlsStarted,
    /// The TLS keys are agreed.
    TlsEnded,
}

/// Leaves a mark, with the current time, on the request that is being polled on this thread.
///
/// Without one (a connection that goes on in the background) it does nothing.
pub(super) fn leave(mark: Mark) {
    CURRENT.with(|current| {
        if let Some(mut marks) = current.get() {
            marks.set(mark, Instant::now());
            current.set(Some(marks));
        }
    });
}

/// When what happened; times are those of the last connection attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    connect_started: Option<Instant>,
    dns_started: Option<Instant>,
    dns: Duration,
    tls_started: Option<Instant>,
    tls_ended: Option<Instant>,
    polls_since: u32,
}

impl Marks {
    /// Notes that `mark` was passed at `now`.
    pub(super) fn set(&mut self, mark: Mark, now: Instant) {
        self.polls_since = 0;
        match mark {
            Mark::ConnectStarted => *self = Self { connect_started: Some(now), ..Self::default() },
            Mark::DnsStarted => self.dns_started = Some(now),
            Mark::DnsEnded => {
                if let Some(started) = self.dns_started.take() {
                    self.dns += now - started;
                }
            }
            Mark::TlsStarted => (self.tls_started, self.tls_ended) = (Some(now), None),
            Mark::TlsEnded => self.tls_ended = Some(now),
        }
    }

    /// Whether a connection was opened, or tried to be.
    pub(super) fn connected(&self) -> bool {
        self.connect_started.is_some()
    }

    /// Whether a TLS handshake began and did not end.
    pub(super) fn in_tls_handshake(&self) -> bool {
        self.tls_started.is_some() && self.tls_ended.is_none()
    }

    /// The stages from `started_at` on before the request was sent; `sent_at` is the end of them, or the time of failure.
    pub(super) fn timings(&self, started_at: Instant, sent_at: Instant) -> Timings {
        let Some(connect_started) = self.connect_started else {
            return Timings { blocked: sent_at - started_at, ..Timings::default() };
        };
        let now_in_dns = self.dns_started.map_or(Duration::ZERO, |at| sent_at - at);
        let dns = self.dns + now_in_dns;
        let tcp_ended = self.tls_started.unwrap_or(sent_at);
        Timings {
            blocked: connect_started - started_at,
            dns,
            connecting: (tcp_ended - connect_started).saturating_sub(dns),
            tls_handshaking: sent_at - tcp_ended,
            ..Timings::default()
        }
    }
}

/// The stages of one request up to the response head.
#[derive(Debug)]
pub(super) struct Watch {
    started_at: Instant,
    marks: Marks,
    last_pending: Option<Instant>,
}

impl Watch {
    /// A watch for a request that was asked for at `started_at`.
    pub(super) fn new(started_at: Instant) -> Self {
        Self { started_at, marks: Marks::default(), last_pending: None }
    }

    /// Drives `request` to its end and collects its marks.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the request; the watch keeps what it has seen.
    pub(super) async fn run<F: Future>(&mut self, request: F) -> F::Output {
        let mut request = pin!(request);
        let beacon = Arc::new(Beacon::default());
        let waker = Waker::from(Arc::clone(&beacon));
        poll_fn(move |cx| {
            if !beacon.take(cx.waker()) {
                return Poll::Pending;
            }
            self.marks.polls_since = self.marks.polls_since.saturating_add(1);
            CURRENT.set(Some(self.marks));
            let poll = request.as_mut().poll(&mut Context::from_waker(&waker));
            self.marks = CURRENT.take().unwrap_or(self.marks);
            if poll.is_pending() {
                self.last_pending = Some(Instant::now());
            }
            poll
        })
        .await
    }

    /// Whether the request opened a connection, or tried to.
    pub(super) fn connected(&self) -> bool {
        self.marks.connected()
    }

    /// Whether a TLS handshake began and did not end.
    pub(super) fn in_tls_handshake(&self) -> bool {
        self.marks.in_tls_handshake()
    }

    /// When the request was given to a connection, for a request that got an answer or failed after
    /// connecting.
    pub(super) fn sent_at(&self) -> Instant {
        self.last_pending.unwrap_or(self.started_at)
    }

    /// The same for a request that was cut off by a timeout, when it is not known whether it was
    /// sent at all.
    ///
    /// After the connector's call it takes one poll to see the TCP connection, and one more to give
    /// the request to it; after the TLS handshake just the latter.
    pub(super) fn sent_at_if_cut_off(&self) -> Option<Instant> {
        let marks = &self.marks;
        let sent = match (marks.connect_started, marks.tls_started, marks.tls_ended) {
            (None, ..) => true,
            (Some(_), None, _) => marks.dns_started.is_none() && marks.polls_since >= 2,
            (Some(_), Some(_), ended) => ended.is_some() && marks.polls_since >= 1,
        };
        sent.then_some(self.last_pending).flatten()
    }

    /// The stages before the request was sent; `sent_at` is the end of them, or the time of
    /// failure.
    pub(super) fn timings(&self, sent_at: Instant) -> Timings {
        self.marks.timings(self.started_at, sent_at)
    }
}

/// Tells a wake of this request from a wake of the task around it, which may be waiting for other
/// things as well.
#[derive(Debug)]
struct Beacon {
    woken: AtomicBool,
    parent: Mutex<Waker>,
}

impl Default for Beacon {
    /// Woken, so that the first poll goes through.
    fn default() -> Self {
        Self { woken: AtomicBool::new(true), parent: Mutex::new(Waker::noop().clone()) }
    }
}

impl Beacon {
    /// Whether there was a wake since the last call. Later wakes go to `parent`.
    fn take(&self, parent: &Waker) -> bool {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner).clone_from(parent);
        self.woken.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Beacon {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.parent.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn marks_divide_the_time_up_to_sending() {
        let mut watch = Watch::new(Instant::now());
        let ms = Duration::from_millis;
        watch
            .run(async {
                tokio::time::sleep(ms(1)).await;
                leave(Mark::ConnectStarted);
                leave(Mark::DnsStarted);
                tokio::time::sleep(ms(2)).await;
                leave(Mark::DnsEnded);
                tokio::time::sleep(ms(3)).await;
                leave(Mark::TlsStarted);
                tokio::time::sleep(ms(4)).await;
                leave(Mark::TlsEnded);
                tokio::time::sleep(ms(50)).await;
            })
            .await;
        let expected = Timings {
            blocked: ms(1),
            dns: ms(2),
            connecting: ms(3),
            tls_handshaking: ms(4),
            ..Timings::default()
        };
        assert_eq!(watch.timings(watch.sent_at()), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_for_another_reason_does_not_move_the_moment_of_sending() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let request = watch.run(tokio::time::sleep(Duration::from_millis(10)));
        let ticks = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::join!(request, ticks);
        assert_eq!(watch.sent_at(), start);
    }

    #[test]
    fn a_mark_outside_a_watched_request_is_forgotten() {
        leave(Mark::ConnectStarted);
        assert!(CURRENT.take().is_none());
    }
}
