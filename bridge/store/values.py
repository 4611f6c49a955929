"""What a store is asked with and what it answers: the values that are its own, beside those of `bridge.model`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.model import AttemptEnd, AttemptStart, DeadKind, DeliveryState, LinkWrite, StoredEvent

REFUSED = "refused:"
"""Begins the names of the counters of a source's refused requests in the books; the reason follows."""
Wake = frozenset[str]
"""Destinations that have a delivery which just became claimable."""


@dataclass(frozen=True, slots=True)
class Routed:
    """What routing one event did. `fresh` is False when the event had been routed before (nothing changed)."""

    fresh: bool
    wake: Wake
    window_ends_ms: int | None = None
    """The end of a coalescing window that was opened or joined: somebody must claim then."""
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step boundary writes besides the state: all fields are optional.

    `state` replaces the delivery's progress object, `end` closes the attempt begun last, `start` begins the
    next one, `links` are remembered or forgotten in the same commit.
    """

    state: Mapping[str, object] | None = None
    end: AttemptEnd | None = None
    start: AttemptStart | None = None
    links: Sequence[LinkWrite] = ()


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event in a list, with the states of its deliveries (rule -> state). Empty and routed: unmatched."""

    event: StoredEvent
    routed: bool
    deliveries: Mapping[str, DeliveryState]
    repeats: str | None = None
    """Our id of the event that this one repeats, where a person let the repeat in."""


@dataclass(frozen=True, slots=True)
class Known:
    """The rules and destinations that are configured, by name."""

    rules: Collection[str]
    destinations: Collection[str]


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list, newest first. `ids` wins over the rest; None means any.

    `outside` leaves only those whose rule or whose destination is not among the known ones.
    """

    ids: Sequence[str] | None = None
    event: str | None = None
    states: Sequence[DeliveryState] | None = None
    rule: str | None = None
    destination: str | None = None
    limit: int = 50
    before_seq: int | None = None
    outside: Known | None = None


@dataclass(frozen=True, slots=True)
class Rejoined:
    """How many deliveries stand in line again, and whom to wake for it."""

    count: int
    wake: Wake


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters to list, oldest first. `ids` wins over the rest; None means any.

    `after` is (`at_ms`, `delivery`) of the last letter of the page before. Whoever replays page by page also sets
    `until_ms`, or would meet those that died again.
    """

    ids: Sequence[str] | None = None
    rule: str | None = None
    kind: DeadKind | None = None
    fingerprint: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 50
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows a retention run removed."""

    events: int
    deliveries: int
    identities: int
    audits: int = 0
    replay_ids: int = 0


@dataclass(frozen=True, slots=True)
class ReplayId:
    """What a signed request calls itself, good for one body: the same id with other bytes is a stranger's.

    `digest` is a hash of the body as it was received; `keep_ms` is how long the id is remembered.
    """

    source: str
    id: str
    keep_ms: int
    digest: bytes
    received_at_ms: int


class Lost(StrEnum):
    """Why an event cannot be taken in again."""

    UNKNOWN = "unknown"
    """No event has this id, or it was forgotten long ago."""
    PRUNED = "pruned"
    """Retention took its bytes; only its identity is remembered."""
    DAMAGED = "damaged"
    """Its bytes are not those that were stored."""


@dataclass(frozen=True, slots=True)
class Redelivery:
    """An event that was to be taken in again: `event` is the new one, or `lost` says why there is none."""

    repeats: str
    event: StoredEvent | None = None
    lost: Lost | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """Whether the next repeat of an event will be let in.

    `source` and `event_id` (the sender's) are None for an event that nobody knows. `needed` is False when the identity
    was forgotten, so that a repeat is a new event anyway.
    """

    repeats: str
    source: str | None = None
    event_id: str | None = None
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Books:
    """The counters of design.md section 10, per rule, and the events' own.

    For every rule, and every rule and destination, `created` equals the sum over its states at any moment. What
    retention has removed stays in its state, and is counted once more in `pruned`.
    """

    accepted: int
    routed: int
    unrouted: int
    unmatched: int
    rules: Mapping[str, Mapping[DeliveryState, int]]
    """rule -> state -> how many deliveries stand there now; the sum of a row is all that rule ever had."""
    oldest_open_ms: int | None
    created: Mapping[str, int] = field(default_factory=dict)
    """rule -> how many deliveries routing has made."""
    pruned: Mapping[str, Mapping[DeliveryState, int]] = field(default_factory=dict)
    """rule -> state -> how many of those that ended there are no longer kept."""
    destinations: Mapping[tuple[str, str], Mapping[DeliveryState, int]] = field(default_factory=dict)
    """(rule, destination of the first step as routing found it) -> state -> as `rules`."""
    sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """source -> `accepted`, of these `redelivered`, `duplicates`, of these `differing`, and `refused:<reason>`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two numbers of the books that should be equal.

    `rule` is empty for the events' own counters, `destination` for those and for what is older than this account.
    `name` is a state, or `created`, `accepted`, `routed`, `unrouted`, `unmatched`. `counted` is what the tables
    hold (with what retention has removed), `booked` what the counter says. `accepted by source`: the counters of all
    sources together, and the one they add up to.
    """

    rule: str
    name: str
    counted: int
    booked: int
    destination: str = ""
