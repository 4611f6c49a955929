-- name: known_identities
-- CROSS JOIN keeps the order of the tables: a row-value IN would read all identities.
WITH wanted (source, event_id) AS (VALUES {rows})
SELECT i.source, i.event_id, i.evt_id, i.first_seen_ms, i.digest, p.until_ms AS pass_until_ms
FROM wanted CROSS JOIN identities i ON i.source = wanted.source AND i.event_id = wanted.event_id
LEFT JOIN passes p ON p.source = i.source AND p.event_id = i.event_id;

-- name: insert_request
INSERT INTO requests (body, checksum) VALUES (?, ?);

-- name: insert_events
INSERT INTO events (id, source, event_id, type, raw_type, time_ms, received_at_ms, content, request_seq, item, place,
                    headers, query, checksum)
VALUES {rows};

-- name: remember_identities
INSERT INTO identities (source, event_id, evt_id, first_seen_ms, dedupe_ms, digest)
VALUES {rows}
ON CONFLICT (source, event_id) DO UPDATE
SET evt_id = excluded.evt_id, first_seen_ms = excluded.first_seen_ms,
    dedupe_ms = excluded.dedupe_ms, digest = excluded.digest;

-- name: unrouted_events
SELECT * FROM event_rows WHERE routed = 0 AND event_seq > :after ORDER BY event_seq LIMIT :limit;

-- name: requests_by_seq
SELECT seq, body, checksum FROM requests WHERE seq IN (SELECT value FROM json_each(?));

-- name: events_by_seq
SELECT * FROM event_rows WHERE event_seq IN (SELECT value FROM json_each(?));

-- name: add_to_counters
INSERT INTO counters (rule, destination, name, amount)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]')
FROM json_each(?) WHERE true
ON CONFLICT (rule, destination, name) DO UPDATE SET amount = amount + excluded.amount;
