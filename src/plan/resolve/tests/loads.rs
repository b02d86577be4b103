//! Which executor a load makes, and what is wrong with loads that make none.

use super::*;
use crate::plan::layers::{PeakWish, PhaseWish};
use crate::plan::{Executor, PhaseSpan};
use crate::units::{MAX_DURATION, Rate};

fn none() -> LoadWishes {
    LoadWishes::default()
}

fn rate(per_s: f64) -> Option<Rate> {
    Rate::per_second(per_s)
}

fn users(name: &str, seconds: u64, vus: u64, jump: bool) -> PhaseWish {
    let name = (!name.is_empty()).then(|| name.to_owned());
    PhaseWish { name, duration: secs(seconds), to: PeakWish::Vus(vus), jump }
}

fn arrivals(seconds: u64, per_s: f64) -> PhaseWish {
    let to = PeakWish::Rate(rate(per_s).expect("a rate"));
    PhaseWish { name: None, duration: secs(seconds), to, jump: false }
}

fn phases(phases: Vec<PhaseWish>) -> LoadWishes {
    LoadWishes { phases: Some(phases), ..none() }
}

fn described(load: LoadWishes) -> String {
    plan(&[&script(load)]).describe().remove(0)
}

fn fault(load: LoadWishes) -> String {
    let found = problems(&[&script(load)]);
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn each_set_of_wishes_makes_its_executor() {
    let minute = Some(secs(60));
    for (load, says) in [
        (LoadWishes { vus: Some(20), duration: minute, ..none() }, "20 users for 1m"),
        (
            LoadWishes { iterations: Some(50), vus: Some(5), ..none() },
            "50 iterations shared by 5 users, at most 10m",
        ),
        (
            LoadWishes { iterations: Some(50), duration: minute, ..none() },
            "50 iterations shared by 1 user, at most 1m",
        ),
        (
            LoadWishes { iterations: Some(3), vus: Some(5), per_vu: Some(true), ..none() },
            "5 users, 3 iterations each, at most 10m",
        ),
        (
            LoadWishes { iterations: Some(3), vus: Some(5), ..none() },
            "3 iterations shared by 3 users, at most 10m",
        ),
        (
            LoadWishes { rate: rate(0.5), duration: minute, ..none() },
            "0.5/s for 1m (constant), 1..5 users",
        ),
        (
            LoadWishes { rate: rate(200.0), duration: minute, vus: Some(8), ..none() },
            "200/s for 1m (constant), 8..2,000 users",
        ),
        (
            LoadWishes { rate: rate(1e4), duration: minute, max_vus: Some(50), ..none() },
            "10000/s for 1m (constant), 50 users",
        ),
        (
            LoadWishes { vus: Some(4), executor: Some("per-vu-iterations".into()), ..none() },
            "4 users, 1 iteration each, at most 10m",
        ),
        (
            phases(vec![users("", 10, 5, true), users("", 0, 9, false), users("end", 5, 9, false)]),
            "from 5 users: 5 users for 10s, 9 users at once, end 9 users for 5s",
        ),
        (
            LoadWishes { rate: rate(10.0), ..phases(vec![arrivals(30, 100.0), arrivals(5, 0.0)]) },
            "from 10/s: to 100/s over 30s, to 0/s over 5s (constant), 100..1,000 users",
        ),
    ] {
        assert_eq!(described(load), says);
    }
}

#[test]
fn the_five_phases_are_those_of_the_profile() {
    let load = LoadWishes { profile: Some("five-phase".to_owned()), ..none() };
    let plan = plan(&[&script(load)]);
    assert_eq!(
        plan.describe(),
        ["from 2 users: warm-up 2 users for 10s, ramp-up to 20 users over 1m, \
          sustained 20 users for 2m, spike 60 users for 30s, recovery 20 users for 1m"]
    );
    assert_eq!(plan.duration(), Some(secs(280)));
    let spans = &plan.scenarios[0].phases;
    let spike = PhaseSpan { name: "spike".to_owned(), start: secs(190), end: secs(220) };
    assert_eq!((spans.len(), &spans[3]), (5, &spike));
}

#[test]
fn a_profile_takes_its_own_peak_and_spike_and_the_scale() {
    let load = LoadWishes {
        profile: Some("five-phase".to_owned()),
        peak: Some(PeakWish::Vus(5)),
        spike: Some(PeakWish::Vus(8)),
        ..none()
    };
    let short = Wishes { scale: Some(0.05), ..Wishes::default() };
    let plan = plan(&[&short, &script(load)]);
    assert_eq!(
        plan.describe(),
        ["from 1 user: warm-up 1 user for 0.5s, ramp-up to 5 users over 3s, \
          sustained 5 users for 6s, spike 8 users for 1.5s, recovery 5 users for 3s"]
    );
}

#[test]
fn the_scale_stretches_plain_durations_and_starts() {
    let load =
        LoadWishes { vus: Some(1), duration: Some(secs(10)), start_time: Some(secs(4)), ..none() };
    let long = Wishes { scale: Some(1.5), ..Wishes::default() };
    assert_eq!(plan(&[&long, &script(load)]).describe(), ["1 user for 15s, from 6s"]);
}

#[test]
fn spans_are_the_stages_that_last_or_main() {
    let stepped =
        phases(vec![users("a", 10, 5, false), users("b", 0, 9, true), users("c", 5, 9, false)]);
    let spans = |load| plan(&[&script(load)]).scenarios[0].phases.clone();
    let names: Vec<_> = spans(stepped).into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["a", "c"]);
    let main = |end| vec![PhaseSpan { name: "main".to_owned(), start: secs(0), end }];
    assert_eq!(spans(LoadWishes { duration: Some(secs(3)), ..none() }), main(secs(3)));
    assert_eq!(spans(none()), main(secs(0)));
}

#[test]
fn loads_that_contradict_themselves_are_refused() {
    let minute = Some(secs(60));
    let five_phase = Some("five-phase".to_owned());
    for (load, says) in [
        (LoadWishes { vus: Some(5), ..none() }, "vus needs duration"),
        (LoadWishes { rate: rate(5.0), ..none() }, "rate needs duration"),
        (LoadWishes { vus: Some(0), duration: minute, ..none() }, "vus is zero"),
        (LoadWishes { duration: Some(secs(0)), ..none() }, "duration is zero"),
        (LoadWishes { iterations: Some(0), ..none() }, "iterations is zero"),
        (LoadWishes { rate: rate(0.0), duration: minute, ..none() }, "rate is zero"),
        (LoadWishes { vus: Some(1_000_001), duration: minute, ..none() }, "at most 1000000"),
        (LoadWishes { iterations: Some(1), rate: rate(1.0), ..none() }, "rate and iterations"),
        (
            LoadWishes { duration: minute, ..phases(vec![users("", 1, 1, false)]) },
            "phases and duration",
        ),
        (LoadWishes { profile: five_phase.clone(), ..phases(vec![]) }, "phases and profile"),
        (phases(vec![]), "at least one phase"),
        (phases(vec![users("", 5, 0, false)]), "level is zero"),
        (phases(vec![users("", 0, 5, false)]), "duration of all phases is zero"),
        (
            phases(vec![users("", 5, 5, false), arrivals(5, 5.0)]),
            "\"stage-2\" mixes users and rates",
        ),
        (LoadWishes { rate: rate(1.0), ..phases(vec![users("", 5, 5, false)]) }, "the load mixes"),
        (phases(vec![users("a", 5, 5, false), users("a", 5, 5, false)]), "named \"a\""),
        (phases(vec![users("stage-2", 5, 5, false), users("", 5, 5, false)]), "named \"stage-2\""),
        (LoadWishes { max_vus: Some(5), duration: minute, ..none() }, "max_vus needs a rate"),
        (
            LoadWishes { peak: Some(PeakWish::Vus(5)), duration: minute, ..none() },
            "peak needs a profile",
        ),
        (
            LoadWishes { max_duration: minute, duration: minute, ..none() },
            "max_duration needs iterations",
        ),
        (
            LoadWishes {
                rate: rate(5.0),
                duration: minute,
                vus: Some(9),
                max_vus: Some(3),
                ..none()
            },
            "max_vus 3 is below vus 9",
        ),
        (
            LoadWishes { profile: five_phase, spike: rate(5.0).map(PeakWish::Rate), ..none() },
            "the profile mixes",
        ),
        (LoadWishes { profile: Some("five-fase".into()), ..none() }, "unknown profile"),
        (
            phases(
                vec![users("", 366 * 86_400, 5, false); 2]
                    .into_iter()
                    .enumerate()
                    .map(|(i, phase)| PhaseWish { name: Some(i.to_string()), ..phase })
                    .collect(),
            ),
            "longer than 8784h",
        ),
    ] {
        let found = fault(load);
        assert!(found.contains(says), "{says}: {found}");
    }
}

#[test]
fn a_named_executor_must_fit() {
    let named = |name: &str| LoadWishes {
        executor: Some(name.to_owned()),
        vus: Some(2),
        duration: Some(secs(1)),
        ..none()
    };
    let made = plan(&[&script(named("constant-vus"))]);
    assert_eq!(made.scenarios[0].executor, Executor::ConstantVus { vus: 2, duration: secs(1) });
    let found = problems(&[&script(named("constant_vu"))]);
    assert_eq!(found[0].hint().as_deref(), Some("did you mean constant-vus?"));
    let found = problems(&[&script(named("constant-arrival-rate"))]);
    assert!(found[0].to_string().contains("which makes constant-vus"), "{}", found[0]);
    assert_eq!(found[0].hint().as_deref(), Some("constant-arrival-rate needs rate and duration"));
}

#[test]
fn a_scale_that_overflows_is_too_long() {
    let load = LoadWishes { duration: Some(secs(60)), ..none() };
    let huge = Wishes { scale: Some(1e300), ..Wishes::default() };
    assert_eq!(problems(&[&huge, &script(load)]), [PlanError::TooLong { max: MAX_DURATION }]);
}

#[test]
fn what_a_scale_or_a_spike_makes_of_a_load_is_checked_too() {
    let load = LoadWishes { duration: Some(secs(60)), ..none() };
    let tiny = Wishes { scale: Some(1e-15), ..Wishes::default() };
    let found = problems(&[&tiny, &script(load)]);
    assert_eq!(found, [PlanError::Zero { what: "the scaled duration" }]);
    let peak = Some(PeakWish::Vus(400_000));
    let crowd = LoadWishes { profile: Some("five-phase".to_owned()), peak, ..none() };
    assert!(fault(crowd).contains("is 1200000, and at most 1000000"));
}
