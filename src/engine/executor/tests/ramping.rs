//! A number of users that follows stages.

use super::support::{Act, Bench, each_number_of_workers, ms, on_virtual_time, s, scenario, stage};
use crate::engine::executor::ids_of;
use crate::engine::stop::StopLevel;
use crate::engine::vu::IterationEnd;
use crate::plan::{Executor, Scenario, Stage};

fn ramping(start_vus: u64, stages: Vec<Stage>) -> Scenario {
    scenario(Executor::RampingVus { start_vus, stages })
}

fn up_and_down() -> Scenario {
    ramping(0, vec![stage(10, s(10), false), stage(10, s(5), false), stage(0, s(10), false)])
}

/// Users alive a moment after each of these seconds.
async fn alive_after(scenario: &Scenario, workers: u64, seconds: &[u64]) -> Vec<u64> {
    let mut bench = Bench::start(scenario, workers, |_, _| Act::Take(ms(1)));
    let mut alive = Vec::new();
    for second in seconds {
        bench.until(s(*second) + ms(5)).await;
        alive.push(bench.vus());
    }
    bench.end().await;
    alive
}

#[test]
fn the_users_alive_follow_the_schedule() {
    each_number_of_workers(async |workers| {
        let seconds: Vec<_> = (0..=25).collect();
        let expected: Vec<_> = (0..=10).chain([10; 5]).chain((0..10).rev()).collect();
        assert_eq!(alive_after(&up_and_down(), workers, &seconds).await, expected);
    });
}

#[test]
fn a_jump_changes_the_number_of_users_at_once() {
    each_number_of_workers(async |workers| {
        let stages = vec![
            stage(8, s(2), true),
            stage(20, s(2), true),
            stage(3, s(2), true),
            stage(5, s(2), false),
        ];
        let alive = alive_after(&ramping(2, stages), workers, &[0, 1, 2, 3, 4, 5, 6, 7, 8]).await;
        assert_eq!(alive, [8, 8, 20, 20, 3, 3, 3, 4, 0]);
    });
}

#[test]
fn users_who_leave_may_finish_their_iteration() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&up_and_down(), workers, |_, _| Act::Take(ms(2999)));
        let outcome = bench.end().await;
        assert_eq!(outcome.ends(), (outcome.stats.planned, 0, 0));
        assert_eq!(outcome.goodbyes(), 10);
        assert!(outcome.ended > s(25) && outcome.ended < s(28), "{:?}", outcome.ended);
    });
}

#[test]
fn users_who_leave_are_cut_off_a_graceful_stop_later() {
    each_number_of_workers(async |workers| {
        let scenario = Scenario { graceful_stop: s(4), ..up_and_down() };
        let outcome = Bench::start(&scenario, workers, |_, _| Act::Never).end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((10, 10, 0), (0, 0, 10)));
        let ends = outcome.by_due().into_iter().filter_map(|note| note.ended);
        let mut cut: Vec<_> = ends.map(|(at, _)| at).collect();
        cut.sort_unstable();
        // They are to leave at 16, 17, ... 25 s.
        assert_eq!(cut, (20..30).map(s).collect::<Vec<_>>());
        assert_eq!(outcome.goodbyes(), 0);
    });
}

#[test]
fn the_cut_of_one_user_leaves_the_others_alone() {
    each_number_of_workers(async |workers| {
        let stages = vec![stage(1, s(10), true)];
        let mut stages_with_two = vec![stage(2, s(2), true)];
        stages_with_two.extend(stages);
        let scenario = Scenario { graceful_stop: s(3), ..ramping(0, stages_with_two) };
        let outcome = Bench::start(&scenario, workers, |_, _| Act::Take(s(20))).end().await;
        let ends: Vec<_> = outcome.by_due().iter().filter_map(|note| note.ended).collect();
        let mut cut: Vec<_> = ends.iter().map(|(at, _)| *at).collect();
        cut.sort_unstable();
        assert!(ends.iter().all(|(_, end)| *end == IterationEnd::Interrupted));
        assert_eq!(cut, [s(5), s(15)]);
    });
}

#[test]
fn users_who_come_again_are_new_ones() {
    each_number_of_workers(async |workers| {
        let waves = (0..3).flat_map(|_| [stage(4, s(2), false), stage(1, s(2), false)]);
        let scenario = ramping(1, waves.collect());
        let outcome = Bench::start(&scenario, workers, |_, _| Act::Take(ms(10))).end().await;
        // One at the start, three in each wave; the same numbers however many workers there are.
        assert_eq!(outcome.ids(), (1..=10).collect::<Vec<_>>());
        assert_eq!(ids_of(&scenario.executor), 10);
    });
}

#[test]
fn a_stop_ends_the_ramp() {
    each_number_of_workers(async |workers| {
        let mut bench = Bench::start(&up_and_down(), workers, |_, _| Act::Take(ms(700)));
        bench.until(ms(5300)).await;
        assert_eq!(bench.vus(), 5);
        bench.stop(StopLevel::Graceful);
        let outcome = bench.end().await;
        assert_eq!((outcome.ids().len(), outcome.goodbyes()), (5, 5));
        assert_eq!(outcome.stats.interrupted, 0);
        assert!(outcome.ended < s(6) + ms(1), "{:?}", outcome.ended);
    });
}

#[test]
fn a_ramp_of_ten_thousand_users_is_exact() {
    on_virtual_time(async || {
        let scenario = ramping(0, vec![stage(10_000, s(600), false), stage(0, s(60), false)]);
        let mut bench = Bench::start(&scenario, 4, |_, _| Act::Never);
        for seconds in [6, 60, 300, 600] {
            bench.until(s(seconds) + ms(1)).await;
            assert_eq!(bench.vus(), 10_000 * seconds / 600);
        }
        let outcome = bench.end().await;
        assert_eq!(outcome.ends(), (0, 0, 10_000));
        assert_eq!(outcome.ended, s(690));
    });
}
