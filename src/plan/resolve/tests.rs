//! Wishes laid over each other, and what is refused.

use std::time::Duration;

use super::*;
use crate::plan::layers::{LoadWishes, ScenarioWishes};

mod confinement;
mod http;
mod laws;
mod loads;
mod precedence;
mod scenarios;

pub(super) const CONTEXT: ResolveContext<'static> =
    ResolveContext { cores: 4, functions: None, custom_metrics: None, default_seed: 7 };

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn scenario(name: &str, weight: f64, load: Option<LoadWishes>) -> ScenarioWishes {
    ScenarioWishes {
        name: name.to_owned(),
        weight: Some(weight),
        tasks: vec![("browse".to_owned(), 1.0)],
        load,
        ..ScenarioWishes::default()
    }
}

/// A script with one scenario and this load.
pub(super) fn script(load: LoadWishes) -> Wishes {
    Wishes { load, scenarios: vec![scenario("default", 1.0, None)], ..Wishes::default() }
}

/// A command line with this load.
pub(super) fn line(load: LoadWishes) -> Wishes {
    Wishes { load, ..Wishes::default() }
}

pub(super) fn plan(layers: &[&Wishes]) -> Plan {
    resolve(layers, &CONTEXT).unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(super) fn problems(layers: &[&Wishes]) -> Vec<PlanError> {
    resolve(layers, &CONTEXT).expect_err("the plan is wrong")
}

#[test]
fn nothing_asked_for_is_one_user_and_one_iteration() {
    let plan = plan(&[&script(LoadWishes::default())]);
    assert_eq!(plan.describe(), ["1 iteration shared by 1 user, at most 10m"]);
    assert_eq!((plan.seed, plan.threads, plan.abort_on_script_error), (7, 4, false));
    assert_eq!(plan.scenarios[0].graceful_stop, secs(30));
    assert_eq!(plan.name, "run");
}

#[test]
fn the_name_is_the_scripts_or_the_targets() {
    let mut wishes = script(LoadWishes::default());
    wishes.target = Some("https://shop.test:8443/search/?q=1".to_owned());
    assert_eq!(plan(&[&wishes]).name, "shop.test:8443/search");
    wishes.script = Some("scripts/journey.rhai".into());
    assert_eq!(plan(&[&wishes]).name, "journey");
    let named = Wishes { name: Some("nightly".to_owned()), ..Wishes::default() };
    assert_eq!(plan(&[&named, &wishes]).name, "nightly");
}

#[test]
fn all_problems_come_at_once() {
    let mut wishes = script(LoadWishes { vus: Some(0), ..LoadWishes::default() });
    wishes.target = Some("shop.test".to_owned());
    wishes.threads = Some(300);
    wishes.scale = Some(-1.0);
    wishes.scenarios[0].tasks[0].1 = -3.0;
    wishes.thresholds = vec![Threshold::parse("http_req_failed", "avg<1").expect("reads")];
    let text: Vec<String> = problems(&[&wishes]).iter().map(ToString::to_string).collect();
    let text = text.join("\n");
    for says in [
        "vus is zero",
        "the weight of task \"browse\" is -3",
        "scale is -1",
        "target \"shop.test\" cannot be used: it has no scheme",
        "threads is 300",
        "http_req_failed is a rate and has no avg",
    ] {
        assert!(text.contains(says), "{says} is not in\n{text}");
    }
}

#[test]
fn thresholds_add_up_and_can_be_dropped() {
    let rule = |text: &str| Threshold::parse("http_req_duration", text).expect("reads");
    let mut below = script(LoadWishes::default());
    below.thresholds = vec![rule("avg<1"), rule("p(95)<2")];
    let mut above = Wishes { thresholds: vec![rule("avg<1"), rule("max<3")], ..Wishes::default() };
    let shown: Vec<_> =
        plan(&[&above, &below]).thresholds.iter().map(Threshold::expression).collect();
    assert_eq!(shown, ["avg<1", "p(95)<2", "max<3"]);
    above.no_thresholds = true;
    assert!(plan(&[&above, &below]).thresholds.is_empty());
}

#[test]
fn a_threshold_about_nothing_is_refused() {
    let mut wishes = script(LoadWishes::default());
    for (subject, hint) in [
        ("http_req_duration{task:brows}", Some("did you mean browse?")),
        ("http_req_duration{task:on_strat}", Some("did you mean on_start?")),
        ("http_req_duration{scenario:defualt}", Some("did you mean default?")),
        ("http_req_duration{task:zzz}", None),
    ] {
        wishes.thresholds = vec![Threshold::parse(subject, "avg<1").expect("reads")];
        assert_eq!(problems(&[&wishes])[0].hint().as_deref(), hint, "{subject}");
    }
    for subject in ["http_req_duration{task:on_start,kind:any}", "orders{task:browse}"] {
        wishes.thresholds = vec![Threshold::parse(subject, "avg<1").expect("reads")];
        assert!(resolve(&[&wishes], &CONTEXT).is_ok(), "{subject}");
    }
    let known = [("order_time".to_owned(), MetricKind::Trend)];
    let context = ResolveContext { custom_metrics: Some(&known), ..CONTEXT };
    let found = resolve(&[&wishes], &context).expect_err("there is no metric orders");
    assert!(found[0].to_string().contains("unknown metric \"orders\""));
}

#[test]
fn tags_and_seeds_of_the_higher_layer_win() {
    let tag = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    let mut below = script(LoadWishes::default());
    below.tags = [tag("env", "dev"), tag("team", "a")].into();
    let above = Wishes { tags: [tag("env", "ci")].into(), seed: Some(3), ..Wishes::default() };
    let plan = plan(&[&above, &below]);
    assert_eq!(plan.tags, [tag("env", "ci"), tag("team", "a")].into());
    assert_eq!(plan.seed, 3);
}

#[test]
fn a_plan_survives_being_stored() {
    let profile = LoadWishes { profile: Some("five-phase".to_owned()), ..LoadWishes::default() };
    let plan = plan(&[&script(profile)]);
    let stored = serde_json::to_string(&plan).expect("a plan is data");
    assert_eq!(serde_json::from_str::<Plan>(&stored).expect("reads back"), plan);
}
