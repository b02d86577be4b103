//! The samples of a page in the text format of Prometheus, version 0.0.4.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>: one sample a line, `name{labels} value` and perhaps a
//! time in milliseconds. Lines that begin with `#` and empty ones say nothing of values. A line that is anything else makes
//! the page unusable: half of what is meant would be a wrong figure.

use crate::metric::series::{SeriesError, SeriesName};

/// The most samples of a page; more would take too much of each second to read.
const MAX_SAMPLES: usize = 50_000;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) series: SeriesName<'a>,
    /// May be infinite or not a number.
    pub(super) value: f64,
}

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionError {
    /// A line that is no sample.
    #[error("line {line} is no metric: {reason}")]
    Line {
        /// 1-based.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// More samples than are kept of one page.
    #[error("the page has more than 50,000 series")]
    TooMany,
}

/// Gives each sample of a page, in its order.
///
/// # Errors
/// The first thing that is wrong; samples before it were given.
pub(super) fn samples<'a>(
    text: &'a str,
    mut give: impl FnMut(&Sample<'a>),
) -> Result<(), ExpositionError> {
    let mut count = 0;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        if count > MAX_SAMPLES {
            return Err(ExpositionError::TooMany);
        }
        let sample =
            sample(line).map_err(|reason| ExpositionError::Line { line: index + 1, reason })?;
        give(&sample);
    }
    Ok(())
}

fn sample(line: &str) -> Result<Sample<'_>, String> {
    let (series, rest) = SeriesName::read(line).map_err(|error: SeriesError| error.to_string())?;
    if !rest.starts_with([' ', '\t']) && !line[..line.len() - rest.len()].ends_with('}') {
        return Err("its name has other characters than letters, digits, _ and :".to_owned());
    }
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("it has no value")?;
    let value: f64 = value.parse().map_err(|_| "its value is no number".to_owned())?;
    // When it was taken, which is now as far as a page a second can tell.
    if words.next().is_some_and(|time| time.parse::<i64>().is_err()) || words.next().is_some() {
        return Err("there is more than a value and a time".to_owned());
    }
    Ok(Sample { series, value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, usize, f64)>, ExpositionError> {
        let mut all = Vec::new();
        samples(text, |sample| {
            let Sample { series, value } = sample;
            all.push((series.name.to_owned(), series.labels.len(), *value));
        })?;
        Ok(all)
    }

    #[test]
    fn the_example_of_the_formats_description_is_read() {
        let text = r#"
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
"#;
        let all = read(text).expect("a page");
        assert_eq!(all.len(), 7);
        assert_eq!(all[0], ("http_requests_total".to_owned(), 2, 1027.0));
        assert_eq!(all[2], ("msdos_file_access_time_seconds".to_owned(), 2, 1.458_255_915e9));
        assert_eq!(all[4], ("something_weird".to_owned(), 1, f64::INFINITY));
        assert!(read("a NaN").expect("a page")[0].2.is_nan());
        assert_eq!(read("a{} 1").expect("no labels"), [("a".to_owned(), 0, 1.0)]);
    }

    #[test]
    fn a_line_that_is_no_sample_is_named() {
        for (line, why) in [
            ("<html>", "it has no name"),
            ("a", "other characters"),
            ("a{b=\"c\"}", "no value"),
            ("a one", "no number"),
            ("a 1 2 3", "more than"),
            ("a 1 soon", "more than"),
            ("a-b 1", "other characters"),
            ("a{b=c} 1", "quotes"),
        ] {
            let error = read(&format!("ok 1\n{line}\n")).expect_err(line).to_string();
            assert!(error.starts_with("line 2 is no metric: ") && error.contains(why), "{error}");
        }
        let many = "a 1\n".repeat(MAX_SAMPLES + 1);
        assert_eq!(read(&many), Err(ExpositionError::TooMany));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_never_a_panic(text in "\\PC*") {
            let _ = read(&text);
        }

        #[test]
        fn what_is_nearly_a_page_is_no_panic(text in "([a-z]{1,3}(\\{[a-z=\",\\\\]{0,9}\\}?)? ?[0-9.eE+-]{0,4}[\\n ]?){0,9}") {
            let _ = read(&text);
        }

        #[test]
        fn every_sample_that_is_written_is_read(
            all in prop::collection::vec(("[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", any::<f64>(), "[^\"\\\\\\n\\r]{0,9}"), 0..20),
        ) {
            let lines = all.iter().map(|(name, value, label)| format!("{name}{{l=\"{label}\"}} {value}\n"));
            let page: String = lines.collect();
            let read = read(&page).expect("a page");
            prop_assert_eq!(read.len(), all.len());
            for ((name, value, _), (read_name, labels, read_value)) in all.iter().zip(&read) {
                prop_assert_eq!((name, 1), (read_name, *labels));
                prop_assert!(value == read_value || value.is_nan());
            }
        }
    }
}
