//! A service that misbehaves below HTTP, in plain threads and sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

/// How it misbehaves. Whatever is not named is answered with 200 and a short body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Resets the connection in place of every nth answer.
    ResetsEvery(u64),
    /// Reads requests and never answers.
    NeverAnswers,
    /// Closes half-way through the body of every nth answer.
    ClosesHalfWayEvery(u64),
}

/// A running service. Dropping it stops it from taking connections.
#[derive(Debug)]
pub(crate) struct Faulty {
    address: SocketAddr,
    received: Arc<AtomicU64>,
    is_stopped: Arc<AtomicBool>,
}

impl Faulty {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let received = Arc::new(AtomicU64::new(0));
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (count, stop) = (received.clone(), is_stopped.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let count = count.clone();
                std::thread::spawn(move || serve(&stream, fault, &count));
            }
        });
        Self { address, received, is_stopped }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests whose head has been read.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts; it sees that it is to stop.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one connection until either side is done with it.
fn serve(stream: &TcpStream, fault: Fault, count: &AtomicU64) {
    let mut reader = BufReader::new(stream);
    while read_head(&mut reader) {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut writer = stream;
        let answered = match fault {
            Fault::ResetsEvery(n) if number.is_multiple_of(n) => {
                // Closing with no linger sends a reset.
                set_socket_linger(stream, Some(Duration::ZERO)).expect("a socket");
                return;
            }
            Fault::NeverAnswers => Ok(()),
            Fault::ClosesHalfWayEvery(n) if number.is_multiple_of(n) => {
                // The client may be gone already.
                let _ = writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf");
                return;
            }
            _ => writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        };
        if answered.is_err() {
            return;
        }
    }
}

/// Reads the head of a request without a body; false at the end of the connection.
fn read_head(reader: &mut impl BufRead) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return false,
            Ok(_) if line.trim().is_empty() => return true,
            Ok(_) => {}
        }
    }
}
