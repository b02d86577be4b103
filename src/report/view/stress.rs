//! A search for the breaking point in the record's JSON: its fields stand beside the run's own.

use serde::Serialize;

use crate::analysis::knee::Knee;
use crate::analysis::usl::UslFit;
use crate::record::{Breakdown, Capacity, ProbeRecord, StressFinding, Sustainable};
use crate::report::clean::clean;

/// What a search or a sweep found.
#[derive(Debug, Clone, Serialize)]
pub struct StressView {
    /// What is not a field of its own, for text.
    #[serde(skip)]
    pub finding: StressFinding,
    /// How it went about it, and how far it came.
    pub stress: StressHead,
    /// The highest load that is borne, in requests a second.
    pub max_sustainable: Option<Sustainable>,
    /// Where it breaks, in requests a second.
    pub breakdown: Option<Breakdown>,
    /// What it finishes at most.
    pub capacity: Option<Capacity>,
    /// Every probe.
    pub probes: Vec<ProbeRecord>,
    /// Where it begins to suffer, by every definition but the scalability law.
    pub knee: Option<Knee>,
    /// The Universal Scalability Law; `None` where it was refused.
    pub usl: Option<UslFit>,
}

/// How a search went about it.
#[derive(Debug, Clone, Serialize)]
pub struct StressHead {
    /// `COMPLETED` or `ERROR`.
    pub state: &'static str,
    /// `mlr`, `bisect` or `sweep`.
    pub strategy: String,
    /// The objective as it was written.
    pub objective: Option<String>,
    /// The share of bad requests that counts as breaking.
    pub error_threshold: f64,
    /// Mean requests of an iteration.
    pub requests_per_iteration: f64,
    /// What was out of the ordinary.
    pub irregular: Vec<String>,
    /// Whether the generator was the limit.
    pub is_generator_limited: bool,
}

impl StressView {
    pub(super) fn of(finding: &StressFinding) -> Self {
        let mut finding = finding.clone();
        for probe in &mut finding.probes {
            probe.reason = clean(&probe.reason);
            probe.failure = probe.failure.as_deref().map(clean);
        }
        finding.irregular.iter_mut().for_each(|sentence| *sentence = clean(sentence));
        finding.objective = finding.objective.as_deref().map(clean);
        Self {
            stress: StressHead {
                state: finding.state.as_str(),
                strategy: clean(&finding.strategy),
                objective: finding.objective.clone(),
                error_threshold: finding.error_threshold,
                requests_per_iteration: finding.requests_per_iteration,
                irregular: finding.irregular.clone(),
                is_generator_limited: finding.is_generator_limited,
            },
            max_sustainable: finding.max_sustainable,
            breakdown: finding.breakdown.clone(),
            capacity: finding.capacity,
            probes: finding.probes.clone(),
            usl: finding.knee.as_ref().and_then(|knee| knee.usl.clone()),
            knee: finding.knee.clone().map(|knee| Knee { usl: None, ..knee }),
            finding,
        }
    }
}
