"""A SQLite store of its own file, and ways to look at the file from outside."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bridge.store.sqlite import SqliteStore

Open = Callable[..., Awaitable[SqliteStore]]


@contextmanager
def outside(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection to the file; commits at the end."""
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "bridge.db"


@pytest.fixture
async def open_sqlite(path: Path) -> AsyncIterator[Open]:
    opened: list[SqliteStore] = []

    async def open_again(**options: object) -> SqliteStore:
        opened.append(await SqliteStore.open(path, **options))  # type: ignore[arg-type]  # passed on as given
        return opened[-1]

    yield open_again
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_sqlite: Open) -> SqliteStore:
    return await open_sqlite()
