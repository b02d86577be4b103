//! The power point: the load that gives most throughput for each second of waiting (METHODS.md 3.1).
//!
//! `P = X/R`, goodput over mean response time, needs no limit that somebody has to choose, and where it is largest does not
//! depend on how far was measured: it is where a line from the origin touches the curve of X over N. For M/G/1 that is where
//! on average one request is in the system (Kleinrock 1979), at half of the capacity of M/M/1.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::bootstrap::block_length;
use super::load_point::{LoadPoint, LoadUnit, by_load};
use super::trend::quantile;

/// Points with at least this share of the largest power take part in the parabola; closer to the top none is asymmetric.
const NEAR_TOP: f64 = 0.9;
/// Resamples of the bootstrap.
const DRAWS: usize = 300;
/// With fewer slices in any point there is no interval.
const FEWEST_SLICES: usize = 5;
/// Logarithms of load closer than this are one load.
const SAME_LOAD: f64 = 1e-6;

/// Where the largest power lies among the loads that were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerPlace {
    /// Between others: it was found.
    Inside,
    /// At the smallest load: it lies there or below.
    AtSmallest,
    /// At the largest load: it lies there or beyond.
    AtLargest,
}

/// The load of largest power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerPoint {
    /// What the loads count.
    pub unit: LoadUnit,
    /// The load.
    pub load: f64,
    /// Lower end of its 90 % interval; `None` without slices, and where it may lie below all loads.
    pub lower: Option<f64>,
    /// Upper end of its 90 % interval; `None` without slices, and where it may lie beyond all loads.
    pub upper: Option<f64>,
    /// Where it lies among the loads.
    pub place: PowerPlace,
    /// Throughput there, per second, between those of the neighbouring points.
    pub throughput_per_s: f64,
    /// Mean response time there, likewise.
    pub response_mean_s: f64,
}

/// Points of logarithms, with ascending loads that all differ.
type Curve = Vec<(f64, f64)>;

/// The load at which goodput over mean response time is largest; `None` for fewer than three loads.
///
/// A parabola through the largest power and its neighbours, both axes logarithmic, by least squares where the points are so
/// close that more than three have at least 90 % of the largest power. The interval resamples blocks of slices; the response
/// time of a resample follows from Little's law. Points with more than 5 % of errors are left out: fast refusals are no power.
#[must_use]
pub fn power_point(points: &[LoadPoint]) -> Option<PowerPoint> {
    let unit = LoadUnit::of(points);
    let healthy: Vec<&LoadPoint> =
        by_load(points).into_iter().filter(|point| point.is_healthy()).collect();
    let log_load = |point: &&LoadPoint| unit.load(point).ln();
    let curve_of = |value: &dyn Fn(&LoadPoint) -> f64| -> Curve {
        merged(healthy.iter().map(|point| (log_load(point), value(point))))
    };
    let response = |point: &LoadPoint| point.response_mean.as_secs_f64();
    let log_power = |point: &LoadPoint| (point.goodput_per_s / response(point)).ln();
    let powers = curve_of(&log_power);
    if powers.len() < 3 {
        return None;
    }
    let (top, place) = top(&powers);
    let ends = interval(&healthy, |point| (log_load(&point), log_power(point)));
    let end = |value: Option<f64>, open| value.filter(|_| place != open).map(f64::exp);
    Some(PowerPoint {
        unit,
        load: top.exp(),
        lower: end(ends.map(|(lower, _)| lower.min(top)), PowerPlace::AtSmallest),
        upper: end(ends.map(|(_, upper)| upper.max(top)), PowerPlace::AtLargest),
        place,
        throughput_per_s: between(&curve_of(&|point| point.goodput_per_s.ln()), top).exp(),
        response_mean_s: between(&curve_of(&|point| response(point).ln()), top).exp(),
    })
}

/// Points of one load become one, with their mean.
fn merged(points: impl Iterator<Item = (f64, f64)>) -> Curve {
    let points: Vec<(f64, f64)> = points.collect();
    let mean = |same: &[(f64, f64)]| {
        let sum: f64 = same.iter().map(|(_, y)| y).sum();
        (same[0].0, sum / same.len() as f64)
    };
    points.chunk_by(|a, b| b.0 - a.0 < SAME_LOAD).map(mean).collect()
}

/// Where the curve is highest, between its points if the highest has neighbours on both sides.
fn top(curve: &[(f64, f64)]) -> (f64, PowerPlace) {
    let last = curve.len() - 1;
    let highest = (0..=last).max_by(|a, b| curve[*a].1.total_cmp(&curve[*b].1)).unwrap_or(0);
    if highest == 0 {
        return (curve[0].0, PowerPlace::AtSmallest);
    }
    if highest == last {
        return (curve[last].0, PowerPlace::AtLargest);
    }
    let is_near = |place: &usize| curve[*place].1 >= curve[highest].1 + NEAR_TOP.ln();
    let first = (0..highest).rev().take_while(is_near).last().unwrap_or(highest - 1);
    let end = (highest + 1..=last).take_while(is_near).last().unwrap_or(highest + 1);
    let window = &curve[first..=end];
    let vertex = vertex(window).unwrap_or(curve[highest].0);
    (vertex.clamp(window[0].0, window[window.len() - 1].0), PowerPlace::Inside)
}

/// The vertex of the parabola with the smallest squared distances from three points or more; `None` when it opens upwards.
///
/// With `u = x − mean(x)` and sums `Sk = Σ uᵏ` the polynomials `1`, `u` and `u² − (S3/S2) u − S2/n` are orthogonal over the
/// points, so that each coefficient is found by itself.
fn vertex(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let middle = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|(x, y)| term(x - middle, *y)).sum()
    };
    let (second, third) = (sum(&|u, _| u * u), sum(&|u, _| u * u * u));
    let lean = third / second;
    let bend = |u: f64| u * u - lean * u - second / count;
    let linear = sum(&|u, y| u * y) / second;
    let quadratic = sum(&|u, y| bend(u) * y) / sum(&|u, _| bend(u).powi(2));
    (quadratic < 0.0).then(|| middle + (quadratic * lean - linear) / (2.0 * quadratic))
}

/// The value of the curve at `x`, on the line between its neighbours.
fn between(curve: &[(f64, f64)], x: f64) -> f64 {
    let after = curve.partition_point(|(at, _)| *at < x).clamp(1, curve.len() - 1);
    let ((x0, y0), (x1, y1)) = (curve[after - 1], curve[after]);
    y0 + (y1 - y0) * ((x - x0) / (x1 - x0)).clamp(0.0, 1.0)
}

/// The 90 % interval of the top over resamples of every point's slices; `of` gives the logarithms of load and power.
fn interval(points: &[&LoadPoint], of: impl Fn(&LoadPoint) -> (f64, f64)) -> Option<(f64, f64)> {
    if points.iter().any(|point| point.slices.len() < FEWEST_SLICES) {
        return None;
    }
    let blocks: Vec<usize> = points
        .iter()
        .map(|point| {
            let in_flight: Vec<f64> = point.slices.iter().map(|(_, n)| *n).collect();
            block_length(&in_flight)
        })
        .collect();
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut draw = || {
        let drawn = points.iter().zip(&blocks).map(|(point, block)| {
            let (log_load, log_power) = of(point);
            (log_load, log_power + change_of_power(&point.slices, *block, &mut random))
        });
        top(&merged(drawn)).0
    };
    let tops: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    quantile(&tops, 0.05).zip(quantile(&tops, 0.95))
}

/// By how much the logarithm of `X/R = X²/N` differs in a resample of slices.
fn change_of_power(slices: &[(f64, f64)], block: usize, random: &mut Pcg64Mcg) -> f64 {
    let log_power = |(goodput, in_flight): (f64, f64)| {
        2.0 * goodput.max(f64::MIN_POSITIVE).ln() - in_flight.max(f64::MIN_POSITIVE).ln()
    };
    let add = |sum: (f64, f64), slice: &(f64, f64)| (sum.0 + slice.0, sum.1 + slice.1);
    let whole = slices.iter().fold((0.0, 0.0), add);
    let (mut sum, mut drawn) = ((0.0, 0.0), 0);
    while drawn < slices.len() {
        let start = random.random_range(0..slices.len());
        for step in 0..block.clamp(1, slices.len()).min(slices.len() - drawn) {
            sum = add(sum, &slices[(start + step) % slices.len()]);
            drawn += 1;
        }
    }
    // The sums of goodput and of requests in flight have one factor too many of the number of slices, and both the same.
    log_power(sum) - log_power(whole)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A point of a queue with a service rate of 100/s at load `rho`, whose mean response time is given.
    fn point(rho: f64, response_mean_s: f64) -> LoadPoint {
        LoadPoint {
            offered_per_s: 100.0 * rho,
            goodput_per_s: 100.0 * rho,
            mean_in_flight: 100.0 * rho * response_mean_s,
            response_mean: Duration::from_secs_f64(response_mean_s),
            ..LoadPoint::default()
        }
    }

    fn mm1(rho: f64) -> LoadPoint {
        point(rho, 0.01 / (1.0 - rho))
    }

    fn md1(rho: f64) -> LoadPoint {
        point(rho, 0.01 * (1.0 + rho / (2.0 * (1.0 - rho))))
    }

    /// A simulated M/M/1 queue at `rho` over so many seconds, with its slices.
    fn simulated(rho: f64, seconds: usize, random: &mut Pcg64Mcg) -> LoadPoint {
        let mut exponential = |mean: f64| -mean * (1.0 - random.random::<f64>()).ln();
        let (mut arrival, mut free, mut times, mut count) = (0.0, 0.0_f64, 0.0, 0.0);
        let mut slices = vec![(0.0, 0.0); seconds];
        loop {
            arrival += exponential(0.01 / rho);
            free = free.max(arrival) + exponential(0.01);
            if free >= seconds as f64 {
                break;
            }
            (times, count) = (times + free - arrival, count + 1.0);
            slices[free as usize].0 += 1.0;
            for (second, slice) in
                slices.iter_mut().enumerate().take(free as usize + 1).skip(arrival as usize)
            {
                slice.1 += free.min(second as f64 + 1.0) - arrival.max(second as f64);
            }
        }
        let point = point(rho, times / count);
        LoadPoint { goodput_per_s: count / seconds as f64, slices, ..point }
    }

    #[test]
    fn half_of_the_capacity_is_the_power_point_of_a_random_queue() {
        for steps in [[0.1, 0.3, 0.5, 0.7, 0.9], [0.2, 0.4, 0.6, 0.8, 0.95]] {
            let found = power_point(&steps.map(mm1)).expect("a top");
            assert!((found.load / 100.0 - 0.5).abs() < 0.05, "{found:?}");
            assert_eq!((found.place, found.lower, found.upper), (PowerPlace::Inside, None, None));
        }
        let fine: Vec<LoadPoint> = (1..20).map(|i| mm1(f64::from(i) / 20.0)).collect();
        let found = power_point(&fine).expect("a top");
        assert!((found.load / 100.0 - 0.5).abs() < 0.02, "{found:?}");
        assert!((found.throughput_per_s * found.response_mean_s - 1.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn with_even_service_times_it_is_where_one_request_is_in_the_system() {
        // N = ρ + ρ²/(2(1−ρ)) = 1 at ρ = 2 − √2.
        let points: Vec<LoadPoint> = (1..10).map(|i| md1(f64::from(i) / 10.0)).collect();
        let found = power_point(&points).expect("a top");
        assert!((found.load / 100.0 - (2.0 - 2.0_f64.sqrt())).abs() < 0.05, "{found:?}");
        assert!((found.throughput_per_s * found.response_mean_s - 1.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn a_simulated_queue_has_its_power_point_in_the_interval() {
        let mut held = 0;
        for seed in 0..10 {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            let points: Vec<LoadPoint> =
                (1..10).map(|i| simulated(f64::from(i) / 10.0, 60, &mut random)).collect();
            let found = power_point(&points).expect("a top");
            let (lower, upper) = found.lower.zip(found.upper).expect("there are slices");
            assert!(lower <= found.load && found.load <= upper, "{found:?}");
            held += usize::from((lower..=upper).contains(&50.0));
        }
        assert!(held >= 8, "{held} of 10 at a nominal 90 %");
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let long: Vec<LoadPoint> =
            (1..10).map(|i| simulated(f64::from(i) / 10.0, 1000, &mut random)).collect();
        let found = power_point(&long).expect("a top");
        assert!((found.load / 100.0 - 0.5).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn power_that_only_rises_or_falls_has_its_top_at_an_end() {
        let rising = power_point(&[0.1, 0.2, 0.3].map(mm1)).expect("points");
        assert_eq!((rising.load.round(), rising.place), (30.0, PowerPlace::AtLargest));
        let falling = power_point(&[0.6, 0.7, 0.8].map(mm1)).expect("points");
        assert_eq!((falling.load.round(), falling.place), (60.0, PowerPlace::AtSmallest));
    }

    #[test]
    fn fast_refusals_are_no_power_and_repeated_loads_count_once() {
        let refusing = LoadPoint { error_ratio: 0.9, ..point(3.0, 0.000_1) };
        let mut points = [0.2, 0.4, 0.4, 0.6, 0.8].map(mm1).to_vec();
        points.push(refusing);
        let found = power_point(&points).expect("a top");
        assert!((found.load / 100.0 - 0.5).abs() < 0.05, "{found:?}");
        assert_eq!(power_point(&[0.5, 0.5, 0.5].map(mm1)), None);
        assert_eq!(power_point(&[]), None);
    }
}
