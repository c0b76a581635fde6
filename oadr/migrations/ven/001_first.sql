-- Times are milliseconds since 1970-01-01T00:00:00Z; documents are JSON.

-- The VEN: one row.
CREATE TABLE ven (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;

-- Happenings that have not been told yet. The key names a happening for good.
CREATE TABLE outbox (
    version INTEGER NOT NULL,
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    happening TEXT NOT NULL,
    PRIMARY KEY (version, position)
) STRICT, WITHOUT ROWID;
