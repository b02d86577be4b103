//! The sample service as a process of its own, and what it says it received.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// How long the service may take to answer a test's own question.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A running sample service.
#[derive(Debug)]
pub(crate) struct TargetApi {
    child: Child,
    address: String,
}

impl TargetApi {
    /// Starts one on a free port.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = command()
            .args(["--port", "0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("target-api starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("target-api says where it listens");
        let address = line.trim().strip_prefix("listening on http://").expect("a readiness line");
        Self { address: address.to_owned(), child }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests received until now.
    pub(crate) fn received(&self) -> u64 {
        self.counters()["received"].as_u64().expect("a number")
    }

    /// Requests received by a route, e.g. `GET /api/teams/{id}`.
    pub(crate) fn received_by(&self, route: &str) -> u64 {
        self.counters()["by_route"][route].as_u64().unwrap_or(0)
    }

    /// Ends the service at once, with whatever it is doing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("target-api is there");
        self.child.wait().expect("target-api ends");
    }

    fn counters(&self) -> Value {
        let mut stream = TcpStream::connect(&self.address).expect("target-api listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout");
        let head = "GET /lab/counters HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("target-api reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("target-api answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        serde_json::from_str(body).expect("JSON")
    }
}

impl Drop for TargetApi {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service's own program where it was built, else the one inside rhaid.
fn command() -> Command {
    let rhaid = PathBuf::from(env!("CARGO_BIN_EXE_rhaid"));
    let own = rhaid.with_file_name("target-api");
    if own.exists() {
        return Command::new(own);
    }
    let mut command = Command::new(rhaid);
    command.arg("target-api");
    command
}
