-- name: pick_expired
SELECT seq, rule, state FROM deliveries INDEXED BY deliveries_leased
WHERE destination = :destination AND lease_until_ms <= :now AND state = 'running';

-- name: pick_claimable
SELECT seq FROM deliveries INDEXED BY deliveries_claimable
WHERE destination = :destination AND due_at_ms <= :now
  AND blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying')
ORDER BY due_at_ms, seq LIMIT :limit;

-- name: deliveries_by_seq
SELECT * FROM delivery_rows WHERE seq IN (SELECT value FROM json_each(?));

-- name: link_value
SELECT value FROM links WHERE name = ? AND key = ?;

-- name: held
SELECT seq, rule, state, forward_by, forward_rank FROM deliveries
WHERE seq = ? AND fence = ? AND state = 'running';

-- name: write_progress
UPDATE deliveries SET progress = coalesce(:progress, progress), interrupted = 0 WHERE seq = :seq;

-- name: extend_lease
UPDATE deliveries SET lease_until_ms = :until, on_the_wire = :started,
    crashes = CASE WHEN :ended THEN 0 ELSE crashes END
WHERE seq = :seq;

-- name: begin_attempt
INSERT INTO attempts (delivery_seq, ordinal, number, step, operation, started_at_ms, request, revision)
SELECT :seq, coalesce(max(ordinal), 0) + 1, :number, :step, :operation, :started, :request, :revision
FROM attempts WHERE delivery_seq = :seq;

-- name: end_attempt
UPDATE attempts
SET ended_at_ms = :ended, outcome = :outcome, status = :status, code = :code, message = :message, excerpt = :excerpt
WHERE delivery_seq = :seq AND number = :number
  AND ordinal = (SELECT max(ordinal) FROM attempts WHERE delivery_seq = :seq);

-- name: write_link
INSERT INTO links (name, key, value, written_at_ms) VALUES (?, ?, ?, ?)
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
        WHERE d.destination = waiting.destination
          AND d.blocked = 0 AND d.window_ends_ms IS NULL AND d.state IN ('pending', 'retrying')) AS at_ms
FROM waiting WHERE destination IS NOT NULL;

-- name: earliest_lease_end
SELECT destination, min(lease_until_ms) AS at_ms FROM deliveries INDEXED BY deliveries_leased
WHERE state = 'running' GROUP BY destination;

-- name: earliest_window_end
SELECT destination, min(window_ends_ms) AS at_ms FROM deliveries INDEXED BY deliveries_window_end
WHERE window_ends_ms IS NOT NULL GROUP BY destination;

-- name: leased
SELECT seq, rule, state FROM deliveries INDEXED BY deliveries_leased WHERE state = 'running';

-- name: bring_due_back
UPDATE deliveries INDEXED BY deliveries_claimable SET due_at_ms = :latest
WHERE destination = :destination AND due_at_ms > :latest
  AND blocked = 0 AND window_ends_ms IS NULL AND state IN ('pending', 'retrying');

-- name: bring_windows_back
UPDATE deliveries SET window_ends_ms = :latest WHERE window_ends_ms > :latest AND window_ends_ms IS NOT NULL;
