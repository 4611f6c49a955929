-- name: pick_expired
SELECT seq, rule, book, state, attempts FROM deliveries INDEXED BY deliveries_leased
WHERE destination = :destination AND lease_until_ms <= :now AND state = 'running';

-- name: pick_free
-- Those of one class that wait for nothing but their time.
SELECT due_at_ms, seq, queue FROM deliveries INDEXED BY deliveries_claimable
WHERE destination = :destination AND replay = :replay AND queue = '' AND due_at_ms <= :now
  AND blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying')
ORDER BY due_at_ms, seq LIMIT :limit;

-- name: pick_queued
-- Those of one class that wait in one of the queues; at most `limit` of each are looked at.
SELECT due_at_ms, seq, queue FROM json_each(:queues) AS open CROSS JOIN deliveries ON seq IN (
    SELECT q.seq FROM deliveries q INDEXED BY deliveries_claimable
    WHERE q.destination = :destination AND q.replay = :replay AND q.queue = open.value AND q.due_at_ms <= :now
      AND q.blocked = 0 AND q.window_ends_ms IS NULL AND q.state IN ('pending', 'retrying')
    ORDER BY q.due_at_ms, q.seq LIMIT :limit
);

-- name: claim_rows_by_seq
SELECT * FROM claim_rows WHERE seq IN (SELECT value FROM json_each(?));

-- name: set_links
UPDATE deliveries SET links = given.links
FROM (SELECT column1 AS seq, column2 AS links FROM (VALUES {rows})) AS given
WHERE deliveries.seq = given.seq;

-- name: link_values
WITH wanted (name, key) AS (VALUES {rows})
SELECT l.name, l.key, l.value FROM wanted CROSS JOIN links l ON l.name = wanted.name AND l.key = wanted.key;

-- name: held
SELECT seq, rule, book, state, attempts, fence, forward_by, forward_rank, newer_by, newer_ms,
       (SELECT max(a.ordinal) FROM attempts a WHERE a.delivery_seq = seq) AS ordinal
FROM deliveries
WHERE seq IN (SELECT value FROM json_each(?)) AND state = 'running';

-- name: set_advanced
UPDATE deliveries
SET lease_until_ms = given.until, crashes = CASE WHEN given.ended THEN 0 ELSE crashes END,
    progress = coalesce(given.progress, deliveries.progress), interrupted = interrupted AND NOT given.learnt
FROM (SELECT column1 AS seq, column2 AS until, column3 AS ended, column4 AS progress, column5 AS learnt
      FROM (VALUES {rows})) AS given
WHERE deliveries.seq = given.seq;

-- name: begin_attempts
INSERT INTO attempts (delivery_seq, ordinal, number, step, operation, started_at_ms, request, revision)
VALUES {rows};

-- name: end_attempts
UPDATE attempts
SET ended_at_ms = given.ended, outcome = given.outcome, status = given.status, code = given.code,
    message = given.message, excerpt = given.excerpt
FROM (SELECT column1 AS seq, column2 AS ordinal, column3 AS number, column4 AS ended, column5 AS outcome,
             column6 AS status, column7 AS code, column8 AS message, column9 AS excerpt
      FROM (VALUES {rows})) AS given
WHERE attempts.delivery_seq = given.seq AND attempts.ordinal = given.ordinal AND attempts.number = given.number;

-- name: write_links
INSERT INTO links (name, key, value, written_at_ms) VALUES {rows}
ON CONFLICT (name, key) DO UPDATE SET value = excluded.value, written_at_ms = excluded.written_at_ms;

-- name: forget_link
DELETE FROM links WHERE name = ? AND key = ?;

-- name: earliest_due
-- The distinct destinations are found by one index step each, however many deliveries wait.
WITH RECURSIVE waiting (destination) AS (
    SELECT min(destination) FROM deliveries INDEXED BY deliveries_claimable
    WHERE blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying')
    UNION ALL
    SELECT (SELECT min(d.destination) FROM deliveries d INDEXED BY deliveries_claimable
            WHERE d.destination > waiting.destination
              AND d.blocked = 0 AND d.window_ends_ms IS NULL AND d.state IN ('pending', 'retrying'))
    FROM waiting WHERE waiting.destination IS NOT NULL
)
SELECT destination,
       (SELECT min(d.due_at_ms) FROM deliveries d INDEXED BY deliveries_claimable
        WHERE d.destination = waiting.destination AND d.replay = class.value AND d.queue = ''
          AND d.blocked = 0 AND d.window_ends_ms IS NULL AND d.state IN ('pending', 'retrying')) AS at_ms
FROM waiting CROSS JOIN json_each('[0, 1]') AS class WHERE destination IS NOT NULL;

-- name: queues
-- As above: one index step for each queue in which somebody waits.
WITH RECURSIVE waiting (class, queue) AS (
    SELECT value, '' FROM json_each('[0, 1]')
    UNION ALL
    SELECT class, (SELECT min(d.queue) FROM deliveries d INDEXED BY deliveries_claimable
                   WHERE d.destination = :destination AND d.replay = waiting.class AND d.queue > waiting.queue
                     AND d.blocked = 0 AND d.window_ends_ms IS NULL AND d.state IN ('pending', 'retrying'))
    FROM waiting WHERE waiting.queue IS NOT NULL
)
SELECT queue, (SELECT min(d.due_at_ms) FROM deliveries d INDEXED BY deliveries_claimable
               WHERE d.destination = :destination AND d.replay = waiting.class AND d.queue = waiting.queue
                 AND d.blocked = 0 AND d.window_ends_ms IS NULL AND d.state IN ('pending', 'retrying')) AS at_ms
FROM waiting WHERE queue <> '';

-- name: earliest_lease_end
SELECT destination, min(lease_until_ms) AS at_ms FROM deliveries INDEXED BY deliveries_leased
WHERE state = 'running' GROUP BY destination;

-- name: earliest_window_end
SELECT destination, min(window_ends_ms) AS at_ms FROM deliveries INDEXED BY deliveries_window_end
WHERE window_ends_ms IS NOT NULL GROUP BY destination;

-- name: leased
SELECT seq, rule, book, state, attempts FROM deliveries INDEXED BY deliveries_leased WHERE state = 'running';

-- name: bring_due_back
UPDATE deliveries INDEXED BY deliveries_claimable SET due_at_ms = :latest
WHERE destination = :destination AND replay IN (0, 1) AND queue = :queue AND due_at_ms > :latest
  AND blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying');

-- name: bring_windows_back
UPDATE deliveries SET window_ends_ms = :latest WHERE window_ends_ms > :latest AND window_ends_ms IS NOT NULL;
