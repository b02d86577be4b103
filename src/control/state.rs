//! How a run stands, in the words of the API.

use serde::Serialize;

use crate::plan::TestType;
use crate::record::RunStatus;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    /// Waits for those before it.
    Queued,
    /// Goes on.
    Running,
    /// Goes on, and nothing new begins for a while.
    Paused,
    /// Goes on, and looks for the breaking point.
    StressBinarySearch,
    /// Came to its planned end.
    Completed,
    /// Could not start, or was ended by an error.
    Error,
    /// Was ended early: by a request, or by a threshold.
    Stopped,
    /// Was ended by a signal, or died with its process.
    Interrupted,
}

/// Exit codes of runs that an error ended: a script error, and a defect of rhaid.
const ERRORS: [i32; 3] = [104, 107, 109];

impl State {
    /// That of a run under way.
    pub(super) fn under_way(test_type: TestType) -> Self {
        if test_type == TestType::Stress { Self::StressBinarySearch } else { Self::Running }
    }

    /// That of a run in the store.
    pub(super) fn stored(status: RunStatus, test_type: TestType, exit_code: Option<i32>) -> Self {
        match status {
            RunStatus::Running => Self::under_way(test_type),
            RunStatus::Finished => Self::Completed,
            RunStatus::Interrupted => Self::Interrupted,
            RunStatus::Aborted if exit_code.is_some_and(|code| ERRORS.contains(&code)) => {
                Self::Error
            }
            RunStatus::Aborted => Self::Stopped,
        }
    }
}
