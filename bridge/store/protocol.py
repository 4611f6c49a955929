"""What a store promises. SQLite implements it today, PostgreSQL can: nothing here assumes one process.

Every method is one transaction: when it returns, all of it is committed *and synced to disk*; when it raises,
none of it happened (except that an error while committing may mean either, see `StoreUnavailable`). Times
come from the caller, so that a test can step them. Methods that can make other deliveries claimable
return the destinations to wake; nobody has to poll.

What is asked of a store in one turn of the event loop shares one commit, in the order in which it was asked for.

Vocabulary: a delivery is *claimable* when it is pending or retrying, its due time has come, it is at the head of
each of its lanes, and its coalescing window (if any) is over. One that waits in a *queue* (for a budget, say) is
claimable only by a claim that names its queue: the store does not know when the queue opens. A *replay* is a
delivery that a person started again; replays are a class of their own, which a claim can bound.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

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
from bridge.store.secrets import SecretStore
from bridge.store.values import (
    REFUSED,
    Books,
    DeadLetterFilter,
    DeliveryFilter,
    Difference,
    EventRow,
    Known,
    Lost,
    Pass,
    Progress,
    Pruned,
    Redelivery,
    Rejoined,
    ReplayId,
    Routed,
    Wake,
)

__all__ = [
    "REFUSED",
    "Books",
    "DeadLetterFilter",
    "DeliveryFilter",
    "Difference",
    "EventRow",
    "Known",
    "Lost",
    "Pass",
    "Progress",
    "Pruned",
    "Redelivery",
    "Rejoined",
    "ReplayId",
    "Routed",
    "Store",
    "Wake",
]


class Store(SecretStore, Protocol):
    """Durable memory: events, deliveries, lanes, links, dead letters, counters, secrets that senders bring."""

    async def close(self) -> None:
        """Finish what is queued, close the file or connection, give the lock back. Idempotent."""
        ...

    # --- acceptance -------------------------------------------------------------------------------------

    async def accept(self, events: Sequence[NewEvent], *, once: ReplayId | None = None) -> list[Accepted]:
        """Store the events of one request, all or none, and return one answer each, in order.

        An event whose (source, event_id) was first seen less than its `dedupe_ms` ago is a duplicate: nothing is
        stored for it, and the answer carries the first event's id. Of two equal ids in one call the second
        is the duplicate. A duplicate that `let_through` has let in is stored after all, once; then the
        identity is that of the new event. Concurrent calls share a commit where they can (group commit).

        `once` is remembered in the same commit, for its `keep_ms`. While it is, a request with the same id and the same
        digest is a retry, whose events are duplicates at least as long; with another digest it is refused.

        The books count for each source what was accepted, and of that redelivered; the duplicates, and of those
        the differing.

        Raises:
            Replayed: the request's id was seen with other bytes; nothing was stored.
            StoreUnavailable: nothing was acknowledged, the sender should try again.
        """
        ...

    async def redeliver(self, event_ids: Collection[str], *, now_ms: int) -> list[Redelivery]:
        """Take stored events in again as new ones that came now, all in one transaction, in the order they first came.

        Each is stored as a duplicate that was let in: a new row with an id of its own, not routed, and its
        identity is that of the new one. An event that cannot be is named in the answers and changes nothing.
        """
        ...

    async def let_through(self, event_ids: Collection[str], *, until_ms: int) -> list[Pass]:
        """Have `accept` store the next repeat of each of these events (our ids) that comes before `until_ms`, once."""
        ...

    async def count_refused(self, refused: Mapping[tuple[str, str], int]) -> None:
        """Add to the books how many requests of a source were refused for a reason: (source, reason) -> how many."""
        ...

    async def unrouted(self, *, after_seq: int, limit: int) -> list[StoredEvent]:
        """Events accepted but not routed yet, in the order of acceptance."""
        ...

    async def route(self, routed: Sequence[tuple[int, Sequence[NewDelivery]]], *, now_ms: int) -> list[Routed]:
        """Record the deliveries of events (number, deliveries), in the order given: all in one transaction, or none.

        A second call for the same event changes nothing. One transaction, because a commit that fails in between
        could let later events of a lane overtake earlier ones.

        In the same transaction: pending deliveries enter their lanes at the end, or, with `coalesce`
        and a window, join the open window of (rule, group): the window ends `window_ms` after its *first*
        delivery. The survivor is the last accepted, or with `forward` the one of highest rank, or with `newer`
        the one of the latest time (the later accepted one when equal, the rank first); the others end superseded.
        A survivor enters its lanes when its window ends.
        A delivery with `forward` that is not ahead of the stored high-water mark ends superseded, and so does one
        with `newer` that is older than the newest that was done. Dead ones get their dead letter. Counters move along.

        Raises:
            UsageError: one of the events does not exist; none was routed.
        """
        ...

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
        """Lease up to `limit` claimable deliveries whose next step goes to `destination`, by due time, then order.

        At most `replays` of them are replays (None: no bound). Replays come first, up to that number: they do not
        queue behind a backlog of live deliveries; where they would fill the claim, due times decide. Of the
        deliveries in a queue, only those are considered whose queue `queues` names, at most that many of each; where
        more wait there, `turns` says how many are to be replays, or due times decide.

        The state becomes running, the fence grows by one. On the first start the links named by `recall` are
        read and kept with the delivery (absent ones as null). Leases that have run out are claimable again.
        A delivery whose stored bytes are damaged is settled as dead (`corrupt`) instead of being returned, and so is
        one that has crashed its worker too often (`poison`; see `recover`).
        What that, or the end of a window, makes claimable for other destinations shows in `next_due`.
        """
        ...

    async def advance(self, lease: Lease, progress: Progress, *, now_ms: int, lease_ms: int) -> None:
        """Write a step boundary and extend the lease.

        Raises:
            LeaseLost: the fence is old; nothing was written.
        """
        ...

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
        """Give the lease back until `due_at_ms`, with `queue` also until a claim names that queue.

        With `failed` the state is retrying and the attempt counts (and `first_failed_at_ms` is set the first time);
        without, it is pending again: waiting for a limit or a pause is not an attempt. `step_aside` leaves
        the lanes, marked, so that the next in line may start.

        Raises:
            LeaseLost: as `advance`.
        """
        ...

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
        """End the delivery as done, skipped, superseded or dead (with `death`), leave its lanes.

        A done delivery with `forward` or `newer` raises the mark of (rule, by) in the same transaction.

        Raises:
            LeaseLost: as `advance`.
        """
        ...

    async def next_due(self) -> Mapping[str, int]:
        """Per destination, the earliest time at which `claim` may find something new.

        That is the due time of a delivery at the head of its lanes, the end of a coalescing window, or
        the end of a lease. Deliveries in a queue are not among them; see `queues`.
        """
        ...

    async def destinations(self) -> frozenset[str]:
        """The destinations for which a delivery is claimable now or later, also those that wait in a queue."""
        ...

    async def queues(self, destination: str) -> Mapping[str, int]:
        """The queues in which deliveries of a destination wait, with the earliest due time in each."""
        ...

    async def rejoin(self, queues: Collection[str], *, now_ms: int, limit: int) -> Rejoined:
        """Let at most `limit` deliveries that wait in these queues, at whichever destination, stand in line again.

        In the order of acceptance they enter their lanes at the end, due now, in no queue, and no longer marked as
        having stepped aside. Only those are meant that have stepped out of their lanes when they began to wait, and so
        stand in none.
        """
        ...

    async def recover(self, *, now_ms: int, max_step_ms: int, suspect: int | None = None) -> int:
        """End all leases, when no other worker can be alive on this store.

        A crash counts against `suspect`, the number of the delivery that the ended process had in hand, and against
        nobody else: hundreds may have waited for an answer or a limit, and none of these ends a process.
        Due times that lie more than `max_step_ms` ahead are brought back to that. Returns how many leases ended.
        """
        ...

    # --- what people ask and decide -------------------------------------------------------------------------

    async def events(
        self, *, limit: int, before_seq: int | None = None, source: str | None = None, type_: str | None = None
    ) -> list[EventRow]:
        """Events, newest first."""
        ...

    async def event(self, event_id: str) -> EventRow | None:
        """One event by our id (`evt_...`)."""
        ...

    async def deliveries(self, where: DeliveryFilter) -> list[Delivery]:
        """Deliveries, newest first."""
        ...

    async def count_orphans(self, known: Known) -> Mapping[tuple[str, str], int]:
        """How many open deliveries are of no known rule or wait for no known destination, by (rule, destination).

        Of those with a known rule only the ones at the head of their lanes are counted.
        """
        ...

    async def attempts(self, delivery_id: str) -> list[Attempt]:
        """All attempts of a delivery, oldest first, over all generations."""
        ...

    async def dead_letters(self, where: DeadLetterFilter) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        ...

    async def count_dead_letters(self, where: DeadLetterFilter) -> int:
        """How many dead letters match, whatever the filter's limit."""
        ...

    async def retry(self, delivery_id: str, *, now_ms: int) -> Wake:
        """Make a waiting delivery due now, in no queue.

        Raises:
            UsageError: it does not exist, or is not waiting.
        """
        ...

    async def skip(self, delivery_id: str, *, now_ms: int, reason: str) -> Wake:
        """End a delivery that waits or is dead as skipped; a dead letter of it goes away (discard).

        Raises:
            UsageError: it does not exist, is running, or is settled otherwise.
        """
        ...

    async def replay(
        self,
        delivery_id: str,
        plan: NewDelivery,
        progress: Mapping[str, object],
        *,
        now_ms: int,
        force: bool = False,
    ) -> Wake:
        """Start a dead delivery again as `plan` says, at the end of its lanes, generation one higher, as a replay.

        Links are read anew. A plan that is dead or skipped settles it as such at once, one that is behind a mark
        ends superseded. With `force` a done delivery can be started again too; it is not held back by the mark
        that it has set itself.

        Raises:
            UsageError: it does not exist, cannot be replayed in its state, or its event is not kept any more.
        """
        ...

    async def links(self, *, name: str | None = None, key: str | None = None, limit: int = 50) -> list[LinkWrite]:
        """Remembered links, by name and key."""
        ...

    async def write_links(self, links: Sequence[LinkWrite], *, now_ms: int) -> None:
        """Set or forget links by hand."""
        ...

    async def books(self) -> Books:
        """The counters, never counted over the tables."""
        ...

    async def check_books(self) -> list[Difference]:
        """Count over the tables, all seen at one moment, and return what differs from the counters.

        Holds up no writer; costs one pass over an index.
        """
        ...

    # --- notes and audit --------------------------------------------------------------------------------------

    async def notes(self, prefix: str = "") -> Mapping[str, object]:
        """The notes whose names begin with `prefix`."""
        ...

    async def write_notes(self, values: Mapping[str, object | None]) -> None:
        """Keep small JSON values by name, such as what is left of a budget; None removes one."""
        ...

    async def audit(self, limit: int = 50) -> list[AuditEntry]:
        """What people had the bridge do, newest first."""
        ...

    async def write_audit(self, action: str, detail: Mapping[str, object], *, now_ms: int) -> None:
        """Remember what a person had the bridge do. `detail` must hold no customer text and no secret."""
        ...

    # --- the dead-letter file -------------------------------------------------------------------------------

    async def unexported_dead_letters(self, *, limit: int) -> list[DeadLetter]:
        """Dead letters that the file has not got yet, oldest first. A replay exports nothing, a new death does."""
        ...

    async def mark_exported(self, delivery_ids: Iterable[str]) -> None:
        """The file has these lines, synced."""
        ...

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
        """Remove at most `limit` settled deliveries, events without any left, and identities past their window.

        An identity is removed when its first sight is older than `seen_before_ms` *and* its own window is over at
        `now_ms` (None: at the latest of the three times, none of which may lie ahead of now); so do replay ids and
        unused passes that are over then. Marks older than `seen_before_ms` go too, unless they rose since the oldest
        open delivery came. Audit entries go when they are older than `audit_before_ms` (None: 30 days before the
        latest of the three times). Counters and notes stay.
        """
        ...
