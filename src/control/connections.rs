//! Connections of clients: how many there may be, and how long a client may take to say what it wants.
//!
//! What is bounded here costs nothing to ask for: no token has been shown yet. A connection whose request is not whole in time
//! is closed, an idle one as well, and one too many is told so and closed.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// The head of a request, and what is read ahead of a body.
const MOST_HEAD_BYTES: usize = 64 << 10;
/// Before the next try when no connection could be accepted: this process may have no file left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// What a client is told for whom there is no place.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From the first to the last byte of a request's head, and between two requests.
    pub(super) head_within: Duration,
    /// Connections at the same time, those of WebSockets not counted: they are bounded as live feeds.
    pub(super) connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_within: Duration::from_secs(10), connections: 256 }
    }
}

/// Answers requests until `end` is over; those under way then may end.
pub(super) async fn answer(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    end: impl Future<Output = ()>,
) {
    // Not hyper-util's builder of any version: it looks for a version before it looks at the clock, for ever.
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(MOST_HEAD_BYTES);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (tell_over, over) = watch::channel(());
    let mut open = JoinSet::new();
    let mut end = pin!(end);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.map(|(stream, _)| stream),
            () = &mut end => break,
        };
        while open.try_join_next().is_some() {}
        let Some(stream) = usable(stream).await else { continue };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            // It is closed whether or not it hears why.
            let _ = stream.try_write(FULL);
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut over = over.clone();
        open.spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                // Its client went away, was too slow or made no sense: nobody is left to be told.
                _ = connection.as_mut() => {}
                _ = over.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(slot);
        });
    }
    drop(listener);
    drop(tell_over);
    while open.join_next().await.is_some() {}
}

async fn usable(accepted: io::Result<TcpStream>) -> Option<TcpStream> {
    match accepted {
        Ok(stream) => {
            // Messages of the live feed are small and wanted at once; without this they come later.
            let _ = stream.set_nodelay(true);
            Some(stream)
        }
        Err(_) => {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    async fn serve(limits: Limits) -> (SocketAddr, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(answer(listener, router, limits, async {
            let _ = ended.await;
        }));
        (address, end)
    }

    fn limits(head_within: Duration, connections: usize) -> Limits {
        Limits { head_within, connections }
    }

    /// Says this and waits until the server has closed: what it said.
    async fn say(address: SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    async fn rest(stream: &mut TcpStream) -> String {
        let mut said = Vec::new();
        // A reset is an end as well.
        let _ = stream.read_to_end(&mut said).await;
        String::from_utf8_lossy(&said).into_owned()
    }

    const ASK: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn a_client_that_does_not_end_its_request_is_let_go_and_others_are_answered() {
        let (address, _end) = serve(limits(SHORT, 8)).await;
        let slow = ["", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: a\r\nx: "];
        let slow = slow.map(|text| tokio::spawn(say(address, text)));
        assert!(say(address, ASK).await.ends_with("here"));
        for client in slow {
            let told = client.await.expect("the server closed the connection");
            assert!(!told.contains("here"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_client_that_says_a_little_again_and_again_is_let_go() {
        let (address, _end) = serve(limits(SHORT, 8)).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
        let mut lines = 0_u32;
        let mut trickle = tokio::time::interval(SHORT / 10);
        // Writing fails some time after the server has closed.
        while lines < 1_000 && stream.write_all(b"x: y\r\n").await.is_ok() {
            trickle.tick().await;
            lines += 1;
        }
        assert!(lines < 1_000, "the whole head has its time, not each line");
    }

    #[tokio::test]
    async fn a_connection_that_is_idle_after_a_request_is_let_go() {
        let (address, _end) = serve(limits(SHORT, 8)).await;
        let told = say(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(told.ends_with("here"), "{told}");
    }

    #[tokio::test]
    async fn one_connection_too_many_is_told_so_until_another_ends() {
        let (address, _end) = serve(limits(LONG, 3)).await;
        let mut kept = Vec::new();
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            kept.push(stream);
        }
        let mut told = TcpStream::connect(address).await.unwrap();
        assert!(rest(&mut told).await.starts_with("HTTP/1.1 503"));
        kept.pop();
        loop {
            // When the server sees that one has gone is its own affair.
            let told = say(address, ASK).await;
            if told.ends_with("here") {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_head_without_measure_is_refused() {
        let (address, _end) = serve(limits(LONG, 8)).await;
        let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
        let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(1_000));
        let path = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "y".repeat(1 << 20));
        for text in [long, many, path] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The server may close before it has read everything.
            let _ = stream.write_all(text.as_bytes()).await;
            let told = rest(&mut stream).await;
            assert!(!told.contains(" 200 "), "{told}");
        }
        assert!(say(address, ASK).await.ends_with("here"));
    }

    #[tokio::test]
    async fn what_is_no_http_is_no_matter() {
        let (address, _end) = serve(limits(SHORT, 8)).await;
        for text in ["\0\0\0\0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01", "HELO\r\n\r\n"]
        {
            assert!(!say(address, text).await.contains(" 200 "));
        }
        assert!(say(address, ASK).await.ends_with("here"));
    }

    #[tokio::test]
    async fn the_end_lets_a_request_end_and_takes_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let (began, begun) = oneshot::channel::<()>();
        let (go_on, goes_on) = oneshot::channel::<()>();
        let parts = Arc::new(std::sync::Mutex::new(Some((began, goes_on))));
        let slow = get(move || {
            let (began, goes_on) = parts.lock().unwrap().take().expect("asked once");
            async move {
                began.send(()).expect("the test waits");
                goes_on.await.expect("the test says so");
                "late"
            }
        });
        let server = tokio::spawn(answer(
            listener,
            Router::new().route("/", slow),
            Limits::default(),
            async {
                let _ = ended.await;
            },
        ));
        let client = tokio::spawn(say(address, ASK));
        begun.await.unwrap();
        end.send(()).unwrap();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        go_on.send(()).unwrap();
        assert!(client.await.unwrap().ends_with("late"));
        server.await.unwrap();
    }
}
