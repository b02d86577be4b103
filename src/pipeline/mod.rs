//! Samples become snapshots; snapshots go to outputs.
//!
//! The aggregator merges the workers' [`Window`](crate::metric::Window)s once a second into a [`Snapshot`]; the progress
//! line, the store and every other [`Output`] read the same one, and none of them computes anything again. This room does
//! not know the engine, and nothing on a request's path waits for it.

pub mod aggregator;
mod halves;
pub mod histogram_log;
pub mod json_lines;
mod levels;
pub mod output;
pub mod snapshot;

pub use aggregator::Aggregator;
pub use histogram_log::HistogramLog;
pub use json_lines::JsonLines;
pub use output::{Output, OutputError, RunHead};
pub use snapshot::{PhasePoint, Snapshot, StepPoint};
