//! What one series observes, folded into its distributions in batches.
//!
//! A request has a dozen times, each of which has a distribution of its own. Recorded one by one, a request would touch them all;
//! so the times of some requests are kept as they came, and each distribution then takes its own of all of them.

use std::hint::cold_path;
use std::time::Duration;

use crate::metric::sink::RequestSample;
use crate::metric::{Histogram, IterationStats, RequestStats};

/// Rows that are folded at a time: 3 KiB of requests, which stay in the first cache.
const ROWS: usize = 64;

/// Rows of times in nanoseconds that are not in their distributions yet, one of which has each column.
#[derive(Debug)]
struct Rows<const COLUMNS: usize>(Vec<[u64; COLUMNS]>);

impl<const COLUMNS: usize> Default for Rows<COLUMNS> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<const COLUMNS: usize> Rows<COLUMNS> {
    /// Keeps a row; `true` when it is time to fold.
    fn push(&mut self, times: [Duration; COLUMNS]) -> bool {
        self.0.push(times.map(nanoseconds));
        self.0.len() >= ROWS
    }

    /// Adds each column to its distribution.
    fn fold_into(&mut self, distributions: [&mut Histogram; COLUMNS]) {
        for (column, distribution) in distributions.into_iter().enumerate() {
            distribution.record_all(self.0.iter().map(|row| row[column]));
        }
        self.0.clear();
    }
}

/// Of a time that no run is long enough for, as much as the distributions take.
fn nanoseconds(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(time.subsec_nanos().into()).min(u64::MAX / 2)
}

/// The requests of one series.
#[derive(Debug, Default)]
pub(super) struct RequestTally {
    stats: RequestStats,
    rows: Rows<6>,
    /// Rows whose requests went over connections that were there.
    on_kept: u64,
}

impl RequestTally {
    /// Adds one request.
    pub(super) fn record(&mut self, sample: &RequestSample) {
        let times = &sample.times;
        let before = [times.blocked, times.dns, times.connecting, times.tls_handshaking];
        if sample.failed || sample.is_first_on_connection || before != [Duration::ZERO; 4] {
            // Rare, and with more to tell.
            cold_path();
            return self.stats.record(sample);
        }
        self.stats.count += 1;
        self.stats.bytes_sent += sample.bytes_sent;
        self.stats.bytes_received += sample.bytes_received;
        self.on_kept += 1;
        let is_time = self.rows.push([
            sample.response_time(),
            sample.service_time(),
            sample.schedule_lag(),
            times.sending,
            times.waiting,
            times.receiving,
        ]);
        if is_time {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let stats = &mut self.stats;
        self.rows.fold_into([
            &mut stats.response_time,
            &mut stats.service_time,
            &mut stats.schedule_lag,
            &mut stats.sending,
            &mut stats.waiting,
            &mut stats.receiving,
        ]);
        let on_kept = std::mem::take(&mut self.on_kept);
        for time in
            [&mut stats.blocked, &mut stats.dns, &mut stats.connecting, &mut stats.tls_handshaking]
        {
            time.record_n(Duration::ZERO, on_kept);
        }
    }

    /// All that was added.
    pub(super) fn into_stats(mut self) -> RequestStats {
        self.fold();
        self.stats
    }
}

/// The iterations of one scenario, task and phase.
#[derive(Debug, Default)]
pub(super) struct IterationTally {
    /// The counts. Of the distributions only those of what was cut off are there before the end.
    pub(super) stats: IterationStats,
    rows: Rows<2>,
}

impl IterationTally {
    /// Adds the times of an iteration that came to its end by itself.
    pub(super) fn took(&mut self, response_time: Duration, duration: Duration) {
        if self.rows.push([response_time, duration]) {
            self.fold();
        }
    }

    fn fold(&mut self) {
        self.rows.fold_into([&mut self.stats.response_time, &mut self.stats.duration]);
    }

    /// All that was added.
    pub(super) fn into_stats(mut self) -> IterationStats {
        self.fold();
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::FailureKind;
    use crate::metric::sink::RequestTimes;

    fn sample(n: u64) -> RequestSample {
        let us = Duration::from_micros;
        let is_first = n.is_multiple_of(50);
        let is_late = n.is_multiple_of(7);
        let times = RequestTimes {
            connecting: us(if is_first { n + 90 } else { 0 }),
            sending: us(3),
            waiting: us(100 + n),
            receiving: us(n % 2),
            ..RequestTimes::default()
        };
        RequestSample {
            intended: us(10 * n),
            begun: us(10 * n + u64::from(is_late)),
            sent: us(10 * n + 2),
            done: us(11 * n + 105),
            times,
            status: 200,
            failure: n.is_multiple_of(90).then_some(FailureKind::Timeout),
            failed: n.is_multiple_of(45),
            is_first_on_connection: is_first,
            bytes_sent: 60,
            bytes_received: n,
        }
    }

    #[test]
    fn requests_come_to_the_same_as_one_by_one() {
        // Around the bounds of a batch, and beyond the few values that a distribution keeps as they are.
        for count in [0, 1, 63, 64, 65, 129, 1_000, 1_100, 3_000] {
            let (mut tally, mut one_by_one) = (RequestTally::default(), RequestStats::default());
            for sample in (1..=count).map(sample) {
                tally.record(&sample);
                one_by_one.record(&sample);
            }
            let (told, expected) = (tally.into_stats(), one_by_one);
            assert_eq!(
                (told.count, told.failed, told.bytes_sent, told.bytes_received),
                (expected.count, expected.failed, expected.bytes_sent, expected.bytes_received)
            );
            for (told, expected) in [
                (&told.response_time, &expected.response_time),
                (&told.service_time, &expected.service_time),
                (&told.schedule_lag, &expected.schedule_lag),
                (&told.failed_time, &expected.failed_time),
                (&told.censored_time, &expected.censored_time),
                (&told.first_on_connection, &expected.first_on_connection),
                (&told.blocked, &expected.blocked),
                (&told.dns, &expected.dns),
                (&told.connecting, &expected.connecting),
                (&told.tls_handshaking, &expected.tls_handshaking),
                (&told.sending, &expected.sending),
                (&told.waiting, &expected.waiting),
                (&told.receiving, &expected.receiving),
            ] {
                assert_eq!(seen(told), seen(expected), "{count}");
            }
        }
    }

    #[test]
    fn iterations_come_to_the_same_as_one_by_one() {
        let (mut tally, mut one_by_one) = (IterationTally::default(), IterationStats::default());
        for n in 0..200 {
            let (response_time, duration) = (Duration::from_millis(n), Duration::from_millis(2));
            tally.took(response_time, duration);
            one_by_one.response_time.record(response_time);
            one_by_one.duration.record(duration);
        }
        let told = tally.into_stats();
        assert_eq!(seen(&told.response_time), seen(&one_by_one.response_time));
        assert_eq!(seen(&told.duration), seen(&one_by_one.duration));
    }

    #[test]
    fn a_time_beyond_all_bounds_is_kept_as_the_longest() {
        let mut tally = IterationTally::default();
        tally.took(Duration::MAX, Duration::ZERO);
        let mut expected = Histogram::new();
        expected.record(Duration::MAX);
        assert_eq!(seen(&tally.into_stats().response_time), seen(&expected));
    }

    /// All that a distribution tells.
    fn seen(all: &Histogram) -> (u64, String, Vec<(u64, u64)>) {
        let mut buckets = Vec::new();
        all.for_each(|ns, times| buckets.push((ns, times)));
        // Few values are told as they came.
        buckets.sort_unstable();
        let exact = format!("{:?} {:?} {:?}", all.min(), all.max(), all.mean());
        (all.count(), exact, buckets)
    }
}
