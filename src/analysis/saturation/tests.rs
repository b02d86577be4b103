//! Verdicts over simulated services whose bottleneck is known (AT-7.8), and over steps made by hand.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;

/// What a simulated first-come-first-served queue did.
struct Queue {
    throughput_per_s: f64,
    response_mean_s: f64,
    busy: f64,
    waiting: f64,
}

/// Twenty seconds of Poisson arrivals at `rate` on `slots` slots that take exponential times of mean `service_s`.
fn queue(rate: f64, slots: usize, service_s: f64, seed: u64) -> Queue {
    const SECONDS: f64 = 20.0;
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut exponential = |mean: f64| -mean * (1.0 - random.random::<f64>()).ln();
    let mut free = vec![0.0_f64; slots];
    let (mut arrival, mut done, mut count, mut times) = (0.0, 0.0, 0.0, 0.0);
    let (mut busy, mut waiting) = (0.0, 0.0);
    loop {
        arrival += exponential(1.0 / rate);
        if arrival > SECONDS {
            break;
        }
        let slot = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("a slot");
        let start = slot.max(arrival);
        let end = start + exponential(service_s);
        *slot = end;
        times += end - arrival;
        count += 1.0;
        done += f64::from(u8::from(end <= SECONDS));
        busy += end.min(SECONDS) - start.min(SECONDS);
        waiting += start.min(SECONDS) - arrival;
    }
    Queue {
        throughput_per_s: done / SECONDS,
        response_mean_s: times / count,
        busy: busy / SECONDS,
        waiting: waiting / SECONDS,
    }
}

fn level(
    resource: &str,
    used: f64,
    capacity: Option<f64>,
    saturation: Option<f64>,
) -> ResourceLevel {
    ResourceLevel { resource: resource.to_owned(), used, capacity, saturation }
}

fn step(offered_per_s: f64, queue: &Queue, uses: Vec<ResourceLevel>) -> StepUse {
    StepUse {
        offered_per_s,
        throughput_per_s: queue.throughput_per_s,
        response_mean: Duration::from_secs_f64(queue.response_mean_s),
        uses,
        ..StepUse::default()
    }
}

/// A step made by hand.
fn plain(offered_per_s: f64, throughput_per_s: f64, ms: u64, uses: Vec<ResourceLevel>) -> StepUse {
    StepUse {
        offered_per_s,
        throughput_per_s,
        response_mean: Duration::from_millis(ms),
        uses,
        ..StepUse::default()
    }
}

/// One core and 2 ms of it for each request, among resources that are not short.
fn cpu_bound(loads: &[f64], seed: u64) -> Vec<StepUse> {
    let at = |load: &f64| {
        let queue = queue(*load, 1, 0.002, seed + *load as u64);
        let uses = vec![
            level("host memory", 6.0e9 + 1e6 * load, Some(8.0e9), Some(0.0)),
            level("target cpu", 0.03 + queue.busy * 0.97, Some(1.0), Some(queue.waiting)),
            level("network eth0", queue.throughput_per_s * 2e4, Some(125e6), None),
            level("db pool", 0.004 * queue.throughput_per_s, Some(20.0), Some(0.0)),
        ];
        step(*load, &queue, uses)
    };
    loads.iter().map(at).collect()
}

/// Twenty slots of 100 ms, and 0.2 ms of one core for each request; the slots are seen when `is_observed`.
fn pool_bound(is_observed: bool, seed: u64) -> Vec<StepUse> {
    let at = |load: &f64| {
        let queue = queue(*load, 20, 0.1, seed + *load as u64);
        let cpu = 0.02 + 0.000_2 * queue.throughput_per_s;
        let mut uses = vec![level("target cpu", cpu, Some(1.0), Some(0.001))];
        if is_observed {
            uses.push(level("db pool", queue.busy, Some(20.0), Some(queue.waiting)));
        }
        step(*load, &queue, uses)
    };
    [20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 150.0, 180.0, 200.0, 240.0].iter().map(at).collect()
}

fn fit_of<'b>(found: &'b Bottleneck, resource: &str) -> &'b ResourceFit {
    found.evidence.iter().find(|fit| fit.resource == resource).expect("the resource was observed")
}

#[test]
fn a_service_short_of_cpu_is_found_to_be() {
    for seed in 0..10 {
        let steps = cpu_bound(&[550.0, 50.0, 100.0, 200.0, 300.0, 400.0, 450.0, 600.0], seed);
        for capacity in [Some(490.0), None] {
            let found = rank(&steps, capacity);
            assert_eq!(found.resource.as_deref(), Some("target cpu"), "{}", found.words);
            assert_eq!((found.category, found.confidence), (Category::Cpu, Confidence::High));
            assert!(!found.is_prediction && found.words.contains("bottleneck: target cpu"));
            let full_at = fit_of(&found, "target cpu").at_capacity_per_s.expect("a line");
            assert!((full_at / 500.0 - 1.0).abs() < 0.1, "{full_at}");
        }
    }
}

#[test]
fn a_service_that_will_be_short_of_cpu_is_known_from_three_fifths_of_the_load() {
    let mut held = 0;
    for seed in 0..20 {
        let found = rank(&cpu_bound(&[50.0, 100.0, 150.0, 200.0, 250.0, 300.0], seed), None);
        assert_eq!(found.resource.as_deref(), Some("target cpu"), "{}", found.words);
        assert!(found.is_prediction && found.confidence == Confidence::Medium, "{found:?}");
        let fit = fit_of(&found, "target cpu");
        let full_at = fit.at_capacity_per_s.expect("a line");
        assert!((full_at / 500.0 - 1.0).abs() < 0.1, "{full_at}");
        let (lower, upper) = fit.lower_per_s.zip(fit.upper_per_s).expect("an interval");
        assert!(lower <= full_at && full_at <= upper, "{fit:?}");
        held += usize::from((lower..=upper).contains(&500.0));
    }
    assert!(held >= 15, "{held} of 20 at a nominal 90 %");
}

#[test]
fn a_pool_that_nobody_observes_saturates_nothing() {
    for seed in 0..10 {
        let found = rank(&pool_bound(false, seed), Some(200.0));
        assert_eq!((found.category, &found.resource), (Category::NoneObserved, &None));
        assert!(found.words.contains("no resource saturates at 200/s"), "{}", found.words);
        assert!(found.words.contains("a lock or a pool"), "{}", found.words);
    }
}

#[test]
fn a_pool_that_is_observed_is_named() {
    for seed in 0..10 {
        let found = rank(&pool_bound(true, seed), Some(195.0));
        assert_eq!(found.resource.as_deref(), Some("db pool"), "{}", found.words);
        assert_eq!((found.category, found.confidence), (Category::DatabasePool, Confidence::High));
        let full_at = fit_of(&found, "db pool").at_capacity_per_s.expect("a line");
        assert!((full_at / 200.0 - 1.0).abs() < 0.1, "{full_at}");
        assert!(fit_of(&found, "target cpu").at_capacity_per_s.is_some_and(|x| x > 4000.0));
    }
}

#[test]
fn errors_at_constant_goodput_and_flat_times_are_a_limiter() {
    let cpu = |x: f64| vec![level("cpu", 0.001 * x, Some(4.0), Some(0.0))];
    let steps: Vec<StepUse> = [50.0, 100.0, 150.0, 300.0, 600.0]
        .iter()
        .map(|offered: &f64| {
            let passed = offered.min(200.0);
            let step = plain(*offered, passed, 20, cpu(*offered));
            StepUse { error_ratio: 1.0 - passed / offered, ..step }
        })
        .collect();
    let found = rank(&steps, None);
    assert_eq!((found.category, found.capacity_per_s), (Category::NoneObserved, Some(200.0)));
    assert!(found.words.contains("look for a rate limiter"), "{}", found.words);
}

#[test]
fn queues_that_grow_come_in_the_order_of_load_with_their_lead() {
    let rows = [(100.0, 20, 0.0, 0.0), (200.0, 20, 0.0, 0.0), (300.0, 22, 0.4, 0.0)];
    let late = [(400.0, 25, 1.2, 0.0), (500.0, 60, 6.0, 0.3), (550.0, 400, 30.0, 2.0)];
    let steps: Vec<StepUse> = rows
        .iter()
        .chain(&late)
        .map(|(load, ms, runnable, accept)| {
            let uses = vec![
                level("accept queue", 0.0, None, Some(*accept)),
                level("cpu", f64::min(0.002 * load, 1.0), Some(1.0), Some(*runnable)),
            ];
            plain(*load, f64::min(*load, 500.0), *ms, uses)
        })
        .collect();
    let found = rank(&steps, Some(500.0));
    let order: Vec<(&str, f64)> = found.signs.iter().map(|s| (s.what.as_str(), s.load)).collect();
    assert_eq!(order, [("cpu", 300.0), ("accept queue", 500.0), ("response time", 500.0)]);
    assert_eq!((found.signs[0].lead, found.signs[1].lead), (Some(200.0), Some(0.0)));
    assert_eq!(found.category, Category::Cpu);
    assert!(found.words.contains("at 300/s, 200/s before response times did"), "{}", found.words);
}

#[test]
fn a_generator_at_its_end_comes_before_everything() {
    let steps: Vec<StepUse> = [100.0, 200.0, 400.0, 500.0]
        .iter()
        .map(|load: &f64| {
            let uses = vec![
                level("target cpu", 0.002 * load, Some(1.0), Some(0.0)),
                level("generator cpu", 0.002 * load, Some(1.0), None),
            ];
            plain(*load, *load, 10, uses)
        })
        .collect();
    let found = rank(&steps, Some(480.0));
    assert_eq!((found.category, found.confidence), (Category::Generator, Confidence::High));
    assert!(found.words.contains("generator cpu was saturated"), "{}", found.words);
}

#[test]
fn the_part_of_a_request_that_grows_points_to_where_it_waits() {
    let at = |connect, waiting, receiving| {
        let ms = Duration::from_millis;
        let client =
            ClientTimes { connect: ms(connect), waiting: ms(waiting), receiving: ms(receiving) };
        let grown = plain(300.0, 200.0, connect + waiting + receiving, vec![]);
        let low = ClientTimes { connect: ms(1), waiting: ms(10), receiving: ms(1) };
        let low = StepUse { client: Some(low), ..plain(100.0, 100.0, 12, vec![]) };
        rank(&[low, StepUse { client: Some(client), ..grown }], None)
    };
    let found = at(900, 12, 1);
    assert_eq!((found.client, found.category), (Some(ClientPart::Connect), Category::Connections));
    let found = at(1, 11, 500);
    assert_eq!((found.client, found.category), (Some(ClientPart::Receiving), Category::Network));
    let found = at(1, 700, 2);
    assert_eq!((found.client, found.category), (Some(ClientPart::Waiting), Category::NoneObserved));
    assert!(found.words.contains("the service itself"), "{}", found.words);
    assert_eq!(at(1, 10, 2).client, None);
}

#[test]
fn memory_that_was_always_full_is_not_what_limits() {
    let steps: Vec<StepUse> = [100.0, 200.0, 300.0, 400.0]
        .iter()
        .map(|load: &f64| {
            let memory = level("host memory", 7.8e9, Some(8e9), None);
            plain(*load, load.min(250.0), if *load > 250.0 { 900 } else { 10 }, vec![memory])
        })
        .collect();
    let found = rank(&steps, None);
    assert_eq!(found.category, Category::NoneObserved);
    assert!(!fit_of(&found, "host memory").saturated);
    assert!(found.words.contains("grow from 10.0ms to 900ms"), "{}", found.words);
}

#[test]
fn a_pool_that_fills_before_its_time_points_behind_itself() {
    // 10 ms each until something behind the pool is at its end, at 300/s of the 2,000/s that 20 slots could serve.
    let steps: Vec<StepUse> = [50.0, 100.0, 200.0, 290.0, 350.0]
        .iter()
        .map(|load: &f64| {
            let is_over = *load > 300.0;
            let (used, waiting) = if is_over { (20.0, 40.0) } else { (0.01 * load, 0.0) };
            let pool = level("db pool", used, Some(20.0), Some(waiting));
            plain(*load, load.min(300.0), if is_over { 200 } else { 10 }, vec![pool])
        })
        .collect();
    let found = rank(&steps, None);
    assert_eq!((found.category, found.confidence), (Category::DatabasePool, Confidence::Low));
    assert!(found.words.contains("look behind it"), "{}", found.words);
}

#[test]
fn a_pool_whose_demand_is_roughly_known_comes_before_a_machine_that_others_keep_busy() {
    // Five steps of a noisy machine: the pool of four is full at 175/s, and something else has the processors from 90/s on.
    let rows = [(40.0, 0.7, 0.0, 0.6), (90.0, 2.1, 0.0, 0.9), (150.0, 2.3, 0.1, 0.95)];
    let steps: Vec<StepUse> = rows
        .into_iter()
        .chain([(200.0, 4.0, 5.0, 1.0), (320.0, 4.0, 60.0, 1.0)])
        .map(|(load, used, waiting, busy)| {
            let uses = vec![
                level("database pool", used, Some(4.0), Some(waiting)),
                level("host cpu", busy, Some(1.0), Some(if busy > 0.95 { 2.0 } else { 0.0 })),
            ];
            plain(load, load.min(175.0), if load > 175.0 { 400 } else { 21 }, uses)
        })
        .collect();
    let found = rank(&steps, Some(175.0));
    let fit = fit_of(&found, "database pool");
    let full_at = fit.at_capacity_per_s.expect("a line");
    assert!(full_at > 1.15 * 175.0, "the demand alone does not agree: {fit:?}");
    assert!(fit_of(&found, "host cpu").saturated, "{found:?}");
    assert_eq!((found.category, found.confidence), (Category::DatabasePool, Confidence::Medium));
    assert!(found.words.contains("roughly known"), "{}", found.words);
}

#[test]
fn a_queue_without_a_known_capacity_is_a_hint() {
    let steps: Vec<StepUse> = [(100.0, 0.0), (200.0, 0.0), (300.0, 40.0)]
        .iter()
        .map(|(load, waiting)| {
            let queue = level("accept queue", *waiting, None, Some(*waiting));
            plain(*load, f64::min(*load, 220.0), 10, vec![queue])
        })
        .collect();
    let found = rank(&steps, None);
    assert_eq!((found.category, found.confidence), (Category::Connections, Confidence::Low));
}

#[test]
fn users_of_a_service_that_collapses_are_ordered_by_their_number() {
    let rows = [(10, 100.0, 0.2, 0.0), (20, 200.0, 0.4, 0.0), (40, 380.0, 0.76, 0.2)];
    let over = [(80, 490.0, 0.99, 9.0), (160, 300.0, 1.0, 90.0), (320, 90.0, 1.0, 200.0)];
    let steps: Vec<StepUse> = rows
        .iter()
        .chain(&over)
        .map(|(users, x, used, waiting)| {
            let cpu = level("cpu", *used, Some(1.0), Some(*waiting));
            let ms = (*users as f64 / x * 1e3) as u64;
            StepUse { users: Some(*users), ..plain(*x, *x, ms, vec![cpu]) }
        })
        .collect();
    let found = rank(&steps, None);
    assert_eq!((found.unit, found.signs[0].load), (LoadUnit::Users, 40.0), "{found:?}");
    assert!(found.words.contains("at 40 users, 40 users before"), "{}", found.words);
}

#[test]
fn names_tell_what_kind_of_resource_they_are() {
    let rows = [
        ("target cpu", Category::Cpu),
        ("generator cpu", Category::Generator),
        ("host memory", Category::Memory),
        ("db pool", Category::DatabasePool),
        ("database connections", Category::DatabasePool),
        ("target open files", Category::Connections),
        ("accept queue", Category::Connections),
        ("disk sda", Category::Disk),
        ("network eth0", Category::Network),
        ("worker pool", Category::Other),
        ("goroutines", Category::Other),
    ];
    for (name, category) in rows {
        assert_eq!(Category::of(name), category, "{name}");
    }
    assert_eq!(Category::DatabasePool.as_str(), "database pool");
}

#[test]
fn a_capacity_without_observations_says_that_there_were_none() {
    let steps = [plain(100.0, 100.0, 10, vec![]), plain(300.0, 200.0, 10, vec![])];
    let found = rank(&steps, None);
    assert!(found.words.contains("no resource was observed at 200/s"), "{}", found.words);
}

proptest::proptest! {
    #[test]
    fn any_figures_have_a_verdict_that_names_only_what_was_observed(
        rows in proptest::collection::vec((figure(), figure(), figure(), figure(), figure()), 0..12),
        capacity in proptest::option::of(figure()),
    ) {
        let steps: Vec<StepUse> = rows
            .iter()
            .map(|(offered, throughput, used, capacity, saturation)| {
                let uses = vec![
                    level("cpu", *used, Some(*capacity), Some(*saturation)),
                    level("generator cpu", *used, None, Some(0.0)),
                ];
                StepUse {
                    error_ratio: used.clamp(0.0, 1.0),
                    response_mean: Duration::try_from_secs_f64(*used).unwrap_or(Duration::MAX),
                    ..plain(*offered, *throughput, 0, uses)
                }
            })
            .collect();
        let found = rank(&steps, capacity);
        let is_observed = found.resource.as_ref().is_none_or(|name| name.ends_with("cpu"));
        proptest::prop_assert!(is_observed && !found.words.is_empty(), "{:?}", found);
    }
}

/// Anything that a broken source may say.
fn figure() -> impl proptest::strategy::Strategy<Value = f64> {
    proptest::prop_oneof![0.0..1000.0, proptest::num::f64::ANY]
}

#[test]
fn nothing_observed_gives_no_verdict_and_every_verdict_reads_back() {
    let found = rank(&[], None);
    assert_eq!((found.category, found.is_prediction), (Category::NoneObserved, true));
    let broken = StepUse { throughput_per_s: f64::NAN, ..StepUse::default() };
    assert_eq!(rank(&[broken], Some(f64::NAN)).evidence, []);
    let found = rank(&cpu_bound(&[100.0, 200.0, 300.0], 1), None);
    let text = serde_json::to_string(&found).expect("JSON");
    let back: Bottleneck = serde_json::from_str(&text).expect("JSON");
    assert_eq!((back.resource, back.words), (found.resource, found.words));
}
