//! The journeys in `scripts/`, as a user who has just cloned the repository meets them.

use std::path::Path;
use std::time::Duration;

use rhaid::plan::{Arrival, Executor, Plan, ResolveContext, resolve};
use rhaid::script::compile::{LoadOptions, Script};

use crate::support::{Rhaid, TargetApi};

/// The plan that a script of `scripts/` makes when nothing else is wished for.
fn plan_of(name: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
    let script = Script::load(&path, LoadOptions::default()).expect("the script compiles");
    let context = ResolveContext {
        cores: 2,
        functions: Some(script.functions()),
        custom_metrics: Some(script.custom_metrics()),
        default_seed: 1,
    };
    resolve(&[script.wishes()], &context).expect("its options make a plan")
}

#[test]
fn journey_makes_a_plan_with_thresholds_and_a_target() {
    let plan = plan_of("journey.rhai");
    assert_eq!(plan.scenarios.len(), 1);
    assert_eq!(plan.thresholds.len(), 3);
    assert_eq!(plan.target.as_deref(), Some("http://127.0.0.1:8117"));
}

#[test]
fn endpoints_has_a_task_for_each_endpoint_all_as_likely() {
    let plan = plan_of("endpoints.rhai");
    let tasks = &plan.scenarios[0].tasks;
    assert_eq!(tasks.len(), 6);
    assert!(tasks.iter().all(|task| task.weight == tasks[0].weight), "{tasks:?}");
}

#[test]
fn five_phase_has_its_phases_scaled_to_seventy_seconds() {
    let plan = plan_of("five-phase.rhai");
    let names: Vec<_> = plan.scenarios[0].phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["warm-up", "ramp-up", "sustained", "spike", "recovery"]);
    assert_eq!(plan.duration(), Some(Duration::from_secs(70)));
}

#[test]
fn items_gives_four_of_five_users_to_buyers() {
    let plan = plan_of("items.rhai");
    let vus: Vec<_> = plan.scenarios.iter().map(|s| (s.name.as_str(), &s.executor)).collect();
    let duration = Duration::from_secs(30);
    let buyers = &Executor::ConstantVus { vus: 8, duration };
    let sellers = &Executor::ConstantVus { vus: 2, duration };
    assert_eq!(vus, [("buyer", buyers), ("seller", sellers)]);
}

#[test]
fn lookup_is_an_open_load_of_random_arrivals() {
    let plan = plan_of("lookup.rhai");
    let executor = &plan.scenarios[0].executor;
    let Executor::ConstantArrivalRate { arrival, max_vus, .. } = executor else {
        panic!("not an open load: {executor:?}");
    };
    assert_eq!((*arrival, *max_vus), (Arrival::Poisson, 200));
}

/// How each script is run here: shortly.
const SHORT: &[(&str, &[&str])] = &[
    ("endpoints.rhai", &["-d", "2s", "-u", "2"]),
    ("five-phase.rhai", &["--scale", "0.02"]),
    ("items.rhai", &["-d", "2s", "-u", "5"]),
    ("journey.rhai", &["-d", "2s", "-u", "2"]),
    ("lookup.rhai", &["-d", "2s"]),
];

/// Runs a script of `scripts/` against the sample service. Its thresholds may fail in so short a time; nothing else may.
#[track_caller]
fn runs(name: &str) {
    let (_, short) = SHORT.iter().find(|(script, _)| *script == name).expect("a way to run it");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
    let target = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new()
        .args(["run", path.to_str().expect("text"), "--target", &target.url()])
        .args(*short);
    let ended = rhaid.run();
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(matches!(ended.code, Some(0 | 99)), "{name}: exit {:?}\n{said}", ended.code);
    let record = rhaid.record();
    assert_eq!(record["errors"], serde_json::json!([]), "{name}\n{said}");
    let checks = record["checks"].as_array().expect("checks");
    assert!(checks.iter().all(|check| check["fails"] == 0), "{name}: {checks:?}");
    assert_eq!(record["totals"]["requests"].as_u64(), Some(target.received()), "{name}\n{said}");
    assert!(target.received() > 0, "{name} requests something");
}

#[test]
fn endpoints_runs() {
    runs("endpoints.rhai");
}

#[test]
fn five_phase_runs() {
    runs("five-phase.rhai");
}

#[test]
fn items_runs() {
    runs("items.rhai");
}

#[test]
fn journey_runs() {
    runs("journey.rhai");
}

#[test]
fn lookup_runs() {
    runs("lookup.rhai");
}

#[test]
fn every_script_has_a_short_way_to_run_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = std::fs::read_dir(folder).expect("scripts/").map(|entry| entry.expect("a file"));
    let names = entries.map(|entry| entry.file_name().into_string().expect("text"));
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".rhai")).collect();
    names.sort();
    assert_eq!(names, SHORT.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}
