//! The watcher where there is no `/proc`: what `sysinfo` tells on every system.
//!
//! It does not know connections (zero) nor take in children, and cannot find a process by its port. Of the limits it knows
//! the number of cores.

use std::net::SocketAddr;
use std::time::Duration;

use sysinfo::{CpuRefreshKind, Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use super::ResourceWatch;
use crate::clock::RunClock;
use crate::metric::resource::ResourceUse;
use crate::metric::{GeneratorHealth, ResourceLevel};

/// Watches one process.
#[derive(Debug)]
pub struct ProcessWatcher {
    system: Option<System>,
    pid: Pid,
}

impl ProcessWatcher {
    /// Watches this process.
    #[must_use]
    pub fn of_self() -> Self {
        Self::of_pid(std::process::id())
    }

    /// Watches the process `pid`. A process that does not exist has no samples.
    #[must_use]
    pub fn of_pid(pid: u32) -> Self {
        let mut watcher = Self { system: System::new().ok(), pid: Pid::from_u32(pid) };
        watcher.refresh();
        watcher
    }

    fn refresh(&mut self) {
        let Some(system) = &mut self.system else { return };
        let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory().with_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), true, wanted);
        system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
    }

    /// What the process uses now, CPU since the sample before; `None` when it is gone.
    pub fn sample(&mut self) -> Option<ResourceUse> {
        self.refresh();
        let system = self.system.as_ref()?;
        let process = system.process(self.pid)?;
        if matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead) {
            return None;
        }
        Some(ResourceUse {
            cpu_percent: f64::from(process.cpu_usage()),
            host_cpu_percent: f64::from(system.global_cpu_usage()),
            memory_bytes: process.memory(),
            open_files: process.open_files().unwrap_or(0) as u64,
            connections: 0,
            threads: process.tasks().map_or(1, |tasks| tasks.len() as u64 + 1),
        })
    }
}

/// Always `None`: only Linux tells.
#[must_use]
pub fn command_listening_on(_address: SocketAddr) -> Option<Vec<String>> {
    None
}

/// Always `None`: only Linux tells.
#[must_use]
pub fn pid_listening_on(_address: SocketAddr) -> Option<u32> {
    None
}

/// Watches the target's machine.
#[derive(Debug)]
pub struct LevelWatch;

impl LevelWatch {
    /// Begins to watch.
    #[must_use]
    pub fn new(_destinations: &[SocketAddr], _resources: &ResourceWatch) -> Self {
        Self
    }

    /// Nothing: only Linux tells.
    #[expect(clippy::unused_self, reason = "where there is something to tell it has a state")]
    pub fn sample(&mut self, _resources: &ResourceWatch) -> Vec<ResourceLevel> {
        Vec::new()
    }
}

/// Watches this process's limits.
#[derive(Debug)]
pub struct LimitWatch {
    clock: RunClock,
    sampled_at: Duration,
}

impl LimitWatch {
    /// Begins to watch.
    #[must_use]
    pub fn new(_destinations: &[SocketAddr]) -> Self {
        let clock = RunClock::starting_now();
        Self { clock, sampled_at: clock.now() }
    }

    /// The number of cores, and nothing else.
    pub fn sample(&mut self) -> GeneratorHealth {
        let now = self.clock.now();
        let interval = now.saturating_sub(std::mem::replace(&mut self.sampled_at, now));
        let cores = std::thread::available_parallelism().ok();
        GeneratorHealth {
            interval_s: interval.as_secs_f64(),
            allowed_cores: cores.and_then(|cores| u32::try_from(cores.get()).ok()),
            ..GeneratorHealth::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_without_proc() {
        let usage = ProcessWatcher::of_self().sample().expect("this process lives");
        assert!(usage.memory_bytes > 0 && usage.threads >= 1);
        assert!(ProcessWatcher::of_pid(u32::MAX - 1).sample().is_none());
        assert_eq!(command_listening_on(SocketAddr::from(([127, 0, 0, 1], 1))), None);
        assert_eq!(pid_listening_on(SocketAddr::from(([127, 0, 0, 1], 1))), None);
    }

    #[test]
    fn of_the_limits_the_cores_are_known() {
        let health = LimitWatch::new(&[]).sample();
        assert!(health.cores().is_some_and(|cores| cores >= 1.0));
        assert_eq!(health.open_files, None);
        let resources = ResourceWatch::new(None);
        assert_eq!(LevelWatch::new(&[], &resources).sample(&resources), []);
    }
}
