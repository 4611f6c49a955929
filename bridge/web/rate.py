"""A bound on how fast one source may send, so that a runaway sender does not crowd out the others (fact S16)."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.clock import Clock
from bridge.sources import RequestLimit, Source

UNPROVEN = RequestLimit(rate=10, burst=300)
"""Requests without a proof, or with a wrong one. Of more, those that carry none are not even read.

So many at once that a sender which is set up wrong is told why, whatever it sends in a burst."""


class RateLimit:
    """A token bucket: `rate` requests a second in the long run, `burst` at once."""

    def __init__(self, limit: RequestLimit, clock: Clock) -> None:
        self.limit = limit
        self._clock = clock
        self._most = self._tokens = float(limit.at_once)
        self._at_ms = clock.now_ms()

    def take(self) -> int | None:
        """Take one request's place; None when there is one, else the seconds to wait (at least 1)."""
        self._grow()
        if self._tokens < 1:
            return self.wait_s()
        self._tokens -= 1
        return None

    def wait_s(self) -> int | None:
        """As `take`, without taking the place."""
        if self._tokens < 1:
            self._grow()
        return None if self._tokens >= 1 else max(1, round((1 - self._tokens) / self.limit.rate))

    def _grow(self) -> None:
        now_ms = self._clock.now_ms()
        grown = self._tokens + (now_ms - self._at_ms) / 1000 * self.limit.rate
        self._tokens = min(self._most, grown)
        self._at_ms = now_ms

    def change(self, limit: RequestLimit) -> None:
        """Another limit from now on: what was used up stays used up, and a higher burst is there at once."""
        self._grow()
        self._tokens = max(0.0, self._tokens + limit.at_once - self._most)
        self._most = float(limit.at_once)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """The two limits of a source. Strangers use up the one, so that nothing is left to them of the other."""

    proven: RateLimit
    unproven: RateLimit


class Limits:
    """The limits of all sources.

    Args:
        rate: requests a second of a source that has no `limit` of its own.
        clock: the time.
    """

    def __init__(self, rate: int, clock: Clock) -> None:
        self._default = RequestLimit(rate=rate)
        self._clock = clock
        self._by_source: dict[str, SourceLimits] = {}

    def of(self, source: Source) -> SourceLimits:
        """The limits of a source that is in use."""
        return self._by_source[source.name]

    def follow(self, sources: Mapping[str, Source]) -> None:
        """These are the sources from now on: what is gone is forgotten, and a limit that was changed takes effect."""
        self._by_source = {
            name: self._followed(name, source.limit or self._default) for name, source in sources.items()
        }

    def _followed(self, name: str, limit: RequestLimit) -> SourceLimits:
        known = self._by_source.get(name)
        if known is None:
            return SourceLimits(RateLimit(limit, self._clock), RateLimit(UNPROVEN, self._clock))
        if known.proven.limit != limit:
            known.proven.change(limit)
        return known
