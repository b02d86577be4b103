//! The binary as a process.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{Client, PATIENCE};

/// The real binary, killed when dropped.
struct Process {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    address: std::net::SocketAddr,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_target-api"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Process {
    /// Starts the binary on a free port, with its temporary files in `directory`.
    async fn start(directory: &Path) -> Self {
        let mut command = command(&["--port", "0"]);
        let mut child = command.env("TMPDIR", directory).spawn().expect("the binary runs");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let mut stdout = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, stdout.next_line()).await.expect("a line in time");
        let line = line.expect("stdout is text").expect("a readiness line");
        let address = line.strip_prefix("listening on http://").expect("the agreed words");
        Self { child, stdout, address: address.parse().expect("an address") }
    }

    /// Sends a signal, and waits for the end.
    async fn signal(mut self, name: &str) -> Option<i32> {
        let id = self.child.id().expect("still running").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().await;
        assert!(sent.expect("kill runs").success());
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("an end in time");
        let rest = self.stdout.next_line().await.expect("stdout is text");
        assert_eq!(rest, None, "one line on stdout and no more");
        ended.expect("an exit status").code()
    }
}

#[tokio::test]
async fn the_binary_says_that_it_is_ready_and_ends_well_when_signalled() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::start(directory.path()).await;
        let mut client = Client::connect(process.address).await;
        let health = client.get("/api/health").await;
        assert_eq!((health.status, &health.json()["status"]), (200, &"ok".into()));
        assert!(health.json()["uptime_s"].as_f64().unwrap() > 0.0);

        assert_eq!(process.signal(signal).await, Some(0), "{signal}");
        let left = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 0, "no temporary file stays behind");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_a_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path()).await;
    let port = process.address.port().to_string();
    let (code, stderr) = fail(&["--port", &port]).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        stderr,
        format!(
            "error: cannot listen on 127.0.0.1:{port}: port {port} is in use; \
             stop what uses it, or pass --port 0 for a free one\n"
        )
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "not a database, but long enough to be taken for one").unwrap();
    let (code, stderr) = fail(&["--port", "0", "--database", path.to_str().unwrap()]).await;
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: cannot open the database"), "{stderr}");
    assert!(stderr.contains("notes.txt"), "{stderr}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("not a database"));
}

#[tokio::test]
async fn a_fault_on_the_command_line_names_the_option() {
    let (code, stderr) = fail(&["--latency", "80ms..20ms"]).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--latency") && stderr.contains("runs backwards"), "{stderr}");
}

/// The exit code and the stderr of a start that fails.
async fn fail(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = command(arguments).spawn().expect("the binary runs");
    let ended = timeout(PATIENCE, child.wait()).await.expect("an end in time");
    let mut stderr = String::new();
    let pipe = child.stderr.as_mut().expect("stderr is a pipe");
    pipe.read_to_string(&mut stderr).await.expect("stderr is text");
    (ended.expect("an exit status").code(), stderr)
}
