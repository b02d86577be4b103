//! What is counted about one route.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::http::{Method, StatusCode};

use super::Histogram;

/// Methods with a counter of their own; the last stands for all others.
pub(crate) const METHODS: [&str; 8] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other"];

/// Statuses with a counter of their own, the usual first; the last stands for all others.
pub(crate) const STATUSES: [&str; 15] = [
    "200", "201", "204", "400", "401", "404", "405", "409", "413", "415", "422", "429", "500",
    "503", "other",
];

/// Everything counted about one route.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    /// The route as the OpenAPI document writes it.
    pub(crate) route: String,
    methods: [MethodMetrics; METHODS.len()],
    /// Requests whose answer is not ready yet.
    pub(crate) in_flight: AtomicI64,
    /// From a request's head to the head of its answer.
    pub(crate) duration: Histogram,
}

/// Everything counted about one method of a route.
#[derive(Debug, Default)]
pub(crate) struct MethodMetrics {
    /// Requests whose head arrived, since the last reset.
    pub(crate) received: AtomicU64,
    /// Requests answered, in the order of [`STATUSES`].
    pub(crate) answered: [AtomicU64; STATUSES.len()],
    /// Requests whose client went away before the answer was ready.
    pub(crate) cancelled: AtomicU64,
}

impl RouteMetrics {
    pub(crate) fn new(route: String) -> Self {
        Self {
            route,
            methods: Default::default(),
            in_flight: AtomicI64::new(0),
            duration: Histogram::default(),
        }
    }

    pub(crate) fn method(&self, method: &Method) -> &MethodMetrics {
        &self.methods[method_index(method)]
    }

    /// Every method by name.
    pub(crate) fn methods(&self) -> impl Iterator<Item = (&'static str, &MethodMetrics)> {
        METHODS.into_iter().zip(&self.methods)
    }
}

impl MethodMetrics {
    /// Counts one answer.
    pub(crate) fn answer(&self, status: StatusCode) {
        let is_status = |name: &&str| *name == status.as_str();
        let index = STATUSES.iter().position(is_status).unwrap_or(STATUSES.len() - 1);
        self.answered[index].fetch_add(1, Ordering::Relaxed);
    }
}

fn method_index(method: &Method) -> usize {
    let is_method = |name: &&str| *name == method.as_str();
    METHODS.iter().position(is_method).unwrap_or(METHODS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_counter_of_its_own_is_counted_as_other() {
        let route = RouteMetrics::new("/".to_owned());
        let brew = Method::from_bytes(b"BREW").unwrap();
        route.method(&brew).answer(StatusCode::IM_A_TEAPOT);
        let (name, metrics) = route.methods().last().unwrap();
        assert_eq!(name, "other");
        assert_eq!(metrics.answered[STATUSES.len() - 1].load(Ordering::Relaxed), 1);
    }
}
