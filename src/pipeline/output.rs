//! Where snapshots go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::snapshot::Snapshot;
use crate::plan::{Plan, TestType};
use crate::record::{GeneratorInfo, RunRecord};

/// What is known of a run before its first sample.
#[derive(Debug, Clone)]
pub struct RunHead {
    /// Unique for ever.
    pub run_id: String,
    /// Name.
    pub name: String,
    /// Kind of test.
    pub test_type: TestType,
    /// Wall time of the start, milliseconds since 1970.
    pub started_at_ms: i64,
    /// What was asked for.
    pub plan: Plan,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What makes the load.
    pub generator: GeneratorInfo,
}

/// A sink of snapshots. The contract: no call blocks for longer than it takes to hand the value on; an output that falls
/// behind merges what it has not yet written ([`Snapshot::absorb`]) and loses nothing.
pub trait Output {
    /// The run begins.
    ///
    /// # Errors
    /// When the output can never work (a read-only file): the run does not start.
    fn start(&mut self, head: &RunHead) -> Result<(), OutputError>;

    /// A second has passed.
    fn snapshot(&mut self, snapshot: &Arc<Snapshot>);

    /// The run has ended; everything must be durable on return. May block.
    ///
    /// # Errors
    /// What could not be written; the record is still in the caller's hands.
    fn finish(&mut self, record: &mut RunRecord) -> Result<(), OutputError>;
}

/// An output that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{output}: {reason}")]
pub struct OutputError {
    /// Which one, such as the database's path.
    pub output: String,
    /// Why, with a way out.
    pub reason: String,
}
