-- Schema 3. Where in the request's body an event stands, and that body read apart from the events that share it.

-- place: JSON list of keys and list positions; NULL where the body is one event, and in rows of older schemas
ALTER TABLE events ADD COLUMN place TEXT;

-- The order of the columns is the one in which bridge/store/sqlite/rows.py takes them apart.
DROP VIEW event_rows;
CREATE VIEW event_rows AS
SELECT e.seq AS event_seq, e.id AS evt_id, e.source, e.event_id, e.type, e.raw_type, e.time_ms, e.received_at_ms,
       e.content, e.request_seq, e.item, e.place, e.headers, e.query, e.routed, e.checksum
FROM events e;

DROP VIEW claim_rows;
CREATE VIEW claim_rows AS
SELECT d.seq, d.id, d.event_seq, e.id AS evt_id, d.rule, d.revision, d.state, d.key, d.lanes, d.destination,
       d.ordering, d.order_hold_ms, d.stepped_aside, d.due_at_ms, d.attempts, d.first_failed_at_ms, d.generation,
       d.progress, d.links, d.recall, d.forward_by, d.forward_rank, d.reason, d.created_at_ms, d.settled_at_ms,
       d.queue, d.replay, d.newer_by, d.newer_ms,
       e.seq AS found_seq, e.id AS found_id, e.source, e.event_id, e.type, e.raw_type, e.time_ms,
       e.received_at_ms, e.content, e.request_seq, e.item, e.place, e.headers, e.query, e.routed, e.checksum,
       d.book, d.fence, d.crashes, d.interrupted
FROM deliveries d
LEFT JOIN events e ON e.seq = d.event_seq;
