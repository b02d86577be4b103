//! The charts of a stress run or a sweep: goodput, response times and errors over load.

use std::time::Duration;

use super::{Axis, Chart, ChartUnit, Marker, Series};
use crate::analysis::knee::{Knee, LoadPoint, LoadUnit};
use crate::analysis::power_point::PowerPlace;

/// Loads that span this ratio or more are drawn on a logarithmic axis, or the small ones would be one point.
const WIDE: f64 = 50.0;

/// Goodput, response times on a logarithmic axis, and, where there were any, errors, each over the load with the power point
/// and the bend of the curve marked. What has no points is left out.
#[must_use]
pub fn load_charts(points: &[LoadPoint], knee: &Knee) -> Vec<Chart> {
    let over_load = |value: &dyn Fn(&LoadPoint) -> Option<f64>| -> Vec<(f64, f64)> {
        points.iter().filter_map(|point| Some((knee.unit.load(point), value(point)?))).collect()
    };
    let series = |name: &str, value: &dyn Fn(&LoadPoint) -> Option<f64>| Series {
        name: name.to_owned(),
        points: over_load(value),
    };
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let goodput = series("goodput", &|point| Some(point.goodput_per_s));
    let times = vec![
        series("p50", &|point| seconds(point.response_p50)),
        series("p99", &|point| seconds(point.response_p99)),
    ];
    let errors = series("errors", &|point| Some(point.error_ratio));
    let mut charts = vec![
        chart(knee, "goodput by load", (ChartUnit::PerSecond, false), vec![goodput]),
        chart(knee, "response times by load", (ChartUnit::Seconds, true), times),
    ];
    if errors.points.iter().any(|(_, ratio)| *ratio > 0.0) {
        charts.push(chart(knee, "errors by load", (ChartUnit::Share, false), vec![errors]));
    }
    charts.retain(|chart| chart.series.iter().any(|series| !series.points.is_empty()));
    charts
}

/// One chart; `y` is the unit of its values and whether they need a logarithmic axis.
fn chart(knee: &Knee, title: &str, y: (ChartUnit, bool), series: Vec<Series>) -> Chart {
    let (label, unit) = match knee.unit {
        LoadUnit::PerSecond => ("offered load", ChartUnit::PerSecond),
        LoadUnit::Users => ("users", ChartUnit::Count),
    };
    let is_log = knee.from_load > 0.0 && knee.to_load >= WIDE * knee.from_load;
    let power = knee.power_point.filter(|found| found.place == PowerPlace::Inside);
    let marker = |name: &str, at: f64| Marker { name: name.to_owned(), at };
    Chart {
        title: title.to_owned(),
        x: Axis { label: label.to_owned(), unit, is_log },
        y: Axis { label: String::new(), unit: y.0, is_log: y.1 },
        series,
        markers: power
            .map(|found| marker("power point", found.load))
            .into_iter()
            .chain(knee.marker.map(|found| marker("bend", found.load)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::knee::knee;
    use crate::report::chart::ChartOptions;

    /// A random queue with a capacity of 100/s.
    fn point(offered_per_s: f64) -> LoadPoint {
        let goodput_per_s = offered_per_s.min(100.0);
        let response_mean_s = 1.0 / (100.0 - offered_per_s).max(0.2);
        let quantile = |factor: f64| Some(Duration::from_secs_f64(response_mean_s * factor));
        LoadPoint {
            offered_per_s,
            goodput_per_s,
            error_ratio: 1.0 - goodput_per_s / offered_per_s,
            mean_in_flight: goodput_per_s * response_mean_s,
            response_mean: Duration::from_secs_f64(response_mean_s),
            response_p50: quantile(0.69),
            response_p99: quantile(4.6),
            ..LoadPoint::default()
        }
    }

    #[test]
    fn a_sweep_has_a_chart_for_each_thing_that_depends_on_load() {
        let points = [10.0, 20.0, 40.0, 60.0, 80.0, 95.0, 120.0].map(point);
        let charts = load_charts(&points, &knee(&points));
        let titles: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!(titles, ["goodput by load", "response times by load", "errors by load"]);
        assert!(charts.iter().all(|chart| !chart.x.is_log && !chart.markers.is_empty()));
        let text = charts[1].render(ChartOptions::default());
        for part in ["p50", "p99", "power point 4", "bend", "offered load"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn users_over_a_wide_range_have_a_logarithmic_axis_and_what_is_not_there_no_chart() {
        let closed = |users: u64| LoadPoint {
            users: Some(users),
            response_p50: None,
            response_p99: None,
            ..point((users as f64).min(90.0))
        };
        let points = [1, 5, 20, 100].map(closed);
        let charts = load_charts(&points, &knee(&points));
        let titles: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!(titles, ["goodput by load"]);
        assert!(charts[0].x.is_log && charts[0].x.unit == ChartUnit::Count);
        assert_eq!(load_charts(&[], &knee(&[])), []);
    }
}
