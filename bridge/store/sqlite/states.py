"""The one place where a delivery changes its state, so that the table of transitions and the books always hold."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bridge.errors import StoreError
from bridge.model import TRANSITIONS, Death, DeliveryState, NewDelivery
from bridge.store.sqlite import lanes
from bridge.store.sqlite.session import SqlValue, Transaction, dump, numbers

_ALLOWED = frozenset((before.value, after.value) for before, allowed in TRANSITIONS.items() for after in allowed)

Wake = frozenset[str]
NOBODY: Wake = frozenset()


class Standing(NamedTuple):
    """A delivery as it stands, with what a change of its state has to know."""

    seq: int
    rule: str
    book: str
    state: str
    attempts: int


class Learnt(NamedTuple):
    """What the holder of a lease writes along with a change; `progress` is JSON, None to keep what is there.

    `any` is false when nothing was learnt since the lease began: then an earlier crash is still of interest.
    """

    progress: str | None = None
    any: bool = False


NOTHING = Learnt()


class Waiting(NamedTuple):
    """A delivery that goes back to waiting."""

    standing: Standing
    now_ms: int
    due_at_ms: int
    destination: str
    queue: str
    failed: bool
    aside: bool
    learnt: Learnt


class Ending(NamedTuple):
    """A delivery that ends."""

    standing: Standing
    to: DeliveryState
    now_ms: int
    reason: str | None = None
    death: Death | None = None
    failed: bool = False
    learnt: Learnt = NOTHING


def _change(tx: Transaction, standing: Standing, to: DeliveryState) -> None:
    if (standing.state, to) not in _ALLOWED:
        raise StoreError(f"a delivery that is {standing.state} cannot become {to}")
    tx.count(standing.rule, standing.state, -1, destination=standing.book)
    tx.count(standing.rule, to.value, destination=standing.book)


def start(tx: Transaction, standings: Sequence[Standing], *, worker: str, until_ms: int) -> None:
    """Lease deliveries: running, with the next fence."""
    for standing in standings:
        _change(tx, standing, DeliveryState.RUNNING)
    if standings:
        seqs = dump([standing.seq for standing in standings])
        tx.write("set_running", {"seqs": seqs, "worker": worker, "until": until_ms})


def wait(tx: Transaction, waiting: Sequence[Waiting]) -> None:
    """Back to waiting: retrying after a failed attempt, else pending."""
    rows: list[tuple[SqlValue, ...]] = []
    for one in waiting:
        to = DeliveryState.RETRYING if one.failed else DeliveryState.PENDING
        _change(tx, one.standing, to)
        place = (one.due_at_ms, one.destination, one.queue)
        rows.append((one.standing.seq, to.value, *place, one.failed, one.now_ms, one.aside, *_columns(one.learnt)))
    tx.write_rows("set_waiting", rows)


def interrupt(tx: Transaction, standings: Sequence[Standing]) -> None:
    """End leases whose holders vanished."""
    for standing in standings:
        _change(tx, standing, DeliveryState.PENDING)
    if standings:
        tx.write("set_interrupted", numbers(standing.seq for standing in standings))


def settle(tx: Transaction, ending: Ending) -> Wake:
    """End one delivery; see :func:`settle_all`."""
    return settle_all(tx, [ending]).get(ending.standing.seq, NOBODY)


def settle_all(tx: Transaction, endings: Sequence[Ending]) -> Mapping[int, Wake]:
    """End deliveries, leave their lanes, write dead letters; returns by number whom to wake, absent for nobody."""
    rows: list[tuple[SqlValue, ...]] = []
    for one in endings:
        standing, to = one.standing, one.to
        if to.is_open or (to is DeliveryState.DEAD) != (one.death is not None):
            raise StoreError(f"a delivery cannot be settled as {to} {'with' if one.death else 'without'} a death")
        _change(tx, standing, to)
        if standing.state == DeliveryState.DEAD:
            tx.write("delete_death", (standing.seq,))
        if one.death is not None:
            attempts = standing.attempts + one.failed
            write_death(tx, standing.seq, standing.rule, one.death, now_ms=one.now_ms, attempts=attempts)
        rows.append((standing.seq, to.value, one.reason, one.now_ms, one.failed, *_columns(one.learnt)))
    tx.write_rows("set_settled", rows)
    return lanes.leave(tx, {one.standing.seq: one.now_ms for one in endings})


def _columns(learnt: Learnt) -> tuple[str | None, bool]:
    return learnt.progress, learnt.any


def restart(
    tx: Transaction, standing: Standing, plan: NewDelivery, progress: Mapping[str, object], *, now_ms: int
) -> int:
    """Bring a settled delivery back as `plan` says, at the end of its lanes; returns in how many it must wait."""
    _change(tx, standing, DeliveryState.PENDING)
    tx.write("delete_death", (standing.seq,))
    stands_in = lanes.wanted(plan) if plan.state is DeliveryState.PENDING else ()
    places = lanes.Line(tx, [(name, plan.key or "") for name in stands_in]).places(plan.key, stands_in)
    lanes.enter(tx, [(standing.seq, places)])
    values: dict[str, SqlValue] = {
        "seq": standing.seq,
        "revision": plan.revision,
        "key": plan.key,
        "lanes": dump(lanes.wanted(plan)),
        "destination": plan.destination,
        "ordering": plan.order.value,
        "hold": plan.order_hold_ms,
        "recall": dump(plan.recall),
        "by": plan.forward.by if plan.forward else None,
        "rank": plan.forward.rank if plan.forward else None,
        "newer_by": plan.newer.by if plan.newer else None,
        "newer_ms": plan.newer.time_ms if plan.newer else None,
        "progress": dump(progress),
        "now": now_ms,
        "blocked": lanes.blocked(places),
    }
    tx.write("set_replayed", values)
    return lanes.blocked(places)


def write_death(tx: Transaction, seq: int, rule: str, death: Death, *, now_ms: int, attempts: int) -> None:
    """Write the dead letter, not exported yet."""
    values: dict[str, SqlValue] = {
        "seq": seq,
        "now": now_ms,
        "rule": rule,
        "kind": death.kind.value,
        "code": death.code,
        "message": death.message,
        "mend": death.mend,
        "step": death.step,
        "request": None if death.request is None else dump(death.request),
        "response": None if death.response is None else dump(death.response),
        "fingerprint": death.fingerprint,
        "attempts": attempts,
    }
    tx.write("insert_death", values)
