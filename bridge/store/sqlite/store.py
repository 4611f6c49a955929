"""`Store` over one SQLite file: every method hands one operation to the writer or to the reader."""

import asyncio
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Self

from bridge.errors import StoreError, StoreFailed
from bridge.model import (
    Accepted,
    Attempt,
    AuditEntry,
    Claim,
    DeadLetter,
    Death,
    Delivery,
    DeliveryState,
    Lease,
    LinkWrite,
    NewDelivery,
    NewEvent,
    StoredEvent,
)
from bridge.store.protocol import (
    Books,
    DeadLetterFilter,
    DeliveryFilter,
    Difference,
    EventRow,
    Known,
    Pass,
    Progress,
    Pruned,
    Redelivery,
    Rejoined,
    ReplayId,
    Routed,
    Wake,
)
from bridge.store.secrets import Learned, LearnedSecret, Learning
from bridge.store.sqlite import (
    acceptance,
    accounts,
    claims,
    decisions,
    lanes,
    learned,
    listings,
    notes,
    opening,
    redelivery,
    retention,
    routing,
)
from bridge.store.sqlite import (
    progress as boundaries,
)
from bridge.store.sqlite.files import FileGuard, Lock, prepare_folder
from bridge.store.sqlite.reader import Reader
from bridge.store.sqlite.session import dump
from bridge.store.sqlite.writer import Writer

CRASH_LIMIT = 3
"""How often a worker may vanish while it holds a delivery before the delivery is dead as poison (fact C15)."""


class SqliteStore:
    """The embedded store. Open it with :meth:`open`, inside a running event loop, and close it."""

    def __init__(self, writer: Writer, reader: Reader, lock: Lock, *, crash_limit: int) -> None:
        self._writer = writer
        self._reader = reader
        self._lock: Lock | None = lock
        self._crash_limit = crash_limit

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        busy_timeout_ms: int = 5_000,
        crash_limit: int = CRASH_LIMIT,
        connection_class: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> Self:
        """Open the store at `path`, creating or migrating it.

        Raises:
            StoreLocked: another process has it open; the message names it.
            StoreError: it is damaged, newer, another program's, or missing though it was there before.
        """
        lock, written, read, guard = await asyncio.to_thread(
            _open_files, path, connection_class=connection_class, busy_timeout_ms=busy_timeout_ms
        )
        return cls(Writer(written, guard), Reader(read), lock, crash_limit=crash_limit)

    @property
    def commits(self) -> int:
        """How many commits were made since the store was opened; far fewer than operations under load."""
        return self._writer.commits

    async def wait_failed(self) -> StoreFailed:
        """Wait until the store can no longer be trusted, and return why; the process must end then."""
        await self._writer.failed.wait()
        return self._writer.failure or StoreFailed("the store failed")

    async def close(self) -> None:
        """Finish what is queued, close the file, give the lock back."""
        lock, self._lock = self._lock, None
        # The writer closes last: only it may fold the log into the database.
        await self._reader.close()
        await self._writer.close()
        if lock is not None:
            lock.release()

    # --- acceptance -------------------------------------------------------------------------------------

    async def accept(self, events: Sequence[NewEvent], *, once: ReplayId | None = None) -> list[Accepted]:
        """See `Store.accept`."""
        return await self._writer.run_folded(acceptance.accept, acceptance.Request(events, once))

    async def redeliver(self, event_ids: Collection[str], *, now_ms: int) -> list[Redelivery]:
        """See `Store.redeliver`."""
        return await self._writer.run(lambda tx: redelivery.redeliver(tx, event_ids, now_ms=now_ms))

    async def let_through(self, event_ids: Collection[str], *, until_ms: int) -> list[Pass]:
        """See `Store.let_through`."""
        return await self._writer.run(lambda tx: redelivery.let_through(tx, event_ids, until_ms=until_ms))

    async def count_refused(self, refused: Mapping[tuple[str, str], int]) -> None:
        """See `Store.count_refused`."""
        await self._writer.run(lambda tx: accounts.count_refused(tx, refused))

    async def unrouted(self, *, after_seq: int, limit: int) -> list[StoredEvent]:
        """See `Store.unrouted`; damaged events are left out."""
        return await self._reader.run(lambda s: acceptance.unrouted(s, after_seq=after_seq, limit=limit))

    async def route(self, routed: Sequence[tuple[int, Sequence[NewDelivery]]], *, now_ms: int) -> list[Routed]:
        """See `Store.route`."""
        return await self._writer.run_folded(routing.route_all, routing.Batch(routed, now_ms))

    # --- delivery ---------------------------------------------------------------------------------------

    async def claim(
        self,
        destination: str,
        *,
        worker: str,
        now_ms: int,
        lease_ms: int,
        limit: int,
        replays: int | None = None,
        queues: Mapping[str, int] = MappingProxyType({}),
        turns: Mapping[str, int] = MappingProxyType({}),
    ) -> list[Claim]:
        """See `Store.claim`. Damaged events and poison are settled as dead instead of being returned."""
        request = claims.Request(
            destination, worker, now_ms, lease_ms, limit, self._crash_limit, replays, queues, turns
        )
        return await self._writer.run(lambda tx: claims.claim(tx, request))

    async def advance(self, lease: Lease, progress: Progress, *, now_ms: int, lease_ms: int) -> None:
        """See `Store.advance`."""
        await self._write(lease, progress, boundaries.Extension(now_ms, lease_ms))

    async def postpone(
        self,
        lease: Lease,
        progress: Progress,
        *,
        now_ms: int,
        due_at_ms: int,
        destination: str,
        failed: bool,
        step_aside: bool = False,
        queue: str = "",
    ) -> Wake:
        """See `Store.postpone`."""
        how = boundaries.Postponement(now_ms, due_at_ms, destination, failed, step_aside, queue)
        return await self._write(lease, progress, how)

    async def settle(
        self,
        lease: Lease,
        state: DeliveryState,
        progress: Progress,
        *,
        now_ms: int,
        reason: str | None = None,
        death: Death | None = None,
    ) -> Wake:
        """See `Store.settle`."""
        return await self._write(lease, progress, boundaries.Settlement(state, now_ms, reason, death))

    async def _write(self, lease: Lease, progress: Progress, how: boundaries.How) -> Wake:
        return await self._writer.run_folded(boundaries.write, boundaries.Boundary(lease, progress, how))

    async def next_due(self) -> Mapping[str, int]:
        """See `Store.next_due`; read by the writer, so that no long list delays it."""
        return await self._writer.run(claims.next_due)

    async def destinations(self) -> frozenset[str]:
        """See `Store.destinations`."""
        return await self._reader.run(claims.destinations)

    async def queues(self, destination: str) -> Mapping[str, int]:
        """See `Store.queues`; read by the writer, as `next_due`."""
        return await self._writer.run(lambda tx: claims.queues(tx, destination))

    async def rejoin(self, queues: Collection[str], *, now_ms: int, limit: int) -> Rejoined:
        """See `Store.rejoin`."""
        return await self._writer.run(lambda tx: lanes.rejoin(tx, queues, now_ms=now_ms, limit=limit))

    async def recover(self, *, now_ms: int, max_step_ms: int, suspect: int | None = None) -> int:
        """See `Store.recover`."""
        return await self._writer.run(
            lambda tx: claims.recover(tx, now_ms=now_ms, max_step_ms=max_step_ms, suspect=suspect)
        )

    # --- what people ask and decide -------------------------------------------------------------------------

    async def events(
        self, *, limit: int, before_seq: int | None = None, source: str | None = None, type_: str | None = None
    ) -> list[EventRow]:
        """See `Store.events`."""
        return await self._reader.run(
            lambda s: listings.events(s, limit=limit, before_seq=before_seq, source=source, type_=type_)
        )

    async def event(self, event_id: str) -> EventRow | None:
        """See `Store.event`."""
        return await self._reader.run(lambda s: listings.event(s, event_id))

    async def deliveries(self, where: DeliveryFilter) -> list[Delivery]:
        """See `Store.deliveries`."""
        return await self._reader.run(lambda s: listings.deliveries(s, where))

    async def count_orphans(self, known: Known) -> Mapping[tuple[str, str], int]:
        """See `Store.count_orphans`."""
        return await self._reader.run(lambda s: listings.count_orphans(s, known))

    async def attempts(self, delivery_id: str) -> list[Attempt]:
        """See `Store.attempts`."""
        return await self._reader.run(lambda s: listings.attempts(s, delivery_id))

    async def dead_letters(self, where: DeadLetterFilter) -> list[DeadLetter]:
        """See `Store.dead_letters`."""
        return await self._reader.run(lambda s: listings.dead_letters(s, where))

    async def count_dead_letters(self, where: DeadLetterFilter) -> int:
        """See `Store.count_dead_letters`."""
        return await self._reader.run(lambda s: listings.count_dead_letters(s, where))

    async def retry(self, delivery_id: str, *, now_ms: int) -> Wake:
        """See `Store.retry`."""
        return await self._writer.run(lambda tx: decisions.retry(tx, delivery_id, now_ms=now_ms))

    async def skip(self, delivery_id: str, *, now_ms: int, reason: str) -> Wake:
        """See `Store.skip`."""
        return await self._writer.run(lambda tx: decisions.skip(tx, delivery_id, now_ms=now_ms, reason=reason))

    async def replay(
        self,
        delivery_id: str,
        plan: NewDelivery,
        progress: Mapping[str, object],
        *,
        now_ms: int,
        force: bool = False,
    ) -> Wake:
        """See `Store.replay`."""
        return await self._writer.run(
            lambda tx: decisions.replay(tx, delivery_id, plan, progress, now_ms=now_ms, force=force)
        )

    async def links(self, *, name: str | None = None, key: str | None = None, limit: int = 50) -> list[LinkWrite]:
        """See `Store.links`."""
        return await self._reader.run(lambda s: listings.links(s, name=name, key=key, limit=limit))

    async def write_links(self, links: Sequence[LinkWrite], *, now_ms: int) -> None:
        """See `Store.write_links`."""
        await self._writer.run(lambda tx: boundaries.write_links(tx, links, now_ms=now_ms))

    async def books(self) -> Books:
        """See `Store.books`."""
        return await self._reader.run(accounts.books)

    async def check_books(self) -> list[Difference]:
        """See `Store.check_books`; read in one snapshot beside the writer."""
        return await self._reader.run(accounts.check)

    # --- notes and audit --------------------------------------------------------------------------------------

    async def notes(self, prefix: str = "") -> Mapping[str, object]:
        """See `Store.notes`."""
        return await self._reader.run(lambda s: notes.read(s, prefix))

    async def write_notes(self, values: Mapping[str, object | None]) -> None:
        """See `Store.write_notes`."""
        await self._writer.run_folded(notes.write, values)

    async def audit(self, limit: int = 50) -> list[AuditEntry]:
        """See `Store.audit`."""
        return await self._reader.run(lambda s: notes.audit(s, limit))

    async def write_audit(self, action: str, detail: Mapping[str, object], *, now_ms: int) -> None:
        """See `Store.write_audit`."""
        row = (now_ms, action, dump(detail))
        await self._writer.run(lambda tx: tx.write("write_audit", row))

    # --- secrets that senders bring ---------------------------------------------------------------------------

    async def learned(self) -> Mapping[str, Learned]:
        """See `SecretStore.learned`; read by the writer, so that it is what was learned last."""
        return await self._writer.run(learned.learned)

    async def open_window(self, source: str, closes_at_ms: int | None) -> None:
        """See `SecretStore.open_window`."""
        await self._writer.run(lambda tx: learned.open_window(tx, source, closes_at_ms))

    async def learn(self, source: str, secret: str, *, now_ms: int, most: int) -> Learning:
        """See `SecretStore.learn`."""
        return await self._writer.run(lambda tx: learned.learn(tx, source, secret, now_ms=now_ms, most=most))

    async def show_secret(self, source: str, *, now_ms: int) -> LearnedSecret | None:
        """See `SecretStore.show_secret`."""
        return await self._writer.run(lambda tx: learned.show(tx, source, now_ms=now_ms))

    async def retire_secrets(self, source: str, numbers: Collection[int]) -> int:
        """See `SecretStore.retire_secrets`."""
        return await self._writer.run(lambda tx: learned.retire(tx, source, numbers))

    # --- the dead-letter file -------------------------------------------------------------------------------

    async def unexported_dead_letters(self, *, limit: int) -> list[DeadLetter]:
        """See `Store.unexported_dead_letters`."""
        return await self._reader.run(lambda s: listings.unexported_dead_letters(s, limit))

    async def mark_exported(self, delivery_ids: Iterable[str]) -> None:
        """See `Store.mark_exported`."""
        ids = dump(list(delivery_ids))
        await self._writer.run(lambda tx: tx.write("mark_exported", (ids,)))

    # --- retention --------------------------------------------------------------------------------------------

    async def prune(
        self,
        *,
        done_before_ms: int,
        dead_before_ms: int,
        seen_before_ms: int,
        limit: int,
        audit_before_ms: int | None = None,
        now_ms: int | None = None,
    ) -> Pruned:
        """See `Store.prune`."""
        horizon = retention.Horizon(done_before_ms, dead_before_ms, seen_before_ms, audit_before_ms, now_ms)
        return await self._writer.run(lambda tx: retention.prune(tx, horizon, limit))


def _open_files(
    path: Path, *, connection_class: type[sqlite3.Connection], busy_timeout_ms: int
) -> tuple[Lock, sqlite3.Connection, sqlite3.Connection, FileGuard]:
    path = path.absolute()
    with ExitStack() as undo:
        try:
            prepare_folder(path)
            lock = Lock(path)
            undo.callback(lock.release)
            written = opening.open_writer(path, connection_class=connection_class, busy_timeout_ms=busy_timeout_ms)
            undo.callback(written.close)
            read = opening.open_reader(path, busy_timeout_ms=busy_timeout_ms)
            undo.callback(read.close)
            guard = FileGuard(path)
        except OSError as error:
            raise StoreError(f"the store {path} cannot be opened: {error.strerror}") from error
        undo.pop_all()
    return lock, written, read, guard
