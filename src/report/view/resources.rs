//! What generator and target used.

use serde::Serialize;

use super::levels::{LevelView, levels};
use super::times::to_s;
use crate::record::{
    ResourceOwner, ResourceSample, ResourceUse, RunRecord, ScrapeAccount, SourceAccount,
};
use crate::report::clean::clean;

/// What was in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourcesView {
    /// This process; `None` when it was not watched.
    pub generator: Option<ResourceView>,
    /// The system under test; `None` when it was not watched.
    pub target: Option<ResourceView>,
    /// How much of each resource was in use.
    pub levels: Vec<LevelView>,
    /// Levels that were counted and not kept.
    pub levels_overflowed: u64,
    /// Each page of metrics that was fetched.
    pub scrapes: Vec<ScrapeAccount>,
}

impl ResourcesView {
    pub(super) fn of(record: &RunRecord) -> Self {
        let of = |owner| {
            let own: Vec<_> =
                record.resources.iter().filter(|s| s.owner == owner).copied().collect();
            ResourceView::of(&own)
        };
        let SourceAccount { levels_overflowed, scrapes } = &record.findings.sources;
        Self {
            generator: of(ResourceOwner::Generator),
            target: of(ResourceOwner::Target),
            levels: levels(&record.levels),
            levels_overflowed: *levels_overflowed,
            scrapes: scrapes.iter().map(cleaned).collect(),
        }
    }
}

/// What others sent, fit to be shown.
fn cleaned(scrape: &ScrapeAccount) -> ScrapeAccount {
    ScrapeAccount {
        url: clean(&scrape.url),
        last_error: scrape.last_error.as_deref().map(clean),
        ..*scrape
    }
}

/// One owner over the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceView {
    /// CPU in percent of one core.
    pub cpu_percent: MeanMax,
    /// CPU of the whole machine in percent of all cores.
    pub host_cpu_percent: MeanMax,
    /// Resident memory.
    pub memory_bytes: MaxLast,
    /// Open file descriptors.
    pub open_files: MaxLast,
    /// Established TCP connections.
    pub connections: MaxLast,
    /// Threads.
    pub threads: MaxLast,
    /// Each sample.
    pub samples: Vec<ResourceSampleView>,
}

/// Of something that goes up and down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanMax {
    /// Over all samples.
    pub mean: f64,
    /// The largest.
    pub max: f64,
}

/// Of something that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MaxLast {
    /// The largest.
    pub max: u64,
    /// The last.
    pub last: u64,
}

/// One moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ResourceSampleView {
    /// From the start of the run.
    pub at_s: f64,
    /// What was in use.
    #[serde(flatten)]
    pub usage: ResourceUse,
}

impl ResourceView {
    fn of(samples: &[ResourceSample]) -> Option<Self> {
        let last = samples.last()?.usage;
        let held = |figure: fn(&ResourceUse) -> u64| MaxLast {
            max: samples.iter().map(|s| figure(&s.usage)).max().unwrap_or(0),
            last: figure(&last),
        };
        let moving = |figure: fn(&ResourceUse) -> f64| {
            let all = || samples.iter().map(|s| figure(&s.usage));
            let mean = all().sum::<f64>() / samples.len() as f64;
            MeanMax { mean: tenth(mean), max: tenth(all().fold(0.0, f64::max)) }
        };
        Some(Self {
            cpu_percent: moving(|u| u.cpu_percent),
            host_cpu_percent: moving(|u| u.host_cpu_percent),
            memory_bytes: held(|u| u.memory_bytes),
            open_files: held(|u| u.open_files),
            connections: held(|u| u.connections),
            threads: held(|u| u.threads),
            samples: samples
                .iter()
                .map(|sample| ResourceSampleView { at_s: to_s(sample.at), usage: sample.usage })
                .collect(),
        })
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
