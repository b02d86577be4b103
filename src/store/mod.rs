//! One SQLite file with every run that was ever made.
//!
//! [`StoreOutput`] writes a run while it goes on, a transaction a second; [`Store`] lists, finds, loads, tags and removes
//! runs. The only room that names `rusqlite`. It knows records and snapshots, and nothing of how a run is made or shown.
//! A killed process loses its last second: the next one that opens the file finds the run `interrupted` and its record is
//! put together from the rows of its seconds.

mod bench;
mod calibrations;
mod codec;
mod error;
mod finish;
mod flush;
mod history;
mod lists;
mod load;
mod open;
mod output;
mod process;
mod seconds;
mod slices;
mod stress;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rusqlite::Connection;

pub use calibrations::Calibration;
pub use error::{StoreError, StoreErrorKind};
pub use history::ListFilter;
pub use output::StoreOutput;
pub use seconds::SecondPoint;

use crate::pipeline::RunHead;
use crate::record::{EndpointRow, RunRecord, RunRow};

/// A database of runs.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
}

impl Store {
    /// Opens the database for reading and writing; creates it, readable by its owner only, when there is none. Runs whose
    /// process has died become `interrupted`.
    ///
    /// # Errors
    /// A missing directory, a read-only file or directory, a lock held for 30 s, a damaged file, one of a newer rhaid, one
    /// that is not rhaid's. The file is then left as it was.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let connection = open::for_writing(&path)?;
        let store = Self { path, connection };
        store.wrap(history::mark_dead_runs(&store.connection))?;
        Ok(store)
    }

    /// Opens the database for reading; never creates or changes it. Works beside a writer.
    ///
    /// # Errors
    /// As [`Store::open`], and a file that does not exist or holds nothing.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let connection = open::for_reading(&path)?;
        Ok(Self { path, connection })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn list(&self, filter: &ListFilter) -> Result<Vec<RunRow>, StoreError> {
        self.wrap(history::list(&self.connection, filter))
    }

    /// A run as a list has it; `None` when there is no such run.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn row(&self, id: i64) -> Result<Option<RunRow>, StoreError> {
        self.wrap(history::row(&self.connection, id))
    }

    /// A run whole. One that is not over, or was interrupted, is put together from its seconds.
    ///
    /// # Errors
    /// [`StoreErrorKind::UnknownRun`], and what SQLite says of the file.
    pub fn load(&self, id: i64) -> Result<RunRecord, StoreError> {
        // One transaction: a writer that flushes meanwhile does not show in half of the record.
        let transaction = self.wrap(self.connection.unchecked_transaction())?;
        let record = self.wrap(load::record(&transaction, id))?;
        record.ok_or_else(|| self.unknown(&id.to_string()))
    }

    /// A run second by second, in the order of time.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn series(&self, id: i64) -> Result<Vec<SecondPoint>, StoreError> {
        self.wrap(seconds::series(&self.connection, id))
    }

    /// The run that a reference means: `12`, `last`, `last~1`, a run's name (its newest), a run id or a beginning of one
    /// that no other run shares.
    ///
    /// # Errors
    /// [`StoreErrorKind::UnknownRun`], [`StoreErrorKind::AmbiguousRun`], and what SQLite says of the file.
    pub fn resolve(&self, reference: &str) -> Result<i64, StoreError> {
        match self.wrap(history::resolve(&self.connection, reference))?.as_slice() {
            [] => Err(self.unknown(reference)),
            [id] => Ok(*id),
            _ => {
                let kind = StoreErrorKind::AmbiguousRun { reference: reference.to_owned() };
                Err(StoreError::new(&self.path, kind))
            }
        }
    }

    /// The newest ended run before `id` with the same name: what its report offers to compare with.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn previous(&self, id: i64) -> Result<Option<i64>, StoreError> {
        self.wrap(history::previous(&self.connection, id))
    }

    /// Removes a run with all its rows and gives the space back.
    ///
    /// # Errors
    /// [`StoreErrorKind::UnknownRun`], [`StoreErrorKind::StillRunning`], and what SQLite says of the file.
    pub fn remove(&self, id: i64) -> Result<(), StoreError> {
        let transaction = self.wrap(open::begin(&self.connection, &AtomicBool::new(false)))?;
        if self.wrap(history::is_running(&transaction, id))? {
            return Err(StoreError::new(&self.path, StoreErrorKind::StillRunning(id)));
        }
        if self.wrap(transaction.execute("DELETE FROM test_runs WHERE id = ?1", [id]))? == 0 {
            return Err(self.unknown(&id.to_string()));
        }
        self.wrap(transaction.commit())?;
        self.wrap(self.connection.execute_batch("PRAGMA incremental_vacuum"))
    }

    /// Sets a tag of a run; an existing one gets the new value.
    ///
    /// # Errors
    /// [`StoreErrorKind::UnknownRun`], and what SQLite says of the file.
    pub fn tag(&self, id: i64, key: &str, value: &str) -> Result<(), StoreError> {
        let transaction = self.wrap(open::begin(&self.connection, &AtomicBool::new(false)))?;
        if !self.wrap(history::exists(&transaction, id))? {
            return Err(self.unknown(&id.to_string()));
        }
        self.wrap(finish::set_tag(&transaction, id, key, value))?;
        self.wrap(transaction.commit())
    }

    /// An endpoint in all benchmarks that measured one of this name, oldest first.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn endpoint_history(&self, endpoint: &str) -> Result<Vec<EndpointRow>, StoreError> {
        self.wrap(bench::history(&self.connection, endpoint))
    }

    /// The names of all endpoints that a benchmark has measured.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn endpoint_names(&self) -> Result<Vec<String>, StoreError> {
        self.wrap(bench::names(&self.connection))
    }

    fn begin_run(&self, head: &RunHead) -> Result<i64, StoreError> {
        self.wrap(finish::insert_run(&self.connection, head))
    }

    fn into_connection(self) -> Connection {
        self.connection
    }

    fn unknown(&self, reference: &str) -> StoreError {
        let known = history::newest(&self.connection).ok().flatten();
        let kind = StoreErrorKind::UnknownRun { reference: reference.to_owned(), known };
        StoreError::new(&self.path, kind)
    }

    fn wrap<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| StoreError::from_sqlite(&self.path, error))
    }
}
