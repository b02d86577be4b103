//! Arrivals are exact for whole stages, never drift and never go back.

use proptest::prelude::*;

use super::*;

fn stage(target: f64, seconds: f64, jump: bool) -> Stage {
    Stage { name: "s".to_owned(), target, duration: Duration::from_secs_f64(seconds), jump }
}

fn total(schedule: &Schedule) -> u64 {
    schedule.total().expect("a schedule ends")
}

/// Arrivals due in [from, to) seconds.
fn count_in(schedule: &Schedule, from: f64, to: f64) -> usize {
    let dues = (0..total(schedule)).filter_map(|i| schedule.due_at(i));
    dues.filter(|due| (from..to).contains(&due.as_secs_f64())).count()
}

#[test]
fn whole_stages_have_exactly_their_arrivals() {
    for (rate, seconds, count) in [
        (2000.0, 10.0, 20_000),
        (0.1, 30.0, 3),
        (1.0 / 3.0, 9.0, 3),
        (1.0 / 3.0, 10.0, 4),
        (1e5, 86_400.0 * 366.0, 3_162_240_000_000),
        (1.0 / 60.0, 3600.0, 60),
        (0.001, 1.0, 1),
        (0.0, 10.0, 0),
    ] {
        let schedule = Schedule::constant(rate, Duration::from_secs_f64(seconds));
        assert_eq!(schedule.total(), Some(count), "{rate}/s for {seconds} s");
        assert_eq!(schedule.due_at(count), None);
    }
}

#[test]
fn a_constant_rate_begins_at_once_and_ends_one_interval_early() {
    let schedule = Schedule::constant(2000.0, Duration::from_secs(10));
    for (index, due_us) in [(0, 0), (1, 500), (2, 1000), (19_999, 9_999_500)] {
        assert_eq!(schedule.due_at(index), Some(Duration::from_micros(due_us)), "{index}");
    }
}

#[test]
fn nothing_drifts_at_the_billionth_arrival() {
    let century = Duration::from_secs(4_000_000_000);
    for (rate, index, due_s) in [(1.0 / 3.0, 1_000_000_000_u64, 3e9), (0.7, 700_000_000, 1e9)] {
        let due = Schedule::constant(rate, century).due_at(index).expect("inside");
        let error = (due.as_nanos() as f64 - due_s * 1e9).abs();
        assert!(error < 1000.0, "{rate}/s: {error} ns off at {index}");
    }
    let fast = Schedule::constant(3e6, century).due_at(1_000_000_000_000_001);
    let error = fast.expect("inside").as_nanos().abs_diff(333_333_333_333_333_667);
    assert!(error < 1000, "{error} ns off");
}

#[test]
fn nothing_arrives_while_the_rate_is_zero() {
    let stages = [
        stage(0.0, 10.0, true),
        stage(10.0, 10.0, true),
        stage(0.0, 10.0, true),
        stage(10.0, 1.0, true),
    ];
    let schedule = Schedule::ramping(0.0, &stages);
    assert_eq!(total(&schedule), 110);
    assert_eq!(schedule.due_at(0), Some(Duration::from_secs(10)));
    assert_eq!(schedule.due_at(99), Some(Duration::from_millis(19_900)));
    assert_eq!(schedule.due_at(100), Some(Duration::from_secs(30)));
    assert_eq!(count_in(&schedule, 20.0, 30.0), 0);
}

#[test]
fn ramps_follow_the_closed_form() {
    // Λ(t) = t² for 0 to 20/s over 10 s: arrival i at √i seconds.
    let up = Schedule::ramping(0.0, &[stage(20.0, 10.0, false)]);
    assert_eq!(total(&up), 100);
    for i in [0_u64, 1, 2, 50, 99] {
        let due = up.due_at(i).expect("inside").as_secs_f64();
        assert!((due - (i as f64).sqrt()).abs() < 1e-9, "{i}: {due}");
    }
    // The same backwards: Λ(t) = 100 − (10 − t)².
    let down = Schedule::ramping(20.0, &[stage(0.0, 10.0, false)]);
    assert_eq!(total(&down), 100);
    for i in [0_u64, 1, 50, 99] {
        let due = down.due_at(i).expect("inside").as_secs_f64();
        assert!((due - (10.0 - (100.0 - i as f64).sqrt())).abs() < 1e-9, "{i}: {due}");
    }
}

#[test]
fn steps_and_ramps_carry_what_is_left_over() {
    let stages = [stage(0.5, 1.0, true), stage(0.5, 1.0, false), stage(0.25, 8.0, true)];
    let schedule = Schedule::ramping(0.0, &stages);
    let dues: Vec<_> = (0..4).map(|i| schedule.due_at(i).map(|due| due.as_secs())).collect();
    assert_eq!(dues, [Some(0), Some(2), Some(6), None]);
    let stepped = Schedule::ramping(5.0, &[stage(0.0, 0.0, false), stage(10.0, 10.0, false)]);
    assert_eq!((total(&stepped), stepped.duration()), (50, Duration::from_secs(10)));
}

#[test]
fn the_rate_can_be_read_at_any_time() {
    let schedule = Schedule::ramping(0.0, &[stage(10.0, 10.0, false), stage(50.0, 5.0, true)]);
    for (at_s, rate) in [(0, 0.0), (5, 5.0), (10, 50.0), (14, 50.0), (15, 0.0)] {
        let got = schedule.rate_at(Duration::from_secs(at_s));
        assert!((got - rate).abs() < 1e-9, "{at_s}: {got}");
    }
}

fn stages() -> impl Strategy<Value = Vec<Stage>> {
    let one = (0..200_u32, 0..8_u32, any::<bool>());
    prop::collection::vec(one, 1..6).prop_map(|stages| {
        let make = |(target, s, jump)| stage(f64::from(target), f64::from(s), jump);
        stages.into_iter().map(make).collect()
    })
}

/// Λ at the end of each stage, in halves: exact in whole numbers.
fn integral_halves(start_rate: u32, stages: &[Stage]) -> Vec<(f64, u64)> {
    let (mut rate, mut end, mut sum) = (u64::from(start_rate), 0.0, 0);
    let mut ends = Vec::new();
    for stage in stages {
        let (target, seconds) = (stage.target as u64, stage.duration.as_secs());
        let from = if stage.jump { target } else { rate };
        sum += (from + target) * seconds;
        end += stage.duration.as_secs_f64();
        rate = target;
        ends.push((end, sum));
    }
    ends
}

proptest! {
    #[test]
    fn dues_never_decrease_and_stay_inside(start in 0..200_u32, stages in stages()) {
        let schedule = Schedule::ramping(f64::from(start), &stages);
        let mut last = Duration::ZERO;
        for i in 0..total(&schedule) {
            let due = schedule.due_at(i);
            prop_assert!(due.is_some_and(|due| due >= last && due < schedule.duration()), "{} {:?}", i, due);
            last = due.expect("checked");
        }
        prop_assert_eq!(schedule.due_at(total(&schedule)), None);
    }

    #[test]
    fn the_integral_of_the_rate_is_the_count(start in 0..200_u32, stages in stages()) {
        let schedule = Schedule::ramping(f64::from(start), &stages);
        for (end, halves) in integral_halves(start, &stages) {
            prop_assert_eq!(count_in(&schedule, 0.0, end) as u64, halves.div_ceil(2), "by {} s", end);
        }
    }

    #[test]
    fn a_constant_rate_is_exact_at_any_index(rate in 0.01..1e6_f64, index in 0..10_000_000_000_u64) {
        let schedule = Schedule::constant(rate, Duration::from_secs(1 << 42));
        let due = schedule.due_at(index).expect("inside");
        let expected = index as f64 / rate;
        prop_assert!((due.as_secs_f64() - expected).abs() <= 1e-9 + expected * f64::EPSILON);
    }
}
