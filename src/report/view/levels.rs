//! How much of each resource was in use.

use std::collections::BTreeMap;

use serde::Serialize;

use super::resources::MeanMax;
use super::times::to_s;
use crate::metric::LevelUnit;
use crate::record::LevelSample;
use crate::report::clean::clean;

/// One resource over the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelView {
    /// Whose and what.
    pub resource: String,
    /// What its figures are.
    pub unit: LevelUnit,
    /// How much was in use.
    pub used: MeanMax,
    /// How much there was, the last time that somebody said.
    pub capacity: Option<f64>,
    /// Share of the capacity that was in use at most, 0..=1, or more where the capacity is no hard one.
    pub used_ratio_max: Option<f64>,
    /// How much more was wanted; `None` when nobody says.
    pub saturation: Option<MeanMax>,
    /// Each sample.
    pub samples: Vec<LevelSampleView>,
}

/// One moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LevelSampleView {
    /// From the start of the run.
    pub at_s: f64,
    /// How much was in use.
    pub used: f64,
    /// How much there was.
    pub capacity: Option<f64>,
    /// How much more was wanted.
    pub saturation: Option<f64>,
}

/// Each resource, in the order of their names.
pub(super) fn levels(samples: &[LevelSample]) -> Vec<LevelView> {
    let mut by_resource: BTreeMap<&str, Vec<&LevelSample>> = BTreeMap::new();
    for sample in samples {
        by_resource.entry(&sample.level.resource).or_default().push(sample);
    }
    by_resource.into_iter().filter_map(|(resource, samples)| level(resource, &samples)).collect()
}

fn level(resource: &str, samples: &[&LevelSample]) -> Option<LevelView> {
    let last = samples.last()?;
    let levels = || samples.iter().map(|sample| &sample.level);
    Some(LevelView {
        resource: clean(resource),
        unit: last.level.unit,
        used: mean_max(levels().map(|level| level.used))?,
        capacity: levels().rev().find_map(|level| level.capacity),
        used_ratio_max: levels().filter_map(|level| level.used_ratio()).reduce(f64::max),
        saturation: mean_max(levels().filter_map(|level| level.saturation)),
        samples: samples
            .iter()
            .map(|sample| LevelSampleView {
                at_s: to_s(sample.at),
                used: sample.level.used,
                capacity: sample.level.capacity,
                saturation: sample.level.saturation,
            })
            .collect(),
    })
}

/// `None` of nothing.
fn mean_max(values: impl Iterator<Item = f64> + Clone) -> Option<MeanMax> {
    let max = values.clone().reduce(f64::max)?;
    let count = values.clone().count();
    Some(MeanMax { mean: values.sum::<f64>() / count as f64, max })
}
