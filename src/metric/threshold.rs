//! Pass or fail rules in k6's syntax: `http_req_duration{task:login}` with `p(95)<300`.
//!
//! [`Threshold::parse`] reads them, [`Threshold::evaluate`] compares them with what was observed.

mod judge;
mod parse;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use judge::Judgement;
pub use parse::{BUILT_IN_METRICS, ThresholdError};

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The metric, such as `http_req_duration`.
    pub metric: String,
    /// `(label, value)` pairs that all must hold.
    pub selector: Vec<(String, String)>,
    /// What is compared.
    pub aggregation: Aggregation,
    /// How.
    pub comparison: Comparison,
    /// With what; times in milliseconds, shares in 0..=1.
    pub bound: f64,
    /// End the run when it is crossed.
    pub abort_on_fail: bool,
    /// Not judged for aborting before this much of the run.
    pub delay_abort: Duration,
}

/// The figure that a threshold compares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `med`
    Med,
    /// `p(N)`, N in 0..=100
    Percentile(f64),
    /// `rate`: of a rate metric the share of true values; of a counter the sum per second.
    Rate,
    /// `count`
    Count,
    /// `value` of a gauge
    Value,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==` or `===`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// Whether `actual` stands in this relation to `bound`.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "`==` was asked for; counts are whole numbers")]
    pub fn holds(self, actual: f64, bound: f64) -> bool {
        match self {
            Self::Less => actual < bound,
            Self::LessOrEqual => actual <= bound,
            Self::Greater => actual > bound,
            Self::GreaterOrEqual => actual >= bound,
            Self::Equal => actual == bound,
            Self::NotEqual => actual != bound,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        })
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Avg => f.write_str("avg"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Med => f.write_str("med"),
            Self::Percentile(percentile) => write!(f, "p({percentile})"),
            Self::Rate => f.write_str("rate"),
            Self::Count => f.write_str("count"),
            Self::Value => f.write_str("value"),
        }
    }
}

impl Threshold {
    /// The metric with its selector, as it is written on the left: `http_req_duration{task:login}`.
    #[must_use]
    pub fn subject(&self) -> String {
        if self.selector.is_empty() {
            return self.metric.clone();
        }
        let pairs: Vec<_> = self.selector.iter().map(|(k, v)| format!("{k}:{v}")).collect();
        format!("{}{{{}}}", self.metric, pairs.join(","))
    }

    /// What is compared, as it is written on the right: `p(95)<300`.
    #[must_use]
    pub fn expression(&self) -> String {
        format!("{}{}{}", self.aggregation, self.comparison, self.bound)
    }
}

/// `http_req_duration{task:login}: p(95)<300`; times in milliseconds.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject(), self.expression())
    }
}

#[cfg(test)]
mod tests;
