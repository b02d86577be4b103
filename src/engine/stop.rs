//! How far a stop has gone, and waiting for it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

/// How far a stop has gone. Only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum StopLevel {
    /// Not at all.
    #[default]
    Running,
    /// No new iterations; running ones may end.
    Graceful,
    /// Running iterations are cut off.
    Now,
}

/// A stop on one thread: of a scenario, or of one virtual user within a scenario.
///
/// Users wait for it beside each of their requests: to begin and to end that costs no more than a clone of a waker.
#[derive(Debug, Default)]
pub(super) struct Stop {
    level: Cell<StopLevel>,
    waiting: RefCell<Waiting>,
    inner: RefCell<Vec<Weak<Stop>>>,
}

/// Who is to be woken when the level rises.
#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Stop {
    pub(super) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// A stop that also follows another.
    pub(super) fn within(outer: &Self) -> Rc<Self> {
        let inner = Rc::new(Self { level: outer.level.clone(), ..Self::default() });
        let all = &mut *outer.inner.borrow_mut();
        if all.len() == all.capacity() {
            // Those of users who have gone make room before more is taken.
            all.retain(|one| one.strong_count() > 0);
            // As much again, so that it is not done for each who comes while few go.
            all.reserve(all.len() + 1);
        }
        all.push(Rc::downgrade(&inner));
        inner
    }

    pub(super) fn level(&self) -> StopLevel {
        self.level.get()
    }

    /// Raises the level; lower ones are ignored.
    pub(super) fn raise(&self, level: StopLevel) {
        if level <= self.level.get() {
            return;
        }
        self.level.set(level);
        self.waiting.borrow().wakers.iter().flatten().for_each(Waker::wake_by_ref);
        self.inner.borrow().iter().filter_map(Weak::upgrade).for_each(|inner| inner.raise(level));
    }

    /// Waits until the level is reached.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub(super) async fn reached(&self, level: StopLevel) {
        let mut ear = Ear { stop: self, place: None };
        poll_fn(|cx| ear.poll(level, cx)).await;
    }
}

/// A place among those who wait.
struct Ear<'a> {
    stop: &'a Stop,
    place: Option<usize>,
}

impl Ear<'_> {
    fn poll(&mut self, level: StopLevel, cx: &mut Context<'_>) -> Poll<()> {
        if self.stop.level() >= level {
            return Poll::Ready(());
        }
        let waiting = &mut *self.stop.waiting.borrow_mut();
        let place = *self.place.get_or_insert_with(|| {
            waiting.free.pop().unwrap_or_else(|| {
                waiting.wakers.push(None);
                waiting.wakers.len() - 1
            })
        });
        match &mut waiting.wakers[place] {
            Some(known) if known.will_wake(cx.waker()) => {}
            other => *other = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Ear<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            // Its waker stays there: who comes next is mostly the same user. To be woken for nothing does no harm.
            self.stop.waiting.borrow_mut().free.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whether the level is reached without waiting.
    async fn is_reached(stop: &Stop, level: StopLevel) -> bool {
        tokio::select! {
            biased;
            () = stop.reached(level) => true,
            () = std::future::ready(()) => false,
        }
    }

    #[test]
    fn levels_only_rise() {
        let stop = Stop::new();
        assert_eq!(stop.level(), StopLevel::Running);
        for (raised, level) in [
            (StopLevel::Running, StopLevel::Running),
            (StopLevel::Graceful, StopLevel::Graceful),
            (StopLevel::Running, StopLevel::Graceful),
            (StopLevel::Now, StopLevel::Now),
            (StopLevel::Graceful, StopLevel::Now),
            (StopLevel::Running, StopLevel::Now),
        ] {
            stop.raise(raised);
            assert_eq!(stop.level(), level);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_level_that_is_reached_is_not_waited_for() {
        let stop = Stop::new();
        assert!(is_reached(&stop, StopLevel::Running).await);
        assert!(!is_reached(&stop, StopLevel::Graceful).await);
        stop.raise(StopLevel::Graceful);
        assert!(is_reached(&stop, StopLevel::Graceful).await);
        assert!(!is_reached(&stop, StopLevel::Now).await);
        stop.raise(StopLevel::Now);
        assert!(is_reached(&stop, StopLevel::Graceful).await);
        assert!(is_reached(&stop, StopLevel::Now).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_higher_level_sleeps_through_a_lower_one() {
        let stop = Stop::new();
        let raising = async {
            for level in [StopLevel::Graceful, StopLevel::Graceful, StopLevel::Now] {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stop.raise(level);
            }
        };
        let begun = tokio::time::Instant::now();
        let waiting = async {
            stop.reached(StopLevel::Now).await;
            begun.elapsed()
        };
        let (reached_after, ()) = tokio::join!(waiting, raising);
        assert_eq!(reached_after, Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_inner_stop_follows_the_outer_one_and_not_the_reverse() {
        let outer = Stop::new();
        let (first, second) = (Stop::within(&outer), Stop::within(&outer));
        first.raise(StopLevel::Graceful);
        assert_eq!(first.level(), StopLevel::Graceful);
        assert_eq!((outer.level(), second.level()), (StopLevel::Running, StopLevel::Running));

        let both =
            async { tokio::join!(first.reached(StopLevel::Now), second.reached(StopLevel::Now)) };
        tokio::join!(both, async { outer.raise(StopLevel::Now) });
        assert_eq!((first.level(), second.level()), (StopLevel::Now, StopLevel::Now));
        assert!(is_reached(&first, StopLevel::Now).await);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_who_waits_is_told() {
        let stop = Stop::new();
        let waiting = (0..50).map(|_| {
            let stop = stop.clone();
            async move { stop.reached(StopLevel::Graceful).await }
        });
        let mut told = tokio::task::JoinSet::new();
        let local = tokio::task::LocalSet::new();
        waiting.for_each(|wait| drop(told.spawn_local_on(wait, &local)));
        local
            .run_until(async {
                // Once they all wait: time stands still until then.
                tokio::time::sleep(Duration::from_secs(1)).await;
                stop.raise(StopLevel::Graceful);
                let mut count = 0;
                while told.join_next().await.is_some() {
                    count += 1;
                }
                assert_eq!(count, 50);
            })
            .await;
    }
}
