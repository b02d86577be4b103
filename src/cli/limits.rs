//! What the plan may need of the system, held against what the system allows, before the load begins.
//!
//! These are warnings: how much of it a script takes shows only when it runs. What it then does not get is an error of its
//! task, with the same way out.

use super::printer::Printer;
use crate::plan::Plan;
use crate::script::{ScriptLimits, stacks_split_mappings};
use crate::units::{show_bytes, show_count};

/// Descriptors that the process needs besides one for each virtual user's connection.
const OWN_FILES: u64 = 64;
/// What a sleeping user takes: docs/performance.md has how it is measured. Connections and bodies come on top.
const BYTES_A_USER: u64 = 12 << 10;
/// What the process takes without users.
const OWN_BYTES: u64 = 32 << 20;

/// What the plan may need.
struct Needs {
    users: u64,
    /// Address space of one stack.
    stack_bytes: u64,
    /// Memory mappings of one stack, when it has any of its own.
    mappings_a_user: u64,
}

/// What the system allows; what is not known, or not limited, is `None`.
#[derive(Default)]
struct Allowed {
    files: Option<u64>,
    mappings: Option<u64>,
    memory_bytes: Option<u64>,
    address_bytes: Option<u64>,
    ports: Option<u64>,
}

/// Raises the limit of open files, and warns of every limit that is too low for the plan.
pub(super) fn check_limits(plan: &Plan, vu_stack_bytes: Option<u64>, printer: &Printer) {
    let needs = Needs {
        users: plan.max_vus(),
        stack_bytes: vu_stack_bytes.unwrap_or(ScriptLimits::default().stack_bytes as u64),
        mappings_a_user: if stacks_split_mappings() { 2 } else { 0 },
    };
    for warning in needs.beyond(&Allowed::now()) {
        printer.warning(&warning);
    }
}

impl Needs {
    /// What is said of each limit that may be met.
    fn beyond(&self, allowed: &Allowed) -> Vec<String> {
        let users = show_count(self.users);
        let files = self.users + OWN_FILES;
        let mappings = self.users * self.mappings_a_user;
        let memory = self.users * BYTES_A_USER + OWN_BYTES;
        let address = self.users.saturating_mul(self.stack_bytes);
        let is_beyond = |need: u64, limit: Option<u64>| limit.filter(|limit| need > *limit);
        let found = [
            is_beyond(files, allowed.files).map(|limit| {
                format!("{users} virtual users may need {files} open files and the limit is {limit}; raise it with `ulimit -n {files}`")
            }),
            is_beyond(self.users, allowed.ports).map(|limit| {
                format!(
                    "{users} virtual users may need as many local ports, and there are {limit} for connections to one address; \
                     allow more with `sysctl net.ipv4.ip_local_port_range='1024 65535'`, or load several addresses"
                )
            }),
            is_beyond(mappings, allowed.mappings).map(|limit| {
                let wanted = (mappings + limit).next_power_of_two();
                format!(
                    "{users} virtual users may need {mappings} memory mappings and the limit is {limit}; raise it with \
                     `sysctl vm.max_map_count={wanted}`, or use Linux 6.13 or later, which needs none for a user"
                )
            }),
            is_beyond(memory, allowed.memory_bytes).map(|limit| {
                format!(
                    "{users} virtual users take {} of memory at least and {} is free; run fewer, or on several machines",
                    show_bytes(memory),
                    show_bytes(limit)
                )
            }),
            is_beyond(address, allowed.address_bytes).map(|limit| {
                format!(
                    "the stacks of {users} virtual users may need {} of address space and {} is allowed; make them smaller \
                     with `--vu-stack 256k`, or allow more (`ulimit -v`, or `sysctl vm.overcommit_memory` where it is 2)",
                    show_bytes(address),
                    show_bytes(limit)
                )
            }),
        ];
        found.into_iter().flatten().collect()
    }
}

impl Allowed {
    fn now() -> Self {
        let files = rlimit::increase_nofile_limit(u64::MAX).ok().filter(|limit| *limit > 0);
        let meminfo = read("/proc/meminfo").unwrap_or_default();
        let is_strict = number("/proc/sys/vm/overcommit_memory") == Some(2);
        let left = kib_of(&meminfo, "CommitLimit")
            .zip(kib_of(&meminfo, "Committed_AS"))
            .map(|(limit, used)| limit.saturating_sub(used) << 10);
        let process = rlimit::getrlimit(rlimit::Resource::AS).ok().map(|(soft, _)| soft);
        let process = process.filter(|soft| *soft < rlimit::INFINITY);
        Self {
            files,
            mappings: number("/proc/sys/vm/max_map_count"),
            memory_bytes: kib_of(&meminfo, "MemAvailable").map(|kib| kib << 10),
            address_bytes: left.filter(|_| is_strict).into_iter().chain(process).min(),
            ports: read("/proc/sys/net/ipv4/ip_local_port_range").as_deref().and_then(ports_of),
        }
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn number(path: &str) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

/// A line of `/proc/meminfo`, in KiB.
fn kib_of(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Ports between the first and the last that the system gives to those who do not ask for one.
fn ports_of(range: &str) -> Option<u64> {
    let (first, last) = range.trim().split_once(char::is_whitespace)?;
    let (first, last) = (first.parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?);
    Some((last + 1).saturating_sub(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: Needs = Needs { users: 100_000, stack_bytes: 1 << 20, mappings_a_user: 2 };

    #[test]
    fn limits_that_suffice_and_limits_that_are_not_known_are_not_mentioned() {
        assert_eq!(MANY.beyond(&Allowed::default()), Vec::<String>::new());
        let enough = Allowed {
            files: Some(100_064),
            mappings: Some(200_000),
            memory_bytes: Some(2 << 30),
            address_bytes: Some(100_000 << 20),
            ports: Some(100_000),
        };
        assert_eq!(MANY.beyond(&enough), Vec::<String>::new());
    }

    #[test]
    fn each_limit_that_may_be_met_is_told_with_a_way_out() {
        let files = Allowed { files: Some(20_000), ..Allowed::default() };
        let mappings = Allowed { mappings: Some(65_530), ..Allowed::default() };
        let memory = Allowed { memory_bytes: Some(1 << 30), ..Allowed::default() };
        let address = Allowed { address_bytes: Some(12 << 30), ..Allowed::default() };
        let ports = Allowed { ports: Some(28_232), ..Allowed::default() };
        for (allowed, way_out) in [
            (files, "`ulimit -n 100064`"),
            (mappings, "`sysctl vm.max_map_count=524288`"),
            (memory, "run fewer"),
            (address, "`--vu-stack 256k`"),
            (ports, "ip_local_port_range"),
        ] {
            let told = MANY.beyond(&allowed);
            assert!(matches!(told.as_slice(), [one] if one.contains(way_out)), "{told:?}");
        }
        let light = Needs { mappings_a_user: 0, ..MANY };
        let few = Allowed { mappings: Some(65_530), ..Allowed::default() };
        assert_eq!(light.beyond(&few), Vec::<String>::new());
    }

    #[test]
    fn what_the_system_says_is_read() {
        assert_eq!(
            kib_of("MemTotal: 9 kB\nMemAvailable:   23423 kB\n", "MemAvailable"),
            Some(23_423)
        );
        assert_eq!(kib_of("MemTotal: 9 kB\n", "MemAvailable"), None);
        assert_eq!(ports_of("32768\t60999\n"), Some(28_232));
        assert_eq!(ports_of("none"), None);
        assert!(Allowed::now().files.is_some_and(|files| files > 0));
    }
}
