//! Sleeping until something is due, to within tens of microseconds.
//!
//! Main type: [`Timer`], one for each worker thread, which serves every sleep of that worker that decides when something
//! is due: arrivals, think time, pacing, `user.sleep`. tokio's own timer rounds each deadline up to its next millisecond,
//! and since response times count from when a request was due, that millisecond would be in every one of them. It knows
//! nothing of what it wakes. Bounds that nobody measures from, such as a graceful stop, stay with tokio.
//!
//! On Linux a timer is one `timerfd` watched by the worker's runtime: the kernel's high-resolution timers keep it without
//! the slack that they grant the timeout of `epoll_wait`. Elsewhere, and where tests pause time, it is tokio's timer.

#[cfg(target_os = "linux")]
mod alarm;

use tokio::time::Instant;

/// Wakes the tasks of one thread when they are due. A clone is the same timer.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Milliseconds; follows paused time.
    Tokio,
    /// Microseconds, of real time only.
    #[cfg(target_os = "linux")]
    Precise(alarm::Alarm),
}

impl Timer {
    /// tokio's own timer, up to a millisecond and more late. It follows paused time.
    #[must_use]
    pub(super) fn tokio() -> Self {
        Self { kind: Kind::Tokio }
    }

    /// The most precise timer of this system. It is tokio's where there is no other, and when no file descriptor is left:
    /// a run goes on then, and its schedule lag shows how late it is.
    ///
    /// # Panics
    /// Outside of a tokio runtime for one thread that has its I/O driver.
    #[must_use]
    pub(super) fn precise() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(alarm) = alarm::Alarm::new() {
            return Self { kind: Kind::Precise(alarm) };
        }
        Self::tokio()
    }

    /// Waits until `due`, never less. Who is due first wakes first; who is due at the same instant wakes in the order in
    /// which they began to wait. What is already due does not wait, except for its turn when its task has long had one.
    ///
    /// # Cancel safety
    /// Safe: dropping it forgets the sleep, and nothing is left of it.
    pub(super) async fn sleep_until(&self, due: Instant) {
        match &self.kind {
            Kind::Tokio => tokio::time::sleep_until(due).await,
            #[cfg(target_os = "linux")]
            Kind::Precise(alarm) => alarm.sleep_until(due).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tokios_timer_follows_paused_time() {
        let begun = Instant::now();
        Timer::tokio().sleep_until(begun + Duration::from_secs(3600)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(3600));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "local")]
    async fn a_precise_timer_is_not_tokios() {
        assert!(matches!(Timer::precise().kind, Kind::Precise(_)));
    }
}
