//! A constant number of users, and the pauses of all closed models.

use std::time::Duration;

use super::support::{Act, Bench, each_number_of_workers, ms, on_virtual_time, s, scenario};
use crate::engine::vu::IterationEnd;
use crate::plan::{Executor, Scenario, ThinkTime};

fn constant(vus: u64, duration: Duration) -> Scenario {
    scenario(Executor::ConstantVus { vus, duration })
}

fn thinking(vus: u64, duration: Duration, think_time: ThinkTime) -> Scenario {
    Scenario { think_time, ..constant(vus, duration) }
}

#[test]
fn users_iterate_back_to_back_until_the_duration_is_over() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&constant(5, ms(9950)), workers, |_, _| Act::Take(ms(100)));
        let outcome = bench.end().await;
        assert_eq!(outcome.begun(), (500, 500, 0));
        assert_eq!(outcome.ends(), (500, 0, 0));
        assert_eq!(outcome.ids(), [1, 2, 3, 4, 5]);
        assert_eq!(outcome.ended, s(10));
        for starts in outcome.starts().values() {
            assert!(starts.iter().enumerate().all(|(n, at)| *at == ms(100) * n as u32));
        }
        assert_eq!(outcome.stats.duration.min(), Some(ms(100)));
        assert_eq!(outcome.stats.response_time.max(), Some(ms(100)));
    });
}

#[test]
fn failed_iterations_are_followed_like_others() {
    each_number_of_workers(async |workers| {
        let acts = |_, n| if n % 4 == 3 { Act::Fail(ms(50)) } else { Act::Take(ms(50)) };
        let outcome = Bench::start(&constant(3, ms(975)), workers, acts).end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((60, 60, 0), (45, 15, 0)));
        assert_eq!(outcome.goodbyes(), 3);
    });
}

#[test]
fn iterations_that_run_at_the_end_may_finish_within_the_graceful_stop() {
    each_number_of_workers(async |workers| {
        let bench = Bench::start(&constant(4, s(10)), workers, |_, _| Act::Take(s(3)));
        let outcome = bench.end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((16, 16, 0), (16, 0, 0)));
        assert_eq!(outcome.ended, s(12));
        assert_eq!(outcome.goodbyes(), 4);
    });
}

#[test]
fn iterations_are_cut_off_when_the_graceful_stop_is_over() {
    each_number_of_workers(async |workers| {
        let scenario = Scenario { graceful_stop: s(2), ..constant(4, s(10)) };
        // Two users need a second too long, two do not.
        let acts = |id, _| Act::Take(if id <= 2 { ms(6500) } else { s(4) });
        let outcome = Bench::start(&scenario, workers, acts).end().await;
        assert_eq!((outcome.begun(), outcome.ends()), ((10, 10, 0), (8, 0, 2)));
        assert_eq!(outcome.ended, s(12));
        let cut = outcome.by_due().into_iter().filter_map(|note| match note.ended {
            Some((at, IterationEnd::Interrupted)) => Some((note.vu, at)),
            _ => None,
        });
        let mut cut: Vec<_> = cut.collect();
        cut.sort_unstable();
        assert_eq!(cut, [(1, s(12)), (2, s(12))]);
    });
}

#[test]
fn users_say_goodbye_unless_they_were_cut_off() {
    each_number_of_workers(async |workers| {
        let scenario = Scenario { graceful_stop: s(2), ..constant(6, s(10)) };
        let acts = |id, _| if id % 3 == 0 { Act::Never } else { Act::Take(ms(700)) };
        let outcome = Bench::start(&scenario, workers, acts).end().await;
        let mut goodbyes: Vec<_> =
            outcome.log.goodbyes.borrow().iter().map(|(id, at, _)| (*id, *at)).collect();
        goodbyes.sort_unstable();
        let at = ms(10_500);
        assert_eq!(goodbyes, [(1, at), (2, at), (4, at), (5, at)]);
        assert_eq!(outcome.ended, s(12));
    });
}

#[test]
fn the_time_between_two_iterations_is_thought_about() {
    each_number_of_workers(async |workers| {
        let scenario = thinking(5, ms(9975), ThinkTime::Constant(ms(50)));
        let outcome = Bench::start(&scenario, workers, |_, _| Act::Take(ms(100))).end().await;
        // At 0, 150, ... 9900 ms.
        assert_eq!(outcome.begun(), (5 * 67, 5 * 67, 0));
        for starts in outcome.starts().values() {
            assert!(starts.iter().enumerate().all(|(n, at)| *at == ms(150) * n as u32));
        }
        // A pause is no part of an iteration.
        assert_eq!(outcome.stats.response_time.max(), Some(ms(100)));
    });
}

#[test]
fn random_pauses_stay_between_their_bounds() {
    on_virtual_time(async || {
        let think_time = ThinkTime::Between(ms(100), ms(300));
        let scenario = thinking(3, s(60), think_time);
        let outcome = Bench::start(&scenario, 1, |_, _| Act::Take(ms(10))).end().await;
        let starts = outcome.starts();
        let pauses: Vec<_> = starts
            .values()
            .flat_map(|starts| starts.windows(2).map(|pair| pair[1] - pair[0] - ms(10)))
            .collect();
        assert!(pauses.len() > 600);
        assert_eq!(pauses.iter().min(), Some(&ms(100)));
        // The scripted user's largest draw is 0.9 of the way.
        assert_eq!(pauses.iter().max(), Some(&ms(280)));
    });
}

#[test]
fn a_user_in_a_pause_leaves_at_once() {
    each_number_of_workers(async |workers| {
        let scenario = thinking(5, s(10), ThinkTime::Constant(Duration::from_hours(1)));
        let outcome = Bench::start(&scenario, workers, |_, _| Act::Take(s(1))).end().await;
        assert_eq!(outcome.begun(), (5, 5, 0));
        assert_eq!((outcome.ended, outcome.goodbyes()), (s(10), 5));
    });
}

#[test]
fn paced_iterations_keep_their_grid_and_do_not_catch_up() {
    on_virtual_time(async || {
        let scenario = thinking(1, ms(5900), ThinkTime::Pacing(s(1)));
        let acts = |_, n| Act::Take(if n == 2 { ms(2500) } else { ms(200) });
        let outcome = Bench::start(&scenario, 1, acts).end().await;
        let starts: Vec<_> = outcome.starts()[&1].iter().map(Duration::as_millis).collect();
        assert_eq!(starts, [0, 1000, 2000, 4500, 5500]);
    });
}

#[test]
fn a_paced_grid_does_not_drift_with_the_timer() {
    each_number_of_workers(async |workers| {
        // A third of a millisecond beside the timer's ticks.
        let interval = Duration::from_nanos(100_333_333);
        let scenario = thinking(2, ms(59_950), ThinkTime::Pacing(interval));
        let outcome = Bench::start(&scenario, workers, |_, _| Act::Take(ms(20))).end().await;
        for id in [1, 2] {
            let notes: Vec<_> = outcome.by_due().into_iter().filter(|n| n.vu == id).collect();
            assert_eq!(notes.len(), 598);
            for (n, note) in notes.iter().enumerate() {
                assert_eq!(note.due, interval * n as u32);
                assert!(note.started >= note.due && note.started - note.due < ms(1));
            }
        }
        // The timer's lateness is in the response time, and not in the duration.
        assert_eq!(outcome.stats.duration.max(), Some(ms(20)));
        assert!(outcome.stats.response_time.max() > Some(Duration::from_micros(20_600)));
    });
}
