-- Every statement that sets `state` of an existing delivery is here; only states.py runs them.
-- `standing` is (seq, rule, book, state, attempts): what a change of state has to know.

-- name: set_running
UPDATE deliveries
SET state = 'running', fence = fence + 1, worker = :worker, lease_until_ms = :until,
    links = coalesce(links, '{}')
WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: set_waiting
UPDATE deliveries
SET state = given.state, worker = NULL, lease_until_ms = NULL, due_at_ms = given.due,
    destination = given.destination, queue = given.queue,
    attempts = deliveries.attempts + given.failed,
    first_failed_at_ms = CASE WHEN given.failed THEN coalesce(first_failed_at_ms, given.now)
                              ELSE first_failed_at_ms END,
    stepped_aside = stepped_aside OR given.aside, crashes = 0,
    progress = coalesce(given.progress, deliveries.progress), interrupted = interrupted AND NOT given.learnt
FROM (SELECT column1 AS seq, column2 AS state, column3 AS due, column4 AS destination, column5 AS queue,
             column6 AS failed, column7 AS now, column8 AS aside, column9 AS progress, column10 AS learnt
      FROM (VALUES {rows})) AS given
WHERE deliveries.seq = given.seq;

-- name: count_crash
UPDATE deliveries SET crashes = crashes + 1 WHERE seq = ? AND state = 'running';

-- name: set_interrupted
UPDATE deliveries SET state = 'pending', worker = NULL, lease_until_ms = NULL, interrupted = 1
WHERE seq IN (SELECT value FROM json_each(?));

-- name: set_settled
UPDATE deliveries
SET state = given.state, reason = given.reason, settled_at_ms = given.now,
    attempts = deliveries.attempts + given.failed,
    worker = NULL, lease_until_ms = NULL, window_ends_ms = NULL, blocked = 0,
    progress = coalesce(given.progress, deliveries.progress), interrupted = interrupted AND NOT given.learnt
FROM (SELECT column1 AS seq, column2 AS state, column3 AS reason, column4 AS now, column5 AS failed,
             column6 AS progress, column7 AS learnt
      FROM (VALUES {rows})) AS given
WHERE deliveries.seq = given.seq;

-- name: set_replayed
UPDATE deliveries
SET state = 'pending', revision = :revision, key = :key, lanes = :lanes, destination = :destination,
    ordering = :ordering, order_hold_ms = :hold, recall = :recall, forward_by = :by, forward_rank = :rank,
    newer_by = :newer_by, newer_ms = :newer_ms, queue = '', replay = 1,
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
