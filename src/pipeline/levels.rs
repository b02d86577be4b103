//! The levels of resources over a run, within bounds of memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::record::LevelSample;

/// Distinct resources that are kept: some ten of the machine and fifty of the target's own.
const MAX_RESOURCES: usize = 64;
/// Samples that are kept of a run, 20 MB: four hours of 15 resources each second. Beyond, two moments become one.
const MAX_SAMPLES: usize = 216_000;

/// Gathers levels.
#[derive(Debug, Default)]
pub(super) struct Levels {
    resources: BTreeSet<Arc<str>>,
    interval: Vec<LevelSample>,
    all: Vec<LevelSample>,
    overflowed: u64,
}

impl Levels {
    /// Takes in the levels of a moment. Those that are no figures, and those of resources beyond the bound, are counted.
    pub(super) fn add(&mut self, samples: Vec<LevelSample>) {
        for mut sample in samples {
            match self.resources.get(&sample.level.resource) {
                // One text for all its samples.
                Some(known) => sample.level.resource = known.clone(),
                None if self.resources.len() < MAX_RESOURCES => {
                    self.resources.insert(sample.level.resource.clone());
                }
                None => {
                    self.overflowed += 1;
                    continue;
                }
            }
            if !sample.level.is_sound() {
                self.overflowed += 1;
                continue;
            }
            self.interval.push(sample.clone());
            self.all.push(sample);
        }
        if self.all.len() > MAX_SAMPLES {
            self.all = halved(&self.all);
        }
    }

    /// Those since the last call.
    pub(super) fn take_interval(&mut self) -> Vec<LevelSample> {
        std::mem::take(&mut self.interval)
    }

    /// Those of the run.
    pub(super) fn all(&self) -> &[LevelSample] {
        &self.all
    }

    /// How many were counted and not kept.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }
}

/// Two moments of each resource as one, at the later: what was used on average, and the larger saturation, for a queue that
/// is seen once has been there.
fn halved(samples: &[LevelSample]) -> Vec<LevelSample> {
    let mut waiting: BTreeMap<Arc<str>, &LevelSample> = BTreeMap::new();
    let mut kept: Vec<LevelSample> = Vec::with_capacity(samples.len() / 2 + MAX_RESOURCES);
    for sample in samples {
        let Some(first) = waiting.remove(&sample.level.resource) else {
            waiting.insert(sample.level.resource.clone(), sample);
            continue;
        };
        let mut merged = sample.clone();
        merged.level.used = f64::midpoint(first.level.used, sample.level.used);
        merged.level.saturation = match (first.level.saturation, sample.level.saturation) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        kept.push(merged);
    }
    kept.extend(waiting.into_values().cloned());
    kept.sort_by_key(|sample| sample.at);
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metric::{LevelUnit, ResourceLevel};

    fn sample(second: u64, resource: &str, used: f64) -> LevelSample {
        let level = ResourceLevel {
            resource: resource.into(),
            unit: LevelUnit::Count,
            used,
            capacity: None,
            saturation: Some(used),
        };
        LevelSample { at: Duration::from_secs(second), level }
    }

    #[test]
    fn resources_beyond_the_bound_are_counted_and_known_ones_go_on() {
        let mut levels = Levels::default();
        let moment = |second| (0..70).map(|n| sample(second, &format!("r{n:02}"), 1.0)).collect();
        levels.add(moment(1));
        levels.add(moment(2));
        assert_eq!((levels.all().len(), levels.overflowed()), (128, 12));
        assert_eq!(levels.take_interval().len(), 128);
        assert_eq!(levels.take_interval(), []);
        assert_eq!(levels.all().len(), 128, "what was taken stays in the record");
    }

    #[test]
    fn what_is_no_figure_is_counted_and_not_kept() {
        let mut levels = Levels::default();
        levels.add(vec![sample(1, "a", f64::NAN), sample(1, "a", -1.0), sample(1, "a", 3.0)]);
        assert_eq!((levels.all().len(), levels.overflowed()), (1, 2));
    }

    #[test]
    fn a_run_of_days_keeps_its_course_its_mean_and_its_peaks_of_saturation() {
        let mut levels = Levels::default();
        let seconds = 3 * MAX_SAMPLES as u64 / 2;
        (0..seconds).for_each(|second| {
            let used = if second == 777 { 9.0 } else { 1.0 };
            levels.add(vec![sample(second, "a", used), sample(second, "b", 2.0)]);
        });
        let all = levels.all();
        assert!(all.len() <= MAX_SAMPLES && all.len() >= MAX_SAMPLES / 2, "{}", all.len());
        assert!(all.is_sorted_by_key(|sample| sample.at));
        assert!(all.iter().any(|sample| sample.level.saturation == Some(9.0)), "the peak is there");
        let last = all.last().expect("levels").at;
        assert_eq!(last, Duration::from_secs(seconds - 1));
        assert!(all.iter().filter(|s| &*s.level.resource == "b").all(|s| s.level.used == 2.0));
    }
}
