//! Pass or fail rules in k6's syntax: `http_req_duration{task:login}` with `p(95)<300`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
