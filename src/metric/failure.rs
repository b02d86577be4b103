//! Why a request failed below HTTP.
use serde::{Deserialize, Serialize};
/// Placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Placeholder.
    Other,
}
