//! Figures as people read them. What is missing is `n/a`.

use std::time::Duration;

use super::view::{FigureUnit, ThresholdView, TimesView};
use crate::metric::LevelUnit;
use crate::units;

/// What stands where there were too few samples.
pub(super) const NOT_AVAILABLE: &str = "n/a";

/// Milliseconds as a duration: `17.3ms`.
pub(super) fn time(ms: Option<f64>) -> String {
    ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok())
        .map_or_else(|| NOT_AVAILABLE.to_owned(), units::show_duration)
}

/// One field of a distribution: `17.3ms`, `≥ 10.0s` where it is only a lower bound, `n/a` without enough samples.
pub(super) fn figure(times: &TimesView, field: &str) -> String {
    let ms = match field {
        "min" => times.min,
        "avg" => times.avg,
        "p50" => times.p50,
        "p90" => times.p90,
        "p95" => times.p95,
        "p99" => times.p99,
        "p99_9" => times.p99_9,
        _ => times.max,
    };
    let bound = if times.at_least.has(field) { "≥ " } else { "" };
    format!("{bound}{}", time(ms))
}

/// Seconds of an offset or a length, as a plan writes them: `1m30s`.
pub(super) fn span(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| NOT_AVAILABLE.to_owned(), units::show_span)
}

/// A share as percent, without its sign: `2.50`.
pub(super) fn percent(ratio: f64) -> String {
    format!("{:.2}", ratio * 100.0)
}

/// Something per second: `39.0/s`.
pub(super) fn rate(per_s: Option<f64>) -> String {
    per_s.map_or_else(|| NOT_AVAILABLE.to_owned(), |per_s| format!("{per_s:.1}/s"))
}

/// A change in percent with its sign: `+4.0 %`.
pub(super) fn change(percent: Option<f64>) -> String {
    percent.map_or_else(|| NOT_AVAILABLE.to_owned(), |percent| format!("{percent:+.1} %"))
}

/// A plain number, without needless digits: `12`, `0.025`.
pub(super) fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return NOT_AVAILABLE.to_owned() };
    let text = format!("{value:.3}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// An amount of a resource, with its unit: `1.25 cores`, `48.0 MiB`.
pub(super) fn amount(value: f64, unit: LevelUnit) -> String {
    // Figures of levels are finite and not negative; more than fits is as much as fits.
    let bytes = || units::show_bytes(value as u64);
    match unit {
        LevelUnit::Cores => format!("{value:.2} cores"),
        LevelUnit::Ratio => format!("{:.1} %", value * 100.0),
        LevelUnit::Bytes => bytes(),
        LevelUnit::BytesPerS => bytes() + "/s",
        LevelUnit::PerS => rate(Some(value)),
        LevelUnit::Count => number(Some((value * 10.0).round() / 10.0)),
    }
}

/// The figure that a threshold saw: `p(95) = 17.3ms`.
pub(super) fn actual(threshold: &ThresholdView) -> String {
    let Some(actual) = threshold.actual else { return "no data".to_owned() };
    let figure = match threshold.unit {
        FigureUnit::Milliseconds => time(Some(actual)),
        FigureUnit::Share => format!("{} %", percent(actual)),
        FigureUnit::PerSecond => rate(Some(actual)),
        FigureUnit::Number => number(Some(actual)),
    };
    format!("{} = {figure}", threshold.figure)
}

/// `1 request`, `2 requests`.
pub(super) fn plural(count: u64, one: &str) -> String {
    format!("{} {one}{}", units::show_count(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well_and_absent_ones_say_so() {
        assert_eq!((time(Some(17.25)).as_str(), time(None).as_str()), ("17.2ms", "n/a"));
        assert_eq!(time(Some(f64::NAN)), "n/a");
        assert_eq!((percent(0.025), rate(Some(39.0))), ("2.50".to_owned(), "39.0/s".to_owned()));
        assert_eq!(
            (change(Some(4.04)), number(Some(12.0))),
            ("+4.0 %".to_owned(), "12".to_owned())
        );
        assert_eq!(
            (plural(1, "error"), plural(2000, "error")),
            ("1 error".to_owned(), "2,000 errors".to_owned())
        );
    }
}
