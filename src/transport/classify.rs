//! From an error of a transport to a [`FailureKind`].
//!
//! By type: the chain of sources is walked, I/O errors are opened, and the operating system's error
//! number, rustls's error and our resolver's are looked at. One exception: hyper and h2 give their
//! errors no public type that can be reached from here, so their variants are told apart by the
//! name in the `Debug` form. The tests of this room hold those names.

use std::error::Error;
use std::io::{self, ErrorKind};

use super::dns::DnsFailure;
use super::exchange::Failure;
use crate::metric::failure::FailureKind;
use crate::reach::OutOfReach;

/// What is known about the request besides the error.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circumstances {
    /// A TLS handshake was under way.
    pub(super) in_tls_handshake: bool,
    /// A proxy stands between us and the target.
    pub(super) proxied: bool,
}

/// The failure behind an error of reqwest.
pub(super) fn classify(error: &reqwest::Error, circumstances: Circumstances) -> Failure {
    let evidence = Evidence::gather(error);
    let kind = evidence.stageless().unwrap_or_else(|| {
        if error.is_connect() && circumstances.proxied {
            FailureKind::Proxy
        } else if error.is_connect() {
            while_connecting(&evidence, error.is_timeout(), circumstances.in_tls_handshake)
        } else {
            let unnamed =
                || if error.is_builder() { FailureKind::Other } else { by_name_of_variant(error) };
            while_exchanging(&evidence).unwrap_or_else(unnamed)
        }
    });
    Failure::new(kind, &evidence.root_cause)
}

/// The failure behind an error met while a connection was opened, name lookup and TLS included.
pub(super) fn classify_connecting(
    error: &(dyn Error + 'static),
    in_tls_handshake: bool,
) -> Failure {
    let mut evidence = Evidence::default();
    evidence.look_at(error);
    let timed_out = evidence.io_kind == Some(ErrorKind::TimedOut);
    let kind = evidence
        .stageless()
        .unwrap_or_else(|| while_connecting(&evidence, timed_out, in_tls_handshake));
    Failure::new(kind, &evidence.root_cause)
}

/// The failure behind an error of an open connection.
pub(super) fn classify_exchanging(error: &io::Error) -> Failure {
    let mut evidence = Evidence::default();
    evidence.look_at(error);
    let kind = evidence
        .stageless()
        .or_else(|| while_exchanging(&evidence))
        .unwrap_or(FailureKind::Protocol);
    Failure::new(kind, &evidence.root_cause)
}

/// What the chain of sources says, the innermost last.
#[derive(Debug, Default)]
struct Evidence {
    os_error: Option<i32>,
    io_kind: Option<ErrorKind>,
    is_out_of_reach: bool,
    is_dns: bool,
    is_tls: bool,
    root_cause: String,
}

impl Evidence {
    fn gather(error: &reqwest::Error) -> Self {
        let mut evidence = Self { is_dns: error.is_dns(), ..Self::default() };
        // The client's own message holds the URL, which may hold secrets: start below it.
        let mut source = error.source();
        while let Some(error) = source {
            evidence.look_at(error);
            source = error.source();
        }
        if evidence.root_cause.is_empty() {
            evidence.root_cause = "the HTTP client refused the request".to_owned();
        }
        evidence
    }

    fn look_at(&mut self, error: &(dyn Error + 'static)) {
        self.root_cause = error.to_string();
        if let Some(dns) = error.downcast_ref::<DnsFailure>() {
            self.is_dns = true;
            self.os_error = self.os_error.or(dns.os_error);
        }
        self.is_out_of_reach |= error.is::<OutOfReach>();
        self.is_tls |= error.is::<rustls::Error>();
        if let Some(io) = error.downcast_ref::<io::Error>() {
            self.os_error = io.raw_os_error().or(self.os_error);
            self.io_kind = Some(io.kind());
            // The source of an I/O error is its inner error's source; the inner error itself is
            // behind `get_ref`.
            if let Some(inner) = io.get_ref() {
                self.look_at(inner);
            }
        }
    }

    /// What needs no knowledge of the stage it was met in.
    fn stageless(&self) -> Option<FailureKind> {
        local_shortage(self.os_error)
            .or_else(|| self.is_out_of_reach.then_some(FailureKind::NotAllowed))
            .or_else(|| self.is_dns.then_some(FailureKind::Dns))
            .or_else(|| self.is_tls.then_some(FailureKind::Tls))
    }
}

/// Shortages of this machine, whichever stage they are met in.
fn local_shortage(os_error: Option<i32>) -> Option<FailureKind> {
    match os_error? {
        libc::EADDRNOTAVAIL | libc::EADDRINUSE => Some(FailureKind::LocalPorts),
        libc::EMFILE | libc::ENFILE => Some(FailureKind::LocalFiles),
        _ => None,
    }
}

fn while_connecting(evidence: &Evidence, timed_out: bool, in_tls_handshake: bool) -> FailureKind {
    match evidence.io_kind {
        Some(ErrorKind::ConnectionRefused) => FailureKind::ConnectRefused,
        Some(ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable) => {
            FailureKind::Unreachable
        }
        Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted) => FailureKind::Reset,
        Some(ErrorKind::UnexpectedEof) if in_tls_handshake => FailureKind::Tls,
        _ if timed_out => FailureKind::ConnectTimeout,
        _ => FailureKind::Connect,
    }
}

fn while_exchanging(evidence: &Evidence) -> Option<FailureKind> {
    match evidence.io_kind? {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Some(FailureKind::Reset)
        }
        ErrorKind::UnexpectedEof => Some(FailureKind::ClosedEarly),
        ErrorKind::TimedOut => Some(FailureKind::Timeout),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Some(FailureKind::Unreachable)
        }
        _ => None,
    }
}

/// The exception of the module's documentation.
fn by_name_of_variant(error: &reqwest::Error) -> FailureKind {
    let Some(source) = error.source() else { return FailureKind::Other };
    let text = format!("{source:?}");
    let says = |names: &[&str]| names.iter().any(|name| text.contains(name));
    // h2 says who ended it: `Library` is our side, which does so when the other broke the protocol.
    let by_target = says(&["Remote)"]);
    if says(&["Parse(", "UnexpectedMessage"]) {
        FailureKind::Protocol
    } else if by_target && says(&["Reset("]) {
        FailureKind::Reset
    } else if by_target && says(&["GoAway("])
        || says(&["IncompleteMessage", "Canceled", "ChannelClosed"])
    {
        FailureKind::ClosedEarly
    } else {
        FailureKind::Protocol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_of_this_machine_is_told_by_the_systems_error_number() {
        for (number, kind) in [
            (libc::EADDRNOTAVAIL, Some(FailureKind::LocalPorts)),
            (libc::EMFILE, Some(FailureKind::LocalFiles)),
            (libc::ENFILE, Some(FailureKind::LocalFiles)),
            (libc::ECONNREFUSED, None),
        ] {
            let mut evidence = Evidence::default();
            // As hyper-util wraps it: an I/O error within an I/O error.
            evidence.look_at(&io::Error::other(io::Error::from_raw_os_error(number)));
            assert_eq!(local_shortage(evidence.os_error), kind);
        }
    }
}
