//! The total timeout of requests, without a timer for each.
//!
//! Nearly no request reaches its deadline, and a timer that is set and taken back costs as much as a system call's share of
//! the path. So the timer of a virtual user stays set from one request to the next: when it goes off early, for a request
//! that has long ended, it is set anew for the one that runs.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::hint::cold_path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::prefetch;

/// The timer that the last request of a virtual user has left.
#[derive(Default)]
pub(super) struct Deadlines {
    left: Cell<Option<Timer>>,
}

/// A timer, and whom it wakes.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    wakes: Option<Waker>,
}

impl fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadlines").finish_non_exhaustive()
    }
}

impl Deadlines {
    /// What `work` comes to, or `None` if it did not by the deadline.
    ///
    /// # Cancel safety
    ///
    /// That of `work`.
    pub(super) async fn by<F: Future>(
        &self,
        deadline: Instant,
        mut work: Pin<&mut F>,
    ) -> Option<F::Output> {
        let mut timer = None;
        let outcome = poll_fn(|cx| {
            if let Some(Timer { sleep, .. }) = &timer {
                // The next request will look at it.
                prefetch::value(&**sleep);
            }
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let timer = timer.get_or_insert_with(|| {
                let set = || Timer { sleep: Box::pin(sleep_until(deadline)), wakes: None };
                self.left.take().unwrap_or_else(set)
            });
            ready!(timer.poll_until(deadline, cx));
            Poll::Ready(None)
        })
        .await;
        if timer.is_some() {
            self.left.set(timer);
        }
        outcome
    }
}

impl Timer {
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Self { sleep, wakes } = self;
        // One that will go off in time and wake this task need not be told again.
        let is_set = wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_set && !sleep.is_elapsed() && sleep.deadline() <= deadline {
            return Poll::Pending;
        }
        cold_path();
        // A task that has had its share of the thread is put off by tokio without a look at the timer.
        let mut is_heard = has_budget_remaining();
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        let mut outcome = sleep.as_mut().poll(cx);
        if outcome.is_ready() && sleep.deadline() < deadline {
            sleep.as_mut().reset(deadline);
            is_heard = has_budget_remaining();
            outcome = sleep.as_mut().poll(cx);
        }
        *wakes = (is_heard && outcome.is_pending()).then(|| cx.waker().clone());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_was_left_serves_any_deadline() {
        let deadlines = Deadlines::default();
        let begun = Instant::now();
        // Later than, earlier than and the same as the one before it; some work ends, some does not.
        for (due, took) in [(60, 1), (60, 59), (5, 10), (90, 1), (90, 100), (2, 3), (2, 1)] {
            let start = Instant::now();
            let work = pin!(tokio::time::sleep(took * SECOND));
            let outcome = deadlines.by(start + due * SECOND, work).await;
            assert_eq!(outcome.is_some(), took < due, "{took} s of {due}");
            assert_eq!(start.elapsed(), took.min(due) * SECOND, "{took} s of {due}");
        }
        assert_eq!(begun.elapsed(), 159 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_at_the_same_time_have_a_deadline_each() {
        let deadlines = Deadlines::default();
        let begun = Instant::now();
        let deadlines = &deadlines;
        let forever = async |due: u32| {
            deadlines.by(begun + due * SECOND, pin!(std::future::pending::<()>())).await
        };
        let first = async {
            assert_eq!(forever(2).await, None);
            begun.elapsed()
        };
        let second = async {
            assert_eq!(forever(1).await, None);
            begun.elapsed()
        };
        assert_eq!(tokio::join!(first, second), (2 * SECOND, SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_was_left_by_one_task_wakes_another() {
        let deadlines = Deadlines::default();
        let begun = Instant::now();
        let never = pin!(std::future::pending::<()>());
        let mut first = Box::pin(deadlines.by(begun + SECOND, never));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(first.await, None);
        // A task that has had its share of the thread is put off before anything is waited for.
        let second = async {
            while has_budget_remaining() {
                tokio::task::coop::consume_budget().await;
            }
            let due = Instant::now() + SECOND;
            let deadlines = Deadlines::default();
            deadlines.by(due, pin!(std::future::pending::<()>())).await
        };
        assert_eq!(tokio::time::timeout(60 * SECOND, second).await, Ok(None));
        assert_eq!(begun.elapsed(), 2 * SECOND);
    }
}
