//! What the load costs its machine: CPU, memory, files, connections and threads of the generator and of the target, and how
//! near the generator is to the limits of its machine; where the target is on this machine, how much of it is in use.
//!
//! Main types: [`ResourceWatch`], which samples both once a second; [`ProcessWatcher`] is one process and
//! [`pid_listening_on`] finds a target by its port. [`ScrapeWatch`] fetches pages of metrics. [`LimitWatch`] samples the limits, [`LevelWatch`] the target's
//! machine, [`HiccupWatch`] notes when this
//! process was kept from running. This room must not know scripts, the engine or who reads its figures;
//! `sysinfo` and `procfs` are named nowhere else. It sits beside the flow: `cli` starts it, `pipeline` puts its figures
//! into each snapshot.
//!
//! Every call blocks on the kernel for a moment, so it belongs on a thread that sends no requests.

mod hiccup;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod levels;
#[cfg(target_os = "linux")]
mod limits;
mod local;
mod machine;
#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(
    all(test, target_os = "linux"),
    expect(unreachable_pub, reason = "public where it is used; here it is only tested")
)]
mod portable;
#[cfg(target_os = "linux")]
mod process;
mod scrape;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::net::SocketAddr;

use crate::metric::resource::ResourceUse;

pub use hiccup::HiccupWatch;
#[cfg(target_os = "linux")]
pub use levels::LevelWatch;
#[cfg(target_os = "linux")]
pub use limits::LimitWatch;
pub use local::is_on_this_machine;
pub use machine::{MachineNow, MachineWatch};
#[cfg(not(target_os = "linux"))]
pub use portable::{
    LevelWatch, LimitWatch, ProcessWatcher, command_listening_on, pid_listening_on,
};
#[cfg(target_os = "linux")]
pub use process::ProcessWatcher;
pub use scrape::{
    ExpositionError, FetchError, PageLevels, ScrapeError, ScrapePage, ScrapeWatch, Scraped,
};
#[cfg(target_os = "linux")]
pub use sockets::{command_listening_on, pid_listening_on};

/// Samples between two searches for a target that is not there: finding it walks all of `/proc`.
const SAMPLES_BETWEEN_SEARCHES: u32 = 5;

/// Whose use a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// This process.
    Generator,
    /// The system under test, its child processes included.
    Target,
}

/// How the target's process is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetProcess {
    /// By its process id. Once it is gone it stays gone.
    Pid(u32),
    /// By the local address it listens on. Looked for again every few samples while it is not there, so that a target
    /// that restarts comes back.
    Listening(SocketAddr),
}

/// The generator and, where it runs on this machine, the target.
#[derive(Debug)]
pub struct ResourceWatch {
    generator: ProcessWatcher,
    target: Option<TargetProcess>,
    found: Option<ProcessWatcher>,
    /// What the target used when it was last sampled.
    target_use: Option<ResourceUse>,
    samples_to_search: u32,
}

impl ResourceWatch {
    /// Begins to watch this process and `target`; without one only the generator is sampled.
    #[must_use]
    pub fn new(target: Option<TargetProcess>) -> Self {
        let found = target.and_then(watch_target);
        let samples_to_search = SAMPLES_BETWEEN_SEARCHES;
        Self {
            generator: ProcessWatcher::of_self(),
            target,
            found,
            target_use: None,
            samples_to_search,
        }
    }

    /// What both use now; CPU since the sample before. An owner that is not there is left out.
    pub fn sample(&mut self) -> Vec<(Owner, ResourceUse)> {
        let generator = self.generator.sample().map(|usage| (Owner::Generator, usage));
        self.target_use = self.sample_target();
        let target = self.target_use.map(|usage| (Owner::Target, usage));
        generator.into_iter().chain(target).collect()
    }

    /// Whether a target's process is being watched.
    #[must_use]
    pub fn has_target(&self) -> bool {
        self.found.is_some()
    }

    /// The target's processes and what they used when they were last sampled.
    #[cfg(target_os = "linux")]
    fn target_now(&self) -> Option<(&ProcessWatcher, ResourceUse)> {
        Some((self.found.as_ref()?, self.target_use?))
    }

    fn sample_target(&mut self) -> Option<ResourceUse> {
        if let Some(watcher) = &mut self.found {
            let usage = watcher.sample();
            if usage.is_none() {
                self.found = None;
                // Its id may be another process's by now.
                self.target =
                    self.target.filter(|target| matches!(target, TargetProcess::Listening(_)));
            }
            return usage;
        }
        let target = self.target?;
        self.samples_to_search -= 1;
        if self.samples_to_search == 0 {
            self.samples_to_search = SAMPLES_BETWEEN_SEARCHES;
            // Its first figures come with the next sample: CPU needs an interval.
            self.found = watch_target(target);
        }
        None
    }
}

fn watch_target(target: TargetProcess) -> Option<ProcessWatcher> {
    let pid = match target {
        TargetProcess::Pid(pid) => pid,
        TargetProcess::Listening(address) => pid_listening_on(address)?,
    };
    let mut watcher = ProcessWatcher::of_pid(pid);
    watcher.sample().is_some().then_some(watcher)
}

/// The machine that makes the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostInfo {
    /// Its name.
    pub host: String,
    /// Cores this process may use (affinity and cgroup quota respected), at least 1.
    pub cores: usize,
    /// System, kernel and architecture, such as `Debian GNU/Linux 13, Linux 6.12.5, x86_64`.
    pub os: String,
}

/// Describes this machine. What the system does not tell is `unknown`.
#[must_use]
pub fn host_info() -> HostInfo {
    let unknown = || "unknown".to_owned();
    let system = sysinfo::System::long_os_version().unwrap_or_else(|_| unknown());
    let kernel = sysinfo::System::kernel_long_version().unwrap_or_else(|_| unknown());
    HostInfo {
        host: sysinfo::System::host_name().unwrap_or_else(|_| unknown()),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        os: format!("{system}, {kernel}, {}", sysinfo::System::cpu_arch()),
    }
}
