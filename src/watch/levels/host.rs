//! CPU, memory and waiting of the whole machine, the generator's part included.

use procfs::{CpuPressure, Current, CurrentSI, IoPressure, KernelStats, Meminfo, MemoryPressure};

use super::{Growth, level};
use crate::metric::{LevelUnit, ResourceLevel};
use crate::watch::host::HostTicks;

/// What is known of the machine between samples.
#[derive(Debug)]
pub(super) struct HostLevels {
    ticks: HostTicks,
    cores: Option<f64>,
    cpu_stalled_us: Growth,
    memory_stalled_us: Growth,
    io_stalled_us: Growth,
    swapped_pages: Growth,
}

impl HostLevels {
    pub(super) fn new() -> Self {
        let stats = KernelStats::current().ok();
        let mut levels = Self {
            ticks: HostTicks::now(),
            cores: stats.map(|stats| stats.cpu_time.len() as f64),
            cpu_stalled_us: Growth::default(),
            memory_stalled_us: Growth::default(),
            io_stalled_us: Growth::default(),
            swapped_pages: Growth::default(),
        };
        // Sums are kept from here on.
        levels.add(1.0, &mut Vec::new());
        levels
    }

    /// Adds the levels of the last `seconds`.
    ///
    /// Saturation of CPU and memory is the share of the time in which something waited for them, 0..=1, from the kernel's
    /// pressure stall information (`Documentation/accounting/psi.rst`, `some`); absent where that is switched off.
    pub(super) fn add(&mut self, seconds: f64, levels: &mut Vec<ResourceLevel>) {
        let cpu_us = CpuPressure::current().ok().map(|pressure| pressure.some.total);
        let memory_us = MemoryPressure::current().ok().map(|pressure| pressure.some.total);
        let io_us = IoPressure::current().ok().map(|pressure| pressure.some.total);
        let share = |us: f64| (us / 1e6).min(1.0);
        let cpu_stalled = self.cpu_stalled_us.per_s(cpu_us, seconds).map(share);
        let memory_stalled = self.memory_stalled_us.per_s(memory_us, seconds).map(share);
        let io_stalled = self.io_stalled_us.per_s(io_us, seconds).map(share);
        if let (Some(shares), Some(cores)) = (self.ticks.shares(), self.cores) {
            let cpu = level("host cpu", LevelUnit::Cores, shares.busy * cores, Some(cores));
            levels.push(ResourceLevel { saturation: cpu_stalled, ..cpu });
        }
        if let Ok(memory) = Meminfo::current() {
            self.add_memory(&memory, memory_stalled, seconds, levels);
        }
        if let Some(stalled) = io_stalled {
            let io = level("host io", LevelUnit::Ratio, stalled, None);
            levels.push(ResourceLevel { saturation: Some(stalled), ..io });
        }
    }

    /// Memory that cannot be had without swapping, and swap with the pages that moved in and out a second.
    fn add_memory(
        &mut self,
        memory: &Meminfo,
        stalled: Option<f64>,
        seconds: f64,
        levels: &mut Vec<ResourceLevel>,
    ) {
        // Before Linux 3.14 the kernel made no estimate of what is available.
        if let Some(available) = memory.mem_available {
            let used = memory.mem_total.saturating_sub(available) as f64;
            let total = Some(memory.mem_total as f64);
            let held = level("host memory", LevelUnit::Bytes, used, total);
            levels.push(ResourceLevel { saturation: stalled, ..held });
        }
        if memory.swap_total > 0 {
            let moved = procfs::vmstat().ok().and_then(|all| {
                let count = |name: &str| u64::try_from(*all.get(name)?).ok();
                Some(count("pswpin")? + count("pswpout")?)
            });
            let used = memory.swap_total.saturating_sub(memory.swap_free) as f64;
            let total = Some(memory.swap_total as f64);
            let swap = level("host swap", LevelUnit::Bytes, used, total);
            let saturation = self.swapped_pages.per_s(moved, seconds);
            levels.push(ResourceLevel { saturation, ..swap });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_every_level_of_it_is_sound() {
        let mut host = HostLevels::new();
        let mut levels = Vec::new();
        host.add(1.0, &mut levels);
        assert!(levels.iter().all(ResourceLevel::is_sound), "{levels:?}");
        let memory = levels.iter().find(|level| &*level.resource == "host memory");
        let ratio = memory.and_then(ResourceLevel::used_ratio);
        assert!(ratio.is_some_and(|ratio| ratio > 0.0 && ratio <= 1.0), "{levels:?}");
        let stalls = levels.iter().filter(|level| level.unit != LevelUnit::Bytes);
        let mut stalls = stalls.filter_map(|level| level.saturation);
        assert!(stalls.all(|share| (0.0..=1.0).contains(&share)), "{levels:?}");
    }
}
