"""Who came to the door: for each source, when requests were taken, and what was sent away last, since the start.

It answers the first question of whoever looks after a bridge: why does nothing arrive? It is kept in memory; the events
themselves, and how many were taken and how many requests refused, are in the store.
"""

from collections.abc import Collection
from dataclasses import dataclass

from bridge.model import rfc3339

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class SentAway:
    """A request that was not taken.

    `code` and `why` are fixed words and names from the configuration, never text of the request. `scheme` says how the
    proof was looked for, empty where none was.
    """

    at_ms: int
    status: int
    code: str
    why: str
    scheme: str = ""


@dataclass(slots=True)
class Visits:
    """What came to one source."""

    taken: int = 0
    """Requests that were answered with success."""
    taken_at_ms: int | None = None
    secret: int | None = None
    """The number of the secret that the last of them was signed with; 1 is the first."""
    older_secret_at_ms: int | None = None
    """When one was last signed with another secret than the first."""
    sent_away: SentAway | None = None
    """The last one that was not taken."""

    def take(self, at_ms: int, secret_index: int | None) -> None:
        """One was taken, signed with the secret at this position."""
        self.taken += 1
        self.taken_at_ms = at_ms
        self.secret = None if secret_index is None else secret_index + 1
        if secret_index:
            self.older_secret_at_ms = at_ms

    def send_away(self, request: SentAway) -> None:
        """One was not taken."""
        self.sent_away = request

    def to_json(self) -> Row:
        """For `status`."""
        last = self.sent_away
        return {
            "taken": self.taken,
            "last_taken_at": _moment(self.taken_at_ms),
            "secret_number": self.secret,
            "older_secret_at": _moment(self.older_secret_at_ms),
            "last_sent_away": None
            if last is None
            else {
                "at": rfc3339(last.at_ms),
                "status": last.status,
                "code": last.code,
                "why": last.why,
                "scheme": last.scheme or None,
            },
        }


@dataclass(slots=True)
class Astray:
    """Requests to addresses that no source has: a sender's settings may hold a wrong one."""

    requests: int = 0
    last_at_ms: int | None = None

    def to_json(self) -> Row:
        """For `status`."""
        return {"requests": self.requests, "last_at": _moment(self.last_at_ms)}


class Visitors:
    """The visits to each source, and those to none."""

    def __init__(self) -> None:
        self._by_source: dict[str, Visits] = {}
        self.astray = Astray()

    def of(self, source: str) -> Visits:
        """The visits to a source."""
        visits = self._by_source.get(source)
        if visits is None:
            visits = self._by_source[source] = Visits()
        return visits

    def follow(self, sources: Collection[str]) -> None:
        """These are the sources from now on; the visits to others are forgotten."""
        self._by_source = {name: visits for name, visits in self._by_source.items() if name in sources}


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
