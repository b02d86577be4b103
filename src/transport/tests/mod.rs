//! Tests of the room against servers on this machine, good ones and faulty ones.

mod connecting;
mod differential;
mod fault_server;
mod faults;
mod http2;
mod malformed;
mod on_direct;
mod proxies;
mod reach;
mod sessions;
mod tls;
mod tls_server;

use std::borrow::Borrow;
use std::fmt::Debug;

use url::Url;

use super::{Exchange, Request, TransportChoice, TransportFactory, TransportOptions, VuTransport};
use crate::metric::failure::FailureKind;

/// Default options on reqwest. [`on_direct`] runs the same tests on the other transport.
fn options() -> TransportOptions {
    TransportOptions { transport: TransportChoice::Reqwest, ..TransportOptions::default() }
}

/// A transport with default options.
fn transport() -> VuTransport {
    with(|_| ())
}

/// A transport with options changed by `change`.
fn with(change: impl FnOnce(&mut TransportOptions)) -> VuTransport {
    let mut options = options();
    change(&mut options);
    TransportFactory::new(options).unwrap().connect_set()
}

/// A `GET` of a URL as text.
fn get(url: &str) -> Request {
    Request::get(Url::parse(url).unwrap())
}

/// The kind of failure; a panic when there was none.
fn kind<E: Borrow<Exchange> + Debug>(exchange: &E) -> FailureKind {
    exchange.borrow().failure.as_ref().unwrap_or_else(|| panic!("no failure: {exchange:?}")).kind
}

/// The exchange, if nothing failed.
fn good<E: Borrow<Exchange>>(exchange: E) -> E {
    assert_eq!(exchange.borrow().failure, None);
    exchange
}
