//! Which process writes a run, and whether it is alive: how an interrupted run is told from a running one.

use std::fs;

use rusqlite::Row;

/// A heartbeat older than this is a dead process's, where its pid cannot be looked up.
const STALE_HEARTBEAT_MS: i64 = 10_000;

/// A process of one machine, one boot and one pid namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// Its pid.
    pub(super) pid: i64,
    /// When it started, in clock ticks since boot: tells it from a later process with the same pid.
    pub(super) started_ticks: Option<i64>,
    /// The boot and the pid namespace in which the pid means something; `None` where /proc does not tell.
    pub(super) machine_id: Option<String>,
}

impl Process {
    /// This process.
    pub(super) fn current() -> Self {
        let pid = i64::from(std::process::id());
        Self { pid, started_ticks: started_ticks(pid), machine_id: machine_id() }
    }

    /// The process of a row of `test_runs`.
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pid: row.get("pid")?,
            started_ticks: row.get("process_started_ticks")?,
            machine_id: row.get("machine_id")?,
        })
    }

    /// Whether it is alive. Where /proc can answer it does, so that a process that was only stopped for a while is not
    /// taken for dead; elsewhere the age of its last heartbeat decides.
    pub(super) fn is_alive(&self, heartbeat_age_ms: i64) -> bool {
        let is_here = self.machine_id.is_some() && self.machine_id == machine_id();
        if is_here && self.started_ticks.is_some() {
            return started_ticks(self.pid) == self.started_ticks;
        }
        heartbeat_age_ms <= STALE_HEARTBEAT_MS
    }
}

fn machine_id() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Field 22 of /proc/PID/stat (proc(5)); `None` when there is no such process or no /proc. A zombie counts as dead.
fn started_ticks(pid: i64) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name may itself hold spaces and parentheses: fields are counted from its last one.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_namesake_is_not() {
        let this = Process::current();
        assert!(this.is_alive(0) && this.is_alive(60_000));
        let namesake = Process { started_ticks: Some(1), ..this.clone() };
        assert!(!namesake.is_alive(0));
    }

    #[test]
    fn elsewhere_the_heartbeat_decides() {
        let elsewhere = Process { machine_id: Some("another".to_owned()), ..Process::current() };
        assert!(elsewhere.is_alive(9_000) && !elsewhere.is_alive(11_000));
        let unknown = Process { pid: 1, started_ticks: None, machine_id: None };
        assert!(unknown.is_alive(0) && !unknown.is_alive(11_000));
    }
}
