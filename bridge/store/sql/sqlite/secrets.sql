-- Secrets that senders brought in a handshake, and the windows in which they are taken.

-- name: list_secrets
SELECT number, source, secret, learned_at_ms, shown_at_ms FROM learned_secrets ORDER BY number DESC;

-- name: secrets_of
SELECT number, secret, learned_at_ms, shown_at_ms FROM learned_secrets WHERE source = ? ORDER BY number DESC;

-- name: insert_secret
INSERT INTO learned_secrets (source, secret, learned_at_ms) VALUES (?, ?, ?);

-- name: mark_shown
UPDATE learned_secrets SET shown_at_ms = ? WHERE number = ? AND shown_at_ms IS NULL;

-- name: delete_secret
DELETE FROM learned_secrets WHERE source = ? AND number = ?;

-- name: list_secret_windows
SELECT source, closes_at_ms FROM secret_windows;

-- name: secret_window_of
SELECT closes_at_ms FROM secret_windows WHERE source = ?;

-- name: open_secret_window
INSERT INTO secret_windows (source, closes_at_ms) VALUES (?, ?)
ON CONFLICT (source) DO UPDATE SET closes_at_ms = excluded.closes_at_ms;

-- name: close_secret_window
DELETE FROM secret_windows WHERE source = ?;
