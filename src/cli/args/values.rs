//! Readers of option values. Each refusal says what would have worked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::plan::layers::{PeakWish, PhaseWish};
use crate::plan::{Arrival, HttpVersion};
use crate::units::{parse_duration, parse_rate};

/// A duration above zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.reason)?;
    if duration.is_zero() {
        Err("it must be above zero, for example 30s".to_owned())
    } else {
        Ok(duration)
    }
}

/// A duration of zero or more.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.reason)
}

/// A rate above zero.
pub(super) fn rate(text: &str) -> Result<crate::units::Rate, String> {
    let rate = parse_rate(text).map_err(|error| error.reason)?;
    if rate.as_per_second() > 0.0 {
        Ok(rate)
    } else {
        Err("it must be above zero, for example 200/s".to_owned())
    }
}

/// A rate above zero; a plain number is per second.
pub(super) fn rate_or_number(text: &str) -> Result<crate::units::Rate, String> {
    if text.contains('/') { rate(text) } else { rate(&format!("{}/s", text.trim())) }
}

/// A share above zero and below one: `5%` or `0.05`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (digits, factor) = match text.trim().strip_suffix('%') {
        Some(digits) => (digits.trim(), 0.01),
        None => (text.trim(), 1.0),
    };
    let share = digits.parse::<f64>().map_err(|_| "write a share such as 5% or 0.05".to_owned())?;
    let share = share * factor;
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err("it must be above 0% and below 100%, for example 5%".to_owned())
    }
}

/// From one load to a higher one, both above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadRange {
    /// The lowest.
    pub from: f64,
    /// The highest.
    pub to: f64,
}

/// `10..1000`; both ends are taken in.
pub(super) fn load_range(text: &str) -> Result<LoadRange, String> {
    let (from, to) = text.split_once("..").ok_or("write the lowest and the highest: 10..1000")?;
    let number = |text: &str| {
        rate_or_number(text)
            .map(crate::units::Rate::as_per_second)
            .map_err(|why| format!("{text:?}: {why}"))
    };
    let (from, to) = (number(from)?, number(to.trim_start_matches('='))?);
    if from <= to {
        Ok(LoadRange { from, to })
    } else {
        Err(format!("the first is above the second: write {to}..{from}"))
    }
}

/// A size in bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    crate::units::parse_bytes(text).map_err(|error| error.reason)
}

/// A whole number of at least 1; `k` and `m` are thousands and millions.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.trim().to_ascii_lowercase() {
        text if text.ends_with('k') => (text.trim_end_matches('k').to_owned(), 1000),
        text if text.ends_with('m') => (text.trim_end_matches('m').to_owned(), 1_000_000),
        text => (text, 1),
    };
    let number: u64 =
        digits.parse().map_err(|_| "write a whole number such as 50 or 10k".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) => Err("it must be at least 1".to_owned()),
        Some(count) => Ok(count),
        None => Err("it is too large".to_owned()),
    }
}

/// A factor above zero.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    let factor: f64 =
        text.trim().parse().map_err(|_| "write a number such as 0.1 or 2".to_owned())?;
    if factor.is_finite() && factor > 0.0 {
        Ok(factor)
    } else {
        Err("it must be above zero, for example 0.1".to_owned())
    }
}

/// Users (`50`) or arrivals (`200/s`).
pub(super) fn peak(text: &str) -> Result<PeakWish, String> {
    if text.contains('/') {
        return rate(text).map(PeakWish::Rate);
    }
    count(text)
        .map(PeakWish::Vus)
        .map_err(|why| format!("{why}; users are written 50, arrivals 200/s"))
}

/// A stage: `30s:50` or `30s:200/s`. Its end may be zero.
pub(super) fn stage(text: &str) -> Result<PhaseWish, String> {
    let (length, level) = text
        .split_once(':')
        .ok_or("write its length and its target, for example 30s:50 or 30s:200/s")?;
    let duration = duration(length)?;
    let to = if level.contains('/') {
        PeakWish::Rate(parse_rate(level).map_err(|error| error.reason)?)
    } else if level.trim() == "0" {
        PeakWish::Vus(0)
    } else {
        peak(level)?
    };
    Ok(PhaseWish { name: None, duration, to, jump: false })
}

/// `KEY=VALUE`; the value may be empty and may contain `=`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// `Name: value`, as HTTP has it.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write 'Name: value'")?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(format!("{name:?} is not a header name; write 'Name: value'"));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err("its value has a line break or another control character".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A threshold as typed, `METRIC: EXPRESSION`. The expression is read by `metric::threshold`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdText {
    /// The metric, with its selector: `http_req_duration{task:login}`.
    pub metric: String,
    /// The rule: `p(95)<300`.
    pub expression: String,
}

/// Splits a threshold at the first colon outside braces.
pub(super) fn threshold(text: &str) -> Result<ThresholdText, String> {
    let mut depth = 0_i32;
    let colon = text.char_indices().find(|(_, c)| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        *c == ':' && depth == 0
    });
    let example = "write 'METRIC: RULE', for example 'http_req_duration: p(95)<300'";
    let (at, _) = colon.ok_or(example)?;
    let (metric, expression) = (text[..at].trim(), text[at + 1..].trim());
    if metric.is_empty() || expression.is_empty() {
        return Err(example.to_owned());
    }
    Ok(ThresholdText { metric: metric.to_owned(), expression: expression.to_owned() })
}

/// A live output, `TYPE=PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputSpec {
    /// A line of JSON for each second and series.
    Json(PathBuf),
    /// A histogram log: HDR histograms of each second and step.
    HistogramLog(PathBuf),
}

/// Reads `json=FILE` or `hlog=FILE`.
pub(super) fn output(text: &str) -> Result<OutputSpec, String> {
    match text.split_once('=') {
        Some(("json", path)) if !path.is_empty() => Ok(OutputSpec::Json(PathBuf::from(path))),
        Some(("hlog", path)) if !path.is_empty() => {
            Ok(OutputSpec::HistogramLog(PathBuf::from(path)))
        }
        Some((kind, _)) if !["json", "hlog"].contains(&kind) => {
            Err(format!("there is no output {kind:?}; there are json=FILE and hlog=FILE"))
        }
        _ => Err("write json=FILE or hlog=FILE".to_owned()),
    }
}

/// What a report file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportKind {
    /// Markdown.
    Markdown,
    /// The run's record.
    Json,
    /// A row for each step.
    Csv,
    /// One page with charts.
    Html,
}

/// A report and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// What it holds, from the path's extension.
    pub kind: ReportKind,
    /// Where.
    pub path: PathBuf,
}

/// Reads a path whose extension says the kind.
pub(super) fn report_file(text: &str) -> Result<ReportFile, String> {
    let path = PathBuf::from(text);
    let extension =
        Path::new(text).extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
    let kind = match extension.as_str() {
        "md" | "markdown" => ReportKind::Markdown,
        "json" => ReportKind::Json,
        "csv" => ReportKind::Csv,
        "html" | "htm" => ReportKind::Html,
        _ => {
            return Err("its extension says the kind: .md, .json, .csv or .html".to_owned());
        }
    };
    Ok(ReportFile { kind, path })
}

/// `constant` or `poisson`.
pub(super) fn arrival() -> impl TypedValueParser<Value = Arrival> {
    PossibleValuesParser::new(["constant", "poisson"])
        .map(|word| if word == "poisson" { Arrival::Poisson } else { Arrival::Constant })
}

/// `auto`, `1.1` or `2`.
pub(super) fn http_version() -> impl TypedValueParser<Value = HttpVersion> {
    PossibleValuesParser::new(["auto", "1.1", "2"]).map(|word| match word.as_str() {
        "1.1" => HttpVersion::Http1,
        "2" => HttpVersion::Http2,
        _ => HttpVersion::Auto,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Rate;

    #[test]
    fn stages_lead_to_users_or_rates() {
        let stage_of = |text: &str| stage(text).map(|s| (s.duration.as_secs(), s.to));
        assert_eq!(stage_of("30s:50"), Ok((30, PeakWish::Vus(50))));
        assert_eq!(stage_of("1m:0"), Ok((60, PeakWish::Vus(0))));
        let rate = Rate::per_second(200.0).expect("finite");
        assert_eq!(stage_of("0:200/s"), Ok((0, PeakWish::Rate(rate))));
        for (text, says) in
            [("30s", "30s:50"), ("30:50", "unit"), ("30s:many", "50"), ("30s:-1", "50")]
        {
            let error = stage(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn counts_are_whole_and_at_least_one() {
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!(count("2M"), Ok(2_000_000));
        for text in ["0", "-1", "1.5", "", "k", "99999999999999999999", "99999999999999999m"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_threshold_is_split_outside_its_selector() {
        let read = threshold("http_req_duration{task:login,status:200}: p(95)<300").expect("valid");
        assert_eq!(read.metric, "http_req_duration{task:login,status:200}");
        assert_eq!(read.expression, "p(95)<300");
        for text in ["http_req_duration p(95)<300", "x{task:login}", ": p(95)<3", "x:", ""] {
            assert!(threshold(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_cannot_smuggle_lines() {
        assert_eq!(
            header("Accept:  text/html:x "),
            Ok(("Accept".to_owned(), "text/html:x".to_owned()))
        );
        for text in ["Accept", ": x", "A B: x", "A: x\r\nB: y", "A\nB: x"] {
            assert!(header(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_extension_says_the_kind_of_report() {
        assert_eq!(report_file("out/r.CSV").map(|f| f.kind), Ok(ReportKind::Csv));
        assert!(report_file("report").is_err() && report_file("r.pdf").is_err());
        assert_eq!(output("json=a=b.jsonl"), Ok(OutputSpec::Json("a=b.jsonl".into())));
        assert_eq!(output("hlog=r.hlog"), Ok(OutputSpec::HistogramLog("r.hlog".into())));
        assert!(
            output("csv=x").expect_err("unknown").contains("json=FILE") && output("json=").is_err()
        );
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for text in ["NaN", "inf", "-1", "0", ""] {
            assert!(factor(text).is_err(), "{text}");
        }
        assert!(pair("=x").is_err() && pair("x").is_err());
        assert_eq!(pair("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
    }
}
