//! A service in this process, and a client that speaks plain HTTP/1.1.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use target_api::{Options, RunningService};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a service on a free port, with the defaults but for what `change` does to them.
pub(crate) async fn start(change: impl FnOnce(&mut Options)) -> RunningService {
    let mut options = Options { port: 0, pool_size: 4, ..Options::default() };
    change(&mut options);
    target_api::start(options).await.expect("the service starts")
}

/// A client with one connection, which it keeps.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The status and the code of an error.
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        (self.status, body["code"].as_str().expect("an error has a code").to_owned())
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the service listens");
        Self { stream: BufReader::new(stream), token: None }
    }

    pub(crate) async fn of(service: &RunningService) -> Self {
        Self::connect(service.address()).await
    }

    /// A client who is signed in as user `id`.
    pub(crate) async fn signed_in(service: &RunningService, id: u32) -> Self {
        let mut client = Self::of(service).await;
        let reply = client.login(&format!("user{id}@example.com"), "secret").await;
        client.token = Some(reply.json()["token"].as_str().expect("signed in").to_owned());
        client
    }

    pub(crate) async fn login(&mut self, email: &str, password: &str) -> Reply {
        self.post("/api/auth/login", json!({ "email": email, "password": password })).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Reply {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let body = body.map(|body| body.to_string());
        let content_type = body.as_ref().map(|_| "content-type: application/json\r\n");
        let body = body.unwrap_or_default();
        self.write(method, path, content_type.unwrap_or_default(), &body).await;
        self.read().await
    }

    /// Sends a request with header lines of its own.
    pub(crate) async fn write(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let token = self.token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n{token}{headers}\r\n{body}",
            length = body.len(),
            token = token.unwrap_or_default(),
        );
        self.write_raw(request.as_bytes()).await;
    }

    /// Sends bytes as they are.
    pub(crate) async fn write_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the service reads");
    }

    /// Reads one answer.
    pub(crate) async fn read(&mut self) -> Reply {
        tokio::time::timeout(PATIENCE, self.try_read())
            .await
            .expect("an answer in time")
            .expect("an answer")
    }

    /// Reads one answer; `None` when the service closes the connection instead.
    pub(crate) async fn try_read(&mut self) -> Option<Reply> {
        let status_line = self.line().await?;
        let status = status_line.split(' ').nth(1)?.parse().expect("a status");
        let mut headers = Vec::new();
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, headers, body: String::new() };
        let length = reply.header("content-length").map_or(0, |n| n.parse().expect("a length"));
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        reply.body = String::from_utf8(body).expect("a body of text");
        Some(reply)
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

/// Asks for `/metrics` until the sample `name` has the value `value`.
pub(crate) async fn wait_for_metric(service: &RunningService, name: &str, value: f64) {
    let mut client = Client::of(service).await;
    let waited = tokio::time::timeout(PATIENCE, async {
        while metric(&mut client, name).await != value {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{name} does not become {value}"));
}

/// The value of a sample at `/metrics`; 0 when there is no such sample.
pub(crate) async fn metric(client: &mut Client, name: &str) -> f64 {
    let page = client.get("/metrics").await.body;
    let sample = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    sample.map_or(0.0, |value| value.parse().expect("a number"))
}
