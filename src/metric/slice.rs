//! The time axis of a run: one slice a second, by when things were due.
//!
//! A request belongs to the second for which it was intended, not to the one in which it left or ended: a late send stays
//! where it was suffered (METHODS.md section 0). All methods of `analysis` work on slices, never on single requests.

use std::time::Duration;

use super::buckets::Buckets;
use super::sink::RequestStats;
use super::window::Arrivals;

/// Slices kept: beyond it pairs are merged and slices are twice as long, so that a day's run stays in memory.
const MAX_SLICES: usize = 7_200;
/// The length of a slice until there are too many.
const FIRST_WIDTH: Duration = Duration::from_secs(1);

/// What was due in one span of the run, over all steps.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// Its beginning, from the start of the run.
    pub start: Duration,
    /// Its length: a second, or more in a very long run.
    pub width: Duration,
    /// Iterations due in it.
    pub planned: u64,
    /// Of these, those that began, late or not.
    pub started: u64,
    /// Of these, those that could not begin: `unsent`.
    pub dropped: u64,
    /// Requests intended in it that have ended.
    pub requests: u64,
    /// Of these, those that count in `http_req_failed`.
    pub failed: u64,
    /// Of these, those whose end was not seen: time-outs, and what the end of the run cut off.
    pub censored: u64,
    /// Response times, `done − intended`.
    pub response_time: Buckets,
    /// Service times, `done − sent`.
    pub service_time: Buckets,
    /// Lateness of the generator, `begun − intended`.
    pub schedule_lag: Buckets,
    /// Requests in flight over the slice by the clock, time-weighted mean.
    pub in_flight_mean: f64,
    /// The largest number of requests in flight seen at once.
    pub in_flight_max: u64,
}

impl Slice {
    /// Successful responses a second.
    #[must_use]
    pub fn goodput_per_s(&self) -> f64 {
        (self.requests - self.failed) as f64 / self.width.as_secs_f64()
    }

    /// Share of requests that failed, 0..=1; zero without requests.
    #[must_use]
    pub fn failed_ratio(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 / self.requests as f64 }
    }

    /// Its end, from the start of the run.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.start + self.width
    }

    fn absorb(&mut self, later: &Self) {
        let (ours, theirs) = (self.width.as_secs_f64(), later.width.as_secs_f64());
        self.in_flight_mean =
            (self.in_flight_mean * ours + later.in_flight_mean * theirs) / (ours + theirs);
        self.in_flight_max = self.in_flight_max.max(later.in_flight_max);
        self.width += later.width;
        self.planned += later.planned;
        self.started += later.started;
        self.dropped += later.dropped;
        self.requests += later.requests;
        self.failed += later.failed;
        self.censored += later.censored;
        self.response_time.merge(&later.response_time);
        self.service_time.merge(&later.service_time);
        self.schedule_lag.merge(&later.schedule_lag);
    }
}

/// All slices of a run, without gaps from its start.
#[derive(Debug, Clone)]
pub struct Slices {
    slices: Vec<Slice>,
    width: Duration,
}

impl Default for Slices {
    fn default() -> Self {
        Self { slices: Vec::new(), width: FIRST_WIDTH }
    }
}

impl Slices {
    /// The slices, in the order of time.
    #[must_use]
    pub fn as_slice(&self) -> &[Slice] {
        &self.slices
    }

    /// Adds requests that were intended in second `second` of the run.
    pub fn add_requests(&mut self, second: u32, stats: &RequestStats) {
        let slice = self.at(second);
        slice.requests += stats.count;
        slice.failed += stats.failed;
        slice.censored += stats.censored_time.count();
        slice.response_time.add(&stats.response_time);
        slice.service_time.add(&stats.service_time);
        slice.schedule_lag.add(&stats.schedule_lag);
    }

    /// Adds iterations that were due in second `second` of the run.
    pub fn add_arrivals(&mut self, second: u32, arrivals: &Arrivals) {
        let slice = self.at(second);
        slice.planned += arrivals.planned;
        slice.started += arrivals.started;
        slice.dropped += arrivals.dropped;
    }

    /// Adds one worker's requests in flight over second `second`: their integral over time, and the most at once.
    pub fn add_in_flight(&mut self, second: u32, integral: Duration, max: u64) {
        let slice = self.at(second);
        slice.in_flight_mean += integral.as_secs_f64() / slice.width.as_secs_f64();
        slice.in_flight_max += max;
    }

    fn at(&mut self, second: u32) -> &mut Slice {
        loop {
            let place = second as usize / self.width.as_secs() as usize;
            if place < MAX_SLICES {
                while self.slices.len() <= place {
                    let start = self.width * self.slices.len() as u32;
                    self.slices.push(Slice { start, width: self.width, ..Slice::default() });
                }
                return &mut self.slices[place];
            }
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        self.width *= 2;
        let width = self.width;
        self.slices = self
            .slices
            .chunks(2)
            .map(|pair| {
                let mut merged = pair[0].clone();
                if let Some(later) = pair.get(1) {
                    merged.absorb(later);
                }
                merged.width = width;
                merged
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_very_long_run_keeps_every_count_in_fewer_and_longer_slices() {
        let mut slices = Slices::default();
        let one = Arrivals { planned: 2, started: 1, dropped: 1 };
        for second in 0..20_000 {
            slices.add_arrivals(second, &one);
        }
        let kept = slices.as_slice();
        assert!(kept.len() <= MAX_SLICES);
        assert_eq!(kept.iter().map(|slice| slice.planned).sum::<u64>(), 40_000);
        assert!(kept.windows(2).all(|pair| pair[0].end() == pair[1].start));
    }

    #[test]
    fn a_slice_that_comes_late_goes_to_the_second_it_was_due_in() {
        let mut slices = Slices::default();
        slices.add_arrivals(5, &Arrivals { planned: 1, ..Arrivals::default() });
        slices.add_arrivals(2, &Arrivals { planned: 3, ..Arrivals::default() });
        let planned: Vec<u64> = slices.as_slice().iter().map(|slice| slice.planned).collect();
        assert_eq!(planned, [0, 0, 3, 0, 0, 1]);
    }
}
