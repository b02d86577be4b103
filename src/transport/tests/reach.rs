//! Runs that may load only some hosts: nothing else is connected to, however it is written and wherever a name leads.

use http::Method;
use url::Url;

use super::fault_server::FaultServer;
use super::{get, good, kind, with};
use crate::metric::failure::FailureKind;
use crate::reach::Reach;
use crate::transport::{
    RedirectPolicy, Request, Session, TransportError, TransportFactory, TransportOptions,
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Stub names: where they lead is what matters here.
fn confine(options: &mut TransportOptions) {
    options.reach = Some(Reach::new(["shop.test", "bad.test"]));
    let names = [
        ("shop.test", "127.0.0.1"),
        // Allowed by name, and turned to another address since.
        ("bad.test", "169.254.169.254"),
        ("own.test", "127.0.0.1"),
        // The system connects this one to the loopback: what is refused here would have worked.
        ("elsewhere.test", "0.0.0.0"),
    ];
    options.resolve =
        names.map(|(name, address)| (name.to_owned(), vec![address.parse().unwrap()])).into();
}

fn session() -> Session {
    let mut options = super::options();
    confine(&mut options);
    TransportFactory::new(options).unwrap().session()
}

/// The server's address under another host.
fn at(server: &FaultServer, host: &str) -> String {
    server.url.replace("127.0.0.1", host)
}

#[tokio::test]
async fn hosts_of_this_machine_and_allowed_ones_are_reached() {
    let server = FaultServer::answering(OK).await;
    let transport = with(confine);
    for host in ["127.0.0.1", "localhost", "shop.test", "SHOP.test", "own.test", "0x7f.1"] {
        good(transport.send(&get(&at(&server, host))).await);
    }
    assert_eq!(server.requests(), 6);
}

#[tokio::test]
async fn other_hosts_fail_as_not_allowed_and_are_never_connected_to() {
    let server = FaultServer::answering(OK).await;
    good(with(|_| ()).send(&get(&at(&server, "0.0.0.0"))).await);
    let before = server.connections();
    let transport = with(confine);
    for host in [
        "0.0.0.0",
        "0",
        "elsewhere.test",
        "bad.test",
        "169.254.169.254",
        "0xa9fea9fe",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "10.0.0.1",
        "[::]",
    ] {
        let exchange = transport.send(&get(&at(&server, host))).await;
        assert_eq!(kind(&exchange), FailureKind::NotAllowed, "{host}: {exchange:?}");
        assert_eq!((exchange.sent_at, exchange.bytes_sent), (None, 0), "{host}");
    }
    assert_eq!(server.connections(), before);
}

#[tokio::test]
async fn a_redirect_leads_nowhere_else() {
    let elsewhere = FaultServer::answering(OK).await;
    for host in ["0.0.0.0", "elsewhere.test", "169.254.169.254"] {
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            at(&elsewhere, host)
        );
        let server = FaultServer::answering(answer).await;
        let request = Request::new(Method::GET, Url::parse(&server.url).unwrap());
        let hops = session().send(request, &RedirectPolicy::default()).await;
        assert_eq!(hops.len(), 2, "{hops:?}");
        assert_eq!(hops[0].failure, None);
        assert_eq!(kind(&hops[1]), FailureKind::NotAllowed, "{host}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_here_and_elsewhere_is_connected_to_here() {
    let server = FaultServer::answering(OK).await;
    let transport = with(|options| {
        confine(options);
        let both = ["169.254.169.254", "127.0.0.1"].map(|address| address.parse().unwrap());
        options.resolve.insert("both.test".to_owned(), both.to_vec());
    });
    for _ in 0..3 {
        let exchange = good(transport.send(&get(&at(&server, "both.test"))).await);
        assert!(exchange.remote_addr.unwrap().ip().is_loopback());
        transport.close_connections();
    }
}

#[test]
fn a_proxy_cannot_be_confined() {
    let mut options = TransportOptions::default();
    confine(&mut options);
    options.proxy = Some("http://127.0.0.1:3128".parse().unwrap());
    assert!(matches!(TransportFactory::new(options), Err(TransportError::ProxyOutOfReach)));
}
