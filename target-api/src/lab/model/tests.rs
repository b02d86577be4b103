//! The model against queueing theory.

use serde_json::{Value, json};

use super::*;

fn model(knobs: Value) -> Model {
    let Value::Object(knobs) = knobs else { panic!("knobs are an object") };
    Model::new(LabConfig::default().patched(knobs, Duration::ZERO).unwrap())
}

/// Runs the arrivals and all that follows from them; in the order in which they finish.
fn run(model: &mut Model, arrivals: impl IntoIterator<Item = Duration>) -> Vec<Finished> {
    let mut finished = Vec::new();
    for at in arrivals {
        finished.extend(std::iter::from_fn(|| model.finish(at)));
        model.arrive(at);
    }
    finished.extend(std::iter::from_fn(|| model.finish(Duration::MAX)));
    finished
}

fn poisson(rate_per_s: f64, count: usize, seed: u64) -> impl Iterator<Item = Duration> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut at = 0.0;
    std::iter::repeat_with(move || {
        at -= (1.0 - rng.random::<f64>()).ln() / rate_per_s;
        Duration::from_secs_f64(at)
    })
    .take(count)
}

/// Arrivals at a constant rate over [from, to) seconds.
fn constant(rate_per_s: f64, from: f64, to: f64) -> impl Iterator<Item = Duration> {
    let count = ((to - from) * rate_per_s).round() as u32;
    (0..count).map(move |i| Duration::from_secs_f64(from + f64::from(i) / rate_per_s))
}

/// Milliseconds from arrival to finish, those refused left out, in rising order.
fn sojourns_ms(finished: &[Finished]) -> Vec<f64> {
    let through = finished.iter().filter(|request| request.outcome != Outcome::Refused);
    let mut sojourns: Vec<_> = through
        .map(|request| (request.due_at - request.arrived_at).as_secs_f64() * 1_000.0)
        .collect();
    sojourns.sort_unstable_by(f64::total_cmp);
    sojourns
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The value that a share `q` of the sorted values does not exceed.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((q * sorted.len() as f64).ceil() as usize).max(1) - 1]
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected} ± {tolerance}");
}

#[track_caller]
fn share_refused(finished: &[Finished]) -> f64 {
    let refused = finished.iter().filter(|request| request.outcome == Outcome::Refused).count();
    refused as f64 / finished.len() as f64
}

#[test]
fn slots_without_a_queue_lose_what_erlang_b_says_under_every_law() {
    // lognormal with sigma 0.8: its median is 50 ms / exp(0.32).
    for (seed, law) in ["det:50ms", "exp:50ms", "lognormal:36.307453ms,0.8"].iter().enumerate() {
        let mut model = model(json!({ "slots": 10, "queue": "none", "service": law }));
        let finished = run(&mut model, poisson(124.31, 200_000, seed as u64));
        // 5 % by Erlang's formula. Losses come in clusters, so that the standard error of their
        // share, 0.0005 if they were independent, is about twice that.
        assert_near(share_refused(&finished), 0.05, 0.004);
    }
}

#[test]
fn constant_arrivals_hide_what_poisson_arrivals_lose() {
    let knobs = json!({ "slots": 50, "queue": "none", "service": "det:100ms" });
    let constant = run(&mut model(knobs.clone()), constant(445.33, 0.0, 60.0));
    assert_eq!(share_refused(&constant), 0.0);
    let poisson = run(&mut model(knobs), poisson(445.33, 100_000, 1));
    assert_near(share_refused(&poisson), 0.05, 0.005);
}

#[test]
fn eight_exponential_slots_wait_as_erlang_c_says() {
    let mut model = model(json!({ "slots": 8, "service": "exp:20ms" }));
    let finished = run(&mut model, poisson(320.0, 400_000, 2));
    let sojourns = sojourns_ms(&finished);
    // M/M/8 with μ = 50/s and λ = 320/s.
    assert_near(mean(&sojourns), 25.72, 0.5);
    assert_near(quantile(&sojourns, 0.50), 19.73, 0.4);
    assert_near(quantile(&sojourns, 0.90), 55.69, 1.2);
    assert_near(quantile(&sojourns, 0.99), 103.04, 3.0);
    let end = finished.last().unwrap().due_at;
    assert_near(model.busy_time(end).as_secs_f64() / end.as_secs_f64(), 6.4, 0.1);
}

#[test]
fn one_steady_slot_waits_as_pollaczek_and_khinchine_say() {
    // M/D/1 at ρ = 0.8: s(1 + ρ/(2(1 - ρ))) = 30 ms.
    let knobs = json!({ "slots": 1, "service": "det:10ms" });
    let sojourns = sojourns_ms(&run(&mut model(knobs.clone()), poisson(80.0, 400_000, 3)));
    assert_near(mean(&sojourns), 30.0, 0.7);
    // With constant arrivals nobody ever waits.
    let sojourns = sojourns_ms(&run(&mut model(knobs), constant(80.0, 0.0, 60.0)));
    assert!(sojourns.iter().all(|sojourn| *sojourn == 10.0));
}

#[test]
fn one_exponential_slot_has_an_exponential_sojourn() {
    // M/M/1: p_q = -ln(1 - q)/(μ - λ).
    let mut model = model(json!({ "slots": 1, "service": "exp:10ms" }));
    let sojourns = sojourns_ms(&run(&mut model, poisson(80.0, 600_000, 4)));
    for (q, expected) in [(0.50, 34.66), (0.90, 115.13), (0.99, 230.26)] {
        assert_near(quantile(&sojourns, q), expected, 0.05 * expected);
    }
}

/// METHODS' table of a stall of S = 1 s in D = 60 s at λ = 1000/s: with capacity μ and ρ = λ/μ, a
/// share 1 - q of requests takes longer than `b + max(0, S - (1 - q)·D·(1 - ρ))`.
#[test]
fn a_stall_is_felt_by_as_many_as_the_formula_says() {
    for (rho, slots, service_ms) in [(0.0, None, 1.0), (0.5, Some(1), 0.5), (0.8, Some(1), 0.8)] {
        let knobs = json!({
            "slots": slots, "service": format!("det:{service_ms}ms"),
            "stall": { "at": "20s", "for": "1s" },
        });
        let finished = run(&mut model(knobs), constant(1_000.0, 0.0, 60.0));
        let frozen = Duration::from_secs(20)..Duration::from_secs(21);
        assert!(!finished.iter().any(|r| frozen.contains(&r.begun_at)), "nothing begins");
        assert!(!finished.iter().any(|r| frozen.contains(&r.due_at)), "nothing finishes");
        let sojourns = sojourns_ms(&finished);
        for q in [0.95, 0.97, 0.99, 0.999, 0.9999] {
            let wait_ms = (1_000.0_f64 - (1.0 - q) * 60_000.0 * (1.0 - rho)).max(0.0);
            // Arrivals are 1 ms apart.
            assert_near(quantile(&sojourns, q), service_ms + wait_ms, 1.1);
        }
        assert_near(*sojourns.last().unwrap(), 1_000.0 + service_ms, 1e-6);
    }
}

#[test]
fn a_stall_in_the_last_second_is_felt_as_one_in_the_middle() {
    let sojourns = |at: &str| {
        let knobs = json!({ "service": "det:1ms", "stall": { "at": at, "for": "1s" } });
        sojourns_ms(&run(&mut model(knobs), constant(1_000.0, 0.0, 60.0)))
    };
    assert_eq!(sojourns("20s"), sojourns("59s"));
}

#[test]
fn a_frozen_lab_refuses_nobody_until_it_goes_on() {
    let knobs = json!({
        "slots": 1, "queue": "none", "service": "det:10ms", "stall": { "at": "1s", "for": "1s" },
    });
    let at = [995, 1_500, 1_600].map(Duration::from_millis);
    let finished = run(&mut model(knobs), at);
    let ends = |index| finished.iter().find(|r| r.index == index).unwrap();
    // Half of the work is left when the lab freezes.
    assert_eq!(ends(0).due_at, Duration::from_millis(2_005));
    assert_eq!(ends(0).service, Duration::from_millis(10));
    for index in [1, 2] {
        assert_eq!(ends(index).outcome, Outcome::Refused);
        assert_eq!(ends(index).due_at, Duration::from_secs(2));
    }
}

#[test]
fn a_spike_is_digested_in_the_time_that_the_capacity_takes() {
    // (λs - μ)·Ts / (μ - λb) with μ = 1000/s.
    for (spike, base, length) in
        [(2_000.0, 500.0, 10.0), (1_500.0, 800.0, 10.0), (3_000.0, 200.0, 5.0)]
    {
        let mut model = model(json!({ "slots": 1, "service": "det:1ms" }));
        let (from, to) = (5.0, 5.0 + length);
        let arrivals = constant(base, 0.0, from).chain(constant(spike, from, to)).chain(constant(
            base,
            to,
            to + 40.0,
        ));
        let finished = run(&mut model, arrivals);
        let last_late = finished.iter().filter(|r| r.begun_at > r.arrived_at).map(|r| r.arrived_at);
        let recovered = last_late.max().unwrap().as_secs_f64() - to;
        let expected = (spike - 1_000.0) * length / (1_000.0 - base);
        assert_near(recovered, expected, 0.02 * expected);
    }
}

#[test]
fn an_overload_in_a_bounded_queue_is_refused_beyond_its_length() {
    let mut model =
        model(json!({ "slots": 1, "queue": "bounded:5", "service": "det:10ms", "seed": 3 }));
    let finished = run(&mut model, constant(200.0, 0.0, 60.0));
    assert_eq!(model.max_queue(), 5);
    // Twice the capacity: half of it is refused.
    assert_near(share_refused(&finished), 0.5, 0.01);
    let slowest = *sojourns_ms(&finished).last().unwrap();
    assert!((50.0..=60.0).contains(&slowest), "five others and itself: {slowest}");
}

#[test]
fn those_who_wait_are_served_in_the_order_of_their_arrival() {
    let mut model = model(json!({ "slots": 3, "service": "exp:10ms" }));
    let mut finished = run(&mut model, poisson(290.0, 5_000, 5));
    finished.sort_by_key(|request| request.index);
    assert!(finished.is_sorted_by_key(|request| request.begun_at));
    assert!(finished.iter().any(|request| request.begun_at > request.arrived_at));
}

#[test]
fn a_metastable_lab_stays_bad_at_a_load_that_it_carried_before() {
    // Good for 1000/s, bad for 500/s. The load is 600/s, but for one second.
    let arrivals = || {
        constant(600.0, 0.0, 10.0)
            .chain(constant(2_000.0, 10.0, 11.0))
            .chain(constant(600.0, 11.0, 60.0))
    };
    let longest_at_the_end = |knobs: Value| {
        let finished = run(&mut model(knobs), arrivals());
        let late = Duration::from_secs(59);
        sojourns_ms(&finished.into_iter().filter(|r| r.arrived_at > late).collect::<Vec<_>>())
            .pop()
            .unwrap()
    };
    let knobs = json!({ "slots": 1, "service": "det:1ms" });
    assert_eq!(longest_at_the_end(knobs.clone()), 1.0);
    let mut bad = knobs;
    bad["metastable"] = json!({ "threshold": 100, "penalty": 1.0 });
    // About 950 wait at the end of the spike, and from then on 100 more each second.
    assert!(longest_at_the_end(bad.clone()) > 5_000.0);
    // With less of a penalty the queue ends, and with it the bad state, unless that sticks.
    bad["metastable"]["penalty"] = json!(0.5);
    assert_eq!(longest_at_the_end(bad.clone()), 1.0);
    bad["metastable"]["sticky"] = json!(true);
    assert_eq!(longest_at_the_end(bad), 1.5);
}

#[test]
fn failures_are_as_many_as_asked_for_and_take_as_long_as_successes() {
    let failed = |knobs: Value, rate_per_s: f64| {
        let finished = run(&mut model(knobs), constant(rate_per_s, 0.0, 30.0));
        assert!(finished.iter().all(|r| r.service == Duration::from_millis(100)));
        let failed = finished.iter().filter(|request| request.outcome == Outcome::Failed).count();
        failed as f64 / finished.len() as f64
    };
    let share = json!({ "service": "det:100ms", "error": { "probability": 0.1 } });
    // Five standard errors of 30,000 draws.
    assert_near(failed(share, 1_000.0), 0.1, 0.009);
    let burst = json!({
        "service": "det:100ms", "error": { "probability": 1, "on": "1s", "off": "2s" },
    });
    assert_near(failed(burst, 1_000.0), 1.0 / 3.0, 1e-9);
    // Requests in flight are a tenth of the rate.
    for (rate, expected) in [(200.0, 0.0), (320.0, 1.0), (400.0, 0.0)] {
        let inverted = json!({ "service": "det:100ms", "inversion": { "low": 30, "high": 35 } });
        assert_near(failed(inverted, rate), expected, 0.01);
    }
}

#[test]
fn a_change_holds_for_what_begins_after_it() {
    let at = Duration::from_millis;
    let mut model = model(json!({ "slots": 1, "service": "det:10ms" }));
    for _ in 0..4 {
        model.arrive(at(0));
    }
    let Value::Object(more) = json!({ "slots": 3, "stall": { "at": "12ms", "for": "100ms" } })
    else {
        unreachable!("written as an object")
    };
    assert_eq!(model.finish(at(5)), None);
    model.reconfigure(model.config().patched(more, at(5)).unwrap(), at(5));
    let due: Vec<_> = std::iter::from_fn(|| model.finish(at(1_000)))
        .map(|request| (request.index, request.begun_at, request.due_at))
        .collect();
    let expected =
        [(0, at(0), at(10)), (1, at(5), at(115)), (2, at(5), at(115)), (3, at(10), at(120))];
    assert_eq!(due, expected);
}

#[test]
fn the_factors_are_those_of_the_moment_when_the_work_begins() {
    let at = Duration::from_millis;
    let mut model = model(json!({
        "service": "det:10ms", "step": { "at": "1s", "gain": 3 },
        "drift": { "percent_per_h": 360_000 }, "stall": { "at": "500ms", "for": "1s" },
    }));
    let finished = run(&mut model, [at(100), at(600), at(2_000)]);
    let services: Vec<_> = finished.iter().map(|request| request.service.as_millis()).collect();
    // S·(1 + t/1s), three times that from 1 s on. The second begins when the stall is over, at 1.5 s.
    assert_eq!(services, [11, 75, 90]);
}

#[test]
fn the_same_seed_draws_the_same_whatever_the_load() {
    let services = |rate_per_s, seed: u64| {
        let mut model = model(json!({ "slots": 2, "service": "exp:10ms", "seed": seed }));
        let mut finished = run(&mut model, constant(rate_per_s, 0.0, 5.0));
        finished.sort_by_key(|request| request.index);
        finished.iter().take(100).map(|request| request.service).collect::<Vec<_>>()
    };
    assert_eq!(services(50.0, 1), services(500.0, 1));
    assert_ne!(services(50.0, 1), services(50.0, 2));
}
