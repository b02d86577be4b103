//! The heads of requests: request line and header block.
//!
//! A script asks for the same few addresses again and again, and what it says there without headers of its own is the same each
//! time. Such a head is written once and copied from then on.

use std::cell::RefCell;
use std::hint::cold_path;
use std::io::Write;
use std::rc::Rc;

use http::Method;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};
use url::{Position, Url};

use super::super::request::Request;

/// Heads that a thread remembers. Two that share a place take turns, which costs time and nothing else.
const REMEMBERED: usize = 64;

/// Where `Rc`s may lie: two of them are at least this far apart, in bytes.
const APART: usize = 64;

thread_local! {
    static HEADS: RefCell<Vec<Option<Known>>> = const { RefCell::new(Vec::new()) };
}

/// A head, and all that it was made of.
struct Known {
    /// The very address, which stays where it is as long as it is known here.
    url: Rc<Url>,
    method: Method,
    user_agent: Box<str>,
    names_encodings: bool,
    /// Empty until the second time: there are addresses that no request ever has again.
    head: Vec<u8>,
}

impl Known {
    fn is(&self, request: &Request, user_agent: &str) -> bool {
        Rc::ptr_eq(&self.url, &request.url)
            && self.method == request.method
            && self.names_encodings == request.names_encodings
            && *self.user_agent == *user_agent
    }
}

/// Puts the head of `request` at the end of `out`.
pub(super) fn put_head(out: &mut Vec<u8>, request: &Request, user_agent: &str) {
    if !request.headers.is_empty() || request.tells_length() {
        return write_head(out, request, user_agent);
    }
    HEADS.with_borrow_mut(|heads| {
        heads.resize_with(REMEMBERED, || None);
        let place = &mut heads[Rc::as_ptr(&request.url).addr() / APART % REMEMBERED];
        match place {
            Some(known) if known.is(request, user_agent) => {
                if known.head.is_empty() {
                    write_head(&mut known.head, request, user_agent);
                }
                out.extend_from_slice(&known.head);
            }
            _ => {
                cold_path();
                write_head(out, request, user_agent);
                *place = Some(Known {
                    url: Rc::clone(&request.url),
                    method: request.method.clone(),
                    user_agent: user_agent.into(),
                    names_encodings: request.names_encodings,
                    head: Vec::new(),
                });
            }
        }
    });
}

/// Writes the request line and the header block.
///
/// The framing headers are the client's to write: one of the script's own would contradict the body. The headers that the
/// script does not give are those that reqwest sends.
fn write_head(out: &mut Vec<u8>, request: &Request, user_agent: &str) {
    let url = &request.url;
    let headers = &request.headers;
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(url[Position::BeforePath..Position::AfterQuery].as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !headers.contains_key(HOST) {
        put(out, "host", url[Position::BeforeHost..Position::AfterPort].as_bytes());
    }
    for (name, value) in headers {
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            put(out, name.as_str(), value.as_bytes());
        }
    }
    put_missing(out, request, user_agent);
    if request.tells_length() {
        // Writing to memory does not fail.
        let _ = write!(out, "content-length: {}\r\n", request.body.len());
    }
    out.extend_from_slice(b"\r\n");
}

fn put_missing(out: &mut Vec<u8>, request: &Request, user_agent: &str) {
    let headers = &request.headers;
    if !headers.contains_key(USER_AGENT) {
        put(out, "user-agent", user_agent.as_bytes());
    }
    if !headers.contains_key(ACCEPT) {
        put(out, "accept", b"*/*");
    }
    if let Some(encodings) = request.encodings() {
        put(out, "accept-encoding", encodings.as_bytes());
    }
}

fn put(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn written(request: &Request, user_agent: &str) -> String {
        let mut out = Vec::new();
        put_head(&mut out, request, user_agent);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_that_is_remembered_is_the_one_that_would_be_written() {
        let url: Rc<Url> = Url::parse("http://a.test/x?y#z").unwrap().into();
        let get = Request::get(Rc::clone(&url));
        let mut requests = vec![get.clone()];
        requests.push(Request { names_encodings: true, ..get.clone() });
        requests.push(Request { method: Method::HEAD, ..get.clone() });
        requests.push(Request { method: Method::POST, ..get.clone() });
        requests.push(Request { method: Method::PUT, body: "ab".into(), ..get.clone() });
        requests.push(Request { method: Method::DELETE, body: "abc".into(), ..get.clone() });
        let mut named = get.clone();
        named.headers.insert("accept", HeaderValue::from_static("text/html"));
        requests.push(named);
        requests.push(Request::get(Url::parse("http://a.test/x?y#z").unwrap()));
        requests.push(Request::get(Url::parse("http://b.test:81/").unwrap()));
        // Each one many times over, so that whatever is remembered of one meets all others.
        for round in 0..3 {
            for request in requests.iter().chain(requests.iter().rev()) {
                for agent in ["one", "one", "two", "two"] {
                    let mut expected = Vec::new();
                    write_head(&mut expected, request, agent);
                    let expected = String::from_utf8(expected).unwrap();
                    assert_eq!(written(request, agent), expected, "{round}: {request:?}");
                }
            }
        }
        let head = "GET /x?y HTTP/1.1\r\nhost: a.test\r\nuser-agent: one\r\naccept: */*\r\n\r\n";
        assert_eq!(written(&get, "one"), head);
    }

    #[test]
    fn addresses_that_come_once_take_no_more_than_their_places() {
        for user in 0..10_000 {
            let request = Request::get(Url::parse(&format!("http://a.test/{user}")).unwrap());
            assert!(written(&request, "one").contains(&format!("/{user} ")));
        }
        HEADS.with_borrow(|heads| {
            assert_eq!(heads.len(), REMEMBERED);
            assert!(heads.iter().flatten().all(|known| known.head.is_empty()));
        });
    }
}
