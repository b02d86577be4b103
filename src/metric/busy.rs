//! How busy worker threads were, window by window.

use std::collections::BTreeMap;
use std::time::Duration;

use super::window::Window;

/// Windows shorter than this say nothing: the last one of a run may be a millisecond long.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);

/// The busy share of each worker over the run.
#[derive(Debug, Clone, Default)]
pub struct BusyShares {
    workers: BTreeMap<usize, Worker>,
}

#[derive(Debug, Clone, Default)]
struct Worker {
    at: Duration,
    busy: Duration,
    /// The end of each window, and the share in it.
    shares: Vec<(Duration, f64)>,
}

impl BusyShares {
    /// Takes in a window of one worker.
    pub fn add(&mut self, window: &Window) {
        let worker = self.workers.entry(window.worker_index).or_default();
        let length = window.at.saturating_sub(worker.at);
        if length < SHORTEST_WINDOW || window.is_within_second {
            return;
        }
        let busy = window.busy.saturating_sub(worker.busy);
        let share = (busy.as_secs_f64() / length.as_secs_f64()).min(1.0);
        worker.shares.push((window.at, share));
        (worker.at, worker.busy) = (window.at, window.busy);
    }

    /// For each worker its busy share in each window, 0..=1, in the order of time.
    #[must_use]
    pub fn by_worker(&self) -> Vec<Vec<f64>> {
        self.between(Duration::ZERO, Duration::MAX)
    }

    /// The same of the windows that ended after `from`, and at the latest at `until`, from the start of the run.
    #[must_use]
    pub fn between(&self, from: Duration, until: Duration) -> Vec<Vec<f64>> {
        let within = |at: Duration| at > from && at <= until;
        let of_worker = |worker: &Worker| {
            let shares = worker.shares.iter().filter(|(at, _)| within(*at));
            shares.map(|(_, share)| *share).collect()
        };
        self.workers.values().map(of_worker).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_time_between_two_windows() {
        let mut shares = BusyShares::default();
        let window = |at_ms, busy_ms| Window {
            at: Duration::from_millis(at_ms),
            busy: Duration::from_millis(busy_ms),
            ..Window::default()
        };
        [window(1000, 250), window(2000, 1000), window(2001, 1001), window(3000, 1000)]
            .iter()
            .for_each(|window| shares.add(window));
        assert_eq!(shares.by_worker(), [[0.25, 0.75, 0.0]]);
        let seconds =
            |from, until| shares.between(Duration::from_secs(from), Duration::from_secs(until));
        assert_eq!(seconds(1, 2), [[0.75]]);
    }
}
