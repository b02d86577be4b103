//! What the numbers mean: pure functions over slices and histograms, a file a method, each with its acceptance tests.
//!
//! A method takes [`Slice`](crate::metric::Slice)s or [`Histogram`](crate::metric::Histogram)s and gives a verdict with its
//! evidence. This room knows nothing of tokio, SQL, terminals or scripts: `cli` gathers the evidence at the end of a run,
//! `record` keeps the verdicts, `report` shows them. The formulas and their sources are in `docs/measurement.md`.

pub mod arrival_law;
pub mod batch_trend;
pub mod bootstrap;
pub mod exposure;
pub mod knee;
pub mod kneedle;
pub mod little;
pub mod load_point;
pub mod operating_bounds;
pub mod percentile;
pub mod power_point;
pub mod proportion;
pub mod recovery;
pub mod saturation;
pub mod scaling;
pub mod search;
pub mod steady;
pub mod trend;
pub mod usl;
pub mod validity;
