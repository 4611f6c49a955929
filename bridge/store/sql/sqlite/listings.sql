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
ORDER BY seq DESC LIMIT :limit;

-- name: list_deliveries_of_event
SELECT * FROM delivery_rows
WHERE event_seq = (SELECT seq FROM events WHERE id = :event)
  AND (:before IS NULL OR seq < :before)
  AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
  AND (:rule IS NULL OR rule = :rule)
  AND (:destination IS NULL OR destination = :destination)
ORDER BY seq DESC LIMIT :limit;

-- name: deliveries_by_id
SELECT * FROM delivery_rows WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq DESC;

-- name: attempts_of
SELECT * FROM attempts WHERE delivery_seq = (SELECT seq FROM deliveries WHERE id = ?) ORDER BY ordinal;

-- name: list_dead_letters
SELECT l.*, d.id, d.event_seq FROM dead_letters l JOIN deliveries d ON d.seq = l.delivery_seq
WHERE (:rule IS NULL OR l.rule = :rule)
  AND (:kind IS NULL OR l.kind = :kind)
  AND (:fingerprint IS NULL OR l.fingerprint = :fingerprint)
  AND (:since IS NULL OR l.at_ms >= :since)
  AND (:until IS NULL OR l.at_ms < :until)
ORDER BY l.at_ms, l.delivery_seq LIMIT :limit;

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
SELECT rule, name, amount FROM counters;

-- name: oldest_open_delivery
SELECT min(opened_at_ms) AS at_ms FROM deliveries INDEXED BY deliveries_open
WHERE state IN ('pending', 'running', 'retrying');

-- name: oldest_unrouted_event
SELECT received_at_ms AS at_ms FROM events INDEXED BY events_unrouted WHERE routed = 0 ORDER BY seq LIMIT 1;

-- name: delivery_to_decide
SELECT seq, rule, state, key, lanes, destination, blocked, window_ends_ms FROM deliveries WHERE id = ?;

-- name: set_due
UPDATE deliveries SET due_at_ms = min(due_at_ms, :now) WHERE seq = :seq;
