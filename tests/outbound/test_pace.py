"""The pace: halved by overload, raised by success, slow after an outage, shared with replays."""

import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer, Trouble
from bridge.outbound.pace import RAMP_MS, Pace
from tests.outbound.limits import OK, TOO_MANY


def end(pace: Pace, answer: Answer | None, times: int = 1) -> None:
    for _ in range(times):
        pace.departed()
        pace.ended(answer)


@pytest.mark.parametrize("answer", [TOO_MANY, Answer(503), Answer(None, trouble=Trouble.NO_ANSWER)])
def test_overload_halves_it_at_most_once_a_second(answer: Answer, clock: ManualClock) -> None:
    pace = Pace(16, clock)
    end(pace, answer, 5)
    assert pace.limit == 8
    clock.advance(999)
    end(pace, answer)
    assert pace.limit == 8
    clock.advance(1)
    end(pace, answer)
    assert pace.limit == 4
    for _ in range(9):
        clock.advance(1_000)
        end(pace, answer)
    assert pace.limit == 1


def test_a_round_of_good_answers_raises_it_by_one_up_to_the_bound(clock: ManualClock) -> None:
    pace = Pace(8, clock)
    end(pace, TOO_MANY)
    end(pace, OK, 3)
    assert pace.limit == 4
    end(pace, OK)
    assert pace.limit == 5
    end(pace, OK, 100)
    assert pace.limit == 8


def test_no_more_than_the_limit_are_in_flight(clock: ManualClock) -> None:
    pace = Pace(2, clock)
    room = [pace.has_room]
    for step in (pace.departed, pace.departed, lambda: pace.ended(None)):
        step()
        room.append(pace.has_room)
    assert room == [True, True, False, True]


def test_after_an_outage_it_grows_from_one_to_the_bound_in_a_minute(clock: ManualClock) -> None:
    pace = Pace(16, clock)
    pace.recover()
    seen = []
    for _ in range(16):
        seen.append(pace.limit)
        at_ms = pace.more_at_ms()
        if at_ms is not None:
            clock.advance(at_ms - clock.now_ms() - 1)
            assert pace.limit == seen[-1]
            clock.advance(1)
    assert seen == list(range(1, 17))
    assert pace.more_at_ms() is None
    clock.advance(RAMP_MS)
    assert pace.limit == 16


@pytest.mark.parametrize("share", [1, 20, 50, 100])
def test_replays_have_their_share_and_neither_class_starves(share: int, clock: ManualClock) -> None:
    pace = Pace(16, clock, replay_share=share)
    turns = [pace.turn_of_replay() for _ in range(1_000)]
    assert sum(turns) == 10 * min(share, 99)
