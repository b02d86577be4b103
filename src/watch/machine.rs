//! What the whole machine has in use now, for whoever asks now and then.

use sysinfo::System;

/// Looks at the machine when it is asked.
#[derive(Debug)]
pub struct MachineWatch {
    /// `None` where the system tells nothing; every figure is zero then.
    system: Option<System>,
}

/// What the machine has in use.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MachineNow {
    /// Of all cores since the last look, 0..=100; looks within 200 ms give the same.
    pub cpu_percent: f64,
    /// Memory that is not available to programs.
    pub memory_used_bytes: u64,
    /// All memory.
    pub memory_total_bytes: u64,
    /// Cores that this process may use.
    pub cores: usize,
    /// Processes that ran or wanted to, mean of the last minute.
    pub load_1m: f64,
}

impl MachineWatch {
    /// Begins to count.
    #[must_use]
    pub fn new() -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        Self { system }
    }

    /// Looks.
    pub fn sample(&mut self) -> MachineNow {
        let cores = super::host_info().cores;
        let load_1m = System::load_average().map_or(0.0, |load| load.one);
        let Some(system) = &mut self.system else {
            return MachineNow { cores, load_1m, ..MachineNow::default() };
        };
        system.refresh_cpu_usage();
        system.refresh_memory();
        let total = system.total_memory();
        MachineNow {
            cpu_percent: f64::from(system.global_cpu_usage()).clamp(0.0, 100.0),
            memory_used_bytes: total.saturating_sub(system.available_memory()),
            memory_total_bytes: total,
            cores,
            load_1m,
        }
    }
}

impl Default for MachineWatch {
    fn default() -> Self {
        Self::new()
    }
}
