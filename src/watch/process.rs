//! One process and its children, read from `/proc`.
//!
//! A sample of one process costs two small files and one `stat`, some 50 µs, however many files it has open: the kernel
//! counts them (`st_size` of `/proc/PID/fd` since Linux 6.2). Connections are the exception; see `sockets`.

use std::collections::BTreeMap;
use std::time::Duration;

use procfs::process::{Process, Stat};

use super::host::HostTicks;
use super::sockets::ConnectionCount;
use crate::clock::RunClock;
use crate::metric::resource::ResourceUse;

/// Samples between two searches for new children, which read the `stat` of every process of the machine (some 10 µs each).
const SAMPLES_BETWEEN_SEARCHES: u32 = 5;

/// CPU over less than this is noise: the kernel counts in ticks of 10 ms. The figure before is given again.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Watches one process.
///
/// A watcher of a target takes in the process's descendants (a server that forks workers): figures are sums, so memory
/// that they share counts once for each. New children are found within five samples, and what they used before that is
/// not counted; neither is what a child used in its last second. A child that was re-parented is lost. The watcher of
/// this process itself does not take in children: a target it has spawned is one of them.
#[derive(Debug)]
pub struct ProcessWatcher {
    root: Option<Member>,
    children: BTreeMap<i32, Member>,
    takes_in_children: bool,
    samples_to_search: u32,
    host: HostTicks,
    clock: RunClock,
    sampled_at: Duration,
    cpu_percent: f64,
    host_cpu_percent: f64,
    connections: ConnectionCount,
}

/// A process and the CPU it had used when it was last sampled.
#[derive(Debug)]
struct Member {
    /// An open directory: it stays this process's even when the id is given to another.
    process: Process,
    ticks: u64,
}

impl Member {
    fn of(process: Process) -> Option<(Self, Stat)> {
        let stat = live_stat(&process)?;
        Some((Self { process, ticks: ticks(&stat) }, stat))
    }
}

impl ProcessWatcher {
    /// Watches this process, without its children.
    #[must_use]
    pub fn of_self() -> Self {
        Self::new(std::process::id(), false)
    }

    /// Watches the process `pid` and its children. A process that does not exist has no samples.
    #[must_use]
    pub fn of_pid(pid: u32) -> Self {
        Self::new(pid, true)
    }

    fn new(pid: u32, takes_in_children: bool) -> Self {
        let process = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok());
        let clock = RunClock::starting_now();
        let mut watcher = Self {
            root: process.and_then(Member::of).map(|(member, _)| member),
            children: BTreeMap::new(),
            takes_in_children,
            samples_to_search: SAMPLES_BETWEEN_SEARCHES,
            host: HostTicks::now(),
            clock,
            sampled_at: clock.now(),
            cpu_percent: 0.0,
            host_cpu_percent: 0.0,
            connections: ConnectionCount::new(clock),
        };
        watcher.find_children();
        watcher.count_connections();
        watcher
    }

    /// What the process uses now, CPU since the sample before (or since the watcher was made); `None` when it is gone,
    /// which a process is that has exited and was not yet waited for.
    pub fn sample(&mut self) -> Option<ResourceUse> {
        self.samples_to_search -= 1;
        if self.samples_to_search == 0 {
            self.samples_to_search = SAMPLES_BETWEEN_SEARCHES;
            self.find_children();
        }
        let root = self.root.as_mut()?;
        let Some(stat) = live_stat(&root.process) else {
            self.root = None;
            return None;
        };
        let interval = self.clock.now().saturating_sub(self.sampled_at);
        let moves_on = interval >= SHORTEST_INTERVAL;
        let mut usage = ResourceUse::default();
        let mut used_ticks = root.add_to(&mut usage, &stat, moves_on);
        self.children.retain(|_, child| {
            let Some(stat) = live_stat(&child.process) else { return false };
            used_ticks += child.add_to(&mut usage, &stat, moves_on);
            true
        });
        if moves_on {
            self.sampled_at += interval;
            let seconds = used_ticks as f64 / procfs::ticks_per_second() as f64;
            self.cpu_percent = 100.0 * seconds / interval.as_secs_f64();
            self.host_cpu_percent = self.host.shares().map_or(0.0, |shares| 100.0 * shares.busy);
        }
        usage.cpu_percent = self.cpu_percent;
        usage.host_cpu_percent = self.host_cpu_percent;
        usage.connections =
            self.connections.now(usage.open_files, &members(&self.root, &self.children));
        Some(usage)
    }

    /// It and its children, the eldest first; none once it is gone.
    pub(super) fn processes(&self) -> Vec<&Process> {
        members(&self.root, &self.children)
    }

    fn count_connections(&mut self) {
        self.connections.count(&members(&self.root, &self.children));
    }

    fn find_children(&mut self) {
        let Some(root) = self.root.as_ref().filter(|_| self.takes_in_children) else { return };
        let Ok(all) = procfs::process::all_processes() else { return };
        let everyone: BTreeMap<i32, (Member, i32)> = all
            .filter_map(|process| Member::of(process.ok()?))
            .map(|(member, stat)| (stat.pid, (member, stat.ppid)))
            .collect();
        let root_pid = root.process.pid();
        let is_descendant = |pid: i32| {
            // Bounded, because parents change while the table is read and could seem to form a circle.
            std::iter::successors(Some(pid), |pid| everyone.get(pid).map(|(_, parent)| *parent))
                .skip(1)
                .take(everyone.len())
                .any(|ancestor| ancestor == root_pid)
        };
        let descendants: Vec<i32> =
            everyone.keys().copied().filter(|pid| is_descendant(*pid)).collect();
        let mut everyone = everyone;
        for pid in descendants {
            if let (Some((member, _)), false) =
                (everyone.remove(&pid), self.children.contains_key(&pid))
            {
                self.children.insert(pid, member);
            }
        }
    }
}

impl Member {
    /// Adds what the process uses to `usage` and returns the ticks since the last time; `moves_on` makes this the last
    /// time.
    fn add_to(&mut self, usage: &mut ResourceUse, stat: &Stat, moves_on: bool) -> u64 {
        usage.memory_bytes += stat.rss * procfs::page_size();
        usage.threads += u64::try_from(stat.num_threads).unwrap_or(0);
        usage.open_files += open_files(&self.process);
        let used = ticks(stat).saturating_sub(self.ticks);
        if moves_on {
            self.ticks += used;
        }
        used
    }
}

fn members<'a>(root: &'a Option<Member>, children: &'a BTreeMap<i32, Member>) -> Vec<&'a Process> {
    root.iter().chain(children.values()).map(|member| &member.process).collect()
}

/// Zero for a process of another user, whose files only root may count.
fn open_files(process: &Process) -> u64 {
    process.fd_count().map_or(0, |count| count as u64)
}

fn live_stat(process: &Process) -> Option<Stat> {
    process.stat().ok().filter(|stat| !matches!(stat.state, 'Z' | 'X'))
}

fn ticks(stat: &Stat) -> u64 {
    stat.utime + stat.stime
}
