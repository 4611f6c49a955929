"""What holders of leases write: step boundaries, giving the lease back, the end of a delivery. Many at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bridge.errors import LeaseLost, StoreError
from bridge.model import AttemptEnd, AttemptStart, Death, DeliveryState, Forward, Lease, LinkWrite, Newer, Outcome
from bridge.store.protocol import Progress
from bridge.store.sqlite import lanes, marks, states
from bridge.store.sqlite.session import Row, SqlValue, Transaction, dump, numbers


class Extension(NamedTuple):
    """The holder goes on; the fields are those of `Store.advance`."""

    now_ms: int
    lease_ms: int


class Postponement(NamedTuple):
    """How a lease is given back; the fields are those of `Store.postpone`."""

    now_ms: int
    due_at_ms: int
    destination: str
    failed: bool
    step_aside: bool
    queue: str = ""


class Settlement(NamedTuple):
    """How a delivery ends; the fields are those of `Store.settle`."""

    state: DeliveryState
    now_ms: int
    reason: str | None
    death: Death | None


How = Extension | Postponement | Settlement


class Boundary(NamedTuple):
    """One thing that one holder writes."""

    lease: Lease
    progress: Progress
    how: How


class _Held(NamedTuple):
    """A delivery whose holder writes; `ordinal` is that of its last attempt, 0 without any."""

    boundary: Boundary
    standing: states.Standing
    about: marks.Wanted
    ordinal: int


def write(tx: Transaction, boundaries: Sequence[Boundary]) -> list[states.Wake | LeaseLost]:
    """Write what many holders have to say; who has lost the lease is told so, and the others are not held up."""
    answers: list[states.Wake | LeaseLost] = [states.NOBODY] * len(boundaries)
    for chosen in _rounds(boundaries):
        rows = {row[0]: row for row in tx.tuples("held", numbers(boundaries[at].lease.delivery_seq for at in chosen))}
        held: dict[int, _Held] = {}
        for at in chosen:
            boundary = boundaries[at]
            row = rows.get(boundary.lease.delivery_seq)
            if row is None or row[5] != boundary.lease.fence:
                answers[at] = _lost(boundary.lease)
            else:
                held[at] = _held(boundary, row)
        wake = _write_round(tx, list(held.values()))
        for at, one in held.items():
            answers[at] = wake.get(one.standing.seq, states.NOBODY)
    return answers


def _rounds(boundaries: Sequence[Boundary]) -> Iterator[list[int]]:
    """Cut into rounds in which every delivery has one part: whoever writes twice does so in order."""
    chosen: list[int] = []
    seen: set[int] = set()
    for at, boundary in enumerate(boundaries):
        seq = boundary.lease.delivery_seq
        if seq in seen:
            yield chosen
            chosen, seen = [], set()
        chosen.append(at)
        seen.add(seq)
    if chosen:
        yield chosen


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"delivery number {lease.delivery_seq} is no longer held with fence {lease.fence}")


def _held(boundary: Boundary, row: Row) -> _Held:
    forward = None if row[6] is None else Forward(row[6], row[7])
    newer = None if row[8] is None else Newer(row[8], row[9])
    return _Held(boundary, states.Standing._make(row[:5]), (row[1], forward, newer), row[10] or 0)


def _write_round(tx: Transaction, held: Sequence[_Held]) -> Mapping[int, states.Wake]:
    _write_attempts(tx, held)
    for one in held:
        if one.boundary.progress.links:
            write_links(tx, one.boundary.progress.links, now_ms=one.boundary.how.now_ms)
    _extend(tx, held)
    return {**_postpone(tx, held), **_settle(tx, held)}


def _learnt(progress: Progress) -> states.Learnt:
    if progress.state is None:
        return states.Learnt(None, progress.end is not None)
    return states.Learnt(dump(progress.state), any=True)


def _extend(tx: Transaction, held: Sequence[_Held]) -> None:
    rows: list[tuple[SqlValue, ...]] = []
    for one in held:
        how, progress = one.boundary.how, one.boundary.progress
        if isinstance(how, Extension):
            learnt = _learnt(progress)
            # Who ended an attempt has survived it: what happened before is no sign of poison any more.
            survived = progress.end is not None
            rows.append((one.standing.seq, how.now_ms + how.lease_ms, survived, learnt.progress, learnt.any))
    tx.write_rows("set_advanced", rows)


def _postpone(tx: Transaction, held: Sequence[_Held]) -> dict[int, states.Wake]:
    waiting = [
        states.Waiting(
            standing=one.standing,
            now_ms=how.now_ms,
            due_at_ms=how.due_at_ms,
            destination=how.destination,
            queue=how.queue,
            failed=how.failed,
            aside=how.step_aside,
            learnt=_learnt(one.boundary.progress),
        )
        for one in held
        if isinstance(how := one.boundary.how, Postponement)
    ]
    if not waiting:
        return {}
    states.wait(tx, waiting)
    wake = dict(lanes.leave(tx, {one.standing.seq: one.now_ms for one in waiting if one.aside}))
    for one in waiting:
        # Who waits in a queue is not claimable by time alone: whoever opens the queue knows that it does.
        if one.due_at_ms <= one.now_ms and not one.queue:
            wake[one.standing.seq] = wake.get(one.standing.seq, states.NOBODY) | {one.destination}
    return wake


def _settle(tx: Transaction, held: Sequence[_Held]) -> Mapping[int, states.Wake]:
    endings: list[states.Ending] = []
    done: list[tuple[marks.Wanted, int]] = []
    for one in held:
        how, progress = one.boundary.how, one.boundary.progress
        if not isinstance(how, Settlement):
            continue
        failed = progress.end is not None and progress.end.outcome is not Outcome.SUCCEEDED
        endings.append(
            states.Ending(
                one.standing, how.state, how.now_ms, how.reason, how.death, failed=failed, learnt=_learnt(progress)
            )
        )
        if how.state is DeliveryState.DONE:
            done.append((one.about, how.now_ms))
    if not endings:
        return {}
    marks.raise_all(tx, done)
    return states.settle_all(tx, endings)


def write_links(tx: Transaction, links: Iterable[LinkWrite], *, now_ms: int) -> None:
    """Remember or forget links; of two writes to one link the later one counts."""
    last = {(link.name, link.key): link.value for link in links}
    remembered = [(*link, dump(value), now_ms) for link, value in last.items() if value is not None]
    tx.write_rows("write_links", remembered)
    for link, value in last.items():
        if value is None:
            tx.write("forget_link", link)


def _write_attempts(tx: Transaction, held: Sequence[_Held]) -> None:
    ended: list[tuple[SqlValue, ...]] = []
    begun: list[tuple[SqlValue, ...]] = []
    for one in held:
        seq, progress = one.standing.seq, one.boundary.progress
        if progress.end is not None:
            ended.append(_end_row(seq, one.ordinal, progress.end))
        if progress.start is not None:
            begun.append(_start_row(seq, one.ordinal + 1, progress.start))
    if tx.write_rows("end_attempts", ended) != len(ended):
        raise StoreError("an attempt that was to be ended is not the one begun last")
    tx.write_rows("begin_attempts", begun)


def _start_row(seq: int, ordinal: int, start: AttemptStart) -> tuple[SqlValue, ...]:
    about = (start.number, start.step, start.operation, start.started_at_ms)
    return (seq, ordinal, *about, dump(start.request), start.revision)


def _end_row(seq: int, ordinal: int, end: AttemptEnd) -> tuple[SqlValue, ...]:
    verdict = (end.ended_at_ms, end.outcome.value, end.status, end.code, end.message, end.excerpt)
    return (seq, ordinal, end.number, *verdict)
