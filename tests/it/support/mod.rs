//! What tests of the whole program stand on: the program itself, the sample service, and a service that misbehaves.
//!
//! Each is a process or a thread of its own that ends when it is dropped. Waiting is polling with a bound: what is waited for
//! is outside this process.

pub(crate) mod api;
pub(crate) mod confine;
pub(crate) mod faulty;
pub(crate) mod needs;
pub(crate) mod rhaid;
pub(crate) mod target;
pub(crate) mod turns;

use std::time::Duration;

pub(crate) use api::Api;
pub(crate) use confine::{CpuGroup, network_namespace};
pub(crate) use faulty::{Fault, Faulty};
pub(crate) use needs::{is_installed, missing_unless, succeeds};
pub(crate) use rhaid::{Ended, Rhaid, Running};
pub(crate) use target::TargetApi;
pub(crate) use turns::alone;

/// Between two looks at something outside this process.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `look` sees something, for at most `within`.
pub(crate) fn poll<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if waited >= within {
            return None;
        }
        pause(LOOK_AGAIN);
        waited += LOOK_AGAIN;
    }
}

/// Lets time pass where its length is what is tested, such as how long a process stands still.
pub(crate) fn wait(length: Duration) {
    pause(length);
}

fn pause(length: Duration) {
    #[expect(clippy::disallowed_methods, reason = "waits for another process; no user runs here")]
    std::thread::sleep(length);
}

/// Whether a process is there and is not a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// The processes that `pid` started and that are there.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Resident memory of a process in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
