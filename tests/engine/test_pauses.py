"""Pauses by hand, over restarts and reloads."""

from typing import Any

import pytest

from bridge.engine.pauses import Pauses
from bridge.engine.query import WrongUse
from bridge.outbound.gate import PauseReason
from bridge.sandbox import FaultKind
from tests.engine.world import World


def pauses(world: World) -> Pauses:
    store: Any = world.store
    return Pauses(store, world.engine.outlets, world.clock)


async def test_nothing_is_sent_while_paused_and_all_of_it_after(world: World) -> None:
    paused: Any = await world.console.pause("erp", "the ERP moves")
    assert paused["before"] == {"state": "open", "reason": None, "detail": None}
    await world.order(1)
    await world.order(2)
    await world.calm()
    assert world.orders() == []

    resumed: Any = await world.console.resume("erp")
    assert resumed["before"] == {"state": "paused", "reason": "operator", "detail": "the ERP moves"}
    await world.settle()
    assert world.orders() == ["o1", "o2"]


async def test_pausing_and_resuming_twice_changes_nothing_but_the_reason(world: World) -> None:
    await world.console.pause("erp", "first")
    again: Any = await world.console.pause("erp", "second")
    assert again["before"]["detail"] == "first"
    status: Any = await world.console.status()
    assert (status["destinations"]["erp"]["state"], status["destinations"]["erp"]["detail"]) == ("paused", "second")

    await world.console.resume("erp")
    open_already: Any = await world.console.resume("erp")
    assert open_already["before"]["state"] == "open"


async def test_a_restart_keeps_a_pause(world: World) -> None:
    await world.console.pause("erp", "over night")
    await world.stop()
    await world.open()
    await pauses(world).restore()

    pause = world.engine.outlets["erp"].gate.paused_for(PauseReason.OPERATOR)
    assert pause is not None
    assert pause.detail == "over night"
    assert world.engine.outlets["hubspot"].gate.pause is None


async def test_restoring_ends_a_pause_that_no_note_knows_of(world: World) -> None:
    world.engine.outlets["erp"].gate.close(PauseReason.OPERATOR, "of an old snapshot")
    world.engine.outlets["zendesk"].gate.close(PauseReason.UNAUTHORIZED, "token")
    await pauses(world).restore()

    assert world.engine.outlets["erp"].gate.pause is None
    assert world.engine.outlets["zendesk"].gate.pause is not None


async def test_a_resume_also_ends_a_pause_for_refused_credentials(world: World) -> None:
    world.fault(FaultKind.STATUS, status=401)
    await world.order(1)
    await world.calm()
    assert world.engine.outlets["erp"].gate.pause is not None

    resumed: Any = await world.console.resume("erp")
    assert resumed["before"]["reason"] == "unauthorized"
    await world.settle()
    assert world.orders() == ["o1"]


async def test_refused_credentials_come_before_a_pause_by_hand_in_the_status(world: World) -> None:
    await world.console.pause("erp", "by me")
    world.engine.outlets["erp"].gate.close(PauseReason.UNAUTHORIZED, "token")
    status: Any = await world.console.status()
    assert status["destinations"]["erp"]["paused"] == "unauthorized"


@pytest.mark.parametrize(
    ("name", "expected"), [("hubspt", "did you mean `hubspot`"), ("x", "destinations are `erp`, `hubspot`, `zendesk`")]
)
async def test_an_unknown_destination_is_wrong_use_with_a_hint(world: World, name: str, expected: str) -> None:
    for decision in (world.console.pause(name, "why"), world.console.resume(name)):
        with pytest.raises(WrongUse, match=expected):
            await decision


async def test_a_pause_of_a_destination_that_left_the_configuration_can_be_ended(world: World) -> None:
    await world.console.pause("hubspot", "going away")
    await world.reload(drop="hubspot")
    assert await pauses(world).by_hand() == {"hubspot": "going away"}
    await world.console.resume("hubspot")
    assert await pauses(world).by_hand() == {}
