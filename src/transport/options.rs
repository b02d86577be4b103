//! How connections are made: options, and what is wrong with them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::reach::Reach;

/// Idle HTTP/1.1 connections kept for one host, as k6 and browsers do.
pub(super) const MAX_IDLE_PER_HOST: usize = 6;

/// Who carries the requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TransportChoice {
    /// Our own client wherever it can serve: always for HTTP/1.1 only, and for `http` addresses where HTTP/2 is only spoken
    /// after a TLS handshake. reqwest for the rest: HTTP/2, `https` addresses that may offer it, and proxies.
    #[default]
    Auto,
    /// Our own client: HTTP/1.1, no proxy.
    Direct,
    /// reqwest, for everything.
    Reqwest,
}

/// Which HTTP version to speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/2 where the target offers it in the TLS handshake (ALPN), else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only: over TLS by ALPN, over plain TCP by prior knowledge.
    Http2,
}

/// How connections are made and how much of an answer is kept.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// Who carries the requests.
    pub transport: TransportChoice,
    /// Bound on opening a connection, name lookup and TLS included.
    pub connect_timeout: Duration,
    /// Bound on the silence between two pieces of a body. Waiting for the response head is bounded
    /// by the total timeout alone: a slow answer is not a broken one.
    pub idle_read_timeout: Duration,
    /// The most bytes of a body that are kept, raw and decoded alike. What is beyond is read and
    /// thrown away.
    pub max_body: usize,
    /// The most bytes of one body that are read at all. A body that is longer is a failure, and its
    /// connection is closed.
    pub max_drained: u64,
    /// `true` accepts every certificate. A run made so says so in its record.
    pub insecure: bool,
    /// PEM file of certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Which HTTP version to speak.
    pub http_version: HttpVersion,
    /// Requests a virtual user may have under way to one host, at least 1; more wait, and that
    /// shows as `blocked`.
    pub max_connections_per_host: usize,
    /// The `User-Agent` of requests that do not set their own. Printable ASCII.
    pub user_agent: String,
    /// Proxy for all requests: `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`. The
    /// environment is never asked.
    pub proxy: Option<Url>,
    /// Addresses for host names, in place of a lookup. Names in lower case; an empty list counts as
    /// not found.
    pub resolve: BTreeMap<String, Vec<IpAddr>>,
    /// How long a looked-up name is believed.
    pub dns_ttl: Duration,
    /// `false` opens a connection for each request.
    pub keep_alive: bool,
    /// The hosts that may be connected to; `None` for all. Asked before each request and of each address.
    pub reach: Option<Reach>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            connect_timeout: Duration::from_secs(10),
            idle_read_timeout: Duration::from_secs(30),
            max_body: 8 * 1024 * 1024,
            max_drained: 1024 * 1024 * 1024,
            insecure: false,
            ca_file: None,
            http_version: HttpVersion::Auto,
            max_connections_per_host: 6,
            user_agent: concat!("rhaid/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: None,
            resolve: BTreeMap::new(),
            dns_ttl: Duration::from_secs(60),
            keep_alive: true,
            reach: None,
        }
    }
}

/// Who carries the requests, the choice made where it was left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Our own client.
    Direct,
    /// reqwest.
    Reqwest,
    /// Our own client without TLS, and reqwest with it, which may lead to HTTP/2.
    ByScheme,
}

impl Carrier {
    /// Its name in records for a run against `target`: `direct` or `reqwest`, or `auto` when each address of a script decides.
    #[must_use]
    pub fn name_for(self, target: Option<&str>) -> &'static str {
        match (self, target) {
            (Self::Direct, _) => "direct",
            (Self::Reqwest, _) => "reqwest",
            (Self::ByScheme, None) => "auto",
            (Self::ByScheme, Some(target)) => {
                let is_tls = target
                    .get(.."https:".len())
                    .is_some_and(|it| it.eq_ignore_ascii_case("https:"));
                if is_tls { "reqwest" } else { "direct" }
            }
        }
    }
}

impl TransportOptions {
    /// Who carries the requests.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        match (self.transport, self.http_version) {
            (TransportChoice::Direct, _) => Carrier::Direct,
            (TransportChoice::Reqwest, _) | (TransportChoice::Auto, HttpVersion::Http2) => {
                Carrier::Reqwest
            }
            (TransportChoice::Auto, _) if self.proxy.is_some() => Carrier::Reqwest,
            (TransportChoice::Auto, HttpVersion::Http1) => Carrier::Direct,
            (TransportChoice::Auto, HttpVersion::Auto) => Carrier::ByScheme,
        }
    }

    /// Checks what can be checked without opening a file.
    pub(super) fn check(&self) -> Result<(), TransportError> {
        let is_supported = |scheme: &str| {
            matches!(scheme, "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h")
        };
        if let Some(proxy) = self.proxy.as_ref().filter(|proxy| !is_supported(proxy.scheme())) {
            return Err(TransportError::ProxyScheme { scheme: proxy.scheme().to_owned() });
        }
        if self.transport == TransportChoice::Direct {
            let lacking = match (&self.proxy, self.http_version) {
                (Some(_), _) => Some("a proxy"),
                (None, HttpVersion::Http2) => Some("HTTP/2"),
                (None, HttpVersion::Auto | HttpVersion::Http1) => None,
            };
            lacking.map_or(Ok(()), |what| Err(TransportError::NotDirect { what }))?;
        }
        if self.proxy.is_some() && self.reach.is_some() {
            return Err(TransportError::ProxyOutOfReach);
        }
        if http::HeaderValue::from_str(&self.user_agent).is_err() {
            return Err(TransportError::UserAgent { value: self.user_agent.clone() });
        }
        Ok(())
    }
}

/// Options that cannot be turned into a transport. Found before any load, never by a request.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The CA file cannot be read, or is not PEM.
    #[error("CA file {} cannot be read; give a PEM file with BEGIN CERTIFICATE blocks", path.display())]
    CaFile {
        /// The file as the user named it.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The CA file holds no certificate.
    #[error("CA file {} holds no certificate; is it a key, or in DER form?", path.display())]
    NoCertificate {
        /// The file as the user named it.
        path: PathBuf,
    },
    /// The proxy's address has a scheme that is not supported.
    #[error("proxy scheme `{scheme}` is not supported; use http, https, socks5 or socks5h")]
    ProxyScheme {
        /// The scheme as given. The rest of the address may hold a password.
        scheme: String,
    },
    /// A proxy would connect to whatever it is told to: where that is cannot be seen from here.
    #[error("a proxy cannot be used where only some hosts may be loaded")]
    ProxyOutOfReach,
    /// The direct transport was chosen, which does not do this.
    #[error("the direct transport does not do {what}; leave the choice to `auto`")]
    NotDirect {
        /// What it does not do.
        what: &'static str,
    },
    /// The user agent cannot be a header value.
    #[error("user agent {value:?} is not a header value; use printable ASCII")]
    UserAgent {
        /// The text as given.
        value: String,
    },
    /// The HTTP client refused the options for a reason of its own.
    #[error("HTTP client cannot be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}
