"""A lane whose head always fails is nobody else's business."""

from pathlib import Path

import pytest

from bridge.model import DeliveryState
from tests.e2e.load import deliveries_of, destined, failing, made, order, p99_ms, slow
from tests.e2e.virtual import SECOND_MS, VirtualWorld

LANES, SECONDS, A_SECOND = 1_000, 24, 125
"""Events of all lanes come one after another, spread over this time: three of each lane."""
DEAD_LANE = "c7"
RULE = """\
rules:
  - name: order
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - id: post
        use: erp.post
        with: {path: /orders, json: {order: "{{ body.id }}", customer: "{{ body.customer }}"}}
"""


async def others_p99_ms(folder: Path, *, dead_lane: bool, concurrency: int) -> tuple[int, int]:
    """The p99 of all lanes but one, and how many deliveries those had; `dead_lane`: the head of that one fails."""
    async with VirtualWorld(destined(erp=f"concurrency: {concurrency}") + RULE, made(folder)) as world:
        if dead_lane:
            failing(world, 500, body_contains=f'"{DEAD_LANE}"')
        slow(world, 100)
        for second in range(SECONDS):
            first = second * A_SECOND
            await world.accept(*(order(number, number % LANES) for number in range(first, first + A_SECOND)))
            await world.run_for(SECOND_MS)

        def all_others_ended() -> bool:
            return len(world.sandbox.generic.records) >= SECONDS * A_SECOND - 3 * dead_lane

        await world.until(all_others_ended)
        await world.run_for(SECOND_MS)
        found = await deliveries_of(world, "order")
        others = [each for each in found if each.key != DEAD_LANE]
        stuck = [each.state for each in found if each.key == DEAD_LANE]
        assert {each.state for each in others} == {DeliveryState.DONE}
        assert stuck == (
            [DeliveryState.RETRYING] + 2 * [DeliveryState.PENDING] if dead_lane else 3 * [DeliveryState.DONE]
        )
        return p99_ms(others), len(others)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "concurrency",
    [pytest.param(16, marks=pytest.mark.full_size, id="with room to spare"), pytest.param(13, id="hardly keeping up")],
)
async def test_one_dead_lane_among_a_thousand_costs_the_others_nothing(concurrency: int, tmp_path: Path) -> None:
    without, count = await others_p99_ms(tmp_path / "without", dead_lane=False, concurrency=concurrency)
    with_it, count_too = await others_p99_ms(tmp_path / "with", dead_lane=True, concurrency=concurrency)

    assert count == count_too == SECONDS * A_SECOND - 3
    assert with_it <= 1.1 * without
