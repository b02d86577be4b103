//! Processor time that is used up on purpose.

use std::hint::black_box;
use std::time::Duration;

/// Keeps this thread busy until it has used `time` of processor time.
///
/// It blocks whatever else the thread has to do: that is its purpose. Time in which another thread
/// has the processor does not count, so that n requests of d each need n·d of it, whatever runs
/// beside them.
pub(super) fn burn(time: Duration) {
    let until = thread_time() + time;
    while thread_time() < until {
        // Some work between two looks at the clock, so that it is not all spent in the kernel.
        for number in 0..1_000_u32 {
            black_box(number);
        }
    }
}

/// Processor time that this thread has used.
#[cfg(unix)]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().expect("a thread has not run for a negative time")
}

/// Where threads have no clock of their own, time passed stands for processor time used.
#[cfg(not(unix))]
fn thread_time() -> Duration {
    use std::sync::OnceLock;

    use tokio::time::Instant;

    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(crate::clock::now).elapsed()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_what_was_asked_for() {
        let asked = Duration::from_millis(5);
        let before = thread_time();
        burn(asked);
        let used = thread_time() - before;
        assert!(used >= asked, "{used:?}");
        assert!(used < asked * 2, "{used:?}");
    }
}
