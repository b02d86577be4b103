//! Opening a connection: name, socket, TLS.

use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;

use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::super::classify::classify_connecting;
use super::super::connect_watch::{Mark, Marks};
use super::super::exchange::Failure;
use super::super::lanes::Host as LaneHost;
use super::DirectTransport;
use super::pool::Connection;
use super::race::reach_one;
use super::socket::Socket;
use super::stream::Stream;
use crate::metric::failure::FailureKind;

type ConnectError = Box<dyn Error + Send + Sync>;

impl DirectTransport {
    /// Opens a connection for requests to `url`, and marks the stages of it.
    ///
    /// # Errors
    ///
    /// When the name leads nowhere, nobody answers within the connect timeout, or the TLS handshake fails.
    pub(super) async fn open(
        &self,
        url: &Url,
        host: &Rc<LaneHost>,
        marks: &mut Marks,
    ) -> Result<Box<Connection>, Failure> {
        let generation = self.pool.generation();
        let bound = self.shared.options.connect_timeout;
        marks.set(Mark::ConnectStarted, Instant::now());
        match timeout(bound, self.connect(url, marks)).await {
            Ok(Ok((stream, peer))) => {
                let host = Rc::clone(host);
                Ok(Box::new(Connection { stream, peer, host, generation, good_until: None }))
            }
            Ok(Err(error)) => Err(classify_connecting(&*error, marks.in_tls_handshake())),
            Err(_) => {
                let message = format!("no connection within {bound:?}");
                Err(Failure::new(FailureKind::ConnectTimeout, &message))
            }
        }
    }

    async fn connect(
        &self,
        url: &Url,
        marks: &mut Marks,
    ) -> Result<(Stream, SocketAddr), ConnectError> {
        let addresses = self.addresses(url, marks).await?;
        let (tcp, peer) = reach_one(&addresses).await?;
        tcp.set_nodelay(true)?;
        if url.scheme() != "https" {
            return Ok((Stream::Plain(Socket::new(tcp)), peer));
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned())?,
            Some(Host::Ipv4(address)) => ServerName::IpAddress(address.into()),
            Some(Host::Ipv6(address)) => ServerName::IpAddress(address.into()),
            None => return Err("the address has no host".into()),
        };
        marks.set(Mark::TlsStarted, Instant::now());
        let tls = self.tls().connect(name, tcp).await?;
        marks.set(Mark::TlsEnded, Instant::now());
        Ok((Stream::Tls(Box::new(tls)), peer))
    }

    /// Where to connect to; only what may be reached.
    async fn addresses(
        &self,
        url: &Url,
        marks: &mut Marks,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let port = url.port_or_known_default().ok_or("the address has no port")?;
        match url.host() {
            Some(Host::Ipv4(address)) => Ok(vec![(address, port).into()]),
            Some(Host::Ipv6(address)) => Ok(vec![(address, port).into()]),
            Some(Host::Domain(name)) => {
                marks.set(Mark::DnsStarted, Instant::now());
                let answer = self.shared.resolver.lookup(name).await;
                marks.set(Mark::DnsEnded, Instant::now());
                let admitted = self.shared.resolver.admitted(name, &answer?)?;
                Ok(admitted.into_iter().map(|address| (address, port).into()).collect())
            }
            None => Err("the address has no host".into()),
        }
    }
}
