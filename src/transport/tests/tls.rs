//! Whom we trust, and what a failed handshake is called.

use std::time::Duration;

use rcgen::CertificateParams;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::fault_server::FaultServer;
use super::tls_server::{Authority, serve};
use super::{get, good, kind, transport, with};
use crate::metric::failure::FailureKind;
use crate::transport::{
    HttpVersion, TransportError, TransportFactory, TransportOptions, VuTransport,
};

const HTTP1: &[&[u8]] = &[b"http/1.1"];

async fn answer(mut stream: TlsStream<TcpStream>) {
    let mut request = [0; 4096];
    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
        let answered = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        if answered.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

async fn url(config: ServerConfig) -> String {
    format!("https://localhost:{}/", serve(config, answer).await.port())
}

fn trusting(authority: &Authority) -> VuTransport {
    with(|options| options.ca_file = Some(authority.file.path().to_owned()))
}

#[tokio::test]
async fn a_ca_file_makes_its_certificates_good_and_the_handshake_is_timed() {
    let authority = Authority::new();
    let url = url(authority.server("localhost", HTTP1)).await;
    let transport = trusting(&authority);
    let first = good(transport.send(&get(&url)).await);
    assert_eq!(first.body, "ok");
    assert!(first.new_connection);
    assert!(first.timings.tls_handshaking > Duration::ZERO, "{:?}", first.timings);
    assert!(first.timings.connecting > Duration::ZERO, "{:?}", first.timings);
    let second = good(transport.send(&get(&url)).await);
    assert!(!second.new_connection);
    assert_eq!(second.timings.tls_handshaking, Duration::ZERO);
}

#[tokio::test]
async fn tls_1_2_is_spoken_and_timed() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    let new = authority.server_of(&params, HTTP1);
    let provider = new.crypto_provider().clone();
    let mut old = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(new.cert_resolver.clone());
    old.alpn_protocols.clone_from(&new.alpn_protocols);
    let exchange = good(trusting(&authority).send(&get(&url(old).await)).await);
    assert!(exchange.timings.tls_handshaking > Duration::ZERO, "{:?}", exchange.timings);
}

#[tokio::test]
async fn an_unknown_authority_is_tls_and_insecure_lets_it_pass() {
    let authority = Authority::new();
    let url = url(authority.server("localhost", HTTP1)).await;
    let exchange = transport().send(&get(&url)).await;
    assert_eq!(kind(&exchange), FailureKind::Tls);
    assert_eq!(exchange.sent_at, None);
    let message = exchange.failure.unwrap().message;
    assert!(message.contains("UnknownIssuer"), "{message}");
    let insecure = with(|options| options.insecure = true);
    assert_eq!(good(insecure.send(&get(&url)).await).body, "ok");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_tls() {
    let authority = Authority::new();
    let url = url(authority.server("other.test", HTTP1)).await;
    let exchange = trusting(&authority).send(&get(&url)).await;
    assert_eq!(kind(&exchange), FailureKind::Tls);
    let message = exchange.failure.unwrap().message;
    assert!(message.contains("other.test"), "{message}");
}

#[tokio::test]
async fn an_expired_certificate_is_tls() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let url = url(authority.server_of(&params, HTTP1)).await;
    let exchange = trusting(&authority).send(&get(&url)).await;
    assert_eq!(kind(&exchange), FailureKind::Tls);
    assert!(exchange.failure.unwrap().message.contains("expired"));
}

#[tokio::test]
async fn a_target_that_does_not_speak_tls_is_tls() {
    let cut = FaultServer::start(|connection| async move { drop(connection) }).await;
    let plain = FaultServer::start(|mut connection| async move {
        let mut hello = [0; 64];
        let _ = connection.stream.read(&mut hello).await;
        connection.say("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let exchange = transport().send(&get(&plain.url.replace("http:", "https:"))).await;
    assert_eq!(kind(&exchange), FailureKind::Tls, "{:?}", exchange.failure);
    let exchange = transport().send(&get(&cut.url.replace("http:", "https:"))).await;
    // A close with our hello unread is a reset on the wire.
    let kind = kind(&exchange);
    assert!(matches!(kind, FailureKind::Tls | FailureKind::Reset), "{:?}", exchange.failure);
}

#[tokio::test]
async fn a_handshake_that_hangs_is_connect_timeout() {
    let server = FaultServer::start(super::fault_server::Connection::hold).await;
    let transport = with(|options| options.connect_timeout = Duration::from_millis(200));
    let url = server.url.replace("http:", "https:");
    let exchange = transport.send(&get(&url)).await;
    assert_eq!(kind(&exchange), FailureKind::ConnectTimeout);
    assert!(exchange.timings.tls_handshaking > Duration::from_millis(100), "{exchange:?}");
    let mut hasty = get(&url);
    hasty.timeout = Duration::from_millis(100);
    let exchange = transport.send(&hasty).await;
    assert_eq!((kind(&exchange), exchange.sent_at), (FailureKind::Timeout, None));
}

#[test]
fn a_ca_file_that_is_no_use_is_named_before_any_request() {
    let make = |path: &std::path::Path| {
        let options =
            TransportOptions { ca_file: Some(path.to_owned()), ..TransportOptions::default() };
        TransportFactory::new(options).unwrap_err()
    };
    let missing = make("/nonexistent/ca.pem".as_ref());
    assert!(matches!(&missing, TransportError::CaFile { .. }));
    assert!(missing.to_string().contains("/nonexistent/ca.pem"));
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(make(empty.path()), TransportError::NoCertificate { .. }));
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&empty, bad).unwrap();
    assert!(matches!(make(empty.path()), TransportError::CaFile { .. }));
}

#[test]
fn other_options_that_are_no_use_are_errors_too() {
    let proxy = Some("ftp://user:secret@h/".parse().unwrap());
    let options = TransportOptions { proxy, ..TransportOptions::default() };
    let error = TransportFactory::new(options).unwrap_err().to_string();
    assert!(error.contains("`ftp`") && !error.contains("secret"));
    let options = TransportOptions { user_agent: "a\nb".to_owned(), ..TransportOptions::default() };
    assert!(matches!(TransportFactory::new(options), Err(TransportError::UserAgent { .. })));
    let options =
        TransportOptions { http_version: HttpVersion::Http2, ..TransportOptions::default() };
    assert!(TransportFactory::new(options).is_ok());
}
