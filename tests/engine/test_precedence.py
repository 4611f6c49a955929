"""Accepting comes before delivering, but not for ever."""

import asyncio

from bridge.clock import ManualClock
from bridge.engine.precedence import LONGEST_MS, Precedence
from tests.outbound.api import turns


async def test_nobody_at_the_door_is_waited_for(clock: ManualClock) -> None:
    await Precedence(clock).yield_to_the_door()


async def test_deliveries_wait_until_the_last_one_at_the_door_has_gone(clock: ManualClock) -> None:
    precedence = Precedence(clock)
    with precedence.at_the_door():
        with precedence.at_the_door():
            waiting = asyncio.create_task(precedence.yield_to_the_door())
            await turns()
        await turns()
        assert not waiting.done()
    await waiting


async def test_a_door_that_is_never_quiet_slows_deliveries_down_and_does_not_stop_them(clock: ManualClock) -> None:
    precedence = Precedence(clock)
    with precedence.at_the_door():
        waiting = asyncio.create_task(precedence.yield_to_the_door())
        await turns()
        clock.advance(LONGEST_MS - 1)
        await turns()
        assert not waiting.done()
        clock.advance(1)
        await waiting
