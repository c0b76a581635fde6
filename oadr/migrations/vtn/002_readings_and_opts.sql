-- Readings: what VENs report, kept for as long as the operator wants. These rows, and those of opts,
-- outlive the partition. Times of readings are microseconds since 1970-01-01T00:00:00Z, because VENs
-- measure at such times; lengths are milliseconds.

-- Where readings come from: a data point under a report request.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    ven_id TEXT NOT NULL,
    report_request TEXT NOT NULL,
    r_id TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX streams_named ON streams (partition, ven_id, report_request, r_id);
CREATE INDEX streams_of_a_ven ON streams (ven_id, partition);

-- How the VEN described the data point: unit, resources and the like. A VEN that describes it anew
-- changes nothing about the readings before.
CREATE TABLE points (
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (id),
    description TEXT NOT NULL
) STRICT;
CREATE INDEX points_of_a_stream ON points (stream);

-- In the order in which they are asked for: a report goes to one place, however many data points it
-- has, and a VEN's time range is one scan.
CREATE TABLE readings (
    partition INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    -- -1: a value of one moment.
    duration INTEGER NOT NULL,
    point INTEGER NOT NULL,
    -- When the VEN made the report.
    created INTEGER NOT NULL,
    -- NULL beside a status or a feed; else NULL is NaN.
    value REAL,
    -- The status of a resource, a document.
    status TEXT,
    quality TEXT,
    -- In percent.
    confidence INTEGER,
    accuracy REAL,
    -- A Green Button feed, an XML text.
    feed TEXT,
    PRIMARY KEY (partition, start, stream, duration)
) STRICT, WITHOUT ROWID;

-- Values that reports made later took the place of.
CREATE TABLE superseded (
    id INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    point INTEGER NOT NULL,
    created INTEGER NOT NULL,
    value REAL,
    status TEXT,
    quality TEXT,
    confidence INTEGER,
    accuracy REAL,
    feed TEXT
) STRICT;
CREATE INDEX superseded_values ON superseded (partition, start, stream, duration, created);

-- The opts that VENs made, and what became of them; the numbers count within a partition.
CREATE TABLE opts (
    partition INTEGER NOT NULL,
    number INTEGER NOT NULL,
    ven_id TEXT NOT NULL,
    -- NULL: a schedule.
    event_id TEXT,
    opt TEXT NOT NULL,
    PRIMARY KEY (partition, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX opts_of_an_event ON opts (event_id) WHERE event_id IS NOT NULL;
