-- Schema 1. Times are whole milliseconds since 1970, UTC. Columns that hold JSON are TEXT.
-- AUTOINCREMENT where a number must never come back: cursors and leases are held against it.

CREATE TABLE requests (
    seq      INTEGER PRIMARY KEY,
    body     BLOB NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- routed: 0 not yet, 1 routed to at least one delivery, 2 no rule wanted it
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    source         TEXT NOT NULL,
    event_id       TEXT NOT NULL,
    type           TEXT NOT NULL,
    raw_type       TEXT NOT NULL,
    time_ms        INTEGER,
    received_at_ms INTEGER NOT NULL,
    content        BLOB NOT NULL,
    request_seq    INTEGER,
    item           INTEGER,
    headers        TEXT NOT NULL,
    query          TEXT NOT NULL,
    checksum       INTEGER NOT NULL,
    routed         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX events_unrouted ON events (seq) WHERE routed = 0;
CREATE INDEX events_unmatched ON events (received_at_ms) WHERE routed = 2;
CREATE INDEX events_of_request ON events (request_seq) WHERE request_seq IS NOT NULL;

-- Outlives the event, so that a late repeat is still known after the payload is gone.
CREATE TABLE identities (
    source        TEXT NOT NULL,
    event_id      TEXT NOT NULL,
    evt_id        TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    dedupe_ms     INTEGER NOT NULL,
    digest        BLOB NOT NULL,
    PRIMARY KEY (source, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_by_age ON identities (first_seen_ms);

-- blocked: in how many of its lanes the delivery is not the head
-- window_ends_ms: set while it waits in a coalescing window (and stands in no lane yet)
-- interrupted: an earlier holder of the lease vanished and nothing was written since
CREATE TABLE deliveries (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT NOT NULL UNIQUE,
    event_seq          INTEGER NOT NULL,
    rule               TEXT NOT NULL,
    revision           TEXT NOT NULL,
    state              TEXT NOT NULL,
    key                TEXT,
    lanes              TEXT NOT NULL,
    destination        TEXT NOT NULL,
    ordering           TEXT NOT NULL,
    order_hold_ms      INTEGER NOT NULL,
    stepped_aside      INTEGER NOT NULL DEFAULT 0,
    due_at_ms          INTEGER NOT NULL,
    attempts           INTEGER NOT NULL DEFAULT 0,
    first_failed_at_ms INTEGER,
    generation         INTEGER NOT NULL DEFAULT 0,
    progress           TEXT NOT NULL DEFAULT '{}',
    links              TEXT,
    recall             TEXT NOT NULL,
    forward_by         TEXT,
    forward_rank       INTEGER,
    reason             TEXT,
    created_at_ms      INTEGER NOT NULL,
    opened_at_ms       INTEGER NOT NULL,
    settled_at_ms      INTEGER,
    blocked            INTEGER NOT NULL DEFAULT 0,
    window_group       TEXT,
    window_ends_ms     INTEGER,
    worker             TEXT,
    lease_until_ms     INTEGER,
    fence              INTEGER NOT NULL DEFAULT 0,
    crashes            INTEGER NOT NULL DEFAULT 0,
    on_the_wire        INTEGER NOT NULL DEFAULT 0,
    interrupted        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (event_seq, rule)
) STRICT;
CREATE INDEX deliveries_claimable ON deliveries (destination, due_at_ms, seq)
    WHERE blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying');
CREATE INDEX deliveries_leased ON deliveries (destination, lease_until_ms) WHERE state = 'running';
CREATE INDEX deliveries_open ON deliveries (opened_at_ms) WHERE state IN ('pending', 'running', 'retrying');
CREATE INDEX deliveries_finished ON deliveries (settled_at_ms) WHERE state IN ('done', 'skipped', 'superseded');
CREATE INDEX deliveries_dead ON deliveries (settled_at_ms) WHERE state = 'dead';
CREATE UNIQUE INDEX deliveries_window ON deliveries (rule, window_group) WHERE window_ends_ms IS NOT NULL;
CREATE INDEX deliveries_window_end ON deliveries (window_ends_ms, seq) WHERE window_ends_ms IS NOT NULL;

CREATE TABLE lanes (
    destination  TEXT NOT NULL,
    key          TEXT NOT NULL,
    position     INTEGER NOT NULL,
    delivery_seq INTEGER NOT NULL,
    PRIMARY KEY (destination, key, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX lanes_of_delivery ON lanes (delivery_seq);

CREATE TABLE attempts (
    delivery_seq  INTEGER NOT NULL,
    ordinal       INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    step          TEXT NOT NULL,
    operation     TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,
    outcome       TEXT,
    status        INTEGER,
    code          TEXT NOT NULL DEFAULT '',
    message       TEXT NOT NULL DEFAULT '',
    request       TEXT NOT NULL,
    excerpt       TEXT NOT NULL DEFAULT '',
    revision      TEXT NOT NULL,
    PRIMARY KEY (delivery_seq, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    name          TEXT NOT NULL,
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    written_at_ms INTEGER NOT NULL,
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    delivery_seq INTEGER PRIMARY KEY,
    at_ms        INTEGER NOT NULL,
    rule         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    code         TEXT NOT NULL,
    message      TEXT NOT NULL,
    mend         TEXT NOT NULL,
    step         TEXT,
    request      TEXT,
    response     TEXT,
    fingerprint  TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    exported     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX dead_letters_by_time ON dead_letters (at_ms, delivery_seq);
CREATE INDEX dead_letters_unexported ON dead_letters (at_ms, delivery_seq) WHERE exported = 0;

CREATE TABLE high_water (
    rule         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    rank         INTEGER NOT NULL,
    raised_at_ms INTEGER NOT NULL,
    PRIMARY KEY (rule, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX high_water_by_age ON high_water (raised_at_ms);

-- The books. An empty rule holds the events' own counters: accepted, routed, unrouted, unmatched.
CREATE TABLE counters (
    rule   TEXT NOT NULL,
    name   TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (rule, name)
) STRICT, WITHOUT ROWID;

CREATE VIEW event_rows AS
SELECT e.seq AS event_seq, e.id AS evt_id, e.source, e.event_id, e.type, e.raw_type, e.time_ms, e.received_at_ms,
       e.content, e.request_seq, r.body AS parent, e.item, e.headers, e.query, e.routed,
       e.checksum, r.checksum AS parent_checksum
FROM events e LEFT JOIN requests r ON r.seq = e.request_seq;

CREATE VIEW delivery_rows AS
SELECT d.*, e.id AS evt_id
FROM deliveries d LEFT JOIN events e ON e.seq = d.event_seq;
