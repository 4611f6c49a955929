"""The configuration as the rest of the program uses it: checked and compiled, never changed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.connectors.destination import Destination
from bridge.model import StoredEvent, rfc3339
from bridge.rules.match import RuleIndex
from bridge.settings import Settings
from bridge.sources import Source, parents_of, parse_json

KEPT_BYTES = 1024 * 1024
"""How many bytes of events may belong to the scopes that are kept; in memory they are some eight times that."""
EACH_BYTES = 400
"""What counts for an event besides its body."""


KEPT_PARENT_BYTES = 4 * 1024 * 1024
"""How many bytes of request bodies that were split are kept read; the last one is, however long it is."""


class _Scopes:
    """The scopes of the events met last, within a bound on their bytes.

    An event read from the store again gets the scope of the one that was accepted only if it is the same in all its
    parts, so damage is never covered up.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[StoredEvent, Mapping[str, object]]] = {}
        self._parents: Counter[bytes] = Counter()
        """How many of the kept events are of each request; its body is held once for all of them."""
        self._bytes = 0

    def of(self, event: StoredEvent) -> Mapping[str, object] | None:
        """What is kept of an event."""
        kept = self._kept.get(event.seq)
        return kept[1] if kept is not None and kept[0] == event else None

    def keep(self, event: StoredEvent, scope: Mapping[str, object]) -> None:
        """Keep one more, and forget the oldest ones that there is no room for."""
        self._forget(event.seq)
        self._kept[event.seq] = event, scope
        self._bytes += EACH_BYTES + len(event.content)
        if event.parent is not None:
            self._parents[event.parent] += 1
            self._bytes += len(event.parent) if self._parents[event.parent] == 1 else 0
        while self._bytes > KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, seq: int) -> None:
        kept = self._kept.pop(seq, None)
        if kept is None:
            return
        event = kept[0]
        self._bytes -= EACH_BYTES + len(event.content)
        if event.parent is not None:
            self._parents[event.parent] -= 1
            if self._parents[event.parent] == 0:
                del self._parents[event.parent]
                self._bytes -= len(event.parent)


class _Parents:
    """The bodies of split requests met last, each read once for all its events, within a bound on their bytes."""

    def __init__(self) -> None:
        self._kept: dict[bytes, object] = {}
        self._bytes = 0

    def parse(self, body: bytes) -> object:
        """What a body says; shared, so nobody changes it.

        Raises:
            Unreadable: it is damaged.
        """
        if body in self._kept:
            return self._kept[body]
        value = self._kept[body] = parse_json(body)
        self._bytes += len(body)
        while self._bytes > KEPT_PARENT_BYTES and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._bytes -= len(oldest)
        return value


@dataclass(frozen=True, slots=True)
class Configuration:
    """One whole configuration. `base_dir` is what its relative paths are relative to.

    `revision` names what its files say, for people. Two with the same `fingerprint` mean the same, secrets included.
    """

    path: Path
    base_dir: Path
    settings: Settings
    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    rules: RuleIndex
    revision: str = ""
    fingerprint: bytes = field(default=b"", repr=False)
    _scopes: _Scopes = field(default_factory=_Scopes, init=False, repr=False, compare=False)
    _parents: _Parents = field(default_factory=_Parents, init=False, repr=False, compare=False)

    def scope(self, event: StoredEvent) -> Mapping[str, object]:
        """The names that rules see of an event; when its source is not configured any more, `fields` is empty.

        The scopes of the last events are kept, because an event is read when it is routed and at each delivery.
        """
        scope = self._scopes.of(event)
        if scope is None:
            scope = self._scope(event)
            self._scopes.keep(event, scope)
        return scope

    def _scope(self, event: StoredEvent) -> Mapping[str, object]:
        source = self.sources.get(event.source)
        if source is not None:
            return source.scope(event, self._parents.parse)
        scope: dict[str, object] = {
            "body": parse_json(event.content),
            "fields": {},
            "event": {
                "id": event.event_id,
                "type": event.type,
                "raw_type": event.raw_type,
                "source": event.source,
                "time": None if event.time_ms is None else rfc3339(event.time_ms),
                "received_at": rfc3339(event.received_at_ms),
            },
            "headers": dict(event.headers),
            "query": dict(event.query),
        }
        if event.parent is not None:
            scope["parent"] = self._parents.parse(event.parent)
            scope["parents"] = parents_of(scope["parent"], event.place or ())
        return scope
