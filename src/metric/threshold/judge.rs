//! A [`Threshold`] against what was observed.

use std::time::Duration;

use super::{Aggregation, Threshold};
use crate::metric::sink::RequestStats;
use crate::metric::window::IterationLabels;
use crate::metric::{CustomSink, Histogram, IterationStats, Quantile, Totals};

/// What a threshold came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The compared figure, times in milliseconds; `None` when nothing was observed.
    pub actual: Option<f64>,
    /// Whether the rule held. Without data it does, as in k6.
    pub passed: bool,
}

/// The observations that a threshold selects, before aggregation.
enum Figures {
    /// Nothing was observed, or the metric does not exist.
    Nothing,
    /// A sum; zero is an observation too.
    Sum(f64),
    /// True values of all values.
    Share(u64, u64),
    /// The present value.
    Value(f64),
    /// A distribution of times.
    Times(Box<Histogram>),
}

impl Threshold {
    /// Compares the rule with the run so far.
    ///
    /// `elapsed` is the length of the run so far, for sums per second; `vus` are the users alive now. Sums that saw nothing
    /// are zero and are compared; trends, rates and gauges that saw nothing pass. A percentile is compared however few
    /// values it has: a rule needs a verdict.
    #[must_use]
    pub fn evaluate(&self, totals: &Totals, elapsed: Duration, vus: u64) -> Judgement {
        let actual = self.aggregate(&self.figures(totals, vus), elapsed);
        let passed = actual.is_none_or(|actual| self.comparison.holds(actual, self.bound));
        Judgement { actual, passed }
    }

    fn figures(&self, totals: &Totals, vus: u64) -> Figures {
        match self.metric.as_str() {
            "http_reqs" => self.request_sum(totals, |stats| stats.count),
            "data_sent" => self.request_sum(totals, |stats| stats.bytes_sent),
            "data_received" => self.request_sum(totals, |stats| stats.bytes_received),
            "http_req_failed" => {
                let selected = self.requests(totals);
                let (failed, all) =
                    selected.fold((0, 0), |(f, n), stats| (f + stats.failed, n + stats.count));
                Figures::Share(failed, all)
            }
            "iterations" => self.iteration_sum(totals, |stats| stats.completed + stats.failed),
            "dropped_iterations" => self.iteration_sum(totals, |stats| stats.dropped),
            "iteration_duration" => {
                Figures::merged(self.iterations(totals).map(|stats| &stats.duration))
            }
            "iteration_response_time" => {
                Figures::merged(self.iterations(totals).map(|stats| &stats.response_time))
            }
            "checks" => self.checks(totals),
            "vus" => Figures::Value(vus as f64),
            "vus_max" => Figures::Value(totals.vus_max as f64),
            name => match request_times(name) {
                Some(times) => Figures::merged(self.requests(totals).map(times)),
                None => self.customs(totals),
            },
        }
    }

    fn requests<'a>(&'a self, totals: &'a Totals) -> impl Iterator<Item = &'a RequestStats> {
        let matching = totals.requests.iter().filter(|(labels, _)| labels.matches(&self.selector));
        matching.map(|(_, stats)| stats)
    }

    fn request_sum(&self, totals: &Totals, part: impl Fn(&RequestStats) -> u64) -> Figures {
        Figures::Sum(self.requests(totals).map(part).sum::<u64>() as f64)
    }

    fn iterations<'a>(&'a self, totals: &'a Totals) -> impl Iterator<Item = &'a IterationStats> {
        let matching = totals.iterations.iter().filter(|(labels, _)| self.selects(labels));
        matching.map(|(_, stats)| stats)
    }

    fn iteration_sum(&self, totals: &Totals, part: impl Fn(&IterationStats) -> u64) -> Figures {
        Figures::Sum(self.iterations(totals).map(part).sum::<u64>() as f64)
    }

    fn selects(&self, labels: &IterationLabels) -> bool {
        self.selector.iter().all(|(key, value)| match key.as_str() {
            "scenario" => *labels.scenario == **value,
            "task" => *labels.task == **value,
            "phase" => *labels.phase == **value,
            _ => false,
        })
    }

    fn checks(&self, totals: &Totals) -> Figures {
        let (mut passes, mut all) = (0, 0);
        for (labels, stats) in &totals.checks {
            let selected = self.selector.iter().all(|(key, value)| match key.as_str() {
                "check" => *labels.metric == **value,
                _ => labels.labels.get(key).as_ref() == Some(value),
            });
            if selected {
                passes += stats.passes;
                all += stats.passes + stats.fails;
            }
        }
        Figures::Share(passes, all)
    }

    fn customs(&self, totals: &Totals) -> Figures {
        let mut merged: Option<CustomSink> = None;
        for (labels, sink) in &totals.customs {
            if *labels.metric == *self.metric && labels.labels.matches(&self.selector) {
                merged.get_or_insert_with(|| CustomSink::new(sink.kind())).merge(sink);
            }
        }
        match merged {
            // A counter that was never added to is zero.
            None if self.aggregation == Aggregation::Count => Figures::Sum(0.0),
            None | Some(CustomSink::Gauge(None)) => Figures::Nothing,
            Some(CustomSink::Counter(sum)) => Figures::Sum(sum),
            Some(CustomSink::Gauge(Some((last, _, _)))) => Figures::Value(last),
            Some(CustomSink::Rate(hits, all)) => Figures::Share(hits, all),
            Some(CustomSink::Trend(histogram)) => Figures::Times(histogram),
        }
    }

    fn aggregate(&self, figures: &Figures, elapsed: Duration) -> Option<f64> {
        match (figures, self.aggregation) {
            (Figures::Sum(sum), Aggregation::Count) => Some(*sum),
            (Figures::Sum(sum), Aggregation::Rate) => {
                (!elapsed.is_zero()).then(|| sum / elapsed.as_secs_f64())
            }
            (Figures::Share(hits, all), Aggregation::Rate) => {
                (*all > 0).then(|| *hits as f64 / *all as f64)
            }
            (Figures::Value(value), Aggregation::Value) => Some(*value),
            (Figures::Times(times), aggregation) => {
                let time = match aggregation {
                    Aggregation::Avg => times.mean(),
                    Aggregation::Min => times.min(),
                    Aggregation::Max => times.max(),
                    Aggregation::Med => times.quantile(Quantile::P50),
                    Aggregation::Percentile(p) => times.quantile(Quantile::from_percentile(p)?),
                    Aggregation::Rate | Aggregation::Count | Aggregation::Value => None,
                };
                time.map(|time| time.as_secs_f64() * 1e3)
            }
            _ => None,
        }
    }
}

impl Figures {
    fn merged<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Self {
        let mut merged = Box::<Histogram>::default();
        histograms.for_each(|histogram| merged.merge(histogram));
        Self::Times(merged)
    }
}

/// The part of a request's statistics that a metric names.
fn request_times(metric: &str) -> Option<fn(&RequestStats) -> &Histogram> {
    Some(match metric {
        "http_req_duration" => |stats| &stats.service_time,
        "http_req_response_time" => |stats| &stats.response_time,
        "http_req_blocked" => |stats| &stats.blocked,
        "http_req_dns" => |stats| &stats.dns,
        "http_req_connecting" => |stats| &stats.connecting,
        "http_req_tls_handshaking" => |stats| &stats.tls_handshaking,
        "http_req_sending" => |stats| &stats.sending,
        "http_req_waiting" => |stats| &stats.waiting,
        "http_req_receiving" => |stats| &stats.receiving,
        _ => return None,
    })
}
