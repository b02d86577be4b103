//! Opening: the file, its settings, its schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use thiserror::Error;

use super::seed;
use crate::options::Options;

/// Marks a file as one of ours (`PRAGMA application_id`): "rhta".
const APPLICATION_ID: i64 = 0x7268_7461;

/// The version of `schema.sql` (`PRAGMA user_version`).
const SCHEMA_VERSION: i64 = 1;

/// How long SQLite waits for another process's lock on the same file. Our own writers take turns
/// before.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Every statement of the service fits, so that each is compiled once for each connection.
const STATEMENT_CACHE: usize = 64;

/// Why the database could not be opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// No directory could be made for a database that is not kept.
    #[error("no temporary directory")]
    Directory(#[source] std::io::Error),
    /// SQLite could not open or prepare the file.
    #[error("{path}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is somebody else's database, or from another version.
    #[error("{0}: it is not one of this version of target-api; pass another --database")]
    Foreign(PathBuf),
}

/// Opens `--pool-size` connections to a seeded database.
///
/// Without `--database` the file lives in a temporary directory: SQLite's shared in-memory
/// databases lock whole tables against readers, where a file in WAL mode lets readers and the
/// writer work side by side.
pub(super) fn connections(
    options: &Options,
) -> Result<(Vec<Connection>, Option<TempDir>), OpenError> {
    let (path, directory) = match &options.database {
        Some(path) => (path.clone(), None),
        None => {
            let directory = tempfile::Builder::new()
                .prefix("target-api-")
                .tempdir()
                .map_err(OpenError::Directory)?;
            (directory.path().join("target-api.db"), Some(directory))
        }
    };
    let sqlite = |source| OpenError::Sqlite { path: path.clone(), source };
    let is_kept = directory.is_none();
    let mut first = connect(&path, is_kept).map_err(sqlite)?;
    if !is_ours(&first).map_err(sqlite)? {
        return Err(OpenError::Foreign(path));
    }
    seed::fill(&mut first, options.users.max(1), options.seed).map_err(sqlite)?;
    let mut connections = vec![first];
    for _ in 1..options.pool_size {
        connections.push(connect(&path, is_kept).map_err(sqlite)?);
    }
    Ok((connections, directory))
}

/// One connection with its settings.
fn connect(path: &Path, is_kept: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode NORMAL keeps the file consistent through a crash; a file that is not kept needs
    // no sync at all.
    connection.pragma_update(None, "synchronous", if is_kept { "NORMAL" } else { "OFF" })?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

/// Makes the schema in an empty file; says whether the file now holds our schema.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    if tables == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {schema} PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
            schema = include_str!("schema.sql"),
        ))?;
    }
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(pragma("application_id")? == APPLICATION_ID && pragma("user_version")? == SCHEMA_VERSION)
}
