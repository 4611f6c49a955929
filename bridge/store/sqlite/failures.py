"""SQLite's errors as those of this program, without anything that the database holds."""

import sqlite3

from bridge.errors import BridgeError, StoreError, StoreFailed, StoreReplaced, StoreUnavailable

_PRIMARY = 0xFF
_WAIT = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT})
_BROKEN = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def translated(error: Exception) -> Exception:
    """What the caller of the store gets for an error inside it. Errors that are not SQLite's stay as they are.

    Only SQLite's symbolic name is quoted: some of its messages hold the text of a column.
    """
    if isinstance(error, OSError):
        return StoreFailed(f"the store's files cannot be examined: {error.strerror}")
    return _translated_sqlite(error) if isinstance(error, sqlite3.Error) else error


def _translated_sqlite(error: sqlite3.Error) -> StoreError:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return StoreReplaced("the store's file was moved or deleted while it was open")
    primary = code & _PRIMARY
    if primary == sqlite3.SQLITE_FULL:
        return StoreUnavailable("the disk that holds the store is full; free some space")
    if primary in _WAIT:
        return StoreUnavailable(f"the store is held by another program or short of memory ({name}); try again")
    if primary in _BROKEN:
        return StoreFailed(f"reading or writing the store failed ({name}); nothing later would be safe")
    return StoreError(f"the store refused an operation ({name})")


def again(error: Exception) -> Exception:
    """The same error as a fresh object: several callers must not share one traceback."""
    return type(error)(*error.args) if isinstance(error, BridgeError) else error
