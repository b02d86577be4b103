//! Which probe comes next, and what one that ended means: a search by `analysis::search`, or the points of a sweep.

use std::collections::VecDeque;
use std::time::Duration;

use super::measure::Measured;
use super::settings::StressSettings;
use crate::metric::Slice;
use crate::plan::{Probe, ProbeLoad};
use crate::record::{ProbePurpose, ProbeRecord, StressFinding, StressState};

/// The next probe.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) load: ProbeLoad,
    pub(super) purpose: ProbePurpose,
    /// The measured part.
    pub(super) length: Duration,
    /// For how long the target is left alone before it.
    pub(super) rest: Duration,
}

/// Says what to probe.
#[derive(Debug)]
pub(super) struct Guide {
    sweep: VecDeque<ProbeLoad>,
    probe: Duration,
    limited: Option<String>,
}

impl Guide {
    pub(super) fn new(settings: &StressSettings) -> Self {
        Self {
            sweep: settings.sweep.iter().copied().collect(),
            probe: settings.probe,
            limited: None,
        }
    }

    pub(super) fn next(&mut self, _now: Duration) -> Option<Wanted> {
        if self.limited.is_some() {
            return None;
        }
        let load = self.sweep.pop_front()?;
        Some(Wanted {
            load,
            purpose: ProbePurpose::Sweep,
            length: self.probe,
            rest: Duration::ZERO,
        })
    }

    pub(super) fn bounds(&self) -> (Option<f64>, Option<f64>) {
        (None, None)
    }

    pub(super) fn generator_limited(&mut self, _record: &mut ProbeRecord, why: String) {
        self.limited = Some(why);
    }

    pub(super) fn conclude(
        &mut self,
        _measured: &Measured,
        _record: &mut ProbeRecord,
        _settings: &StressSettings,
    ) {
    }

    pub(super) fn has_seen_enough(
        &mut self,
        _probe: &Probe,
        _slices: &[Slice],
        _backlog: &[u64],
    ) -> bool {
        false
    }

    pub(super) fn finding(
        self,
        state: StressState,
        settings: &StressSettings,
        per_iteration: f64,
        probes: Vec<ProbeRecord>,
    ) -> StressFinding {
        StressFinding {
            state,
            strategy: "sweep".to_owned(),
            objective: settings.objective.as_ref().map(|objective| objective.text.clone()),
            error_threshold: settings.error_threshold,
            requests_per_iteration: per_iteration,
            is_generator_limited: self.limited.is_some(),
            irregular: self
                .limited
                .into_iter()
                .map(|why| format!("generator limited: {why}"))
                .collect(),
            probes,
            ..StressFinding::default()
        }
    }
}
