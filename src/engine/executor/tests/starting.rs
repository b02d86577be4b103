//! The start of a scenario, and sharing a thread.

use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

use super::support::{
    Act, Bench, arriving, each_number_of_workers, ms, on_virtual_time, s, scenario, stage,
};
use crate::engine::stop::StopLevel;
use crate::plan::{Arrival, Executor, Scenario};
use crate::units::Rate;

fn all_executors() -> Vec<Executor> {
    let rate = Rate::per_second(50.0).expect("a rate");
    let (arrival, pre_allocated_vus, max_vus) = (Arrival::Constant, 4, 8);
    vec![
        Executor::ConstantVus { vus: 5, duration: s(2) },
        Executor::RampingVus { start_vus: 3, stages: vec![stage(6, s(2), false)] },
        Executor::SharedIterations { vus: 5, iterations: 40, max_duration: s(600) },
        Executor::PerVuIterations { vus: 5, iterations: 8, max_duration: s(600) },
        Executor::ConstantArrivalRate { rate, duration: s(2), arrival, pre_allocated_vus, max_vus },
        Executor::RampingArrivalRate {
            start_rate: rate,
            stages: vec![stage(100, s(2), false)],
            arrival,
            pre_allocated_vus,
            max_vus,
        },
    ]
}

#[test]
fn a_scenario_that_begins_later_does_the_same() {
    each_number_of_workers(async |workers| {
        for executor in all_executors() {
            let at_once = scenario(executor);
            let bench = Bench::start(&at_once, workers, |_, _| Act::Take(ms(90)));
            let now = bench.end().await;
            let later = Scenario { start_time: s(100), ..at_once };
            let mut bench = Bench::start(&later, workers, |_, _| Act::Take(ms(90)));
            bench.until(ms(99_999)).await;
            assert_eq!((bench.gauges(), bench.log.made.borrow().len()), ((0, 0), 0));
            let then = bench.end().await;
            assert_eq!(now.begun(), then.begun());
            assert_eq!(now.ended + s(100), then.ended);
        }
    });
}

#[test]
fn the_first_iteration_of_a_delayed_scenario_is_due_at_its_start_time() {
    each_number_of_workers(async |workers| {
        for executor in all_executors() {
            let scenario = Scenario { start_time: s(100), ..scenario(executor) };
            let bench = Bench::start(&scenario, workers, |_, _| Act::Take(ms(90)));
            let outcome = bench.end().await;
            let first = outcome.by_due()[0];
            assert_eq!((first.due, first.started), (s(100), s(100)));
            assert!(outcome.ended > s(100) && outcome.ended < s(103), "{:?}", outcome.ended);
        }
    });
}

#[test]
fn a_stop_before_the_start_plans_nothing() {
    for level in [StopLevel::Graceful, StopLevel::Now] {
        each_number_of_workers(async |workers| {
            for executor in all_executors() {
                let scenario = Scenario { start_time: s(100), ..scenario(executor) };
                let bench = Bench::start(&scenario, workers, |_, _| Act::Take(ms(90)));
                bench.until(s(40)).await;
                bench.stop(level);
                let outcome = bench.end().await;
                assert_eq!((outcome.begun(), outcome.ended), ((0, 0, 0), s(40)));
                assert!(outcome.ids().is_empty());
            }
        });
    }
}

#[test]
fn an_iteration_that_waits_for_nothing_lets_others_have_their_turn() {
    on_virtual_time(async || {
        // User 1 never waits; user 2 needs a turn of the thread for each of its iterations.
        let acts = |id, _| if id == 1 { Act::Take(Duration::ZERO) } else { Act::Yield };
        let executor =
            Executor::SharedIterations { vus: 2, iterations: 200_000, max_duration: s(60) };
        let outcome = Bench::start(&scenario(executor), 1, acts).end().await;
        assert_eq!(outcome.begun(), (200_000, 200_000, 0));
        let others = outcome.starts()[&2].len();
        assert!(others > 500, "{others}");
    });
}

#[test]
fn an_iteration_that_waits_for_nothing_lets_timers_go_off() {
    // Virtual time stands still while anybody is busy, so this one is on real time. The number of iterations bounds it.
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(async {
        let acts = |id, _| Act::Take(if id == 1 { Duration::ZERO } else { ms(1) });
        let executor =
            Executor::SharedIterations { vus: 2, iterations: 300_000, max_duration: s(600) };
        let outcome = Bench::start(&scenario(executor), 1, acts).end().await;
        assert_eq!(outcome.begun(), (300_000, 300_000, 0));
        let others = outcome.starts()[&2].len();
        assert!(others >= 3, "{others}");
    });
}

#[test]
fn arrivals_that_are_all_late_let_users_work() {
    on_virtual_time(async || {
        // A million a second: a thousand arrivals for each tick of the timer.
        let scenario = arriving(1e6, ms(50), 2000);
        let outcome = Bench::start(&scenario, 1, |_, _| Act::Take(ms(1))).end().await;
        assert_eq!(outcome.begun(), (50_000, 50_000, 0));
    });
}
