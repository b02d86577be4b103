//! Which throughput of a run counts as what its target carries.

use std::path::Path;

use serde::Serialize;

use crate::analysis::load_point::{LoadPoint, LoadUnit};
use crate::plan::{Executor, TestType};
use crate::record::{RunRecord, StressFinding, StressState};

/// So much failed or was never begun, and an open load still met no limit; less growth between two loads is none.
const SLIGHT: f64 = 0.05;

/// What a throughput is, the one that says most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureKind {
    /// What a search found to be borne within its objective.
    MaxSustainable,
    /// What the target of a search finished while more arrived.
    Capacity,
    /// The most that succeeded at any load of a sweep.
    Sweep,
    /// The throughput of a plain run, whatever limited it.
    Throughput,
}

impl FigureKind {
    /// The words used in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxSustainable => "max sustainable",
            Self::Capacity => "capacity",
            Self::Sweep => "best of a sweep",
            Self::Throughput => "of a plain run",
        }
    }
}

/// The throughput of a run that counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Figure {
    /// What it is.
    #[serde(rename = "figure")]
    pub(super) kind: FigureKind,
    /// Successful requests per second.
    pub(super) throughput_per_s: f64,
    /// The highest load that was borne, requests per second; of a search alone.
    pub(super) lower_per_s: Option<f64>,
    /// The lowest load that was not.
    pub(super) upper_per_s: Option<f64>,
    /// Whether no load was too high, so that it may be more.
    pub(super) is_at_least: bool,
}

impl Figure {
    /// The figure of a run that has ended.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) fn of(record: &RunRecord) -> Result<Self, String> {
        let figure = match &record.findings.stress {
            Some(found) => of_search(found)?,
            None => of_plain_run(record)?,
        };
        let is_usable = figure.throughput_per_s.is_finite() && figure.throughput_per_s > 0.0;
        is_usable.then_some(figure).ok_or_else(|| "no request of it succeeded".to_owned())
    }

    fn new(kind: FigureKind, throughput_per_s: f64, is_at_least: bool) -> Self {
        Self { kind, throughput_per_s, lower_per_s: None, upper_per_s: None, is_at_least }
    }
}

fn of_search(found: &StressFinding) -> Result<Figure, String> {
    if found.is_generator_limited {
        return Err("the generator was the limit, not the target".to_owned());
    }
    if found.state != StressState::Completed {
        return Err("its search did not come to its end".to_owned());
    }
    if let Some(sustainable) = &found.max_sustainable {
        return Ok(Figure {
            lower_per_s: Some(sustainable.lower),
            upper_per_s: sustainable.upper,
            ..Figure::new(
                FigureKind::MaxSustainable,
                sustainable.value,
                sustainable.upper.is_none(),
            )
        });
    }
    if let Some(capacity) = &found.capacity {
        return Ok(Figure::new(FigureKind::Capacity, capacity.value, false));
    }
    if found.strategy != "sweep" {
        return Err("its search found no load that is borne".to_owned());
    }
    best_of(&found.curve).ok_or_else(|| "no load of its sweep succeeded".to_owned())
}

/// The most that succeeded at any load. It is a lower bound where the largest load was the best and showed no limit: an open
/// load that was carried, or users whose number still told.
fn best_of(curve: &[LoadPoint]) -> Option<Figure> {
    let unit = LoadUnit::of(curve);
    let mut points: Vec<&LoadPoint> =
        curve.iter().filter(|point| point.goodput_per_s.is_finite()).collect();
    points.sort_by(|a, b| unit.load(a).total_cmp(&unit.load(b)));
    let (top, below) = points.split_last()?;
    let best = points.iter().map(|point| point.goodput_per_s).fold(0.0, f64::max);
    let of_less = below.iter().map(|point| point.goodput_per_s).fold(0.0, f64::max);
    let is_at_least = match unit {
        LoadUnit::PerSecond => top.goodput_per_s >= best && top.is_healthy() && top.keeps_up(),
        LoadUnit::Users => top.goodput_per_s > (1.0 + SLIGHT) * of_less,
    };
    Some(Figure::new(FigureKind::Sweep, best, is_at_least))
}

fn of_plain_run(record: &RunRecord) -> Result<Figure, String> {
    if record.test_type == TestType::Benchmark {
        return Err("a benchmark measures endpoints one by one".to_owned());
    }
    if record.test_type == TestType::Stress {
        return Err("its search found nothing".to_owned());
    }
    let totals = &record.totals;
    let is_slight = |part: u64, whole: u64| part as f64 <= SLIGHT * whole as f64;
    let is_open = record.plan.scenarios.iter().any(|scenario| {
        matches!(
            scenario.executor,
            Executor::ConstantArrivalRate { .. } | Executor::RampingArrivalRate { .. }
        )
    });
    let is_at_least = is_open
        && is_slight(totals.dropped, totals.planned)
        && is_slight(totals.failed, totals.requests);
    Ok(Figure::new(FigureKind::Throughput, totals.throughput, is_at_least))
}

/// What was asked of a run and makes its figure another one: the name of each part, and its value in words.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Asked(pub(super) Vec<(&'static str, String)>);

impl Asked {
    pub(super) fn of(record: &RunRecord) -> Self {
        let script = record.plan.script.as_deref().and_then(Path::file_name);
        let script = script.map_or_else(|| "none".to_owned(), |name| name.display().to_string());
        let tasks = record.plan.scenarios.iter().flat_map(|scenario| &scenario.tasks);
        let tasks: Vec<String> =
            tasks.map(|task| format!("{} {}", task.function, task.weight)).collect();
        let objective = record.findings.stress.as_ref().and_then(|found| found.objective.clone());
        Self(vec![
            ("script", script),
            ("tasks", tasks.join(", ")),
            ("transport", record.transport().to_owned()),
            ("objective", objective.unwrap_or_else(|| "none".to_owned())),
            ("generator", record.generator.host.clone()),
        ])
    }
}
