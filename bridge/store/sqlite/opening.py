"""Opening a database file: what is refused, how connections are set up, and how the schema is brought up to date."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import StoreError, StoreLocked
from bridge.store.sqlite import files
from bridge.store.sqlite.rows import lenient_text
from bridge.store.sqlite.statements import migrations

APPLICATION_ID = 0x43524D42  # "CRMB" in the file's header
_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables
_CHECKED_BYTES = 64 * 1024 * 1024
"""A file up to this size is checked at every start; a larger one only when it was not closed in order."""


def open_writer(path: Path, *, connection_class: type[sqlite3.Connection], busy_timeout_ms: int) -> sqlite3.Connection:
    """Open, check and migrate the database; the caller holds the lock.

    Raises:
        StoreError: damaged, foreign or newer; nothing was changed.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old, 3.37 or newer is needed")
    is_new = files.ensure_database_file(path)
    doubtful = _is_doubtful(path)
    with _explained(path):
        connection = _connect(path, "rw", connection_class, busy_timeout_ms)
        try:
            _check_header(connection, path)
            _set_up(connection, path)
            if doubtful and not is_new:
                _check_pages(connection, path)
            _migrate(connection)
            _begin_log(connection)
        except BaseException:
            connection.close()
            raise
    files.write_marker(path)
    return connection


def open_reader(path: Path, *, busy_timeout_ms: int) -> sqlite3.Connection:
    """A second connection that cannot write."""
    return _connect(path, "ro", sqlite3.Connection, busy_timeout_ms)


def _connect(
    path: Path, mode: str, connection_class: type[sqlite3.Connection], busy_timeout_ms: int
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions are begun and ended by name
        check_same_thread=False,  # opened here, then used by one thread only
        cached_statements=512,
        factory=connection_class,
    )
    connection.row_factory = sqlite3.Row
    connection.text_factory = lenient_text
    connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout_ms)}")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if _name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StoreLocked(f"the store {path} is held by another program ({_name(error)})") from None
        raise StoreError(f"the store {path} cannot be opened ({_name(error)})") from None
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"the store {path} is damaged or is no SQLite database ({_name(error)}); it was left as it is: "
            f"move it away and restore a backup"
        ) from None


def _name(error: sqlite3.Error) -> str:
    # Errors that Python's module raises by itself carry no name of SQLite's.
    return getattr(error, "sqlite_errorname", type(error).__name__)


def _is_doubtful(path: Path) -> bool:
    log = files.wal_path(path)
    return path.stat().st_size <= _CHECKED_BYTES or (log.exists() and log.stat().st_size > 0)


def _check_header(connection: sqlite3.Connection, path: Path) -> None:
    version = _number(connection, "user_version")
    newest = max(migrations())
    if version > newest:
        raise StoreError(
            f"the store {path} was written by a newer crm-bridge (schema {version}, this one knows {newest}): "
            f"install that version again, or restore a backup"
        )
    foreign = version == 0 and connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    if foreign or (version > 0 and _number(connection, "application_id") != APPLICATION_ID):
        raise StoreError(f"{path} is the database of another program; give the store a path of its own")


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(f"the file system under {path} cannot carry a write-ahead log (journal mode {mode})")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, whatever this build's default
    connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves the bytes in the drive


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreError(f"the store {path} is damaged, quick_check found it; move it away and restore a backup")


def _migrate(connection: sqlite3.Connection) -> None:
    version = _number(connection, "user_version")
    for number, script in sorted(migrations().items()):
        if number <= version:
            continue
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA application_id = {APPLICATION_ID};\n"
                f"PRAGMA user_version = {number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _begin_log(connection: sqlite3.Connection) -> None:
    # The log file must exist before its identity is taken; a write that changes nothing creates it.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    [value] = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)
