//! The transport on reqwest: HTTP/1.1 and HTTP/2, TLS, proxies.
//!
//! reqwest's own redirects, retries, cookies and decompression are off: each would hide a request,
//! or time, or bytes. One retry remains that reqwest does not let go of: a request given to a kept
//! connection that turns out to be closed before a byte of the request was written goes out on a
//! new one. It reaches the wire once.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use reqwest::{Client, ClientBuilder, Proxy, Response};
use tokio::time::{Instant, timeout, timeout_at};
use url::{Host, Url};

use super::classify::{Circumstances, classify};
use super::connect_layer::MarkConnect;
use super::connect_watch::Watch;
use super::exchange::{Exchange, Failure, header_bytes, request_head_bytes, status_line_bytes};
use super::lanes::Lanes;
use super::options::{HttpVersion, TransportOptions};
use super::request::Request;
use super::{Shared, TransportError};
use crate::metric::failure::FailureKind;
use crate::reach::OutOfReach;

/// Idle HTTP/1.1 connections kept for one host, as k6 and browsers do.
const MAX_IDLE_PER_HOST: usize = 6;

/// The connections of one virtual user. Clients are built at the first request.
#[derive(Debug)]
pub struct ReqwestTransport {
    shared: Arc<Shared>,
    lanes: Lanes,
    clients: RefCell<Clients>,
}

/// Plain and TLS clients apart, so that a run without `https` never reads the system's
/// certificates.
#[derive(Debug, Default)]
struct Clients {
    plain: OnceCell<Client>,
    tls: OnceCell<Client>,
}

impl ReqwestTransport {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let lanes = Lanes::new(shared.options.max_connections_per_host);
        Self { shared, lanes, clients: RefCell::default() }
    }

    /// Builds the client for addresses like `url` before it is needed. A failure comes with the first request.
    pub fn prepare(&self, url: &Url) {
        drop(self.client(url));
    }

    /// Closes what is kept open; requests under way go on. The next request connects anew.
    pub fn close_connections(&self) {
        self.clients.take();
    }

    /// Sends one request and reads its answer to the end; see
    /// [`VuTransport::send`](super::VuTransport::send).
    pub(super) async fn send(&self, request: &Request) -> Exchange {
        let started_at = Instant::now();
        let mut hop = Hop::new(request, started_at, self.shared.options.max_body);
        let deadline = started_at + request.timeout;
        if timeout_at(deadline, self.run(request, &mut hop)).await.is_err() {
            hop.cut_off();
        }
        hop.finish()
    }

    async fn run(&self, request: &Request, hop: &mut Hop) {
        if let Err(refused) = self.check_reach(&request.url) {
            return hop.fail(Failure::new(FailureKind::NotAllowed, &refused.to_string()));
        }
        let _lane = self.lanes.enter(&request.url).await;
        let response = match self.client(&request.url) {
            Ok(client) => hop.watch.run(client.execute(to_reqwest(request))).await,
            Err(error) => return hop.fail(Failure::new(FailureKind::Other, &error.to_string())),
        };
        match response {
            Ok(response) => {
                hop.head(&response);
                hop.body(response, &self.shared.options).await;
            }
            Err(error) => hop.no_head(&error, self.shared.options.proxy.is_some()),
        }
    }

    /// Judges addresses, which no resolver is asked for. Names are judged with the addresses that they lead to.
    fn check_reach(&self, url: &Url) -> Result<(), OutOfReach> {
        let Some(reach) = &self.shared.options.reach else { return Ok(()) };
        match url.host() {
            Some(Host::Ipv4(address)) => reach.admits(&address.to_string(), address.into()),
            Some(Host::Ipv6(address)) => reach.admits(&address.to_string(), address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    fn client(&self, url: &Url) -> Result<Client, TransportError> {
        let clients = self.clients.borrow();
        let proxy_is_tls =
            self.shared.options.proxy.as_ref().is_some_and(|proxy| proxy.scheme() == "https");
        let is_tls = url.scheme() == "https" || proxy_is_tls;
        let cell = if is_tls { &clients.tls } else { &clients.plain };
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        let client = build_client(&self.shared, is_tls)?;
        Ok(cell.get_or_init(|| client).clone())
    }
}

/// A client whose every default that would distort a measurement is set off by name.
pub(super) fn build_client(shared: &Shared, is_tls: bool) -> Result<Client, TransportError> {
    let options = &shared.options;
    let tls = if is_tls { shared.tls.for_virtual_user() } else { shared.tls.plain() };
    let idle = if options.keep_alive { MAX_IDLE_PER_HOST } else { 0 };
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::clone(&shared.resolver))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connector_layer(MarkConnect)
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(idle)
        // A timeout would cost a task for each client.
        .pool_idle_timeout(None)
        .tcp_nodelay(true)
        .tcp_keepalive(None)
        .user_agent(options.user_agent.as_str());
    let builder = match options.http_version {
        HttpVersion::Auto => builder,
        HttpVersion::Http1 => builder.http1_only(),
        HttpVersion::Http2 => builder.http2_prior_knowledge(),
    };
    let builder = with_proxy(builder, options)?;
    builder.build().map_err(|error| TransportError::Client(error.into()))
}

fn with_proxy(
    builder: ClientBuilder,
    options: &TransportOptions,
) -> Result<ClientBuilder, TransportError> {
    let Some(proxy) = &options.proxy else { return Ok(builder) };
    let proxy = Proxy::all(proxy.clone()).map_err(|error| TransportError::Client(error.into()))?;
    Ok(builder.proxy(proxy))
}

/// The framing headers are the client's to write: one of the script's own would contradict the
/// body.
fn to_reqwest(request: &Request) -> reqwest::Request {
    let mut made = reqwest::Request::new(request.method.clone(), request.url.clone());
    made.headers_mut().clone_from(&request.headers);
    made.headers_mut().remove(CONTENT_LENGTH);
    made.headers_mut().remove(TRANSFER_ENCODING);
    if !request.body.is_empty() {
        *made.body_mut() = Some(request.body.clone().into());
    }
    made
}

/// One exchange in the making. It outlives the future that fills it, so that a timeout loses
/// nothing.
struct Hop {
    exchange: Exchange,
    watch: Watch,
    body: Kept,
    request_bytes: u64,
}

impl Hop {
    fn new(request: &Request, started_at: Instant, max_body: usize) -> Self {
        let request_bytes = request_head_bytes(request) + request.body.len() as u64;
        let exchange = Exchange::unsent(request.method.clone(), request.url.clone(), started_at);
        let body = Kept::new(if request.keep_body { max_body } else { 0 });
        Self { exchange, watch: Watch::new(started_at), body, request_bytes }
    }

    fn fail(&mut self, failure: Failure) {
        self.exchange.failure = Some(failure);
    }

    fn sent_at(&mut self, at: Instant) {
        self.exchange.sent_at = Some(at);
        self.exchange.bytes_sent = self.request_bytes;
    }

    fn head(&mut self, response: &Response) {
        self.sent_at(self.watch.sent_at());
        let exchange = &mut self.exchange;
        exchange.first_byte_at = Some(Instant::now());
        exchange.status = Some(response.status());
        exchange.version = Some(response.version());
        exchange.headers.clone_from(response.headers());
        exchange.remote_addr = response.remote_addr();
        exchange.bytes_received =
            status_line_bytes(response.status()) + header_bytes(response.headers());
    }

    fn no_head(&mut self, error: &reqwest::Error, proxied: bool) {
        let in_tls_handshake = self.watch.in_tls_handshake();
        if !error.is_connect() && !error.is_builder() {
            self.sent_at(self.watch.sent_at());
        }
        self.fail(classify(error, Circumstances { in_tls_handshake, proxied }));
    }

    /// Reads the body to its end, whatever is kept of it.
    async fn body(&mut self, mut response: Response, options: &TransportOptions) {
        let idle_bound = options.idle_read_timeout;
        let mut drained = 0_u64;
        loop {
            match timeout(idle_bound, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    drained += chunk.len() as u64;
                    self.exchange.bytes_received += chunk.len() as u64;
                    self.body.push(chunk);
                    if drained > options.max_drained {
                        let message = format!("the body has more than {} B", options.max_drained);
                        return self.fail(Failure::new(FailureKind::BodyTooLarge, &message));
                    }
                }
                Ok(Ok(None)) => return,
                Ok(Err(error)) => return self.fail(classify(&error, Circumstances::default())),
                Err(_) => {
                    let message = format!("no byte of the body for {idle_bound:?}");
                    return self.fail(Failure::new(FailureKind::IdleTimeout, &message));
                }
            }
        }
    }

    /// The total timeout came first.
    fn cut_off(&mut self) {
        if self.exchange.sent_at.is_none()
            && let Some(at) = self.watch.sent_at_if_cut_off()
        {
            self.sent_at(at);
        }
        let stage = match (self.exchange.sent_at, self.exchange.first_byte_at) {
            (None, _) => "before the request was sent",
            (Some(_), None) => "while waiting for the response",
            (Some(_), Some(_)) => "while receiving the body",
        };
        self.fail(Failure::new(FailureKind::Timeout, &format!("total timeout {stage}")));
    }

    fn finish(self) -> Exchange {
        let Self { mut exchange, watch, body, .. } = self;
        exchange.truncated = body.is_truncated && body.bound > 0;
        exchange.body = body.into_bytes();
        let done_at = Instant::now();
        exchange.done_at = done_at;
        exchange.new_connection = watch.connected();
        exchange.timings = watch.timings(exchange.sent_at.unwrap_or(done_at));
        if let Some(sent_at) = exchange.sent_at {
            let first_byte_at = exchange.first_byte_at.unwrap_or(done_at);
            exchange.timings.waiting = first_byte_at - sent_at;
            exchange.timings.receiving = done_at - first_byte_at;
        }
        exchange
    }
}

/// The kept beginning of a body. A body of one piece is kept without copying.
struct Kept {
    bound: usize,
    first: Bytes,
    more: BytesMut,
    is_truncated: bool,
}

impl Kept {
    /// Keeps at most `bound` bytes.
    fn new(bound: usize) -> Self {
        Self { bound, first: Bytes::new(), more: BytesMut::new(), is_truncated: false }
    }

    fn push(&mut self, mut chunk: Bytes) {
        let room = self.bound - self.first.len().max(self.more.len());
        self.is_truncated |= chunk.len() > room;
        chunk.truncate(room);
        if self.first.is_empty() && self.more.is_empty() {
            self.first = chunk;
        } else {
            self.more.extend_from_slice(&std::mem::take(&mut self.first));
            self.more.extend_from_slice(&chunk);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}
