"""The stores that the conformance suite runs over. Another store is one more line in `STORES`."""

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bridge.store.protocol import Store
from bridge.store.sqlite import SqliteStore

OpenStore = Callable[[], Coroutine[Any, Any, Store]]
"""Opens the store of this test; after it was closed, opens the same one again."""


async def _open_sqlite(folder: Path) -> Store:
    return await SqliteStore.open(folder / "bridge.db")


STORES: dict[str, Callable[[Path], Coroutine[Any, Any, Store]]] = {"sqlite": _open_sqlite}


@pytest.fixture(params=sorted(STORES))
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    opened: list[Store] = []

    async def open_again() -> Store:
        opened.append(await STORES[request.param](tmp_path))
        return opened[-1]

    yield open_again
    for one in opened:
        await one.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()
