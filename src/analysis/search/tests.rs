//! Searches against simulated targets whose limits are known (METHODS.md 2.7), and the corners of a search.

use super::simulated::{Law, Target, drive};
use super::*;

/// What came of a search for each seed, by two threads.
fn outcomes(seeds: std::ops::Range<u64>, outcome: impl Fn(u64) -> Outcome + Sync) -> Vec<Outcome> {
    let middle = seeds.start.midpoint(seeds.end);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| (seeds.start..middle).map(&outcome).collect::<Vec<_>>());
        let mut rest: Vec<_> = (middle..seeds.end).map(&outcome).collect();
        let mut all = first.join().expect("the searches of the other half end");
        all.append(&mut rest);
        all
    })
}

fn count(outcomes: &[Outcome], is: impl Fn(&Outcome) -> bool) -> usize {
    outcomes.iter().filter(|outcome| is(outcome)).count()
}

fn has_within(bounds: &Bounds, truth: f64) -> bool {
    bounds.lower_per_s.zip(bounds.upper_per_s).is_some_and(|(l, u)| (l..=u).contains(&truth))
}

fn is_near(value: f64, truth: f64, share: f64) -> bool {
    (value / truth - 1.0).abs() <= share
}

fn sustains(outcome: &Outcome, truth: f64, share: f64) -> bool {
    let found = outcome.max_sustainable.as_ref();
    found.is_some_and(|found| is_near(found.goodput_per_s, truth, share))
}

fn show(found: &Outcome) -> String {
    format!("{:?} {:?} {:?}", found.bounds, found.capacity_drift, found.irregular)
}

/// Searches for the load at which a target without a queue refuses five percent.
fn loss_searches(
    (slots, service_s): (usize, f64),
    (trial_s, sum_s): (u64, u64),
    seeds: std::ops::Range<u64>,
) -> Vec<Outcome> {
    outcomes(seeds, |seed| {
        let settings = SearchSettings {
            goals: vec![Goal::breakdown()],
            trial_duration: Duration::from_secs(trial_s),
            duration_sum: Duration::from_secs(sum_s),
            max_duration: Duration::from_secs(3600),
            ..SearchSettings::default()
        };
        let law = Law::Slots { count: slots, service_s };
        drive(settings, &mut Target::new(law, seed)).1
    })
}

#[test]
fn the_bounds_of_a_target_without_a_queue_hold_the_load_of_erlangs_formula() {
    // 5 % of Erlang B; requests/s by slots and service time. The less a target serves a second, the longer trials must be to
    // know its losses: the standard ones do for about 500/s and more.
    let of_ten = loss_searches((10, 0.05), (30, 420), 0..20);
    let of_fifty = loss_searches((50, 0.1), (5, 70), 100..160);
    let of_hundred = loss_searches((100, 0.1), (5, 35), 200..220);
    let mut held = 0;
    for (all, truth) in [(of_ten, 124.31), (of_fifty, 445.33), (of_hundred, 952.4)] {
        let holding = count(&all, |outcome| has_within(&outcome.bounds[0], truth));
        held += holding;
        for outcome in &all {
            let width = outcome.bounds[0].width_ratio().expect("both bounds");
            assert!(width <= 0.0501, "{}", show(outcome));
            assert_eq!(outcome.irregular, [], "{truth}");
        }
    }
    assert!(held >= 90, "{held} of 100");
}

#[test]
fn the_capacity_of_a_queue_does_not_depend_on_the_clients_patience() {
    let with_timeout = |timeout_s: f64| {
        outcomes(0..20, |seed| {
            let mut target = Target::queue(1000.0, seed);
            target.timeout_s = timeout_s;
            drive(SearchSettings::default(), &mut target).1
        })
    };
    for timeout_s in [1.0, 5.0, 30.0] {
        let all = with_timeout(timeout_s);
        let capacity = |outcome: &Outcome| outcome.capacity_drift.expect("it was overloaded");
        let near = count(&all, |outcome| is_near(capacity(outcome).mu_hat_per_s, 1000.0, 0.03));
        assert!(near >= 19, "{near} capacities of 20 with {timeout_s} s");
        let middle = |outcome: &Outcome| {
            let Bounds { lower_per_s: Some(lower), upper_per_s: Some(upper) } = outcome.bounds[0]
            else {
                panic!("no bounds: {}", show(outcome))
            };
            (lower * upper).sqrt()
        };
        let near = count(&all, |outcome| is_near(middle(outcome), 1000.0, 0.03));
        assert!(near >= 19, "{near} middles of 20 with {timeout_s} s");
        let confirmed = |outcome: &Outcome| {
            sustains(outcome, 1000.0, 0.06)
                && outcome.max_sustainable.as_ref().is_some_and(|m| m.confirmed == Some(true))
        };
        assert_eq!(count(&all, confirmed), 20, "with {timeout_s} s");
    }
}

#[test]
fn errors_alone_tell_of_the_clients_patience_instead() {
    // An overload by r fails after T/(r − 1) seconds: with trials of 5 s, 5 % of errors are at 1 + T/(0.95·5) of capacity.
    for (timeout_s, factor) in [(1.0, 1.21), (5.0, 2.05)] {
        let settings = SearchSettings { strategy: Strategy::Bisect, ..SearchSettings::default() };
        let mut target = Target::queue(1000.0, 1);
        target.timeout_s = timeout_s;
        let (search, _) = drive(settings, &mut target);
        let lower = search.bounds(0).lower_per_s.expect("small loads are carried");
        assert!(is_near(lower, 1000.0 * factor, 0.08), "{lower} with {timeout_s} s");
    }
}

#[test]
fn stalls_of_single_trials_do_not_mislead_the_search_but_do_bisection() {
    let stalling = |strategy: Strategy| {
        outcomes(0..100, move |seed| {
            let mut target = Target::queue(1000.0, seed);
            target.timeout_s = 0.5;
            target.stall_probability = 0.05;
            drive(SearchSettings { strategy, ..SearchSettings::default() }, &mut target).1
        })
    };
    let searched = stalling(Strategy::MlrSearch);
    let near = count(&searched, |o| sustains(o, 1000.0, 0.06));
    assert!(near >= 97, "{near} of 100");
    // What bisection converges to when nothing is disturbed, with trials of 5 s and this time-out.
    let biased = 1000.0 * (1.0 + 0.5 / (0.95 * 5.0));
    let lower = |outcome: &Outcome| outcome.bounds[0].lower_per_s.unwrap_or(0.0);
    let bisected = stalling(Strategy::Bisect);
    let near = count(&bisected, |outcome| is_near(lower(outcome), biased, 0.06));
    let far = count(&bisected, |outcome| lower(outcome) < 0.6 * biased);
    assert!(near <= 90 && far >= 5, "{near} of 100 are near, {far} far off");
}

#[test]
fn a_load_that_fails_bounds_the_result_though_a_larger_one_is_carried() {
    let mut target = Target::queue(600.0, 1);
    target.fails_between = Some((300.0, 350.0));
    let (_, outcome) = drive(SearchSettings::default(), &mut target);
    let found = outcome.max_sustainable.as_ref().expect("small loads are carried");
    assert!(found.lower_per_s < 300.0 && found.lower_per_s > 280.0, "{}", show(&outcome));
    let inverted = |irregular: &Irregular| match irregular {
        Irregular::LossInversion { carried_per_s, upper_per_s, .. } => {
            *carried_per_s >= 350.0 && (300.0..350.0).contains(upper_per_s)
        }
        _ => false,
    };
    assert!(outcome.irregular.iter().any(inverted), "{}", show(&outcome));
}

#[test]
fn a_target_that_stays_broken_after_an_overload_is_told_and_not_measured() {
    for seed in 0..10 {
        let mut target = Target::queue(1000.0, seed);
        target.sticks_at = Some(0.2);
        let (search, outcome) = drive(SearchSettings::default(), &mut target);
        let found = outcome.max_sustainable.as_ref().expect("small loads are carried");
        assert!((500.0..=1000.0).contains(&found.lower_per_s), "{}", show(&outcome));
        let told = |irregular: &Irregular| {
            matches!(irregular, Irregular::NoRecoveryAfterOverload { load_per_s, .. }
                if *load_per_s > 1000.0)
        };
        assert!(outcome.irregular.iter().any(told), "{}", show(&outcome));
        let overloads = search
            .trials()
            .iter()
            .filter(|row| row.purpose == Purpose::Search && row.trial.load_per_s > 1000.0);
        assert_eq!(overloads.count(), 1, "nothing is searched after the overload");
    }
}

#[test]
fn a_generator_that_is_the_limit_ends_the_search_with_what_is_known() {
    let mut target = Target::queue(1000.0, 1);
    target.ceiling_per_s = Some(700.0);
    let (search, outcome) = drive(SearchSettings::default(), &mut target);
    assert_eq!(
        outcome.irregular,
        [Irregular::GeneratorLimitedAt { load_per_s: 1280.0, reason: "it makes 700/s".to_owned() }]
    );
    assert_eq!(outcome.bounds[0], Bounds { lower_per_s: Some(640.0), upper_per_s: None });
    assert!(outcome.breakdown.is_none());
    let last = search.trials().last().expect("trials were made");
    assert_eq!(last.verdict.kind, VerdictKind::NotCounted);
    assert_eq!(last.verdict.reason, "the generator is the limit: it makes 700/s");
}

#[test]
fn the_limits_of_the_settings_are_limits_of_the_result() {
    let up_to = |max_load_per_s: f64| {
        let settings = SearchSettings { max_load_per_s, ..SearchSettings::default() };
        drive(settings, &mut Target::queue(1000.0, 3))
    };
    let (search, outcome) = up_to(500.0);
    assert_eq!(outcome.bounds[0], Bounds { lower_per_s: Some(500.0), upper_per_s: None });
    let told = |irregular: &&Irregular| matches!(irregular, Irregular::NotBrokenUpTo { .. });
    assert_eq!(outcome.irregular.iter().filter(told).count(), 2, "{}", show(&outcome));
    assert!(sustains(&outcome, 500.0, 0.01));
    assert!(search.trials().iter().all(|row| row.trial.load_per_s <= 500.0));

    let settings = SearchSettings {
        min_load_per_s: 1500.0,
        start_load_per_s: 10.0,
        ..SearchSettings::default()
    };
    let (search, outcome) = drive(settings, &mut Target::queue(1000.0, 3));
    assert_eq!(outcome.max_sustainable, None);
    let searched = search.trials().iter().filter(|row| row.purpose == Purpose::Search);
    assert!(searched.clone().count() > 0);
    assert!(searched.clone().all(|row| row.trial.load_per_s >= 1500.0));
    let told = |irregular: &&Irregular| matches!(irregular, Irregular::FailsAtMinimum { .. });
    assert_eq!(outcome.irregular.iter().filter(told).count(), 2, "{}", show(&outcome));
    // The trials are overloads, so the capacity is known nevertheless.
    let capacity = outcome.capacity_drift.expect("work piled up");
    assert!(is_near(capacity.mu_hat_per_s, 1000.0, 0.05), "{capacity:?}");
}

#[test]
fn the_smallest_load_that_fails_is_told() {
    let settings =
        SearchSettings { min_load_per_s: 60.0, start_load_per_s: 200.0, ..Default::default() };
    // Nothing is refused by the canaries alone: they get through now and then.
    let mut target = Target::queue(50_000.0, 4);
    target.fails_between = Some((60.5, 1e9));
    let (_, carried) = drive(settings.clone(), &mut target);
    assert_eq!(carried.bounds[0].lower_per_s, Some(60.0), "{}", show(&carried));

    let mut search = Search::new(settings);
    let outcome = loop {
        match search.next_step() {
            Next::Trial(request) => {
                let fails = request.purpose == Purpose::Search;
                let trial = Trial {
                    planned: 1000,
                    errors: if fails { 500 } else { 0 },
                    elapsed: request.duration,
                    response_p50: Some(Duration::from_millis(5)),
                    ..Trial::default()
                };
                search.record(trial);
            }
            Next::Idle(_) => {}
            Next::Done(outcome) => break outcome,
        }
    };
    let told = Irregular::FailsAtMinimum { goal: "sustainable".to_owned(), load_per_s: 60.0 };
    assert!(outcome.irregular.contains(&told), "{}", show(&outcome));
    assert_eq!(outcome.max_sustainable, None);
    assert_eq!(outcome.breakdown.expect("it breaks").load_per_s, 60.0);
}

#[test]
fn a_search_that_runs_out_of_time_gives_what_it_has() {
    let max_duration = Duration::from_secs(90);
    let settings = SearchSettings { max_duration, ..SearchSettings::default() };
    let (_, outcome) = drive(settings, &mut Target::queue(1000.0, 5));
    assert!(outcome.irregular.contains(&Irregular::OutOfTime { max_duration }));
    assert!(outcome.elapsed < max_duration + Duration::from_secs(20));
    let found = outcome.max_sustainable.expect("small loads are carried");
    assert!(found.lower_per_s >= 300.0 && found.confirmed.is_none(), "{found:?}");
}

#[test]
fn a_step_is_the_same_until_it_is_recorded_and_the_first_two_are_no_search() {
    let mut search = Search::new(SearchSettings::default());
    let mut target = Target::queue(1000.0, 6);
    let mut purposes = Vec::new();
    while purposes.len() < 3 {
        let Next::Trial(request) = search.next_step() else { panic!("it has only begun") };
        assert_eq!(search.next_step(), Next::Trial(request));
        purposes.push(request.purpose);
        search.record(target.trial(&request));
    }
    assert_eq!(purposes, [Purpose::WarmUp, Purpose::Canary, Purpose::Search]);
    assert_eq!(search.trials().len(), 3);
}

#[test]
fn an_overload_is_followed_by_a_small_load_before_anything_else() {
    let (search, _) = drive(SearchSettings::default(), &mut Target::queue(1000.0, 7));
    let rows = search.trials();
    let high = |row: &TrialRow| row.purpose == Purpose::Search && row.verdict.is_high();
    let mut overloads = 0;
    for (place, pair) in rows.windows(2).enumerate().filter(|(_, pair)| high(&pair[0])) {
        overloads += 1;
        let tried = rows[..=place].iter().map(|row| row.trial.load_per_s).fold(0.0, f64::max);
        let canary = &pair[1];
        assert_eq!(canary.purpose, Purpose::Canary);
        assert!(canary.trial.load_per_s <= 0.1 * tried, "{}", canary.trial.load_per_s);
    }
    assert!(overloads > 3, "{overloads}");
}

#[test]
fn a_verdict_says_why() {
    let slo = Some(Duration::from_millis(300));
    let mut search = Search::new(SearchSettings { slo, ..SearchSettings::default() });
    let drift = drift::Drift {
        growth_per_s: 60.2,
        standard_error_per_s: 10.0,
        is_unstable: true,
        is_certain: false,
        mu_hat_per_s: 940.0,
    };
    let trial = Trial { planned: 1000, errors: 120, slow: 14, ..Trial::default() };
    let verdict = search.record(Trial { drift: Some(drift), ..trial.clone() });
    assert_eq!(verdict.reason, "12% errors, backlog grows by 60/s, 1.4% slower than 300ms");
    assert_eq!((verdict.is_high(), verdict.high_goals), (true, vec![0, 1]));
    let slow = search.record(Trial { errors: 0, ..trial.clone() });
    assert_eq!((slow.reason.as_str(), slow.high_goals), ("1.4% slower than 300ms", vec![0]));
    let good = search.record(Trial { errors: 0, slow: 0, ..trial });
    assert_eq!((good.kind, good.reason.as_str()), (VerdictKind::Low, ""));
    assert_eq!(search.record(Trial::default()).reason, "no requests");
}

#[test]
fn an_outcome_survives_json() {
    let mut target = Target::queue(1000.0, 8);
    target.sticks_at = Some(0.2);
    let (search, outcome) = drive(SearchSettings::default(), &mut target);
    let text = serde_json::to_string(&outcome).expect("it is plain data");
    assert_eq!(serde_json::from_str::<Outcome>(&text).expect("the same"), outcome);
    let rows = serde_json::to_string(search.trials()).expect("they are plain data");
    let read: Vec<TrialRow> = serde_json::from_str(&rows).expect("the same");
    assert_eq!(read, search.trials());
}

#[test]
fn two_limits_are_found_in_one_search() {
    // M/M/1: 1 % of the responses take longer than 20 ms at μ − ln(100)/20 ms.
    let sustainable = 1000.0 - 100.0_f64.ln() / 0.02;
    let all = outcomes(0..20, |seed| {
        let mut target = Target::queue(1000.0, seed);
        target.slo_s = 0.02;
        drive(SearchSettings::default(), &mut target).1
    });
    let is_near = |bound: Option<f64>, truth| bound.is_some_and(|load| is_near(load, truth, 0.08));
    let near = count(&all, |outcome| {
        is_near(outcome.bounds[0].lower_per_s, sustainable)
            && is_near(outcome.bounds[1].upper_per_s, 1000.0)
    });
    assert!(near >= 19, "{near} of 20");
    let confirmed = |outcome: &Outcome| {
        outcome.max_sustainable.as_ref().is_some_and(|m| m.confirmed == Some(true))
    };
    assert!(count(&all, confirmed) >= 18, "{} of 20", count(&all, confirmed));
    assert!(all.iter().all(|outcome| outcome.irregular.is_empty()));
}

#[test]
fn a_failure_of_a_load_that_was_carried_is_doubted_until_the_target_is_itself() {
    // Something breaks the target for a while at a load that it carried, whatever the load.
    let mut search = Search::new(SearchSettings::default());
    let mut target = Target::queue(1000.0, 9);
    let (mut broken_at, mut looks) = (None, 0);
    loop {
        let request = match search.next_step() {
            Next::Trial(request) => request,
            Next::Idle(rest) => {
                target.idle(rest);
                continue;
            }
            Next::Done(_) => break,
        };
        let is_carried = search.bounds(0).lower_per_s.is_some_and(|l| request.load_per_s <= l);
        let mut trial = target.trial(&request);
        if request.purpose == Purpose::Search && is_carried && broken_at.is_none() {
            broken_at = Some(request.load_per_s);
        } else if broken_at.is_some() {
            looks += 1;
        }
        if broken_at.is_some() && looks < 3 {
            trial.errors = trial.planned;
        }
        search.record(trial);
    }
    let broken_at = broken_at.expect("a carried load was tried again");
    let entered = search.ledger.at(broken_at).expect("it was tried before");
    assert!(entered.is_all_low(&Goal::breakdown()), "{entered:?}");
    assert!(is_near(search.bounds(0).lower_per_s.expect("carried"), 1000.0, 0.06));
}
