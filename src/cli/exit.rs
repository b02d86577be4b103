//! How the process ends: the documented exit codes, in k6's numbers where k6 has one.

use std::fmt;

/// How a command ended, for the shell and for CI.
///
/// `Usage` is given by the argument parser. Everything else that keeps a run from beginning is `Invalid`: a script that
/// does not compile, options that contradict each other, a target that does not come up, a database that cannot be
/// written. Once load was made, the run's [`Ending`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// Everything held.
    Passed,
    /// The command line could not be read.
    Usage,
    /// A threshold was crossed.
    ThresholdsFailed,
    /// Nothing was run.
    Invalid,
    /// Stopped by a signal.
    Interrupted,
    /// A script error ended the run.
    ScriptError,
    /// A defect of rhaid.
    Internal,
    /// Slower or failing more than the baseline.
    Regression,
    /// The generator was the bottleneck, or something else spoilt the figures.
    Untrustworthy,
    /// The capacity found is below the one required.
    CapacityBelow,
}

impl ExitCode {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Passed,
        Self::Usage,
        Self::ThresholdsFailed,
        Self::Invalid,
        Self::Interrupted,
        Self::ScriptError,
        Self::Internal,
        Self::Regression,
        Self::Untrustworthy,
        Self::CapacityBelow,
    ];

    /// The number that the shell sees. Published: it never changes.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Usage => 2,
            Self::ThresholdsFailed => 99,
            Self::Invalid => 104,
            Self::Interrupted => 105,
            Self::ScriptError => 107,
            Self::Internal => 109,
            Self::Regression => 111,
            Self::Untrustworthy => 112,
            Self::CapacityBelow => 113,
        }
    }

    /// What it means, a fragment for the last line of a run and for the help.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Usage => "wrong usage of the command line",
            Self::ThresholdsFailed => "thresholds failed",
            Self::Invalid => {
                "not started: invalid script or options, or target or database not ready"
            }
            Self::Interrupted => "interrupted",
            Self::ScriptError => "ended by a script error",
            Self::Internal => "internal error in rhaid",
            Self::Regression => "regression against the baseline",
            Self::Untrustworthy => "result not trustworthy",
            Self::CapacityBelow => "capacity below --require-rate",
        }
    }

    /// The codes and their meanings, a line each, for the help.
    #[must_use]
    pub fn table() -> String {
        let line = |code: &Self| format!("  {:>3}  {}\n", code.number(), code.meaning());
        format!("Exit codes:\n{}", Self::ALL.iter().map(line).collect::<String>())
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (exit code {})", self.meaning(), self.number())
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

impl From<ExitCode> for i32 {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

/// What was found wrong in a run that made load. All false is a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ending {
    /// A signal ended it.
    pub was_interrupted: bool,
    /// A script error ended it, or its `setup` failed.
    pub has_script_error: bool,
    /// At least one threshold did not hold.
    pub has_failed_threshold: bool,
    /// The capacity found is below the one required.
    pub is_below_capacity: bool,
    /// At least one step is worse than in the baseline.
    pub has_regression: bool,
    /// The validity verdict is INVALID.
    pub is_untrustworthy: bool,
}

impl Ending {
    /// The code of the run. Of several reasons the one that comes first here is told: what cut the run short, then what
    /// the user asked to hold, then what the run says of itself.
    #[must_use]
    pub fn code(self) -> ExitCode {
        match self {
            Self { was_interrupted: true, .. } => ExitCode::Interrupted,
            Self { has_script_error: true, .. } => ExitCode::ScriptError,
            Self { has_failed_threshold: true, .. } => ExitCode::ThresholdsFailed,
            Self { is_below_capacity: true, .. } => ExitCode::CapacityBelow,
            Self { has_regression: true, .. } => ExitCode::Regression,
            Self { is_untrustworthy: true, .. } => ExitCode::Untrustworthy,
            Self { .. } => ExitCode::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_numbers_stay() {
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 2, 99, 104, 105, 107, 109, 111, 112, 113]);
        assert!(ExitCode::table().contains("   99  thresholds failed\n"), "{}", ExitCode::table());
    }

    #[test]
    fn the_first_reason_is_told() {
        assert_eq!(Ending::default().code(), ExitCode::Passed);
        let all = Ending {
            was_interrupted: true,
            has_script_error: true,
            has_failed_threshold: true,
            is_below_capacity: true,
            has_regression: true,
            is_untrustworthy: true,
        };
        assert_eq!(all.code(), ExitCode::Interrupted);
        assert_eq!(Ending { was_interrupted: false, ..all }.code(), ExitCode::ScriptError);
        let doubtful =
            Ending { has_failed_threshold: true, is_untrustworthy: true, ..Ending::default() };
        assert_eq!(doubtful.code(), ExitCode::ThresholdsFailed);
        assert_eq!(
            Ending { is_untrustworthy: true, ..Ending::default() }.code(),
            ExitCode::Untrustworthy
        );
    }
}
