//! What the server was told: who may ask, what may be asked for, where things are.

use std::path::PathBuf;
use std::time::Duration;

use crate::plan::{Confinement, MostLoad, TestType};
use crate::reach::Reach;

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
    /// Hosts that may be loaded.
    pub reach: Reach,
    /// Variables of this process's environment that scripts may read.
    pub env: Vec<String>,
    /// The most that a request may ask for.
    pub caps: Caps,
}

impl ControlConfig {
    /// What bounds a run that a client asks for, whatever its script says.
    #[must_use]
    pub fn confinement(&self, test_type: TestType) -> Confinement {
        let Caps { users, rate_per_s, duration, .. } = self.caps;
        Confinement {
            reach: self.reach.clone(),
            env: self.env.clone(),
            files: self.script_root.clone(),
            // The plan of a search or a benchmark is only where it begins: the caps bound it as it goes.
            most: (test_type == TestType::Load).then_some(MostLoad { users, rate_per_s, duration }),
        }
    }
}
