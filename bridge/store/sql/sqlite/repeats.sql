-- name: known_replay_ids
WITH wanted (source, id) AS (VALUES {rows})
SELECT r.source, r.id, r.digest, r.until_ms
FROM wanted CROSS JOIN replay_ids r ON r.source = wanted.source AND r.id = wanted.id;

-- name: remember_replay_ids
INSERT INTO replay_ids (source, id, digest, until_ms)
VALUES {rows}
ON CONFLICT (source, id) DO UPDATE SET digest = excluded.digest, until_ms = excluded.until_ms;

-- name: delete_replay_ids
DELETE FROM replay_ids
WHERE (source, id) IN (
    SELECT source, id FROM replay_ids INDEXED BY replay_ids_by_end
    WHERE until_ms <= :now ORDER BY until_ms LIMIT :limit
);

-- name: note_redeliveries
INSERT INTO redeliveries (event_seq, repeats) VALUES {rows};

-- name: repeats_of_events
SELECT event_seq, repeats FROM redeliveries WHERE event_seq IN (SELECT value FROM json_each(?));

-- name: delete_redeliveries
DELETE FROM redeliveries WHERE event_seq IN (SELECT value FROM json_each(?));

-- name: identity_of_event
SELECT i.source, i.event_id, i.dedupe_ms
FROM events e CROSS JOIN identities i ON i.source = e.source AND i.event_id = e.event_id
WHERE e.id = ?;

-- name: identity_by_evt_id
-- Reads all identities: only for what a person asks about after retention took the event itself.
SELECT source, event_id, dedupe_ms FROM identities WHERE evt_id = ? LIMIT 1;

-- name: give_passes
INSERT INTO passes (source, event_id, until_ms) VALUES {rows}
ON CONFLICT (source, event_id) DO UPDATE SET until_ms = excluded.until_ms;

-- name: use_pass
DELETE FROM passes WHERE source = ? AND event_id = ?;

-- name: delete_passes
DELETE FROM passes WHERE until_ms <= ?;
