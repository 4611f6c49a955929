-- name: last_in_lanes
WITH wanted (destination, key) AS (VALUES {rows})
SELECT w.destination, w.key,
       (SELECT max(l.position) FROM lanes l WHERE l.destination = w.destination AND l.key = w.key) AS position
FROM wanted w;

-- name: enter_lanes
INSERT INTO lanes (destination, key, position, delivery_seq) VALUES {rows};

-- name: leave_lanes
DELETE FROM lanes WHERE delivery_seq IN (SELECT value FROM json_each(?))
RETURNING delivery_seq, destination, key, position;

-- name: heads_of_lanes
WITH wanted (destination, key) AS (VALUES {rows})
SELECT l.destination, l.key, l.position, l.delivery_seq
FROM wanted w CROSS JOIN lanes l ON l.destination = w.destination AND l.key = w.key
    AND l.position = (SELECT min(m.position) FROM lanes m WHERE m.destination = w.destination AND m.key = w.key);

-- name: unblock
-- A delivery that was never head has never run: nothing but a wrong clock can have put its due time ahead.
UPDATE deliveries
SET blocked = blocked - given.lanes, due_at_ms = min(due_at_ms, given.now)
FROM (SELECT column1 AS seq, column2 AS lanes, column3 AS now FROM (VALUES {rows})) AS given
WHERE deliveries.seq = given.seq
RETURNING seq, blocked, state, destination;

-- name: ended_windows
SELECT seq, key, lanes, destination FROM deliveries INDEXED BY deliveries_window_end
WHERE window_ends_ms <= ? AND window_ends_ms IS NOT NULL ORDER BY window_ends_ms, seq;

-- name: end_windows
UPDATE deliveries
SET window_ends_ms = NULL, due_at_ms = min(due_at_ms, window_ends_ms), blocked = given.blocked
FROM (SELECT column1 AS seq, column2 AS blocked FROM (VALUES {rows})) AS given
WHERE deliveries.seq = given.seq;

-- name: waiting_in_queues
-- One index step for each destination, class and queue; in the order of acceptance.
SELECT d.seq, d.key, d.lanes, d.destination
FROM json_each(:destinations) AS place CROSS JOIN json_each('[0, 1]') AS class CROSS JOIN json_each(:queues) AS named
CROSS JOIN deliveries d INDEXED BY deliveries_claimable
    ON d.destination = place.value AND d.replay = class.value AND d.queue = named.value
WHERE d.blocked = 0 AND d.window_ends_ms IS NULL AND d.state IN ('pending', 'retrying')
ORDER BY d.seq LIMIT :limit;

-- name: rejoin
UPDATE deliveries
SET queue = '', due_at_ms = given.now, stepped_aside = 0, blocked = given.blocked
FROM (SELECT column1 AS seq, column2 AS blocked, column3 AS now FROM (VALUES {rows})) AS given
WHERE deliveries.seq = given.seq;

-- name: open_window
SELECT seq, rule, book, state, attempts, forward_rank, newer_ms, window_ends_ms
FROM deliveries
WHERE rule = ? AND window_group = ? AND window_ends_ms IS NOT NULL;

-- name: events_to_route
SELECT seq, routed FROM events WHERE seq IN (SELECT value FROM json_each(?));

-- name: mark_routed
UPDATE events SET routed = ? WHERE seq IN (SELECT value FROM json_each(?));

-- name: insert_deliveries
INSERT INTO deliveries (id, event_seq, rule, revision, state, key, lanes, destination, book, ordering,
                        order_hold_ms, due_at_ms, recall, forward_by, forward_rank, newer_by, newer_ms, reason,
                        created_at_ms, opened_at_ms, settled_at_ms, window_group, window_ends_ms, blocked)
VALUES {rows};
