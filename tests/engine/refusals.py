"""Dead letters to decide about."""

from typing import Any

from bridge.engine.console import Query
from bridge.sandbox import FaultKind
from tests.engine.world import World


async def refuse(world: World, *numbers: int) -> list[str]:
    """Let the ERP refuse the orders of these numbers; their deliveries, oldest first."""
    world.fault(FaultKind.STATUS, status=422, times=len(numbers))
    for number in numbers:
        await world.order(number)
        await world.calm()
    letters: list[Any] = await world.console.dead_letters(Query())
    return [letter["delivery"] for letter in letters]
