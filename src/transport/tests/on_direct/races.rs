//! Names that lead to several addresses, of which some do not answer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::fault_server::FaultServer;
use super::{get, good, kind, with};
use crate::metric::failure::FailureKind;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// Far more than the delay between two attempts.
const BOUND: Duration = Duration::from_secs(20);

/// An address that takes no connection and refuses none, for as long as what it gives is kept: a queue of one that is full.
async fn silent(address: &str) -> (SocketAddr, Vec<TcpStream>, tokio::net::TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) =
        timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        queued.push(stream);
    }
    (address, queued, listener)
}

#[tokio::test]
async fn an_address_that_is_silent_costs_a_moment_and_no_failure() {
    let server = FaultServer::answering(OK).await;
    let port = url::Url::parse(&server.url).unwrap().port().unwrap();
    let _silent =
        (silent(&format!("127.0.0.2:{port}")).await, silent(&format!("127.0.0.3:{port}")).await);
    let transport = with(|options| {
        let addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.1"].map(|text| text.parse().unwrap());
        options.resolve.insert("three.test".to_owned(), addresses.to_vec());
        options.connect_timeout = BOUND;
    });
    let exchange = good(transport.send(&get(&format!("http://three.test:{port}/"))).await);
    assert_eq!(exchange.remote_addr.unwrap().ip().to_string(), "127.0.0.1");
    let connecting = exchange.timings.connecting;
    assert!(connecting >= Duration::from_millis(450) && connecting < BOUND / 2, "{connecting:?}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_address_that_refuses_costs_nothing_and_all_that_refuse_are_refused() {
    let server = FaultServer::answering(OK).await;
    let port = url::Url::parse(&server.url).unwrap().port().unwrap();
    let to = |addresses: &[&str]| {
        with(|options| {
            let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
            options.resolve.insert("two.test".to_owned(), addresses);
        })
    };
    let url = format!("http://two.test:{port}/");
    let exchange = good(to(&["127.0.0.2", "::1", "127.0.0.1"]).send(&get(&url)).await);
    assert_eq!(exchange.remote_addr.unwrap().ip().to_string(), "127.0.0.1");
    let exchange = to(&["127.0.0.2", "127.0.0.3"]).send(&get(&url)).await;
    assert_eq!(kind(&exchange), FailureKind::ConnectRefused);
}

#[tokio::test]
async fn addresses_that_are_all_silent_are_connect_timeout() {
    let first = silent("127.0.0.2:0").await;
    let address = first.0;
    let _other = silent(&format!("127.0.0.3:{}", address.port())).await;
    let transport = with(|options| {
        let addresses = ["127.0.0.2", "127.0.0.3"].map(|text| text.parse().unwrap());
        options.resolve.insert("two.test".to_owned(), addresses.to_vec());
        options.connect_timeout = Duration::from_millis(400);
    });
    let url = format!("http://two.test:{}/", address.port());
    let exchange = transport.send(&get(&url)).await;
    assert_eq!(kind(&exchange), FailureKind::ConnectTimeout, "{:?}", exchange.failure);
}
