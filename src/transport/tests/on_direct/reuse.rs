//! What only our own client decides: when a connection may be used again, and when a body leaves.

use std::time::Duration;

use http::Method;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::fault_server::{Connection, FaultServer};
use super::{OK, get, good, transport};
use crate::transport::Request;

/// Reads up to the end of a request's head.
async fn head(connection: &mut Connection) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(connection.stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

fn upload(url: &str, length: usize) -> Request {
    Request { method: Method::POST, body: vec![b'x'; length].into(), ..get(url) }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one() {
    let server = FaultServer::answering(format!("{OK}HTTP/1.1 500 Smuggled\r\n\r\n")).await;
    let transport = transport();
    for _ in 0..3 {
        let exchange = good(transport.send(&get(&server.url)).await);
        assert_eq!((exchange.status.unwrap().as_u16(), exchange.new_connection), (200, true));
    }
}

#[tokio::test]
async fn a_connection_that_either_side_means_to_close_is_not_used_again() {
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let server = FaultServer::answering(closing).await;
    let transport = transport();
    for _ in 0..2 {
        assert!(good(transport.send(&get(&server.url)).await).new_connection);
    }
    let server = FaultServer::answering(OK).await;
    let mut request = get(&server.url);
    request.headers.insert("connection", "close".parse().unwrap());
    for _ in 0..2 {
        assert!(good(transport.send(&request).await).new_connection);
    }
}

#[tokio::test]
async fn a_connection_that_the_target_is_about_to_close_is_not_used_again() {
    // Told; seconds after which it is used again, and after which it is not.
    for (told, reused_s, late_s) in [
        ("keep-alive: timeout=5, max=100", 3.9, Some(4.1)),
        ("Keep-Alive: max=7,Timeout=60\r\nkeep-alive: timeout=90", 58.9, Some(59.1)),
        ("keep-alive: timeout=1", 0.4, Some(0.6)),
        // Nothing that can be relied on is told.
        ("keep-alive: timeout=, max=3", 1e6, None),
        ("keep-alive: timeouts=3, timeout=-1, timeout", 1e6, None),
        ("keep-alive: timeout=99999999999999999999", 1e6, None),
        ("keep-alive: timeout=18446744073709551615", 1e6, None),
        ("x-alive: timeout=1", 1e6, None),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{told}\r\ncontent-length: 2\r\n\r\nok");
        let server = FaultServer::answering(answer).await;
        let late = late_s.map(|late_s| (late_s, true));
        for (later_s, is_new) in [(reused_s, false)].into_iter().chain(late) {
            let transport = transport();
            assert!(good(transport.send(&get(&server.url)).await).new_connection);
            // As if it were handed over then.
            let mut later = get(&server.url);
            later.handed_at = Some(Instant::now() + Duration::from_secs_f64(later_s));
            let exchange = good(transport.send(&later).await);
            assert_eq!(exchange.new_connection, is_new, "{told}, {later_s} s later");
        }
    }
}

#[tokio::test]
async fn connections_in_use_while_all_are_closed_are_not_kept() {
    let (server, mut told) = FaultServer::telling(OK).await;
    let transport = transport();
    let request = get(&server.url);
    let closing = async {
        told.recv().await;
        transport.close_connections();
    };
    let (first, ()) = tokio::join!(transport.send(&request), closing);
    good(first);
    assert!(good(transport.send(&request).await).new_connection);
}

#[tokio::test]
async fn an_answer_before_the_whole_request_was_read_is_an_answer() {
    let server = FaultServer::start(|mut connection| async move {
        head(&mut connection).await;
        connection.say("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await;
        std::future::pending::<()>().await;
    })
    .await;
    // More than the buffers of two sockets hold, so that a writer that does not read would wait for ever.
    let exchange = good(transport().send(&upload(&server.url, 64 << 20)).await);
    assert_eq!((exchange.status.unwrap().as_u16(), &exchange.body[..]), (413, &b"no"[..]));
}

#[tokio::test]
async fn a_long_body_arrives_whole() {
    let server = FaultServer::answering(OK).await;
    let transport = transport();
    for length in [1, 16 * 1024, 16 * 1024 + 1, 3 << 20] {
        let exchange = good(transport.send(&upload(&server.url, length)).await);
        assert!(exchange.bytes_sent > length as u64, "{length}");
        assert_eq!(exchange.timings.total(), exchange.done_at - exchange.started_at);
    }
    assert_eq!((server.connections(), server.requests()), (1, 4));
}

#[tokio::test]
async fn a_body_that_expects_to_be_asked_for_waits_and_one_refused_is_not_sent() {
    let server = FaultServer::start(|mut connection| async move {
        if head(&mut connection).await.starts_with("POST /refused") {
            connection.say("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n").await;
            return connection.hold().await;
        }
        let mut byte = [0];
        let early = connection.stream.try_read(&mut byte).is_ok_and(|read| read > 0);
        connection.say("HTTP/1.1 100 Continue\r\n\r\n").await;
        let mut body = [0; 4];
        connection.stream.read_exact(&mut body).await.unwrap();
        assert!(!early && body == *b"xxxx");
        connection.say(OK).await;
    })
    .await;
    let transport = transport();
    let mut request = upload(&server.url, 4);
    request.headers.insert("expect", "100-continue".parse().unwrap());
    assert_eq!(good(transport.send(&request).await).status.unwrap(), 200);
    request.url = request.url.join("/refused").unwrap().into();
    assert_eq!(good(transport.send(&request).await).status.unwrap(), 417);
    assert!(good(transport.send(&request).await).new_connection);
}
