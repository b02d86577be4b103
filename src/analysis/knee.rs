//! Where a service begins to suffer under load: every definition of it side by side (METHODS.md 3.1, 3.2).
//!
//! A curve that bends smoothly has no knee of its own, so each point here says by which definition it is one. The breaking
//! point itself, which is defined by limits, is not among them.

use serde::{Deserialize, Serialize};

pub use super::load_point::{LoadPoint, LoadUnit};

use super::kneedle::{Bend, Shape, kneedle};
use super::load_point::{amount, by_load};
use super::operating_bounds::{OperatingBounds, operating_bounds};
use super::power_point::{PowerPlace, PowerPoint, power_point};
use super::usl::{self, UslFit};
use crate::units::show_duration;

/// What the curve of a stress run or a sweep shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    /// What the loads count.
    pub unit: LoadUnit,
    /// The smallest load that was tried; zero without points.
    pub from_load: f64,
    /// The largest load that was tried; zero without points.
    pub to_load: f64,
    /// Most throughput for each second of waiting; `None` for fewer than three healthy loads.
    pub power_point: Option<PowerPoint>,
    /// What cannot be exceeded; `None` without a healthy load.
    pub bounds: Option<OperatingBounds>,
    /// The scalability law; `None` when it was refused.
    pub usl: Option<UslFit>,
    /// Why there is no scalability law.
    pub usl_refused: Option<String>,
    /// Where the drawn curve of throughput over concurrency bends, for a marker only.
    pub marker: Option<KneeMarker>,
    /// All of it in sentences, the most important first.
    pub words: Vec<String>,
}

/// A marker for charts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KneeMarker {
    /// The load to mark.
    pub load: f64,
    /// The bend: x is the concurrency, y the throughput.
    pub bend: Bend,
}

/// Everything that the points of a curve tell, in any order of loads.
///
/// The scalability law takes points with at most 5 % of errors at which the service kept up: elsewhere the requests in
/// flight tell how long it was watched, not how it works.
#[must_use]
pub fn knee(points: &[LoadPoint]) -> Knee {
    let unit = LoadUnit::of(points);
    let sorted = by_load(points);
    let load = |point: Option<&&LoadPoint>| point.map_or(0.0, |point| unit.load(point));
    let steady = sorted.iter().filter(|point| point.is_healthy() && point.keeps_up());
    let curve: Vec<(f64, f64)> =
        steady.map(|point| (point.concurrency(), point.goodput_per_s)).collect();
    let usl = usl::fit(&curve);
    let mut knee = Knee {
        unit,
        from_load: load(sorted.first()),
        to_load: load(sorted.last()),
        power_point: power_point(points).filter(|found| found.load.is_finite()),
        bounds: operating_bounds(points),
        usl_refused: usl.as_ref().err().map(ToString::to_string),
        usl: usl.ok(),
        marker: marker(&sorted, unit),
        words: Vec::new(),
    };
    knee.words = knee.sentences();
    knee
}

fn marker(sorted: &[&LoadPoint], unit: LoadUnit) -> Option<KneeMarker> {
    let mut points: Vec<&&LoadPoint> = sorted.iter().filter(|point| point.is_healthy()).collect();
    points.sort_by(|a, b| a.concurrency().total_cmp(&b.concurrency()));
    let ns: Vec<f64> = points.iter().map(|point| point.concurrency()).collect();
    let xs: Vec<f64> = points.iter().map(|point| point.goodput_per_s).collect();
    let bend = kneedle(&ns, &xs, Shape::ConcaveIncreasing)?;
    Some(KneeMarker { load: unit.load(points[bend.place]), bend })
}

impl Knee {
    fn sentences(&self) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(self.power_point.as_ref().map(power_words));
        words.extend(self.bounds.as_ref().map(|bounds| bounds_words(bounds, self.unit)));
        words.extend(self.usl.as_ref().map(usl_words));
        words.extend(self.usl_refused.clone());
        words.extend(self.marker.map(|marker| {
            format!(
                "the curve seems to bend at {} (Kneedle, looked at from {} to {}; a longer curve bends elsewhere)",
                self.unit.show(marker.load),
                self.unit.show(self.from_load),
                self.unit.show(self.to_load)
            )
        }));
        words
    }
}

fn power_words(found: &PowerPoint) -> String {
    let load = found.unit.show(found.load);
    let response = show_seconds(found.response_mean_s);
    match (found.place, found.lower.zip(found.upper)) {
        (PowerPlace::AtSmallest, _) => {
            format!("power point at {load} or below: throughput over response time only fell")
        }
        (PowerPlace::AtLargest, _) => {
            format!("power point at {load} or beyond: throughput over response time only grew")
        }
        (PowerPlace::Inside, None) => {
            format!("power point at {load}, with a mean response time of {response}")
        }
        (PowerPlace::Inside, Some((lower, upper))) => format!(
            "power point at {load} (90 % between {} and {}), with a mean response time of {response}",
            found.unit.show(lower),
            found.unit.show(upper)
        ),
    }
}

fn bounds_words(bounds: &OperatingBounds, unit: LoadUnit) -> String {
    let at_least = if bounds.is_still_rising { "at least " } else { "" };
    let who = match unit {
        LoadUnit::PerSecond => "requests in flight",
        LoadUnit::Users => "users",
    };
    let round = show_seconds(bounds.demand_s + bounds.think_s);
    let (most, knee) = (amount(bounds.most_per_s), amount(bounds.knee_n));
    format!(
        "throughput is at most min({at_least}{most}/s, N/{round}): from {at_least}{knee} {who} on some have to wait"
    )
}

fn usl_words(fit: &UslFit) -> String {
    let law = format!("scalability law: α = {:.4}, β = {:.2e}", fit.alpha, fit.beta);
    match (&fit.peak, &fit.peak_refused) {
        (Some(peak), _) => format!(
            "{law}, largest throughput {}/s (90 % between {} and {}) at a concurrency of {} ({} to {})",
            amount(peak.throughput_per_s),
            amount(peak.lower_per_s),
            amount(peak.upper_per_s),
            amount(peak.n),
            amount(peak.n_lower),
            amount(peak.n_upper)
        ),
        (None, Some(refused)) => format!("{law}; {refused}"),
        (None, None) => law,
    }
}

fn show_seconds(seconds: f64) -> String {
    std::time::Duration::try_from_secs_f64(seconds)
        .map_or_else(|_| "an unknown time".to_owned(), show_duration)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// M/M/1 with a service rate of 100/s.
    fn open(offered_per_s: f64) -> LoadPoint {
        let response_mean_s = 1.0 / (100.0 - offered_per_s).max(0.5);
        let goodput_per_s = offered_per_s.min(100.0);
        LoadPoint {
            offered_per_s,
            goodput_per_s,
            mean_in_flight: goodput_per_s * response_mean_s,
            response_mean: Duration::from_secs_f64(response_mean_s),
            ..LoadPoint::default()
        }
    }

    /// Users without pauses of a service with α = 0.05 and β = 0.0005, whose peak is at 43.6 users.
    fn closed(users: u64) -> LoadPoint {
        let n = users as f64;
        let goodput_per_s = 100.0 * n / (1.0 + 0.05 * (n - 1.0) + 0.0005 * n * (n - 1.0));
        LoadPoint {
            users: Some(users),
            offered_per_s: goodput_per_s,
            goodput_per_s,
            mean_in_flight: n,
            response_mean: Duration::from_secs_f64(n / goodput_per_s),
            ..LoadPoint::default()
        }
    }

    #[test]
    fn an_open_sweep_over_its_capacity_shows_every_definition() {
        let loads = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 120.0, 150.0];
        let knee = knee(&loads.map(open));
        assert_eq!((knee.unit, knee.from_load, knee.to_load), (LoadUnit::PerSecond, 10.0, 150.0));
        let power = knee.power_point.expect("a top");
        assert!((power.load - 50.0).abs() < 5.0, "{power:?}");
        let bounds = knee.bounds.expect("points");
        assert!((bounds.most_per_s - 100.0).abs() < 1e-9 && !bounds.is_still_rising, "{bounds:?}");
        // X = 100·N/(1 + N) is the law with α = 1/2 and no coherency, whose asymptote is the capacity.
        let usl = knee.usl.as_ref().expect("enough points");
        assert!((usl.asymptote_per_s.expect("contention") - 100.0).abs() < 0.5, "{usl:?}");
        assert_eq!((usl.point_count, usl.peak), (9, None));
        let marker = knee.marker.expect("it bends");
        assert!((50.0..=120.0).contains(&marker.load), "{marker:?}");
        let words = knee.words.join("\n");
        for part in
            ["power point at 49/s", "min(100/s, N/11.1ms)", "peak not determined", "Kneedle"]
        {
            assert!(words.contains(part), "{part} in {words}");
        }
    }

    #[test]
    fn a_closed_sweep_over_its_peak_names_the_peak_in_users() {
        let points: Vec<LoadPoint> = [64, 1, 2, 4, 8, 16, 32, 48].map(closed).to_vec();
        let knee = knee(&points);
        assert_eq!((knee.unit, knee.from_load, knee.to_load), (LoadUnit::Users, 1.0, 64.0));
        let usl = knee.usl.as_ref().expect("enough points");
        assert!((usl.peak.expect("it bends").n - 43.59).abs() < 0.1, "{usl:?}");
        assert!(knee.words.iter().any(|words| words.contains("concurrency of 44")), "{knee:?}");
        assert!(knee.words.iter().any(|words| words.contains("users")), "{knee:?}");
    }

    #[test]
    fn what_is_too_little_says_so_and_reads_back() {
        let knee = knee(&[open(10.0), open(20.0)]);
        assert_eq!((&knee.power_point, &knee.usl, &knee.marker), (&None, &None, &None));
        assert!(knee.usl_refused.as_ref().is_some_and(|why| why.contains("needs 4 points")));
        let bounds = knee.bounds.expect("points");
        assert!(bounds.is_still_rising, "{bounds:?}");
        let text = serde_json::to_string(&knee).expect("JSON");
        assert_eq!(serde_json::from_str::<Knee>(&text).expect("JSON"), knee);
        assert_eq!(super::knee(&[]).words.len(), 1);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
        #[test]
        fn any_figures_give_points_within_the_loads_that_were_tried(
            rows in proptest::collection::vec((figure(), figure(), figure(), figure()), 0..9),
            is_closed: bool,
        ) {
            let points: Vec<LoadPoint> = rows
                .iter()
                .map(|(offered, goodput, in_flight, response)| LoadPoint {
                    offered_per_s: *offered,
                    users: is_closed.then_some(in_flight.abs() as u64),
                    goodput_per_s: *goodput,
                    mean_in_flight: *in_flight,
                    response_mean: Duration::try_from_secs_f64(*response).unwrap_or(Duration::MAX),
                    slices: vec![(*goodput, *in_flight); 6],
                    ..LoadPoint::default()
                })
                .collect();
            let knee = knee(&points);
            let range = knee.from_load * 0.999..=knee.to_load * 1.001;
            let power = knee.power_point.map(|found| found.load);
            let marker = knee.marker.map(|found| found.load);
            for load in power.into_iter().chain(marker) {
                proptest::prop_assert!(range.contains(&load), "{load} in {range:?}");
            }
        }
    }

    /// Anything that a broken measurement may say.
    fn figure() -> impl proptest::strategy::Strategy<Value = f64> {
        proptest::prop_oneof![0.001..1000.0, 0.001..1000.0, proptest::num::f64::ANY]
    }
}
