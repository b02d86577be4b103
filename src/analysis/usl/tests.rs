//! The law held to exact data, to published fits and to noise whose truth is known (AT-3.1, AT-3.2).

use super::*;

/// α = 0.05 and β = 0.0005 have their peak at √(0.95/0.0005).
const TRUTH: Vector = [1000.0, 0.05, 0.0005];
const TRUE_PEAK: f64 = 43.588_989;

fn near(value: f64, wanted: f64, within: f64) {
    assert!((value - wanted).abs() <= within, "{value} instead of {wanted} ± {within}");
}

fn exact(at: Vector, loads: impl IntoIterator<Item = u32>) -> Vec<(f64, f64)> {
    loads.into_iter().map(|n| (f64::from(n), law(at, f64::from(n)))).collect()
}

/// The true law with 2 % of noise.
fn noisy(seed: u64, loads: &[u32]) -> Vec<(f64, f64)> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let points = exact(TRUTH, loads.iter().copied());
    points.into_iter().map(|(n, x)| (n, x * (1.0 + 0.02 * normal(&mut random)))).collect()
}

#[test]
fn exact_data_gives_its_parameters_back() {
    let fit = fit(&exact(TRUTH, 1..=64)).expect("enough points");
    near(fit.gamma / 1000.0, 1.0, 1e-6);
    near(fit.alpha / 0.05, 1.0, 1e-6);
    near(fit.beta / 0.0005, 1.0, 1e-6);
    let peak = fit.peak.expect("the points bend");
    near(peak.n, TRUE_PEAK, 1e-4);
    near(peak.throughput_per_s, fit.at(TRUE_PEAK), 1e-3);
    near(fit.asymptote_per_s.expect("contention"), 20_000.0, 0.1);
    near(fit.at(1.0), 1000.0, 1e-3);
}

#[test]
fn a_published_benchmark_has_its_published_fit() {
    // SPEC SDM91: the data and the fit that the R package `usl` documents.
    let points = [
        (1.0, 64.9),
        (18.0, 995.9),
        (36.0, 1652.4),
        (72.0, 1853.2),
        (108.0, 1828.9),
        (144.0, 1775.0),
        (216.0, 1702.2),
    ];
    let fit = fit(&points).expect("enough points");
    near(fit.alpha, 0.027_73, 5e-6);
    near(fit.beta, 1.0437e-4, 5e-9);
    near(fit.gamma, 89.995, 5e-4);
    near(fit.residual_se_per_s, 82.85, 5e-3);
    near(fit.asymptote_per_s.expect("contention"), 3245.6, 0.05);
    let errors = fit.standard_errors.expect("the points tell the parameters apart");
    near(errors.gamma, 14.21, 5e-3);
    near(errors.alpha, 0.009_12, 5e-6);
    near(errors.beta, 1.99e-5, 5e-8);
    let peak = fit.peak.expect("the points bend");
    near(peak.n, 96.52, 5e-3);
    near(peak.throughput_per_s, 1883.9, 0.05);
    assert!(peak.n_lower > 60.0 && peak.n_upper < 150.0, "{peak:?}");
}

#[test]
fn measurements_of_a_router_have_their_published_fit() {
    // Cisco's set, which the implementations for Java, Go and Rust share.
    let throughputs = [
        955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61,
        8278.71, 8646.7, 9047.84, 9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52,
        11151.43, 11518.63, 11806.0, 12089.37, 12075.41, 12177.29, 12211.41, 12158.93, 12155.27,
        12118.04, 12140.4, 12074.39,
    ];
    let points: Vec<(f64, f64)> =
        throughputs.iter().enumerate().map(|(i, x)| ((i + 1) as f64, *x)).collect();
    let fit = fit(&points).expect("enough points");
    near(fit.alpha, 0.026_715_9, 5e-8);
    near(fit.beta, 7.6909e-4, 5e-9);
    near(fit.gamma, 995.649, 5e-4);
}

#[test]
fn a_peak_beyond_what_was_measured_is_not_determined() {
    let refused = |seed: &u64| {
        let fit = fit(&noisy(*seed, &[1, 2, 4, 6, 8, 10, 12, 16])).expect("enough points");
        fit.peak.is_none() && fit.peak_refused.is_some_and(|r| r.contains("peak not determined"))
    };
    let refused = (0..40).filter(refused).count();
    assert!(refused >= 36, "{refused} of 40");
}

#[test]
fn a_peak_within_what_was_measured_is_in_its_interval_as_often_as_it_says() {
    let loads = [1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64];
    let peaks: Vec<UslPeak> =
        (0..50).filter_map(|seed| fit(&noisy(seed, &loads)).expect("enough points").peak).collect();
    assert!(peaks.len() >= 48, "{} of 50 determined", peaks.len());
    let held = peaks.iter().filter(|p| (p.n_lower..=p.n_upper).contains(&TRUE_PEAK)).count();
    assert!(held >= 40, "{held} of {} at a nominal 90 %", peaks.len());
    assert!(peaks.iter().all(|peak| (35.0..55.0).contains(&peak.n)), "{peaks:?}");
}

#[test]
fn a_service_without_coherency_has_an_asymptote_and_no_peak() {
    let fit = fit(&exact([50.0, 0.5, 0.0], [1, 2, 4, 8, 16, 32])).expect("enough points");
    near(fit.asymptote_per_s.expect("contention"), 100.0, 1e-3);
    assert_eq!(fit.peak, None);
    let linear = exact([50.0, 0.0, 0.0], [1, 2, 4, 8]);
    let fit = super::fit(&linear).expect("enough points");
    near(fit.gamma, 50.0, 1e-6);
    assert!(fit.peak.is_none() && fit.alpha < 1e-9 && fit.beta < 1e-9, "{fit:?}");
}

#[test]
fn parameters_stay_within_their_bounds() {
    // Faster than linear would be a negative α.
    let fit = fit(&[(1.0, 10.0), (2.0, 25.0), (4.0, 60.0), (8.0, 140.0)]).expect("enough points");
    assert!(fit.gamma > 0.0 && fit.alpha == 0.0 && fit.beta == 0.0, "{fit:?}");
    let falling = [(1.0, 100.0), (2.0, 20.0), (4.0, 2.0), (8.0, 0.1)];
    let fit = super::fit(&falling).expect("enough points");
    assert!((0.0..=1.0).contains(&fit.alpha) && (0.0..=1.0).contains(&fit.beta), "{fit:?}");
}

#[test]
fn concurrencies_below_one_and_above_a_hundred_thousand_are_fitted_too() {
    let open = [0.05, 0.1, 0.3, 0.8, 2.0, 6.0].map(|n| (n, law([300.0, 0.4, 0.01], n)));
    let fit = fit(&open).expect("enough points");
    near(fit.alpha, 0.4, 1e-5);
    near(fit.beta, 0.01, 1e-5);
    let large = [1e3, 5e3, 2e4, 5e4, 1e5, 2e5].map(|n| (n, law([3.0, 1e-5, 1e-10], n)));
    let fit = super::fit(&large).expect("enough points");
    near(fit.alpha / 1e-5, 1.0, 1e-3);
    near(fit.beta / 1e-10, 1.0, 1e-3);
}

#[test]
fn too_few_points_are_refused() {
    let points = exact(TRUTH, [1, 2, 4]);
    assert_eq!(fit(&points), Err(UslRefusal::TooFewPoints { points: 3, loads: 3 }));
    let repeated = [points[0], points[0], points[1], points[1]];
    assert_eq!(fit(&repeated), Err(UslRefusal::TooFewPoints { points: 4, loads: 2 }));
    let useless = [(0.0, 5.0), (1.0, f64::NAN), (2.0, 0.0), (3.0, 4.0)];
    let refusal = fit(&useless).expect_err("one point");
    assert!(refusal.to_string().contains("1 points"), "{refusal}");
}
