-- name: old_settled
-- For every rule and destination that the books know to have such deliveries, from the oldest on.
SELECT d.seq, d.event_seq, d.rule, d.book, d.state
FROM counters c CROSS JOIN deliveries d INDEXED BY deliveries_standing
    ON d.state = c.name AND d.rule = c.rule AND d.book = c.destination
    AND coalesce(d.settled_at_ms, d.opened_at_ms) < :before
WHERE c.rule <> '' AND c.name IN (SELECT value FROM json_each(:states)) LIMIT :limit;

-- name: delete_attempts
DELETE FROM attempts WHERE delivery_seq IN (SELECT value FROM json_each(?));

-- name: delete_dead_letters
DELETE FROM dead_letters WHERE delivery_seq IN (SELECT value FROM json_each(?));

-- name: delete_deliveries
DELETE FROM deliveries WHERE seq IN (SELECT value FROM json_each(?));

-- name: bare_events
SELECT seq, 'routed' AS name FROM events
WHERE seq IN (SELECT value FROM json_each(?))
  AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_seq = events.seq);

-- name: old_unmatched
SELECT seq, 'unmatched' AS name FROM events INDEXED BY events_unmatched
WHERE received_at_ms < ? AND routed = 2 ORDER BY received_at_ms LIMIT ?;

-- name: delete_events
DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?)) RETURNING request_seq;

-- name: delete_bare_requests
DELETE FROM requests
WHERE seq IN (SELECT value FROM json_each(?))
  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.request_seq = requests.seq);

-- name: delete_identities
DELETE FROM identities
WHERE (source, event_id) IN (
    SELECT source, event_id FROM identities INDEXED BY identities_by_age
    WHERE first_seen_ms < :seen AND first_seen_ms + dedupe_ms <= :latest
    ORDER BY first_seen_ms LIMIT :limit
);

-- name: delete_high_water
DELETE FROM high_water
WHERE (rule, subject) IN (
    SELECT rule, subject FROM high_water INDEXED BY high_water_by_age
    WHERE raised_at_ms < ? ORDER BY raised_at_ms LIMIT ?
);

-- name: delete_newest
DELETE FROM newest
WHERE (rule, subject) IN (
    SELECT rule, subject FROM newest INDEXED BY newest_by_age
    WHERE raised_at_ms < ? ORDER BY raised_at_ms LIMIT ?
);

-- name: delete_audit
DELETE FROM audit WHERE seq IN (
    SELECT seq FROM audit INDEXED BY audit_by_time WHERE at_ms < ? ORDER BY at_ms LIMIT ?
);
