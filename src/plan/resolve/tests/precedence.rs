//! The precedence table of `plan::lay`, row by row, by what the plan then says.

use super::*;
use crate::plan::Arrival;
use crate::plan::layers::{PeakWish, PhaseWish};
use crate::units::Rate;

fn none() -> LoadWishes {
    LoadWishes::default()
}

fn rate(per_s: f64) -> Option<Rate> {
    Rate::per_second(per_s)
}

fn phase(seconds: u64, to: PeakWish) -> PhaseWish {
    PhaseWish { name: None, duration: secs(seconds), to, jump: false }
}

fn constant() -> LoadWishes {
    LoadWishes { vus: Some(20), duration: Some(secs(60)), ..none() }
}

fn open() -> LoadWishes {
    let arrival = Some(Arrival::Poisson);
    LoadWishes { rate: rate(200.0), duration: Some(secs(30)), arrival, ..none() }
}

fn counted() -> LoadWishes {
    let executor = Some("per-vu-iterations".to_owned());
    LoadWishes {
        vus: Some(5),
        iterations: Some(10),
        max_duration: Some(secs(90)),
        executor,
        ..none()
    }
}

fn phases() -> LoadWishes {
    let phases = vec![phase(30, PeakWish::Vus(50)), phase(10, PeakWish::Vus(5))];
    LoadWishes { phases: Some(phases), vus: Some(2), ..none() }
}

fn rate_phases() -> LoadWishes {
    let to = PeakWish::Rate(rate(80.0).expect("a rate"));
    LoadWishes { phases: Some(vec![phase(20, to)]), arrival: Some(Arrival::Poisson), ..none() }
}

fn profile() -> LoadWishes {
    let peak = Some(PeakWish::Vus(40));
    let spike = Some(PeakWish::Vus(60));
    LoadWishes { profile: Some("five-phase".to_owned()), peak, spike, ..none() }
}

/// What is run when the command line lays `upper` over the script's `lower`.
fn laid(upper: LoadWishes, lower: LoadWishes) -> String {
    plan(&[&line(upper), &script(lower)]).describe().remove(0)
}

fn with_vus() -> LoadWishes {
    LoadWishes { vus: Some(7), ..none() }
}

fn with_duration() -> LoadWishes {
    LoadWishes { duration: Some(secs(10)), ..none() }
}

fn with_rate() -> LoadWishes {
    LoadWishes { rate: rate(9.0), ..none() }
}

fn with_iterations() -> LoadWishes {
    LoadWishes { iterations: Some(100), ..none() }
}

#[test]
fn users_alone_keep_the_length_and_close_an_open_load() {
    for (lower, says) in [
        (constant(), "7 users for 1m"),
        (open(), "7 users for 30s"),
        (counted(), "7 users, 10 iterations each, at most 1m30s"),
        (phases(), "7 users for 40s"),
        (rate_phases(), "7 users for 20s"),
    ] {
        assert_eq!(laid(with_vus(), lower), says);
    }
}

#[test]
fn a_duration_alone_keeps_the_level() {
    for (lower, says) in [
        (constant(), "20 users for 10s"),
        (open(), "200/s for 10s (poisson), 100..2,000 users"),
        (counted(), "5 users for 10s"),
        (phases(), "50 users for 10s"),
        (rate_phases(), "80/s for 10s (poisson), 80..800 users"),
        (profile(), "40 users for 10s"),
        (none(), "1 user for 10s"),
    ] {
        assert_eq!(laid(with_duration(), lower), says);
    }
}

#[test]
fn users_and_a_duration_replace_any_load() {
    let upper = LoadWishes { vus: Some(7), ..with_duration() };
    for lower in [constant(), open(), counted(), phases(), rate_phases(), profile(), none()] {
        assert_eq!(laid(upper.clone(), lower), "7 users for 10s");
    }
}

#[test]
fn a_rate_alone_opens_a_closed_load() {
    for (lower, says) in [
        (constant(), "9/s for 1m (constant), 20..90 users"),
        (open(), "9/s for 30s (poisson), 9..90 users"),
        (phases(), "9/s for 40s (constant), 50..90 users"),
        (rate_phases(), "9/s for 20s (poisson), 9..90 users"),
    ] {
        assert_eq!(laid(with_rate(), lower), says);
    }
    let found = problems(&[&line(with_rate()), &script(counted())]);
    assert_eq!(found, [PlanError::Needs { field: "rate", needs: "duration" }]);
}

#[test]
fn iterations_replace_the_length() {
    for (lower, says) in [
        (constant(), "100 iterations shared by 20 users, at most 10m"),
        (open(), "100 iterations shared by 1 user, at most 10m"),
        (counted(), "100 iterations shared by 5 users, at most 1m30s"),
        (phases(), "100 iterations shared by 50 users, at most 10m"),
        (rate_phases(), "100 iterations shared by 1 user, at most 10m"),
    ] {
        assert_eq!(laid(with_iterations(), lower), says);
    }
}

#[test]
fn phases_replace_the_load_and_start_from_its_users() {
    let upper =
        LoadWishes { phases: Some(vec![phase(30, PeakWish::Vus(50))]), ..LoadWishes::default() };
    for (lower, says) in [
        (constant(), "from 20 users: to 50 users over 30s"),
        (counted(), "from 5 users: to 50 users over 30s"),
        (phases(), "from 2 users: to 50 users over 30s"),
        (profile(), "from 0 users: to 50 users over 30s"),
    ] {
        assert_eq!(laid(upper.clone(), lower), says);
    }
}

#[test]
fn a_level_over_a_profile_is_its_peak() {
    let says = laid(with_vus(), profile());
    assert!(says.contains("sustained 7 users for 2m, spike 21 users for 30s"), "{says}");
    let says = laid(with_rate(), profile());
    assert!(says.contains("sustained 9/s for 2m, spike 27/s for 30s"), "{says}");
    let over = LoadWishes { profile: Some("five-phase".to_owned()), ..none() };
    let says = laid(over, constant());
    assert!(says.contains("sustained 20 users for 2m, spike 60 users"), "{says}");
    let spiky = LoadWishes { spike: Some(PeakWish::Vus(99)), ..none() };
    let says = laid(spiky, profile());
    assert!(says.contains("sustained 40 users for 2m, spike 99 users"), "{says}");
}

#[test]
fn what_only_qualifies_takes_nothing_away() {
    let upper = LoadWishes { max_vus: Some(300), arrival: Some(Arrival::Constant), ..none() };
    assert_eq!(laid(upper, open()), "200/s for 30s (constant), 100..300 users");
    let later = LoadWishes { start_time: Some(secs(5)), ..none() };
    assert_eq!(
        laid(later, phases()),
        "from 2 users: to 50 users over 30s, to 5 users over 10s, from 5s"
    );
}

#[test]
fn three_layers_are_laid_from_below() {
    let (line, environment) = (line(with_duration()), line(with_vus()));
    let plan = plan(&[&line, &environment, &script(phases())]);
    assert_eq!(plan.describe(), ["7 users for 10s"]);
}

#[test]
fn an_executor_named_below_gives_way_to_another_kind_of_load() {
    let mut lower = open();
    lower.executor = Some("constant-arrival-rate".to_owned());
    assert_eq!(laid(with_vus(), lower), "7 users for 30s");
}
