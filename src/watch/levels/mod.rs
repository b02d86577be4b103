//! How much of the target's machine is in use, read from `/proc` and `/sys`: what may saturate first.
//!
//! Only where the target is on this machine. What the system does not tell is left out, and no reading fails because another
//! one does. Machine and generator are then the same machine, so what is said of the host is of both.

mod backlog;
mod delay;
mod disk;
mod host;
mod link;
mod target;

use std::net::SocketAddr;
use std::time::Duration;

use super::{ResourceWatch, is_on_this_machine};
use crate::clock::RunClock;
use crate::metric::{LevelUnit, ResourceLevel};
use backlog::Backlog;
use disk::Disks;
use host::HostLevels;
use link::Links;
use target::TargetLevels;

/// Sums over less than this say nothing: the kernel counts CPU time in ticks of 10 ms.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Watches the target and its machine.
///
/// A sample takes 0.4 ms. The accept queue and the wait of the target's threads come on top of that; each is looked at so rarely
/// that it stays below one percent of one core.
#[derive(Debug)]
pub struct LevelWatch {
    /// `None` when the target is elsewhere.
    machine: Option<Machine>,
    target: TargetLevels,
    clock: RunClock,
    sampled_at: Duration,
}

#[derive(Debug)]
struct Machine {
    host: HostLevels,
    disks: Disks,
    links: Links,
    backlog: Option<Backlog>,
}

impl LevelWatch {
    /// Begins to watch. `destinations` are the target's addresses; where none is of this machine and `resources` has no
    /// target, there is nothing to see.
    #[must_use]
    pub fn new(destinations: &[SocketAddr], resources: &ResourceWatch) -> Self {
        let clock = RunClock::starting_now();
        let here = destinations.iter().find(|address| is_on_this_machine(address.ip()));
        let is_here = here.is_some() || resources.has_target();
        Self {
            machine: is_here.then(|| Machine {
                host: HostLevels::new(),
                disks: Disks::new(),
                links: Links::new(),
                backlog: here.map(|address| Backlog::new(*address, clock)),
            }),
            target: TargetLevels::new(),
            clock,
            sampled_at: clock.now(),
        }
    }

    /// The levels now; rates since the sample before, or since the watch began. Of the target's process they are what
    /// `resources` saw last. Empty when the last sample was a moment ago.
    pub fn sample(&mut self, resources: &ResourceWatch) -> Vec<ResourceLevel> {
        let Some(machine) = &mut self.machine else { return Vec::new() };
        let interval = self.clock.now().saturating_sub(self.sampled_at);
        if interval < SHORTEST_INTERVAL {
            return Vec::new();
        }
        self.sampled_at += interval;
        let seconds = interval.as_secs_f64();
        let mut levels = Vec::new();
        if let Some((watcher, usage)) = resources.target_now() {
            self.target.add(&watcher.processes(), usage, seconds, &mut levels);
        }
        machine.host.add(seconds, &mut levels);
        machine.disks.add(seconds, &mut levels);
        machine.links.add(seconds, &mut levels);
        levels.extend(machine.backlog.as_mut().and_then(|backlog| backlog.level(seconds)));
        levels
    }
}

/// A level of a resource whose name is known here.
fn level(resource: &str, unit: LevelUnit, used: f64, capacity: Option<f64>) -> ResourceLevel {
    ResourceLevel { resource: resource.into(), unit, used, capacity, saturation: None }
}

/// By how much a sum that only grows has grown.
#[derive(Debug, Default)]
struct Growth {
    last: Option<u64>,
}

impl Growth {
    /// Since the last call; `None` at the first, and when the sum is not known. A sum that began anew has not grown.
    fn to(&mut self, now: Option<u64>) -> Option<u64> {
        let before = std::mem::replace(&mut self.last, now);
        Some(now?.saturating_sub(before?))
    }

    /// The same for each of `seconds`; above 0.
    fn per_s(&mut self, now: Option<u64>, seconds: f64) -> Option<f64> {
        self.to(now).map(|growth| growth as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_grows_from_the_second_look_on() {
        let mut growth = Growth::default();
        assert_eq!(growth.to(Some(10)), None);
        assert_eq!(growth.per_s(Some(30), 2.0), Some(10.0));
        assert_eq!(growth.to(Some(5)), Some(0), "it began anew");
        assert_eq!(growth.to(None), None);
        assert_eq!(growth.to(Some(7)), None);
    }
}
