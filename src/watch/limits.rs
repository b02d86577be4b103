//! How near this process is to the limits of its machine, read from `/proc`, `/sys` and the control groups.
//!
//! What the system does not tell is `None`, and no reading fails because another one does.

mod cgroup;
mod network;
mod ports;

use std::net::SocketAddr;
use std::time::Duration;

use procfs::process::{LimitValue, Process};

use super::host::HostTicks;
use crate::clock::RunClock;
use crate::metric::GeneratorHealth;
pub(super) use cgroup::CpuGroups;
use network::Network;
pub(super) use network::{Traffic, devices, link_speed};
use ports::PortCount;
pub(super) use ports::in_table;

/// Watches this process's limits.
///
/// A sample takes 0.2 ms. Now and then a walk through the table of all sockets comes on top of that, 6 ms when there are few
/// and 40 ms with 14,000 towards one destination; it is made so rarely that it stays below half a percent of one core.
#[derive(Debug)]
pub struct LimitWatch {
    process: Option<Process>,
    groups: CpuGroups,
    host: HostTicks,
    ports: PortCount,
    network: Network,
    clock: RunClock,
    sampled_at: Duration,
}

impl LimitWatch {
    /// Begins to watch; local ports are counted towards the addresses of `destinations`.
    #[must_use]
    pub fn new(destinations: &[SocketAddr]) -> Self {
        let process = Process::myself().ok();
        let clock = RunClock::starting_now();
        Self {
            groups: process.as_ref().map(CpuGroups::of).unwrap_or_default(),
            process,
            host: HostTicks::now(),
            ports: PortCount::new(destinations, clock),
            network: Network::new(),
            clock,
            sampled_at: clock.now(),
        }
    }

    /// The state now; sums since the sample before, or since the watch began.
    pub fn sample(&mut self) -> GeneratorHealth {
        let now = self.clock.now();
        let interval = now.saturating_sub(std::mem::replace(&mut self.sampled_at, now));
        let mut health =
            GeneratorHealth { interval_s: interval.as_secs_f64(), ..GeneratorHealth::default() };
        if let Some(process) = &self.process {
            health.allowed_cores = allowed_cores(process);
            health.open_files = process.fd_count().ok().map(|count| count as u64);
            health.max_open_files = max_open_files(process);
        }
        health.steal_ratio = self.host.shares().map(|shares| shares.steal);
        self.groups.read_into(&mut health);
        self.ports.read_into(&mut health);
        self.network.read_into(&mut health, interval);
        health
    }
}

/// Of the main thread, from which the others have it.
fn allowed_cores(process: &Process) -> Option<u32> {
    let ranges = process.status().ok()?.cpus_allowed_list?;
    let cores = ranges.iter().map(|(first, last)| last.saturating_sub(*first) + 1).sum();
    (cores > 0).then_some(cores)
}

fn max_open_files(process: &Process) -> Option<u64> {
    match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => Some(limit),
        LimitValue::Unlimited => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_cores_files_and_a_machine() {
        let health = LimitWatch::new(&[]).sample();
        assert!(health.allowed_cores.is_some_and(|cores| cores >= 1), "{health:?}");
        assert!(health.open_files.is_some_and(|files| files >= 3), "{health:?}");
        assert!(health.open_files < health.max_open_files.or(Some(u64::MAX)), "{health:?}");
        assert!(health.steal_ratio.is_none_or(|share| (0.0..=1.0).contains(&share)), "{health:?}");
        assert_eq!(health.used_ports, None, "no destination was given");
    }
}
