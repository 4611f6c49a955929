"""What is old enough leaves the store; the counters stay."""

import os
from pathlib import Path

import pytest

from bridge.engine.maintenance import EVERY_MS
from bridge.sandbox import FaultKind
from bridge.store.protocol import ReplayId
from tests.conftest import log_text
from tests.engine import world as engine_world
from tests.engine.world import CONFIGURATION, DAY_MS, World


async def counts(world: World) -> tuple[int, int]:
    """Events and deliveries that the store holds."""
    return len(await world.store.store.events(limit=1000)), len(await world.states())


@pytest.mark.parametrize(("days", "left"), [(6.9, 1), (7.1, 0)])
async def test_done_deliveries_leave_after_their_time(world: World, days: float, left: int) -> None:
    await world.order(1)
    await world.settle()
    world.clock.advance(int(days * DAY_MS))
    await world.engine._housekeeping.prune()
    assert await counts(world) == (left, left)
    assert (await world.store.store.books()).accepted == 1


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
async def test_dead_letters_stay_longer(world: World, days: int, left: int) -> None:
    world.fault(FaultKind.STATUS, status=422)
    await world.order(1)
    await world.settle()
    world.clock.advance(days * DAY_MS)
    await world.engine._housekeeping.prune()
    assert await counts(world) == (left, left)


@pytest.mark.parametrize(("hours", "duplicate"), [(8 * 24 - 1, True), (8 * 24 + 1, False)])
async def test_a_senders_id_outlives_its_event(world: World, hours: int, *, duplicate: bool) -> None:
    await world.order(1)
    await world.settle()
    world.clock.advance(hours * 3_600_000)
    await world.engine._housekeeping.prune()
    assert await counts(world) == (0, 0)
    assert (await world.order(1)).duplicate is duplicate


async def test_what_waits_is_never_removed(world: World) -> None:
    world.fault(FaultKind.STATUS, status=401, times=None)
    await world.order(1)
    await world.calm()
    world.clock.advance(100 * DAY_MS)
    await world.engine._housekeeping.prune()
    assert await world.states() == ["pending"]


async def test_housekeeping_comes_by_every_hour(world: World) -> None:
    await world.order(1)
    await world.settle()
    world.clock.advance(8 * DAY_MS + EVERY_MS)

    async def gone() -> bool:
        return await counts(world) == (0, 0)

    await world.store.until(gone)


async def test_a_longer_window_after_a_reload_is_remembered_also_for_what_came_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.order(1)
    await world.settle()
    monkeypatch.setattr(
        engine_world, "CONFIGURATION", CONFIGURATION.replace("  orders:\n", "  orders:\n    dedupe: 20d\n")
    )
    await world.reload()
    world.clock.advance(19 * DAY_MS)
    await world.engine._housekeeping.prune()
    assert await counts(world) == (0, 0)
    assert (await world.order(1)).duplicate
    world.clock.advance(DAY_MS)
    await world.engine._housekeeping.prune()
    assert not (await world.order(1)).duplicate


async def test_request_ids_that_may_come_once_leave_when_their_time_is_over(world: World) -> None:
    received = world.received("orders", {"kind": "placed", "id": "o1", "customer": "c1"})
    once = ReplayId("orders", "msg_1", 600_000, b"digest", world.clock.now_ms())
    await world.engine.acceptor.accept(received.events, once)
    for step, gone in ((599_999, 0), (1, 1)):
        world.clock.advance(step)
        assert await world.engine._housekeeping.prune() == gone


def captured(world: World, name: str, age_days: float) -> Path:
    """A captured request of that age."""
    configuration = world.engine.present.configuration
    folder = configuration.settings.store.store_path(configuration.base_dir).parent / "captures" / "orders"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("{}")
    moment_s = (world.clock.now_ms() - age_days * DAY_MS) / 1000
    os.utime(file, (moment_s, moment_s))
    return file


async def test_captured_requests_leave_with_the_events_of_their_time(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "0001.request.json"
    outside.write_text("{}")
    os.utime(outside, (0, 0))
    (captured(world, "0004.request.json", 8).parent.parent / "linked").symlink_to(tmp_path)
    new = captured(world, "0003.request.json", 6.9)
    old = [captured(world, name, 7.1) for name in ("0001.request.json", "0001.body.json", "0002.body.bin")]
    world.engine._housekeeping.prune_captures()
    assert [file.exists() for file in (*old, new, outside)] == [False, False, False, True, True]
    assert '"files":4' in log_text()


async def test_captured_requests_that_cannot_be_removed_now_are_removed_the_next_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("0001.request.json", "0002.request.json", "0003.request.json")
    first, old, last = [captured(world, name, 8) for name in names]
    unlink = Path.unlink

    def refusing(path: Path, **named: bool) -> None:
        if path == old:
            old.parent.rmdir()  # not empty
        unlink(path, **named)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", refusing)
        await world.engine._housekeeping.tidy()
    assert "capture.not_removed" in log_text()
    assert [file.exists() for file in (first, old, last)] == [False, True, False]
    await world.engine._housekeeping.tidy()
    assert not old.exists()
