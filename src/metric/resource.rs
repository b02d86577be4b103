//! What a process uses of its machine.

use serde::{Deserialize, Serialize};

/// One process's use of its machine at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceUse {
    /// CPU in percent of one core: 200 is two cores busy.
    pub cpu_percent: f64,
    /// CPU of the whole machine in percent of all cores, 0..=100.
    pub host_cpu_percent: f64,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Open file descriptors.
    pub open_files: u64,
    /// Established TCP connections of the process.
    pub connections: u64,
    /// Threads.
    pub threads: u64,
}
