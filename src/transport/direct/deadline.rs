//! The total timeout of requests, without a timer for each.
//!
//! Nearly no request reaches its deadline, and a timer that is set and taken back costs as much as a system call's share of
//! the path. So the timer of a virtual user stays set from one request to the next: when it goes off early, for a request
//! that has long ended, it is set anew for the one that runs.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer that the last request of a virtual user has left.
#[derive(Default)]
pub(super) struct Deadlines {
    left: Cell<Option<Pin<Box<Sleep>>>>,
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
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let timer = timer.get_or_insert_with(|| {
                self.left.take().unwrap_or_else(|| Box::pin(sleep_until(deadline)))
            });
            ready!(poll_until(timer, deadline, cx));
            Poll::Ready(None)
        })
        .await;
        if timer.is_some() {
            self.left.set(timer);
        }
        outcome
    }
}

fn poll_until(timer: &mut Pin<Box<Sleep>>, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if timer.deadline() > deadline {
        timer.as_mut().reset(deadline);
    }
    ready!(timer.as_mut().poll(cx));
    if timer.deadline() >= deadline {
        return Poll::Ready(());
    }
    timer.as_mut().reset(deadline);
    timer.as_mut().poll(cx)
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
}
