-- Marks: how far, and how new, what was delivered for a subject is.

-- name: high_water
WITH wanted (rule, subject) AS (VALUES {rows})
SELECT m.rule, m.subject, m.rank AS mark
FROM wanted CROSS JOIN high_water m ON m.rule = wanted.rule AND m.subject = wanted.subject;

-- name: newest
WITH wanted (rule, subject) AS (VALUES {rows})
SELECT m.rule, m.subject, m.time_ms AS mark
FROM wanted CROSS JOIN newest m ON m.rule = wanted.rule AND m.subject = wanted.subject;

-- name: raise_high_water
INSERT INTO high_water (rule, subject, rank, raised_at_ms) VALUES {rows}
ON CONFLICT (rule, subject) DO UPDATE
SET rank = max(rank, excluded.rank), raised_at_ms = max(raised_at_ms, excluded.raised_at_ms);

-- name: raise_newest
INSERT INTO newest (rule, subject, time_ms, raised_at_ms) VALUES {rows}
ON CONFLICT (rule, subject) DO UPDATE
SET time_ms = max(time_ms, excluded.time_ms), raised_at_ms = max(raised_at_ms, excluded.raised_at_ms);
