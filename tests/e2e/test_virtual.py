"""Hours of simulated time, with the real engine and the real wire."""

import time
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox import FaultKind, FaultSpec, Match
from tests.e2e.virtual import HOUR_MS, MINUTE_MS, PREAMBLE, VirtualWorld

ORDER = (
    PREAMBLE
    + """\
rules:
  - name: order
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - {id: post, use: erp.post, with: {path: /orders, json: {order: "{{ body.id }}"}}}
"""
)


def order(number: int, customer: int = 1) -> dict[str, Any]:
    return {"kind": "placed", "id": f"o{number}", "customer": f"c{customer}"}


async def test_a_delivery_is_retried_over_hours_of_simulated_time(tmp_path: Path) -> None:
    async with VirtualWorld(ORDER, tmp_path) as world:
        begun_ms = world.clock.now_ms()
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=503, times=7))

        await world.accept(order(1))
        await world.until(world.settled)

        arrivals = [entry.at_ms - begun_ms for entry in world.sandbox.journal]
        assert len(arrivals) == 8
        assert 1.5 * HOUR_MS < arrivals[-1] < 4 * HOUR_MS
        assert await world.counts("order") == {"done": 1}


async def test_the_time_stands_still_while_there_is_work(tmp_path: Path) -> None:
    async with VirtualWorld(ORDER, tmp_path) as world:
        begun_ms = world.clock.now_ms()

        await world.accept(*(order(number, number % 7) for number in range(200)))
        await world.until(world.settled)

        assert {entry.at_ms for entry in world.sandbox.journal} == {begun_ms}
        assert world.clock.now_ms() == begun_ms


async def test_a_slow_api_takes_simulated_time(tmp_path: Path) -> None:
    async with VirtualWorld(ORDER, tmp_path) as world:
        begun_ms = world.clock.now_ms()
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.SLOW, delay_ms=9_000, times=None))

        await world.accept(order(1, 1), order(2, 1), order(3, 2))
        await world.until(world.settled)

        assert [entry.at_ms - begun_ms for entry in world.sandbox.journal] == [0, 0, 9_000]
        assert world.clock.now_ms() == begun_ms + 18_000


async def test_a_request_without_an_answer_times_out_in_simulated_time(tmp_path: Path) -> None:
    async with VirtualWorld(ORDER, tmp_path) as world:
        begun_ms = world.clock.now_ms()
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.TIMEOUT, times=1))

        await world.accept(order(1))
        await world.until(lambda: len(world.sandbox.generic.records) == 1)

        first, second = (entry.at_ms - begun_ms for entry in world.sandbox.journal)
        assert first == 0
        assert 15_000 < second <= 15_000 + 2_000  # the destination's timeout, then the first wait


async def test_what_does_not_come_about_fails_after_its_time(tmp_path: Path) -> None:
    async with VirtualWorld(ORDER, tmp_path) as world:
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=503, times=None))
        await world.accept(order(1))

        with pytest.raises(AssertionError, match="within 600000 ms"):
            await world.until(world.settled, at_most_ms=10 * MINUTE_MS)
        assert await world.counts("order") == {"retrying": 1}


async def test_a_restart_goes_on_where_it_stood(tmp_path: Path) -> None:
    async with VirtualWorld(ORDER, tmp_path) as world:
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=503, match=Match(api="generic"), times=2))
        await world.accept(order(1), order(2, 2))
        await world.quiet()

        await world.restart()
        await world.run_for(MINUTE_MS)

        assert sorted(record.body["order"] for record in world.sandbox.generic.records) == ["o1", "o2"]
        assert await world.settled()


@pytest.mark.timeout(60)
async def test_thousands_of_events_pass_in_seconds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = 1_000
    async with VirtualWorld(ORDER, tmp_path) as world:
        begun = time.perf_counter()
        await world.accept(*(order(number, number % 200) for number in range(count)))
        await world.until(world.settled)

        assert len(world.sandbox.generic.records) == count
        with capsys.disabled():
            print(f"\n{count} events in {time.perf_counter() - begun:.1f} s of real time")  # noqa: T201 - said, not asserted
