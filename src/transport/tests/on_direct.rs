//! The tests of this room again, on the direct transport: what can be seen from outside is the same.
#![expect(clippy::duplicate_mod, reason = "one suite for both transports is the point of it")]

#[path = "connecting.rs"]
mod connecting;
#[path = "faults.rs"]
mod faults;
mod gathering;
#[path = "malformed.rs"]
mod malformed;
mod races;
#[path = "reach.rs"]
mod reach;
mod reuse;
#[path = "sessions.rs"]
mod sessions;
#[path = "tls.rs"]
mod tls;

use super::{fault_server, get, good, kind, tls_server};
use crate::transport::{TransportChoice, TransportFactory, TransportOptions, VuTransport};

/// An answer that leaves the connection open.
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Default options on the direct transport.
fn options() -> TransportOptions {
    TransportOptions { transport: TransportChoice::Direct, ..TransportOptions::default() }
}

fn transport() -> VuTransport {
    with(|_| ())
}

fn with(change: impl FnOnce(&mut TransportOptions)) -> VuTransport {
    let mut options = options();
    change(&mut options);
    TransportFactory::new(options).unwrap().connect_set()
}
