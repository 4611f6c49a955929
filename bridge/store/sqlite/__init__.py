"""The embedded store: one SQLite file, one writer, group commit."""

from bridge.store.sqlite.files import lock_holder
from bridge.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "lock_holder"]
