//! A number of iterations, shared by all users or each user's own.

use std::time::Duration;

use super::support::{Act, Bench, each_number_of_workers, ms, on_virtual_time, s, scenario};
use crate::engine::stop::StopLevel;
use crate::plan::{Executor, Scenario, ThinkTime};

fn shared(vus: u64, iterations: u64, max_duration: Duration) -> Scenario {
    scenario(Executor::SharedIterations { vus, iterations, max_duration })
}

fn own(vus: u64, iterations: u64, max_duration: Duration) -> Scenario {
    scenario(Executor::PerVuIterations { vus, iterations, max_duration })
}

#[test]
fn shared_iterations_are_each_done_once() {
    each_number_of_workers(async |workers| {
        // User 1 is slow: the others do its part.
        let acts = |id, _| Act::Take(if id == 1 { s(5) } else { ms(10 * id) });
        let outcome = Bench::start(&shared(9, 1000, s(600)), workers, acts).end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((1000, 1000, 0), (1000, 0, 0)));
        assert_eq!(outcome.ids(), (1..=9).collect::<Vec<_>>());
        assert_eq!((outcome.starts()[&1].len(), outcome.goodbyes()), (2, 9));
    });
}

#[test]
fn workers_without_a_user_leave_the_shared_iterations_to_the_others() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&shared(1, 50, s(600)), workers, |_, _| Act::Take(ms(100)));
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ended), ((50, 50, 0), s(5)));
    });
}

#[test]
fn shared_iterations_that_have_not_begun_in_time_are_dropped() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&shared(10, 1000, ms(5500)), workers, |_, _| Act::Take(s(1)));
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((1000, 60, 940), (60, 0, 0)));
        assert_eq!(outcome.ended, s(6));
    });
}

#[test]
fn shared_iterations_that_a_stop_leaves_over_are_dropped() {
    for (level, ends) in [(StopLevel::Graceful, (30, 0, 0)), (StopLevel::Now, (20, 0, 10))] {
        each_number_of_workers(async |workers| {
            let bench = Bench::start(&shared(10, 1000, s(600)), workers, |_, _| Act::Take(s(1)));
            bench.until(ms(2500)).await;
            bench.stop(level);
            let outcome = bench.end().await;
            assert_eq!((outcome.begun(), outcome.ends()), ((1000, 30, 970), ends));
        });
    }
}

#[test]
fn a_stop_of_one_worker_does_not_drop_twice() {
    on_virtual_time(async || {
        // Longer than the graceful stop, so that one worker counts before the others' users are gone.
        let scenario = Scenario { graceful_stop: s(3), ..shared(9, 1000, ms(5500)) };
        let acts = |id, _| if id % 3 == 1 { Act::Take(s(1)) } else { Act::Never };
        let outcome = Bench::start(&scenario, 3, acts).end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((1000, 24, 976), (18, 0, 6)));
        assert_eq!(outcome.ended, ms(8500));
    });
}

#[test]
fn nobody_pauses_after_the_last_iteration() {
    each_number_of_workers(async |workers| {
        let think_time = ThinkTime::Constant(s(20));
        for last in [shared(4, 8, s(600)), own(4, 2, s(600))] {
            let scenario = Scenario { think_time, ..last };
            let bench = Bench::start(&scenario, workers, |_, _| Act::Take(s(1)));
            let outcome = bench.end().await;
            assert_eq!((outcome.begun(), outcome.ended), ((8, 8, 0), s(22)));
        }
    });
}

#[test]
fn each_user_does_its_own_iterations() {
    each_number_of_workers(async |workers| {
        let acts = |id, _| Act::Take(ms(10 * id));
        let outcome = Bench::start(&own(5, 20, s(600)), workers, acts).end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((100, 100, 0), (100, 0, 0)));
        assert_eq!(outcome.ids(), [1, 2, 3, 4, 5]);
        assert!(outcome.starts().values().all(|starts| starts.len() == 20));
        assert_eq!((outcome.ended, outcome.goodbyes()), (s(1), 5));
    });
}

#[test]
fn own_iterations_that_have_not_begun_in_time_are_dropped() {
    each_number_of_workers(async |workers| {
        let scenario = Scenario { graceful_stop: s(1), ..own(3, 20, ms(4500)) };
        let acts = |id, _| match id {
            1 => Act::Take(ms(100)),
            2 => Act::Take(s(1)),
            _ => Act::Never,
        };
        let outcome = Bench::start(&scenario, workers, acts).end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((60, 26, 34), (25, 0, 1)));
        assert_eq!((outcome.ended, outcome.goodbyes()), (ms(5500), 2));
    });
}

#[test]
fn own_iterations_that_a_stop_leaves_over_are_dropped() {
    for (level, ends) in [(StopLevel::Graceful, (15, 0, 0)), (StopLevel::Now, (10, 0, 5))] {
        each_number_of_workers(async |workers| {
            let bench = Bench::start(&own(5, 20, s(600)), workers, |_, _| Act::Take(s(1)));
            bench.until(ms(2500)).await;
            bench.stop(level);
            let outcome = bench.end().await;
            assert_eq!((outcome.begun(), outcome.ends()), ((100, 15, 85), ends));
        });
    }
}
