//! CPU, memory and files of the target's processes against what they may use.

use std::collections::BTreeSet;

use procfs::process::{LimitValue, Process};

use super::delay::RunDelay;
use super::{Growth, level};
use crate::metric::resource::ResourceUse;
use crate::metric::{GeneratorHealth, LevelUnit, ResourceLevel};
use crate::watch::limits::CpuGroups;

/// A process with less than one in so many parts of the CPU time of all does not count among those that work.
const IDLE_SHARE: u64 = 10;
/// More cores than any machine has: a bound on what a list of them may say.
const MOST_CORES: u32 = 8192;

/// What is known of the target's processes between samples.
#[derive(Debug)]
pub(super) struct TargetLevels {
    /// The control groups of the process with this id.
    groups: Option<(i32, CpuGroups)>,
    delay: RunDelay,
    major_faults: Growth,
}

impl TargetLevels {
    pub(super) fn new() -> Self {
        Self { groups: None, delay: RunDelay::new(), major_faults: Growth::default() }
    }

    /// Adds the levels of `processes`, the eldest first, which together use `usage`.
    pub(super) fn add(
        &mut self,
        processes: &[&Process],
        usage: ResourceUse,
        seconds: f64,
        levels: &mut Vec<ResourceLevel>,
    ) {
        let workers = workers(processes);
        let Some(busiest) = workers.first() else { return };
        let cores = self.cores_of(busiest, &workers);
        let cpu = level("target cpu", LevelUnit::Cores, usage.cpu_percent / 100.0, cores);
        levels.push(ResourceLevel { saturation: self.delay.waiting_threads(processes), ..cpu });
        let total = procfs::Current::current().ok().map(|memory: procfs::Meminfo| memory.mem_total);
        let memory = level(
            "target memory",
            LevelUnit::Bytes,
            usage.memory_bytes as f64,
            total.map(|bytes| bytes as f64),
        );
        let faults = processes.iter().filter_map(|process| process.stat().ok());
        let faults = Some(faults.map(|stat| stat.majflt).sum());
        levels
            .push(ResourceLevel { saturation: self.major_faults.per_s(faults, seconds), ..memory });
        levels.extend(open_files(processes));
    }

    /// Cores that `workers` may use together, by their affinity and by the quotas of the control groups of `process`.
    fn cores_of(&mut self, process: &Process, workers: &[&Process]) -> Option<f64> {
        let pid = process.pid();
        if self.groups.as_ref().is_none_or(|(of, _)| *of != pid) {
            self.groups = Some((pid, CpuGroups::of(process)));
        }
        let mut health =
            GeneratorHealth { allowed_cores: allowed_cores(workers), ..GeneratorHealth::default() };
        if let Some((_, groups)) = &mut self.groups {
            groups.read_into(&mut health);
        }
        health.cores()
    }
}

/// The processes that do the work, the busiest first: a shell or a supervisor that only started them may use other cores.
fn workers<'p>(processes: &[&'p Process]) -> Vec<&'p Process> {
    let ticks = |process: &Process| process.stat().map_or(0, |stat| stat.utime + stat.stime);
    let mut workers: Vec<(u64, &Process)> =
        processes.iter().map(|process| (ticks(process), *process)).collect();
    // Stable: as long as nobody has done anything the eldest is first.
    workers.sort_by_key(|(ticks, _)| std::cmp::Reverse(*ticks));
    let all: u64 = workers.iter().map(|(ticks, _)| ticks).sum();
    workers.retain(|(ticks, _)| *ticks * IDLE_SHARE >= all);
    workers.into_iter().map(|(_, process)| process).collect()
}

/// Cores on which any of the processes may run.
fn allowed_cores(processes: &[&Process]) -> Option<u32> {
    let ranges = processes.iter().filter_map(|process| process.status().ok()?.cpus_allowed_list);
    let cores: BTreeSet<u32> =
        ranges.flatten().flat_map(|(first, last)| first..=last.min(first + MOST_CORES)).collect();
    u32::try_from(cores.len()).ok().filter(|cores| *cores > 0)
}

/// Of the process that is nearest to its limit, for each has its own. `None` when no files may be counted, as those of
/// another user.
fn open_files(processes: &[&Process]) -> Option<ResourceLevel> {
    let counts = processes.iter().filter_map(|process| {
        let limit = match process.limits().ok()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit as f64),
            LimitValue::Unlimited => None,
        };
        let count = process.fd_count().ok()? as f64;
        Some(level("target open files", LevelUnit::Count, count, limit))
    });
    counts.max_by(|a, b| {
        let ratio = |level: &ResourceLevel| level.used_ratio().unwrap_or(0.0);
        ratio(a).total_cmp(&ratio(b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(levels: &'a [ResourceLevel], resource: &str) -> &'a ResourceLevel {
        let found = levels.iter().find(|level| &*level.resource == resource);
        found.unwrap_or_else(|| panic!("no {resource} in {levels:?}"))
    }

    #[test]
    fn this_process_as_a_target_has_cores_memory_and_files() {
        let this = Process::myself().expect("this process");
        let usage = ResourceUse { cpu_percent: 50.0, memory_bytes: 1 << 20, ..Default::default() };
        let mut target = TargetLevels::new();
        let mut levels = Vec::new();
        target.add(&[&this], usage, 1.0, &mut levels);
        let cpu = find(&levels, "target cpu");
        assert_eq!(cpu.used, 0.5);
        assert!(cpu.capacity.is_some_and(|cores| cores > 0.0), "{cpu:?}");
        assert_eq!(cpu.saturation, None, "a rate needs two looks");
        let memory = find(&levels, "target memory");
        assert!(memory.used_ratio().is_some_and(|ratio| ratio > 0.0 && ratio < 1.0), "{memory:?}");
        let files = find(&levels, "target open files");
        assert!(files.used >= 3.0 && files.is_sound(), "{files:?}");
    }

    #[test]
    fn a_process_that_is_gone_leaves_nothing_out_of_place() {
        let mut levels = Vec::new();
        TargetLevels::new().add(&[], ResourceUse::default(), 1.0, &mut levels);
        assert_eq!(levels, []);
    }
}
