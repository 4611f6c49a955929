"""What holds a destination back."""

from bridge.clock import ManualClock
from bridge.outbound.gate import Gate, PauseReason


def test_a_pause_lasts_until_it_is_ended_and_keeps_its_first_reason() -> None:
    clock = ManualClock()
    gate = Gate(clock)
    gate.close(PauseReason.UNAUTHORIZED, "401")
    since = clock.now_ms()
    clock.advance(10**9)
    gate.close(PauseReason.OPERATOR, "by hand")
    assert gate.pause is not None
    assert (gate.pause.reason, gate.pause.since_ms, gate.pause.detail) == (PauseReason.UNAUTHORIZED, since, "401")
    assert gate.pause is not None
    gate.open(PauseReason.UNAUTHORIZED)
    assert gate.pause == gate.paused_for(PauseReason.OPERATOR)
    gate.open()
    assert gate.pause is None


def test_whoever_watches_hears_of_each_pause_and_its_end() -> None:
    gate, heard = Gate(ManualClock()), []
    gate.watch(lambda: heard.append(gate.pause is None))
    gate.close(PauseReason.SCOPE, "tickets")
    gate.close(PauseReason.SCOPE, "again")
    gate.open()
    assert heard == [False, True]
