//! How busy the disks are, from `/proc/diskstats` (kernel documentation, `admin-guide/iostats.rst`).

use std::collections::HashMap;
use std::path::Path;

use procfs::DiskStat;

use super::level;
use crate::metric::{LevelUnit, ResourceLevel};

/// Disks, without their partitions, that have been used since the machine started.
#[derive(Debug)]
pub(super) struct Disks {
    last: HashMap<String, Busy>,
}

/// Milliseconds since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Busy {
    /// In which at least one request was under way.
    any: u64,
    /// Summed over requests.
    all: u64,
}

impl Disks {
    pub(super) fn new() -> Self {
        Self { last: read() }
    }

    /// Adds how busy each was in the last `seconds`. Saturation is the number of requests that waited behind another one,
    /// on average. A disk that serves many at once may be busy all the time and far from its limit.
    pub(super) fn add(&mut self, seconds: f64, levels: &mut Vec<ResourceLevel>) {
        let before = std::mem::replace(&mut self.last, read());
        for (name, now) in &self.last {
            let Some(before) = before.get(name) else { continue };
            let mean = |now: u64, before: u64| now.saturating_sub(before) as f64 / 1e3 / seconds;
            let busy = mean(now.any, before.any).min(1.0);
            let disk = level(&format!("disk {name}"), LevelUnit::Ratio, busy, Some(1.0));
            let waiting = (mean(now.all, before.all) - busy).max(0.0);
            levels.push(ResourceLevel { saturation: Some(waiting), ..disk });
        }
    }
}

fn read() -> HashMap<String, Busy> {
    let all = procfs::diskstats().unwrap_or_default();
    let is_whole = |name: &str| Path::new("/sys/block").join(name).exists();
    busy_disks(&all, is_whole)
}

fn busy_disks(all: &[DiskStat], is_whole: impl Fn(&str) -> bool) -> HashMap<String, Busy> {
    let is_memory = |name: &str| ["loop", "ram", "zram"].iter().any(|kind| name.starts_with(kind));
    all.iter()
        .filter(|disk| disk.reads + disk.writes > 0 && !is_memory(&disk.name))
        .filter(|disk| is_whole(&disk.name))
        .map(|disk| {
            let busy = Busy { any: disk.time_in_progress, all: disk.weighted_time_in_progress };
            (disk.name.clone(), busy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_disks_that_were_used_are_told_from_partitions_and_memory() {
        let table = "   8   0 sda 100 0 800 40 50 0 400 60 0 90 300 0 0 0 0 0 0\n   \
             8   1 sda1 100 0 800 40 50 0 400 60 0 90 300\n   \
             8  16 sdb 0 0 0 0 0 0 0 0 0 0 0\n   7   0 loop0 9 0 9 9 0 0 0 0 0 9 9\n";
        let all: Vec<DiskStat> =
            table.lines().map(|line| DiskStat::from_line(line).expect("a disk")).collect();
        let disks = busy_disks(&all, |name| name != "sda1");
        assert_eq!(disks, HashMap::from([("sda".to_owned(), Busy { any: 90, all: 300 })]));
    }

    #[test]
    fn a_disk_is_busy_for_a_share_of_the_time_and_others_wait_behind() {
        let mut disks = Disks::new();
        let Some(name) = disks.last.keys().next().cloned() else { return };
        let now = disks.last[&name];
        let then = Busy { any: now.any.saturating_sub(500), all: now.all.saturating_sub(2000) };
        disks.last.insert(name.clone(), then);
        let mut levels = Vec::new();
        disks.add(1.0, &mut levels);
        let resource = format!("disk {name}");
        let disk = levels.iter().find(|level| *level.resource == resource).expect("it is there");
        assert!(disk.used >= 0.5 && disk.saturation.is_some_and(|w| w >= 1.0), "{disk:?}");
    }
}
