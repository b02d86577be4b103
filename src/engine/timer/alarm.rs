//! One `timerfd` that serves every sleep of a thread.
//!
//! Sleepers wait in a queue ordered by when they are due, and the descriptor is set for the first of them. A task of the
//! same thread waits for the descriptor and wakes whoever is due. The queue is a tree rather than a heap, so that a sleep
//! that is dropped leaves it at once: a sleeper takes some 60 bytes and nothing after it.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::{AbortHandle, coop};
use tokio::time::Instant;

/// When somebody is due, and a number that rises with each sleeper: the order of waking.
type Place = (Instant, u64);

/// A clone is the same alarm; the last one to go ends its task.
#[derive(Debug, Clone)]
pub(super) struct Alarm {
    inner: Rc<Guarded>,
}

/// What sleepers share, and the task that wakes them.
#[derive(Debug)]
struct Guarded {
    sleepers: Rc<Sleepers>,
    task: AbortHandle,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Sleepers {
    queue: RefCell<BTreeMap<Place, Waker>>,
    /// Sleepers so far.
    count: Cell<u64>,
    /// What the descriptor is set for; `None` when it has expired or was never set. It may be earlier than the first of
    /// the queue, when that was dropped: waking for nobody costs less than setting it anew for each one dropped.
    set_for: Cell<Option<Instant>>,
    descriptor: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// # Errors
    /// When there is no descriptor left, or the runtime cannot watch it.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "what replaces it is `unsafe`, for descriptors that change or close; an `OwnedFd` does neither"
        )]
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        let sleepers = Rc::new(Sleepers {
            queue: RefCell::default(),
            count: Cell::new(0),
            set_for: Cell::new(None),
            descriptor,
        });
        let task = tokio::task::spawn_local(wake_who_is_due(sleepers.clone())).abort_handle();
        Ok(Self { inner: Rc::new(Guarded { sleepers, task }) })
    }

    pub(super) fn sleep_until(&self, due: Instant) -> Sleep<'_> {
        Sleep { sleepers: &self.inner.sleepers, due, number: None }
    }

    /// Sleepers that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.inner.sleepers.queue.borrow().len()
    }
}

async fn wake_who_is_due(sleepers: Rc<Sleepers>) {
    // It fails only when the runtime ends, and everybody who sleeps with it.
    while let Ok(mut ready) = sleepers.descriptor.readable().await {
        // The descriptor is never read: setting it anew makes it unreadable, and the next expiry is the next event.
        ready.clear_ready();
        sleepers.wake_due();
    }
}

impl Sleepers {
    fn wake_due(&self) {
        let now = Instant::now();
        self.set_for.set(None);
        // Not borrowed while it wakes: what a waker does is not known here.
        while let Some(waker) = self.pop_due(now) {
            waker.wake();
        }
        let first = self.queue.borrow().keys().next().copied();
        if let Some((due, _)) = first {
            self.set(due);
        }
    }

    fn pop_due(&self, now: Instant) -> Option<Waker> {
        let mut queue = self.queue.borrow_mut();
        let first = queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Sets the descriptor, unless it expires before `due` anyhow.
    fn set(&self, due: Instant) {
        if self.set_for.get().is_some_and(|set_for| set_for <= due) {
            return;
        }
        // Zero would turn it off.
        let left = due.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let value = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
        rustix::time::timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)
            .expect("a timerfd takes every time that is not negative");
        self.set_for.set(Some(due));
    }

    fn add(&self, due: Instant, waker: &Waker) -> u64 {
        let number = self.count.get();
        self.count.set(number + 1);
        self.queue.borrow_mut().insert((due, number), waker.clone());
        self.set(due);
        number
    }
}

/// One sleep.
#[derive(Debug)]
pub(super) struct Sleep<'a> {
    sleepers: &'a Sleepers,
    due: Instant,
    /// Its number in the queue, once it is there.
    number: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // As every future of tokio: a task that never waits for anything must not keep its thread from the others.
        let turn = ready!(coop::poll_proceed(context));
        if let Some(number) = self.number {
            let mut queue = self.sleepers.queue.borrow_mut();
            // Who is no longer in the queue was woken.
            if let Some(waker) = queue.get_mut(&(self.due, number)) {
                waker.clone_from(context.waker());
                return Poll::Pending;
            }
        } else if self.due > Instant::now() {
            self.number = Some(self.sleepers.add(self.due, context.waker()));
            return Poll::Pending;
        }
        turn.made_progress();
        Poll::Ready(())
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let removed = self.sleepers.queue.borrow_mut().remove(&(self.due, number));
            // Not borrowed while it goes, for the same reason as when it wakes.
            drop(removed);
        }
    }
}
