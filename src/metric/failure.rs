//! Why a request failed: one closed list, so that failures can be counted, compared and stored by
//! kind.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong with one request.
///
/// Closed on purpose: a kind is a column in tables and a word in thresholds. In JSON and SQL it is
/// its [`as_str`] (`connect_refused`, `idle_timeout`, …); those words never change their meaning.
///
/// [`as_str`]: FailureKind::as_str
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The run may not reach that host: nothing was connected to.
    NotAllowed,
    /// The host name could not be resolved.
    Dns,
    /// The host answered that nothing listens on the port.
    ConnectRefused,
    /// No connection (TLS included) within the connect timeout.
    ConnectTimeout,
    /// The connection could not be opened for a reason that has no kind of its own.
    Connect,
    /// The network or the host cannot be reached.
    Unreachable,
    /// The TLS handshake failed: certificate, name, version, or an alert.
    Tls,
    /// The whole exchange did not end within the request's total timeout.
    Timeout,
    /// The response body stopped: no byte arrived within the idle timeout.
    IdleTimeout,
    /// The target reset the connection or the HTTP/2 stream.
    Reset,
    /// The connection was closed before the response was whole.
    ClosedEarly,
    /// What arrived is not HTTP as the specification has it, or exceeds the limits of a response
    /// head.
    Protocol,
    /// The body went on past the number of bytes that are read and thrown away.
    BodyTooLarge,
    /// The body could not be decompressed, or wears more than one encoding.
    Decode,
    /// More redirects than allowed, and an address came up twice.
    RedirectLoop,
    /// More redirects than allowed.
    TooManyRedirects,
    /// This machine has no free local port (`EADDRNOTAVAIL`).
    LocalPorts,
    /// This process may open no more files or sockets (`EMFILE`, `ENFILE`).
    LocalFiles,
    /// The proxy could not be reached or refused to serve.
    Proxy,
    /// The run was stopped while the request was under way.
    Aborted,
    /// Anything else; the message tells.
    Other,
}

impl FailureKind {
    /// Whether the exchange would have gone on: its time is a lower bound of what it would have taken.
    #[must_use]
    pub fn is_censored(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Timeout | Self::IdleTimeout | Self::Aborted)
    }

    /// Every kind, in the order of the stages of a request.
    pub const ALL: [Self; 21] = [
        Self::NotAllowed,
        Self::Dns,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::Connect,
        Self::Unreachable,
        Self::Tls,
        Self::Timeout,
        Self::IdleTimeout,
        Self::Reset,
        Self::ClosedEarly,
        Self::Protocol,
        Self::BodyTooLarge,
        Self::Decode,
        Self::RedirectLoop,
        Self::TooManyRedirects,
        Self::LocalPorts,
        Self::LocalFiles,
        Self::Proxy,
        Self::Aborted,
        Self::Other,
    ];

    /// The word that stands for this kind in JSON, SQL, tags and thresholds.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Dns => "dns",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Connect => "connect",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed_early",
            Self::Protocol => "protocol",
            Self::BodyTooLarge => "body_too_large",
            Self::Decode => "decode",
            Self::RedirectLoop => "redirect_loop",
            Self::TooManyRedirects => "too_many_redirects",
            Self::LocalPorts => "local_ports",
            Self::LocalFiles => "local_files",
            Self::Proxy => "proxy",
            Self::Aborted => "aborted",
            Self::Other => "other",
        }
    }

    /// Whether the shortage is the load generator's own, and so says nothing about the target.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::LocalPorts | Self::LocalFiles | Self::Aborted)
    }

    /// What a person can do about it, as a lower-case sentence; `None` when the kind says it all.
    #[must_use]
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotAllowed => Some("whoever serves has to allow the host: --allow-target"),
            Self::Dns => Some("check the host name, or give its address with a resolve override"),
            Self::ConnectRefused => Some("check that the target is running and the port is right"),
            Self::ConnectTimeout => {
                Some("a firewall may drop packets, or the target's accept queue is full")
            }
            Self::Unreachable => Some("check the route to the target"),
            Self::Tls => Some("give the certificate authority with a CA file, or check the name"),
            Self::Timeout => Some("the target is slower than the request's timeout"),
            Self::IdleTimeout => Some("the target began to answer and then fell silent"),
            Self::RedirectLoop => Some("the target redirects in a circle; a cookie may be missing"),
            Self::LocalPorts => {
                Some("keep connections alive, or widen net.ipv4.ip_local_port_range")
            }
            Self::LocalFiles => Some("raise the limit of open files: ulimit -n 65536"),
            Self::Proxy => Some("check the proxy's address and credentials"),
            Self::Connect
            | Self::Reset
            | Self::ClosedEarly
            | Self::Protocol
            | Self::BodyTooLarge
            | Self::Decode
            | Self::TooManyRedirects
            | Self::Aborted
            | Self::Other => None,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_in_order() {
        assert!(FailureKind::ALL.is_sorted());
        assert_eq!(*FailureKind::ALL.last().unwrap(), FailureKind::Other);
        assert_eq!(FailureKind::Other as usize + 1, FailureKind::ALL.len());
    }

    #[test]
    fn the_json_word_is_as_str_and_reads_back() {
        for kind in FailureKind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<FailureKind>(&json).unwrap(), kind);
        }
    }

    #[test]
    fn only_shortages_of_the_generator_are_local() {
        let local: Vec<_> = FailureKind::ALL.into_iter().filter(|kind| kind.is_local()).collect();
        assert_eq!(local, [FailureKind::LocalPorts, FailureKind::LocalFiles, FailureKind::Aborted]);
    }
}
