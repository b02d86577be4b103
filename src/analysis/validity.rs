//! Whether a run's numbers are the target's, or those of the generator and its machine.
//!
//! Main function: [`judge`]. The signals and their limits are METHODS.md 7.2; each looks at a part of the [`Evidence`], and
//! the verdict is the worst of them. Where target and generator look alike from one side, a second signal decides: a
//! backlog with idle workers is the target's, one with busy workers the generator's.

mod bookkeeping;
mod machine;
mod schedule;
mod strain;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metric::resource::ResourceUse;
use crate::metric::window::TimeAccount;
use crate::metric::{GeneratorHealth, Histogram, Slice};

/// Whether numbers can be trusted, from best to worst.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Nothing speaks against them.
    #[default]
    Valid,
    /// They are worse than the target's, but not by much, or something could not be told apart.
    Degraded,
    /// They say more about the generator than about the target.
    Invalid,
}

impl Verdict {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Degraded => "DEGRADED",
            Self::Invalid => "INVALID",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Samples or windows were lost.
    RecorderLoss,
    /// The two accounts of the requests' time differ.
    LittleClosure,
    /// Requests left later than they were due.
    ScheduleLag,
    /// Iterations that were due never began.
    PlannedNotSent,
    /// The operating system kept the process from running.
    OsHiccup,
    /// A worker's thread had no time left.
    WorkerBusy,
    /// The process used most of the CPU that it may use.
    Cpu,
    /// The load came near the most that this machine can make.
    Ceiling,
    /// A CPU quota held the process back.
    Throttled,
    /// The hypervisor gave the machine's CPU to others.
    Steal,
    /// Iterations spent their time inside the generator.
    ClosedTime,
    /// Local ports ran short.
    LocalPorts,
    /// File descriptors ran short.
    OpenFiles,
    /// The network link or the packets of this machine.
    Network,
    /// The target runs on this machine, and its CPU was contended.
    SharedHost,
    /// Requests did not leave as the planned process of arrivals would have them.
    ArrivalLaw,
    /// The run never came to a steady state.
    NeverSteady,
}

/// One thing that speaks against a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// How bad it is; never [`Verdict::Valid`].
    pub verdict: Verdict,
    /// What it is about.
    pub signal: Signal,
    /// One sentence in lower case, with the figures and a way out.
    pub message: String,
}

/// Whether a run can be trusted, and why not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The worst of the reasons; valid without any.
    pub verdict: Verdict,
    /// Worst first.
    pub reasons: Vec<Reason>,
    /// What is good to know and speaks against nothing.
    pub notes: Vec<String>,
}

/// All that is known about how a run was made. What is not known stays as in the default, and is not judged.
#[derive(Debug, Clone, Default)]
pub struct Evidence<'a> {
    /// Whether all scenarios are closed: how much they send follows from how fast the target is.
    pub is_closed: bool,
    /// Whether the target runs on this machine.
    pub target_is_local: bool,
    /// The most virtual users that all open scenarios together may have.
    pub user_cap: Option<u64>,
    /// The whole second of the run's clock at which the evidence begins: zero for all of a run.
    pub from: Duration,
    /// The time axis, without setup and teardown.
    pub slices: &'a [Slice],
    /// Iterations that were due and waited for a free user, at the end of each second since `from`.
    pub backlog: &'a [u64],
    /// Busy share of each worker, 0..=1, in each second since `from`.
    pub worker_busy: &'a [Vec<f64>],
    /// `begun − intended` of the whole run.
    pub schedule_lag: Histogram,
    /// The median of the reported response times.
    pub response_p50: Option<Duration>,
    /// The 99th percentile of the reported response times.
    pub response_p99: Option<Duration>,
    /// By how much a sleeping thread overslept, whole run.
    pub hiccups: Histogram,
    /// The accounts of Little's law.
    pub time: TimeAccount,
    /// Iterations that ended.
    pub iterations: u64,
    /// Requests handed to the transport.
    pub sent: u64,
    /// Requests whose samples are in the totals after the end.
    pub sampled: u64,
    /// Windows of workers that never reached the totals.
    pub windows_lost: u64,
    /// Requests that failed because no local port was free.
    pub local_port_failures: u64,
    /// Requests that failed because the process may open no more files.
    pub local_file_failures: u64,
    /// What the generator used, once a second.
    pub resources: &'a [ResourceUse],
    /// The limits of the generator, once a second.
    pub health: &'a [GeneratorHealth],
    /// Requests a second of the whole run, and the most that `selftest` measured on this machine.
    pub throughput_and_ceiling_per_s: Option<(f64, f64)>,
    /// The p-value of the test that requests left as the planned process of arrivals has them, 0..=1.
    pub arrival_p_value: Option<f64>,
    /// The label of the steadiness certificate, such as `flat` or `never_steady`.
    pub steadiness: Option<String>,
}

/// Judges a run by everything that is known about how it was made.
#[must_use]
pub fn judge(evidence: &Evidence) -> Validity {
    let mut findings = Findings::default();
    bookkeeping::judge(evidence, &mut findings);
    schedule::judge(evidence, &mut findings);
    strain::judge(evidence, &mut findings);
    machine::judge(evidence, &mut findings);
    let Findings { mut reasons, notes } = findings;
    // Stable: within a verdict the order is that of the causes, from the bookkeeping outwards.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    let verdict = reasons.first().map_or(Verdict::Valid, |reason| reason.verdict);
    Validity { verdict, reasons, notes }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings {
    reasons: Vec<Reason>,
    notes: Vec<String>,
}

impl Findings {
    /// Adds a reason, unless `verdict` says that it is none.
    fn add(&mut self, verdict: Verdict, signal: Signal, message: impl FnOnce() -> String) {
        if verdict > Verdict::Valid {
            self.reasons.push(Reason { verdict, signal, message: message() });
        }
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

/// The verdict on a figure that must not be above its limits.
fn above<T: PartialOrd + Copy>(value: T, degraded: T, invalid: T) -> Verdict {
    if value > invalid {
        Verdict::Invalid
    } else if value > degraded {
        Verdict::Degraded
    } else {
        Verdict::Valid
    }
}

/// The verdict on something of which there must be none.
fn any(count: u64) -> Verdict {
    if count > 0 { Verdict::Invalid } else { Verdict::Valid }
}

/// A share for people: `83 %`, `1.2 %`.
fn percent(ratio: f64) -> String {
    let percent = 100.0 * ratio;
    if percent >= 9.95 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}
