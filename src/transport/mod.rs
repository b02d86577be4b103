//! Room `transport`: how bytes travel.
//!
//! A [`TransportFactory`] holds what all virtual users share (TLS settings, resolver, options).
//! Each virtual user has a [`Session`]: its cookies, redirects and decompression over its own
//! connections, a [`VuTransport`]. One request becomes one [`Exchange`] for each hop, and a failed
//! request is an exchange with a [`Failure`], never an `Err`.
//!
//! This room knows nothing of scripts, executors or samples. The engine sends through it and turns
//! exchanges into samples.
//!
//! ```text
//! Session (cookies, redirects, decoding) ─▶ VuTransport ─┬▶ direct ──┬▶ the wire
//!                                                        └▶ reqwest ─┘
//! ```
//!
//! `direct` is our own HTTP/1.1 client, and where the speed is; reqwest speaks everything else.
//!
//! To add a transport: a variant of [`VuTransport`] that makes an [`Exchange`] of one request, raw
//! body included. All that is above it stays.

pub mod body;
mod classify;
mod connect_layer;
mod connect_watch;
mod cookies;
mod decode;
mod direct;
mod dns;
mod exchange;
mod fields;
mod hop;
mod lanes;
mod options;
mod origin;
mod redirect;
mod request;
mod reqwest;
mod session;
mod timings;
mod tls;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use url::{Host, Url};

pub use self::cookies::{CookieJar, MAX_COOKIE_BYTES, MAX_COOKIES};
pub use self::direct::DirectTransport;
pub use self::exchange::{Exchange, Failure};
pub use self::fields::Fields;
pub use self::options::{Carrier, HttpVersion, TransportChoice, TransportError, TransportOptions};
pub use self::redirect::RedirectPolicy;
pub use self::request::{DEFAULT_TIMEOUT, Request};
pub use self::reqwest::ReqwestTransport;
pub use self::session::Session;
pub use self::timings::Timings;
use crate::metric::failure::FailureKind;

/// Makes the transports of virtual users from what they share. Cheap to clone, and may go to any
/// thread.
#[derive(Debug, Clone)]
pub struct TransportFactory {
    shared: Arc<Shared>,
}

/// What all virtual users of a process share.
#[derive(Debug)]
struct Shared {
    options: TransportOptions,
    tls: tls::Tls,
    resolver: Arc<dns::CachingResolver>,
}

impl Shared {
    /// Judges addresses, which no resolver is asked for. Names are judged with the addresses that they lead to.
    fn check_reach(&self, url: &Url) -> Result<(), Failure> {
        let Some(reach) = &self.options.reach else { return Ok(()) };
        let admitted = match url.host() {
            Some(Host::Ipv4(address)) => reach.admits(&address.to_string(), address.into()),
            Some(Host::Ipv6(address)) => reach.admits(&address.to_string(), address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        };
        admitted.map_err(|refused| Failure::new(FailureKind::NotAllowed, &refused.to_string()))
    }
}

impl TransportFactory {
    /// A factory for `options`, which are checked here and now: a request never fails for an
    /// option.
    ///
    /// # Errors
    ///
    /// A [`TransportError`] that names the option that is no use: the CA file, the proxy or the
    /// user agent.
    pub fn new(options: TransportOptions) -> Result<Self, TransportError> {
        options.check()?;
        let tls = tls::Tls::new(&options)?;
        let resolver = dns::CachingResolver::new(options.resolve.clone(), options.dns_ttl);
        let resolver = resolver.within(options.reach.clone());
        let shared = Shared { options, tls, resolver: Arc::new(resolver) };
        reqwest::build_client(&shared, false)?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Reads the system's certificates now, which takes some milliseconds, rather than at the first
    /// `https` request.
    pub fn warm_tls(&self) {
        self.shared.tls.shared();
    }

    /// The options the factory was made with.
    #[must_use]
    pub fn options(&self) -> &TransportOptions {
        &self.shared.options
    }

    /// A session for one virtual user: what the engine sends through.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self)
    }

    /// The connections of one virtual user. Nothing is opened or built before the first request.
    #[must_use]
    pub fn connect_set(&self) -> VuTransport {
        let direct = || DirectTransport::new(Arc::clone(&self.shared));
        let reqwest = || ReqwestTransport::new(Arc::clone(&self.shared));
        match self.shared.options.carrier() {
            Carrier::Direct => VuTransport::Direct(direct()),
            Carrier::Reqwest => VuTransport::Reqwest(reqwest()),
            Carrier::ByScheme => VuTransport::ByScheme { plain: direct(), tls: reqwest().into() },
        }
    }
}

/// The connections of one virtual user, on the transport that was chosen. Stays on the thread it is
/// first used on.
#[derive(Debug)]
#[non_exhaustive]
pub enum VuTransport {
    /// On reqwest: everything it speaks.
    Reqwest(ReqwestTransport),
    /// On our own client.
    Direct(DirectTransport),
    /// On our own client without TLS, and on reqwest with it.
    ByScheme {
        /// For `http` addresses.
        plain: DirectTransport,
        /// For `https` addresses, which may lead to HTTP/2. Apart, as most users have no use for it.
        tls: Box<ReqwestTransport>,
    },
}

impl VuTransport {
    /// Builds what requests to addresses like `url` need, short of connections.
    pub fn prepare(&self, url: &Url) {
        match self {
            Self::Reqwest(transport) => transport.prepare(url),
            Self::Direct(transport) => transport.prepare(url),
            Self::ByScheme { tls, .. } if url.scheme() == "https" => tls.prepare(url),
            Self::ByScheme { plain, .. } => plain.prepare(url),
        }
    }

    /// Fetches what the end of a request and the begin of the next one will use: see [`crate::prefetch`].
    pub fn prefetch(&self) {
        if let Self::Direct(transport) | Self::ByScheme { plain: transport, .. } = self {
            transport.prefetch();
        }
    }

    /// Sends one request, follows nothing, and reads the answer to its end.
    ///
    /// Several may be under way at once. Ends within [`Request::timeout`] whatever the target does.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the request and closes its connection if it was in use (an
    /// HTTP/2 stream is reset). The others are not touched.
    pub async fn send(&self, request: &Request) -> Box<Exchange> {
        match self {
            Self::Reqwest(transport) => Box::pin(transport.send(request)).await,
            Self::Direct(transport) => transport.send(request).await,
            Self::ByScheme { tls, .. } if request.url.scheme() == "https" => {
                Box::pin(tls.send(request)).await
            }
            Self::ByScheme { plain, .. } => plain.send(request).await,
        }
    }

    /// Closes the connections that are kept open; requests under way go on.
    pub fn close_connections(&self) {
        match self {
            Self::Reqwest(transport) => transport.close_connections(),
            Self::Direct(transport) => transport.close_connections(),
            Self::ByScheme { plain, tls } => {
                plain.close_connections();
                tls.close_connections();
            }
        }
    }
}
