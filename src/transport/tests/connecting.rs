//! Opening, keeping and giving up connections, and where the time goes.

use std::time::Duration;

use tokio::time::timeout;

use super::fault_server::FaultServer;
use super::{get, good, kind, transport, with};
use crate::metric::failure::FailureKind;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn the_second_request_rides_on_the_first_connection() {
    let server = FaultServer::answering(OK).await;
    let transport = transport();
    let first = good(transport.send(&get(&server.url)).await);
    assert!(first.new_connection);
    assert!(first.timings.connecting > Duration::ZERO, "{:?}", first.timings);
    let second = good(transport.send(&get(&server.url)).await);
    assert!(!second.new_connection);
    assert_eq!(second.timings.connecting, Duration::ZERO);
    assert_eq!(second.body, "ok");
    assert_eq!(second.remote_addr.unwrap().to_string(), server.url[7..server.url.len() - 1]);
    for exchange in [first, second] {
        assert_eq!(exchange.timings.total(), exchange.done_at - exchange.started_at);
        assert_eq!(exchange.timings.duration(), exchange.service_time());
    }
    assert_eq!((server.connections(), server.requests()), (1, 2));
}

#[tokio::test]
async fn virtual_users_do_not_share_connections() {
    let server = FaultServer::answering(OK).await;
    let factory = super::TransportFactory::new(super::options()).unwrap();
    for _ in 0..3 {
        assert!(good(factory.connect_set().send(&get(&server.url)).await).new_connection);
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn without_keep_alive_each_request_connects() {
    let server = FaultServer::answering(OK).await;
    let transport = with(|options| options.keep_alive = false);
    for _ in 0..3 {
        assert!(good(transport.send(&get(&server.url)).await).new_connection);
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn closing_the_connections_makes_the_next_request_connect() {
    let server = FaultServer::answering(OK).await;
    let transport = transport();
    good(transport.send(&get(&server.url)).await);
    transport.close_connections();
    assert!(good(transport.send(&get(&server.url)).await).new_connection);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn waiting_is_the_targets_and_connecting_is_not_in_it() {
    const DELAY: Duration = Duration::from_millis(100);
    let server = FaultServer::start(|mut connection| async move {
        while connection.request().await.is_some() {
            tokio::time::sleep(DELAY).await;
            connection.say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
            tokio::time::sleep(DELAY).await;
            connection.say("lf").await;
        }
    })
    .await;
    let transport = transport();
    for _ in 0..2 {
        let timings = good(transport.send(&get(&server.url)).await).timings;
        let holds = |time: Duration| time >= DELAY - DELAY / 10;
        assert!(holds(timings.waiting) && holds(timings.receiving), "{timings:?}");
        assert!(!holds(timings.blocked + timings.connecting), "{timings:?}");
    }
}

#[tokio::test]
async fn more_requests_than_connections_wait_and_show_as_blocked() {
    const DELAY: Duration = Duration::from_millis(100);
    let server = FaultServer::start(|mut connection| async move {
        while connection.request().await.is_some() {
            tokio::time::sleep(DELAY).await;
            connection.say(OK).await;
        }
    })
    .await;
    let transport = with(|options| options.max_connections_per_host = 2);
    let request = get(&server.url);
    let (one, two, three) =
        tokio::join!(transport.send(&request), transport.send(&request), transport.send(&request));
    assert!(good(one).new_connection && good(two).new_connection);
    let three = good(three);
    assert!(!three.new_connection);
    assert!(three.timings.blocked >= DELAY - DELAY / 10, "{:?}", three.timings);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_dropped_request_harms_no_other() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        if connection.number == 1 {
            return connection.hold().await;
        }
        connection.say(OK).await;
    })
    .await;
    let transport = transport();
    let request = get(&server.url);
    let dropped = timeout(Duration::from_millis(50), transport.send(&request)).await;
    assert!(dropped.is_err());
    let next = good(transport.send(&request).await);
    assert!(next.new_connection && next.body == "ok");
    assert_eq!((server.connections(), server.requests()), (2, 2));
}

#[tokio::test]
async fn a_request_on_a_kept_connection_that_is_reset_is_sent_once() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.say(OK).await;
        connection.request().await;
        connection.reset();
    })
    .await;
    let transport = transport();
    good(transport.send(&get(&server.url)).await);
    let second = transport.send(&get(&server.url)).await;
    assert_eq!(kind(&second), FailureKind::Reset);
    assert!(!second.new_connection);
    assert_eq!((server.connections(), server.requests()), (1, 2));
}

#[tokio::test]
async fn a_kept_connection_that_the_target_closed_is_replaced() {
    let server = FaultServer::answering_once(OK).await;
    let transport = transport();
    for _ in 0..20 {
        let exchange = good(transport.send(&get(&server.url)).await);
        assert!(exchange.new_connection);
    }
    assert_eq!((server.connections(), server.requests()), (20, 20));
}

#[tokio::test]
async fn names_are_looked_up_and_overridden() {
    let server = FaultServer::answering(OK).await;
    let port = url::Url::parse(&server.url).unwrap().port().unwrap();
    let transport = with(|options| {
        options.resolve.insert("api.test".to_owned(), vec!["127.0.0.1".parse().unwrap()]);
    });
    for host in ["localhost", "api.test"] {
        let exchange = good(transport.send(&get(&format!("http://{host}:{port}/"))).await);
        assert!(exchange.new_connection && exchange.timings.connecting > Duration::ZERO);
    }
}

#[tokio::test]
async fn requests_at_the_same_time_keep_their_own_times() {
    const DELAY: Duration = Duration::from_millis(100);
    let server = FaultServer::start(|mut connection| async move {
        while let Some(request) = connection.request().await {
            if request.starts_with("GET /slow") {
                tokio::time::sleep(DELAY).await;
            }
            connection.say(OK).await;
        }
    })
    .await;
    let transport = with(|options| options.max_connections_per_host = 200);
    let slow = get(&format!("{}slow", server.url));
    let fast = async {
        for _ in 0..100 {
            good(transport.send(&get(&server.url)).await);
        }
    };
    // The fast requests wake the task over and over while the slow one waits.
    let (slow, ()) = tokio::join!(transport.send(&slow), fast);
    let timings = good(slow).timings;
    assert!(timings.waiting >= DELAY - DELAY / 10, "{timings:?}");
    assert!(timings.connecting < DELAY - DELAY / 10, "{timings:?}");
    assert_eq!(server.requests(), 101);
}
