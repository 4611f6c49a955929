-- name: list_events
SELECT * FROM event_rows
WHERE (:before IS NULL OR event_seq < :before)
  AND (:source IS NULL OR source = :source)
  AND (:type IS NULL OR type = :type)
ORDER BY event_seq DESC LIMIT :limit;

-- name: event_by_id
SELECT * FROM event_rows WHERE evt_id = ?;

-- name: states_of_events
SELECT event_seq, rule, state FROM deliveries
WHERE event_seq IN (SELECT value FROM json_each(?)) ORDER BY seq;

-- name: list_deliveries
SELECT * FROM delivery_rows
WHERE (:before IS NULL OR seq < :before)
  AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
  AND (:rule IS NULL OR rule = :rule)
  AND (:destination IS NULL OR destination = :destination)
  AND (:known_rules IS NULL OR rule NOT IN (SELECT value FROM json_each(:known_rules))
       OR destination NOT IN (SELECT value FROM json_each(:known_destinations)))
ORDER BY seq DESC LIMIT :limit;

-- name: list_deliveries_of_event
SELECT * FROM delivery_rows
WHERE event_seq = (SELECT seq FROM events WHERE id = :event)
  AND (:before IS NULL OR seq < :before)
  AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
  AND (:rule IS NULL OR rule = :rule)
  AND (:destination IS NULL OR destination = :destination)
  AND (:known_rules IS NULL OR rule NOT IN (SELECT value FROM json_each(:known_rules))
       OR destination NOT IN (SELECT value FROM json_each(:known_destinations)))
ORDER BY seq DESC LIMIT :limit;

-- name: count_orphans
-- The open ones of other rules, and those that wait for other destinations; each is one range of an index.
WITH orphans (seq) AS (
    SELECT seq FROM deliveries INDEXED BY deliveries_standing
    WHERE state IN ('pending', 'running', 'retrying') AND rule NOT IN (SELECT value FROM json_each(:known_rules))
    UNION
    SELECT seq FROM deliveries INDEXED BY deliveries_claimable
    WHERE destination NOT IN (SELECT value FROM json_each(:known_destinations))
      AND blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying')
)
SELECT d.rule, d.destination, count(*) AS amount
FROM orphans CROSS JOIN deliveries d ON d.seq = orphans.seq
GROUP BY d.rule, d.destination ORDER BY d.rule, d.destination;

-- name: deliveries_by_id
SELECT * FROM delivery_rows WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq DESC;

-- name: attempts_of
SELECT * FROM attempts WHERE delivery_seq = (SELECT seq FROM deliveries WHERE id = ?) ORDER BY ordinal;

-- name: list_dead_letters
SELECT l.*, d.id, d.event_seq
FROM dead_letters l INDEXED BY dead_letters_by_time CROSS JOIN deliveries d ON d.seq = l.delivery_seq
WHERE (l.at_ms, l.delivery_seq) > (:after_ms, coalesce((SELECT seq FROM deliveries WHERE id = :after_id), -1))
  AND (:rule IS NULL OR l.rule = :rule)
  AND (:kind IS NULL OR l.kind = :kind)
  AND (:fingerprint IS NULL OR l.fingerprint = :fingerprint)
  AND (:since IS NULL OR l.at_ms >= :since)
  AND (:until IS NULL OR l.at_ms < :until)
ORDER BY l.at_ms, l.delivery_seq LIMIT :limit;

-- name: count_dead_letters
SELECT count(*) AS amount FROM dead_letters l INDEXED BY dead_letters_by_time
WHERE (l.at_ms, l.delivery_seq) > (:after_ms, coalesce((SELECT seq FROM deliveries WHERE id = :after_id), -1))
  AND (:rule IS NULL OR l.rule = :rule)
  AND (:kind IS NULL OR l.kind = :kind)
  AND (:fingerprint IS NULL OR l.fingerprint = :fingerprint)
  AND (:since IS NULL OR l.at_ms >= :since)
  AND (:until IS NULL OR l.at_ms < :until);

-- name: count_dead_letters_by_id
SELECT count(*) AS amount FROM deliveries d JOIN dead_letters l ON l.delivery_seq = d.seq
WHERE d.id IN (SELECT value FROM json_each(?));

-- name: dead_letters_by_id
SELECT l.*, d.id, d.event_seq FROM deliveries d JOIN dead_letters l ON l.delivery_seq = d.seq
WHERE d.id IN (SELECT value FROM json_each(?)) ORDER BY l.at_ms, l.delivery_seq;

-- name: unexported_dead_letters
SELECT l.*, d.id, d.event_seq
FROM dead_letters l INDEXED BY dead_letters_unexported JOIN deliveries d ON d.seq = l.delivery_seq
WHERE l.exported = 0 ORDER BY l.at_ms, l.delivery_seq LIMIT ?;

-- name: mark_exported
UPDATE dead_letters SET exported = 1
WHERE delivery_seq IN (SELECT seq FROM deliveries WHERE id IN (SELECT value FROM json_each(?)));

-- name: list_links
SELECT name, key, value FROM links
WHERE (:name IS NULL OR name = :name) AND (:key IS NULL OR key = :key)
ORDER BY name, key LIMIT :limit;

-- name: counters
SELECT rule, destination, name, amount FROM counters;

-- name: oldest_open_delivery
SELECT min((SELECT min(coalesce(d.settled_at_ms, d.opened_at_ms)) FROM deliveries d INDEXED BY deliveries_standing
            WHERE d.state = c.name AND d.rule = c.rule AND d.book = c.destination)) AS at_ms
FROM counters c
WHERE c.rule <> '' AND c.name IN ('pending', 'running', 'retrying') AND c.amount > 0;

-- name: count_deliveries
-- One pass over one index, in its order.
SELECT rule, book, state, count(*) AS amount FROM deliveries INDEXED BY deliveries_standing
GROUP BY state, rule, book;

-- name: count_events
SELECT (SELECT count(*) FROM events) AS kept,
       (SELECT count(*) FROM events INDEXED BY events_unrouted WHERE routed = 0) AS unrouted,
       (SELECT count(*) FROM events INDEXED BY events_unmatched WHERE routed = 2) AS unmatched;

-- name: oldest_unrouted_event
SELECT received_at_ms AS at_ms FROM events INDEXED BY events_unrouted WHERE routed = 0 ORDER BY seq LIMIT 1;

-- name: delivery_to_decide
SELECT seq, rule, book, state, attempts, key, lanes, destination, blocked, window_ends_ms,
       EXISTS (SELECT 1 FROM events e WHERE e.seq = event_seq) AS has_event
FROM deliveries WHERE id = ?;

-- name: set_due
UPDATE deliveries SET due_at_ms = min(due_at_ms, :now), queue = '' WHERE seq = :seq;

-- name: list_notes
-- The upper bound is the greatest text that begins with the prefix.
SELECT name, value FROM notes WHERE name >= :prefix AND name <= :prefix || char(1114111);

-- name: write_notes
INSERT INTO notes (name, value) VALUES {rows} ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: delete_note
DELETE FROM notes WHERE name = ?;

-- name: write_audit
INSERT INTO audit (at_ms, action, detail) VALUES (?, ?, ?);

-- name: list_audit
SELECT at_ms, action, detail FROM audit ORDER BY seq DESC LIMIT ?;
