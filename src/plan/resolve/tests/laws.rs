//! What holds of every plan, whatever was wished.

use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::plan::layers::{PeakWish, PhaseWish};
use crate::plan::{Arrival, Executor};
use crate::units::Rate;

fn rate() -> impl Strategy<Value = Rate> {
    (0.0..500.0_f64).prop_map(|per_s| Rate::per_second(per_s).expect("a rate"))
}

fn length() -> impl Strategy<Value = Duration> {
    (0..200_u64).prop_map(Duration::from_secs)
}

fn level() -> impl Strategy<Value = PeakWish> {
    prop_oneof![4 => (0..100_u64).prop_map(PeakWish::Vus), 1 => rate().prop_map(PeakWish::Rate)]
}

fn phases() -> impl Strategy<Value = Vec<PhaseWish>> {
    let phase = (length(), level(), any::<bool>());
    let make = |(duration, to, jump)| PhaseWish { name: None, duration, to, jump };
    prop::collection::vec(phase.prop_map(make), 0..4)
}

/// Wishes sparse enough that many of them make a plan.
fn load() -> impl Strategy<Value = LoadWishes> {
    let amounts =
        (of(0..50_u64), of(length()), rarely(0..50_u64), rarely(rate()), of(any::<bool>()));
    let shape = (of(phases()), rarely(Just("five-phase".to_owned())), rarely(level()));
    let manner =
        (rarely(Just(Arrival::Poisson)), rarely(0..60_u64), rarely(length()), of(length()));
    (amounts, rarely(shape), manner).prop_map(|(amounts, shape, manner)| {
        let (phases, profile, spike) = shape.unwrap_or_default();
        LoadWishes {
            vus: amounts.0,
            duration: amounts.1.filter(|_| phases.is_none() && profile.is_none()),
            iterations: amounts.2,
            rate: amounts.3,
            per_vu: amounts.4.filter(|_| amounts.2.is_some()),
            phases,
            profile,
            spike,
            arrival: manner.0,
            max_vus: manner.1,
            max_duration: manner.2,
            start_time: manner.3,
            ..LoadWishes::default()
        }
    })
}

fn rarely<T: Strategy>(value: T) -> impl Strategy<Value = Option<T::Value>> {
    prop::option::weighted(0.2, value)
}

fn holds(scenario: &crate::plan::Scenario) -> bool {
    let executor = &scenario.executor;
    let contiguous = scenario.phases.windows(2).all(|pair| pair[0].end == pair[1].start);
    let whole = scenario.phases.last().map(|span| span.end)
        == Some(executor.duration().unwrap_or_default());
    let sound = match executor {
        Executor::ConstantVus { vus, duration } => *vus > 0 && !duration.is_zero(),
        Executor::SharedIterations { vus, iterations, max_duration } => {
            *vus > 0 && vus <= iterations && !max_duration.is_zero()
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            *vus > 0 && *iterations > 0 && !max_duration.is_zero()
        }
        Executor::RampingVus { stages, .. } => !stages.is_empty() && executor.max_vus() > 0,
        Executor::ConstantArrivalRate { rate, duration, pre_allocated_vus, max_vus, .. } => {
            rate.as_per_second() > 0.0 && !duration.is_zero() && pre_allocated_vus <= max_vus
        }
        Executor::RampingArrivalRate { stages, pre_allocated_vus, max_vus, .. } => {
            !stages.is_empty() && pre_allocated_vus <= max_vus && *max_vus > 0
        }
    };
    contiguous && whole && sound
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_plan_is_sound_or_its_problems_are_told(
        upper in load(),
        lower in load(),
        own in of(load()),
        weights in prop::collection::vec(0.1..9.0_f64, 1..4),
        scale in 0.1..3.0_f64,
    ) {
        let named = |(index, weight): (usize, &f64)| scenario(&format!("s{index}"), *weight, None);
        let mut scenarios: Vec<_> = weights.iter().enumerate().map(named).collect();
        scenarios[0].load = own;
        let script = Wishes { load: lower, scenarios, ..Wishes::default() };
        let line = Wishes { scale: Some(scale), ..line(upper) };
        match resolve(&[&line, &script], &CONTEXT) {
            Ok(plan) => {
                prop_assert!(!plan.scenarios.is_empty());
                prop_assert_eq!(plan.describe().len(), plan.scenarios.len());
                prop_assert!(plan.scenarios.iter().all(holds), "{:#?}", plan.scenarios);
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
            }
        }
    }

    #[test]
    fn laying_nothing_over_a_load_changes_nothing(load in load()) {
        prop_assert_eq!(crate::plan::lay::lay(&LoadWishes::default(), &load), load);
    }

    #[test]
    fn shared_users_sum_to_what_was_asked(
        vus in 1..200_u64,
        weights in prop::collection::vec(0.1..9.0_f64, 1..6),
    ) {
        let named = |(index, weight): (usize, &f64)| scenario(&format!("s{index}"), *weight, None);
        let script = Wishes {
            load: LoadWishes { vus: Some(vus), duration: Some(secs(1)), ..LoadWishes::default() },
            scenarios: weights.iter().enumerate().map(named).collect(),
            ..Wishes::default()
        };
        prop_assert_eq!(plan(&[&script]).max_vus(), vus);
    }
}
