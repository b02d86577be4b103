//! How long the operating system keeps this process from running.
//!
//! After jHiccup (Gil Tene): a thread that does nothing but sleep, and notes by how much each sleep was too long. Whatever
//! held it up, a stopped process, a busy machine, a hypervisor, held up the workers too, and the time is not the target's.
//! It takes 1.2 % of one core, nearly all of it the kernel's for putting the thread to sleep and waking it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::RunClock;
use crate::metric::Histogram;

/// How long each sleep is meant to be. Twice the 1 ms of METHODS.md 7.2 halves the cost and sees all that is judged there
/// (5 ms and more): a hiccup shows as what is left of it when the sleep is over, at most this much too little.
const SLEEP: Duration = Duration::from_millis(2);

/// Watches for hiccups from its start until it is dropped.
#[derive(Debug)]
pub struct HiccupWatch {
    shared: Arc<Shared>,
    /// `None` when the system gave no thread: then there is nothing to take.
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    oversleeps: Mutex<Histogram>,
    is_over: AtomicBool,
}

impl HiccupWatch {
    /// Starts the thread.
    #[must_use]
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        // From here: that the thread is slow to begin is a hiccup too.
        let clock = RunClock::starting_now();
        let thread = std::thread::Builder::new()
            .name("hiccup".to_owned())
            .spawn(move || theirs.watch(clock));
        Self { shared, thread: thread.ok() }
    }

    /// By how much each sleep since the last call was too long, some 480 of them a second. On a quiet machine they are
    /// around 80 µs, for the kernel gathers timers that are due within 50 µs.
    pub fn take(&mut self) -> Histogram {
        self.shared.take()
    }

    /// Ends the watch and gives what [`HiccupWatch::take`] would, the sleep that was under way included.
    #[must_use]
    pub fn stop(mut self) -> Histogram {
        self.join();
        self.shared.take()
    }

    fn join(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, and a panic of it was already reported.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn take(&self) -> Histogram {
        // A histogram is whole after each `record`, so one of a thread that panicked is as good.
        std::mem::take(&mut *self.oversleeps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn watch(&self, clock: RunClock) {
        let mut began = Duration::ZERO;
        loop {
            #[expect(
                clippy::disallowed_methods,
                reason = "it is the operating system's sleep that is watched, on a thread that does nothing else"
            )]
            std::thread::sleep(SLEEP);
            let ended = clock.now();
            let oversleep = ended.saturating_sub(began).saturating_sub(SLEEP);
            self.oversleeps.lock().unwrap_or_else(PoisonError::into_inner).record(oversleep);
            // From before recording: to be held up there is a hiccup like any other.
            began = ended;
            // Looked at last: a thread that was held up from its very beginning has that to tell.
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

impl Drop for HiccupWatch {
    fn drop(&mut self) {
        self.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits, for at most ten seconds, until the watch has noted `count` sleeps, and gives them.
    async fn take_at_least(watch: &mut HiccupWatch, count: u64) -> Histogram {
        let mut all = Histogram::new();
        for _ in 0..1000 {
            all.merge(&watch.take());
            if all.count() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        all
    }

    #[tokio::test]
    async fn sleeps_are_noted_until_the_watch_is_dropped() {
        let mut watch = HiccupWatch::start();
        let oversleeps = take_at_least(&mut watch, 100).await;
        assert!(oversleeps.count() >= 100, "{}", oversleeps.count());
        // No sleep ends early, and none on any machine that can be tested on is exact to the nanosecond.
        assert!(oversleeps.max().is_some_and(|max| !max.is_zero()));
        let shared = watch.shared.clone();
        drop(watch);
        assert_eq!(Arc::strong_count(&shared), 1, "the thread is gone");
    }

    #[tokio::test]
    async fn what_was_taken_is_not_taken_again() {
        let mut watch = HiccupWatch::start();
        let began = RunClock::starting_now();
        let taken = take_at_least(&mut watch, 50).await.count() + watch.take().count();
        let most = began.now().as_micros() / SLEEP.as_micros() + 1;
        assert!(u128::from(taken) <= most, "{taken} sleeps, time for {most}");
    }
}
