-- Schema 5. Secrets that senders bring in a handshake, and the windows in which they are taken.

CREATE TABLE learned_secrets (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    source        TEXT NOT NULL,
    secret        TEXT NOT NULL,
    learned_at_ms INTEGER NOT NULL,
    shown_at_ms   INTEGER
) STRICT;
CREATE INDEX learned_secrets_of_source ON learned_secrets (source, number);

CREATE TABLE secret_windows (
    source       TEXT NOT NULL PRIMARY KEY,
    closes_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
