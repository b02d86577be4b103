//! Whose sockets are whose: connections of a process, and the process behind a port.
//!
//! Linux knows the state of a socket in `/proc/net/tcp` and its owner in `/proc/PID/fd`; the two meet in the inode. With
//! 4,000 connections that join takes about 60 ms (the kernel walks its whole hash table, which alone is 10 ms when it is
//! empty), so it cannot be made each second. [`ConnectionCount`] makes it rarely and follows the number of open files
//! in between: 11 µs a sample with 2,000 connections, measured.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process};

use super::local::is_on_this_machine;
use crate::clock::RunClock;

/// An exact count is made again after this many times what it took, which is 0.2 % of one core.
const REST_PER_COST: u32 = 500;

/// Files that listing `/proc/PID/fd` keeps open.
const READING_FILES: u64 = 2;

/// The established TCP connections of some processes.
#[derive(Debug)]
pub(super) struct ConnectionCount {
    clock: RunClock,
    exact: u64,
    files_then: u64,
    next_exact_at: Duration,
}

impl ConnectionCount {
    pub(super) fn new(clock: RunClock) -> Self {
        Self { clock, exact: 0, files_then: 0, next_exact_at: Duration::ZERO }
    }

    /// The number now, given the open files of `processes` together: exact, or the last exact one moved by the change in
    /// open files, since what a server or a load generator opens by the thousand are connections.
    pub(super) fn now(&mut self, open_files: u64, processes: &[&Process]) -> u64 {
        if self.clock.now() >= self.next_exact_at {
            self.count(processes);
            return self.exact;
        }
        (self.exact + open_files).saturating_sub(self.files_then).min(open_files)
    }

    /// Counts exactly.
    pub(super) fn count(&mut self, processes: &[&Process]) {
        let began = self.clock.now();
        (self.exact, self.files_then) = count_established(processes);
        let ended = self.clock.now();
        self.next_exact_at = ended + ended.saturating_sub(began) * REST_PER_COST;
    }
}

/// Established connections and open files, both as of one moment: files that open while the tables are read must not
/// seem to have been there. Zero where the files of the processes may not be read.
fn count_established(processes: &[&Process]) -> (u64, u64) {
    let Some(first) = processes.first() else { return (0, 0) };
    // A set, because forked processes share sockets.
    let mut owned: HashSet<u64> = HashSet::new();
    let mut files = 0;
    for process in processes {
        let (sockets, all) = files_of(process);
        owned.extend(sockets);
        files += all;
    }
    // The tables are those of the process's network namespace: a target in a container has its own.
    let established = [first.tcp(), first.tcp6()]
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.state == TcpState::Established && owned.contains(&entry.inode))
        .count();
    (established as u64, files)
}

/// The inodes of a process's sockets, and the number of all its files.
fn files_of(process: &Process) -> (Vec<u64>, u64) {
    let Ok(files) = process.fd() else { return (Vec::new(), 0) };
    let mut all = 0;
    let sockets = files
        .inspect(|_| all += 1)
        .filter_map(|file| match file.ok()?.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    // Two of our own files are open only to read this list.
    let is_self = u32::try_from(process.pid()).is_ok_and(|pid| pid == std::process::id());
    (sockets, if is_self { all - READING_FILES.min(all) } else { all })
}

/// The process that listens on a TCP address of this machine; `None` when nobody does, when the address is another
/// machine's, or when the owner is another user's process and may not be looked into.
///
/// Of a server and the workers it forked, the server. A port published from a container belongs to the container
/// engine's proxy, if it has one.
#[must_use]
pub fn pid_listening_on(address: SocketAddr) -> Option<u32> {
    if !is_on_this_machine(address.ip()) {
        return None;
    }
    let inodes = listening_inodes(address);
    if inodes.is_empty() {
        return None;
    }
    let owners: BTreeMap<i32, i32> = procfs::process::all_processes()
        .ok()?
        .flatten()
        .filter(|process| files_of(process).0.iter().any(|inode| inodes.contains(inode)))
        .filter_map(|process| process.stat().ok())
        .map(|stat| (stat.pid, stat.ppid))
        .collect();
    eldest(&owners).and_then(|pid| u32::try_from(pid).ok())
}

/// The command line of the process that [`pid_listening_on`] finds, word by word.
#[must_use]
pub fn command_listening_on(address: SocketAddr) -> Option<Vec<String>> {
    let pid = i32::try_from(pid_listening_on(address)?).ok()?;
    Process::new(pid).ok()?.cmdline().ok()
}

/// Sockets bound to exactly this address before those bound to all addresses, as the kernel prefers them.
fn listening_inodes(address: SocketAddr) -> BTreeSet<u64> {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let listening: Vec<TcpNetEntry> = tables
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry.state == TcpState::Listen && entry.local_address.port() == address.port()
        })
        .collect();
    let wanted = address.ip().to_canonical();
    let bound_to = |entry: &TcpNetEntry| entry.local_address.ip().to_canonical();
    let chosen = |test: &dyn Fn(IpAddr) -> bool| {
        listening.iter().filter(|e| test(bound_to(e))).map(|e| e.inode).collect::<BTreeSet<u64>>()
    };
    let exact = chosen(&|ip| ip == wanted);
    if exact.is_empty() {
        chosen(&|ip| ip.is_unspecified() || wanted.is_unspecified())
    } else {
        exact
    }
}

/// The owner whose parent is none of the owners. The init process holds the sockets of services that it activates, so it
/// is taken only when it is alone.
fn eldest(parent_of: &BTreeMap<i32, i32>) -> Option<i32> {
    const INIT: i32 = 1;
    let is_root = |pid: &i32, parent: &i32| {
        *pid != INIT && (*parent == INIT || !parent_of.contains_key(parent))
    };
    parent_of
        .iter()
        .find(|(pid, parent)| is_root(pid, parent))
        .or_else(|| parent_of.iter().next())
        .map(|(pid, _)| *pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_server_and_its_workers_the_server_is_found() {
        let nginx = BTreeMap::from([(40, 30), (41, 40), (42, 40)]);
        assert_eq!(eldest(&nginx), Some(40));
        let activated = BTreeMap::from([(1, 0), (77, 1), (78, 77)]);
        assert_eq!(eldest(&activated), Some(77));
        assert_eq!(eldest(&BTreeMap::from([(1, 0)])), Some(1), "the only process of a container");
        assert_eq!(eldest(&BTreeMap::new()), None);
    }
}
