//! The null server: answers every HTTP/1.1 request at once, so that what is left to measure is the generator.
//!
//! It runs in a process of its own, on one thread, like a target, and ends with the process that started it. It is no proxy
//! but may be used as one: it answers requests for any host itself. A tunnel to another host it refuses, so nothing that is
//! sent through it reaches anybody.

use std::io::{self, BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::cli::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::printer::Printer;

/// The verb of the process.
const VERB: &str = "null-server";
/// What every request is answered with: the fields that scripts ask for most.
const BODY: &str = r#"{"token":"x","id":1,"items":[{"id":1}]}"#;
/// The answer to a tunnel.
const REFUSAL: &[u8] =
    b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// A larger head of a request ends its connection.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Read at once.
const READ_BYTES: usize = 16 << 10;
/// Before the next connection is taken, when there are no descriptors for one.
const AFTER_A_REFUSAL: Duration = Duration::from_millis(10);

/// A null server of our own. Dropping it ends it.
#[derive(Debug)]
pub(super) struct NullServer {
    child: Child,
    /// Its base URL.
    pub(super) url: String,
}

impl NullServer {
    /// Starts it; it listens when this returns.
    ///
    /// # Errors
    /// Exit code 109: this program cannot be started a second time, or ended at once.
    pub(super) fn start() -> Result<Self, CliError> {
        let failed = |why: String| {
            let message = format!("the null server did not start: {why}");
            CliError::new(ExitCode::Internal, message, "free some of the system's resources")
        };
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let child = Command::new(program)
            .arg(VERB)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for us: it would be gone before we have stopped asking.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let mut started = Self { child, url: String::new() };
        let mut line = String::new();
        if let Some(output) = started.child.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .map_err(|error| failed(error.to_string()))?;
        }
        let url = line.trim().strip_prefix("listening on ");
        started.url = url.ok_or_else(|| failed("it ended at once".to_owned()))?.to_owned();
        Ok(started)
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        // It keeps nothing that could be lost. It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The verb: serves on a free port of this machine until standard input ends.
///
/// # Errors
/// Exit code 109: the system gives no port.
pub(in crate::cli) fn serve(printer: &Printer) -> Result<ExitCode, CliError> {
    let failed = |error: io::Error| {
        CliError::plain(ExitCode::Internal, format!("the null server cannot listen: {error}"))
    };
    // With the limit that there is, it serves as many as it can.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (tell, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        let mut input = io::stdin();
        while matches!(input.read(&mut buffer), Ok(read) if read > 0) {}
        tell.send(())
    });
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        printer.data(format!("listening on http://{address}\n"));
        tokio::select! {
            biased;
            _ = ended => Ok(ExitCode::Passed),
            never = take(listener) => match never {},
        }
    })
}

/// Takes connections for ever.
async fn take(listener: TcpListener) -> std::convert::Infallible {
    let answer: Arc<[u8]> = answer().into();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = answer.clone();
                // Who breaks off a connection needs no answer.
                tokio::spawn(async move { drop(converse(stream, &answer).await) });
            }
            Err(_) => tokio::time::sleep(AFTER_A_REFUSAL).await,
        }
    }
}

/// The answer, head and body.
fn answer() -> Vec<u8> {
    let length = BODY.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{BODY}"
    )
    .into_bytes()
}

/// Answers the requests of one connection, one after the other.
async fn converse(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(READ_BYTES);
    loop {
        let Some(head) = read_head(&mut stream, &mut received).await? else { return Ok(()) };
        if head.wants_tunnel {
            return stream.write_all(REFUSAL).await;
        }
        discard(&mut stream, &mut received, head.bytes.saturating_add(head.body_bytes)).await?;
        let reply = if head.wants_no_body { &answer[..answer.len() - BODY.len()] } else { answer };
        stream.write_all(reply).await?;
    }
}

/// What of a request's head matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    /// Of the head itself, with the empty line.
    bytes: usize,
    /// Of the body after it.
    body_bytes: usize,
    /// `HEAD`.
    wants_no_body: bool,
    /// `CONNECT`.
    wants_tunnel: bool,
}

/// The next head at the beginning of `received`; `None` when the connection has ended or its head is too large.
async fn read_head(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<Head>> {
    let mut seen = 0;
    loop {
        if let Some(end) = end_of_head(received, seen) {
            return Ok(Some(head_of(&received[..end])));
        }
        seen = received.len();
        if seen > MAX_HEAD_BYTES || stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// Where the head ends, when all but what follows `seen` was looked at before.
fn end_of_head(received: &[u8], seen: usize) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let from = seen.saturating_sub(END.len() - 1);
    let at = received[from..].windows(END.len()).position(|bytes| bytes == END)?;
    Some(from + at + END.len())
}

/// Reads a whole head. A body without a length is taken for none: our own client always names it.
fn head_of(head: &[u8]) -> Head {
    let lines = head.split(|byte| *byte == b'\n');
    let mut length = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let is_length = line[..colon].trim_ascii().eq_ignore_ascii_case(b"content-length");
        let value = std::str::from_utf8(&line[colon + 1..]).ok().filter(|_| is_length)?;
        value.trim().parse().ok()
    });
    Head {
        bytes: head.len(),
        body_bytes: length.next().unwrap_or(0),
        wants_no_body: head.starts_with(b"HEAD "),
        wants_tunnel: head.starts_with(b"CONNECT "),
    }
}

/// Forgets the first `bytes` of a connection, those that have not come yet as well.
async fn discard(stream: &mut TcpStream, received: &mut Vec<u8>, bytes: usize) -> io::Result<()> {
    let mut left = bytes;
    while left > received.len() {
        left -= received.len();
        received.clear();
        if stream.read_buf(received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    received.drain(..left);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server sends back for `pieces`, which arrive one by one, until it or we have ended the connection.
    async fn replies(pieces: &[&[u8]]) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = tokio::spawn(take(listener));
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        for piece in pieces {
            stream.write_all(piece).await.expect("it reads");
            tokio::task::yield_now().await;
        }
        stream.shutdown().await.expect("a socket");
        let mut received = String::new();
        stream.read_to_string(&mut received).await.expect("text");
        server.abort();
        received
    }

    fn whole() -> String {
        String::from_utf8(answer()).expect("text")
    }

    #[tokio::test]
    async fn every_request_of_a_connection_is_answered() {
        let get = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n" as &[u8];
        assert_eq!(replies(&[get, get, get]).await, whole().repeat(3));
        let both = [get, get].concat();
        assert_eq!(replies(&[&both]).await, whole().repeat(2));
        assert!(whole().ends_with(&format!("content-length: {}\r\n\r\n{BODY}", BODY.len())));
    }

    #[tokio::test]
    async fn a_body_is_no_request_however_it_is_cut() {
        let body = "GET / HTTP/1.1\r\n\r\n".repeat(4000);
        let head = format!("POST / HTTP/1.1\r\nContent-Length:  {}\r\n\r\n", body.len());
        let post = format!("{head}{body}");
        let (begin, end) = post.as_bytes().split_at(head.len() - 2);
        assert_eq!(replies(&[begin, end]).await, whole());
        let (begin, end) = post.as_bytes().split_at(30_000);
        assert_eq!(replies(&[begin, end, b"GET / HTTP/1.1\r\n\r\n"]).await, whole().repeat(2));
    }

    #[tokio::test]
    async fn a_head_alone_is_answered_with_a_head_alone() {
        let reply = replies(&[b"HEAD / HTTP/1.1\r\n\r\n"]).await;
        assert_eq!(format!("{reply}{BODY}"), whole());
    }

    #[tokio::test]
    async fn a_tunnel_to_another_host_is_refused() {
        let reply = replies(&[b"CONNECT shop.test:443 HTTP/1.1\r\n\r\n"]).await;
        assert!(reply.starts_with("HTTP/1.1 501 "), "{reply}");
    }

    #[tokio::test]
    async fn a_head_without_end_is_not_kept() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let mut stream =
            TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let server = tokio::spawn(take(listener));
        stream.write_all(&vec![b'x'; MAX_HEAD_BYTES + 1]).await.expect("it reads");
        let mut received = Vec::new();
        // We have not ended the connection: that it ends is the server's doing.
        stream.read_to_end(&mut received).await.expect("an end");
        assert_eq!(received, b"");
        server.abort();
    }
}
