//! A running `rhaid serve`, and a client that says exactly what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{Ended, Rhaid, Running, poll};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a run of a test may take, on a machine that others use.
const END_WITHIN: Duration = Duration::from_secs(120);
/// How long the server may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);

/// A server on a free port.
#[derive(Debug)]
pub(crate) struct Api {
    running: Running,
    pub(crate) address: String,
    pub(crate) token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("JSON: {}", self.text))
    }
}

impl Api {
    /// Starts one in the folder of `rhaid`.
    pub(crate) fn start(rhaid: &mut Rhaid, options: &[&str]) -> Self {
        let args = ["serve", "--listen", "127.0.0.1:0"].iter().chain(options);
        *rhaid = std::mem::replace(rhaid, Rhaid::new()).args(args);
        let running = rhaid.spawn();
        let line = poll(LISTENS_WITHIN, || running.stdout().lines().next().map(str::to_owned));
        let line = line.unwrap_or_else(|| panic!("it listens: {}", running.stderr()));
        let rest = line.strip_prefix("listening on http://").expect("an address");
        let (address, fragment) = rest.split_once('/').expect("a path");
        let token = fragment.trim_start_matches("#token=").to_owned();
        Self { address: address.to_owned(), token, running }
    }

    /// Sends a request as a well-behaved client would.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let token = format!("Bearer {}", self.token);
        let mut headers = vec![("Host", self.address.as_str()), ("Authorization", token.as_str())];
        headers.extend(body.map(|_| ("Content-Type", "application/json")));
        self.say(method, path, &headers, &body.map(Value::to_string).unwrap_or_default())
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// Starts a run and gives its id.
    pub(crate) fn start_run(&self, request: &Value) -> String {
        let answer = self.ask("POST", "/api/tests/start", Some(request));
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(answer.json()["status"], "started");
        answer.json()["run_id"].as_str().expect("an id").to_owned()
    }

    /// Waits until a run is as `wanted`.
    pub(crate) fn wait_for(&self, run_id: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let path = format!("/api/tests/runs/{run_id}");
        let look = || Some(self.get(&path)).filter(|run| wanted(run));
        poll(END_WITHIN, look).unwrap_or_else(|| panic!("{}", self.get(&path)))
    }

    /// Waits until a run is in `state`.
    pub(crate) fn wait_for_state(&self, run_id: &str, state: &str) -> Value {
        self.wait_for(run_id, |run| run["state"] == state)
    }

    /// Sends exactly these headers.
    pub(crate) fn say(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut stream = self.open(method, path, headers, body);
        let mut whole = String::new();
        stream.read_to_string(&mut whole).expect("an answer");
        let (head, text) = whole.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer {
            status: status.expect("a status"),
            head: head.to_ascii_lowercase(),
            text: text.to_owned(),
        }
    }

    /// Opens the feed of a run as server-sent events: its messages, one by one.
    pub(crate) fn events(&self, run_id: &str, query: &str) -> impl Iterator<Item = Value> + use<> {
        let path = format!("/api/tests/runs/{run_id}/events{query}");
        let token = format!("Bearer {}", self.token);
        let headers = [("Host", self.address.as_str()), ("Authorization", token.as_str())];
        let lines = BufReader::new(self.open("GET", &path, &headers, "")).lines();
        lines
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
    }

    /// A connection on which a request has been sent, with no answer read.
    pub(crate) fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout");
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let is_upgrade = headers.iter().any(|(name, _)| *name == "Connection");
        if !is_upgrade {
            head += "Connection: close\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).expect("it reads");
        stream
    }

    /// Memory of the server that is in use now, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.running.pid());
        let status = std::fs::read_to_string(path).expect("it is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        let kib = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        kib.expect("a number") << 10
    }

    /// Ends it as Ctrl-C would.
    pub(crate) fn stop(self) -> Ended {
        self.running.signal(Signal::INT);
        self.running.wait()
    }
}
