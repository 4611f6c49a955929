"""Time: milliseconds that never jump, and waits that tests can step."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clock import ManualClock, SystemClock


def test_the_system_clock_starts_at_the_wall_clock() -> None:
    before = time.time_ns() // 1_000_000
    now = SystemClock().now_ms()
    assert before - 2 <= now <= time.time_ns() // 1_000_000 + 2


def test_the_system_clock_does_not_follow_a_wall_clock_that_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before, monotonic = clock.now_ms(), time.monotonic_ns()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic + 5_000_000_000)
    assert abs(clock.now_ms() - before - 5_000) <= 1
    assert clock.wall_ms() == 0


async def test_a_wait_ends_at_once_when_the_signal_is_set_or_the_time_has_passed() -> None:
    signal = asyncio.Event()
    for clock in (SystemClock(), ManualClock()):
        await clock.wait(signal, clock.now_ms())
        await clock.wait(signal, clock.now_ms() - 10**9)
    signal.set()
    for clock in (SystemClock(), ManualClock()):
        await clock.wait(signal, None)
        await clock.wait(signal, clock.now_ms() + 10**9)


async def test_a_real_wait_ends_at_its_time() -> None:
    clock = SystemClock()
    until = clock.now_ms() + 5
    await clock.wait(asyncio.Event(), until)
    assert clock.now_ms() >= until - 1


@given(steps=st.lists(st.integers(0, 1000), max_size=20), until=st.integers(0, 5_000))
async def test_a_manual_wait_ends_exactly_when_the_steps_reach_it(steps: list[int], until: int) -> None:
    clock = ManualClock(0)
    waiting = asyncio.ensure_future(clock.wait(asyncio.Event(), until))
    woken_at = None
    for step in steps:
        clock.advance(step)
        done, _ = await asyncio.wait({waiting}, timeout=0)
        if clock.now_ms() >= until:
            await waiting
            woken_at = clock.now_ms()
            break
        assert not done
    assert (woken_at is not None) == (clock.now_ms() >= until and bool(steps))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_manual_wait_hears_its_signal_without_any_step() -> None:
    clock, signal = ManualClock(), asyncio.Event()
    waiting = asyncio.ensure_future(clock.wait(signal, None))
    signal.set()
    await waiting


async def test_a_cancelled_manual_wait_leaves_nothing_behind() -> None:
    clock = ManualClock()
    before = asyncio.all_tasks()
    waiting = asyncio.ensure_future(clock.wait(asyncio.Event(), None))
    await asyncio.wait({waiting}, timeout=0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert asyncio.all_tasks() == before
