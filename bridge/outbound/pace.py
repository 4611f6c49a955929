"""How many requests may be in flight, and whose turn it is: adapted to what the other side can take.

Additive increase, multiplicative decrease: one more after a whole round of good answers, half as many after a sign of
overload. After an outage the number grows slowly, so that a server that just came back is not run over.
"""

from typing import Final

from bridge.clock import Clock
from bridge.connectors.answer import Answer, Trouble

RAMP_MS: Final = 60_000
HALVES_AT_MOST_EVERY_MS: Final = 1_000
_OVERLOADED: Final = frozenset({429, 503})
_WHOLE: Final = 100


def overloaded(answer: Answer) -> bool:
    """Whether the answer, or its absence, says that we ask too much."""
    return answer.status in _OVERLOADED or answer.trouble is Trouble.NO_ANSWER


class Pace:
    """The requests in flight of one destination.

    Args:
        most: the configured bound.
        clock: the time.
        replay_share: percent of the departures that replays may have while live deliveries wait.
    """

    def __init__(self, most: int, clock: Clock, *, replay_share: int = 20) -> None:
        self._most = most
        self._clock = clock
        self._share = min(max(1, replay_share), _WHOLE - 1)  # neither class ever gets nothing
        self._limit = most
        self._good = 0
        self._halved_at_ms = -HALVES_AT_MOST_EVERY_MS
        self._ramp_since_ms: int | None = None
        self._credit = 0
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now, from 1 to the configured bound."""
        return min(self._limit, self._ramped())

    @property
    def has_room(self) -> bool:
        """Whether one more request may leave."""
        return self.in_flight < self.limit

    def more_at_ms(self) -> int | None:
        """While it recovers: when it will let one more request leave than now; None when time does not help."""
        if self._ramp_since_ms is None or self._ramped() >= self._limit:
            return None
        steps = self._ramped()  # it has grown by one less than this
        return self._ramp_since_ms + -(-steps * RAMP_MS // max(1, self._most - 1))

    def departed(self) -> None:
        """A request leaves."""
        self.in_flight += 1

    def ended(self, answer: Answer | None) -> None:
        """A request ended, with this answer; None when it never left or nobody waited for it."""
        self.in_flight -= 1
        if answer is None:
            return
        if overloaded(answer):
            self.slow_down()
        elif answer.trouble is None:
            self._good += 1
            if self._good >= self._limit:
                self._good = 0
                self._limit = min(self._most, self._limit + 1)

    def slow_down(self) -> None:
        """Halve, at most once a second: refusals that come together are one sign."""
        now_ms = self._clock.now_ms()
        if now_ms - self._halved_at_ms >= HALVES_AT_MOST_EVERY_MS:
            self._halved_at_ms, self._good = now_ms, 0
            self._limit = max(1, self._limit // 2)

    def recover(self) -> None:
        """An outage is over: begin with one at a time, reach the bound in a minute."""
        self._limit, self._good, self._ramp_since_ms = self._most, 0, self._clock.now_ms()

    def turn_of_replay(self) -> bool:
        """Whether the next departure is a replay's, asked when both a live delivery and a replay could leave."""
        self._credit += self._share
        if self._credit >= _WHOLE:
            self._credit -= _WHOLE
            return True
        return False

    def _ramped(self) -> int:
        if self._ramp_since_ms is None:
            return self._most
        since_ms = self._clock.now_ms() - self._ramp_since_ms
        if since_ms >= RAMP_MS:
            self._ramp_since_ms = None
            return self._most
        return 1 + (self._most - 1) * since_ms // RAMP_MS
