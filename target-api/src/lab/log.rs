//! What truly arrived and finished, by the lab's own clock.

use std::sync::Arc;
use std::time::Duration;

use super::model::{Finished, Outcome};

/// Requests that are kept: with 33 bytes each, up to 80 MB.
const ENTRIES_MAX: usize = 2_000_000;

/// Entries that are sealed together. What is sealed is shared with a reader and not copied, so that
/// a reader of the log delays no request.
const CHUNK: usize = 8_192;

/// Seconds that are counted one by one: a day.
const SECONDS_MAX: usize = 86_400;

/// One request that is through. Times are nanoseconds from the lab's zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) arrived_ns: u64,
    /// When the model says that it finished.
    pub(super) due_ns: u64,
    /// When its answer was made: `due_ns`, the timer's lateness, and the processor time asked for.
    pub(super) finished_ns: u64,
    pub(super) service_ns: u64,
    pub(super) outcome: Outcome,
}

/// What has happened since the lab's zero.
#[derive(Debug, Default)]
pub(super) struct Log {
    sealed: Vec<Arc<Vec<Entry>>>,
    open: Vec<Entry>,
    counts: Counts,
}

/// How much has happened since the lab's zero.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) arrivals: u64,
    /// Served, be it with success or with an error.
    pub(super) finished: u64,
    pub(super) rejected: u64,
    pub(super) errors: u64,
    /// Raised by an arrival, lowered by an answer.
    pub(super) in_flight: u64,
    pub(super) arrivals_per_s: Vec<u32>,
    pub(super) finishes_per_s: Vec<u32>,
    /// Whether there was more than the log holds. The counts above are of everything all the same.
    pub(super) is_truncated: bool,
}

/// The log as it is at one moment.
#[derive(Debug)]
pub(super) struct Excerpt {
    chunks: Vec<Arc<Vec<Entry>>>,
    pub(super) counts: Counts,
}

impl Excerpt {
    /// Every entry, in the order of the answers.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

impl Log {
    /// A request arrives.
    pub(super) fn arrive(&mut self, at: Duration) {
        self.counts.arrivals += 1;
        self.counts.in_flight += 1;
        self.counts.is_truncated |= !count_in_second(&mut self.counts.arrivals_per_s, at);
    }

    /// A request is answered at `at`.
    pub(super) fn answer(&mut self, request: &Finished, at: Duration) {
        self.counts.in_flight -= 1;
        if request.outcome == Outcome::Refused {
            self.counts.rejected += 1;
        } else {
            self.counts.finished += 1;
            self.counts.errors += u64::from(request.outcome == Outcome::Failed);
            self.counts.is_truncated |= !count_in_second(&mut self.counts.finishes_per_s, at);
        }
        self.keep(Entry {
            arrived_ns: nanos(request.arrived_at),
            due_ns: nanos(request.due_at),
            finished_ns: nanos(at),
            service_ns: nanos(request.service),
            outcome: request.outcome,
        });
    }

    fn keep(&mut self, entry: Entry) {
        if self.sealed.len() * CHUNK + self.open.len() >= ENTRIES_MAX {
            self.counts.is_truncated = true;
            return;
        }
        self.open.push(entry);
        if self.open.len() == CHUNK {
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(CHUNK));
            self.sealed.push(Arc::new(full));
        }
    }

    /// The log as it is now.
    pub(super) fn excerpt(&self) -> Excerpt {
        let mut chunks = self.sealed.clone();
        chunks.push(Arc::new(self.open.clone()));
        Excerpt { chunks, counts: self.counts.clone() }
    }
}

/// Counts something in the second in which it happened, unless that is too late.
fn count_in_second(seconds: &mut Vec<u32>, at: Duration) -> bool {
    let index = usize::try_from(at.as_secs()).unwrap_or(usize::MAX);
    if index >= SECONDS_MAX {
        return false;
    }
    if seconds.len() <= index {
        seconds.resize(index + 1, 0);
    }
    seconds[index] += 1;
    true
}

/// Nanoseconds; a `u64` holds 584 years of them.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(index: u64, outcome: Outcome) -> Finished {
        let at = Duration::from_millis(index);
        Finished {
            index,
            arrived_at: at,
            begun_at: at,
            due_at: at,
            service: Duration::ZERO,
            outcome,
        }
    }

    #[test]
    fn the_counts_add_up_and_nothing_is_lost_between_chunks() {
        let mut log = Log::default();
        let count = CHUNK as u64 + 10;
        for index in 0..count {
            let outcome = [Outcome::Served, Outcome::Failed, Outcome::Refused][index as usize % 3];
            let request = request(index, outcome);
            log.arrive(request.arrived_at);
            log.answer(&request, request.due_at);
        }
        log.arrive(Duration::from_secs(2));
        let excerpt = log.excerpt();
        let arrived: Vec<_> = excerpt.entries().map(|entry| entry.arrived_ns).collect();
        assert_eq!(arrived.len() as u64, count);
        assert!(arrived.is_sorted());
        let counts = &excerpt.counts;
        assert_eq!(counts.arrivals, counts.finished + counts.rejected + counts.in_flight);
        assert_eq!((counts.errors, counts.in_flight), (count / 3, 1));
        assert_eq!(counts.arrivals_per_s[..3], [1_000, 1_000, 1_001]);
        assert!(!counts.is_truncated);
    }

    #[test]
    fn a_full_log_says_so_and_goes_on_counting() {
        let mut log = Log::default();
        let request = request(0, Outcome::Served);
        for _ in 0..=ENTRIES_MAX {
            log.arrive(request.arrived_at);
            log.answer(&request, request.due_at);
        }
        let excerpt = log.excerpt();
        assert_eq!(excerpt.entries().count(), ENTRIES_MAX);
        assert_eq!(excerpt.counts.finished, ENTRIES_MAX as u64 + 1);
        assert!(excerpt.counts.is_truncated);
    }
}
