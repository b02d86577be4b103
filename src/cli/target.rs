//! The target's side of a run: starting it, waiting until it answers, finding its process, stopping it.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use url::Url;

use super::CliError;
use super::exit::ExitCode;
use super::scraping::{page_of, page_of_sample_service};
use super::settings::TargetStart;
use super::watching::Watched;
use crate::plan::Plan;
use crate::watch::{TargetProcess, is_on_this_machine};

/// How long a target may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(6);
/// Time to a first connection before the load.
const FIRST_CONNECT: Duration = Duration::from_secs(5);
/// Between two looks at a target that is starting or stopping.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Set for the sample service when it must end with the process that started it.
pub(super) const STOP_WITH_STDIN: &str = "RHAID_STOP_WITH_STDIN";

/// A target that was started for the run. Dropping it stops it.
#[derive(Debug)]
pub struct StartedTarget {
    child: Child,
    /// Its base URL, when it said one.
    pub url: Option<String>,
}

impl StartedTarget {
    /// Starts the target. The sample service has said where it listens when this returns.
    ///
    /// # Errors
    /// Exit code 104: it cannot be started, or ended at once, or did not answer in time.
    pub fn start(start: &TargetStart) -> Result<Self, CliError> {
        match start {
            TargetStart::Demo { ready_timeout } => Self::demo(*ready_timeout),
            TargetStart::Spawn { command, .. } => Self::spawn(command),
        }
    }

    fn demo(ready_timeout: Duration) -> Result<Self, CliError> {
        let failed = |why: String| {
            CliError::new(
                ExitCode::Invalid,
                format!("the sample service did not start: {why}"),
                "try `rhaid target-api --port 0` by itself",
            )
        };
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut child = Command::new(program)
            .args(["target-api", "--port", "0"])
            .env(STOP_WITH_STDIN, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let lines = child.stdout.take().map(BufReader::new);
        let (tell, told) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            if let Some(mut lines) = lines {
                // An unreadable line is an empty one: the service is told to have said nothing.
                let _ = lines.read_line(&mut line);
            }
            let _ = tell.send(line);
        });
        let mut started = Self { child, url: None };
        let line = told
            .recv_timeout(ready_timeout)
            .map_err(|_| failed(format!("it said nothing for {ready_timeout:?}")))?;
        let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
        started.url = Some(url.ok_or_else(|| failed("it ended at once".to_owned()))?);
        Ok(started)
    }

    fn spawn(command: &str) -> Result<Self, CliError> {
        let child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let message = format!("--spawn {command:?} cannot be started: {error}");
                CliError::new(
                    ExitCode::Invalid,
                    message,
                    "give a command that your shell would run",
                )
            })?;
        Ok(Self { child, url: None })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something listens at the target.
    ///
    /// # Errors
    /// Exit code 104: it ended, or nothing listened in time.
    pub fn wait_until_it_answers(
        &mut self,
        target: &str,
        within: Duration,
    ) -> Result<(), CliError> {
        let mut waited = Duration::ZERO;
        let hint = "raise --ready-timeout, or check the command and --target";
        loop {
            if reach(target).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(CliError::new(
                    ExitCode::Invalid,
                    format!("the target ended before it answered: {status}"),
                    hint,
                ));
            }
            if waited >= within {
                let message = format!("the target did not listen at {target} within {within:?}");
                return Err(CliError::new(ExitCode::Invalid, message, hint));
            }
            pause(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
    }
}

impl Drop for StartedTarget {
    fn drop(&mut self) {
        // The sample service ends when its standard input does; a command gets a signal, with all it started.
        drop(self.child.stdin.take());
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // It may be gone already.
            let _ = kill_process_group(group, Signal::TERM);
        }
        let mut waited = Duration::ZERO;
        while waited < STOP_WITHIN {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            pause(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn pause(length: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line waits for a child process; no user runs on this thread"
    )]
    std::thread::sleep(length);
}

/// The addresses of a base URL.
fn addresses(target: &str) -> Result<Vec<SocketAddr>, String> {
    let url = Url::parse(target).map_err(|error| error.to_string())?;
    let host = url.host_str().ok_or("it has no host")?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or("it has no port")?;
    let found: Vec<SocketAddr> =
        (host.as_str(), port).to_socket_addrs().map_err(|error| error.to_string())?.collect();
    if found.is_empty() { Err(format!("{host} has no address")) } else { Ok(found) }
}

fn reach(target: &str) -> Result<(), String> {
    let mut last = String::new();
    for address in addresses(target)? {
        match TcpStream::connect_timeout(&address, FIRST_CONNECT) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// Connects to the target once, before any load.
///
/// # Errors
/// Exit code 104: nobody listens there.
pub fn check_reachable(target: &str) -> Result<(), CliError> {
    reach(target).map_err(|why| {
        let hint = "start it, name another with --target, or use --demo (the sample service) or --spawn 'CMD'";
        CliError::new(ExitCode::Invalid, format!("the target {target} cannot be reached: {why}"), hint)
    })
}

/// What there is to watch of the target of `plan`: its addresses, its process when it is on this machine, and pages of
/// metrics.
#[must_use]
pub fn find_target(started: Option<&StartedTarget>, plan: &Plan) -> Watched {
    let target = plan.target.as_deref();
    let pages = plan.scrape.iter().filter_map(|page| page_of(&page.url, page.resources.clone()));
    let own_page = target.and_then(page_of_sample_service);
    let destinations = target.and_then(|target| addresses(target).ok()).unwrap_or_default();
    let listening = destinations
        .iter()
        .find(|address| is_on_this_machine(address.ip()))
        .map(|address| TargetProcess::Listening(*address));
    let target = started.map(|started| TargetProcess::Pid(started.pid())).or(listening);
    Watched { target, destinations, pages: pages.collect(), own_page }
}
