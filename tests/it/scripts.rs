//! The journeys in `scripts/`, as a user who has just cloned the repository meets them.

use std::path::Path;

use rhaid::plan::Plan;
use rhaid::plan::resolve::{ResolveContext, resolve};
use rhaid::script::compile::{LoadOptions, Script};

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
