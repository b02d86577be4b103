//! Requests that may wait for those of others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Barrier;

use super::fault_server::FaultServer;
use super::{OK, get, good, options, transport};
use crate::transport::{Request, TransportFactory, VuTransport};

fn gathering(url: &str) -> Request {
    Request { gathers: true, ..get(url) }
}

async fn connected(count: usize, url: &str) -> Vec<VuTransport> {
    let factory = TransportFactory::new(options()).unwrap();
    let users: Vec<_> = (0..count).map(|_| factory.connect_set()).collect();
    let request = gathering(url);
    for exchange in join_all(users.iter().map(|user| user.send(&request))).await {
        assert!(good(exchange).new_connection, "the first one connects");
    }
    users
}

#[tokio::test]
async fn all_are_sent_before_any_is_answered_and_each_gets_its_own_answer() {
    const USERS: usize = 70;
    // Nobody is answered before all have asked; the first ones, which connect, as well.
    let all = Arc::new(Barrier::new(USERS));
    let server = FaultServer::start(move |mut connection| {
        let all = Arc::clone(&all);
        async move {
            while let Some(request) = connection.request().await {
                all.wait().await;
                let path = request.split(' ').nth(1).unwrap().to_owned();
                connection
                    .say(&format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}",
                        path.len()
                    ))
                    .await;
            }
        }
    })
    .await;
    let users = connected(USERS, &server.url).await;
    let requests: Vec<_> =
        (0..USERS).map(|user| gathering(&format!("{}user/{user}", server.url))).collect();
    for _ in 0..3 {
        let sent = users.iter().zip(&requests).map(|(user, request)| user.send(request));
        let exchanges: Vec<_> = join_all(sent).await.into_iter().map(good).collect();
        for (user, exchange) in exchanges.iter().enumerate() {
            assert_eq!(exchange.body, format!("/user/{user}"));
            assert!(!exchange.new_connection);
            assert_eq!(Some(exchange.started_at), exchange.sent_at, "waiting is not the target's");
            assert_eq!(exchange.timings.blocked, Duration::ZERO);
            let times = &exchange.timings;
            let service_time = times.sending + times.waiting + times.receiving;
            assert_eq!(service_time, exchange.done_at - exchange.started_at);
        }
        assert!(exchanges.is_sorted_by_key(|exchange| exchange.sent_at), "first come, first sent");
    }
}

#[tokio::test]
async fn what_is_long_or_held_back_goes_its_own_way() {
    let server = FaultServer::answering(OK).await;
    let transport = transport();
    let mut long = gathering(&server.url);
    (long.method, long.body) = (http::Method::POST, vec![b'x'; 20_000].into());
    let mut held = gathering(&server.url);
    (held.method, held.body) = (http::Method::POST, "x".into());
    held.headers.insert("expect", "100-continue".parse().unwrap());
    let short = gathering(&server.url);
    for request in [&short, &long, &short, &held, &short] {
        let exchange = good(transport.send(request).await);
        assert!(exchange.bytes_sent > request.body.len() as u64);
    }
}

#[tokio::test]
async fn who_gives_up_before_its_turn_has_asked_all_the_same() {
    let (server, mut told) = FaultServer::telling(OK).await;
    let users = connected(2, &server.url).await;
    for _ in 0..2 {
        told.recv().await.unwrap();
    }
    let request = gathering(&server.url);
    tokio::select! {
        biased;
        _ = users[0].send(&request) => panic!("answered before it was asked"),
        () = std::future::ready(()) => {}
    }
    told.recv().await.unwrap();
    // And whoever comes next is not kept from anything.
    assert!(good(users[0].send(&request).await).new_connection);
    assert!(!good(users[1].send(&request).await).new_connection);
}
