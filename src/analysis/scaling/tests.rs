//! Points from laws that are known, and what may not be read from too few.

use super::*;

fn points(measured: &[(f64, f64)]) -> Vec<ScalingPoint> {
    let point = |(n, throughput_per_s): &(f64, f64)| ScalingPoint {
        n: *n,
        throughput_per_s: *throughput_per_s,
        is_at_least: false,
    };
    measured.iter().map(point).collect()
}

fn law(alpha: f64, beta: f64) -> impl Fn(f64) -> (f64, f64) {
    move |n| (n, 500.0 * n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0)))
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * b.abs().max(1e-3)
}

#[test]
fn three_numbers_tell_contention_and_what_the_next_one_brings_at_most() {
    let found = scaling(&points(&[4.0, 1.0, 2.0].map(law(0.05, 0.0))));
    let law_found = found.law.expect("a law");
    assert_eq!((law_found.name, law_found.beta, law_found.peak), (LawName::Amdahl, None, None));
    assert!(is_near(law_found.gamma, 500.0) && is_near(law_found.alpha, 0.05), "{law_found:?}");
    assert!(law_found.asymptote_per_s.is_some_and(|at| is_near(at, 10_000.0)), "{law_found:?}");
    assert!(law_found.residual_se_per_s < 1e-3, "{law_found:?}");
    let next = found.next.expect("a next one");
    let gain = law(0.05, 0.0)(5.0).1 - law(0.05, 0.0)(4.0).1;
    assert!(next.n == 5.0 && next.is_at_most && is_near(next.gain_per_s, gain), "{next:?}");
    assert!(is_near(next.gain_ratio, gain / 500.0), "{next:?}");
    let (lower, upper) = next.gain_range_per_s.expect("a range");
    assert!(is_near(lower, gain) && is_near(upper, gain), "exact points all say the same");
    assert!(found.law_refused.is_some_and(|why| why.contains("by 3 runs, it needs 4")));
}

#[test]
fn efficiency_is_the_share_of_what_each_does_alone() {
    let found = scaling(&points(&[(1.0, 500.0), (2.0, 900.0), (4.0, 1600.0)]));
    let shares: Vec<_> = found.steps.iter().map(|step| step.efficiency_ratio).collect();
    assert_eq!(shares, [Some(1.0), Some(0.9), Some(0.8)]);
    let speed_ups: Vec<_> = found.steps.iter().map(|step| step.speed_up).collect();
    assert_eq!(speed_ups, [Some(1.0), Some(1.8), Some(3.2)]);
    // Without a run of one the smallest number is what counts.
    let found = scaling(&points(&[(2.0, 900.0), (4.0, 1620.0)]));
    assert!(found.steps[1].efficiency_ratio.is_some_and(|share| is_near(share, 0.9)));
}

#[test]
fn four_numbers_tell_coherency_and_may_tell_a_peak() {
    let measured = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0].map(law(0.03, 0.002));
    let found = scaling(&points(&measured));
    let law_found = found.law.expect("a law");
    assert_eq!((law_found.name, found.law_refused), (LawName::Usl, None));
    assert!(is_near(law_found.alpha, 0.03), "{law_found:?}");
    assert!(law_found.beta.is_some_and(|beta| is_near(beta, 0.002)), "{law_found:?}");
    let peak = law_found.peak.expect("the points bend");
    assert!(is_near(peak.n, (0.97_f64 / 0.002).sqrt()), "{peak:?}");
    let next = found.next.expect("a next one");
    assert!(next.gain_per_s < 0.0 && !next.is_at_most, "beyond the peak one more does harm");
    assert!(next.gain_range_per_s.is_some());
    let four = scaling(&points(&measured[..4]));
    let (law, next) = (four.law.expect("a law"), four.next.expect("a next one"));
    let (lower, upper) = next.gain_range_per_s.expect("three tell contention");
    assert!(lower <= next.gain_per_s && next.gain_per_s < upper, "{next:?}");
    assert_eq!(law.alpha_range, None, "three tell no contention beside coherency");
}

#[test]
fn one_and_two_numbers_tell_no_law() {
    for (measured, words) in [
        (&[][..], "no number"),
        (&[(2.0, 900.0)], "one number"),
        (&[(1.0, 500.0), (2.0, 900.0)], "2 numbers"),
        (&[(1.0, 500.0), (1.0, 510.0), (2.0, 900.0), (2.0, 910.0)], "2 numbers"),
    ] {
        let found = scaling(&points(measured));
        assert_eq!((found.law, found.next), (None, None));
        assert!(found.law_refused.as_ref().is_some_and(|why| why.contains(words)), "{words}");
        assert!(found.steps.iter().all(|step| step.by_law_per_s.is_none()));
    }
}

#[test]
fn what_did_not_reach_its_limit_is_no_part_of_the_law() {
    let mut measured = points(&[1.0, 2.0, 4.0, 8.0].map(law(0.05, 0.0)));
    measured[3] = ScalingPoint { throughput_per_s: 1000.0, is_at_least: true, ..measured[3] };
    let found = scaling(&measured);
    assert_eq!(found.law.as_ref().map(|law| law.name), Some(LawName::Amdahl));
    assert!(found.law.is_some_and(|law| is_near(law.alpha, 0.05)));
    assert!(found.steps[3].is_at_least && found.next.is_some_and(|next| next.n == 5.0));
    // Nothing can be compared with a base that may be more.
    measured[0].is_at_least = true;
    let found = scaling(&measured);
    assert!(found.steps.iter().all(|step| step.efficiency_ratio.is_none()));
    assert_eq!(found.law, None);
}

#[test]
fn several_runs_of_one_number_are_points_each() {
    let mut measured = points(&[(1.0, 490.0), (1.0, 510.0), (2.0, 980.0), (4.0, 1900.0)]);
    let found = scaling(&measured);
    assert_eq!(found.steps[0].throughput_per_s, 500.0);
    assert_eq!((found.steps[0].point_count, found.steps.len()), (2, 3));
    assert_eq!(found.law.map(|law| (law.name, law.point_count)), Some((LawName::Usl, 4)));
    // A run that reached its limit says more than one that did not.
    measured[0].is_at_least = true;
    let found = scaling(&measured);
    assert_eq!((found.steps[0].throughput_per_s, found.steps[0].is_at_least), (510.0, false));
}

#[test]
fn no_contention_has_no_asymptote() {
    let even = scaling(&points(&[(1.0, 500.0), (2.0, 1000.0), (4.0, 2000.0)]));
    let law = even.law.expect("a law");
    assert!(law.alpha < 1e-9 && law.asymptote_per_s.is_none(), "{law:?}");
    assert!(even.next.is_some_and(|next| is_near(next.gain_per_s, 500.0)));
    // More than in proportion is at the law's bound.
    let more = scaling(&points(&[(1.0, 480.0), (2.0, 1000.0), (4.0, 2000.0)]));
    assert!(more.law.is_some_and(|law| law.alpha < 1e-9 && law.residual_se_per_s > 1.0));
    // It hangs on one point whether there is any.
    let noisy = scaling(&points(&[(1.0, 500.0), (2.0, 1000.0), (4.0, 1700.0)]));
    let law = noisy.law.expect("a law");
    assert!(law.alpha > 0.0 && law.alpha_range.is_some_and(|(lower, _)| lower < 1e-6), "{law:?}");
}

#[test]
fn what_is_no_number_is_left_out() {
    let found = scaling(&points(&[(0.0, 1.0), (f64::NAN, 1.0), (2.0, f64::INFINITY), (1.0, 0.0)]));
    assert_eq!(found.steps, []);
}
