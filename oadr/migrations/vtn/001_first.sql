-- Times are milliseconds since 1970-01-01T00:00:00Z; documents are JSON.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One VEN each. A key is never given twice.
CREATE TABLE partitions (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;

-- What is unique across partitions.
CREATE TABLE claims (
    claim TEXT PRIMARY KEY,
    partition INTEGER NOT NULL REFERENCES partitions (key) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_by_partition ON claims (partition);

-- How an event fares with a VEN. These rows outlive the partition.
CREATE TABLE deliveries (
    event_id TEXT NOT NULL,
    partition INTEGER NOT NULL,
    status TEXT NOT NULL,
    delivery TEXT NOT NULL,
    PRIMARY KEY (event_id, partition)
) STRICT, WITHOUT ROWID;

-- Effects that have not been told yet. The key names an effect for good.
CREATE TABLE outbox (
    partition INTEGER NOT NULL,
    version INTEGER NOT NULL,
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    effect TEXT NOT NULL,
    PRIMARY KEY (partition, version, position)
) STRICT, WITHOUT ROWID;

-- Events, every version of them, in the order of their commit.
CREATE TABLE campaigns (
    sequence INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    -- The sequence of the event's first version: the order in which events are listed.
    first INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    -- When it can be forgotten; NULL if it is open-ended.
    closes INTEGER,
    campaign TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX campaigns_latest ON campaigns (event_id) WHERE latest = 1;
CREATE UNIQUE INDEX campaigns_listed ON campaigns (first) WHERE latest = 1;
CREATE INDEX campaigns_closing ON campaigns (closes) WHERE latest = 1;

-- The first answer to each creation of an event under an ID of the operator's choice.
CREATE TABLE idempotency (
    event_id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    response TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who did what and when.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT
) STRICT;

-- When a VEN was heard last: gathered in memory, written now and then.
CREATE TABLE seen (
    partition INTEGER PRIMARY KEY REFERENCES partitions (key) ON DELETE CASCADE,
    at INTEGER NOT NULL
) STRICT;
