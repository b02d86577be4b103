//! Answers that are read in two ways by those who are careless, floods, and resets at each phase: what comes of the exchange, and
//! that nothing of it gets into the next one.

use std::time::Duration;

use tokio::time::timeout;

use super::fault_server::{Connection, FaultServer};
use super::{get, good, kind, transport};
use crate::metric::failure::FailureKind;

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn bytes_behind_an_answer_are_not_the_next_one() {
    let smuggled = "HTTP/1.1 500 Smuggled\r\ncontent-length: 0\r\n\r\n";
    let cases = [
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 44\r\n\r\n", 304),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\n", 200),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 200),
    ];
    for (method, answer, status) in cases {
        let server = FaultServer::answering(format!("{answer}{smuggled}")).await;
        let transport = transport();
        let mut request = get(&server.url);
        request.method = method.parse().unwrap();
        for _ in 0..4 {
            let exchange = good(transport.send(&request).await);
            assert_eq!(exchange.status.unwrap(), status, "{method} {answer:?}");
        }
        assert_eq!(server.requests(), 4, "{method} {answer:?}");
    }
}

#[tokio::test]
async fn chunks_win_over_a_length_whatever_it_says() {
    for length in [0, 3, 1_000_000] {
        let framing = format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n");
        let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n5\r\nhello\r\n0\r\n\r\n");
        let server = FaultServer::answering(answer).await;
        let transport = transport();
        for _ in 0..3 {
            assert_eq!(good(transport.send(&get(&server.url)).await).body, "hello", "{length}");
        }
    }
}

#[tokio::test]
async fn a_length_that_no_body_has_is_closed_early_and_keeps_no_memory() {
    for length in [u64::from(u32::MAX), i64::MAX.unsigned_abs()] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\ntiny");
        let server = FaultServer::answering_once(answer).await;
        let exchange = transport().send(&get(&server.url)).await;
        assert_eq!(kind(&exchange), FailureKind::ClosedEarly, "{length}");
        assert_eq!(exchange.body, "tiny");
    }
}

#[tokio::test]
async fn a_chunk_that_no_body_has_is_closed_early_and_keeps_no_memory() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = FaultServer::answering_once(format!("{head}7fffffffffffffff\r\ntiny")).await;
    let exchange = transport().send(&get(&server.url)).await;
    assert_eq!((kind(&exchange), &exchange.body[..]), (FailureKind::ClosedEarly, &b"tiny"[..]));
}

/// Our own client gives up after sixteen; reqwest reads on, and the total timeout ends it.
#[tokio::test]
async fn a_flood_of_interim_answers_ends() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        while connection.stream.writable().await.is_ok() {
            connection.say("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut request = get(&server.url);
    request.timeout = SHORT;
    let sent = timeout(SHORT * 20, transport().send(&request)).await;
    let kind = kind(&sent.expect("it ends"));
    assert!(matches!(kind, FailureKind::Protocol | FailureKind::Timeout), "{kind:?}");
}

#[tokio::test]
async fn a_reset_is_reset_at_each_phase() {
    let phases = [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\n\r\nup to the close",
    ];
    for said in phases {
        let server = FaultServer::start(move |mut connection: Connection| async move {
            connection.request().await;
            connection.say(said).await;
            // What was said is read before the reset is seen: it would be thrown away with it.
            tokio::time::sleep(SHORT / 4).await;
            connection.reset();
        })
        .await;
        let transport = transport();
        for number in 1..=2 {
            let exchange = transport.send(&get(&server.url)).await;
            assert_eq!(kind(&exchange), FailureKind::Reset, "{said:?}");
            assert!(exchange.new_connection || exchange.status.is_none(), "{said:?}");
            assert_eq!((server.connections(), server.requests()), (number, number), "{said:?}");
        }
    }
}

#[tokio::test]
async fn a_target_that_resets_before_it_was_asked_is_reset() {
    let server = FaultServer::start(|connection| async move { connection.reset() }).await;
    let exchange = transport().send(&get(&server.url)).await;
    // Who is quick has written the request and finds the connection gone, others find it reset.
    assert!(matches!(kind(&exchange), FailureKind::Reset | FailureKind::ClosedEarly));
    assert_eq!(exchange.status, None);
}

#[tokio::test]
async fn a_target_that_hears_no_more_but_still_speaks_has_answered() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel").await;
        tokio::time::sleep(SHORT / 4).await;
        connection.say("lo").await;
        // Its side is closed with the answer: what is half closed is of no use for another request.
        tokio::io::AsyncWriteExt::shutdown(&mut connection.stream).await.unwrap();
        connection.hold().await;
    })
    .await;
    let transport = transport();
    for _ in 0..3 {
        let exchange = good(transport.send(&get(&server.url)).await);
        assert_eq!(exchange.body, "hello");
    }
    assert_eq!((server.connections(), server.requests()), (3, 3));
}

/// No byte of a head has come for a while: that is a slow answer, and not a silent one.
#[tokio::test]
async fn a_slow_answer_is_not_cut_by_the_bound_on_silence() {
    let server = FaultServer::start(|mut connection| async move {
        connection.request().await;
        tokio::time::sleep(SHORT).await;
        for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" {
            connection.say([*byte]).await;
            tokio::time::sleep(SHORT / 100).await;
        }
        connection.say("x").await;
    })
    .await;
    let transport = super::with(|options| options.idle_read_timeout = SHORT / 2);
    assert_eq!(good(transport.send(&get(&server.url)).await).body, "x");
}

#[tokio::test]
async fn the_length_of_no_body_is_told_where_one_is_expected() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (server, mut heard) = FaultServer::telling(answer).await;
    let transport = transport();
    for (method, times) in
        [("POST", 1), ("PUT", 1), ("PATCH", 1), ("GET", 0), ("HEAD", 0), ("DELETE", 0)]
    {
        let mut request = get(&server.url);
        request.method = method.parse().unwrap();
        good(transport.send(&request).await);
        let request = heard.recv().await.unwrap();
        assert_eq!(request.matches("content-length: 0\r\n").count(), times, "{method}");
    }
}
