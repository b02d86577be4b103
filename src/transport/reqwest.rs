//! The transport on reqwest: HTTP/1.1 and HTTP/2, TLS, proxies.
//!
//! reqwest's own redirects, retries, cookies and decompression are off: each would hide a request,
//! or time, or bytes. One retry remains that reqwest does not let go of: a request given to a kept
//! connection that turns out to be closed before a byte of the request was written goes out on a
//! new one. It reaches the wire once.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use reqwest::{Client, ClientBuilder, Proxy, Response};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::classify::{Circumstances, classify};
use super::connect_layer::MarkConnect;
use super::connect_watch::Watch;
use super::exchange::{Exchange, Failure, header_bytes, request_head_bytes, status_line_bytes};
use super::hop::{Head, Hop};
use super::lanes::Lanes;
use super::options::{HttpVersion, MAX_IDLE_PER_HOST, TransportOptions};
use super::request::Request;
use super::{Shared, TransportError};
use crate::metric::failure::FailureKind;

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
    pub(super) async fn send(&self, request: &Request) -> Box<Exchange> {
        let started_at = request.handed_at.unwrap_or_else(Instant::now);
        let hop = Hop::new(request, started_at, &self.shared.options);
        let mut attempt = Attempt { hop, watch: Watch::new(started_at) };
        let deadline = started_at + request.timeout;
        if timeout_at(deadline, self.run(request, &mut attempt)).await.is_err() {
            attempt.cut_off(request);
        }
        attempt.finish()
    }

    async fn run(&self, request: &Request, attempt: &mut Attempt<'_>) {
        let lane = self.lanes.enter(&request.url).await;
        let check = || self.shared.check_reach(&request.url);
        if let Some(Err(refused)) = lane.as_ref().map(|lane| lane.host.admit(check)) {
            return attempt.hop.fail(refused);
        }
        let response = match self.client(&request.url) {
            Ok(client) => attempt.watch.run(client.execute(to_reqwest(request))).await,
            Err(error) => {
                return attempt.hop.fail(Failure::new(FailureKind::Other, &error.to_string()));
            }
        };
        match response {
            Ok(response) => {
                attempt.head(request, &response);
                attempt.body(response, self.shared.options.idle_read_timeout).await;
            }
            Err(error) => attempt.no_head(request, &error, self.shared.options.proxy.is_some()),
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
    let mut made = reqwest::Request::new(request.method.clone(), Url::clone(&request.url));
    made.headers_mut().clone_from(&request.headers);
    if let Some(encodings) = request.encodings() {
        made.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(encodings));
    }
    made.headers_mut().remove(CONTENT_LENGTH);
    made.headers_mut().remove(TRANSFER_ENCODING);
    if !request.body.is_empty() {
        *made.body_mut() = Some(request.body.clone().into());
    } else if request.tells_length() {
        made.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    made
}

/// One exchange in the making, and what is seen of its connection.
struct Attempt<'a> {
    hop: Hop<'a>,
    watch: Watch,
}

impl Attempt<'_> {
    fn sent(&mut self, request: &Request, at: Instant) {
        self.hop.sent(at, request_head_bytes(request) + request.body.len() as u64);
    }

    fn head(&mut self, request: &Request, response: &Response) {
        self.sent(request, self.watch.sent_at());
        self.hop.answered_by(response.remote_addr());
        self.hop.head(Head {
            status: response.status(),
            version: response.version(),
            headers: response.headers().clone().into(),
            bytes: status_line_bytes(response.status()) + header_bytes(response.headers()),
        });
    }

    fn no_head(&mut self, request: &Request, error: &reqwest::Error, proxied: bool) {
        let in_tls_handshake = self.watch.in_tls_handshake();
        if !error.is_connect() && !error.is_builder() {
            self.sent(request, self.watch.sent_at());
        }
        self.hop.fail(classify(error, Circumstances { in_tls_handshake, proxied }));
    }

    /// Reads the body to its end, whatever is kept of it.
    async fn body(&mut self, mut response: Response, idle_bound: Duration) {
        loop {
            match timeout(idle_bound, response.chunk()).await {
                Ok(Ok(Some(piece))) => {
                    if let Err(failure) = self.hop.piece(piece) {
                        return self.hop.fail(failure);
                    }
                }
                Ok(Ok(None)) => return,
                Ok(Err(error)) => {
                    return self.hop.fail(classify(&error, Circumstances::default()));
                }
                Err(_) => return self.hop.fail(Failure::silence(idle_bound)),
            }
        }
    }

    /// The total timeout came first.
    fn cut_off(&mut self, request: &Request) {
        if self.hop.sent_at().is_none()
            && let Some(at) = self.watch.sent_at_if_cut_off()
        {
            self.sent(request, at);
        }
        self.hop.cut_off();
    }

    fn finish(mut self) -> Box<Exchange> {
        let done_at = Instant::now();
        let stages = self.watch.timings(self.hop.sent_at().unwrap_or(done_at));
        let mut exchange = self.hop.finish(done_at, stages);
        exchange.new_connection = self.watch.connected();
        exchange
    }
}
