-- Schema 2. Queues and replays, `only_newer`, notes, audit, and books that can be checked.

-- queue: the budget that the delivery waits for, empty for none; replay: a person started it again
-- book: the destination under which the books count it, which never changes: that of its first step
ALTER TABLE deliveries ADD COLUMN queue TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN replay INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN book TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN newer_by TEXT;
ALTER TABLE deliveries ADD COLUMN newer_ms INTEGER;
UPDATE deliveries SET book = destination, replay = generation > 0;

-- Each class and each queue is one range in the order of due times, so that nobody who must wait is ever read.
DROP INDEX deliveries_claimable;
CREATE INDEX deliveries_claimable ON deliveries (destination, replay, queue, due_at_ms, seq)
    WHERE blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying');

-- One index answers what stands where (the books), what is oldest, and what retention may take.
DROP INDEX deliveries_open;
DROP INDEX deliveries_finished;
DROP INDEX deliveries_dead;
CREATE INDEX deliveries_standing ON deliveries (state, rule, book, coalesce(settled_at_ms, opened_at_ms));

CREATE TABLE newest (
    rule         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    time_ms      INTEGER NOT NULL,
    raised_at_ms INTEGER NOT NULL,
    PRIMARY KEY (rule, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX newest_by_age ON newest (raised_at_ms);

-- Small values that must survive a restart, such as what is left of a budget.
CREATE TABLE notes (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at_ms);

-- The books by rule and destination. Besides the states: `created`, and `pruned:<state>` for what retention took.
-- The rule '' holds the events' own: accepted, routed, unrouted, unmatched, pruned:routed, pruned:unmatched.
ALTER TABLE counters RENAME TO old_counters;
CREATE TABLE counters (
    rule        TEXT NOT NULL,
    destination TEXT NOT NULL,
    name        TEXT NOT NULL,
    amount      INTEGER NOT NULL,
    PRIMARY KEY (rule, destination, name)
) STRICT, WITHOUT ROWID;

INSERT INTO counters (rule, destination, name, amount)
SELECT '', '', name, amount FROM old_counters WHERE rule = '';

INSERT INTO counters (rule, destination, name, amount)
SELECT '', '', 'pruned:' || name,
       amount - (SELECT count(*) FROM events WHERE routed = CASE old.name WHEN 'routed' THEN 1 ELSE 2 END)
FROM old_counters old WHERE rule = '' AND name IN ('routed', 'unmatched');

INSERT INTO counters (rule, destination, name, amount)
SELECT rule, book, state, count(*) FROM deliveries GROUP BY rule, book, state;

-- What retention took before had its destination forgotten with it: it is counted under none.
CREATE TABLE gone (rule TEXT NOT NULL, name TEXT NOT NULL, amount INTEGER NOT NULL) STRICT;
INSERT INTO gone (rule, name, amount)
SELECT old.rule, old.name, old.amount - coalesce(kept.amount, 0)
FROM old_counters old
LEFT JOIN (SELECT rule, state, count(*) AS amount FROM deliveries GROUP BY rule, state) kept
    ON kept.rule = old.rule AND kept.state = old.name
WHERE old.rule <> '' AND old.amount <> coalesce(kept.amount, 0);

INSERT INTO counters (rule, destination, name, amount)
SELECT rule, '', name, amount FROM gone WHERE true
ON CONFLICT (rule, destination, name) DO UPDATE SET amount = amount + excluded.amount;

INSERT INTO counters (rule, destination, name, amount)
SELECT rule, '', 'pruned:' || name, amount FROM gone;

INSERT INTO counters (rule, destination, name, amount)
SELECT rule, destination, 'created', sum(amount) FROM counters
WHERE rule <> '' AND name NOT LIKE 'pruned:%' GROUP BY rule, destination;

DROP TABLE gone;
DROP TABLE old_counters;

-- The order of the columns is the one in which bridge/store/sqlite/rows.py takes them apart.
DROP VIEW event_rows;
CREATE VIEW event_rows AS
SELECT e.seq AS event_seq, e.id AS evt_id, e.source, e.event_id, e.type, e.raw_type, e.time_ms, e.received_at_ms,
       e.content, r.body AS parent, e.item, e.headers, e.query, e.routed,
       e.request_seq, e.checksum, r.checksum AS parent_checksum
FROM events e LEFT JOIN requests r ON r.seq = e.request_seq;

DROP VIEW delivery_rows;
CREATE VIEW delivery_rows AS
SELECT d.seq, d.id, d.event_seq, e.id AS evt_id, d.rule, d.revision, d.state, d.key, d.lanes, d.destination,
       d.ordering, d.order_hold_ms, d.stepped_aside, d.due_at_ms, d.attempts, d.first_failed_at_ms, d.generation,
       d.progress, d.links, d.recall, d.forward_by, d.forward_rank, d.reason, d.created_at_ms, d.settled_at_ms,
       d.queue, d.replay, d.newer_by, d.newer_ms
FROM deliveries d LEFT JOIN events e ON e.seq = d.event_seq;

-- What a claim needs, in one row; a delivery whose event is gone has NULLs in its place.
CREATE VIEW claim_rows AS
SELECT d.seq, d.id, d.event_seq, e.id AS evt_id, d.rule, d.revision, d.state, d.key, d.lanes, d.destination,
       d.ordering, d.order_hold_ms, d.stepped_aside, d.due_at_ms, d.attempts, d.first_failed_at_ms, d.generation,
       d.progress, d.links, d.recall, d.forward_by, d.forward_rank, d.reason, d.created_at_ms, d.settled_at_ms,
       d.queue, d.replay, d.newer_by, d.newer_ms,
       e.seq AS found_seq, e.id AS found_id, e.source, e.event_id, e.type, e.raw_type, e.time_ms,
       e.received_at_ms, e.content, r.body AS parent, e.item, e.headers, e.query, e.routed,
       e.request_seq, e.checksum, r.checksum AS parent_checksum,
       d.book, d.fence, d.crashes, d.interrupted
FROM deliveries d
LEFT JOIN events e ON e.seq = d.event_seq
LEFT JOIN requests r ON r.seq = e.request_seq;

-- Whom a crash counts against is no guess any more: the process leaves a mark of what it had in hand.
ALTER TABLE deliveries DROP COLUMN on_the_wire;
