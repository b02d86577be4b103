//! How a run is made, as this room sees it: whoever serves implements [`Launcher`].

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

use super::feed::Feed;
use super::start::Launch;
use crate::plan::{Confinement, Plan};

/// What a run under way is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// No new iterations; running ones may end. A second one cuts them off.
    Stop,
    /// Nothing new begins until [`Order::Resume`]. Time goes on, and the planned end stays.
    Pause,
    /// The end of a pause.
    Resume,
    /// So many active users from now on.
    Users(u64),
    /// So many arrivals a second from now on, above 0.
    Rate(f64),
}

/// The line between a run and those who control and watch it.
#[derive(Debug)]
pub struct RunLink {
    /// The id that the run has to take.
    pub run_id: String,
    /// What it is told. The queue is short: a run looks into it all the time.
    pub orders: mpsc::Receiver<Order>,
    /// What it tells.
    pub feed: Arc<Feed>,
    /// How long it may take: whatever it was asked for, it is stopped then.
    pub longest: Duration,
}

/// How a run ended that made load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchEnd {
    /// The exit code that the command would have had.
    pub exit_code: i32,
}

/// Why a run made no load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaunchError {
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
    /// The exit code that the command would have had.
    pub exit_code: i32,
}

/// One problem of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScriptFinding {
    /// 1-based line; 0 when the place is not known.
    pub line: usize,
    /// 1-based column; 0 when the place is not known.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
}

/// What this machine has in use now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MachineUse {
    /// Of all cores, 0..=100.
    pub cpu_percent: f64,
    /// Memory that is not available to programs.
    pub memory_used_bytes: u64,
    /// All memory.
    pub memory_total_bytes: u64,
    /// Cores that this process may use.
    pub cores: usize,
    /// Processes that ran or wanted to, mean of the last minute.
    pub load_1m: f64,
}

/// Makes runs. One at a time is asked of it, on a thread that may wait.
pub trait Launcher: Send + Sync + 'static {
    /// Checks what can be checked without making load, and gives what would be done. Called when a run is asked for. All that
    /// confines the run is checked but its load: one that is too large has an answer of its own.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, launch: &Launch) -> Result<Plan, LaunchError>;

    /// Makes a run from its beginning to its end, and keeps it in the store.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    fn launch(&self, launch: &Launch, link: RunLink) -> Result<LaunchEnd, LaunchError>;

    /// What is wrong with a script in a confined run; nothing when it can be run.
    fn check_script(&self, text: &str, confinement: Confinement) -> Vec<ScriptFinding>;

    /// What this machine has in use. Blocks for a moment.
    fn machine(&self) -> MachineUse;
}
