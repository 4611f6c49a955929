"""What holds a destination back."""

from bridge.clock import ManualClock
from bridge.outbound.gate import Gate, PauseReason


def test_a_hold_ends_by_itself_to_the_millisecond() -> None:
    clock = ManualClock()
    gate = Gate(clock)
    gate.hold(clock.now_ms() + 100)
    assert gate.held_until_ms == clock.now_ms() + 100
    clock.advance(99)
    assert [gate.is_open, gate.held_until_ms] == [False, clock.now_ms() + 1]
    clock.advance(1)
    assert [gate.is_open, gate.held_until_ms] == [True, None]


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    clock = ManualClock()
    gate = Gate(clock)
    gate.hold(clock.now_ms() + 100)
    gate.hold(clock.now_ms() + 10)
    assert gate.held_until_ms == clock.now_ms() + 100


def test_a_pause_lasts_until_it_is_ended_and_keeps_its_first_reason() -> None:
    clock = ManualClock()
    gate = Gate(clock)
    gate.close(PauseReason.UNAUTHORIZED, "401")
    since = clock.now_ms()
    clock.advance(10**9)
    gate.close(PauseReason.OPERATOR, "by hand")
    assert gate.pause is not None
    assert (gate.pause.reason, gate.pause.since_ms, gate.pause.detail) == (PauseReason.UNAUTHORIZED, since, "401")
    assert not gate.is_open
    gate.open()
    assert gate.is_open
