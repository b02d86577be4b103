//! Why a run cannot start or go on. What the target does wrong is never an error here; it is a sample.

use crate::script::{Finding, ScriptError};
use crate::transport::TransportError;

/// A run that cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The script failed when a worker compiled it again.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// `setup` or `teardown` failed.
    #[error("{function} failed: {finding}")]
    Stage {
        /// Which of the two.
        function: &'static str,
        /// Where and why.
        finding: Box<Finding>,
    },
    /// `setup` returned something that cannot be shared between threads.
    #[error("setup returned a value that cannot be shared")]
    SetupValue,
    /// The transport cannot be built.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The system gave no thread or runtime.
    #[error("the system gave no worker thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A worker panicked, which is a defect of ours. What it had handed over is kept.
    #[error("worker {worker_index} stopped with a panic")]
    WorkerPanicked {
        /// 0-based.
        worker_index: usize,
    },
}
