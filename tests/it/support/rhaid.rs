//! The program under test, in a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::poll;

/// How long a command may take before it is killed and the test fails.
const END_WITHIN: Duration = Duration::from_secs(60);

/// A folder with a database, and commands that run there.
#[derive(Debug)]
pub(crate) struct Rhaid {
    folder: TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// Runs the next command: the program is its first argument.
    wrapper: Vec<String>,
    number: u32,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command that goes on. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Rhaid {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, args: Vec::new(), env: Vec::new(), wrapper: Vec::new(), number: 0 }
    }

    /// Adds arguments for the next command.
    pub(crate) fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable for the next command; `NO_COLOR` is set unless it is given here as empty.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Runs the next command after a shell command, in the same process.
    pub(crate) fn under(self, prelude: &str) -> Self {
        let shell = format!("{prelude} && exec \"$0\" \"$@\"");
        self.inside(&["sh", "-c", &shell].map(str::to_owned))
    }

    /// Runs the next command by another, such as one that [`super::network_namespace`] gave.
    pub(crate) fn inside(mut self, wrapper: &[String]) -> Self {
        self.wrapper = wrapper.to_vec();
        self
    }

    /// Writes a script into the folder and says where it is.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("the folder can be written");
        path.to_str().expect("text").to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the command with the arguments given since the last one. The first writes `record.json` if it makes load.
    pub(crate) fn spawn(&mut self) -> Running {
        self.number += 1;
        let stdout = self.path(&format!("stdout-{}", self.number));
        let stderr = self.path(&format!("stderr-{}", self.number));
        let mut args = std::mem::take(&mut self.args);
        let makes_load = |verb: &String| ["run", "stress", "bench"].contains(&verb.as_str());
        if args.first().is_some_and(makes_load) && !args.iter().any(|a| a == "--json") {
            args.extend(["--json", "record.json"].map(str::to_owned));
        }
        let mut words = std::mem::take(&mut self.wrapper);
        words.push(env!("CARGO_BIN_EXE_rhaid").to_owned());
        words.append(&mut args);
        let child = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(self.folder.path())
            .env("RHAID_DB", self.path("rhaid.db"))
            .env("NO_COLOR", "1")
            // Other tests run on the same cores: that a run was disturbed is no failure, unless the test is about that.
            .env("RHAID_ALLOW_INVALID", "1")
            .envs(std::mem::take(&mut self.env))
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("the folder can be written"))
            .stderr(File::create(&stderr).expect("the folder can be written"))
            .spawn()
            .expect("rhaid starts");
        Running { child, stdout, stderr }
    }

    /// Runs the command to its end.
    pub(crate) fn run(&mut self) -> Ended {
        self.spawn().wait()
    }

    /// The JSON record of the last run.
    pub(crate) fn record(&self) -> Value {
        read_json(&self.path("record.json"))
    }

    /// A number that the database is asked for.
    pub(crate) fn query(&self, sql: &str) -> u64 {
        let database = Connection::open(self.path("rhaid.db")).expect("a database");
        let number: i64 = database.query_row(sql, [], |row| row.get(0)).expect("a number");
        u64::try_from(number).expect("no number here is negative")
    }

    /// Requests in the rows of all seconds.
    pub(crate) fn stored_requests(&self) -> u64 {
        self.query("SELECT COALESCE(SUM(count), 0) FROM test_metrics")
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("rhaid is there");
    }

    pub(crate) fn stdout(&self) -> String {
        read_text(&self.stdout)
    }

    pub(crate) fn stderr(&self) -> String {
        read_text(&self.stderr)
    }

    pub(crate) fn wait(self) -> Ended {
        self.wait_within(END_WITHIN)
    }

    /// Waits for the end; kills it and fails the test when it does not come.
    pub(crate) fn wait_within(mut self, within: Duration) -> Ended {
        let status = poll(within, || self.child.try_wait().expect("rhaid is our child"));
        if status.is_none() {
            self.child.kill().expect("rhaid is there");
        }
        let (stdout, stderr) = (read_text(&self.stdout), read_text(&self.stderr));
        let status = status
            .unwrap_or_else(|| panic!("no end within {within:?}\n{stdout}\n--- stderr\n{stderr}"));
        Ended { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn read_text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
