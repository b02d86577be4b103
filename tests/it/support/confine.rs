//! Ways to confine the program under test, for those who may: a network of its own, a share of the CPU.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::needs::{skipped, succeeds};

/// The command that runs another in a network of its own after `setup`; `None`, with a visible line, where that is not
/// allowed.
pub(crate) fn network_namespace(setup: &str) -> Option<Vec<String>> {
    let shell = format!("{setup} && exec \"$0\" \"$@\"");
    let command: Vec<String> = ["unshare", "--net", "sh", "-c", &shell].map(str::to_owned).to_vec();
    if succeeds(Command::new(&command[0]).args(&command[1..]).arg("true")) {
        return Some(command);
    }
    skipped("a network namespace needs the rights of root");
    None
}

/// A control group with a CPU quota; it is removed when dropped.
#[derive(Debug)]
pub(crate) struct CpuGroup {
    folder: PathBuf,
}

impl CpuGroup {
    /// One that may use `cores`; `None`, with a visible line, where that is not allowed.
    pub(crate) fn with_quota(cores: f64) -> Option<Self> {
        let name = format!("rhaid-test-{}", std::process::id());
        let period_us = 100_000;
        let quota_us = (cores * f64::from(period_us)) as u32;
        // Version 1 of control groups has a hierarchy for the CPU, version 2 has one for everything.
        let settings = [
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", quota_us.to_string()),
            ("/sys/fs/cgroup", "cpu.max", format!("{quota_us} {period_us}")),
        ];
        for (root, file, value) in settings {
            let folder = PathBuf::from(root).join(&name);
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            let group = Self { folder };
            if fs::write(group.folder.join(file), value).is_ok() {
                return Some(group);
            }
        }
        skipped("a control group needs the rights of root and a writable /sys/fs/cgroup");
        None
    }

    /// A shell command by which a process joins it.
    pub(crate) fn join_command(&self) -> String {
        format!("echo $$ > {}", self.folder.join("cgroup.procs").display())
    }
}

impl Drop for CpuGroup {
    fn drop(&mut self) {
        // Whoever was in it has ended; if not, it stays and does no harm.
        let _ = fs::remove_dir(&self.folder);
    }
}
