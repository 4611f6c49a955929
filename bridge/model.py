"""The words of the project as values: events, deliveries, attempts, outcomes, and how states may change.

Times are whole milliseconds since the Unix epoch, UTC, and end in `_ms`. Rows are plain frozen values: the
store makes them, nobody changes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from functools import lru_cache

from ulid import ULID


class Outcome(StrEnum):
    """The closed verdict on one attempt of one step."""

    SUCCEEDED = "succeeded"
    RETRY_LATER = "retry_later"
    RATE_LIMITED = "rate_limited"
    UNAUTHORIZED = "unauthorized"
    REJECTED = "rejected"
    GONE = "gone"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


class DeliveryState(StrEnum):
    """Where a delivery stands. `pending`, `running` and `retrying` are open, the others are terminal."""

    PENDING = "pending"
    RUNNING = "running"
    RETRYING = "retrying"
    DONE = "done"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    DEAD = "dead"

    @property
    def is_open(self) -> bool:
        """Whether the bridge itself will still do something about the delivery."""
        return self in OPEN_STATES


OPEN_STATES = frozenset({DeliveryState.PENDING, DeliveryState.RUNNING, DeliveryState.RETRYING})

# The one transition table. `dead -> pending` is a person's replay, `dead -> skipped` a person's discard.
TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset(
        {DeliveryState.RUNNING, DeliveryState.SUPERSEDED, DeliveryState.SKIPPED, DeliveryState.DEAD}
    ),
    DeliveryState.RUNNING: frozenset(DeliveryState) - {DeliveryState.RUNNING},
    DeliveryState.RETRYING: frozenset({DeliveryState.RUNNING, DeliveryState.SKIPPED, DeliveryState.DEAD}),
    DeliveryState.DEAD: frozenset({DeliveryState.PENDING, DeliveryState.SKIPPED}),
    DeliveryState.DONE: frozenset({DeliveryState.PENDING}),
    DeliveryState.SKIPPED: frozenset(),
    DeliveryState.SUPERSEDED: frozenset(),
}


class DeadKind(StrEnum):
    """Why a delivery is dead; the closed list of design.md section 7."""

    MAPPING = "mapping"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNANSWERED = "unanswered"
    REDIRECTED = "redirected"
    CONFIG = "config"
    CORRUPT = "corrupt"
    POISON = "poison"


class Order(StrEnum):
    """How strictly a lane holds: a valve after `order_hold`, no valve, or no lane at all."""

    HOLD = "hold"
    STRICT = "strict"
    NONE = "none"


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEDUPE_MS = 8 * 24 * 3_600_000
"""How long an event is remembered unless its source says otherwise: longer than any sender repeats (fact C9)."""


def new_id(prefix: str) -> str:
    """An opaque id such as `evt_01JDB7...`; ids of one process sort by time."""
    return f"{prefix}_{ULID()}"


def rfc3339(milliseconds: int) -> str:
    """`2026-06-02T03:01:38.000Z`: UTC with milliseconds, the form that `event.time` has in rules."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds").removesuffix("+00:00")


class Unparsed(Enum):
    """Stands for the value of a body that nobody has read yet: None is a value, too."""

    UNPARSED = "unparsed"


UNPARSED = Unparsed.UNPARSED


EventPlace = tuple[str | int, ...]
"""Where in a request's body an event of it stands: keys and list positions, `("entry", 0, "messages", 2)`."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One accepted webhook item, verified and parsed, not stored yet.

    `content` is the item's raw bytes: the request body as received, or, after a `split`, the item's own JSON.
    `parent` is the whole request body of a split request, else None; all events of the request share it. `item` is the
    event's number in it, `place` where it stands in it. `headers` have lower-case names and hold
    no signature, cookie or credential. `event_id` is the sender's identity for the event, `dedupe_ms` how
    long the same (source, event_id) counts as a duplicate. `value` is what `content` says, for whoever goes on with
    the event in this process; it is not stored.
    """

    source: str
    event_id: str
    type: str
    raw_type: str
    time_ms: int | None
    received_at_ms: int
    content: bytes
    parent: bytes | None = None
    item: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    dedupe_ms: int = DEDUPE_MS
    place: EventPlace | None = None
    value: object = field(default=UNPARSED, compare=False, repr=False)

    def stored(self, *, seq: int, id_: str) -> "StoredEvent":
        """The event as the store holds it once it has a number and an id."""
        return StoredEvent(
            seq=seq,
            id=id_,
            source=self.source,
            event_id=self.event_id,
            type=self.type,
            raw_type=self.raw_type,
            time_ms=self.time_ms,
            received_at_ms=self.received_at_ms,
            content=self.content,
            parent=self.parent,
            item=self.item,
            headers=self.headers,
            query=self.query,
            place=self.place,
            value=self.value,
        )


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the store holds it: `NewEvent` plus our id and its place in the order of acceptance.

    `value` is what `content` says if somebody in this process has read it already.
    """

    seq: int
    id: str
    source: str
    event_id: str
    type: str
    raw_type: str
    time_ms: int | None
    received_at_ms: int
    content: bytes
    parent: bytes | None
    item: int | None
    headers: Mapping[str, str]
    query: Mapping[str, str]
    place: EventPlace | None = None
    value: object = field(default=UNPARSED, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The store's answer for one `NewEvent`: the id it has (the first event's id for a duplicate)."""

    id: str
    duplicate: bool
    event: StoredEvent | None = None
    """The stored row when it is new, so that nobody has to read it back."""
    differs: bool = False
    """A duplicate whose bytes are not those of the first event: the first one wins, worth a warning."""
    repeats: str | None = None
    """A new event that is known all the same, and was let in by a person: our id of the one before."""


@dataclass(frozen=True, slots=True)
class Coalesce:
    """A fixed window from the first delivery waiting: the last accepted (or the furthest) one survives.

    `group` names the window inside the rule. `window_ms` 0 means no waiting: only the high-water mark counts.
    """

    group: str
    window_ms: int


@dataclass(frozen=True, slots=True)
class Forward:
    """`only_forward`: a status of rank `rank` is dropped unless it is ahead of the mark of (rule, `by`)."""

    by: str
    rank: int


@dataclass(frozen=True, slots=True)
class Newer:
    """`only_newer`: an update made at `time_ms` is dropped when the mark of (rule, `by`) is later.

    `time_ms` is when the sender says that the thing changed. Equal times pass: a sender's clock may be coarse.
    """

    by: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Death:
    """What a person must know about a delivery that nothing will happen to by itself.

    `request` is masked already, `response` is `{"status": int | None, "excerpt": str}`.
    """

    kind: DeadKind
    code: str
    message: str
    mend: str
    step: str | None = None
    request: Mapping[str, object] | None = None
    response: Mapping[str, object] | None = None
    fingerprint: str = ""
    at: tuple[str | int, ...] = field(default=(), compare=False)
    """Where inside the rule, if that is known: `("steps", "contact", "with", "phone")`. Not kept in the store."""
    offset: int | None = field(default=None, compare=False)
    """Where inside the text at `at` the fault is, in characters."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One rule applied to one event, as routing decided it.

    `state` is pending, skipped (with `reason`) or dead (with `death`). `lanes` are the destinations whose lane
    of `key` it stands in; empty without a key or with `order: none`. `destination` is where its first
    step goes. `recall` maps a link name to the key to look up when the delivery first starts.
    """

    rule: str
    revision: str
    state: DeliveryState = DeliveryState.PENDING
    key: str | None = None
    lanes: Sequence[str] = ()
    destination: str = ""
    order: Order = Order.HOLD
    order_hold_ms: int = 900_000
    recall: Mapping[str, str] = field(default_factory=dict)
    coalesce: Coalesce | None = None
    forward: Forward | None = None
    reason: str | None = None
    death: Death | None = None
    newer: Newer | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery's row. `progress` is the engine's own JSON object; the store only keeps it.

    `attempts` counts the tries of the present generation that reached a verdict other than success;
    `first_failed_at_ms` starts the horizon. `generation` is 0, and one more for each replay.
    `queue` names what it waits for at its destination (a budget), empty when it waits for nothing but its time;
    `replay` says that a person started it again.
    """

    seq: int
    id: str
    event_seq: int
    event_id: str
    rule: str
    revision: str
    state: DeliveryState
    key: str | None
    lanes: Sequence[str]
    destination: str
    order: Order
    order_hold_ms: int
    stepped_aside: bool
    due_at_ms: int
    attempts: int
    first_failed_at_ms: int | None
    generation: int
    progress: Mapping[str, object]
    links: Mapping[str, object] | None
    recall: Mapping[str, str]
    forward: Forward | None
    reason: str | None
    created_at_ms: int
    settled_at_ms: int | None
    queue: str = ""
    replay: bool = False
    newer: Newer | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one delivery. A write with an old `fence` raises `LeaseLost`."""

    delivery_seq: int
    fence: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased delivery with everything that running it needs.

    `resumed` is true when an earlier holder of the lease vanished: what it had begun may have been sent.
    `high_water` is the rank stored for the delivery's `forward.by`, `newest_ms` the time stored for its
    `newer.by`; None when there is none. Either may have risen while the delivery waited.
    """

    lease: Lease
    delivery: Delivery
    event: StoredEvent
    resumed: bool
    high_water: int | None
    newest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptStart:
    """Written before a request leaves, so that a crash cannot hide it. `request` is masked."""

    number: int
    step: str
    operation: str
    started_at_ms: int
    request: Mapping[str, object]
    revision: str


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """The verdict on the attempt begun last. `status` is None when no answer came."""

    number: int
    ended_at_ms: int
    outcome: Outcome
    status: int | None
    code: str
    message: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one step, as lists show it. `outcome` None: it was in flight when last seen."""

    number: int
    step: str
    operation: str
    started_at_ms: int
    ended_at_ms: int | None
    outcome: Outcome | None
    status: int | None
    code: str
    message: str
    request: Mapping[str, object]
    excerpt: str
    revision: str


@dataclass(frozen=True, slots=True)
class LinkWrite:
    """Remember `value` (its JSON type is kept) under (`name`, `key`); a `value` of None forgets it."""

    name: str
    key: str
    value: object


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead delivery with its event, ready to be shown or written to the file as one line."""

    at_ms: int
    delivery: str
    event: StoredEvent
    rule: str
    death: Death
    attempts: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a person had the bridge do. `detail` holds no customer text and no secret."""

    at_ms: int
    action: str
    detail: Mapping[str, object]
