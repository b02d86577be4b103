//! Iterations that arrive by a schedule.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

use super::support::{
    Act, Bench, Note, arriving, each_number_of_workers, ms, on_virtual_time, s, scenario, stage,
};
use crate::clock::RunClock;
use crate::engine::recorder::Recorder;
use crate::engine::stop::{Stop, StopLevel};
use crate::pacing::{Arrivals, Pacer, Schedule, Shard};
use crate::plan::{Arrival, Executor, Scenario};
use crate::units::Rate;

/// Every start is at the first tick of the timer at or after its due time.
fn assert_on_time(notes: &[Note]) {
    for note in notes {
        assert!(note.started >= note.due && note.started - note.due < ms(1), "{note:?}");
    }
}

fn poisson(rate: f64, duration: Duration) -> Scenario {
    scenario(Executor::ConstantArrivalRate {
        rate: Rate::per_second(rate).expect("a rate"),
        duration,
        arrival: Arrival::Poisson,
        pre_allocated_vus: 0,
        max_vus: 1000,
    })
}

#[test]
fn every_arrival_starts_at_its_time_when_there_are_users_enough() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&arriving(2000.0, s(10), 100), workers, |_, _| Act::Take(ms(20)));
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((20_000, 20_000, 0), (20_000, 0, 0)));
        let notes = outcome.by_due();
        let half_ms = Duration::from_micros(500);
        assert!(notes.iter().enumerate().all(|(i, note)| note.due == half_ms * i as u32));
        assert_on_time(&notes);
        assert!(outcome.ids().iter().all(|id| (1..=100).contains(id)));
        assert_eq!(outcome.stats.duration.max(), Some(ms(20)));
    });
}

#[test]
fn users_are_added_only_when_none_is_free() {
    on_virtual_time(async || {
        let acts = |_, n| Act::Take(if n == 0 { ms(450) } else { ms(5) });
        let mut bench = Bench::start(&arriving(100.0, s(2), 500), 1, acts);
        bench.until(ms(5)).await;
        assert_eq!(bench.vus(), 10);
        let outcome = bench.end().await;
        // The first of each user's iterations is slow: 45 of them are under way before one is free.
        assert_eq!((outcome.begun(), outcome.ids().len()), ((200, 200, 0), 45));
        assert_on_time(&outcome.by_due());
        assert_eq!(outcome.goodbyes(), 45);
    });
}

/// A hundred a second for 2 s, for ten users who manage fifty.
fn too_slow() -> Scenario {
    arriving(100.0, s(2), 10)
}

#[test]
fn late_iterations_begin_in_order_and_are_timed_from_when_they_were_due() {
    on_virtual_time(async || {
        let mut bench = Bench::start(&too_slow(), 1, |_, _| Act::Take(ms(195)));
        bench.until(ms(1999)).await;
        // User k has begun at 10 k + 195 n ms: eleven times when k is below 5, else ten times.
        assert_eq!(bench.gauges(), (10, 95));
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((200, 200, 0), (200, 0, 0)));
        let notes = outcome.by_due();
        assert!(notes.windows(2).all(|pair| pair[0].started <= pair[1].started));
        let latest = notes[199].ended.map(|(at, _)| at - notes[199].due);
        assert_eq!(latest, Some(s(2)));
        assert_eq!(outcome.stats.response_time.max(), latest);
        assert_eq!(outcome.stats.duration.max(), Some(ms(195)));
        let sum: Duration = notes.iter().filter_map(|n| n.ended.map(|(at, _)| at - n.due)).sum();
        let measured = outcome.stats.response_time.sum_seconds();
        assert!((sum.as_secs_f64() - measured).abs() < 1e-6, "{sum:?} and {measured}");
        // 200 iterations of 195 ms by ten users.
        assert_eq!(outcome.ended, ms(195) * 20 + ms(90));
        assert_eq!(outcome.goodbyes(), 10);
    });
}

#[test]
fn what_waits_at_the_end_is_done_within_the_graceful_stop() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&too_slow(), workers, |_, _| Act::Take(ms(195)));
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((200, 200, 0), (200, 0, 0)));
        assert!(outcome.ended > s(3) && outcome.ended < s(6), "{:?}", outcome.ended);
        assert_eq!(outcome.goodbyes(), 10);
    });
}

#[test]
fn what_still_waits_when_the_graceful_stop_is_over_is_dropped() {
    on_virtual_time(async || {
        let scenario = Scenario { graceful_stop: ms(500), ..too_slow() };
        let outcome = Bench::start(&scenario, 1, |_, _| Act::Take(ms(200))).end().await;
        // User k starts at 10 k ms and every 200 ms from then on: 13 times by 2.5 s, the last one cut off.
        assert_eq!((outcome.begun(), outcome.ends()), ((200, 130, 70), (120, 0, 10)));
        assert_eq!((outcome.ended, outcome.goodbyes()), (ms(2500), 0));
    });
}

#[test]
fn only_a_full_backlog_drops() {
    for workers in [1, 4] {
        on_virtual_time(async || {
            let scenario = Scenario { graceful_stop: s(1), ..arriving(30_000.0, s(4), 4) };
            let mut bench = Bench::start(&scenario, workers, |_, _| Act::Never);
            bench.until(ms(3200)).await;
            // Thirty come with each tick, and this one's may have come already.
            assert!((95_960..=95_997).contains(&bench.gauges().1));
            bench.until(ms(3999)).await;
            assert_eq!(bench.gauges(), (4, 100_000));
            let outcome = bench.end().await;
            assert_eq!((outcome.begun(), outcome.ends()), ((120_000, 4, 119_996), (0, 0, 4)));
        });
    }
}

#[test]
fn a_full_backlog_takes_again_when_a_user_is_free() {
    on_virtual_time(async || {
        // 110,000 arrive in the first two seconds; the one user then does a thousand a second.
        let acts = |_, n| Act::Take(if n == 0 { ms(2500) } else { ms(1) });
        let scenario = Scenario { graceful_stop: s(600), ..arriving(55_000.0, s(2), 1) };
        let outcome = Bench::start(&scenario, 1, acts).end().await;
        assert_eq!((outcome.begun(), outcome.ended), ((110_000, 100_001, 9_999), ms(102_500)));
    });
}

#[test]
fn a_stop_drops_what_waits_and_plans_nothing_more() {
    on_virtual_time(async || {
        let bench = Bench::start(&too_slow(), 1, |_, _| Act::Take(ms(200)));
        bench.until(ms(1005)).await;
        bench.stop(StopLevel::Graceful);
        let outcome = bench.end().await;
        // 101 were due by 1 s. User k has begun at 10 k + 200 n ms: five times, user 0 six times.
        assert_eq!((outcome.begun(), outcome.ends()), ((101, 51, 50), (51, 0, 0)));
        assert_eq!((outcome.ended, outcome.goodbyes()), (ms(1200), 10));
    });
}

#[test]
fn no_user_takes_what_waits_once_a_stop_is_called() {
    on_virtual_time(async || {
        let stop: Rc<OnceCell<Rc<Stop>>> = Rc::default();
        let called = stop.clone();
        // The second iteration ends the moment it calls the stop: before anybody else has heard of it.
        let acts = move |_, n| {
            if n == 1
                && let Some(stop) = called.get()
            {
                stop.raise(StopLevel::Graceful);
            }
            Act::Take(if n == 0 { ms(995) } else { Duration::ZERO })
        };
        let bench = Bench::start(&arriving(100.0, s(2), 1), 1, acts);
        stop.set(bench.stop_of(0)).expect("set once");
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((100, 2, 98), (2, 0, 0)));
    });
}

#[test]
fn a_stop_after_the_last_arrival_drops_what_waits() {
    each_number_of_workers(async |workers| {
        // Due at 0, 0.5, 1.0 and 1.5 s.
        let bench = Bench::start(&arriving(2.0, s(2), 1), workers, |_, _| Act::Take(s(3)));
        bench.until(ms(1800)).await;
        bench.stop(StopLevel::Graceful);
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ended), ((4, 1, 3), s(3)));
    });
}

#[test]
fn an_arrival_that_was_due_before_a_stop_is_planned() {
    on_virtual_time(async || {
        let bench = Bench::start(&arriving(4000.0, s(10), 10), 1, |_, _| Act::Take(ms(1)));
        bench.until(s(5)).await;
        bench.stop(StopLevel::Graceful);
        let outcome = bench.end().await;
        // 4000 a second are four a tick of the timer: whatever the order in this one, each has come due.
        assert_eq!(outcome.stats.planned, 20_001);
    });
}

#[test]
fn a_stop_for_good_cuts_open_iterations_off() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&arriving(100.0, s(10), 500), workers, |_, _| Act::Take(s(1)));
        bench.until(ms(2505)).await;
        bench.stop(StopLevel::Now);
        let outcome = bench.end().await;
        // Those that began by 1.5 s have ended.
        assert_eq!((outcome.begun(), outcome.ends()), ((251, 251, 0), (151, 0, 100)));
        assert_eq!((outcome.ended, outcome.goodbyes()), (ms(2505), 0));
    });
}

#[test]
fn one_stuck_user_does_not_keep_the_others_from_saying_goodbye() {
    each_number_of_workers(async |workers| {
        let is_first = Cell::new(true);
        let acts = move |_, _| if is_first.replace(false) { Act::Never } else { Act::Take(ms(50)) };
        let outcome = Bench::start(&arriving(100.0, s(2), 20), workers, acts).end().await;
        assert_eq!(outcome.ends().2, 1);
        assert_eq!(outcome.goodbyes(), outcome.ids().len() - 1);
        assert_eq!(outcome.ended, s(32));
    });
}

#[test]
fn fewer_users_than_workers_still_do_everything() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&arriving(100.0, s(2), 2), workers, |_, _| Act::Take(ms(5)));
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((200, 200, 0), (200, 0, 0)));
        assert_on_time(&outcome.by_due());
        assert!(outcome.ids().iter().all(|id| *id <= 2), "{:?}", outcome.ids());
    });
}

#[test]
fn the_same_seed_gives_the_same_random_arrivals() {
    each_number_of_workers(async |workers| {
        let scenario = poisson(300.0, s(20));
        let mut dues = Vec::new();
        for seed in [7, 7, 8] {
            let bench = Bench::start_seeded(&scenario, workers, seed, |_, _| Act::Take(ms(30)));
            let outcome = bench.end().await;
            let expected: usize = (0..workers)
                .map(|index| Shard { index, count: workers })
                .map(|shard| Arrivals::new(&scenario.executor, seed, shard).count())
                .sum();
            assert_eq!(outcome.stats.planned, expected as u64);
            let notes = outcome.by_due();
            assert_on_time(&notes);
            dues.push(notes.iter().map(|note| note.due).collect::<Vec<_>>());
        }
        assert_eq!(dues[0], dues[1]);
        assert_ne!(dues[0], dues[2]);
    });
}

#[test]
fn a_ramping_rate_plans_what_its_curve_says() {
    let ramps = [
        (0, vec![stage(100, s(10), false)]),
        (0, vec![stage(100, s(10), false), stage(100, s(3), false), stage(0, s(7), false)]),
        (10, vec![stage(400, s(2), true), stage(0, s(2), true), stage(33, s(5), false)]),
    ];
    for (start, stages) in ramps {
        each_number_of_workers(async |workers| {
            let scenario = scenario(Executor::RampingArrivalRate {
                start_rate: Rate::per_second(f64::from(start)).expect("a rate"),
                stages: stages.clone(),
                arrival: Arrival::Constant,
                pre_allocated_vus: 1,
                max_vus: 300,
            });
            let schedule = Schedule::of(&scenario.executor).expect("an open executor");
            let outcome = Bench::start(&scenario, workers, |_, _| Act::Take(ms(100))).end().await;
            let total = schedule.total().expect("an end");
            assert_eq!(outcome.begun(), (total, total, 0));
            let notes = outcome.by_due();
            assert!((0..).zip(&notes).all(|(i, note)| schedule.due_at(i) == Some(note.due)));
            assert_on_time(&notes);
        });
    }
}

#[test]
fn a_ramp_from_nothing_to_a_hundred_a_second_is_five_hundred_in_ten_seconds() {
    on_virtual_time(async || {
        let scenario = scenario(Executor::RampingArrivalRate {
            start_rate: Rate::per_second(0.0).expect("a rate"),
            stages: vec![stage(100, s(10), false)],
            arrival: Arrival::Constant,
            pre_allocated_vus: 1,
            max_vus: 300,
        });
        let outcome = Bench::start(&scenario, 3, |_, _| Act::Take(ms(100))).end().await;
        assert_eq!(outcome.begun(), (500, 500, 0));
    });
}

#[test]
fn the_backlogs_of_two_scenarios_add_up() {
    on_virtual_time(async || {
        let clock = RunClock::starting_now();
        let recorders = [Rc::new(Recorder::new(0, clock))];
        let begin = |rate, first| {
            let scenario = Scenario { graceful_stop: s(1), ..arriving(rate, s(10), 1) };
            Bench::start_on(&scenario, &recorders, clock, (7, first), |_, _| Act::Never)
        };
        let (few, many) = (begin(1.0, 1), begin(10.0, 2));
        few.until(ms(5050)).await;
        // Six and 51 have come, and one of each is under way.
        assert_eq!(recorders[0].take().backlog, 5 + 50);
        few.stop(StopLevel::Graceful);
        few.until(ms(5060)).await;
        assert_eq!(recorders[0].take().backlog, 50);
        many.stop(StopLevel::Now);
        many.until(ms(5070)).await;
        assert_eq!(recorders[0].take().backlog, 0);
    });
}
