//! A TCP server that says exactly the bytes a test wants, and counts what it receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Requests that a server tells before it waits for a test to hear of them.
const MAX_UNHEARD: usize = 16;

/// The server; it ends with the test's runtime.
pub(super) struct FaultServer {
    pub(super) url: String,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU32,
    requests: AtomicU32,
}

/// One accepted connection.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// From 1.
    pub(super) number: u32,
    counts: Arc<Counts>,
}

impl FaultServer {
    /// Serves each connection with `handler`; the connection closes when the handler drops it.
    pub(super) async fn start<F, Fut>(handler: F) -> Self
    where
        F: Fn(Connection) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let counts = Arc::new(Counts::default());
        let accepted = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = accepted.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let counts = Arc::clone(&accepted);
                tokio::spawn(handler(Connection { stream, number, counts }));
            }
        });
        Self { url, counts }
    }

    /// Answers every request of every connection with these bytes.
    pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::telling(answer).await.0
    }

    /// As [`FaultServer::answering`], and tells each request before it is answered.
    pub(super) async fn telling(answer: impl Into<Vec<u8>>) -> (Self, mpsc::Receiver<String>) {
        let answer: Arc<[u8]> = answer.into().into();
        let (told, heard) = mpsc::channel(MAX_UNHEARD);
        let server = Self::start(move |mut connection| {
            let (answer, told) = (Arc::clone(&answer), told.clone());
            async move {
                while let Some(request) = connection.request().await {
                    // Not every test goes on listening.
                    let _ = told.send(request).await;
                    connection.say(&answer).await;
                }
            }
        })
        .await;
        (server, heard)
    }

    /// Answers the first request of every connection with these bytes and then closes.
    pub(super) async fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move {
                connection.request().await;
                connection.say(&answer).await;
            }
        })
        .await
    }

    pub(super) fn connections(&self) -> u32 {
        self.counts.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> u32 {
        self.counts.requests.load(Ordering::SeqCst)
    }
}

impl Connection {
    /// Reads one request, body included; `None` when the client has closed.
    pub(super) async fn request(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(self.stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(bytes).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).await.ok()?;
        self.counts.requests.fetch_add(1, Ordering::SeqCst);
        Some(head + &String::from_utf8_lossy(&body))
    }

    /// Writes bytes; that the client may be gone is no matter.
    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Closes with RST rather than FIN.
    pub(super) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Keeps the connection open in silence until the client closes it.
    pub(super) async fn hold(mut self) {
        while self.stream.read_u8().await.is_ok() {}
    }
}
