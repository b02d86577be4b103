//! What accumulates under a series: requests, iterations, checks, custom metrics, errors, exemplars. All of them merge.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::FailureKind;
use super::histogram::Histogram;

/// The parts of one request's time. All zero where they did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTimes {
    /// Waiting for a free connection: k6's `http_req_blocked`.
    pub blocked: Duration,
    /// Name resolution.
    pub dns: Duration,
    /// TCP connect: `http_req_connecting`.
    pub connecting: Duration,
    /// TLS handshake: `http_req_tls_handshaking`.
    pub tls_handshaking: Duration,
    /// Writing the request: `http_req_sending`.
    pub sending: Duration,
    /// From the request written to the response's head: `http_req_waiting`.
    pub waiting: Duration,
    /// Reading the body: `http_req_receiving`.
    pub receiving: Duration,
}

/// One finished request, on its way into a series. Offsets are from the start of the run.
#[derive(Debug, Clone, Copy)]
pub struct RequestSample {
    /// When the request was due (METHODS.md 1.1).
    pub intended: Duration,
    /// When it was handed to the transport, which may first have to connect.
    pub begun: Duration,
    /// When it was written to a connection, or `begun` when that never happened.
    pub sent: Duration,
    /// When the last byte of the response, or the failure, came.
    pub done: Duration,
    /// The parts of its time.
    pub times: RequestTimes,
    /// HTTP status; 0 when there was no response.
    pub status: u16,
    /// Why it failed below HTTP; `None` when a response came whole.
    pub failure: Option<FailureKind>,
    /// Whether it counts in `http_req_failed`: a failure below HTTP, or a status the script did not expect.
    pub failed: bool,
    /// Whether it went over a connection that was made for it: its service time is that of a first request.
    pub is_first_on_connection: bool,
    /// Bytes written, head and body.
    pub bytes_sent: u64,
    /// Bytes read, head and body as on the wire.
    pub bytes_received: u64,
}

impl RequestSample {
    /// Time a user would have felt: `done − intended`, lateness included.
    #[must_use]
    pub fn response_time(&self) -> Duration {
        self.done.saturating_sub(self.intended)
    }

    /// Time on the wire: `done − sent`; k6's `http_req_duration` and this project's.
    #[must_use]
    pub fn service_time(&self) -> Duration {
        self.done.saturating_sub(self.sent)
    }

    /// Whether its end was not seen, so that its times are only lower bounds: a time-out, or cut off by the end of the run.
    #[must_use]
    pub fn is_censored(&self) -> bool {
        self.failure.is_some_and(FailureKind::is_censored)
    }

    /// How late the generator was: `begun − intended`. Connecting is the target's time, not the generator's.
    #[must_use]
    pub fn schedule_lag(&self) -> Duration {
        self.begun.saturating_sub(self.intended)
    }
}

/// All requests of one series.
#[derive(Debug, Clone, Default)]
pub struct RequestStats {
    /// Requests that ended, well or not.
    pub count: u64,
    /// Of these, those that count in `http_req_failed`.
    pub failed: u64,
    /// Response time, `done − intended`.
    pub response_time: Histogram,
    /// Service time, `done − sent`.
    pub service_time: Histogram,
    /// Lateness of the generator, `begun − intended`.
    pub schedule_lag: Histogram,
    /// Response times of failed requests; also in `response_time`.
    pub failed_time: Histogram,
    /// Response times that are lower bounds: time-outs and what was cut off; also in `response_time`.
    pub censored_time: Histogram,
    /// Service times of the first requests on new connections; also in `service_time`.
    pub first_on_connection: Histogram,
    /// `http_req_blocked`.
    pub blocked: Histogram,
    /// Name resolution.
    pub dns: Histogram,
    /// `http_req_connecting`.
    pub connecting: Histogram,
    /// `http_req_tls_handshaking`.
    pub tls_handshaking: Histogram,
    /// `http_req_sending`.
    pub sending: Histogram,
    /// `http_req_waiting`.
    pub waiting: Histogram,
    /// `http_req_receiving`.
    pub receiving: Histogram,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
}

impl RequestStats {
    /// Adds one request.
    pub fn record(&mut self, sample: &RequestSample) {
        self.count += 1;
        self.failed += u64::from(sample.failed);
        self.response_time.record(sample.response_time());
        self.service_time.record(sample.service_time());
        self.schedule_lag.record(sample.schedule_lag());
        if sample.failed {
            self.failed_time.record(sample.response_time());
        }
        if sample.is_censored() {
            self.censored_time.record(sample.response_time());
        }
        if sample.is_first_on_connection {
            self.first_on_connection.record(sample.service_time());
        }
        self.blocked.record(sample.times.blocked);
        self.dns.record(sample.times.dns);
        self.connecting.record(sample.times.connecting);
        self.tls_handshaking.record(sample.times.tls_handshaking);
        self.sending.record(sample.times.sending);
        self.waiting.record(sample.times.waiting);
        self.receiving.record(sample.times.receiving);
        self.bytes_sent += sample.bytes_sent;
        self.bytes_received += sample.bytes_received;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.response_time.merge(&other.response_time);
        self.service_time.merge(&other.service_time);
        self.schedule_lag.merge(&other.schedule_lag);
        self.failed_time.merge(&other.failed_time);
        self.censored_time.merge(&other.censored_time);
        self.first_on_connection.merge(&other.first_on_connection);
        self.blocked.merge(&other.blocked);
        self.dns.merge(&other.dns);
        self.connecting.merge(&other.connecting);
        self.tls_handshaking.merge(&other.tls_handshaking);
        self.sending.merge(&other.sending);
        self.waiting.merge(&other.waiting);
        self.receiving.merge(&other.receiving);
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

/// Iterations of one scenario, task and phase.
#[derive(Debug, Clone, Default)]
pub struct IterationStats {
    /// Iterations that came due. Always `started + dropped`.
    pub planned: u64,
    /// Iterations that began.
    pub started: u64,
    /// Iterations that were due and could not begin: k6's `dropped_iterations`.
    pub dropped: u64,
    /// Iterations that ran to their end.
    pub completed: u64,
    /// Iterations cut off by the end of the graceful stop.
    pub interrupted: u64,
    /// Iterations ended by `user.fail(..)` or a script error.
    pub failed: u64,
    /// From when the iteration was due to its end, think time inside it included.
    pub response_time: Histogram,
    /// Those of the response times that are lower bounds: iterations that were cut off or never began.
    pub censored_time: Histogram,
    /// From its start to its end: k6's `iteration_duration`.
    pub duration: Histogram,
}

impl IterationStats {
    /// Iterations that began and came to an end, whatever it was.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.completed + self.interrupted + self.failed
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.planned += other.planned;
        self.started += other.started;
        self.dropped += other.dropped;
        self.completed += other.completed;
        self.interrupted += other.interrupted;
        self.failed += other.failed;
        self.response_time.merge(&other.response_time);
        self.censored_time.merge(&other.censored_time);
        self.duration.merge(&other.duration);
    }
}

impl IterationStats {
    /// Counts iterations that never ended: from when they were due they waited at least so long.
    pub fn record_unseen(&mut self, at_least: Duration, count: u64) {
        self.response_time.record_n(at_least, count);
        self.censored_time.record_n(at_least, count);
    }
}

/// Outcomes of one check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStats {
    /// Times the check held.
    pub passes: u64,
    /// Times it did not.
    pub fails: u64,
}

/// The four kinds of metric, as in k6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// A sum that grows.
    Counter,
    /// The last value, with the smallest and largest.
    Gauge,
    /// The share of true values.
    Rate,
    /// A distribution, in milliseconds.
    Trend,
}

/// One value for a custom metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CustomValue {
    /// Added to a counter.
    Add(f64),
    /// The new value of a gauge.
    Set(f64),
    /// One outcome of a rate.
    Hit(bool),
    /// One value of a trend, in milliseconds; negative values count as zero.
    Observe(f64),
}

/// A custom metric's accumulated values.
#[derive(Debug, Clone)]
pub enum CustomSink {
    /// Sum.
    Counter(f64),
    /// Last, smallest and largest value; `None` before the first.
    Gauge(Option<(f64, f64, f64)>),
    /// True values and all values.
    Rate(u64, u64),
    /// Distribution of milliseconds.
    Trend(Box<Histogram>),
}

impl CustomSink {
    /// An empty sink of a kind.
    #[must_use]
    pub fn new(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter(0.0),
            MetricKind::Gauge => Self::Gauge(None),
            MetricKind::Rate => Self::Rate(0, 0),
            MetricKind::Trend => Self::Trend(Box::default()),
        }
    }

    /// The kind of this sink.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        match self {
            Self::Counter(_) => MetricKind::Counter,
            Self::Gauge(_) => MetricKind::Gauge,
            Self::Rate(..) => MetricKind::Rate,
            Self::Trend(_) => MetricKind::Trend,
        }
    }

    /// Adds one value; `false` when the value is of another kind and was not taken.
    pub fn add(&mut self, value: CustomValue) -> bool {
        match (self, value) {
            (Self::Counter(sum), CustomValue::Add(by)) => *sum += by,
            (Self::Gauge(state), CustomValue::Set(now)) => {
                *state =
                    Some(state.map_or((now, now, now), |(_, low, high)| {
                        (now, low.min(now), high.max(now))
                    }));
            }
            (Self::Rate(hits, all), CustomValue::Hit(hit)) => {
                *hits += u64::from(hit);
                *all += 1;
            }
            (Self::Trend(histogram), CustomValue::Observe(ms)) => {
                histogram.record(
                    Duration::try_from_secs_f64((ms / 1e3).max(0.0)).unwrap_or(Duration::ZERO),
                );
            }
            _ => return false,
        }
        true
    }

    /// Adds all of `other`; nothing when it is of another kind.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Counter(sum), Self::Counter(by)) => *sum += by,
            (Self::Gauge(state), Self::Gauge(Some((now, low, high)))) => {
                *state =
                    Some(state.map_or((*now, *low, *high), |(_, l, h)| {
                        (*now, l.min(*low), h.max(*high))
                    }));
            }
            (Self::Rate(hits, all), Self::Rate(more_hits, more)) => {
                *hits += more_hits;
                *all += more;
            }
            (Self::Trend(histogram), Self::Trend(more)) => histogram.merge(more),
            _ => {}
        }
    }
}

/// Where an error came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorSource {
    /// A request failed below HTTP, or its status was not expected.
    Request,
    /// The script raised an error.
    Script,
    /// The script called `user.fail(..)`.
    Fail,
}

/// The group under which alike errors are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ErrorKey {
    /// Where it came from.
    pub source: ErrorSource,
    /// The step for requests, the task otherwise.
    pub name: String,
    /// A short class: the failure kind (`connect_refused`), `status 503`, `script_error`, `failed`.
    pub kind: String,
    /// The message, at most 300 characters; for script errors with file, line and column.
    pub message: String,
}

/// How often and when a group of errors was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorStats {
    /// Times it was seen.
    pub count: u64,
    /// First seen, from the start of the run.
    pub first: Duration,
    /// Last seen, from the start of the run.
    pub last: Duration,
}

impl ErrorStats {
    /// Seen once, at `at`.
    #[must_use]
    pub fn once(at: Duration) -> Self {
        Self { count: 1, first: at, last: at }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// One request kept whole: among the slowest, or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// The step.
    pub name: String,
    /// The URL, without user, password and query.
    pub url: String,
    /// The task.
    pub task: String,
    /// The virtual user.
    pub vu_id: u64,
    /// When it was sent, from the start of the run.
    pub sent: Duration,
    /// `done − intended`.
    pub response_time: Duration,
    /// `done − sent`.
    pub service_time: Duration,
    /// The parts of its time.
    pub times: RequestTimes,
    /// HTTP status; 0 without a response.
    pub status: u16,
    /// Whether it counts as failed.
    pub failed: bool,
    /// What went wrong, for people; empty when nothing did.
    pub message: String,
}
