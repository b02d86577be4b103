//! What saturates first: the resources that were in use at each load, taken to `analysis::saturation`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::saturation::{Bottleneck, ClientTimes, ResourceLevel, StepUse, rank};
use crate::plan::ProbeLoad;
use crate::record::{LevelSample, ProbePurpose, ProbeRecord, RunRecord, StressFinding};

/// Levels are sampled once a second, over the second before: the first of a probe is of what was before it.
const FIRST_SAMPLE_AFTER: f64 = 0.9;

/// What limits the target, by all probes whose load tells; `None` when there are none.
pub(super) fn bottleneck(found: &StressFinding, record: &RunRecord) -> Option<Bottleneck> {
    let tells = |probe: &&ProbeRecord| {
        let is_load = matches!(
            probe.purpose,
            ProbePurpose::Search | ProbePurpose::Sweep | ProbePurpose::Hold
        );
        is_load && probe.planned > 0
    };
    let mut by_load: BTreeMap<u64, Vec<&ProbeRecord>> = BTreeMap::new();
    for probe in found.probes.iter().filter(tells) {
        by_load.entry(key(probe.load)).or_default().push(probe);
    }
    let steps: Vec<StepUse> = by_load.values().map(|probes| step(probes, &record.levels)).collect();
    let capacity = found.capacity.map(|capacity| capacity.value);
    (!steps.is_empty()).then(|| rank(&steps, capacity))
}

/// The same for the same load: to a thousandth of a request a second.
fn key(load: ProbeLoad) -> u64 {
    match load {
        ProbeLoad::PerSecond(per_s) => (per_s * 1e3).round() as u64,
        ProbeLoad::Users(users) => users,
    }
}

/// One load: its probes together, each weighed by its seconds.
fn step(probes: &[&ProbeRecord], levels: &[LevelSample]) -> StepUse {
    let seconds: f64 = probes.iter().map(|probe| probe.measured_s).sum();
    let mean = |value: &dyn Fn(&ProbeRecord) -> f64| {
        probes.iter().map(|probe| value(probe) * probe.measured_s).sum::<f64>() / seconds.max(1e-9)
    };
    let time = |value: &dyn Fn(&ProbeRecord) -> Option<f64>| {
        let ms = mean(&|probe| value(probe).unwrap_or(0.0));
        Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
    };
    StepUse {
        offered_per_s: mean(&|probe| probe.offered_per_s),
        users: match probes.first().map(|probe| probe.load) {
            Some(ProbeLoad::Users(users)) => Some(users),
            _ => None,
        },
        throughput_per_s: mean(&|probe| probe.achieved_per_s),
        error_ratio: mean(&|probe| probe.error_ratio),
        response_mean: time(&|probe| probe.response_mean_ms),
        client: Some(ClientTimes {
            connect: time(&|probe| probe.connect_mean_ms),
            waiting: time(&|probe| probe.waiting_mean_ms),
            receiving: time(&|probe| probe.receiving_mean_ms),
        }),
        uses: uses(probes, levels),
    }
}

/// Each resource while the load was held, averaged over time.
fn uses(probes: &[&ProbeRecord], levels: &[LevelSample]) -> Vec<ResourceLevel> {
    let is_within = |sample: &&LevelSample| {
        let at = sample.at.as_secs_f64();
        probes.iter().any(|probe| {
            at >= probe.start_s + FIRST_SAMPLE_AFTER && at <= probe.start_s + probe.measured_s + 0.5
        })
    };
    let mut by_resource: BTreeMap<&str, Vec<&LevelSample>> = BTreeMap::new();
    for sample in levels.iter().filter(is_within) {
        by_resource.entry(&*sample.level.resource).or_default().push(sample);
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, count) =
            values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let level = |(resource, samples): (&str, Vec<&LevelSample>)| {
        Some(ResourceLevel {
            resource: resource.to_owned(),
            used: mean(&mut samples.iter().map(|sample| sample.level.used))?,
            capacity: mean(&mut samples.iter().filter_map(|sample| sample.level.capacity)),
            saturation: mean(&mut samples.iter().filter_map(|sample| sample.level.saturation)),
        })
    };
    by_resource.into_iter().filter_map(level).collect()
}
