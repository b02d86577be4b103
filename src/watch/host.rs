//! The CPU time of the whole machine.

use procfs::{CurrentSI, KernelStats};

/// The machine's CPU time until now, in ticks of all cores together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HostTicks {
    all: u64,
    idle: u64,
    steal: u64,
}

/// What became of the machine's CPU time over an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct HostShares {
    /// Share that was not idle, 0..=1, stolen time included.
    pub(super) busy: f64,
    /// Share that the hypervisor gave to others while somebody here wanted it, 0..=1.
    pub(super) steal: f64,
}

impl HostTicks {
    /// Zero where the system does not tell.
    pub(super) fn now() -> Self {
        let Ok(stats) = KernelStats::current() else { return Self::default() };
        let total = stats.total;
        let idle = total.idle + total.iowait.unwrap_or(0);
        let interrupts = total.irq.unwrap_or(0) + total.softirq.unwrap_or(0);
        let steal = total.steal.unwrap_or(0);
        // Guest time is part of user time already.
        let busy = total.user + total.nice + total.system + interrupts + steal;
        Self { all: busy + idle, idle, steal }
    }

    /// What became of the time since the last call; `None` when no tick passed.
    pub(super) fn shares(&mut self) -> Option<HostShares> {
        let before = std::mem::replace(self, Self::now());
        self.shares_since(before)
    }

    fn shares_since(&self, before: Self) -> Option<HostShares> {
        let all = self.all.saturating_sub(before.all);
        // The kernel's idle time may run backwards by a tick.
        let idle = self.idle.saturating_sub(before.idle).min(all);
        let steal = self.steal.saturating_sub(before.steal).min(all - idle);
        let share = |ticks: u64| ticks as f64 / all as f64;
        (all > 0).then(|| HostShares { busy: share(all - idle), steal: share(steal) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_busy_time_and_told_apart() {
        let before = HostTicks { all: 1000, idle: 400, steal: 10 };
        let after = HostTicks { all: 1200, idle: 450, steal: 60 };
        assert_eq!(after.shares_since(before), Some(HostShares { busy: 0.75, steal: 0.25 }));
        assert_eq!(before.shares_since(before), None, "no time passed");
        let backwards = HostTicks { idle: 399, all: 1001, steal: 10 };
        assert_eq!(backwards.shares_since(before), Some(HostShares { busy: 1.0, steal: 0.0 }));
    }
}
