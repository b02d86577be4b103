//! Opening the file: permissions, pragmas, whose it is, and migrations.
//!
//! A file that is not ours is never written, not even its journal mode. Migrations only go forward, each in one
//! transaction together with its version.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::error::{StoreError, StoreErrorKind};
use crate::clock::RunClock;

/// `rhai` in ASCII: marks our files in the header, where `file(1)` and SQLite look.
const APPLICATION_ID: i32 = 0x7268_6169;
/// 3.51.3, the first without the write-ahead log reset defect (RELIABILITY.md c.3, row 19).
const OLDEST_SQLITE: i32 = 3_051_003;
/// How long SQLite itself waits for a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long is waited for one altogether.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Between two attempts, where SQLite refuses without having waited.
const PAUSE: Duration = Duration::from_millis(5);
/// A write-ahead log is cut back to this size after a checkpoint.
const JOURNAL_SIZE_LIMIT_BYTES: i64 = 64 << 20;
/// Every migration in order; the schema's version is their number.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// Opens for writing; creates the file (readable by its owner only) and migrates it.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StoreError> {
    check_sqlite(path)?;
    create_if_missing(path)?;
    check_writable(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let wrap = |error| StoreError::from_sqlite(path, error);
    let connection = Connection::open_with_flags(path, flags).map_err(wrap)?;
    guard(&connection).map_err(wrap)?;
    let version = check_identity(&connection, path)?;
    if version == 0 {
        // Only before the first page: removing runs then gives space back without copying the file.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(wrap)?;
    }
    set_up_writing(&connection).map_err(wrap)?;
    migrate(&connection, path)?;
    Ok(connection)
}

/// Opens for reading; never creates or changes anything.
pub(super) fn for_reading(path: &Path) -> Result<Connection, StoreError> {
    check_sqlite(path)?;
    if !path.exists() {
        return Err(StoreError::new(path, StoreErrorKind::Missing));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::from_sqlite(path, error))?;
    if has_older_schema(&connection) {
        // An older version's file is brought up to date first, as any writing command would; else its rows lack columns.
        drop(connection);
        drop(for_writing(path)?);
        return for_reading(path);
    }
    match prepare_reading(connection, path) {
        // Without its log and with no right to make one the file cannot change: read it as it is.
        Err(error) if cannot_open(&error) && !path_with(path, "-wal").exists() => {
            let uri = immutable_uri(path);
            let connection = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                .map_err(|error| StoreError::from_sqlite(path, error))?;
            prepare_reading(connection, path)
        }
        prepared => prepared,
    }
}

fn has_older_schema(connection: &Connection) -> bool {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    number("application_id") == Ok(i64::from(APPLICATION_ID))
        && number("user_version")
            .is_ok_and(|version| (1..MIGRATIONS.len() as i64).contains(&version))
}

fn prepare_reading(connection: Connection, path: &Path) -> Result<Connection, StoreError> {
    let wrap = |error| StoreError::from_sqlite(path, error);
    guard(&connection).map_err(wrap)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(wrap)?;
    if check_identity(&connection, path)? == 0 {
        return Err(StoreError::new(path, StoreErrorKind::Missing));
    }
    Ok(connection)
}

fn check_sqlite(path: &Path) -> Result<(), StoreError> {
    if rusqlite::version_number() >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::new(path, StoreErrorKind::OldSqlite(rusqlite::version().to_owned())))
}

fn create_if_missing(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        let kind = StoreErrorKind::CannotOpen("it is a directory".to_owned());
        return Err(StoreError::new(path, kind));
    }
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let Err(error) = created else { return Ok(()) };
    let kind = match error.kind() {
        io::ErrorKind::AlreadyExists => return Ok(()),
        io::ErrorKind::NotFound if !directory_of(path).is_dir() => StoreErrorKind::MissingDirectory,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreErrorKind::ReadOnly(error.to_string())
        }
        io::ErrorKind::StorageFull => StoreErrorKind::DiskFull,
        _ => StoreErrorKind::CannotOpen(error.to_string()),
    };
    Err(StoreError::new(path, kind))
}

/// Refuses what is marked read-only, also for the superuser, whom the kernel would let through.
fn check_writable(path: &Path) -> Result<(), StoreError> {
    let is_marked =
        |path: &Path| fs::metadata(path).is_ok_and(|found| found.permissions().readonly());
    let what = if is_marked(path) {
        "the file is marked read-only"
    } else if is_marked(&directory_of(path)) {
        "its directory is marked read-only"
    } else {
        return Ok(());
    };
    Err(StoreError::new(path, StoreErrorKind::ReadOnly(what.to_owned())))
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What protects us from the file, and the file from us; changes nothing in it.
fn guard(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "mmap_size", 0)
}

fn set_up_writing(connection: &Connection) -> rusqlite::Result<()> {
    // Two processes that make a file at once meet here, where SQLite does not wait by itself.
    retry_busy(&AtomicBool::new(false), || {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
    })?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_SIZE_LIMIT_BYTES)
}

/// The version of our schema in the file: 0 for an empty one.
fn check_identity(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let read = || -> rusqlite::Result<(i32, i64, i64)> {
        // All of one moment: another process may be making the file now. Inside a transaction they are that anyway.
        let moment = connection.is_autocommit().then(|| connection.unchecked_transaction());
        let _moment = moment.transpose()?;
        let id = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((id, version, tables))
    };
    let (id, version, tables) = read().map_err(|error| StoreError::from_sqlite(path, error))?;
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(0) if id == 0 && tables == 0 => Ok(0),
        Ok(version) if id == APPLICATION_ID && (1..=known).contains(&version) => Ok(version),
        Ok(version) if id == APPLICATION_ID && version > known => {
            let (found, known) = (version as i64, known as i64);
            Err(StoreError::new(path, StoreErrorKind::Newer { found, known }))
        }
        _ => Err(StoreError::new(path, StoreErrorKind::Foreign)),
    }
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let wrap = |error| StoreError::from_sqlite(path, error);
    loop {
        let transaction = begin(connection, &AtomicBool::new(false)).map_err(wrap)?;
        // Read again under the lock: another process may have been here first.
        let version = check_identity(&transaction, path)?;
        let Some(migration) = MIGRATIONS.get(version) else { return Ok(()) };
        transaction.execute_batch(migration).map_err(wrap)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(wrap)?;
        transaction.pragma_update(None, "user_version", version as i64 + 1).map_err(wrap)?;
        transaction.commit().map_err(wrap)?;
    }
}

/// Begins a transaction that will write; waits up to 30 s for another writer, less once `give_up` is set.
pub(super) fn begin<'c>(
    connection: &'c Connection,
    give_up: &AtomicBool,
) -> rusqlite::Result<Transaction<'c>> {
    retry_busy(give_up, || Transaction::new_unchecked(connection, TransactionBehavior::Immediate))
}

fn retry_busy<T>(
    give_up: &AtomicBool,
    mut attempt: impl FnMut() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let waiting = RunClock::starting_now();
    loop {
        match attempt() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && waiting.now() < LONGEST_WAIT
                    && !give_up.load(Ordering::Relaxed) => {}
            done => return done,
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "waits for another process; no user runs on a thread that writes"
        )]
        std::thread::sleep(PAUSE);
    }
}

fn cannot_open(error: &StoreError) -> bool {
    matches!(error.kind, StoreErrorKind::CannotOpen(_) | StoreErrorKind::ReadOnly(_))
}

fn path_with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The file as a URI that promises SQLite nobody writes it (<https://www.sqlite.org/uri.html>).
fn immutable_uri(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut uri = String::from("file:");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_every_older_version_is_brought_up_to_date() {
        for version in 1..MIGRATIONS.len() {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("rhaid.db");
            let old = Connection::open(&path).expect("opened");
            for migration in &MIGRATIONS[..version] {
                old.execute_batch(migration).expect("the schema of then");
            }
            old.pragma_update(None, "application_id", APPLICATION_ID).expect("ours");
            old.pragma_update(None, "user_version", version as i64).expect("its version");
            drop(old);
            let connection = for_reading(&path).expect("brought up to date");
            assert_eq!(check_identity(&connection, &path).expect("ours"), MIGRATIONS.len());
            let levels = "SELECT count(*) FROM resource_levels";
            let count: i64 = connection.query_row(levels, [], |row| row.get(0)).expect("a table");
            assert_eq!(count, 0);
        }
    }

    #[test]
    fn processes_that_make_a_file_at_once_agree_whose_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        for round in 0..100 {
            let path = folder.path().join(format!("{round}.db"));
            let together = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        together.wait();
                        let opened = for_writing(&path).map(drop);
                        assert!(opened.is_ok(), "{round}: {opened:?}");
                    });
                }
            });
        }
    }
}
