//! What was observed: labels, samples, histograms, and the windows that workers hand over each second.
//!
//! Main types: [`Labels`] say what a sample is about, [`RequestStats`] and the other sinks hold what was seen, a
//! [`Window`] is one worker's second, a [`Totals`] is the whole run. This room knows nothing of tokio, Rhai, HTTP clients
//! or SQL. Workers write windows; `pipeline` merges them; `record` keeps the result.

pub mod buckets;
pub mod busy;
pub mod failure;
pub mod health;
pub mod histogram;
pub mod labels;
pub mod level;
pub mod mark;
pub mod resource;
pub mod series;
pub mod sink;
pub mod slice;
pub mod spelling;
pub mod threshold;
pub mod totals;
pub mod window;

pub use buckets::Buckets;
pub use busy::BusyShares;
pub use failure::FailureKind;
pub use health::GeneratorHealth;
pub use histogram::{Estimate, Histogram, Quantile};
pub use labels::Labels;
pub use level::{LevelUnit, ResourceLevel};
pub use sink::{
    CheckStats, CustomSink, CustomValue, Exemplar, IterationStats, MetricKind, RequestStats,
};
pub use slice::{Slice, Slices};
pub use totals::Totals;
pub use window::Window;
