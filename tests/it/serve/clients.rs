//! Many clients of one run: that they watch must cost the run nothing.

use std::net::TcpStream;

use serde_json::{Value, json};

use super::{frame, upgraded};
use crate::support::{Api, Rhaid, TargetApi};

/// Clients that read everything, and as many that read nothing.
const EACH: usize = 50;
/// Arrivals a second, and for how long.
const RATE: u64 = 50;
const LENGTH_S: u64 = 6;
/// What clients may cost the server.
const MOST_BYTES: u64 = 32 << 20;

/// A journey with as many steps as a snapshot tells of, whose long names make large messages.
const JOURNEY: &str = r#"
fn teams(user) {
    let pad = "";
    for i in 0..15 { pad += "0123456789"; }
    user.get("/api/teams", #{ name: `${pad}${user.iteration % 50 + 50}` });
}
"#;

/// A client of a run.
fn client(api: &Api, run: &str) -> TcpStream {
    let origin = format!("http://{}", api.address);
    let token = format!("rhaid.{}", api.token);
    let headers = [("Origin", origin.as_str()), ("Sec-WebSocket-Protocol", token.as_str())];
    let (status, stream) = upgraded(api, &format!("/api/tests/ws/{run}"), &headers);
    assert_eq!(status, 101);
    stream
}

/// Every message until the server closes.
fn read_all(mut stream: TcpStream) -> Vec<Value> {
    let mut messages = Vec::new();
    loop {
        match frame(&mut stream) {
            (1, text) => messages.push(serde_json::from_slice(&text).expect("JSON")),
            (8, reason) => {
                assert_eq!(reason[..2], 1000_u16.to_be_bytes(), "the run has ended");
                return messages;
            }
            _ => {}
        }
    }
}

/// Runs the journey to its end while `watch` looks on, and gives its counts and the most memory that was in use.
fn run(api: &Api, watch: impl FnOnce(&str)) -> ([u64; 4], u64) {
    let run = api.start_run(&json!({
        "test_type": "load", "script": "teams.rhai", "rate": RATE, "duration_seconds": LENGTH_S,
    }));
    api.wait_for_state(&run, "RUNNING");
    watch(&run);
    let mut most = 0;
    let ended = api.wait_for(&run, |run| {
        most = most.max(api.resident_bytes());
        run["state"] == "COMPLETED"
    });
    let count = |name: &str| ended["totals"][name].as_u64().expect("a count");
    (["planned", "started", "dropped", "requests"].map(count), most)
}

#[test]
fn a_hundred_clients_of_whom_half_never_read_cost_a_run_nothing() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("teams.rhai"), JOURNEY).expect("written");
    let root = folder.path().to_str().expect("text");
    let api = Api::start(&mut rhaid, &["--target", &service.url(), "--script-root", root]);

    let (alone, alone_bytes) = run(&api, |_| {});
    let all = RATE * LENGTH_S;
    assert_eq!(alone, [all, all, 0, all]);
    let (mut frozen, mut readers) = (Vec::new(), Vec::new());
    let (watched, watched_bytes) = run(&api, |run| {
        frozen.extend((0..EACH).map(|_| client(&api, run)));
        let reading = (0..EACH).map(|_| client(&api, run));
        readers.extend(reading.map(|stream| std::thread::spawn(move || read_all(stream))));
    });
    assert_eq!(watched, alone, "planned, started, dropped, requests");
    let more = watched_bytes.saturating_sub(alone_bytes);
    assert!(more <= MOST_BYTES, "{alone_bytes} {watched_bytes}");
    for reader in readers {
        let messages = reader.join().expect("a reader");
        let seqs: Vec<u64> = messages.iter().map(|m| m["seq"].as_u64().expect("seq")).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "each once, in order: {seqs:?}");
        let ends: Vec<&Value> = messages.iter().filter(|m| m["type"] == "end").collect();
        assert_eq!((ends.len(), &ends[0]["data"]["state"]), (1, &json!("COMPLETED")));
    }
    assert_eq!(frozen.len(), EACH);
}
