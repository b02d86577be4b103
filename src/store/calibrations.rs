//! What the generator can do on a machine: kept by `rhaid selftest`, looked up by those who judge a run.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::int;
use super::{Store, StoreError};

/// Calibrations of another version say nothing: what is measured is the program itself.
const THIS_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What was measured of the generator against a server that answers at once (METHODS.md 7.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Wall time of the measurement, milliseconds since 1970.
    pub measured_at_ms: i64,
    /// rhaid's version.
    pub version: String,
    /// The machine, by a name that stays the same as long as its power does.
    pub machine: String,
    /// Logical cores that the process may use.
    pub cores: usize,
    /// Worker threads with which it was measured.
    pub threads: usize,
    /// The script as it was named; `None` when it was measured with one GET and a check.
    pub script: Option<String>,
    /// The script's fingerprint; `None` without a script.
    pub script_hash: Option<String>,
    /// Requests a second that the generator can make; above 0.
    pub ceiling_per_s: f64,
    /// Median `http_req_duration` of a single user: no target can look faster. `None` with too few samples.
    pub floor: Option<Duration>,
    /// Iterations a second that arrived while the lag was measured.
    pub lag_rate_per_s: Option<f64>,
    /// Median schedule lag at that rate. `None` with too few samples.
    pub lag_p50: Option<Duration>,
    /// 99th percentile of the schedule lag at that rate. `None` with too few samples.
    pub lag_p99: Option<Duration>,
}

impl Store {
    /// Keeps a calibration; those before it stay.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn save_calibration(&self, calibration: &Calibration) -> Result<(), StoreError> {
        self.wrap(insert(&self.connection, calibration))
    }

    /// The newest calibration of a machine by this version of rhaid: that of the script with this hash, else the one with
    /// a plain request, whose `script_hash` is `None`. `None` when there is neither.
    ///
    /// # Errors
    /// What SQLite says of the file.
    pub fn calibration(
        &self,
        machine: &str,
        script_hash: Option<&str>,
    ) -> Result<Option<Calibration>, StoreError> {
        self.wrap(newest(&self.connection, machine, script_hash))
    }
}

fn insert(connection: &Connection, calibration: &Calibration) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO calibrations (measured_at_ms, version, machine, cores, threads, script, script_hash,
                 ceiling_per_s, floor_us, lag_rate_per_s, lag_p50_us, lag_p99_us)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                calibration.measured_at_ms,
                calibration.version,
                calibration.machine,
                int(calibration.cores as u64),
                int(calibration.threads as u64),
                calibration.script,
                calibration.script_hash,
                calibration.ceiling_per_s,
                calibration.floor.map(us),
                calibration.lag_rate_per_s,
                calibration.lag_p50.map(us),
                calibration.lag_p99.map(us),
            ],
        )
        .map(|_| ())
}

fn newest(
    connection: &Connection,
    machine: &str,
    script_hash: Option<&str>,
) -> rusqlite::Result<Option<Calibration>> {
    connection
        .query_row(
            "SELECT * FROM calibrations
             WHERE machine = ?1 AND version = ?2 AND (script_hash IS NULL OR script_hash = ?3)
             ORDER BY script_hash IS NULL, measured_at_ms DESC, id DESC LIMIT 1",
            params![machine, THIS_VERSION, script_hash],
            from_row,
        )
        .optional()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Calibration> {
    let count = |column| row.get(column).map(|count: i64| usize::try_from(count).unwrap_or(0));
    let time = |column| {
        row.get(column)
            .map(|us: Option<f64>| us.and_then(|us| Duration::try_from_secs_f64(us / 1e6).ok()))
    };
    Ok(Calibration {
        measured_at_ms: row.get("measured_at_ms")?,
        version: row.get("version")?,
        machine: row.get("machine")?,
        cores: count("cores")?,
        threads: count("threads")?,
        script: row.get("script")?,
        script_hash: row.get("script_hash")?,
        ceiling_per_s: row.get("ceiling_per_s")?,
        floor: time("floor_us")?,
        lag_rate_per_s: row.get("lag_rate_per_s")?,
        lag_p50: time("lag_p50_us")?,
        lag_p99: time("lag_p99_us")?,
    })
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("rhaid.db")).expect("a new database");
        (folder, store)
    }

    fn plain(measured_at_ms: i64) -> Calibration {
        Calibration {
            measured_at_ms,
            version: THIS_VERSION.to_owned(),
            machine: "here".to_owned(),
            cores: 2,
            threads: 2,
            script: None,
            script_hash: None,
            ceiling_per_s: 18_400.5,
            floor: Some(Duration::from_micros(118)),
            lag_rate_per_s: Some(9_200.0),
            lag_p50: Some(Duration::from_micros(35)),
            lag_p99: None,
        }
    }

    fn of_script(measured_at_ms: i64, hash: &str) -> Calibration {
        let script = Some("a.rhai".to_owned());
        Calibration { script, script_hash: Some(hash.to_owned()), ..plain(measured_at_ms) }
    }

    #[test]
    fn what_is_saved_is_found_again() {
        let (_folder, store) = store();
        assert_eq!(store.calibration("here", None).expect("readable"), None);
        store.save_calibration(&plain(5)).expect("saved");
        assert_eq!(store.calibration("here", None).expect("readable"), Some(plain(5)));
    }

    #[test]
    fn the_script_itself_comes_before_the_plain_request_and_the_newest_before_older_ones() {
        let (_folder, store) = store();
        for saved in [of_script(3, "a"), of_script(4, "a"), of_script(2, "a"), plain(9), plain(8)] {
            store.save_calibration(&saved).expect("saved");
        }
        let found = |hash| store.calibration("here", hash).expect("readable");
        assert_eq!(found(Some("a")), Some(of_script(4, "a")));
        assert_eq!(found(Some("b")), Some(plain(9)), "another script has only the plain one");
        assert_eq!(found(None), Some(plain(9)));
    }

    #[test]
    fn other_machines_and_versions_say_nothing() {
        let (_folder, store) = store();
        let elsewhere = Calibration { machine: "elsewhere".to_owned(), ..plain(1) };
        let older = Calibration { version: "0.0.1".to_owned(), ..plain(2) };
        for saved in [elsewhere, older] {
            store.save_calibration(&saved).expect("saved");
        }
        assert_eq!(store.calibration("here", None).expect("readable"), None);
    }
}
