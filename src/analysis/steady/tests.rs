//! AT-9.1 to AT-9.4.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::metric::Buckets;

/// Noise of a first-order autoregression with correlation 0.5 and a standard deviation of 1.15.
fn noise(random: &mut Pcg64Mcg, last: &mut f64) -> f64 {
    let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    *last = 0.5 * *last + normal;
    *last
}

/// A run whose median in second i is `level(i)` milliseconds.
fn run(seconds: usize, level: impl Fn(usize) -> f64, noise_share: f64, seed: u64) -> Vec<Slice> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut last = 0.0;
    (0..seconds)
        .map(|second| {
            let ms = level(second) + noise_share * noise(&mut random, &mut last);
            let mut times = Buckets::default();
            for place in 0..100 {
                let spread = 0.9 + 0.2 * f64::from(place) / 99.0;
                times.record(Duration::from_secs_f64((ms * spread).max(0.01) / 1e3));
            }
            Slice {
                start: Duration::from_secs(second as u64),
                width: Duration::from_secs(1),
                requests: 100,
                response_time: times,
                ..Slice::default()
            }
        })
        .collect()
}

/// AT-9.1.
#[test]
fn the_golden_series_are_cut_where_they_should_be() {
    let series = |value: &dyn Fn(usize) -> f64| (0..300).map(value).collect::<Vec<f64>>();
    let step = |at: usize| series(&|i| if i < at { 50.0 } else { 10.0 });
    assert_eq!(mser5(&step(60)), Cut::At(60));
    assert_eq!(mser5(&step(62)), Cut::At(65));
    assert_eq!(mser5(&series(&|_| 10.0)), Cut::At(0));
    assert_eq!(mser5(&series(&|i| i as f64)), Cut::Never);
    // A decay without noise gains from every cut; from where it changes by less than a percent it is flat.
    let decay = mser5(&series(&|i| 100.0 * (-(i as f64) / 20.0).exp() + 10.0));
    assert!(matches!(decay, Cut::At(place) if (100..=150).contains(&place)), "{decay:?}");
}

/// AT-9.2: the service warms up with a time constant of 20 s.
#[test]
fn a_warm_up_is_cut_off_and_what_is_left_is_the_warm_level() {
    let mut cuts = Vec::new();
    for seed in 0..50 {
        let slices = run(300, |i| 50.0 + 10.0 * (-(i as f64) / 20.0).exp(), 1.0, seed);
        let found = assess(&slices);
        assert_eq!(found.label, SteadyLabel::Warming, "{found:?}");
        let p50 = found.p50_steady_ms.expect("requests");
        assert!((p50 / 50.0 - 1.0).abs() < 0.02, "{found:?}");
        assert!(p50 < found.p50_whole_ms.expect("requests") + 0.5, "{found:?}");
        cuts.push(found.cut_s);
    }
    let inside = cuts.iter().filter(|cut| (35.0..=85.0).contains(*cut)).count();
    assert!(inside >= 42, "{cuts:?}");
}

/// AT-9.3.
#[test]
fn waves_are_cyclic_and_nothing_is_cut() {
    for seed in 0..20 {
        let wave = |i: usize| 50.0 + 10.0 * (i as f64 / 60.0 * std::f64::consts::TAU).sin();
        let found = assess(&run(300, wave, 1.0, seed));
        assert_eq!((found.label, found.cut_s), (SteadyLabel::Cyclic, 0.0), "{found:?}");
        let period = found.period_s.expect("a wave has one");
        assert!((period - 60.0).abs() <= 5.0, "{found:?}");
    }
}

/// AT-9.4.
#[test]
fn a_service_that_gets_slower_all_the_time_is_never_steady() {
    for seed in 0..20 {
        let found = assess(&run(300, |i| 50.0 + 0.3 * i as f64, 1.0, seed));
        assert_eq!(found.label, SteadyLabel::NeverSteady, "{found:?}");
    }
}

#[test]
fn a_steady_service_is_hardly_ever_cut_and_never_called_unsteady() {
    let mut cuts = Vec::new();
    for seed in 0..100 {
        let found = assess(&run(300, |_| 50.0, 1.0, seed));
        assert_ne!(found.label, SteadyLabel::NeverSteady, "seed {seed}: {found:?}");
        assert_ne!(found.label, SteadyLabel::Cyclic, "seed {seed}: {found:?}");
        cuts.push(found.cut_s);
    }
    assert!(median(&cuts).expect("values") <= 10.0, "{cuts:?}");
}

#[test]
fn a_step_to_a_worse_level_is_a_slowdown_and_few_seconds_tell_nothing() {
    let found = assess(&run(300, |i| if i < 60 { 10.0 } else { 50.0 }, 0.2, 1));
    assert_eq!((found.label, found.cut_s), (SteadyLabel::Slowdown, 60.0), "{found:?}");
    assert_eq!(assess(&run(20, |_| 10.0, 1.0, 1)).label, SteadyLabel::TooShort);
    assert_eq!(assess(&[]).label, SteadyLabel::TooShort);
}
