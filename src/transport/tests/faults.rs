//! What a misbehaving target does to an exchange: a kind of failure, in bounded time and memory.

use std::time::Duration;

use tokio::net::TcpListener;

use super::fault_server::FaultServer;
use super::{get, good, kind, transport, with};
use crate::metric::failure::FailureKind;

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn nothing_listening_is_connect_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let exchange = transport().send(&get(&url)).await;
    assert_eq!(kind(&exchange), FailureKind::ConnectRefused);
    assert_eq!((exchange.status, exchange.sent_at, exchange.bytes_sent), (None, None, 0));
    assert_eq!(exchange.timings.total(), exchange.done_at - exchange.started_at);
    assert!(exchange.failure.unwrap().message.contains("refused"));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_dns() {
    let exchange = transport().send(&get("http://nope.invalid/")).await;
    assert_eq!(kind(&exchange), FailureKind::Dns);
    assert!(exchange.timings.dns > Duration::ZERO);
    assert!(exchange.failure.unwrap().message.starts_with("nope.invalid: "));
}

#[tokio::test]
async fn a_full_accept_queue_is_connect_timeout() {
    // A queue of one that nobody empties: once it is full, Linux drops further connection attempts.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(SHORT, tokio::net::TcpStream::connect(address)).await
    {
        queued.push(stream);
    }
    let transport = with(|options| options.connect_timeout = SHORT);
    let exchange = transport.send(&get(&format!("http://{address}/"))).await;
    assert_eq!(kind(&exchange), FailureKind::ConnectTimeout);
    assert!(exchange.timings.connecting >= SHORT, "{:?}", exchange.timings);
    assert_eq!(exchange.timings.waiting, Duration::ZERO);
}

#[tokio::test]
async fn a_reset_before_the_response_is_reset() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.reset();
    })
    .await;
    let exchange = transport().send(&get(&server.url)).await;
    assert_eq!(kind(&exchange), FailureKind::Reset);
    assert!(exchange.sent_at.is_some() && exchange.bytes_sent > 0);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_reset_within_the_body_is_reset() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        connection.reset();
    })
    .await;
    let exchange = transport().send(&get(&server.url)).await;
    assert_eq!(kind(&exchange), FailureKind::Reset);
}

#[tokio::test]
async fn a_close_before_the_response_is_closed_early() {
    let server = FaultServer::answering_once("").await;
    let exchange = transport().send(&get(&server.url)).await;
    assert_eq!(kind(&exchange), FailureKind::ClosedEarly);
    assert_eq!((server.requests(), server.connections()), (1, 1));
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_closed_early() {
    let server =
        FaultServer::answering_once("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhalf").await;
    let exchange = transport().send(&get(&server.url)).await;
    assert_eq!(kind(&exchange), FailureKind::ClosedEarly);
    assert_eq!(exchange.status.unwrap(), 200);
    assert_eq!(exchange.body, "half");
}

#[tokio::test]
async fn a_chunked_body_without_its_end_is_closed_early() {
    for cut in ["4\r\nhalf\r\n", "4\r\nha", "4", "4\r\nhalf\r\n0\r\n"] {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let server = FaultServer::answering_once(format!("{head}{cut}")).await;
        let exchange = transport().send(&get(&server.url)).await;
        assert_eq!(kind(&exchange), FailureKind::ClosedEarly, "{cut:?}");
    }
}

#[tokio::test]
async fn a_silent_target_hits_the_total_timeout() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.hold().await;
    })
    .await;
    let mut request = get(&server.url);
    request.timeout = SHORT;
    let exchange = transport().send(&request).await;
    assert_eq!(kind(&exchange), FailureKind::Timeout);
    let sent_at = exchange.sent_at.expect("the server got the request");
    assert_eq!(exchange.timings.duration(), exchange.done_at - sent_at);
    assert!(exchange.timings.waiting > SHORT / 2, "{:?}", exchange.timings);
}

#[tokio::test]
async fn a_trickling_body_ends_at_the_total_timeout() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        loop {
            connection.say("1\r\n.\r\n").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut request = get(&server.url);
    request.timeout = SHORT;
    let exchange = transport().send(&request).await;
    assert_eq!(kind(&exchange), FailureKind::Timeout);
    assert!(exchange.body.len() > 2 && exchange.timings.receiving > SHORT / 2);
    assert!(exchange.done_at - exchange.started_at < SHORT * 5);
}

#[tokio::test]
async fn a_trickling_head_ends_at_the_total_timeout() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\n").await;
        loop {
            connection.say("a: b\r\n").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut request = get(&server.url);
    request.timeout = SHORT;
    assert_eq!(kind(&transport().send(&request).await), FailureKind::Timeout);
}

#[tokio::test]
async fn a_body_that_falls_silent_hits_the_idle_timeout() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        connection.hold().await;
    })
    .await;
    let transport = with(|options| options.idle_read_timeout = SHORT);
    let exchange = transport.send(&get(&server.url)).await;
    assert_eq!(kind(&exchange), FailureKind::IdleTimeout);
    assert_eq!(exchange.body, "half");
}

#[tokio::test]
async fn an_endless_body_is_kept_up_to_its_bound_and_read_until_the_timeout() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while connection.stream.writable().await.is_ok() {
            connection.say(&chunk).await;
        }
    })
    .await;
    let transport = with(|options| options.max_body = 10_000);
    let mut request = get(&server.url);
    request.timeout = SHORT;
    let exchange = transport.send(&request).await;
    assert_eq!(kind(&exchange), FailureKind::Timeout);
    assert!(exchange.truncated);
    assert_eq!(exchange.body.len(), 10_000);
    assert!(exchange.bytes_received > 10_000);
}

#[tokio::test]
async fn a_body_longer_than_is_ever_read_is_body_too_large() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n".to_owned();
    let server = FaultServer::answering(answer + &"x".repeat(10_000)).await;
    let transport = with(|options| options.max_drained = 5_000);
    let mut request = get(&server.url);
    request.keep_body = false;
    assert_eq!(kind(&transport.send(&request).await), FailureKind::BodyTooLarge);
    let next = transport.send(&request).await;
    assert!(next.new_connection, "the rest of the body is not taken for an answer");
}

#[tokio::test]
async fn a_body_longer_than_is_kept_is_no_failure() {
    let body = "x".repeat(20_000);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 20000\r\n\r\n{body}");
    let server = FaultServer::answering(answer).await;
    let transport = with(|options| options.max_body = 10_000);
    let exchange = good(transport.send(&get(&server.url)).await);
    assert!(exchange.truncated && exchange.body.len() == 10_000);
    let mut drained = get(&server.url);
    drained.keep_body = false;
    let exchange = good(transport.send(&drained).await);
    assert!(!exchange.truncated && exchange.body.is_empty());
    assert!(exchange.bytes_received > 20_000 && !exchange.new_connection);
}

#[tokio::test]
async fn what_is_not_http_is_protocol() {
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(100_000));
    let big_header = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(10_000_000));
    let cases = [
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "\0\0\0\0\0\0\0\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
        &many_headers,
        &big_header,
    ];
    for answer in cases {
        let server = FaultServer::answering_once(answer).await;
        let exchange = transport().send(&get(&server.url)).await;
        let start = &answer[..answer.len().min(60)];
        assert_eq!(kind(&exchange), FailureKind::Protocol, "{start:?}: {:?}", exchange.failure);
        assert_eq!(server.requests(), 1, "{start:?}");
    }
}

#[tokio::test]
async fn header_values_need_not_be_utf8() {
    let server =
        FaultServer::answering(b"HTTP/1.1 200 OK\r\nx: \xff\xfe\r\ncontent-length: 0\r\n\r\n")
            .await;
    let exchange = good(transport().send(&get(&server.url)).await);
    assert_eq!(exchange.headers["x"].as_bytes(), b"\xff\xfe");
}

#[tokio::test]
async fn answers_without_a_body_end_with_their_head() {
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n"),
    ];
    for (method, answer) in cases {
        let server = FaultServer::answering(answer).await;
        let transport = transport();
        let mut request = get(&server.url);
        request.method = method.parse().unwrap();
        let first = good(transport.send(&request).await);
        let second = good(transport.send(&request).await);
        assert!(first.body.is_empty() && !second.new_connection, "{method} {answer:?}");
        assert_eq!(second.bytes_received, answer.len() as u64);
    }
}

#[tokio::test]
async fn interim_responses_are_passed_over() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
                  HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let server = FaultServer::answering(answer).await;
    let exchange = good(transport().send(&get(&server.url)).await);
    assert_eq!((exchange.status.unwrap().as_u16(), &*exchange.body), (200, &b"ok"[..]));
}

#[tokio::test]
async fn a_body_up_to_the_close_is_whole() {
    let server = FaultServer::answering_once("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    let exchange = good(transport().send(&get(&server.url)).await);
    assert_eq!(exchange.body, "all of it");
}
