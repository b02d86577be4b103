//! What saturates first: which resource of the target limits its throughput, or will (METHODS.md 7.1).
//!
//! The utilisation law says that a resource is used in proportion to throughput, `U = U0 + D·X`, so what a request demands of
//! it is known long before it is full, and `X_max = (capacity − U0)/D` is the throughput at which it will be. The resource
//! with the smallest `X_max` is the predicted bottleneck; it is the bottleneck when the measured capacity agrees and its
//! queue grows. A capacity far below every `X_max` is that of something nobody looked at.
//!
//! A pool that tells how much of it is used, of how much, and who waits, is a resource like any other.

mod fit;
mod signs;
#[cfg(test)]
mod tests;
mod verdict;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use super::load_point::LoadUnit;

/// How much of a resource was used at one load, averaged over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceLevel {
    /// Its name, such as `target cpu` or `db pool`; the words in it tell its [`Category`].
    pub resource: String,
    /// How much was used, in any unit: cores, bytes, connections.
    pub used: f64,
    /// How much there is, in the same unit; `None` when that is not known.
    pub capacity: Option<f64>,
    /// How much waited for it: a queue's length, waiters, a share of stalled time, drops per second; 0 without any, `None`
    /// when that is not known.
    pub saturation: Option<f64>,
}

/// Means of the parts of a request as the generator sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTimes {
    /// Until a new connection is there, TLS included.
    pub connect: Duration,
    /// From the request sent to the first byte.
    pub waiting: Duration,
    /// From the first byte to the last.
    pub receiving: Duration,
}

/// What was seen at one load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepUse {
    /// Requests that were due, per second; those of a closed load are the ones it sent.
    pub offered_per_s: f64,
    /// Virtual users of a closed load; `None` for an open one.
    pub users: Option<u64>,
    /// Successful requests, per second.
    pub throughput_per_s: f64,
    /// Share of requests that failed, 0..=1.
    pub error_ratio: f64,
    /// Mean response time.
    pub response_mean: Duration,
    /// Its parts, if they are known.
    pub client: Option<ClientTimes>,
    /// The resources, each at most once.
    pub uses: Vec<ResourceLevel>,
}

impl StepUse {
    fn load(&self, unit: LoadUnit) -> f64 {
        match unit {
            LoadUnit::PerSecond => self.offered_per_s,
            LoadUnit::Users => self.users.map_or(0.0, |users| users as f64),
        }
    }
}

/// The kind of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Sockets, open files, the queue of connections to accept.
    Connections,
    /// A pool of connections to a database.
    DatabasePool,
    /// Bandwidth.
    Network,
    /// Disks.
    Disk,
    /// Anything of the load generator's own.
    Generator,
    /// A resource of another kind: its name says which.
    Other,
    /// None of those that were observed.
    NoneObserved,
}

/// The words of a resource's name that tell its category. The first row that has one of them counts.
const CATEGORY_WORDS: &[(Category, &[&str])] = &[
    (Category::Generator, &["generator"]),
    (Category::Other, &["thread", "threads", "worker", "workers"]),
    (Category::DatabasePool, &["pool", "database", "db", "sql"]),
    (Category::Cpu, &["cpu", "cpus", "core", "cores"]),
    (Category::Memory, &["memory", "swap", "heap"]),
    (Category::Disk, &["disk", "disks", "io"]),
    (Category::Network, &["network", "link", "bandwidth"]),
    (
        Category::Connections,
        &[
            "connection",
            "connections",
            "accept",
            "backlog",
            "listen",
            "socket",
            "sockets",
            "files",
            "ports",
        ],
    ),
];

impl Category {
    /// The category of a resource by the words of its name: `host cpu` is [`Category::Cpu`], `db connections` a pool.
    #[must_use]
    pub fn of(resource: &str) -> Self {
        let name = resource.to_lowercase();
        let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
        let has_one = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
        let row = CATEGORY_WORDS.iter().find(|(_, wanted)| has_one(wanted));
        row.map_or(Self::Other, |(category, _)| *category)
    }

    /// The word of reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Connections => "connections",
            Self::DatabasePool => "database pool",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Generator => "the generator",
            Self::Other => "another resource",
            Self::NoneObserved => "none observed",
        }
    }
}

/// How much speaks for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A hint of where to look.
    Low,
    /// One of demand and queue speaks for it, and nothing against.
    Medium,
    /// Demand and queue agree with the measured capacity.
    High,
}

/// What a resource has to do with throughput.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceFit {
    /// Its name.
    pub resource: String,
    /// Its kind.
    pub category: Category,
    /// D: how much of it one request per second takes, in its unit; `None` for fewer than three usable steps.
    pub demand_per_request: Option<f64>,
    /// U0: how much of it is used without load; likewise.
    pub idle_used: Option<f64>,
    /// `X_max`: throughput per second at which it is full; `None` when its capacity is unknown or its use does not grow.
    pub at_capacity_per_s: Option<f64>,
    /// Lower end of the 90 % interval of `X_max`.
    pub lower_per_s: Option<f64>,
    /// Upper end of it; `None` when its use may as well not grow.
    pub upper_per_s: Option<f64>,
    /// Steps that the line was drawn through.
    pub fitted_steps: usize,
    /// The largest share of it in use near the top of throughput; `None` without a capacity.
    pub used_ratio_at_top: Option<f64>,
    /// Whether it was full, or was waited for, to the end of the load.
    pub saturated: bool,
}

/// The load from which on something was no longer as it is at low load, to the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    /// A resource, or `response time`.
    pub what: String,
    /// The load of that step.
    pub load: f64,
    /// By how much less load than response times; negative for later than they; `None` if these did not leave theirs.
    pub lead: Option<f64>,
}

/// The part of a request that grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientPart {
    /// Connecting: the queue of connections to accept, or lost SYN packets.
    Connect,
    /// Waiting for the first byte: the service.
    Waiting,
    /// Receiving the body: bandwidth.
    Receiving,
}

/// What limits throughput.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// The kind of what limits.
    pub category: Category,
    /// Its name; `None` when no observed resource is it.
    pub resource: Option<String>,
    /// The capacity was not reached: the resource will be the first.
    pub is_prediction: bool,
    /// How much speaks for it.
    pub confidence: Confidence,
    /// The measured capacity that the resources were compared with, per second; `None` for a prediction.
    pub capacity_per_s: Option<f64>,
    /// The verdict in sentences.
    pub words: String,
    /// What the loads of `signs` count.
    pub unit: LoadUnit,
    /// All resources, the smallest `X_max` first, those without one last.
    pub evidence: Vec<ResourceFit>,
    /// What left its baseline, in the order of load.
    pub signs: Vec<Sign>,
    /// The part of a request that at least 70 % of its growth is due to.
    pub client: Option<ClientPart>,
}

/// Judges what limits throughput from steps of load in any order, and the capacity per second if it was measured.
///
/// Without one, the most throughput of the steps counts as the capacity when a step finished less than 90 % of what came, or
/// a saturated resource would be full there; otherwise the verdict is a prediction. Steps whose figures are no numbers are
/// left out.
#[must_use]
pub fn rank(steps: &[StepUse], capacity_per_s: Option<f64>) -> Bottleneck {
    let is_usable = |step: &&StepUse| {
        let figures = [step.offered_per_s, step.throughput_per_s, step.error_ratio];
        figures.iter().all(|figure| figure.is_finite() && *figure >= 0.0)
    };
    let mut sorted: Vec<&StepUse> = steps.iter().filter(is_usable).collect();
    let is_closed = !sorted.is_empty() && sorted.iter().all(|step| step.users.is_some());
    let unit = if is_closed { LoadUnit::Users } else { LoadUnit::PerSecond };
    sorted.sort_by(|a, b| a.load(unit).total_cmp(&b.load(unit)));
    let tracks = fit::tracks(&sorted);
    let mut evidence: Vec<ResourceFit> =
        tracks.iter().map(|track| fit::resource_fit(track, &sorted)).collect();
    let full_at = |fit: &ResourceFit| fit.at_capacity_per_s.unwrap_or(f64::INFINITY);
    evidence.sort_by(|a, b| full_at(a).total_cmp(&full_at(b)));
    verdict::judge(verdict::Case {
        capacity_per_s: capacity_per_s.filter(|capacity| capacity.is_finite() && *capacity > 0.0),
        signs: signs::signs(&tracks, &sorted, unit),
        unit,
        client: signs::grown_part(&sorted),
        steps: sorted,
        evidence,
    })
}
