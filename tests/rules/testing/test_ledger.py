"""The bookkeeping of rule tests held against the real store: the same events, the same decisions.

Random histories of plans (windows, marks, lanes) and of what comes of them are told to both.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.model import Coalesce, DeliveryState, Forward, NewDelivery, Newer, Order
from bridge.rules.testing.ledger import Ledger
from bridge.store.protocol import DeliveryFilter, Progress
from bridge.store.sqlite import SqliteStore
from tests.store.examples import DEATH, bring, claim

START_MS = 1_767_225_600_000
NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True)
class Arrival:
    """An event that comes `after_ms` after what was before it, and what its rule makes of it."""

    after_ms: int
    plan: NewDelivery


@dataclass(frozen=True)
class Ending:
    """What becomes of the delivery that may start next, if there is one."""

    after_ms: int
    how: str


def plans() -> st.SearchStrategy[NewDelivery]:
    """Deliveries of two rules and two keys that meet in windows, marks and lanes."""

    def build(rule: str, key: str | None, group: str | None, rank: int | None, time_ms: int | None) -> NewDelivery:
        lanes = ("erp",) if rule == "a" else ("erp", "crm")
        return NewDelivery(
            rule=rule,
            revision="1",
            key=key,
            lanes=lanes if key is not None else (),
            destination="erp",
            order=Order.HOLD,
            recall={"link": key or "x"},
            coalesce=None if group is None else Coalesce(group, 1_000),
            forward=None if rank is None else Forward("m", rank),
            newer=None if time_ms is None else Newer("n", time_ms),
        )

    return st.builds(
        build,
        st.sampled_from(["a", "b"]),
        st.sampled_from([None, "k", "l"]),
        st.sampled_from([None, None, "g", "h"]),
        st.sampled_from([None, 0, 1, 2]),
        st.sampled_from([None, 10, 20]),
    )


steps = st.lists(
    st.one_of(
        st.builds(Arrival, st.sampled_from([0, 1, 400, 1_500]), plans()),
        st.builds(Ending, st.sampled_from([0, 1, 600]), st.sampled_from(["done", "dead", "retry", "aside", "skipped"])),
    ),
    min_size=1,
    max_size=14,
)


IN_LINE = NewDelivery("a", "1", key="k", lanes=("erp",), destination="erp")


@settings(max_examples=20, deadline=None)
@given(steps)
@example([Arrival(0, IN_LINE), Arrival(0, IN_LINE), Ending(0, "aside"), Ending(0, "done"), Ending(600, "done")])
def test_the_ledger_decides_as_the_store_does(history: list[Arrival | Ending]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(_both(Path(folder), history))


async def _both(folder: Path, history: list[Arrival | Ending]) -> None:
    store = await SqliteStore.open(folder / "bridge.db")
    try:
        ledger, now_ms = Ledger(), START_MS
        for number, step in enumerate(history):
            now_ms += step.after_ms
            if isinstance(step, Arrival):
                await _arrive(store, ledger, step.plan, number, now_ms)
            else:
                await _end(store, ledger, step.how, now_ms)
            assert await _standing(store) == _standing_of(ledger)
    finally:
        await store.close()


async def _arrive(store: SqliteStore, ledger: Ledger, plan: NewDelivery, number: int, now_ms: int) -> None:
    await bring(store, f"e{number}", plan, at_ms=now_ms)
    ledger.place(plan, now_ms, scope=NOTHING, event_id="evt_1")


async def _end(store: SqliteStore, ledger: Ledger, how: str, now_ms: int) -> None:
    claims = await claim(store, "erp", at_ms=now_ms, limit=1)
    entry = ledger.claim(now_ms)
    assert [each.delivery.seq for each in claims] == ([entry.seq] if entry is not None else [])
    if entry is None:
        return
    [claimed] = claims
    assert claimed.high_water == ledger.high_water(entry.plan)
    assert claimed.newest_ms == ledger.newest_ms(entry.plan)
    if how in {"retry", "aside"}:
        due_ms, aside = now_ms + 500, how == "aside"
        await store.postpone(
            claimed.lease, Progress(), now_ms=now_ms, due_at_ms=due_ms, destination="erp", failed=True, step_aside=aside
        )
        ledger.postpone(entry, due_ms, failed=True, aside=aside)
        return
    state = DeliveryState(how)
    death = DEATH if state is DeliveryState.DEAD else None
    await store.settle(claimed.lease, state, Progress(), now_ms=now_ms, death=death)
    ledger.settle(entry, state, death=death)


async def _standing(store: SqliteStore) -> list[tuple[int, str, int | None, str | None]]:
    found = await store.deliveries(DeliveryFilter(limit=100))
    return sorted(
        (each.seq, str(each.state), each.due_at_ms if each.state.is_open else None, each.reason) for each in found
    )


def _standing_of(ledger: Ledger) -> list[tuple[int, str, int | None, str | None]]:
    return [(each.seq, str(each.state), each.due_ms if each.is_open else None, each.reason) for each in ledger.entries]
