//! HTML: one file that shows a run in any browser, without a network. It is the dashboard's own page with the record in it.

use std::time::Duration;

use serde::Serialize;

use super::clean::clean;
use super::view::RunView;
use super::view::times::to_ms;
use crate::metric::{Histogram, Quantile, Slices};
use crate::page;
use crate::record::RunRecord;

/// Where the template takes the data: the text of a script element that is no program.
const PLACE: &str = "__RHAID_RUN_DATA__";

/// A second of a run, or more of a very long one, as charts draw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CoursePoint {
    /// Its beginning, seconds from the start of the run.
    pub second: f64,
    /// Requests per second.
    pub rate_per_s: f64,
    /// Share of failed requests, 0..=1.
    pub error_ratio: f64,
    /// Median response time; as all percentiles `None` where there are too few requests.
    pub p50_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Requests in flight, mean; `None` where it is not known.
    pub in_flight: Option<f64>,
}

impl CoursePoint {
    /// A whole second from what is stored of it.
    #[must_use]
    pub fn of_second(second: u32, count: u64, failed: u64, response_time: &Histogram) -> Self {
        let at = |q| response_time.supported_quantile(q).map(to_ms);
        Self {
            second: f64::from(second),
            rate_per_s: count as f64,
            error_ratio: if count == 0 { 0.0 } else { failed as f64 / count as f64 },
            p50_ms: at(Quantile::P50),
            p95_ms: at(Quantile::P95),
            p99_ms: at(Quantile::P99),
            in_flight: None,
        }
    }
}

/// The course of a run that is still in memory.
#[must_use]
pub fn course(slices: &Slices) -> Vec<CoursePoint> {
    let points = slices.as_slice().iter().map(|slice| {
        let enough = |q: Quantile| slice.response_time.count() >= q.samples_needed();
        let at = |q: Quantile| {
            let seconds = slice.response_time.quantile_s(q).filter(|_| enough(q));
            seconds.map(|seconds| to_ms(Duration::from_secs_f64(seconds)))
        };
        CoursePoint {
            second: slice.start.as_secs_f64(),
            rate_per_s: slice.requests as f64 / slice.width.as_secs_f64(),
            error_ratio: slice.failed_ratio(),
            p50_ms: at(Quantile::P50),
            p95_ms: at(Quantile::P95),
            p99_ms: at(Quantile::P99),
            in_flight: Some(slice.in_flight_mean),
        }
    });
    points.collect()
}

/// A run as one page, with its points in the order of time. A build without the dashboard makes a page that says so and has
/// the record as text.
#[must_use]
pub fn html<P: Serialize>(record: &RunRecord, points: &[P]) -> String {
    let data = Data { run: RunView::of(record), series: points };
    let json = inert(&serde_json::to_string(&data).expect("plain data serialises"));
    match page::report_template().and_then(|template| template.split_once(PLACE)) {
        Some((before, after)) => format!("{before}{json}{after}"),
        None => format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{name}</title></head>\n<body>\n\
             <h1>{name}</h1>\n<p>rhaid was built without Node.js, so this report has no charts; this is its record.</p>\n\
             <pre>{record}</pre>\n</body>\n</html>\n",
            name = text(&clean(&record.name)),
            record = text(&super::json(record)),
        ),
    }
}

/// What the page reads.
#[derive(Serialize)]
struct Data<'a, P> {
    run: RunView,
    series: &'a [P],
}

/// JSON in which nothing can end the element around it, begin another, or break a line of a program.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// Text between tags.
fn text(plain: &str) -> String {
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn no_text_of_a_run_leaves_its_element() {
        for name in [
            "</script><script>alert(1)</script>",
            "<!--<script>",
            "<img src=x onerror=a()>",
            "&lt;",
        ] {
            let record = RunRecord { name: name.to_owned(), ..fixture::record() };
            let page = html::<CoursePoint>(&record, &[]);
            assert!(!page.contains(name), "{name}");
            assert_eq!(
                page.matches("alert(1)").count(),
                page.matches("script\\u003ealert").count()
            );
        }
    }

    #[test]
    fn the_data_in_the_page_is_the_record_again() {
        let hostile = "a<b>&\u{2028}\u{2029}\"\\'/é";
        let json = serde_json::to_string(hostile).expect("text serialises");
        let back: String = serde_json::from_str(&inert(&json)).expect("still JSON");
        assert_eq!(back, hostile);
        assert!(inert(&json).chars().all(|c| !"<>&\u{2028}\u{2029}".contains(c)));
    }

    #[test]
    fn a_second_has_no_percentile_that_its_requests_do_not_support() {
        let mut times = Histogram::new();
        (1..=30).for_each(|ms| times.record(Duration::from_millis(ms)));
        let point = CoursePoint::of_second(7, 30, 3, &times);
        assert_eq!((point.second, point.rate_per_s, point.error_ratio), (7.0, 30.0, 0.1));
        assert!(point.p50_ms.is_some() && point.p99_ms.is_none(), "{point:?}");
    }
}
