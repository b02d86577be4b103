//! The machine that a calibration is of.

use crate::script::fingerprint;
use crate::watch::{HostInfo, host_info};

/// Where Linux keeps a name that outlives boots (machine-id(5)).
const MACHINE_ID: &str = "/etc/machine-id";

/// This machine, as far as it bears on how much load it can make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The name under which its calibrations are kept: the host, a hash of what tells it from others of that name, and the
    /// cores that this process may use. A container with another name or quota is another machine, and measured anew.
    pub key: String,
    /// The host's name.
    pub host: String,
    /// Logical cores that this process may use.
    pub cores: usize,
    /// Kernel and its version.
    pub os: String,
}

impl Machine {
    /// The machine that this process is on.
    #[must_use]
    pub fn this() -> Self {
        Self::new(host_info(), &std::fs::read_to_string(MACHINE_ID).unwrap_or_default())
    }

    fn new(info: HostInfo, id: &str) -> Self {
        let HostInfo { host, cores, os } = info;
        // machine-id(5) asks that the id itself be shown to nobody.
        let key = format!("{host}/{}/{cores}", fingerprint([id.trim()]));
        Self { key, host, cores, os }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_id_and_cores_tell_machines_apart_and_a_new_kernel_does_not() {
        let info = |host: &str, cores, os: &str| HostInfo {
            host: host.to_owned(),
            cores,
            os: os.to_owned(),
        };
        let one = Machine::new(info("a", 2, "Linux 6.1"), "4d1f\n");
        assert_eq!(one.key, Machine::new(info("a", 2, "Linux 6.2"), "4d1f").key);
        for other in [
            Machine::new(info("b", 2, "Linux 6.1"), "4d1f"),
            Machine::new(info("a", 4, "Linux 6.1"), "4d1f"),
            Machine::new(info("a", 2, "Linux 6.1"), "5e20"),
        ] {
            assert_ne!(one.key, other.key);
        }
        assert!(!one.key.contains("4d1f"), "the id is not told: {}", one.key);
    }
}
