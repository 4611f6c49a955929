"""Whose turn it is in the queue of a limit."""

from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.turns import Turns
from bridge.model import Delivery


def delivery(*, replay: bool, queue: str = "posts") -> Delivery:
    return cast("Delivery", SimpleNamespace(queue=queue, replay=replay))


def take(turns: Turns, room: int, share: int = 20) -> int:
    """Fill the places of a queue in which many of both classes wait; how many of them replays got."""
    replays = turns.of_replays({"posts": room}, share)["posts"]
    turns.taken([delivery(replay=number < replays) for number in range(room)], share)
    return replays


def test_replays_have_their_share_also_where_places_come_one_by_one() -> None:
    turns = Turns()
    assert [take(turns, 1) for _ in range(10)] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert take(turns, 100) == 20


@given(rooms=st.lists(st.integers(1, 60), min_size=1), share=st.integers(1, 99))
def test_over_time_the_share_is_kept_to_one_place(rooms: list[int], share: int) -> None:
    turns = Turns()
    replays = sum(take(turns, room, share) for room in rooms)
    assert abs(replays - sum(rooms) * share / 100) < 1


def test_places_that_nobody_disputed_are_not_counted_up() -> None:
    turns = Turns()
    turns.taken([delivery(replay=False) for _ in range(1_000)], 20)
    assert turns.of_replays({"posts": 5}, 20) == {"posts": 2}
    turns.taken([delivery(replay=True) for _ in range(1_000)], 20)
    assert turns.of_replays({"posts": 5}, 20) == {"posts": 1}


def test_queues_have_turns_of_their_own_and_whoever_waits_for_no_limit_has_none() -> None:
    turns = Turns()
    turns.taken([delivery(replay=False, queue=queue) for queue in ("", "posts", "posts")], 50)
    assert turns.of_replays({"posts": 1, "gets": 1}, 50) == {"posts": 1, "gets": 0}
