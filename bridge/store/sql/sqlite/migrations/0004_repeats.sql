-- Schema 4. Repeats: request ids that may come once, redeliveries by hand, and the books of each source.

-- What a signed request called itself, by hash, so that whoever overheard it cannot use that for other bytes.
-- digest: of the request's body
CREATE TABLE replay_ids (
    source   TEXT NOT NULL,
    id       BLOB NOT NULL,
    digest   BLOB NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX replay_ids_by_end ON replay_ids (until_ms);

-- A person lets the next repeat of an event in, once.
CREATE TABLE passes (
    source   TEXT NOT NULL,
    event_id TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (source, event_id)
) STRICT, WITHOUT ROWID;

-- Events that were let in although they were known, and our id of the one that each repeats.
CREATE TABLE redeliveries (
    event_seq INTEGER PRIMARY KEY,
    repeats   TEXT NOT NULL
) STRICT;

-- The books of a source stand under the rule '' and the source's name as destination: accepted, duplicates,
-- differing, redelivered, and `refused:<reason>`. What retention took before had its source forgotten with it.
INSERT INTO counters (rule, destination, name, amount)
SELECT '', source, 'accepted', count(*) FROM events GROUP BY source;

INSERT INTO counters (rule, destination, name, amount)
SELECT '', '', 'unattributed', amount - (SELECT count(*) FROM events)
FROM counters WHERE rule = '' AND destination = '' AND name = 'accepted';
