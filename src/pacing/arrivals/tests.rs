//! Arrivals are those of their process, and workers together make them all.

use proptest::prelude::*;

use super::*;
use crate::plan::Stage;
use crate::units::Rate;

fn constant(rate: f64, seconds: u64, arrival: Arrival) -> Executor {
    Executor::ConstantArrivalRate {
        rate: Rate::per_second(rate).expect("a rate"),
        duration: Duration::from_secs(seconds),
        arrival,
        pre_allocated_vus: 1,
        max_vus: 1,
    }
}

fn ramp(from: f64, to: f64, seconds: u64, arrival: Arrival) -> Executor {
    let stage = |target, seconds| Stage {
        name: "s".into(),
        target,
        duration: Duration::from_secs(seconds),
        jump: false,
    };
    Executor::RampingArrivalRate {
        start_rate: Rate::per_second(from).expect("a rate"),
        stages: vec![stage(to, seconds), stage(0.0, 1)],
        arrival,
        pre_allocated_vus: 1,
        max_vus: 1,
    }
}

fn all_shards(executor: &Executor, count: u64) -> Vec<(u64, Duration)> {
    let shards = (0..count).map(|index| Shard { index, count });
    let mut all: Vec<_> = shards.flat_map(|s| Arrivals::new(executor, 7, s)).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_closed_executor_has_no_arrivals() {
    let closed = Executor::ConstantVus { vus: 3, duration: Duration::from_secs(1) };
    assert_eq!(Arrivals::new(&closed, 1, Shard::WHOLE).next(), None);
}

#[test]
fn the_same_seed_gives_the_same_poisson_arrivals() {
    let executor = constant(500.0, 10, Arrival::Poisson);
    assert_eq!(all_shards(&executor, 4), all_shards(&executor, 4));
    let other: Vec<_> = Arrivals::new(&executor, 8, Shard::WHOLE).take(5).collect();
    assert_ne!(all_shards(&executor, 1)[..5], other[..]);
}

/// How many arrivals there are in each of the first `N` seconds.
fn counts_by_second<const N: usize>(arrivals: &[(u64, Duration)]) -> [f64; N] {
    let mut counts = [0.0; N];
    for (_, due) in arrivals {
        counts[due.as_secs() as usize] += 1.0;
    }
    counts
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sum of the products of what `a` and `b` differ from their means, over n − 1.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    products.sum::<f64>() / (a.len() - 1) as f64
}

/// Counts by second of a Poisson process have its rate as their mean and as their variance, each within three standard
/// deviations.
fn assert_poisson_counts(counts: &[f64], rate: f64) {
    let (n, mean) = (counts.len() as f64, mean(counts));
    assert!((mean - rate).abs() < 3.0 * (rate / n).sqrt(), "mean {mean}");
    let dispersion = covariance(counts, counts) / mean;
    assert!((dispersion - 1.0).abs() < 3.0 * (2.0 / (n - 1.0)).sqrt(), "dispersion {dispersion}");
}

/// Gaps between arrivals, in order of time, are exponential by Kolmogorov and Smirnov's test at p = 0.001.
fn assert_exponential_gaps(arrivals: &[(u64, Duration)], rate: f64) {
    let mut dues: Vec<_> = arrivals.iter().map(|(_, due)| due.as_secs_f64()).collect();
    dues.sort_unstable_by(f64::total_cmp);
    let mut gaps: Vec<_> = dues.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distance = |(i, gap): (usize, &f64)| {
        let cumulative = 1.0 - (-gap * rate).exp();
        (cumulative - i as f64 / n).abs().max((cumulative - (i + 1) as f64 / n).abs())
    };
    let largest = gaps.iter().enumerate().map(distance).fold(0.0, f64::max);
    assert!(largest < 1.949 / n.sqrt(), "{largest} of {n} gaps");
}

// AT-1.5 of the methods, the part about the schedule: here as far as it is about arrivals and workers, and in the tests
// of `curve` for the schedule of all workers.

#[test]
fn a_worker_takes_the_indices_of_its_remainder() {
    for (index, count) in [(0, 1), (0, 3), (2, 3), (6, 7)] {
        let own: Vec<_> =
            Arrivals::new(&constant(90.0, 10, Arrival::Constant), 1, Shard { index, count })
                .map(|(index, _)| index)
                .collect();
        let expected: Vec<_> = (0..900).filter(|i| i % count == index).collect();
        assert_eq!(own, expected);
    }
}

#[test]
fn no_worker_drifts_at_the_billionth_arrival() {
    // An interval of a seventh of a second is no whole number of nanoseconds: added up, it would be 0.86 s off.
    let schedule = Schedule::constant(7.0, Duration::from_secs(4_000_000_000));
    for (worker, near) in [(0, 0), (2, 1000), (1, 1_000_000_000), (2, 10_000_000_000_u64)] {
        let (shard, local) = (Shard { index: worker, count: 3 }, near / 3);
        let mut arrivals = Arrivals::Constant { schedule: schedule.clone(), shard, local };
        for _ in 0..100 {
            let (index, due) = arrivals.next().expect("inside");
            let exact = u128::from(index) * 1_000_000_000 / 7;
            assert!(due.as_nanos().abs_diff(exact) <= 1, "{due:?} at {index}");
        }
    }
}

#[test]
fn poisson_counts_have_their_mean_as_variance() {
    for workers in [1, 8] {
        let all = all_shards(&constant(200.0, 400, Arrival::Poisson), workers);
        assert_poisson_counts(&counts_by_second::<400>(&all), 200.0);
    }
}

#[test]
fn poisson_gaps_are_exponential() {
    for workers in [1, 3] {
        let all = all_shards(&constant(1000.0, 20, Arrival::Poisson), workers);
        assert_exponential_gaps(&all, 1000.0);
    }
}

#[test]
fn each_worker_draws_a_poisson_process_of_its_share_of_the_rate() {
    let executor = constant(800.0, 300, Arrival::Poisson);
    let counts: Vec<[f64; 300]> = (0..4)
        .map(|index| {
            let own: Vec<_> = Arrivals::new(&executor, 11, Shard { index, count: 4 }).collect();
            let counts = counts_by_second(&own);
            assert_poisson_counts(&counts, 200.0);
            assert_exponential_gaps(&own, 200.0);
            counts
        })
        .collect();
    // Independent of each other: no two are correlated by more than three standard deviations.
    for (first, second) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        let (a, b) = (&counts[first], &counts[second]);
        let correlation = covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt();
        assert!(correlation.abs() < 3.0 / 300_f64.sqrt(), "{first} and {second}: {correlation}");
    }
}

#[test]
fn a_poisson_ramp_has_the_shape_of_its_rate() {
    let all = all_shards(&ramp(0.0, 2000.0, 10, Arrival::Poisson), 4);
    let before = |s| all.iter().filter(|(_, due)| *due < Duration::from_secs(s)).count() as f64;
    // Λ = 100 t²: 2500 by 5 s and 10,000 by 10 s, each within four standard deviations.
    for (at, expected) in [(5, 2500.0_f64), (10, 10_000.0)] {
        assert!((before(at) - expected).abs() < 4.0 * expected.sqrt(), "{}", before(at));
    }
}

proptest! {
    #[test]
    fn workers_together_make_the_schedule_of_one(
        from in 0.0..300.0_f64,
        to in 0.0..300.0_f64,
        seconds in 1..20_u64,
        workers in 1..9_u64,
    ) {
        let executor = ramp(from, to, seconds, Arrival::Constant);
        prop_assert_eq!(all_shards(&executor, workers), all_shards(&executor, 1));
    }

    #[test]
    fn random_arrivals_are_in_order_and_inside_the_plan(seed: u64, rate in 0.1..1e5_f64) {
        let executor = constant(rate, 3, Arrival::Poisson);
        let mut last = Duration::ZERO;
        for (_, due) in Arrivals::new(&executor, seed, Shard::WHOLE).take(5000) {
            prop_assert!(due >= last && due < Duration::from_secs(3));
            last = due;
        }
    }
}
