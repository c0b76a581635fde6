-- What the VEN measured and may have to report. Unlike elsewhere times are microseconds since
-- 1970-01-01T00:00:00Z: a sample has the time that was asked for, to the last digit.

-- The data points.
CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    specifier TEXT NOT NULL,
    r_id TEXT NOT NULL,
    UNIQUE (specifier, r_id)
) STRICT;

-- A plain number is in `value`, everything else as JSON in `detail`.
CREATE TABLE sample (
    stream INTEGER NOT NULL REFERENCES stream (id) ON DELETE CASCADE,
    time INTEGER NOT NULL,
    value REAL,
    detail TEXT,
    PRIMARY KEY (stream, time),
    CHECK ((value IS NULL) <> (detail IS NULL))
) STRICT, WITHOUT ROWID;
