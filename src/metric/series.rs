//! Series of a page of metrics: how their names are written, and which of them are meant.
//!
//! The grammar is that of the Prometheus text format 0.0.4: `name{label="value",other="a \"b\""}`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LevelUnit;

/// The name of one series as a page writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesName<'a> {
    /// Letters, digits, `_` and `:`.
    pub name: &'a str,
    /// Its labels, in the order of the page.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> SeriesName<'a> {
    /// Reads the name at the beginning of `text`; gives it with what comes after it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &'a str) -> Result<(Self, &'a str), SeriesError> {
        let (name, mut rest) = word(text, true).ok_or(SeriesError("it has no name"))?;
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.starts_with('}') {
                let (label, after) = word(rest, false).ok_or(SeriesError("a label has no name"))?;
                let quoted = after.trim_start().strip_prefix('=').map(str::trim_start);
                let quoted = quoted.and_then(|text| text.strip_prefix('"'));
                let quoted = quoted.ok_or(SeriesError("a label has no value in quotes"))?;
                let (value, after) =
                    quoted_text(quoted).ok_or(SeriesError("a label's value has no end"))?;
                labels.push((label, value));
                rest = after.trim_start();
                match rest.strip_prefix(',') {
                    Some(after) => rest = after.trim_start(),
                    None if rest.starts_with('}') => {}
                    None => return Err(SeriesError("its labels have no end")),
                }
            }
            rest = &rest[1..];
        }
        Ok((Self { name, labels }, rest))
    }
}

/// A word of letters, digits and `_`, which does not begin with a digit; with `:` in names of series.
fn word(text: &str, may_have_colons: bool) -> Option<(&str, &str)> {
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_' || (may_have_colons && c == ':');
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    let is_word = end > 0 && !text.starts_with(|c: char| c.is_ascii_digit());
    is_word.then(|| text.split_at(end))
}

/// The text up to the closing quote, and what comes after that.
fn quoted_text(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut whole = String::new();
    let mut copied = 0;
    let mut places = text.char_indices();
    while let Some((at, c)) = places.next() {
        match c {
            '"' if whole.is_empty() && copied == 0 => {
                return Some((Cow::Borrowed(&text[..at]), &text[at + 1..]));
            }
            '"' => {
                whole.push_str(&text[copied..at]);
                return Some((Cow::Owned(whole), &text[at + 1..]));
            }
            '\\' => {
                whole.push_str(&text[copied..at]);
                let (escaped_at, escaped) = places.next()?;
                match escaped {
                    'n' => whole.push('\n'),
                    '\\' | '"' => whole.push(escaped),
                    // What is no escape is as it stands, as Prometheus reads it.
                    other => whole.extend(['\\', other]),
                }
                copied = escaped_at + escaped.len_utf8();
            }
            _ => {}
        }
    }
    None
}

/// Why a text is not the name of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SeriesError(&'static str);

/// The series that are meant, and whether their values or what these change by is: `pool_size`, `pool_size{pool="main"}`,
/// `rate(process_cpu_seconds_total)`.
///
/// Every series that has the name and at least these labels is meant; of several the sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeriesQuery {
    name: String,
    labels: Vec<(String, String)>,
    is_rate: bool,
}

impl SeriesQuery {
    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the change a second is meant instead of the value.
    #[must_use]
    pub fn is_rate(&self) -> bool {
        self.is_rate
    }

    /// Whether `series` is meant.
    #[must_use]
    pub fn matches(&self, series: &SeriesName<'_>) -> bool {
        let has = |(label, value): &(String, String)| {
            series.labels.iter().any(|(name, found)| name == label && found == value)
        };
        self.name == series.name && self.labels.iter().all(has)
    }

    /// What the value is, by the conventions for names of Prometheus.
    #[must_use]
    pub fn unit(&self) -> LevelUnit {
        let base = self.name.strip_suffix("_total").unwrap_or(&self.name);
        match (self.is_rate, base) {
            (false, base) if base.ends_with("_bytes") => LevelUnit::Bytes,
            (false, base) if base.ends_with("_ratio") => LevelUnit::Ratio,
            (false, _) => LevelUnit::Count,
            (true, base) if base.ends_with("_bytes") => LevelUnit::BytesPerS,
            (true, base) if base.contains("cpu") && base.ends_with("_seconds") => LevelUnit::Cores,
            (true, base) if base.ends_with("_seconds") => LevelUnit::Ratio,
            (true, _) => LevelUnit::PerS,
        }
    }
}

impl FromStr for SeriesQuery {
    type Err = SeriesError;

    fn from_str(text: &str) -> Result<Self, SeriesError> {
        let text = text.trim();
        let of_rate = text.strip_prefix("rate(");
        let inner = match of_rate {
            Some(inner) => inner.strip_suffix(')').ok_or(SeriesError("rate( has no end"))?,
            None => text,
        };
        let (series, rest) = SeriesName::read(inner.trim())?;
        if !rest.trim().is_empty() {
            return Err(SeriesError("there is more than one series, or an operator"));
        }
        let labels = series.labels.into_iter();
        Ok(Self {
            name: series.name.to_owned(),
            labels: labels.map(|(label, value)| (label.to_owned(), value.into_owned())).collect(),
            is_rate: of_rate.is_some(),
        })
    }
}

impl TryFrom<String> for SeriesQuery {
    type Error = SeriesError;

    fn try_from(text: String) -> Result<Self, SeriesError> {
        text.parse()
    }
}

impl From<SeriesQuery> for String {
    fn from(query: SeriesQuery) -> Self {
        query.to_string()
    }
}

impl fmt::Display for SeriesQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = if self.is_rate { ("rate(", ")") } else { ("", "") };
        write!(f, "{before}{}", self.name)?;
        let escaped =
            |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        for (index, (label, value)) in self.labels.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            write!(f, "{separator}{label}=\"{}\"", escaped(value))?;
        }
        write!(f, "{}{after}", if self.labels.is_empty() { "" } else { "}" })
    }
}

/// Where a figure of a resource comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LevelFigure {
    /// It is always this.
    Constant(f64),
    /// Series of a page.
    Series(SeriesQuery),
}

/// A resource of which a page of metrics tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappedResource {
    /// Its name in reports.
    pub resource: String,
    /// How much is in use.
    pub used: LevelFigure,
    /// How much there is; 0 on a page means that there is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<LevelFigure>,
    /// What waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<LevelFigure>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> SeriesQuery {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_name_is_read_with_its_labels_and_their_escapes() {
        let text = r#"http:requests_total{method="GET",path="C:\\DIR\\\"x\"\n", } 1027 13"#;
        let (series, rest) = SeriesName::read(text).expect("a name");
        assert_eq!((series.name, rest), ("http:requests_total", " 1027 13"));
        assert_eq!(series.labels[0], ("method", "GET".into()));
        assert_eq!(series.labels[1], ("path", "C:\\DIR\\\"x\"\n".into()));
        assert_eq!(SeriesName::read("up 1").expect("a name").1, " 1");
        for wrong in ["", "1a", "{a=\"b\"}", "a{b}", "a{b=c}", "a{b=\"c", "a{b=\"c\"", "a{b=\"c\\"]
        {
            assert!(SeriesName::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_means_series_with_at_least_its_labels() {
        let (series, _) = SeriesName::read(r#"pool{db="a",host="x"}"#).expect("a name");
        for meant in ["pool", r#"pool{db="a"}"#, r#"rate(pool{host="x", db="a"})"#] {
            assert!(query(meant).matches(&series), "{meant}");
        }
        for other in ["pools", r#"pool{db="b"}"#, r#"pool{db="a",zone="1"}"#] {
            assert!(!query(other).matches(&series), "{other}");
        }
        for wrong in ["", "a+b", "rate(a", "a)", "sum(a)", "rate(a) > 1", "a{b!=\"c\"}"] {
            assert!(wrong.parse::<SeriesQuery>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn units_follow_from_names() {
        for (text, unit) in [
            ("pool_in_use", LevelUnit::Count),
            ("process_resident_memory_bytes", LevelUnit::Bytes),
            ("rate(process_cpu_seconds_total)", LevelUnit::Cores),
            ("rate(io_busy_seconds_total)", LevelUnit::Ratio),
            ("rate(sent_bytes_total)", LevelUnit::BytesPerS),
            ("rate(misses_total)", LevelUnit::PerS),
        ] {
            assert_eq!(query(text).unit(), unit, "{text}");
        }
    }

    #[test]
    fn a_mapping_is_stored_as_it_is_written() {
        let mapped = MappedResource {
            resource: "cpu".to_owned(),
            used: LevelFigure::Series(query(r#"rate(cpu{a="\"b\\"})"#)),
            capacity: Some(LevelFigure::Constant(4.0)),
            waiting: None,
        };
        let json = serde_json::to_string(&mapped).expect("text");
        assert_eq!(
            json,
            r#"{"resource":"cpu","used":"rate(cpu{a=\"\\\"b\\\\\"})","capacity":4.0}"#
        );
        assert_eq!(serde_json::from_str::<MappedResource>(&json).expect("the same"), mapped);
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic_and_a_query_reads_back(text in "(rate\\()?[a-z:_]{0,3}[\\{\\}\\PC]{0,20}\\)?") {
            let _ = SeriesName::read(&text);
            if let Ok(query) = text.parse::<SeriesQuery>() {
                prop_assert_eq!(query.to_string().parse::<SeriesQuery>(), Ok(query));
            }
        }

        #[test]
        fn any_value_of_a_label_survives(value in "\\PC{0,20}") {
            let labels = vec![("a".to_owned(), value)];
            let query = SeriesQuery { name: "n".to_owned(), labels, is_rate: false };
            prop_assert_eq!(query.to_string().parse::<SeriesQuery>(), Ok(query));
        }
    }
}
