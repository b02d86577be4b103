//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::histogram::BOUNDS;
use super::route::STATUSES;
use super::{Histogram, PoolMetrics, RouteMetrics};

/// The type of the text, for the `content-type` header.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of metrics being written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// The finished text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Writes what is counted about each route.
    pub(crate) fn routes<'a>(&mut self, routes: impl Iterator<Item = &'a RouteMetrics> + Clone) {
        self.family("requests_total", "counter", "Requests answered.");
        for (route, method, metrics) in each_method(routes.clone()) {
            for (status, answered) in STATUSES.iter().zip(&metrics.answered) {
                let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
                self.sample_unless_zero("requests_total", &labels, answered);
            }
        }
        self.family(
            "requests_cancelled_total",
            "counter",
            "Requests whose client went away first.",
        );
        for (route, method, metrics) in each_method(routes.clone()) {
            let labels = format!("method=\"{method}\",route=\"{route}\"");
            self.sample_unless_zero("requests_cancelled_total", &labels, &metrics.cancelled);
        }
        let in_flight = routes.clone().map(|route| load(&route.in_flight)).sum::<i64>();
        self.gauge("requests_in_flight", "Requests that are not answered yet.", in_flight);
        let name = "request_duration_seconds";
        self.family(name, "histogram", "From the head of a request to the head of its answer.");
        for route in routes {
            self.buckets(name, &format!("route=\"{}\"", route.route), &route.duration);
        }
    }

    /// Writes what is counted about the pool of database connections.
    pub(crate) fn pool(&mut self, pool: &PoolMetrics) {
        self.gauge("db_pool_size", "Database connections.", pool.size);
        self.gauge("db_pool_in_use", "Connections that a request holds.", load(&pool.in_use));
        self.gauge("db_pool_waiting", "Requests waiting for a connection.", load(&pool.waiting));
        let timeouts = pool.acquire_timeouts.load(Ordering::Relaxed);
        let help = "Requests that waited for a connection in vain.";
        self.counter("db_pool_acquire_timeouts_total", help, timeouts);
        let name = "db_pool_wait_seconds";
        self.family(name, "histogram", "How long requests waited for a connection.");
        self.buckets(name, "", &pool.wait);
        let name = "db_query_duration_seconds";
        self.family(name, "histogram", "How long queries held their connection.");
        self.buckets(name, "", &pool.query);
    }

    /// Writes a counter without labels.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(name, "", value);
    }

    /// Writes a gauge without labels.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, "", value);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP target_api_{name} {help}"));
        self.line(format_args!("# TYPE target_api_{name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        match labels {
            "" => self.line(format_args!("target_api_{name} {value}")),
            _ => self.line(format_args!("target_api_{name}{{{labels}}} {value}")),
        }
    }

    fn sample_unless_zero(&mut self, name: &str, labels: &str, counter: &AtomicU64) {
        let value = counter.load(Ordering::Relaxed);
        if value > 0 {
            self.sample(name, labels, value);
        }
    }

    fn buckets(&mut self, name: &str, labels: &str, histogram: &Histogram) {
        let separator = if labels.is_empty() { "" } else { "," };
        let counts = histogram.cumulative();
        let bounds = BOUNDS.iter().map(|(label, _)| *label).chain(["+Inf"]);
        for (bound, count) in bounds.zip(counts) {
            let labels = format!("{labels}{separator}le=\"{bound}\"");
            self.sample(&format!("{name}_bucket"), &labels, count);
        }
        self.sample(&format!("{name}_sum"), labels, histogram.sum_s());
        self.sample(&format!("{name}_count"), labels, counts[BOUNDS.len()]);
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing to a string");
    }
}

fn each_method<'a>(
    routes: impl Iterator<Item = &'a RouteMetrics>,
) -> impl Iterator<Item = (&'a str, &'static str, &'a super::route::MethodMetrics)> {
    routes.flat_map(|route| {
        route.methods().map(|(method, metrics)| (route.route.as_str(), method, metrics))
    })
}

fn load(gauge: &AtomicI64) -> i64 {
    gauge.load(Ordering::Relaxed)
}
