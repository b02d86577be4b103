-- Version 4: the load at each flush, for charts.

ALTER TABLE flushes ADD COLUMN vus INTEGER;          -- virtual users alive; NULL in rows of older versions
ALTER TABLE flushes ADD COLUMN in_flight INTEGER;    -- requests in flight; NULL in rows of older versions
