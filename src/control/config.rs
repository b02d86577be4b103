//! What the server was told: who may ask, what may be asked for, where things are.

use std::path::PathBuf;
use std::time::Duration;

/// The most that a request may ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Caps {
    /// Virtual users of one run.
    pub users: u64,
    /// Arrivals a second of one run.
    pub rate_per_s: f64,
    /// How long one run may take.
    pub duration: Duration,
    /// Runs that may wait.
    pub queued: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            users: 1_000,
            rate_per_s: 10_000.0,
            duration: Duration::from_secs(60 * 60),
            queued: 20,
        }
    }
}

/// How the API is served.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// What a client must show; `None` asks for nothing, which is for loopback alone.
    pub token: Option<String>,
    /// The values of `Host` that are answered, with their ports.
    pub hosts: Vec<String>,
    /// The database of runs.
    pub database: PathBuf,
    /// The folder with the scripts that may be run; `None` for URLs only.
    pub script_root: Option<PathBuf>,
    /// The target of requests that name none.
    pub default_target: Option<String>,
    /// Hosts that may be loaded besides those of loopback, without ports.
    pub targets: Vec<String>,
    /// The most that a request may ask for.
    pub caps: Caps,
}

impl ControlConfig {
    /// Whether load may be made on a host, as a URL spells it.
    #[must_use]
    pub fn may_load(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']);
        let is_loopback = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback || self.targets.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}
