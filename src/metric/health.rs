//! How near the load generator is to the limits of its machine.

use serde::{Deserialize, Serialize};

/// One second of the generator's machine. What the system does not tell is `None`; sums are since the sample before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorHealth {
    /// The time that the sums are over, in seconds; zero or more.
    pub interval_s: f64,
    /// Cores on which the scheduler may put this process (affinity), at least 1.
    pub allowed_cores: Option<u32>,
    /// The tightest CPU quota of the process's control group and those around it, in cores; `None` without a quota.
    pub quota_cores: Option<f64>,
    /// Quota periods in which the group that was held back most was held back.
    pub throttled_periods: Option<u64>,
    /// For how long the group that was held back most was held back, in seconds summed over cores.
    pub throttled_s: Option<f64>,
    /// Share of the machine's CPU time that its hypervisor gave to others, 0..=1.
    pub steal_ratio: Option<f64>,
    /// Open file descriptors of the process.
    pub open_files: Option<u64>,
    /// The soft limit of open file descriptors; `None` also when there is no limit.
    pub max_open_files: Option<u64>,
    /// Local ports in use towards the destination that has most of them, connections that linger after their end
    /// (`TIME_WAIT`) included.
    pub used_ports: Option<u64>,
    /// Local ports that the system hands out for one destination.
    pub available_ports: Option<u64>,
    /// Share of its link's speed that the busiest network interface used in its busier direction, 0..=1; loopback apart.
    pub link_ratio: Option<f64>,
    /// Packets that the network interfaces sent; loopback apart.
    pub sent_packets: Option<u64>,
    /// Packets that this machine dropped instead of sending them; loopback apart.
    pub send_drops: Option<u64>,
    /// TCP segments sent by this machine, loopback included.
    pub sent_segments: Option<u64>,
    /// Of these, those that were sent again because no answer came.
    pub resent_segments: Option<u64>,
}

impl GeneratorHealth {
    /// Cores of CPU time that the process may use: those of its affinity, or less by a quota; `None` when neither is known.
    #[must_use]
    pub fn cores(&self) -> Option<f64> {
        let allowed = self.allowed_cores.map(f64::from);
        match (allowed, self.quota_cores) {
            (Some(allowed), Some(quota)) => Some(allowed.min(quota)),
            (allowed, quota) => allowed.or(quota),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tighter_of_affinity_and_quota_holds() {
        let health = |allowed_cores, quota_cores| GeneratorHealth {
            allowed_cores,
            quota_cores,
            ..GeneratorHealth::default()
        };
        assert_eq!(health(Some(4), Some(0.2)).cores(), Some(0.2));
        assert_eq!(health(Some(2), Some(8.0)).cores(), Some(2.0));
        assert_eq!(health(Some(2), None).cores(), Some(2.0));
        assert_eq!(health(None, Some(1.5)).cores(), Some(1.5));
        assert_eq!(health(None, None).cores(), None);
    }

    #[test]
    fn a_sample_of_an_older_version_reads_with_what_it_lacks_unknown() {
        let old = r#"{"interval_s":1.0,"open_files":7}"#;
        let health: GeneratorHealth =
            serde_json::from_str(old).expect("missing fields are unknown");
        assert_eq!((health.open_files, health.used_ports), (Some(7), None));
    }
}
