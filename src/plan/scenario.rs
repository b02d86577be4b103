//! The kinds of user: which run, what they do, and each one's share of the load.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::PlanError;
use super::executor::Executor;
use super::lay::{lay, length_of, sets_level};
use super::layers::{LoadWishes, ScenarioWishes, Wishes};
use super::load::{MAX_VUS, executor_of, scaled, spans_of};
use super::resolve::ResolveContext;
use super::share::share;
use super::{Scenario, Task, ThinkTime};
use crate::metric::spelling::nearest;

/// k6's bound of the graceful stop.
const DEFAULT_GRACEFUL_STOP: Duration = Duration::from_secs(30);

/// The scenarios of the first layer that has any; the layers above it have only a say in their load.
pub(super) fn written<'a>(layers: &[&'a Wishes]) -> &'a [ScenarioWishes] {
    layers.iter().map(|layer| &*layer.scenarios).find(|all| !all.is_empty()).unwrap_or(&[])
}

/// Resolves all scenarios that run. Problems are added to `problems`; the result is of use only when there are none.
pub(super) fn resolve_all(
    layers: &[&Wishes],
    context: &ResolveContext<'_>,
    problems: &mut Vec<PlanError>,
) -> Vec<Scenario> {
    let all = written(layers);
    check_names(all, problems);
    all.iter().for_each(|scenario| check_scenario(scenario, context, problems));
    let chosen = choose(layers, all, problems);
    if chosen.is_empty() && problems.is_empty() {
        problems.push(PlanError::NoScenario);
    }
    let scale = layers.iter().find_map(|layer| layer.scale).unwrap_or(1.0);
    if !(scale.is_finite() && scale > 0.0) {
        problems.push(PlanError::Scale { scale });
    }
    if !problems.is_empty() {
        // Loads are still checked, so that all problems come at once; weights may be unusable, so nothing is shared.
        let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 };
        Loads::new(layers, &chosen, scale).check(problems);
        return Vec::new();
    }
    let think_time = layers.iter().find_map(|layer| layer.think_time).unwrap_or_default();
    let loads = Loads::new(layers, &chosen, scale);
    let executors = loads.resolve(problems);
    let pairs = chosen.iter().zip(executors);
    let scenarios: Vec<Scenario> = pairs
        .filter_map(|(wishes, load)| load.map(|load| build(wishes, load, think_time, context)))
        .collect();
    let vus = scenarios.iter().map(|scenario| scenario.executor.max_vus()).sum();
    if problems.is_empty() && vus > MAX_VUS {
        let what = "the number of users of all scenarios at their highest";
        problems.push(PlanError::TooMany { what, value: vus, max: MAX_VUS });
    }
    scenarios
}

fn check_names(all: &[ScenarioWishes], problems: &mut Vec<PlanError>) {
    let mut seen = BTreeSet::new();
    for scenario in all.iter().filter(|scenario| !seen.insert(&scenario.name)) {
        problems.push(PlanError::DuplicateScenario { name: scenario.name.clone() });
    }
}

fn check_scenario(
    scenario: &ScenarioWishes,
    context: &ResolveContext<'_>,
    problems: &mut Vec<PlanError>,
) {
    if scenario.tasks.is_empty() {
        problems.push(PlanError::NoTasks { scenario: scenario.name.clone() });
    }
    if let Some(weight) = scenario.weight {
        check_weight("scenario", &scenario.name, weight, problems);
    }
    for (function, weight) in &scenario.tasks {
        check_weight("task", function, *weight, problems);
        check_function("task", function, context, problems);
    }
    for (role, named) in [("on_start", &scenario.on_start), ("on_stop", &scenario.on_stop)] {
        match named {
            Some(function) => check_function(role, function, context, problems),
            None if has_function(role, context) => check_function(role, role, context, problems),
            None => {}
        }
    }
}

fn check_weight(what: &'static str, name: &str, weight: f64, problems: &mut Vec<PlanError>) {
    if !(weight.is_finite() && weight > 0.0) {
        let problem = PlanError::Weight { what, name: name.to_owned(), weight };
        problems.push(problem);
    }
}

fn has_function(name: &str, context: &ResolveContext<'_>) -> bool {
    context.functions.is_some_and(|functions| functions.iter().any(|(known, _)| known == name))
}

fn check_function(
    role: &'static str,
    function: &str,
    context: &ResolveContext<'_>,
    problems: &mut Vec<PlanError>,
) {
    let Some(functions) = context.functions else { return };
    let arities: Vec<usize> =
        functions.iter().filter(|(name, _)| name == function).map(|(_, arity)| *arity).collect();
    let problem = match arities.first() {
        Some(_) if arities.contains(&1) => return,
        Some(arity) => PlanError::Arity { function: function.to_owned(), arity: *arity },
        None => PlanError::UnknownFunction {
            role,
            function: function.to_owned(),
            nearest: nearest(function, functions.iter().map(|(name, _)| name.as_str()))
                .map(str::to_owned),
        },
    };
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn choose<'a>(
    layers: &[&Wishes],
    all: &'a [ScenarioWishes],
    problems: &mut Vec<PlanError>,
) -> Vec<&'a ScenarioWishes> {
    let only = layers.iter().map(|layer| &layer.only_scenarios).find(|only| !only.is_empty());
    let Some(only) = only else { return all.iter().collect() };
    let names: Vec<&str> = all.iter().map(|scenario| scenario.name.as_str()).collect();
    for name in only.iter().filter(|name| !names.contains(&name.as_str())) {
        problems.push(PlanError::UnknownScenario {
            name: name.clone(),
            nearest: nearest(name, names.iter().copied()).map(str::to_owned),
            known: names.join(", "),
        });
    }
    all.iter().filter(|scenario| only.contains(&scenario.name)).collect()
}

/// A scenario's executor with what belongs to its load.
struct ScenarioLoad {
    executor: Executor,
    weight: f64,
    start_time: Duration,
    graceful_stop: Duration,
}

/// How the load is told apart among the chosen scenarios.
///
/// A scenario with its own load keeps it, with the higher layers laid over it, unless those layers say how much there is to
/// do (users, rate, iterations, phases, profile): then every scenario shares that by weight, as k6's command line replaces
/// the script's scenarios. Scenarios without their own load always share.
struct Loads<'a> {
    chosen: &'a [&'a ScenarioWishes],
    upper: LoadWishes,
    common: LoadWishes,
    scale: f64,
}

impl<'a> Loads<'a> {
    fn new(layers: &[&Wishes], chosen: &'a [&'a ScenarioWishes], scale: f64) -> Self {
        let script = layers.iter().position(|layer| !layer.scenarios.is_empty()).unwrap_or(0);
        let (above, below) = layers.split_at(script);
        let laid = |layers: &[&Wishes]| {
            let fold = |lower: LoadWishes, layer: &&Wishes| lay(&layer.load, &lower);
            layers.iter().rev().fold(LoadWishes::default(), fold)
        };
        Self { chosen, upper: laid(above), common: laid(below), scale }
    }

    fn check(&self, problems: &mut Vec<PlanError>) {
        let _ = self.total(problems);
        for scenario in self.chosen.iter().filter(|scenario| !self.shares(scenario)) {
            let _ = self.own(scenario, problems);
        }
    }

    fn shares(&self, scenario: &ScenarioWishes) -> bool {
        scenario.load.is_none() || sets_level(&self.upper)
    }

    /// The executor that the sharing scenarios do together; `None` when none shares.
    fn total(&self, problems: &mut Vec<PlanError>) -> Option<Executor> {
        if !self.chosen.is_empty() && !self.chosen.iter().any(|scenario| self.shares(scenario)) {
            return None;
        }
        let mut load = lay(&self.upper, &self.common);
        if load.iterations.is_none() && length_of(&load).is_none() {
            let own = self.chosen.iter().filter_map(|scenario| scenario.load.as_ref());
            load.duration = own.filter_map(length_of).max();
        }
        match executor_of(&load, self.scale) {
            Ok(executor) => Some(executor),
            Err(found) => {
                problems.extend(found);
                None
            }
        }
    }

    /// One load for each chosen scenario; `None` for those that have no share.
    fn resolve(&self, problems: &mut Vec<PlanError>) -> Vec<Option<ScenarioLoad>> {
        let sharing = self.chosen.iter().filter(|scenario| self.shares(scenario));
        let weights: Vec<f64> = sharing.map(|scenario| scenario.weight.unwrap_or(1.0)).collect();
        let total = self.total(problems);
        let mut shares = total.map(|total| share(&total, &weights)).unwrap_or_default().into_iter();
        let mut loads = Vec::with_capacity(self.chosen.len());
        for scenario in self.chosen {
            let (executor, weight) = if self.shares(scenario) {
                (shares.next().flatten(), scenario.weight.unwrap_or(1.0))
            } else {
                (self.own(scenario, problems), 1.0)
            };
            loads.push(executor.and_then(|e| self.finish(scenario, e, weight, problems)));
        }
        loads
    }

    fn own(&self, scenario: &ScenarioWishes, problems: &mut Vec<PlanError>) -> Option<Executor> {
        let load = lay(&self.upper, scenario.load.as_ref()?);
        let in_scenario = |problem| PlanError::InScenario {
            scenario: scenario.name.clone(),
            problem: Box::new(problem),
        };
        executor_of(&load, self.scale)
            .map_err(|found| problems.extend(found.into_iter().map(in_scenario)))
            .ok()
    }

    fn finish(
        &self,
        scenario: &ScenarioWishes,
        executor: Executor,
        weight: f64,
        problems: &mut Vec<PlanError>,
    ) -> Option<ScenarioLoad> {
        let own = scenario.load.as_ref();
        let pick = |field: fn(&LoadWishes) -> Option<Duration>| {
            field(&self.upper).or(own.and_then(field)).or(field(&self.common))
        };
        let start_time = pick(|load| load.start_time).unwrap_or(Duration::ZERO);
        let start_time =
            scaled(start_time, self.scale).map_err(|problem| problems.push(problem)).ok()?;
        let graceful_stop = pick(|load| load.graceful_stop).unwrap_or(DEFAULT_GRACEFUL_STOP);
        Some(ScenarioLoad { executor, weight, start_time, graceful_stop })
    }
}

fn build(
    wishes: &ScenarioWishes,
    load: ScenarioLoad,
    think_time: ThinkTime,
    context: &ResolveContext<'_>,
) -> Scenario {
    let hook = |named: &Option<String>, default: &str| {
        named.clone().or_else(|| has_function(default, context).then(|| default.to_owned()))
    };
    let task =
        |(function, weight): &(String, f64)| Task { function: function.clone(), weight: *weight };
    Scenario {
        name: wishes.name.clone(),
        weight: load.weight,
        tasks: wishes.tasks.iter().map(task).collect(),
        on_start: hook(&wishes.on_start, "on_start"),
        on_stop: hook(&wishes.on_stop, "on_stop"),
        think_time: wishes.think_time.unwrap_or(think_time),
        phases: spans_of(&load.executor),
        executor: load.executor,
        start_time: load.start_time,
        graceful_stop: load.graceful_stop,
        tags: wishes.tags.clone(),
    }
}
