//! Little's law as a check on the bookkeeping: time that was kept twice, independently, must be the same time.
//!
//! The integral of the requests in flight over a run equals the sum of their times (METHODS.md 3.3); it holds exactly,
//! whatever the target does, so a difference is a lost or doubled sample or a broken clock. Likewise an iteration's time is
//! made of its requests and its pauses; what is left over was spent inside the generator.

use std::time::Duration;

use crate::metric::window::TimeAccount;

/// Time for each request that the two accounts may differ by: they read the clock at the two ends of the hand-over, which
/// takes up to 25 µs in a debug build.
const SLACK_PER_REQUEST_S: f64 = 50e-6;
/// Time that they may differ by besides: a thread that is put aside for a moment between the two readings.
const SLACK_S: f64 = 0.02;

/// By how much the time in flight and the time of the samples differ, as a share of the samples' time.
///
/// Zero while the difference is within 20 ms and 50 µs for each of `requests`, and when there was nothing in flight. Samples that are
/// all lost make it 1.
#[must_use]
pub fn closure_gap_ratio(time: &TimeAccount, requests: u64) -> f64 {
    let gap_s = (time.in_flight_s - time.transport_s).abs();
    if gap_s <= SLACK_S + SLACK_PER_REQUEST_S * requests as f64 {
        0.0
    } else if time.transport_s > 0.0 {
        gap_s / time.transport_s
    } else {
        1.0
    }
}

/// What iterations spent inside the generator: running the script, and waiting for their thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeneratorTime {
    /// Share of the time of all iterations, 0..=1: `U = 1 − (transport + pauses) / iterations`.
    pub ratio: f64,
    /// The mean of an iteration.
    pub per_iteration: Duration,
}

/// The part of `time` that `iterations` ended iterations spent inside the generator; `None` when none ended.
///
/// Requests that overlap inside an iteration count in full, so this is then too small, and at least zero.
#[must_use]
pub fn generator_time(time: &TimeAccount, iterations: u64) -> Option<GeneratorTime> {
    if iterations == 0 || time.iterations_s <= 0.0 {
        return None;
    }
    let inside_s = (time.iterations_s - time.transport_s - time.pauses_s).max(0.0);
    Some(GeneratorTime {
        ratio: inside_s / time.iterations_s,
        per_iteration: Duration::from_secs_f64(inside_s / iterations as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(in_flight_s: f64, transport_s: f64) -> TimeAccount {
        TimeAccount { in_flight_s, transport_s, ..TimeAccount::default() }
    }

    #[test]
    fn accounts_that_agree_close() {
        assert_eq!(closure_gap_ratio(&accounts(0.0, 0.0), 0), 0.0);
        assert_eq!(closure_gap_ratio(&accounts(20.0, 20.0), 1000), 0.0);
        // 15 µs a request, of requests that take 100 µs.
        assert_eq!(closure_gap_ratio(&accounts(0.115, 0.100), 1000), 0.0, "within the slack");
    }

    #[test]
    fn lost_and_doubled_samples_do_not_close() {
        let lost = closure_gap_ratio(&accounts(10.0, 9.9), 1000);
        assert!((lost - 0.1 / 9.9).abs() < 1e-12, "{lost}");
        let doubled = closure_gap_ratio(&accounts(10.0, 10.5), 1000);
        assert!((doubled - 0.5 / 10.5).abs() < 1e-12, "{doubled}");
        assert_eq!(closure_gap_ratio(&accounts(10.0, 0.0), 1000), 1.0);
    }

    #[test]
    fn what_is_neither_request_nor_pause_is_the_generators() {
        let time =
            TimeAccount { in_flight_s: 6.0, transport_s: 6.0, iterations_s: 10.0, pauses_s: 3.0 };
        let inside = generator_time(&time, 200).expect("iterations ended");
        assert!((inside.ratio - 0.1).abs() < 1e-12, "{inside:?}");
        assert_eq!(inside.per_iteration, Duration::from_millis(5));
        let overlapping = TimeAccount { iterations_s: 4.0, ..time };
        assert_eq!(generator_time(&overlapping, 200).expect("iterations ended").ratio, 0.0);
        assert_eq!(generator_time(&time, 0), None);
    }
}
