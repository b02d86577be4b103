//! Which transport serves a run; requests through a proxy, which are reqwest's.

use super::fault_server::FaultServer;
use super::{get, good, kind, with};
use crate::metric::failure::FailureKind;
use crate::transport::{
    HttpVersion, TransportChoice, TransportError, TransportFactory, TransportOptions, VuTransport,
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_proxy_that_is_not_there_is_proxy_and_one_that_is_gets_the_request() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let transport = with(|options| options.proxy = format!("http://{gone}").parse().ok());
    assert_eq!(kind(&transport.send(&get("http://t.test/")).await), FailureKind::Proxy);
    let server = FaultServer::answering(OK).await;
    let transport = with(|options| options.proxy = server.url.parse().ok());
    let exchange = good(transport.send(&get("http://t.test/")).await);
    assert!(exchange.new_connection && exchange.body == "ok");
    assert!(!good(transport.send(&get("http://t.test/")).await).new_connection);
}

#[test]
fn the_direct_transport_refuses_a_proxy_before_any_request() {
    let options = TransportOptions {
        transport: TransportChoice::Direct,
        proxy: "http://127.0.0.1:3128".parse().ok(),
        ..TransportOptions::default()
    };
    let error = TransportFactory::new(options).unwrap_err();
    assert!(matches!(error, TransportError::NotDirect { what: "a proxy" }), "{error}");
}

#[test]
fn the_choice_is_direct_wherever_it_can_serve() {
    let chosen = |http_version, proxy: Option<&str>| {
        let proxy = proxy.map(|proxy| proxy.parse().unwrap());
        let options = TransportOptions { http_version, proxy, ..TransportOptions::default() };
        TransportFactory::new(options).unwrap().connect_set()
    };
    let proxy = Some("http://127.0.0.1:3128");
    assert!(matches!(chosen(HttpVersion::Http1, None), VuTransport::Direct(_)));
    assert!(matches!(chosen(HttpVersion::Auto, None), VuTransport::ByScheme { .. }));
    assert!(matches!(chosen(HttpVersion::Http2, None), VuTransport::Reqwest(_)));
    assert!(matches!(chosen(HttpVersion::Http1, proxy), VuTransport::Reqwest(_)));
}
