"""The room between the door and the rules: no source takes it from the others."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.room import Room

SOURCES = [f"s{number}" for number in range(5)]
STEPS = st.lists(st.tuples(st.sampled_from(SOURCES), st.booleans()), max_size=300)


def test_a_source_alone_may_fill_the_room() -> None:
    room = Room(3)
    for _ in range(3):
        assert room.admits("only", alone=True)
        room.enter("only", 1)
    assert not room.admits("only", alone=True)
    room.leave("only", 1)
    assert room.admits("only", alone=True)


def test_the_only_request_of_a_source_is_always_taken_and_gives_its_places_back() -> None:
    room = Room(10)
    with room.share("one", alone=False) as first, room.share("two", alone=False) as other:
        assert [first.take(4), first.take(4), first.take(40)] == [True, True, True]
        assert other.take(5)
        with room.share("one", alone=False) as second:
            assert not second.take(1)
        assert (room.taken_by("one"), room.taken_by("two")) == (48, 5)
    assert (room.taken_by("one"), room.taken_by("two"), room.admits("one", alone=False)) == (0, 0, True)


def test_beside_others_a_flood_ends_at_half_and_two_floods_at_a_third_each() -> None:
    for floods, each in ((1, 300), (2, 200), (5, 100)):
        room, taken = Room(600), Counter[str]()
        for _ in range(1_000):
            for name in SOURCES[:floods]:
                if room.admits(name, alone=False):
                    room.enter(name, 1)
                    taken[name] += 1
        assert taken == dict.fromkeys(SOURCES[:floods], each)
        assert room.admits("somebody else", alone=False)


@given(places=st.integers(2, 40), steps=STEPS)
def test_no_source_ever_has_more_than_half_and_none_is_kept_out_by_one_other(
    places: int, steps: list[tuple[str, bool]]
) -> None:
    room, inside = Room(places), Counter[str]()
    for name, comes in steps:
        if comes and room.admits(name, alone=False):
            room.enter(name, 1)
            inside[name] += 1
        elif inside[name]:
            room.leave(name, 1)
            inside[name] -= 1
        assert max(inside.values(), default=0) <= (places + 1) // 2
        assert inside.total() <= places
        if sum(count > 0 for count in inside.values()) <= 1:
            assert room.admits("somebody else", alone=False)


def test_a_source_that_has_left_leaves_nothing_behind() -> None:
    room = Room(10)
    room.enter("gone", 4)
    room.leave("gone", 3)
    room.leave("gone", 1)
    assert room.__dict__ == Room(10).__dict__
