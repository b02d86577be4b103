-- Version 2: the time axis by when things were due, and the verdicts on a run.

ALTER TABLE test_runs ADD COLUMN findings_json TEXT;     -- validity, steady state, recovery; NULL until the run has ended
ALTER TABLE test_metrics ADD COLUMN second INTEGER NOT NULL DEFAULT 0;      -- for which the requests were intended, 0-based
ALTER TABLE test_metrics ADD COLUMN censored INTEGER NOT NULL DEFAULT 0;    -- their times are lower bounds
ALTER TABLE steps ADD COLUMN phase_position INTEGER;     -- NULL: the step over the whole run

-- A row a second of the run, or a few seconds in a very long one, by when things were due; written when the run has ended.
CREATE TABLE slices (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    start_ms INTEGER NOT NULL,
    width_ms INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    started INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    censored INTEGER NOT NULL,
    in_flight_mean REAL NOT NULL,
    in_flight_max INTEGER NOT NULL,
    response_time_p50_us INTEGER,
    response_time_p99_us INTEGER,
    service_time_p50_us INTEGER,
    service_time_p99_us INTEGER,
    schedule_lag_p50_us INTEGER,
    schedule_lag_p99_us INTEGER,
    PRIMARY KEY (run_id, start_ms)
) STRICT, WITHOUT ROWID;

-- What the generator itself can do, a row a measurement; the newest of a machine, version and script counts.
CREATE TABLE calibrations (
    id INTEGER PRIMARY KEY,
    measured_at_ms INTEGER NOT NULL,
    version TEXT NOT NULL,               -- of rhaid
    machine TEXT NOT NULL,
    cores INTEGER NOT NULL,
    threads INTEGER NOT NULL,
    script TEXT,                         -- as it was named; NULL: one GET and a check
    script_hash TEXT,                    -- of its text and that of its imports; NULL with script
    ceiling_per_s REAL NOT NULL,         -- requests
    floor_us REAL,                       -- median http_req_duration of one user
    lag_rate_per_s REAL,                 -- iterations that arrived while the lag was measured
    lag_p50_us REAL,
    lag_p99_us REAL
) STRICT;
CREATE INDEX calibrations_by_machine ON calibrations (machine, version, script_hash);
