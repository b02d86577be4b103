//! The distributions of one set of requests.

use crate::metric::{Histogram, RequestStats};

/// How long requests took, told apart where it matters.
#[derive(Debug, Clone, Default)]
pub struct TimesRecord {
    /// Service time, `done − sent`: `http_req_duration`.
    pub service_time: Histogram,
    /// Response time, `done − intended`: `http_req_response_time`.
    pub response_time: Histogram,
    /// Lateness of the generator, `begun − intended`.
    pub schedule_lag: Histogram,
    /// Response times of failed requests; also in `response_time`.
    pub failed_time: Histogram,
    /// Response times that are lower bounds: time-outs and what the end of the run cut off; also in `response_time`.
    pub censored_time: Histogram,
    /// Service times of first requests on new connections; also in `service_time`.
    pub first_on_connection: Histogram,
}

impl TimesRecord {
    /// Each distribution with the word under which it is stored.
    pub fn each(&self) -> [(&'static str, &Histogram); 6] {
        [
            ("service_time", &self.service_time),
            ("response_time", &self.response_time),
            ("schedule_lag", &self.schedule_lag),
            ("failed_time", &self.failed_time),
            ("censored_time", &self.censored_time),
            ("first_on_connection", &self.first_on_connection),
        ]
    }

    /// The same, to be changed.
    pub fn each_mut(&mut self) -> [(&'static str, &mut Histogram); 6] {
        [
            ("service_time", &mut self.service_time),
            ("response_time", &mut self.response_time),
            ("schedule_lag", &mut self.schedule_lag),
            ("failed_time", &mut self.failed_time),
            ("censored_time", &mut self.censored_time),
            ("first_on_connection", &mut self.first_on_connection),
        ]
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for ((_, ours), (_, theirs)) in self.each_mut().into_iter().zip(other.each()) {
            ours.merge(theirs);
        }
    }

    /// Adds the times of a series.
    pub fn add(&mut self, stats: &RequestStats) {
        self.service_time.merge(&stats.service_time);
        self.response_time.merge(&stats.response_time);
        self.schedule_lag.merge(&stats.schedule_lag);
        self.failed_time.merge(&stats.failed_time);
        self.censored_time.merge(&stats.censored_time);
        self.first_on_connection.merge(&stats.first_on_connection);
    }
}
