-- Version 1. A number's unit is the last word of its column; counts have none. Offsets are from the start of the run.

CREATE TABLE test_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again, so that `report 12` keeps its meaning
    run_id TEXT NOT NULL UNIQUE,
    record_version INTEGER NOT NULL,
    name TEXT NOT NULL,
    test_type TEXT NOT NULL,
    status TEXT NOT NULL,
    exit_code INTEGER,
    is_final INTEGER NOT NULL DEFAULT 0,    -- 1 once the whole record has been written
    started_at_ms INTEGER NOT NULL,
    elapsed_ns INTEGER NOT NULL DEFAULT 0,
    heartbeat_at_ms INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    process_started_ticks INTEGER,
    machine_id TEXT,                        -- boot id and pid namespace: where `pid` means something
    load_label TEXT NOT NULL,
    plan_json TEXT NOT NULL,
    generator_json TEXT NOT NULL,
    validity_verdict TEXT,
    validity_reasons_json TEXT,
    planned INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    interrupted INTEGER NOT NULL DEFAULT 0,
    failed_iterations INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    throughput_per_s REAL NOT NULL DEFAULT 0,
    sent_bytes INTEGER NOT NULL DEFAULT 0,
    received_bytes INTEGER NOT NULL DEFAULT 0,
    vus_max INTEGER NOT NULL DEFAULT 0,
    overflowed INTEGER NOT NULL DEFAULT 0,
    discarded INTEGER NOT NULL DEFAULT 0,
    response_time_p50_ns INTEGER,           -- NULL where there are too few samples
    response_time_p95_ns INTEGER,
    response_time_p99_ns INTEGER
) STRICT;
CREATE INDEX test_runs_by_name ON test_runs (name);
CREATE INDEX test_runs_by_status ON test_runs (status);

CREATE TABLE run_tags (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

-- One row a flush, in the same transaction as what it accounts for:
-- `requests` is the sum of `test_metrics.count` up to and with this flush.
CREATE TABLE flushes (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    started INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- A series is a step in a phase.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    phase TEXT NOT NULL,
    tasks_json TEXT NOT NULL,
    UNIQUE (run_id, step, phase)
) STRICT;

-- A row a second and series. With rowids on purpose: blobs in a table without them cost three times their size.
CREATE TABLE test_metrics (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,                 -- the end of the interval
    interval_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    statuses_json TEXT NOT NULL,
    sent_bytes INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    response_time_p50_us INTEGER,
    response_time_p95_us INTEGER,
    response_time_p99_us INTEGER,
    service_time_min_ns INTEGER NOT NULL,
    service_time_max_ns INTEGER NOT NULL,
    service_time_sum_s REAL NOT NULL,
    service_time_hdr BLOB,                  -- HDR V2 deflate; NULL when equal to the response times'
    response_time_min_ns INTEGER NOT NULL,
    response_time_max_ns INTEGER NOT NULL,
    response_time_sum_s REAL NOT NULL,
    response_time_hdr BLOB NOT NULL
) STRICT;
CREATE INDEX test_metrics_by_run ON test_metrics (run_id, seq);
CREATE INDEX test_metrics_by_series ON test_metrics (series_id);

CREATE TABLE resource_samples (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,                    -- `generator` or `target`
    at_ns INTEGER NOT NULL,
    cpu_percent REAL NOT NULL,              -- of one core
    host_cpu_percent REAL NOT NULL,         -- of all cores
    memory_bytes INTEGER NOT NULL,
    open_files INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    threads INTEGER NOT NULL
) STRICT;
CREATE INDEX resource_samples_by_run ON resource_samples (run_id);

-- Run totals. `position` is the place in the record's list.
CREATE TABLE steps (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    tasks_json TEXT NOT NULL,
    count INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    statuses_json TEXT NOT NULL,
    sent_bytes INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, position)
) STRICT;

CREATE TABLE phases (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    count INTEGER NOT NULL,                 -- 0 until the whole record has been written, as are `failed` and histograms
    failed INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    started INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    interrupted INTEGER NOT NULL,
    failed_iterations INTEGER NOT NULL,
    PRIMARY KEY (run_id, position)
) STRICT;

-- Distributions of the whole run. `owner` is `step`, `phase` or `metric`; `position` is that owner's.
CREATE TABLE histograms (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,                     -- `service_time`, `response_time`, `iteration_duration` …
    count INTEGER NOT NULL,
    min_ns INTEGER NOT NULL,
    max_ns INTEGER NOT NULL,
    sum_s REAL NOT NULL,
    hdr BLOB NOT NULL,                      -- HDR V2 deflate of nanoseconds
    UNIQUE (run_id, owner, position, kind)
) STRICT;

CREATE TABLE checks (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    task TEXT NOT NULL,
    passes INTEGER NOT NULL,
    fails INTEGER NOT NULL
) STRICT;
CREATE INDEX checks_by_run ON checks (run_id);

CREATE TABLE thresholds (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    expression TEXT NOT NULL,
    actual REAL,
    passed INTEGER NOT NULL,
    aborted INTEGER NOT NULL
) STRICT;
CREATE INDEX thresholds_by_run ON thresholds (run_id);

CREATE TABLE errors (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX errors_by_run ON errors (run_id);

CREATE TABLE exemplars (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    task TEXT NOT NULL,
    vu_id INTEGER NOT NULL,
    sent_ns INTEGER NOT NULL,
    response_time_ns INTEGER NOT NULL,
    service_time_ns INTEGER NOT NULL,
    times_json TEXT NOT NULL,
    status INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX exemplars_by_run ON exemplars (run_id);

-- Custom and built-in metrics that are not of one step.
CREATE TABLE metrics (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    value REAL,                             -- NULL when it was no number
    low REAL,
    high REAL,
    hits INTEGER,
    total INTEGER,
    PRIMARY KEY (run_id, position)
) STRICT;

CREATE TABLE benchmark_results (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    count INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    rate_per_s REAL NOT NULL,
    response_time_min_us INTEGER,
    response_time_avg_us INTEGER,
    response_time_p50_us INTEGER,
    response_time_p90_us INTEGER,
    response_time_p95_us INTEGER,
    response_time_p99_us INTEGER,
    response_time_p99_9_us INTEGER,
    response_time_max_us INTEGER,
    PRIMARY KEY (run_id, position)
) STRICT;

CREATE TABLE stress_results (
    run_id INTEGER PRIMARY KEY REFERENCES test_runs (id) ON DELETE CASCADE,
    unit TEXT NOT NULL,                     -- of every load below: `vus` or `per_s`
    max_sustainable REAL,
    max_sustainable_lower REAL,
    max_sustainable_upper REAL,
    breakdown REAL,                         -- NULL when it never broke
    breakdown_lower REAL,
    knee REAL,
    bottleneck TEXT,
    usl_json TEXT
) STRICT;

CREATE TABLE probes (
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    unit TEXT NOT NULL,
    offered REAL NOT NULL,
    achieved_per_s REAL NOT NULL,
    error_ratio REAL NOT NULL,
    response_time_p50_us INTEGER,
    response_time_p95_us INTEGER,
    response_time_p99_us INTEGER,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (run_id, position)
) STRICT;
