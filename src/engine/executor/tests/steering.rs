//! Loads that are paused, or changed while they go on.

use std::time::Duration;

use super::support::{
    Act, Bench, FIRST_EXTRA_ID, Outcome, arriving, each_number_of_workers, ms, on_virtual_time, s,
    scenario, stage,
};
use crate::engine::steer::Steering;
use crate::engine::stop::StopLevel;
use crate::plan::{Executor, ThinkTime};

fn paused(since: Duration) -> Steering {
    Steering { is_paused: true, since, ..Steering::default() }
}

fn resumed(since: Duration) -> Steering {
    Steering { since, ..Steering::default() }
}

/// Iterations that began within a span.
fn begun_within(outcome: &Outcome, from: Duration, to: Duration) -> usize {
    let notes = outcome.log.notes.borrow();
    notes.iter().filter(|note| note.started >= from && note.started < to).count()
}

#[test]
fn what_would_arrive_in_a_pause_never_does_and_the_rest_comes_when_it_was_due() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&arriving(100.0, s(10), 50), workers, |_, _| Act::Take(ms(20)));
        bench.until(ms(2990)).await;
        bench.steer(paused(s(3)));
        bench.until(ms(6990)).await;
        bench.steer(resumed(s(7)));
        let outcome = bench.end().await;
        assert_eq!(outcome.begun(), (600, 600, 0));
        assert_eq!(begun_within(&outcome, s(3), s(7)), 0);
        assert_eq!(begun_within(&outcome, s(7), s(10)), 300);
        assert!(outcome.by_due().iter().all(|note| note.started - note.due < ms(1)));
        assert!(outcome.ended >= s(10), "the planned end stays: {:?}", outcome.ended);
    });
}

#[test]
fn what_waited_for_a_user_before_a_pause_begins_after_it() {
    on_virtual_time(async || {
        // Ten users manage fifty a second of a hundred.
        let bench = Bench::start(&arriving(100.0, s(4), 10), 1, |_, _| Act::Take(ms(195)));
        bench.until(ms(990)).await;
        bench.steer(paused(s(1)));
        bench.until(ms(2990)).await;
        bench.steer(resumed(s(3)));
        let outcome = bench.end().await;
        assert_eq!(outcome.begun(), (200, 200, 0));
        assert_eq!(begun_within(&outcome, s(1), ms(2990)), 0);
        let starts = outcome.by_due();
        assert!(starts.windows(2).all(|pair| pair[0].started <= pair[1].started), "in order");
    });
}

#[test]
fn a_run_that_ends_in_a_pause_drops_what_still_waits() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&arriving(100.0, s(2), 8), workers, |_, _| Act::Take(ms(900)));
        bench.until(ms(990)).await;
        bench.steer(paused(s(1)));
        let outcome = bench.end().await;
        let (planned, started, dropped) = outcome.begun();
        assert_eq!((planned, dropped), (100, 100 - started));
        assert!(dropped > 0 && outcome.goodbyes() == 8);
        assert_eq!(begun_within(&outcome, s(1), s(60)), 0);
    });
}

#[test]
fn users_end_their_iteration_and_begin_none_in_a_pause() {
    let executors = [
        Executor::ConstantVus { vus: 5, duration: s(10) },
        Executor::RampingVus { start_vus: 5, stages: vec![stage(5, s(10), false)] },
        Executor::PerVuIterations { vus: 5, iterations: 100, max_duration: s(10) },
        Executor::SharedIterations { vus: 5, iterations: 500, max_duration: s(10) },
    ];
    for executor in executors {
        for pacing in [ThinkTime::None, ThinkTime::Pacing(ms(100))] {
            let scenario =
                super::super::Scenario { think_time: pacing, ..scenario(executor.clone()) };
            on_virtual_time(async || {
                let bench = Bench::start(&scenario, 2, |_, _| Act::Take(ms(100)));
                bench.until(ms(3050)).await;
                bench.steer(paused(ms(3050)));
                bench.until(ms(6050)).await;
                bench.steer(resumed(ms(6050)));
                let outcome = bench.end().await;
                assert_eq!(begun_within(&outcome, ms(3051), ms(6050)), 0, "{executor:?}");
                let after = begun_within(&outcome, ms(6050), s(10));
                assert_eq!(after, 5 * 40, "{executor:?}");
                let late = outcome.by_due().iter().map(|note| note.started - note.due).max();
                assert!(late < Some(ms(1)), "a pause is in no response time: {late:?}");
                assert!(outcome.ended < s(11), "{executor:?} {:?}", outcome.ended);
            });
        }
    }
}

#[test]
fn a_stop_ends_a_run_that_is_paused() {
    let executors = [
        Executor::ConstantVus { vus: 5, duration: s(600) },
        Executor::PerVuIterations { vus: 5, iterations: 1_000_000, max_duration: s(600) },
        arriving(50.0, s(600), 10).executor,
    ];
    for executor in executors {
        on_virtual_time(async || {
            let bench = Bench::start(&scenario(executor), 2, |_, _| Act::Take(ms(100)));
            bench.until(s(1)).await;
            bench.steer(paused(s(1)));
            bench.until(s(5)).await;
            bench.stop(StopLevel::Graceful);
            let outcome = bench.end().await;
            assert_eq!((outcome.ended, outcome.ends().2), (s(5), 0));
        });
    }
}

#[test]
fn a_rate_that_was_told_holds_until_the_planned_end() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&arriving(100.0, s(10), 50), workers, |_, _| Act::Take(ms(5)));
        for (at, rate) in [(2, 400.0), (4, 50.0), (6, 200.0)] {
            bench.until(s(at) - ms(30)).await;
            bench.steer(Steering { rate_per_s: Some(rate), since: s(at), ..Steering::default() });
        }
        let outcome = bench.end().await;
        assert_eq!(outcome.begun(), (200 + 800 + 100 + 800, 1900, 0));
        assert_eq!(begun_within(&outcome, s(4), s(6)), 100);
        assert!(outcome.by_due().iter().all(|note| note.started - note.due < ms(1)));
    });
}

#[test]
fn users_come_and_go_as_told_and_those_beyond_the_plan_are_others() {
    for ramp in [false, true] {
        each_number_of_workers(async |workers| {
            let executor = match ramp {
                false => Executor::ConstantVus { vus: 4, duration: s(10) },
                true => Executor::RampingVus { start_vus: 4, stages: vec![stage(4, s(10), false)] },
            };
            let mut bench = Bench::start(&scenario(executor), workers, |_, _| Act::Take(ms(100)));
            for (at, vus) in [(1, 4), (2, 20), (3, 20), (4, 2), (6, 9), (8, 0)] {
                bench.until(s(at)).await;
                bench.steer(Steering { users: Some(vus), since: s(at), ..Steering::default() });
                bench.until(s(at) + ms(500)).await;
                assert_eq!(bench.vus(), vus, "at {at} s with {workers} workers");
            }
            let outcome = bench.end().await;
            let ids = outcome.ids();
            assert_eq!(ids[..4], [1, 2, 3, 4]);
            assert!(ids[4..].iter().all(|id| *id >= FIRST_EXTRA_ID), "{ids:?}");
            assert_eq!(ids.len(), 4 + 16 + 7);
            assert_eq!((outcome.ends().2, outcome.goodbyes()), (0, 27), "nobody is cut off");
        });
    }
}
