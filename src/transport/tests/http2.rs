//! HTTP/2: by ALPN, by prior knowledge, and its failures.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http::{Response, Version};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;

use super::fault_server::FaultServer;
use super::tls_server::{Authority, serve};
use super::{get, good, kind, transport, with};
use crate::metric::failure::FailureKind;
use crate::transport::HttpVersion;

/// Spawns what hyper asks it to.
#[derive(Clone)]
struct Spawn;

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Spawn {
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// A tokio stream as hyper wants it.
struct Io<S>(S);

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = bytes.len().min(cursor.remaining());
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        cursor.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Answers with the version the request came by; `/abort` fails, which resets the stream.
async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) {
    let service = service_fn(|request: http::Request<Incoming>| async move {
        if request.uri().path() == "/abort" {
            let cut = std::io::Error::other("cut on purpose");
            return Err(cut);
        }
        Ok(Response::new(Body::from(format!("{:?}", request.version()))))
    });
    let _ = http2::Builder::new(Spawn).serve_connection(Io(stream), service).await;
}

async fn plain_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_http2(stream));
        }
    });
    url
}

#[tokio::test]
async fn a_target_that_offers_http2_in_the_handshake_gets_it() {
    let authority = Authority::new();
    let config = authority.server("localhost", &[b"h2", b"http/1.1"]);
    let url = format!("https://localhost:{}/", serve(config, serve_http2).await.port());
    let transport = with(|options| options.ca_file = Some(authority.file.path().to_owned()));
    let first = good(transport.send(&get(&url)).await);
    assert_eq!((first.version, &first.body[..]), (Some(Version::HTTP_2), &b"HTTP/2.0"[..]));
    assert!(first.new_connection && first.timings.tls_handshaking > std::time::Duration::ZERO);
    let request = get(&url);
    let (second, third) = tokio::join!(transport.send(&request), transport.send(&request));
    for exchange in [good(second), good(third)] {
        assert!(!exchange.new_connection);
    }
}

#[tokio::test]
async fn http1_is_chosen_over_an_offer_of_http2() {
    let authority = Authority::new();
    let config = authority.server("localhost", &[b"h2"]);
    let url = format!("https://localhost:{}/", serve(config, serve_http2).await.port());
    let transport = with(|options| {
        options.ca_file = Some(authority.file.path().to_owned());
        options.http_version = HttpVersion::Http1;
    });
    // The server speaks nothing but h2 and says so in an alert.
    assert_eq!(kind(&transport.send(&get(&url)).await), FailureKind::Tls);
}

#[tokio::test]
async fn http2_over_plain_tcp_is_by_prior_knowledge() {
    let url = plain_server().await;
    let transport = with(|options| options.http_version = HttpVersion::Http2);
    let first = good(transport.send(&get(&url)).await);
    assert_eq!(first.version, Some(Version::HTTP_2));
    assert!(first.new_connection && first.remote_addr.is_some());
    assert!(!good(transport.send(&get(&url)).await).new_connection);
}

#[tokio::test]
async fn a_reset_stream_is_reset_and_the_connection_lives_on() {
    let url = plain_server().await;
    let transport = with(|options| options.http_version = HttpVersion::Http2);
    good(transport.send(&get(&url)).await);
    let exchange = transport.send(&get(&format!("{url}abort"))).await;
    assert_eq!(kind(&exchange), FailureKind::Reset, "{:?}", exchange.failure);
    assert!(!good(transport.send(&get(&url)).await).new_connection);
}

#[tokio::test]
async fn speaking_different_versions_is_protocol() {
    let http1 = FaultServer::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let prior = with(|options| options.http_version = HttpVersion::Http2);
    let exchange = prior.send(&get(&http1.url)).await;
    assert_eq!(kind(&exchange), FailureKind::Protocol, "{:?}", exchange.failure);
    let exchange = transport().send(&get(&plain_server().await)).await;
    assert_eq!(kind(&exchange), FailureKind::Protocol, "{:?}", exchange.failure);
}

#[tokio::test]
async fn a_target_that_says_goodbye_has_closed_early() {
    // Frames: empty SETTINGS, then GOAWAY with last stream 0 and code 0.
    let goodbye = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let server = FaultServer::start(move |mut connection| async move {
        connection.say(goodbye).await;
        connection.hold().await;
    })
    .await;
    let transport = with(|options| options.http_version = HttpVersion::Http2);
    let exchange = transport.send(&get(&server.url)).await;
    assert_eq!(kind(&exchange), FailureKind::ClosedEarly, "{:?}", exchange.failure);
}
