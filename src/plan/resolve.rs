//! Lays the wishes over each other and checks the whole.

use std::collections::BTreeMap;

use super::error::PlanError;
use super::layers::Wishes;
use super::{Plan, TestType, confine, http, scenario, scrape};
use crate::metric::MetricKind;
use crate::metric::spelling::nearest;
use crate::metric::threshold::Threshold;

/// The most worker threads.
const MAX_THREADS: usize = 256;

/// Values of `task` for what runs beside the tasks.
const OTHER_TASKS: [&str; 4] = ["on_start", "on_stop", "setup", "teardown"];

/// What a plan is checked against.
#[derive(Debug, Clone, Copy)]
pub struct ResolveContext<'a> {
    /// Cores of this machine; the default number of worker threads.
    pub cores: usize,
    /// The script's functions, each with its number of parameters; `None` when there is no script to check against.
    pub functions: Option<&'a [(String, usize)]>,
    /// Metrics that the script makes; `None` when they are not known, and then a threshold may name any metric.
    pub custom_metrics: Option<&'a [(String, MetricKind)]>,
    /// The seed unless one was wished for.
    pub default_seed: u64,
}

/// Makes the plan that `layers` ask for, the highest first: command line, environment, script.
///
/// Of each setting the highest layer's wins; how loads are laid over each other is told at [`lay`](super::lay::lay). Headers
/// and tags add up, thresholds too unless a layer drops them. Scenarios come from the highest layer that has any; those
/// without their own load share the common one by weight, among those that run: users and iterations by largest remainder,
/// rates in proportion. One whose share is no user is left out; at least one remains. A load of a scenario's own stands,
/// with higher layers laid over it, unless those name users, a rate, iterations, phases or a profile: then all share that.
/// The plan's test type is [`TestType::Load`]; other verbs change it.
///
/// # Errors
/// Every problem at once, at least one.
pub fn resolve(layers: &[&Wishes], context: &ResolveContext<'_>) -> Result<Plan, Vec<PlanError>> {
    let mut problems = Vec::new();
    let scenarios = scenario::resolve_all(layers, context, &mut problems);
    let target = http::target(layers, &mut problems);
    let http = http::settings(layers, &mut problems);
    let thresholds = thresholds(layers, context, &mut problems);
    let threads = threads(layers, context, &mut problems);
    let scrape = scrape::pages(layers, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let plan = Plan {
        name: name(layers, target.as_deref()),
        test_type: TestType::Load,
        script: layers.iter().find_map(|layer| layer.script.clone()),
        target,
        scenarios,
        thresholds,
        http,
        seed: layers.iter().find_map(|layer| layer.seed).unwrap_or(context.default_seed),
        tags: tags(layers),
        threads,
        abort_on_script_error: layers
            .iter()
            .find_map(|layer| layer.abort_on_script_error)
            .unwrap_or(false),
        scrape,
    };
    confine::confine(layers, plan)
}

fn name(layers: &[&Wishes], target: Option<&str>) -> String {
    let given = layers.iter().find_map(|layer| layer.name.clone());
    let of_script = || {
        let script = layers.iter().find_map(|layer| layer.script.as_ref())?;
        Some(script.file_stem()?.to_string_lossy().into_owned())
    };
    let of_target = || target.and_then(http::host_and_path);
    given.or_else(of_script).or_else(of_target).unwrap_or_else(|| "run".to_owned())
}

fn tags(layers: &[&Wishes]) -> BTreeMap<String, String> {
    layers.iter().rev().flat_map(|layer| layer.tags.clone()).collect()
}

fn threads(
    layers: &[&Wishes],
    context: &ResolveContext<'_>,
    problems: &mut Vec<PlanError>,
) -> usize {
    let wished = layers.iter().find_map(|layer| layer.threads);
    match wished {
        Some(0) => problems.push(PlanError::Zero { what: "threads" }),
        Some(threads) if threads > MAX_THREADS => problems.push(PlanError::TooMany {
            what: "threads",
            value: threads as u64,
            max: MAX_THREADS as u64,
        }),
        _ => {}
    }
    wished.unwrap_or(context.cores.clamp(1, MAX_THREADS))
}

fn thresholds(
    layers: &[&Wishes],
    context: &ResolveContext<'_>,
    problems: &mut Vec<PlanError>,
) -> Vec<Threshold> {
    let mut kept: Vec<Threshold> = Vec::new();
    if layers.iter().any(|layer| layer.no_thresholds) {
        return kept;
    }
    for threshold in layers.iter().rev().flat_map(|layer| &layer.thresholds) {
        if !kept.contains(threshold) {
            kept.push(threshold.clone());
        }
    }
    for threshold in &kept {
        check_metric(threshold, context, problems);
        check_selector(threshold, layers, problems);
    }
    kept
}

fn check_metric(
    threshold: &Threshold,
    context: &ResolveContext<'_>,
    problems: &mut Vec<PlanError>,
) {
    use crate::metric::threshold::ThresholdError::UnknownMetric;
    match threshold.validate_metric(context.custom_metrics.unwrap_or(&[])) {
        Err(UnknownMetric { .. }) if context.custom_metrics.is_none() => {}
        Err(problem) => problems.push(problem.into()),
        Ok(()) => {}
    }
}

/// A rule about a task or scenario that does not exist would see nothing and pass for ever.
fn check_selector(threshold: &Threshold, layers: &[&Wishes], problems: &mut Vec<PlanError>) {
    let scenarios = scenario::written(layers);
    for (label, value) in &threshold.selector {
        let known: Vec<&str> = match label.as_str() {
            "scenario" => scenarios.iter().map(|scenario| scenario.name.as_str()).collect(),
            "task" => {
                let tasks = scenarios.iter().flat_map(|scenario| &scenario.tasks);
                tasks.map(|(function, _)| function.as_str()).chain(OTHER_TASKS).collect()
            }
            _ => continue,
        };
        if !known.contains(&value.as_str()) {
            problems.push(PlanError::Selector {
                threshold: threshold.to_string(),
                label: label.clone(),
                value: value.clone(),
                nearest: nearest(value, known).map(str::to_owned),
            });
        }
    }
}

#[cfg(test)]
mod tests;
