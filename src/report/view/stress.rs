//! A search for the breaking point in the record's JSON: its fields stand beside the run's own.

use serde::Serialize;

use super::times::to_ms;
use crate::analysis::knee::{Knee, LoadPoint};
use crate::analysis::saturation::{Bottleneck, ClientPart, Confidence, ResourceFit, Sign};
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
    /// The curve: a point for each load, times in seconds.
    pub curve: Vec<CurvePoint>,
    /// What saturates first, with the evidence.
    pub bottleneck: Option<BottleneckView>,
}

/// One load of the curve.
#[derive(Debug, Clone, Serialize)]
pub struct CurvePoint {
    /// Requests that were due, per second.
    pub offered_per_s: f64,
    /// Users of a closed load.
    pub users: Option<u64>,
    /// Successful requests, per second.
    pub achieved_per_s: f64,
    /// Share of requests that failed.
    pub error_ratio: f64,
    /// Requests in flight, mean.
    pub in_flight_mean: f64,
    /// Mean response time.
    pub response_mean_ms: f64,
    /// Median response time.
    pub response_p50_ms: Option<f64>,
    /// 99th percentile of the response times.
    pub response_p99_ms: Option<f64>,
}

/// What saturates first.
#[derive(Debug, Clone, Serialize)]
pub struct BottleneckView {
    /// The name of the resource, or the category where no observed resource is it.
    pub resource: String,
    /// `cpu`, `memory`, `connections`, `database pool`, `network`, `disk`, `the generator`, `another resource` or `none observed`.
    pub category: &'static str,
    /// Whether the capacity was not reached: the resource will be the first.
    pub is_prediction: bool,
    /// `low`, `medium` or `high`.
    pub confidence: Confidence,
    /// The verdict in sentences.
    pub words: String,
    /// All resources, the one that is full first first.
    pub evidence: Vec<ResourceFit>,
    /// What left its baseline, in the order of load.
    pub signs: Vec<Sign>,
    /// The part of a request that grew.
    pub client: Option<ClientPart>,
}

impl BottleneckView {
    fn of(found: &Bottleneck) -> Self {
        let category = found.category.as_str();
        let fit = |fit: &ResourceFit| ResourceFit { resource: clean(&fit.resource), ..fit.clone() };
        let sign = |sign: &Sign| Sign { what: clean(&sign.what), ..sign.clone() };
        Self {
            resource: found.resource.as_deref().map_or_else(|| category.to_owned(), clean),
            category,
            is_prediction: found.is_prediction,
            confidence: found.confidence,
            words: clean(&found.words),
            evidence: found.evidence.iter().map(fit).collect(),
            signs: found.signs.iter().map(sign).collect(),
            client: found.client,
        }
    }
}

impl CurvePoint {
    fn of(point: &LoadPoint) -> Self {
        Self {
            offered_per_s: point.offered_per_s,
            users: point.users,
            achieved_per_s: point.goodput_per_s,
            error_ratio: point.error_ratio,
            in_flight_mean: point.mean_in_flight,
            response_mean_ms: to_ms(point.response_mean),
            response_p50_ms: point.response_p50.map(to_ms),
            response_p99_ms: point.response_p99.map(to_ms),
        }
    }
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
            curve: finding.curve.iter().map(CurvePoint::of).collect(),
            bottleneck: finding.bottleneck.as_ref().map(BottleneckView::of),
            knee: finding.knee.clone().map(|knee| Knee { usl: None, ..knee }),
            finding,
        }
    }
}
