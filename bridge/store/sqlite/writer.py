"""The writer: one thread, one connection, and one commit for all that queued while the last one ran."""

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from bridge.errors import StoreError, StoreFailed, StoreUnavailable
from bridge.store.sqlite.failures import again, translated
from bridge.store.sqlite.files import FileGuard
from bridge.store.sqlite.session import Entry, Transaction, write_books

Result = TypeVar("Result")
Argument = TypeVar("Argument")

LARGEST_BATCH = 512
"""Operations per commit, at which no more are taken in: keeps one commit in the tens of milliseconds."""
IDLE_CHECK_S = 0.5
"""How often an idle writer looks whether its files are still there (fact C22: noticed within a second)."""


@dataclass(slots=True, eq=False)
class _Operation:
    """`work` gets the arguments of all operations that it is folded with, and gives one result for each."""

    work: Callable[[Transaction, Sequence[Any]], Sequence[Any]]
    argument: object
    folds: bool
    future: asyncio.Future[Any]


@dataclass(slots=True)
class _Answer:
    operation: _Operation
    result: object = None
    error: Exception | None = None


class Writer:
    """Runs operations in the order they came, in batches.

    An operation's own error undoes only itself: it has a savepoint, or the whole transaction. Nobody hears of
    success before COMMIT has returned, and with `synchronous=FULL` that is after the sync.

    What is asked for in one turn of the event loop is handed over together at its end, so that it shares a commit
    even when the writer is idle; there is no timer that anybody would wait for.
    """

    def __init__(self, connection: sqlite3.Connection, guard: FileGuard) -> None:
        self.commits = 0
        """How many batches were committed."""
        self.failed = asyncio.Event()
        """Set once the store cannot be trusted any more; `failure` says why."""
        self.failure: StoreFailed | None = None
        self._connection = connection
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self._closing = False
        self._collected: list[_Operation] = []
        self._queue: SimpleQueue[list[_Operation] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], Result]) -> Result:
        """Run one operation and return its result once it is durable."""
        return cast("Result", await self._submit(lambda tx, _: (work(tx),), None, folds=False))

    async def run_folded(
        self, work: Callable[[Transaction, Sequence[Argument]], Sequence[Result | Exception]], argument: Argument
    ) -> Result:
        """As `run`, but all queued operations with the same `work` are done by one call of it.

        `work` may give an exception as an argument's result; its caller gets it raised, and what was written for
        the others stands. One that `work` raises undoes all, and each argument is then tried alone.
        """
        return cast("Result", await self._submit(work, argument, folds=True))

    async def close(self) -> None:
        """Finish what is queued, then close the connection. Idempotent."""
        if not self._closing:
            self._closing = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.shield(self._closed)

    def _submit(
        self, work: Callable[[Transaction, Sequence[Any]], Sequence[Any]], argument: object, *, folds: bool
    ) -> asyncio.Future[Any]:
        if self.failure is not None:
            raise again(self.failure)
        if self._closing:
            raise StoreUnavailable("the store is being closed")
        operation = _Operation(work, argument, folds, self._loop.create_future())
        if not self._collected:
            self._loop.call_soon(self._hand_over)
        self._collected.append(operation)
        return operation.future

    def _hand_over(self) -> None:
        collected, self._collected = self._collected, []
        for start in range(0, len(collected), LARGEST_BATCH):
            self._queue.put(collected[start : start + LARGEST_BATCH])

    # --- from here on: the writer's thread ------------------------------------------------------------------

    def _work(self) -> None:
        running = True
        while running:
            batch, running = self._take()
            if batch:
                self._tell(partial(_resolve, self._commit(batch)))
        try:
            self._connection.close()
        finally:
            self._tell(partial(self._closed.set_result, None))

    def _take(self) -> tuple[list[_Operation], bool]:
        batch: list[_Operation] = []
        try:
            entry = self._queue.get(timeout=IDLE_CHECK_S)
            while entry is not None:
                batch += entry
                if len(batch) >= LARGEST_BATCH:
                    return batch, True
                entry = self._queue.get_nowait()
        except Empty:
            if not batch:
                self._check_files()
            return batch, True
        return batch, False

    def _check_files(self) -> None:
        try:
            self._guard.check()
        except (StoreFailed, OSError) as error:
            self._judge(error)

    def _commit(self, batch: Sequence[_Operation]) -> list[_Answer]:
        if self.failure is not None:
            return _all_failed(batch, self.failure)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            answers = self._run_all(batch)
            self._guard.check()
            self._connection.execute("COMMIT")
            # Once more: what was written to a file that is no longer there must not be acknowledged.
            self._guard.check()
        except Exception as error:  # noqa: BLE001 - every waiting caller gets it, whatever it is
            verdict = self._judge(error)
            self._roll_back()
            return _all_failed(batch, verdict)
        self.commits += 1
        return answers

    def _run_all(self, batch: Sequence[_Operation]) -> list[_Answer]:
        answers: list[_Answer] = []
        books: Counter[Entry] = Counter()
        groups = list(_groups(batch))
        for group in groups:
            answers.extend(self._run_group(group, books, alone=len(groups) == 1))
        write_books(self._connection, books)
        return answers

    def _run_group(self, group: Sequence[_Operation], books: Counter[Entry], *, alone: bool) -> list[_Answer]:
        tx = Transaction(self._connection)
        # A group that has the transaction to itself needs no savepoint in it: that is the rule while little happens.
        if not alone:
            self._connection.execute("SAVEPOINT operation")
        try:
            results = group[0].work(tx, [operation.argument for operation in group])
        except Exception as error:  # noqa: BLE001 - an operation's own error belongs to its caller alone
            self._undo(error, alone=alone)
            if len(group) > 1:
                # One of them is at fault: tried singly, each gets its own verdict.
                return [answer for one in group for answer in self._run_group([one], books, alone=False)]
            return [_Answer(group[0], error=translated(error))]
        if not alone:
            self._connection.execute("RELEASE operation")
        books.update(tx.books)
        return [_answer(operation, result) for operation, result in zip(group, results, strict=True)]

    def _undo(self, error: Exception, *, alone: bool) -> None:
        # After some errors SQLite has rolled everything back: then the batch is lost, not only the operation.
        if isinstance(translated(error), StoreFailed) or not self._connection.in_transaction:
            raise error
        if alone:
            self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
        else:
            self._connection.execute("ROLLBACK TO operation")
            self._connection.execute("RELEASE operation")

    def _judge(self, error: Exception) -> Exception:
        verdict = translated(error)
        if not isinstance(verdict, StoreError):
            verdict = StoreFailed(f"the writer of the store broke ({type(error).__name__})")
            verdict.__cause__ = error
        if isinstance(verdict, StoreFailed) and self.failure is None:
            self.failure = verdict
            self._tell(self.failed.set)
        return verdict

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._judge(StoreFailed(f"rolling back failed ({getattr(error, 'sqlite_errorname', 'unknown')})"))

    def _tell(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            # The loop is closed: nobody waits any more, and what was committed stays committed.
            self._closing = True
            self._queue.put(None)


def _groups(batch: Sequence[_Operation]) -> Iterable[list[_Operation]]:
    # Operations of one batch are concurrent, so folding later ones forward breaks no promise of order.
    folded: dict[object, list[_Operation]] = {}
    for operation in batch:
        folded.setdefault(operation.work if operation.folds else operation, []).append(operation)
    return folded.values()


def _answer(operation: _Operation, result: object) -> _Answer:
    return _Answer(operation, error=result) if isinstance(result, Exception) else _Answer(operation, result)


def _all_failed(batch: Sequence[_Operation], error: Exception) -> list[_Answer]:
    return [_Answer(operation, error=again(error)) for operation in batch]


def _resolve(answers: Sequence[_Answer]) -> None:
    for answer in answers:
        if answer.operation.future.done():
            continue  # whoever asked was cancelled; what it asked for is done all the same
        if answer.error is not None:
            answer.operation.future.set_exception(answer.error)
        else:
            answer.operation.future.set_result(answer.result)
