-- Every statement that sets `state` of an existing delivery is here; only states.py runs them.

-- name: set_running
UPDATE deliveries
SET state = :state, fence = fence + 1, worker = :worker, lease_until_ms = :until, links = :links,
    on_the_wire = 0
WHERE seq = :seq;

-- name: set_waiting
UPDATE deliveries
SET state = :state, worker = NULL, lease_until_ms = NULL, due_at_ms = :due, destination = :destination,
    attempts = attempts + :failed,
    first_failed_at_ms = CASE WHEN :failed THEN coalesce(first_failed_at_ms, :now) ELSE first_failed_at_ms END,
    stepped_aside = stepped_aside OR :aside, crashes = 0
WHERE seq = :seq;

-- A process that ended while an answer was awaited did not end over this delivery: only the others are suspects.
-- name: set_interrupted
UPDATE deliveries
SET state = :state, worker = NULL, lease_until_ms = NULL, crashes = crashes + (on_the_wire = 0), interrupted = 1
WHERE seq = :seq;

-- name: set_settled
UPDATE deliveries
SET state = :state, reason = :reason, settled_at_ms = :now, attempts = attempts + :failed,
    worker = NULL, lease_until_ms = NULL, window_ends_ms = NULL, blocked = 0
WHERE seq = :seq
RETURNING attempts;

-- name: set_replayed
UPDATE deliveries
SET state = :state, revision = :revision, key = :key, lanes = :lanes, destination = :destination,
    ordering = :ordering, order_hold_ms = :hold, recall = :recall, forward_by = :by, forward_rank = :rank,
    progress = :progress, links = NULL, reason = NULL, attempts = 0, first_failed_at_ms = NULL,
    generation = generation + 1, stepped_aside = 0, crashes = 0, interrupted = 0,
    due_at_ms = :now, opened_at_ms = :now, settled_at_ms = NULL, blocked = :blocked
WHERE seq = :seq;

-- name: insert_death
INSERT INTO dead_letters (delivery_seq, at_ms, rule, kind, code, message, mend, step, request, response,
                          fingerprint, attempts)
VALUES (:seq, :now, :rule, :kind, :code, :message, :mend, :step, :request, :response, :fingerprint, :attempts);

-- name: delete_death
DELETE FROM dead_letters WHERE delivery_seq = ?;

-- name: high_water
SELECT rank FROM high_water WHERE rule = ? AND subject = ?;

-- name: raise_high_water
INSERT INTO high_water (rule, subject, rank, raised_at_ms) VALUES (?, ?, ?, ?)
ON CONFLICT (rule, subject) DO UPDATE
SET rank = max(rank, excluded.rank), raised_at_ms = max(raised_at_ms, excluded.raised_at_ms);
