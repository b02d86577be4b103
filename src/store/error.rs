//! What can be wrong with a database, and what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A database or a run in it that cannot be used. The message names the file, the cause and a way out.
#[derive(Debug, thiserror::Error)]
#[error("database {}: {kind}; {}", path.display(), kind.way_out())]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: StoreErrorKind,
    /// What SQLite said, where it said something.
    #[source]
    pub source: Option<Box<rusqlite::Error>>,
}

/// The ways in which a database fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreErrorKind {
    /// The file's directory does not exist.
    #[error("its directory does not exist")]
    MissingDirectory,
    /// There is no such file, and it was only to be read.
    #[error("there is no such file")]
    Missing,
    /// The file or its directory may not be written.
    #[error("it cannot be written: {0}")]
    ReadOnly(String),
    /// The file cannot be opened for another reason.
    #[error("it cannot be opened: {0}")]
    CannotOpen(String),
    /// Another process held the write lock for too long.
    #[error("another process has kept it locked")]
    Locked,
    /// No room on the disk.
    #[error("the disk is full")]
    DiskFull,
    /// SQLite found its pages damaged.
    #[error("it is damaged: {0}")]
    Corrupt(String),
    /// Not an SQLite database.
    #[error("it is not an SQLite database")]
    NotADatabase,
    /// An SQLite database of another program.
    #[error("it belongs to another program")]
    Foreign,
    /// Written by a newer rhaid.
    #[error("it has schema version {found}, newer than {known} that this rhaid knows")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest that is understood here.
        known: i64,
    },
    /// The linked SQLite has known defects.
    #[error("the linked SQLite {0} is older than 3.51.3, which can damage a write-ahead log")]
    OldSqlite(String),
    /// No run has this reference.
    #[error("no run is called {reference:?}{}", known.as_ref().map(|k| format!(" (the last run is {k})")).unwrap_or_default())]
    UnknownRun {
        /// What was asked for.
        reference: String,
        /// The newest run, when there is one.
        known: Option<String>,
    },
    /// Several runs have this beginning of an id.
    #[error("{reference:?} is the beginning of several run ids")]
    AmbiguousRun {
        /// What was asked for.
        reference: String,
    },
    /// The run is going on.
    #[error("run {0} is still running")]
    StillRunning(i64),
    /// Anything else that SQLite said.
    #[error("{0}")]
    Other(String),
}

impl StoreErrorKind {
    /// What the user can do.
    #[must_use]
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::MissingDirectory => "create it, or name another file with --db",
            Self::Missing => "a first run creates it, or name another file with --db",
            Self::ReadOnly(_) | Self::CannotOpen(_) => {
                "change its permissions, or name another file with --db"
            }
            Self::Locked => "wait until the other process is done, or name another file with --db",
            Self::DiskFull => "free some space, or name a file on another disk with --db",
            Self::Corrupt(_) => {
                "save what is left with `sqlite3 FILE .recover`, move the file away, and a run starts a new one"
            }
            Self::NotADatabase | Self::Foreign => {
                "it was left as it is; name another file with --db"
            }
            Self::Newer { .. } => "update rhaid, or name another file with --db",
            Self::OldSqlite(_) => "build rhaid with its bundled SQLite",
            Self::UnknownRun { .. } => "`rhaid report` lists all runs",
            Self::AmbiguousRun { .. } => "write more of the id",
            Self::StillRunning(_) => "stop it first",
            Self::Other(_) => "if it happens again, name another file with --db",
        }
    }
}

impl StoreError {
    pub(super) fn new(path: &Path, kind: StoreErrorKind) -> Self {
        Self { path: path.to_owned(), kind, source: None }
    }

    /// Sorts what SQLite said into a cause that a user can act on.
    pub(super) fn from_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let text = error.to_string();
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Locked,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                StoreErrorKind::ReadOnly(text)
            }
            Some(ErrorCode::DiskFull) => StoreErrorKind::DiskFull,
            Some(ErrorCode::NotADatabase) => StoreErrorKind::NotADatabase,
            Some(ErrorCode::DatabaseCorrupt) => StoreErrorKind::Corrupt(text),
            Some(ErrorCode::CannotOpen) => StoreErrorKind::CannotOpen(text),
            _ if is_unreadable(&error) => StoreErrorKind::Corrupt(text),
            _ => StoreErrorKind::Other(text),
        };
        Self { path: path.to_owned(), kind, source: Some(Box::new(error)) }
    }

    /// The cause and the way out, without the file's name.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("{}; {}", self.kind, self.kind.way_out())
    }
}

/// Whether a stored value is not what this program writes there.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
    )
}
