//! The layer around a route that counts its requests.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::{Gauged, RouteMetrics};
use crate::clock;

/// Counts each request of a route the moment its head arrives, and its answer once that is ready.
#[derive(Debug, Clone)]
pub(crate) struct Track(Arc<RouteMetrics>);

impl Track {
    pub(crate) fn new(route: Arc<RouteMetrics>) -> Self {
        Self(route)
    }
}

impl<S> Layer<S> for Track {
    type Service = Tracked<S>;

    fn layer(&self, inner: S) -> Tracked<S> {
        Tracked { inner, route: Arc::clone(&self.0) }
    }
}

/// A service whose requests are counted.
#[derive(Debug, Clone)]
pub(crate) struct Tracked<S> {
    inner: S,
    route: Arc<RouteMetrics>,
}

impl<S> Service<Request> for Tracked<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = TrackedFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let in_flight = InFlight::begin(Arc::clone(&self.route), request.method().clone());
        TrackedFuture { inner: self.inner.call(request), in_flight }
    }
}

pin_project! {
    /// The answer to come, and the request's place in the books.
    #[derive(Debug)]
    pub(crate) struct TrackedFuture<F> {
        #[pin]
        inner: F,
        in_flight: InFlight,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for TrackedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.inner.poll(context));
        this.in_flight.answer(response.status());
        Poll::Ready(Ok(response))
    }
}

/// A request that is counted as received; dropped without an answer it counts as cancelled.
#[derive(Debug)]
struct InFlight {
    route: Arc<RouteMetrics>,
    method: Method,
    began_at: Instant,
    is_answered: bool,
}

impl InFlight {
    fn begin(route: Arc<RouteMetrics>, method: Method) -> Self {
        route.method(&method).received.fetch_add(1, Ordering::Relaxed);
        Gauged::raise(&route.in_flight);
        Self { route, method, began_at: clock::now(), is_answered: false }
    }

    fn answer(&mut self, status: StatusCode) {
        self.is_answered = true;
        self.route.method(&self.method).answer(status);
        self.route.duration.observe(self.began_at.elapsed());
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        Gauged::lower(&self.route.in_flight);
        if !self.is_answered {
            self.route.method(&self.method).cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}
