//! For how long threads that could run waited for a core.

use std::collections::HashMap;
use std::time::Duration;

use procfs::process::Process;

use crate::clock::RunClock;

/// Threads are looked at again after this many times what it took, which is at most 1 % of one core: it takes 12 µs for
/// each of them.
const REST_PER_COST: u32 = 100;

/// Between two looks at least this: the threads of a moment have hardly waited.
const SHORTEST: Duration = Duration::from_millis(100);

/// The wait of the threads of some processes.
#[derive(Debug)]
pub(super) struct RunDelay {
    clock: RunClock,
    looked_at: Duration,
    next_look_at: Duration,
    /// For how long each thread had waited, in nanoseconds.
    waited_ns: HashMap<i32, u64>,
    last: Option<f64>,
}

impl RunDelay {
    pub(super) fn new() -> Self {
        Self {
            clock: RunClock::starting_now(),
            looked_at: Duration::ZERO,
            next_look_at: Duration::ZERO,
            waited_ns: HashMap::new(),
            last: None,
        }
    }

    /// How many threads could run and waited for a core, on average between the last two looks: what each waited
    /// (`run_delay` of kernel documentation, `scheduler/sched-stats.rst`), summed, over the time. A thread counts from the
    /// second look on. `None` until then, and where the kernel keeps no account of it.
    pub(super) fn waiting_threads(&mut self, processes: &[&Process]) -> Option<f64> {
        let began = self.clock.now();
        let interval = began.saturating_sub(self.looked_at);
        if began < self.next_look_at || (!self.waited_ns.is_empty() && interval < SHORTEST) {
            return self.last;
        }
        let now: HashMap<i32, u64> = processes.iter().flat_map(|process| waited(process)).collect();
        let before = std::mem::replace(&mut self.waited_ns, now);
        let growths = self
            .waited_ns
            .iter()
            .filter_map(|(tid, ns)| Some(ns.saturating_sub(*before.get(tid)?)));
        let growths: Vec<u64> = growths.collect();
        self.last = (!growths.is_empty())
            .then(|| growths.iter().sum::<u64>() as f64 / 1e9 / interval.as_secs_f64());
        self.looked_at = began;
        let cost = self.clock.now().saturating_sub(began);
        self.next_look_at = began + cost * REST_PER_COST;
        self.last
    }
}

/// The nanoseconds that each thread has waited since it began.
fn waited(process: &Process) -> Vec<(i32, u64)> {
    // By path, which takes half as long as opening each thread's directory first.
    let directory = format!("/proc/{}/task", process.pid());
    let Ok(threads) = std::fs::read_dir(&directory) else { return Vec::new() };
    let wait_of = |thread: std::fs::DirEntry| {
        let tid: i32 = thread.file_name().to_str()?.parse().ok()?;
        let text = std::fs::read_to_string(format!("{directory}/{tid}/schedstat")).ok()?;
        Some((tid, run_delay(&text)?))
    };
    threads.flatten().filter_map(wait_of).collect()
}

/// `199573348 56296945 931`: time on a core, time waiting for one, both in nanoseconds, and times that it ran.
fn run_delay(text: &str) -> Option<u64> {
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_figure_is_the_wait() {
        assert_eq!(run_delay("199573348 56296945 931\n"), Some(56_296_945));
        assert_eq!((run_delay(""), run_delay("1"), run_delay("a b c")), (None, None, None));
    }

    #[tokio::test]
    async fn a_wait_is_known_from_the_second_look_on_and_stays_until_the_next() {
        let this = Process::myself().expect("this process");
        let mut delay = RunDelay::new();
        assert_eq!(delay.waiting_threads(&[&this]), None);
        assert_eq!(delay.waiting_threads(&[&this]), None, "hardly any time has passed");
        tokio::time::sleep(SHORTEST).await;
        delay.next_look_at = Duration::ZERO;
        let waiting = delay.waiting_threads(&[&this]);
        assert!(waiting.is_some_and(|threads| threads >= 0.0), "{waiting:?}");
        delay.next_look_at = Duration::MAX;
        assert_eq!(delay.waiting_threads(&[]), waiting, "the figure stays");
    }
}
