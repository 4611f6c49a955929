"""Events and deliveries as the store's tests use them, and short ways to bring them into a store."""

from collections.abc import Mapping, Sequence

from bridge.model import (
    AttemptEnd,
    AttemptStart,
    Claim,
    Coalesce,
    DeadKind,
    Death,
    Delivery,
    DeliveryState,
    Forward,
    NewDelivery,
    NewEvent,
    Outcome,
    StoredEvent,
)
from bridge.store.protocol import DeliveryFilter, Progress, Routed, Store
from tests.canaries import PHONE_E164, TEXT

NOW = 1_780_369_300_000
DAY = 24 * 3_600_000
LEASE = 60_000
NOTHING = Progress()
DEATH = Death(
    kind=DeadKind.REJECTED,
    code="hubspot-400",
    message="HubSpot refused a property",
    mend="create the property",
    step="contact",
    request={"method": "POST", "path": "/contacts"},
    response={"status": 400, "excerpt": "PROPERTY_DOESNT_EXIST"},
    fingerprint="rejected:contact",
)


def new_event(event_id: str, *, at_ms: int = NOW, content: bytes | None = None, source: str = "aisoule") -> NewEvent:
    return NewEvent(
        source=source,
        event_id=event_id,
        type="message.received",
        raw_type="message.incoming",
        time_ms=at_ms - 5,
        received_at_ms=at_ms,
        content=TEXT.encode() if content is None else content,
        headers={"x-aisoule-event": "message.incoming"},
        query={"v": "1"},
    )


def plan(
    rule: str = "rule",
    *,
    key: str | None = PHONE_E164,
    lanes: Sequence[str] = ("hubspot",),
    destination: str = "hubspot",
    recall: Mapping[str, str] | None = None,
    window: tuple[str, int] | None = None,
    forward: tuple[str, int] | None = None,
) -> NewDelivery:
    return NewDelivery(
        rule=rule,
        revision="r1",
        key=key,
        lanes=lanes,
        destination=destination,
        recall=recall or {},
        coalesce=None if window is None else Coalesce(*window),
        forward=None if forward is None else Forward(*forward),
    )


def begun(number: int = 1, *, at_ms: int = NOW) -> AttemptStart:
    return AttemptStart(number, "contact", "contacts.upsert", at_ms, {"method": "POST"}, "r1")


def ended(number: int = 1, outcome: Outcome = Outcome.SUCCEEDED, *, at_ms: int = NOW) -> AttemptEnd:
    status = 200 if outcome is Outcome.SUCCEEDED else 500
    return AttemptEnd(number, at_ms, outcome, status, "code", "what happened", "excerpt")


async def accept(store: Store, event_id: str, *, at_ms: int = NOW) -> StoredEvent:
    [answer] = await store.accept([new_event(event_id, at_ms=at_ms)])
    assert answer.event is not None
    return answer.event


async def bring(store: Store, event_id: str, *plans: NewDelivery, at_ms: int = NOW) -> Routed:
    event = await accept(store, event_id, at_ms=at_ms)
    return await route(store, event, *plans, at_ms=at_ms)


async def route(store: Store, event: StoredEvent, *plans: NewDelivery, at_ms: int = NOW) -> Routed:
    [routed] = await store.route([(event.seq, plans)], now_ms=at_ms)
    return routed


async def claim(store: Store, destination: str = "hubspot", *, at_ms: int = NOW, limit: int = 100) -> list[Claim]:
    return await store.claim(destination, worker="w1", now_ms=at_ms, lease_ms=LEASE, limit=limit)


async def claim_one(store: Store, destination: str = "hubspot", *, at_ms: int = NOW) -> Claim:
    [claimed] = await claim(store, destination, at_ms=at_ms)
    return claimed


async def finish(store: Store, claimed: Claim, *, at_ms: int = NOW) -> frozenset[str]:
    return await store.settle(claimed.lease, DeliveryState.DONE, NOTHING, now_ms=at_ms)


async def kill(store: Store, claimed: Claim, *, at_ms: int = NOW, death: Death = DEATH) -> frozenset[str]:
    return await store.settle(claimed.lease, DeliveryState.DEAD, NOTHING, now_ms=at_ms, death=death)


async def delivery(store: Store, rule: str = "rule") -> Delivery:
    """The newest delivery of a rule."""
    return (await store.deliveries(DeliveryFilter(rule=rule, limit=1)))[0]


async def states(store: Store) -> list[DeliveryState]:
    """The states of all deliveries, oldest first."""
    return [found.state for found in reversed(await store.deliveries(DeliveryFilter(limit=1000)))]


def sender_ids(claims: Sequence[Claim]) -> list[str]:
    """Which events were claimed, by the sender's id."""
    return [claimed.event.event_id for claimed in claims]
