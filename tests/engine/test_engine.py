"""The engine's life: start, reload, stop, sudden death."""

import asyncio
import sqlite3
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import StoreFailed, StoreUnavailable
from bridge.sandbox import FaultKind, FaultSpec
from bridge.store.protocol import DeliveryFilter
from bridge.store.sqlite import SqliteStore
from tests.engine.conftest import MakeWorld
from tests.engine.world import World

HANG = FaultSpec(fault=FaultKind.SLOW, delay_ms=1_000)


class Refusing(sqlite3.Connection):
    """A store's file that goes wrong at the commits that a test chooses."""

    codes: list[int]

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and Refusing.codes:
            error = sqlite3.OperationalError("refused")
            error.sqlite_errorcode = Refusing.codes.pop(0)
            error.sqlite_errorname = "SQLITE_TEST"
            raise error
        return super().execute(sql, *given)


@pytest.fixture
async def refusing(make_world: MakeWorld) -> World:
    """A world whose store refuses the next commits with the codes in `Refusing.codes`."""
    Refusing.codes = []
    world = make_world()
    await world.open()
    await world.store.store.close()
    world.store.store = await SqliteStore.open(world.folder / "bridge.db", connection_class=Refusing)
    await world.engine.start()
    return world


async def test_a_graceful_stop_lets_what_is_in_flight_finish(world: World) -> None:
    world.sandbox.faults.add(HANG)
    await world.order(1)
    await world.order(2)
    await world.requests(1)
    stopping = asyncio.create_task(world.engine.stop(within_s=60))
    world.clock.advance(1_000)
    await stopping
    assert await world.states() == ["done", "pending"]
    await world.store.store.close()
    await world.start()
    await world.settle()
    assert world.orders() == ["o1", "o2"]
    assert len(world.sandbox.journal) == 2


TWO_STEPS = """\
- name: two
  on: orders/*
  steps:
    - {id: first, use: erp.post, with: {path: /first, json: {order: "{{ body.id }}"}}}
    - {id: second, use: erp.post, with: {path: /second, json: {order: "{{ body.id }}", of: "{{ steps.first.id }}"}}}
"""


async def test_a_graceful_stop_ends_between_two_steps_and_goes_on_there(make_world: MakeWorld) -> None:
    world = make_world(rules=TWO_STEPS)
    await world.start()
    world.sandbox.faults.add(HANG)
    await world.order(1)
    await world.requests(1)
    stopping = asyncio.create_task(world.engine.stop(within_s=60))
    world.clock.advance(1_000)
    await stopping
    assert [record.path for record in world.sandbox.generic.records] == ["/first"]
    await world.store.store.close()
    await world.start()
    await world.settle()
    assert [record.path for record in world.sandbox.generic.records] == ["/first", "/second"]


async def test_what_must_be_abandoned_is_given_back_and_is_no_crash(make_world: MakeWorld) -> None:
    world = make_world()
    for _ in range(4):  # more often than a worker may crash over one delivery
        await world.start()
        world.fault(FaultKind.SLOW, delay_ms=10**9)
        if not await world.states():
            await world.order(1)
        await world.requests(world.sandbox.journal.seen + 1)
        await world.stop(within_s=0)
        world.sandbox.faults.clear()
    await world.start()
    await world.settle()
    assert await world.states() == ["done"]
    assert world.orders() == ["o1"]


async def test_after_a_sudden_death_everything_goes_on_once_and_in_order(world: World) -> None:
    world.sandbox.faults.add(FaultSpec(fault=FaultKind.SLOW, delay_ms=10**9, applied=True))
    for number in range(4):
        await world.order(number)
    await world.requests(1)
    await world.kill()
    await world.start()
    await world.settle()
    assert world.orders() == [f"o{number}" for number in range(4)]
    assert await world.states() == ["done"] * 4
    await world.assert_balanced()


async def test_a_death_while_an_answer_is_awaited_is_no_sign_of_poison(world: World) -> None:
    world.sandbox.faults.add(FaultSpec(fault=FaultKind.SLOW, delay_ms=10**9, times=5))
    await world.order(1)
    for number in range(5):
        await world.requests(number + 1)
        await world.kill()
        await world.start()
    await world.settle()
    assert await world.states() == ["done"]
    assert world.orders() == ["o1"]


async def test_a_store_that_cannot_write_for_a_while_forgets_no_answer(refusing: World) -> None:
    world = refusing
    world.sandbox.faults.add(HANG)
    await world.order(1)
    await world.requests(1)
    Refusing.codes = [sqlite3.SQLITE_FULL] * 2
    world.clock.advance(1_000)
    await world.sandbox.wait_for(lambda: world.orders() == ["o1"])

    async def tried() -> bool:
        return len(Refusing.codes) < 2

    await world.store.until(tried)
    while await world.states() != ["done"]:
        changed = world.store.changed
        world.clock.advance(1_000)
        await changed.wait()
    assert len(world.sandbox.journal) == 1
    assert world.failures == []


async def test_events_wait_in_their_order_while_the_store_cannot_write(refusing: World) -> None:
    world = refusing
    await world.order(0)
    await world.calm()
    received = [world.received("orders", {"kind": "placed", "id": f"o{n}", "customer": "c1"}) for n in range(1, 6)]
    for each in received:
        await world.store.store.accept(each.events)
    Refusing.codes = [sqlite3.SQLITE_BUSY]
    catching_up = asyncio.create_task(world.engine.router.catch_up())

    async def refused() -> bool:
        return not Refusing.codes

    await world.store.until(refused)
    while not catching_up.done():
        world.clock.advance(1_000)
        await asyncio.wait(
            {catching_up, asyncio.ensure_future(world.store.changed.wait())}, return_when="FIRST_COMPLETED"
        )
    await world.settle()
    assert world.orders() == [f"o{number}" for number in range(6)]


async def test_a_store_that_failed_is_reported_and_nothing_is_sent(refusing: World) -> None:
    world = refusing
    Refusing.codes = [sqlite3.SQLITE_IOERR]
    with pytest.raises(StoreFailed):
        await world.order(1)
    assert len(world.sandbox.journal) == 0


async def test_a_store_that_fails_under_a_delivery_ends_the_process(refusing: World) -> None:
    world = refusing
    world.sandbox.faults.add(HANG)
    await world.order(1)
    await world.requests(1)
    Refusing.codes = [sqlite3.SQLITE_IOERR]
    world.clock.advance(1_000)

    async def reported() -> bool:
        return bool(world.failures)

    await world.store.until(reported)
    assert isinstance(world.failures[0], StoreFailed)


async def test_a_full_queue_is_said_before_anything_is_stored(make_world: MakeWorld) -> None:
    world = make_world()
    await world.open()  # nothing routes yet
    for number in range(25):  # of 50 places: a source among others may have as many as are still free
        await world.order(number)
    with pytest.raises(StoreUnavailable):
        await world.order(25)
    assert (await world.store.store.books()).accepted == 25


async def test_a_duplicate_is_one_event_and_one_delivery(world: World) -> None:
    first, second = await asyncio.gather(world.order(1), world.order(1, note="other bytes"))
    assert first.id == second.id
    assert sorted([first.duplicate, second.duplicate]) == [False, True]
    await world.settle()
    assert world.orders() == ["o1"]


FAULTS = st.sampled_from(
    [
        FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=3),
        FaultSpec(fault=FaultKind.STATUS, status=429),
        FaultSpec(fault=FaultKind.STATUS, status=500),
        FaultSpec(fault=FaultKind.STATUS, status=503, applied=True),
        FaultSpec(fault=FaultKind.STATUS, status=422),
        FaultSpec(fault=FaultKind.RESET),
        FaultSpec(fault=FaultKind.RESET, applied=True),
        FaultSpec(fault=FaultKind.HALF_BODY),
        FaultSpec(fault=FaultKind.HTML_200, applied=True),
        FaultSpec(fault=FaultKind.REDIRECT),
    ]
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.tuples(st.integers(0, 12), FAULTS), max_size=8), kills=st.sets(st.integers(0, 5), max_size=2))
async def test_the_books_balance_and_nothing_is_doubled_whatever_goes_wrong(
    make_world: MakeWorld, tmp_path_factory: pytest.TempPathFactory, faults: list[Any], kills: set[int]
) -> None:
    world = make_world()
    world.folder = tmp_path_factory.mktemp("world")
    world.sandbox.reset()
    for after, spec in faults:
        world.sandbox.faults.add(spec.model_copy(update={"after": after}))
    await world.start()
    try:
        for number in range(6):
            await world.order(number, customer=f"c{number % 2}")
            if number in kills:
                await world.kill()
                await world.start()
        await world.settle()
        await world.assert_balanced()
        done = [
            delivery.event_id
            for delivery in await world.store.store.deliveries(DeliveryFilter())
            if str(delivery.state) == "done"
        ]
        orders = world.orders()
        assert len(orders) == len(set(orders)) >= len(done)
        assert set(await world.states()) <= {"done", "dead"}
        assert world.failures == []
    finally:
        await world.stop(within_s=0)
        del world.store
