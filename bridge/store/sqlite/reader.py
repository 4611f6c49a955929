"""The reader: lists are read in a thread and connection of their own, so that they do not hold up the writer."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bridge.errors import StoreFailed, StoreUnavailable
from bridge.store.sqlite.failures import translated
from bridge.store.sqlite.session import Session

Result = TypeVar("Result")


class Reader:
    """Runs one read at a time, each on a snapshot of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._session = Session(connection)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")
        self._closed = False

    async def run(self, read: Callable[[Session], Result]) -> Result:
        """Run `read` on everything that was committed before the call."""
        if self._closed:
            raise StoreUnavailable("the store is being closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, read)

    async def close(self) -> None:
        """Let the present read end, then close the connection. Idempotent."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
            self._thread.shutdown(wait=False)

    def _read(self, read: Callable[[Session], Result]) -> Result:
        try:
            self._connection.execute("BEGIN")
            try:
                return read(self._session)
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            verdict = translated(error)
            if isinstance(verdict, StoreFailed):
                # A page that cannot be read spoils this list only; the writer finds out for itself.
                verdict = StoreUnavailable(str(verdict))
            raise verdict from None
