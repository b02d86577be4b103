//! Text to [`Threshold`], and whether the metric can be judged that way.

use std::time::Duration;

use super::{Aggregation, Comparison, Threshold};
use crate::metric::MetricKind;
use crate::metric::spelling::nearest;

/// The metrics that every run has, with their kinds. Trends are in milliseconds.
pub const BUILT_IN_METRICS: &[(&str, MetricKind)] = &[
    ("http_reqs", MetricKind::Counter),
    ("http_req_duration", MetricKind::Trend),
    ("http_req_response_time", MetricKind::Trend),
    ("http_req_failed", MetricKind::Rate),
    ("http_req_blocked", MetricKind::Trend),
    ("http_req_dns", MetricKind::Trend),
    ("http_req_connecting", MetricKind::Trend),
    ("http_req_tls_handshaking", MetricKind::Trend),
    ("http_req_sending", MetricKind::Trend),
    ("http_req_waiting", MetricKind::Trend),
    ("http_req_receiving", MetricKind::Trend),
    ("iterations", MetricKind::Counter),
    ("iteration_duration", MetricKind::Trend),
    ("iteration_response_time", MetricKind::Trend),
    ("dropped_iterations", MetricKind::Counter),
    ("checks", MetricKind::Rate),
    ("vus", MetricKind::Gauge),
    ("vus_max", MetricKind::Gauge),
    ("data_sent", MetricKind::Counter),
    ("data_received", MetricKind::Counter),
    ("group_duration", MetricKind::Trend),
];

const AGGREGATIONS: &[(&str, Aggregation)] = &[
    ("avg", Aggregation::Avg),
    ("min", Aggregation::Min),
    ("max", Aggregation::Max),
    ("med", Aggregation::Med),
    ("rate", Aggregation::Rate),
    ("count", Aggregation::Count),
    ("value", Aggregation::Value),
];

/// Words from other tools that no edit distance would find.
const SYNONYMS: &[(&str, &str)] =
    &[("mean", "avg"), ("average", "avg"), ("median", "med"), ("ratio", "rate"), ("last", "value")];

/// Longest first, so that `<=` is not read as `<`.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("===", Comparison::Equal),
    ("!==", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Milliseconds in each unit that a bound may carry; longest first.
const TIME_UNITS: &[(&str, f64)] = &[("ms", 1.0), ("us", 1e-3), ("µs", 1e-3), ("s", 1e3)];

/// A threshold that cannot be read or judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// The left side, metric and selector.
    #[error("threshold {text:?}: {reason}")]
    Subject {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The right side, aggregation, comparison and bound.
    #[error("threshold expression {expression:?}: {reason}")]
    Expression {
        /// What was written.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An aggregation that does not exist.
    #[error("threshold expression {expression:?}: unknown aggregation {word:?}")]
    UnknownAggregation {
        /// What was written.
        expression: String,
        /// The part that is not known.
        word: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A percentile outside 0..=100.
    #[error("threshold expression {expression:?}: {percentile} is not a percentile")]
    Percentile {
        /// What was written.
        expression: String,
        /// The number that is out of range.
        percentile: f64,
    },
    /// A metric that neither exists nor is made by the script.
    #[error("unknown metric {metric:?} in a threshold")]
    UnknownMetric {
        /// What was written.
        metric: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// An aggregation that the metric's kind does not have.
    #[error("threshold {threshold:?}: {metric} is a {kind} and has no {aggregation}")]
    WrongAggregation {
        /// The whole rule.
        threshold: String,
        /// Its metric.
        metric: String,
        /// The metric's kind: `counter`, `gauge`, `rate` or `trend`.
        kind: &'static str,
        /// What was asked of it.
        aggregation: String,
        /// What can be asked of it.
        right: &'static str,
    },
}

impl ThresholdError {
    /// What would work, for a `help:` line; `None` when the message says it all.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Subject { .. } => Some("write metric{label:value,label:value}".to_owned()),
            Self::Expression { .. } => {
                Some("write for example p(95)<300, avg<200, rate<0.01 or count>=10".to_owned())
            }
            Self::UnknownAggregation { nearest: Some(word), .. }
            | Self::UnknownMetric { nearest: Some(word), .. } => {
                Some(format!("did you mean {word}?"))
            }
            Self::UnknownAggregation { nearest: None, .. } => Some(
                "the aggregations are avg, min, max, med, p(N), rate, count and value".to_owned(),
            ),
            Self::UnknownMetric { nearest: None, .. } => Some(
                "the script makes its own metrics with counter, gauge, rate or trend".to_owned(),
            ),
            Self::Percentile { .. } => Some("a percentile is from 0 to 100: p(99.9)".to_owned()),
            Self::WrongAggregation { kind, right, .. } => Some(format!("a {kind} has {right}")),
        }
    }
}

impl Threshold {
    /// Reads a rule: `http_req_duration{task:login}` and `p(95)<300`.
    ///
    /// The selector is from the first `{` to the last `}`, so values may hold braces, colons, spaces and commas; a comma
    /// begins a new pair only before `label:`. Bounds of times are milliseconds, or carry `us`, `ms` or `s`. The rule does
    /// not end the run (`abort_on_fail` is false). That the metric exists is for [`Threshold::validate_metric`].
    ///
    /// # Errors
    /// A malformed side, an unknown aggregation, a percentile outside 0..=100.
    pub fn parse(metric_with_selector: &str, expression: &str) -> Result<Self, ThresholdError> {
        let (metric, selector) = parse_subject(metric_with_selector)?;
        let (aggregation, comparison, bound) = parse_expression(expression)?;
        Ok(Self {
            metric,
            selector,
            aggregation,
            comparison,
            bound,
            abort_on_fail: false,
            delay_abort: Duration::ZERO,
        })
    }

    /// Checks that the metric exists, built in or among the script's own, and has the aggregation.
    ///
    /// # Errors
    /// [`ThresholdError::UnknownMetric`] and [`ThresholdError::WrongAggregation`].
    pub fn validate_metric(
        &self,
        known_custom: &[(String, MetricKind)],
    ) -> Result<(), ThresholdError> {
        let built_in = BUILT_IN_METRICS.iter().map(|(name, kind)| (*name, *kind));
        let custom = known_custom.iter().map(|(name, kind)| (name.as_str(), *kind));
        let all: Vec<(&str, MetricKind)> = built_in.chain(custom).collect();
        let Some((_, kind)) = all.iter().find(|(name, _)| *name == self.metric) else {
            return Err(ThresholdError::UnknownMetric {
                metric: self.metric.clone(),
                nearest: nearest(&self.metric, all.iter().map(|(name, _)| *name))
                    .map(str::to_owned),
            });
        };
        if matches!(self.metric.as_str(), "vus" | "vus_max") && !self.selector.is_empty() {
            let reason = format!("{} has no labels to select by", self.metric);
            return Err(ThresholdError::Subject { text: self.subject(), reason });
        }
        self.validate_aggregation(*kind)
    }

    fn validate_aggregation(&self, kind: MetricKind) -> Result<(), ThresholdError> {
        use Aggregation::{Avg, Count, Max, Med, Min, Percentile, Rate, Value};
        let (name, right, fits) = match kind {
            MetricKind::Counter => {
                ("counter", "count and rate", matches!(self.aggregation, Count | Rate))
            }
            MetricKind::Gauge => ("gauge", "value", matches!(self.aggregation, Value)),
            MetricKind::Rate => ("rate", "rate", matches!(self.aggregation, Rate)),
            MetricKind::Trend => (
                "trend",
                "avg, min, max, med and p(N)",
                matches!(self.aggregation, Avg | Min | Max | Med | Percentile(_)),
            ),
        };
        if fits {
            return Ok(());
        }
        Err(ThresholdError::WrongAggregation {
            threshold: self.to_string(),
            metric: self.metric.clone(),
            kind: name,
            aggregation: self.aggregation.to_string(),
            right,
        })
    }
}

fn parse_subject(text: &str) -> Result<(String, Vec<(String, String)>), ThresholdError> {
    let fail =
        |reason: &str| ThresholdError::Subject { text: text.to_owned(), reason: reason.to_owned() };
    let trimmed = text.trim();
    let (metric, selector) = match (trimmed.find('{'), trimmed.rfind('}')) {
        (None, None) => (trimmed, Vec::new()),
        (Some(open), Some(close)) if open < close && close + 1 == trimmed.len() => {
            (trimmed[..open].trim(), parse_selector(&trimmed[open + 1..close], &fail)?)
        }
        (Some(_), Some(close)) if close + 1 < trimmed.len() => {
            return Err(fail("there is text after the last }"));
        }
        _ => return Err(fail("a brace is not closed or not opened")),
    };
    if metric.is_empty() || metric.contains(char::is_whitespace) {
        return Err(fail("a metric's name is one word"));
    }
    Ok((metric.to_owned(), selector))
}

fn parse_selector(
    text: &str,
    fail: &impl Fn(&str) -> ThresholdError,
) -> Result<Vec<(String, String)>, ThresholdError> {
    let mut pairs = Vec::new();
    for part in split_pairs(text) {
        let (key, value) = part.split_once(':').ok_or_else(|| fail("a pair is label:value"))?;
        let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
        if !is_label(key) {
            return Err(fail(&format!("{key:?} is not a label")));
        }
        if key == "expected_response" {
            return Err(fail(
                "there is no expected_response; select by status, as in {status:200}",
            ));
        }
        // k6 begins a group's path with `::`.
        let value = if key == "group" { value.trim_start_matches("::") } else { value };
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

/// Splits at each comma that is followed by `label:`, but not by a URL's `http://`.
fn split_pairs(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (comma, _) in text.match_indices(',') {
        let begins_pair = text[comma + 1..]
            .split_once(':')
            .is_some_and(|(key, value)| is_label(key.trim()) && !value.starts_with("//"));
        if begins_pair {
            parts.push(&text[start..comma]);
            start = comma + 1;
        }
    }
    if !text[start..].trim().is_empty() {
        parts.push(&text[start..]);
    }
    parts
}

fn is_label(key: &str) -> bool {
    key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn parse_expression(text: &str) -> Result<(Aggregation, Comparison, f64), ThresholdError> {
    let fail = |reason: String| ThresholdError::Expression { expression: text.to_owned(), reason };
    let Some(at) = text.find(['<', '>', '=', '!']) else {
        return Err(fail("a comparison is missing".to_owned()));
    };
    let (left, right) = text.split_at(at);
    let Some((sign, comparison)) = COMPARISONS.iter().find(|(sign, _)| right.starts_with(sign))
    else {
        return Err(fail("the comparisons are <, <=, >, >=, == and !=".to_owned()));
    };
    let aggregation = parse_aggregation(left.trim(), text)?;
    let bound = parse_bound(right[sign.len()..].trim(), aggregation).map_err(fail)?;
    Ok((aggregation, *comparison, bound))
}

fn parse_aggregation(word: &str, expression: &str) -> Result<Aggregation, ThresholdError> {
    if let Some((_, aggregation)) = AGGREGATIONS.iter().find(|(name, _)| *name == word) {
        return Ok(*aggregation);
    }
    let inner = word.strip_prefix('p').map(str::trim_start);
    let inner = inner.and_then(|w| w.strip_prefix('(')).and_then(|w| w.strip_suffix(')'));
    if let Some(percentile) = inner.and_then(|digits| digits.trim().parse::<f64>().ok()) {
        if (0.0..=100.0).contains(&percentile) {
            return Ok(Aggregation::Percentile(percentile));
        }
        let expression = expression.to_owned();
        return Err(ThresholdError::Percentile { expression, percentile });
    }
    Err(ThresholdError::UnknownAggregation {
        expression: expression.to_owned(),
        word: word.to_owned(),
        nearest: meant_aggregation(word),
    })
}

fn meant_aggregation(word: &str) -> Option<String> {
    let digits = word.trim_start_matches(['p', 'P', '(']).trim_end_matches(')');
    if word.starts_with(['p', 'P']) && digits.parse::<f64>().is_ok_and(|n| n <= 100.0) {
        return Some(format!("p({digits})"));
    }
    let lower = word.to_lowercase();
    if let Some((_, right)) = SYNONYMS.iter().find(|(synonym, _)| *synonym == lower) {
        return Some((*right).to_owned());
    }
    nearest(word, AGGREGATIONS.iter().map(|(name, _)| *name)).map(str::to_owned)
}

fn parse_bound(text: &str, aggregation: Aggregation) -> Result<f64, String> {
    let is_share = matches!(aggregation, Aggregation::Rate);
    if is_share && text.ends_with('%') {
        return Err("a share is from 0 to 1: write 0.01 for 1%".to_owned());
    }
    let is_time = !matches!(aggregation, Aggregation::Rate | Aggregation::Count);
    let (digits, factor) = TIME_UNITS
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|digits| (digits, *factor)))
        .unwrap_or((text, 1.0));
    if digits.len() < text.len() && !is_time {
        return Err(format!("{aggregation} is not a time and takes no unit"));
    }
    match digits.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number * factor),
        _ => Err(format!("{text:?} is not a number; times may end in us, ms or s")),
    }
}
