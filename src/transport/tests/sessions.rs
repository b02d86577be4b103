//! Cookies, redirects and decompression, over real connections.

use std::io::Write;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CONTENT_ENCODING, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Redirect};
use axum::routing::{any, get};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::metric::failure::FailureKind;
use crate::transport::{Exchange, RedirectPolicy, Request, Session, TransportFactory};

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Says what it was asked: method, path, body length, then the headers.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: axum::body::Bytes) -> String {
    let lines =
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    format!("{method} {} {}\n", uri.path(), body.len()) + &lines.collect::<String>()
}

async fn hop(Path((left, status)): Path<(u32, u16)>) -> impl IntoResponse {
    let next = if left == 0 { "/echo".to_owned() } else { format!("/hop/{}/{status}", left - 1) };
    let cookie = format!("hop{left}=yes; Path=/");
    (StatusCode::from_u16(status).unwrap(), AppendHeaders([(SET_COOKIE, cookie), (LOCATION, next)]))
}

fn router() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/hop/{left}/{status}", any(hop))
        .route("/circle", get(|| async { Redirect::to("/circle") }))
        .route(
            "/count/{n}",
            get(|Path(n): Path<u32>| async move { Redirect::to(&format!("/count/{}", n + 1)) }),
        )
        .route("/file", get(|| async { Redirect::to("file:///etc/passwd") }))
        .route("/nowhere", get(|| async { StatusCode::FOUND }))
}

fn session() -> Session {
    TransportFactory::new(super::options()).unwrap().session()
}

fn request(method: Method, url: &str) -> Request {
    Request::new(method, url::Url::parse(url).unwrap())
}

async fn follow(request: Request) -> Vec<Exchange> {
    session().send(request, &RedirectPolicy::default()).await
}

fn text(exchange: &Exchange) -> &str {
    assert_eq!(exchange.failure, None);
    std::str::from_utf8(&exchange.body).unwrap()
}

#[tokio::test]
async fn each_redirect_is_an_exchange_and_its_cookies_go_along() {
    let url = serve(router()).await;
    let session = session();
    let policy = RedirectPolicy::default();
    let hops = session.send(request(Method::GET, &format!("{url}/hop/2/302")), &policy).await;
    let statuses: Vec<u16> = hops.iter().map(|hop| hop.status.unwrap().as_u16()).collect();
    assert_eq!(statuses, [302, 302, 302, 200]);
    for pair in hops.windows(2) {
        assert!(pair[0].done_at <= pair[1].started_at);
        assert!(!pair[1].new_connection);
    }
    let answer = text(&hops[3]);
    assert!(answer.contains("cookie: hop0=yes; hop1=yes; hop2=yes\n"), "{answer}");
    assert!(answer.contains("accept-encoding: gzip, deflate, br, zstd\n"), "{answer}");
    assert!(answer.contains("user-agent: rhaid/"), "{answer}");
    let url = url.parse().unwrap();
    assert_eq!(session.with_cookies(|jar| jar.get(&url, "hop1")), Some("yes".to_owned()));
    session.with_cookies(crate::transport::CookieJar::clear);
    assert!(session.with_cookies(|jar| jar.is_empty()));
}

#[tokio::test]
async fn the_status_decides_what_becomes_of_method_and_body() {
    let url = serve(router()).await;
    for (method, status, expected) in [
        (Method::POST, 301, "GET /echo 0\n"),
        (Method::POST, 302, "GET /echo 0\n"),
        (Method::PUT, 303, "GET /echo 0\n"),
        (Method::POST, 307, "POST /echo 4\n"),
        (Method::DELETE, 308, "DELETE /echo 4\n"),
    ] {
        let mut request = request(method.clone(), &format!("{url}/hop/0/{status}"));
        request.body = "body".into();
        request.headers.insert("content-type", "text/plain".parse().unwrap());
        // Wrong on purpose: the length is the client's to say.
        request.headers.insert("content-length", "99".parse().unwrap());
        let hops = follow(request).await;
        let answer = text(&hops[1]);
        assert!(answer.starts_with(expected), "{method} {status}: {answer}");
        assert_eq!(answer.contains("content-type"), expected.ends_with("4\n"), "{answer}");
    }
    let hops = follow(request(Method::HEAD, &format!("{url}/hop/0/303"))).await;
    assert_eq!(hops[1].method, Method::HEAD);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let there = serve(router()).await;
    let to = format!("{there}/echo");
    let here = serve(router().route("/away", get(|| async move { Redirect::to(&to) }))).await;
    let with_secrets = |url: &str| {
        let mut request = request(Method::GET, url);
        request.headers.insert("authorization", "Bearer secret".parse().unwrap());
        request.headers.insert("cookie", "secret=1".parse().unwrap());
        request.headers.insert("x-mine", "stays".parse().unwrap());
        request
    };
    let hops = follow(with_secrets(&format!("{here}/away"))).await;
    let answer = text(&hops[1]);
    assert!(!answer.contains("secret") && answer.contains("x-mine: stays"), "{answer}");
    let hops = follow(with_secrets(&format!("{here}/hop/0/302"))).await;
    let answer = text(&hops[1]);
    assert!(answer.contains("authorization: Bearer secret"), "{answer}");
    assert!(answer.contains("cookie: secret=1; hop0=yes"), "{answer}");
}

#[tokio::test]
async fn a_user_in_the_url_becomes_a_header_and_is_shown_nowhere() {
    let url = serve(router()).await.replace("http://", "http://us%26er:p%C3%A4ss+@");
    let hops = follow(request(Method::GET, &format!("{url}/echo"))).await;
    let answer = text(&hops[0]);
    assert!(answer.contains("authorization: Basic dXMmZXI6cMOkc3Mr"), "{answer}");
    assert!(!hops[0].url.as_str().contains("ss"), "{}", hops[0].url);
}

#[tokio::test]
async fn a_circle_and_a_long_chain_end_after_ten_hops() {
    let url = serve(router()).await;
    let hops = follow(request(Method::GET, &format!("{url}/circle"))).await;
    assert_eq!(hops.len(), 11);
    assert_eq!(super::kind(&hops[10]), FailureKind::RedirectLoop);
    assert!(hops[..10].iter().all(|hop| hop.failure.is_none()));
    let hops = follow(request(Method::GET, &format!("{url}/count/0"))).await;
    assert_eq!(hops.len(), 11);
    assert_eq!(super::kind(&hops[10]), FailureKind::TooManyRedirects);
    let hops = follow(request(Method::GET, &format!("{url}/hop/9/302"))).await;
    assert_eq!((hops.len(), hops[10].status.unwrap().as_u16()), (11, 200));
    assert_eq!(hops[10].failure, None);
}

#[tokio::test]
async fn a_redirect_is_a_plain_answer_where_none_are_followed() {
    let url = serve(router()).await;
    for path in ["circle", "file", "nowhere"] {
        let request = request(Method::GET, &format!("{url}/{path}"));
        let hops = session().send(request, &RedirectPolicy::NONE).await;
        assert_eq!((hops.len(), &hops[0].failure), (1, &None), "{path}");
    }
}

#[tokio::test]
async fn a_redirect_out_of_http_is_refused_and_one_to_nowhere_is_an_answer() {
    let url = serve(router()).await;
    let hops = follow(request(Method::GET, &format!("{url}/file"))).await;
    assert_eq!((hops.len(), super::kind(&hops[0])), (1, FailureKind::Protocol));
    let hops = follow(request(Method::GET, &format!("{url}/nowhere"))).await;
    assert_eq!((hops.len(), &hops[0].failure), (1, &None));
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_answer_is_decoded_and_counted_raw() {
    let plain = "hello ".repeat(10_000);
    let coded = gzip(plain.as_bytes());
    let length = coded.len() as u64;
    let router =
        Router::new().route("/", get(move || async move { ([(CONTENT_ENCODING, "gzip")], coded) }));
    let url = serve(router).await;
    let hops = follow(request(Method::GET, &url)).await;
    assert_eq!(text(&hops[0]), plain);
    assert_eq!(hops[0].headers[CONTENT_ENCODING], "gzip");
    assert!(hops[0].bytes_received > length && hops[0].bytes_received < length + 300);
    let mut head = request(Method::HEAD, &url);
    head.keep_body = false;
    assert_eq!(follow(head).await[0].failure, None);
}

#[tokio::test]
async fn a_bomb_is_cut_and_a_stack_of_encodings_refused() {
    let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
    let stack = gzip(&gzip(b"x"));
    let router = Router::new()
        .route("/bomb", get(move || async move { ([(CONTENT_ENCODING, "gzip")], bomb) }))
        .route("/stack", get(move || async move { ([(CONTENT_ENCODING, "gzip, gzip")], stack) }))
        .route("/lie", get(|| async { ([(CONTENT_ENCODING, "br")], "not brotli at all") }));
    let url = serve(router).await;
    let hops = follow(request(Method::GET, &format!("{url}/bomb"))).await;
    assert!(hops[0].truncated && hops[0].failure.is_none());
    assert_eq!(hops[0].body.len(), 8 * 1024 * 1024);
    for path in ["stack", "lie"] {
        let hops = follow(request(Method::GET, &format!("{url}/{path}"))).await;
        assert_eq!(super::kind(&hops[0]), FailureKind::Decode, "{path}");
        assert_eq!(hops[0].status.unwrap(), 200);
    }
}
