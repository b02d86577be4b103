//! One virtual user's side of HTTP: cookies, redirects and decompression over its connections.

use std::cell::RefCell;
use std::hint::cold_path;
use std::rc::Rc;

use http::HeaderValue;
use http::header::{AUTHORIZATION, COOKIE};

use super::body::basic_auth;
use super::cookies::CookieJar;
use super::decode::{self, Decoded, Raw};
use super::exchange::{Exchange, Failure};
use super::redirect::{self, RedirectPolicy};
use super::request::Request;
use super::{TransportFactory, VuTransport};
use crate::metric::failure::FailureKind;

/// What one virtual user keeps between its requests.
#[derive(Debug)]
pub struct Session {
    transport: VuTransport,
    cookies: RefCell<CookieJar>,
    max_body: usize,
}

impl Session {
    /// A session without cookies or connections.
    #[must_use]
    pub fn new(factory: &TransportFactory) -> Self {
        Self {
            transport: factory.connect_set(),
            cookies: RefCell::default(),
            max_body: factory.options().max_body,
        }
    }

    /// Builds what requests to addresses like `url` need, short of connections, so that the first one does not wait for
    /// it.
    pub fn prepare(&self, url: &url::Url) {
        self.transport.prepare(url);
    }

    /// Fetches what the end of a request and the begin of the next one will use: see [`crate::prefetch`].
    pub fn prefetch(&self) {
        self.transport.prefetch();
    }

    /// Sends `request` and follows where it leads: an exchange for each hop, the last one the
    /// answer. Never empty.
    ///
    /// Bodies are decoded, after the clock of their exchange has stopped. Each hop has the
    /// request's whole timeout. Cookies of every hop are kept. Several requests may be under way at
    /// once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the hop under way, and the finished ones with it; their cookies
    /// stay.
    pub async fn send(&self, mut request: Request, policy: &RedirectPolicy) -> Vec<Exchange> {
        let mut hops = Vec::with_capacity(1);
        let last = self.send_observed(&mut request, policy, |hop| hops.push(hop.clone())).await;
        hops.push(*last);
        hops
    }

    /// As [`Session::send`], but shows each hop that leads on to another as soon as it has ended, so
    /// that a caller who gives up knows of it, and returns the last one.
    pub async fn send_observed(
        &self,
        request: &mut Request,
        policy: &RedirectPolicy,
        mut led_on: impl FnMut(&Exchange),
    ) -> Box<Exchange> {
        let mut visited = Vec::new();
        loop {
            let mut exchange = self.hop(request).await;
            let next = match redirect::target(&exchange) {
                Ok(next) => next.filter(|_| policy.max_hops > 0),
                Err(failure) => {
                    exchange.failure = Some(failure).filter(|_| policy.max_hops > 0);
                    None
                }
            };
            let (Some(next), Some(status)) = (next, exchange.status) else { return exchange };
            cold_path();
            visited.push(exchange.url.clone());
            if visited.len() > policy.max_hops as usize {
                let failure = redirect::exhausted(policy.max_hops, &visited, &next);
                exchange.failure = Some(failure);
                return exchange;
            }
            led_on(&exchange);
            redirect::follow(request, status, next);
        }
    }

    /// Reads or changes the cookies. They are locked for as long as `use_jar` runs, which is why it
    /// cannot wait.
    pub fn with_cookies<T>(&self, use_jar: impl FnOnce(&mut CookieJar) -> T) -> T {
        use_jar(&mut self.cookies.borrow_mut())
    }

    /// Closes the connections that are kept open; cookies stay.
    pub fn close_connections(&self) {
        self.transport.close_connections();
    }

    async fn hop(&self, request: &mut Request) -> Box<Exchange> {
        take_userinfo(request);
        let has_jar = !self.cookies.borrow().is_empty();
        let own_cookie = request.headers.get(COOKIE).filter(|_| has_jar).cloned();
        if has_jar {
            let with_jar = self.cookies.borrow().header(&request.url, own_cookie.as_ref());
            put(request, COOKIE, with_jar);
        }
        request.names_encodings = true;
        let mut exchange = self.transport.send(request).await;
        if has_jar {
            // The next hop makes its own header of the script's cookies and the jar's.
            put(request, COOKIE, own_cookie);
        }
        let mentions = exchange.headers.mentions();
        if mentions.cookies {
            self.cookies.borrow_mut().store_response(&exchange.url, &exchange.headers);
        }
        if mentions.encoding {
            self.decode(&mut exchange);
        }
        exchange
    }

    fn decode(&self, exchange: &mut Exchange) {
        // A body that failed on the way is decoded as far as it came.
        let truncated = exchange.truncated || exchange.failure.is_some();
        let body = std::mem::take(&mut exchange.body);
        match decode::decode(&exchange.headers, Raw { body, truncated, cap: self.max_body }) {
            Ok(Decoded { body, truncated }) => {
                exchange.body = body;
                exchange.truncated |= truncated;
            }
            Err(why) => {
                let failure = || Failure::new(FailureKind::Decode, &why);
                exchange.failure.get_or_insert_with(failure);
            }
        }
    }
}

fn put(request: &mut Request, name: http::HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => drop(request.headers.insert(name, value)),
        None => drop(request.headers.remove(name)),
    }
}

/// Moves a user and password from the URL into a header, so that they show up in no name and no
/// report.
fn take_userinfo(request: &mut Request) {
    let url = &request.url;
    // Nearly no address has the sign of one, which is the cheapest to see.
    if !url.as_str().contains('@') || (url.username().is_empty() && url.password().is_none()) {
        return;
    }
    // The form decoder is a percent decoder, once the two characters are hidden that mean more to
    // it.
    let decoded = |text: &str| {
        let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
        let value = url::form_urlencoded::parse(pair.as_bytes()).next();
        value.map_or(String::new(), |(_, value)| value.into_owned())
    };
    let user = decoded(request.url.username());
    let password = decoded(request.url.password().unwrap_or_default());
    request.headers.entry(AUTHORIZATION).or_insert_with(|| basic_auth(&user, &password));
    // Both can only fail for URLs without a host, which have no user either.
    let url = Rc::make_mut(&mut request.url);
    let _ = url.set_username("");
    let _ = url.set_password(None);
}
