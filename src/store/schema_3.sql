-- Version 3: what else was in use, besides processes.

CREATE TABLE resource_levels (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES test_runs (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    resource TEXT NOT NULL,
    unit TEXT NOT NULL,
    used REAL NOT NULL,
    capacity REAL,                       -- NULL: nobody says
    saturation REAL                      -- how much more was wanted; NULL: nobody says
) STRICT;
CREATE INDEX resource_levels_by_run ON resource_levels (run_id);
