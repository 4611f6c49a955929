-- name: last_in_lane
SELECT max(position) AS position FROM lanes WHERE destination = ? AND key = ?;

-- name: enter_lane
INSERT INTO lanes (destination, key, position, delivery_seq) VALUES (?, ?, ?, ?);

-- name: lanes_of
SELECT destination, key, position FROM lanes WHERE delivery_seq = ?;

-- name: leave_lane
DELETE FROM lanes WHERE destination = ? AND key = ? AND position = ?;

-- name: head_of_lane
SELECT position, delivery_seq FROM lanes WHERE destination = ? AND key = ? ORDER BY position LIMIT 1;

-- name: unblock
-- A delivery that was never head has never run: nothing but a wrong clock can have put its due time ahead.
UPDATE deliveries SET blocked = blocked - 1, due_at_ms = min(due_at_ms, :now)
WHERE seq = :seq
RETURNING blocked, state, destination;

-- name: ended_windows
SELECT seq, key, lanes, destination FROM deliveries INDEXED BY deliveries_window_end
WHERE window_ends_ms <= ? AND window_ends_ms IS NOT NULL ORDER BY window_ends_ms, seq;

-- name: end_window
UPDATE deliveries SET window_ends_ms = NULL, due_at_ms = min(due_at_ms, window_ends_ms), blocked = ? WHERE seq = ?;

-- name: set_blocked
UPDATE deliveries SET blocked = ? WHERE seq = ?;

-- name: open_window
SELECT seq, rule, state, key, lanes, destination, forward_by, forward_rank, window_ends_ms
FROM deliveries
WHERE rule = ? AND window_group = ? AND window_ends_ms IS NOT NULL;

-- name: event_to_route
SELECT routed FROM events WHERE seq = ?;

-- name: mark_routed
UPDATE events SET routed = ? WHERE seq = ?;

-- name: insert_delivery
INSERT INTO deliveries (id, event_seq, rule, revision, state, key, lanes, destination, ordering, order_hold_ms,
                        due_at_ms, recall, forward_by, forward_rank, reason, created_at_ms, opened_at_ms,
                        settled_at_ms, window_group, window_ends_ms)
VALUES (:id, :event_seq, :rule, :revision, :state, :key, :lanes, :destination, :ordering, :hold,
        :due, :recall, :by, :rank, :reason, :now, :now, :settled, :group, :window_ends);
