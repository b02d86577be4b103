//! Scenarios: who runs, with what functions, and each one's share.

use super::*;
use crate::plan::ThinkTime;
use crate::plan::layers::{PeakWish, PhaseWish};
use crate::units::Rate;

fn load(vus: u64, seconds: u64) -> LoadWishes {
    LoadWishes { vus: Some(vus), duration: Some(secs(seconds)), ..LoadWishes::default() }
}

fn two(common: LoadWishes) -> Wishes {
    let scenarios = vec![scenario("member", 4.0, None), scenario("visitor", 1.0, None)];
    Wishes { load: common, scenarios, ..Wishes::default() }
}

fn functions(known: &[(&str, usize)]) -> Vec<(String, usize)> {
    known.iter().map(|(name, arity)| ((*name).to_owned(), *arity)).collect()
}

#[test]
fn scenarios_share_the_load_by_weight() {
    assert_eq!(
        plan(&[&two(load(20, 60))]).describe(),
        ["member: 16 users for 1m", "visitor: 4 users for 1m"]
    );
    let open = LoadWishes {
        rate: Rate::per_second(10.0),
        duration: Some(secs(60)),
        ..LoadWishes::default()
    };
    assert_eq!(
        plan(&[&two(open)]).describe(),
        [
            "member: 8/s for 1m (constant), 8..80 users",
            "visitor: 2/s for 1m (constant), 2..20 users"
        ]
    );
    let to = PeakWish::Vus(7);
    let phase = PhaseWish { name: None, duration: secs(10), to, jump: false };
    let ramp = LoadWishes { phases: Some(vec![phase]), ..LoadWishes::default() };
    assert_eq!(
        plan(&[&two(ramp)]).describe(),
        ["member: from 0 users: to 6 users over 10s", "visitor: from 0 users: to 1 user over 10s"]
    );
}

#[test]
fn with_too_few_users_some_are_left_out_but_never_all() {
    let plan = plan(&[&two(load(1, 60))]);
    assert_eq!(plan.describe(), ["1 user for 1m"]);
    assert_eq!(plan.scenarios[0].name, "member");
}

#[test]
fn a_load_of_ones_own_is_not_shared() {
    let mut wishes = two(load(20, 60));
    wishes.scenarios[0].load = Some(load(3, 5));
    assert_eq!(plan(&[&wishes]).describe(), ["member: 3 users for 5s", "visitor: 20 users for 1m"]);
    wishes.scenarios[1].load = Some(load(2, 9));
    assert_eq!(plan(&[&wishes]).describe(), ["member: 3 users for 5s", "visitor: 2 users for 9s"]);
}

#[test]
fn the_command_line_reaches_loads_of_their_own() {
    let mut wishes = two(LoadWishes::default());
    wishes.scenarios[0].load = Some(load(3, 5));
    wishes.scenarios[1].load = Some(load(2, 9));
    let longer = line(LoadWishes { duration: Some(secs(30)), ..LoadWishes::default() });
    assert_eq!(
        plan(&[&longer, &wishes]).describe(),
        ["member: 3 users for 30s", "visitor: 2 users for 30s"]
    );
    let more = line(LoadWishes { vus: Some(50), ..LoadWishes::default() });
    assert_eq!(
        plan(&[&more, &wishes]).describe(),
        ["member: 40 users for 9s", "visitor: 10 users for 9s"]
    );
}

#[test]
fn a_fault_in_ones_own_load_names_the_scenario() {
    let mut wishes = two(load(20, 60));
    wishes.scenarios[1].load = Some(LoadWishes { vus: Some(5), ..LoadWishes::default() });
    let found = problems(&[&wishes]);
    assert_eq!(found[0].to_string(), "scenario \"visitor\": vus needs duration");
    assert!(found[0].hint().is_some_and(|hint| hint.contains("-d 30s")));
}

#[test]
fn only_the_named_scenarios_run_and_take_the_whole_load() {
    let mut only = line(LoadWishes::default());
    only.only_scenarios = vec!["visitor".to_owned()];
    assert_eq!(plan(&[&only, &two(load(20, 60))]).describe(), ["20 users for 1m"]);
    only.only_scenarios = vec!["vistor".to_owned()];
    let found = problems(&[&only, &two(load(20, 60))]);
    assert_eq!(found[0].hint().as_deref(), Some("did you mean visitor?"));
}

#[test]
fn weights_tasks_and_names_must_make_sense() {
    for (spoil, says) in [
        (
            (|s| s.weight = Some(0.0)) as fn(&mut ScenarioWishes),
            "weight of scenario \"member\" is 0",
        ),
        (|s| s.weight = Some(f64::NAN), "weight of scenario \"member\" is NaN"),
        (|s| s.tasks[0].1 = 0.0, "weight of task \"browse\" is 0"),
        (|s| s.tasks[0].1 = f64::INFINITY, "weight of task \"browse\" is inf"),
        (|s| s.tasks.clear(), "scenario \"member\" has no tasks"),
        (|s| s.name = "visitor".to_owned(), "two scenarios are named \"visitor\""),
    ] {
        let mut wishes = two(load(20, 60));
        spoil(&mut wishes.scenarios[0]);
        let found = problems(&[&wishes]);
        assert!(found[0].to_string().contains(says), "{says}: {found:?}");
        assert!(found[0].hint().is_some(), "{says}");
    }
    assert_eq!(problems(&[&Wishes::default()]), [PlanError::NoScenario]);
}

#[test]
fn functions_must_exist_and_take_the_user() {
    let mut wishes = script(load(1, 1));
    wishes.scenarios[0].on_start = Some("log_in".to_owned());
    for (known, says, hint) in [
        (vec![("brows", 1), ("log_in", 1)], "task \"browse\"", "did you mean brows?"),
        (vec![("browse", 0), ("log_in", 1)], "takes 0 parameters", "fn browse(user)"),
        (vec![("browse", 1), ("login", 1)], "on_start \"log_in\"", "did you mean login?"),
        (vec![("browse", 1)], "on_start \"log_in\"", "add fn log_in(user)"),
        (
            vec![("browse", 1), ("log_in", 1), ("on_stop", 0)],
            "\"on_stop\" takes 0",
            "fn on_stop(user)",
        ),
    ] {
        let known = functions(&known);
        let context = ResolveContext { functions: Some(&known), ..CONTEXT };
        let found = resolve(&[&wishes], &context).expect_err(says);
        assert!(found[0].to_string().contains(says), "{says}: {found:?}");
        assert!(found[0].hint().is_some_and(|h| h.contains(hint)), "{hint}: {:?}", found[0].hint());
    }
}

#[test]
fn on_start_and_on_stop_are_found_by_name() {
    let known = functions(&[("browse", 1), ("on_start", 1), ("on_stop", 1), ("on_stop", 2)]);
    let context = ResolveContext { functions: Some(&known), ..CONTEXT };
    let plan = resolve(&[&script(load(1, 1))], &context).expect("a plan");
    let scenario = &plan.scenarios[0];
    let hooks = (scenario.on_start.as_deref(), scenario.on_stop.as_deref());
    assert_eq!(hooks, (Some("on_start"), Some("on_stop")));
}

#[test]
fn think_time_is_the_scenarios_or_the_common_one() {
    let mut wishes = two(load(20, 60));
    wishes.think_time = Some(ThinkTime::Between(secs(1), secs(3)));
    wishes.scenarios[1].think_time = Some(ThinkTime::Pacing(secs(2)));
    assert_eq!(
        plan(&[&wishes]).describe(),
        [
            "member: 16 users for 1m, think time 1s..3s",
            "visitor: 4 users for 1m, an iteration each 2s"
        ]
    );
}
