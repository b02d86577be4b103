//! What holds for every executor, whatever the users do and whenever it is stopped.

use std::time::Duration;

use proptest::prelude::*;

use super::support::{Act, Bench, ms, on_virtual_time, s, scenario, stage};
use crate::engine::executor::ids_of;
use crate::engine::stop::StopLevel;
use crate::plan::{Arrival, Executor, Scenario, Stage, ThinkTime};
use crate::units::Rate;

fn stages() -> impl Strategy<Value = Vec<Stage>> {
    let one = (0..12_u64, 0..4000_u64, any::<bool>());
    prop::collection::vec(one.prop_map(|(target, long, jump)| stage(target, ms(long), jump)), 1..5)
}

fn executors() -> impl Strategy<Value = Executor> {
    let arrival = prop_oneof![Just(Arrival::Constant), Just(Arrival::Poisson)];
    prop_oneof![
        (1..12_u64, 1..5000_u64)
            .prop_map(|(vus, long)| Executor::ConstantVus { vus, duration: ms(long) }),
        (0..12_u64, stages())
            .prop_map(|(start_vus, stages)| Executor::RampingVus { start_vus, stages }),
        (1..12_u64, 1..200_u64, 1..5000_u64).prop_map(|(vus, iterations, long)| {
            Executor::SharedIterations { vus, iterations, max_duration: ms(long) }
        }),
        (1..12_u64, 1..40_u64, 1..5000_u64).prop_map(|(vus, iterations, long)| {
            Executor::PerVuIterations { vus, iterations, max_duration: ms(long) }
        }),
        (1..12_u64, 0..12_u64, 0.0..300.0_f64, stages(), arrival).prop_map(
            |(max_vus, pre_allocated_vus, rate, stages, arrival)| Executor::RampingArrivalRate {
                start_rate: Rate::per_second(rate).expect("a rate"),
                stages,
                arrival,
                pre_allocated_vus,
                max_vus,
            }
        ),
    ]
}

fn think_times() -> impl Strategy<Value = ThinkTime> {
    prop_oneof![
        Just(ThinkTime::None),
        (0..300_u64).prop_map(|long| ThinkTime::Constant(ms(long))),
        (1..300_u64).prop_map(|long| ThinkTime::Pacing(ms(long))),
    ]
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    (executors(), think_times(), 0..3000_u64, 0..1000_u64).prop_map(
        |(executor, think_time, grace, start)| Scenario {
            think_time,
            graceful_stop: ms(grace),
            start_time: ms(start),
            ..scenario(executor)
        },
    )
}

/// A user's acts, without any state: some quick, some slow, some endless.
fn act(salt: u64, id: u64, n: u64) -> Act {
    let mixed = (salt ^ id.wrapping_mul(0x9e37_79b9) ^ n.wrapping_mul(0x85eb_ca6b))
        .wrapping_mul(0xff51_afd7_ed55_8ccd);
    let length = ms(1 + (mixed >> 40) % 400);
    match (mixed >> 32) % 16 {
        0 => Act::Never,
        1..4 => Act::Fail(length),
        _ => Act::Take(length),
    }
}

fn planned_by_count(executor: &Executor) -> Option<u64> {
    match executor {
        Executor::SharedIterations { iterations, .. } => Some(*iterations),
        Executor::PerVuIterations { vus, iterations, .. } => Some(vus * iterations),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_is_lost_and_nothing_outlives_the_scenario(
        scenario in scenarios(),
        workers in 1..6_u64,
        salt: u64,
        stop_ms in prop::option::of(0..8000_u64),
        is_for_good: bool,
    ) {
        on_virtual_time(async || {
            let bench = Bench::start(&scenario, workers, move |id, n| act(salt, id, n));
            let mut latest = scenario.start_time
                + scenario.executor.duration().unwrap_or(s(5))
                + scenario.graceful_stop;
            if let Some(stop_ms) = stop_ms {
                let (level, grace) = if is_for_good {
                    (StopLevel::Now, Duration::ZERO)
                } else {
                    (StopLevel::Graceful, scenario.graceful_stop)
                };
                bench.until(ms(stop_ms)).await;
                bench.stop(level);
                if scenario.start_time < ms(stop_ms) {
                    latest = latest.min(ms(stop_ms) + grace).max(ms(stop_ms));
                }
            }
            // The bench itself checks that the counts add up, and that no id or goodbye comes twice.
            let outcome = bench.end().await;
            assert!(outcome.ended <= latest.max(ms(stop_ms.unwrap_or(0))) + ms(1), "{:?}", outcome.ended);
            let ids = ids_of(&scenario.executor);
            assert!(outcome.ids().last().is_none_or(|id| *id <= ids));
            let has_started = stop_ms.is_none_or(|stop| ms(stop) > scenario.start_time);
            if let Some(count) = planned_by_count(&scenario.executor).filter(|_| has_started) {
                assert_eq!(outcome.stats.planned, count);
            }
        });
    }
}
