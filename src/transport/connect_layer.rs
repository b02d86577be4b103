//! Marks the start of each connection: a layer around reqwest's connector.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::connect_watch::{self, Mark};

/// Wraps a connector so that each call leaves [`Mark::ConnectStarted`].
#[derive(Debug, Clone, Copy)]
pub(super) struct MarkConnect;

impl<S> Layer<S> for MarkConnect {
    type Service = MarkedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MarkedConnector { inner }
    }
}

/// A connector that leaves a mark at each call.
#[derive(Debug, Clone)]
pub(super) struct MarkedConnector<S> {
    inner: S,
}

impl<S: Service<R>, R> Service<R> for MarkedConnector<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        connect_watch::leave(Mark::ConnectStarted);
        self.inner.call(request)
    }
}
