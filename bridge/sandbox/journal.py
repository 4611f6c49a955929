"""The record of every request the sandbox saw, for assertions and for people. Credentials are masked on entry."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from bridge.clock import Clock
from bridge.sandbox.answers import Call, Unreadable

MASK = "***"
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_SECRET_FIELDS = frozenset({"client_secret", "refresh_token", "access_token", "password"})
_SHOWN_TEXT = 4096


@dataclass(slots=True)
class JournalEntry:
    """One request. `status` is None until it is answered, and for ever when it never is.

    `body` is the parsed JSON, else the start of the text, else None. `fault` names the fault that struck.
    """

    seq: int
    at_ms: int
    api: str
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    status: int | None = None
    fault: str | None = None

    def shown(self) -> dict[str, Any]:
        """The entry as JSON."""
        return asdict(self)


class Journal:
    """The last `keep` entries in order of arrival, and a signal for every change."""

    def __init__(self, clock: Clock, keep: int = 20_000) -> None:
        self._clock = clock
        self._entries: deque[JournalEntry] = deque(maxlen=keep)
        self._seen = 0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(tuple(self._entries))

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change; ask again for the one after it."""
        return self._changed

    @property
    def seen(self) -> int:
        """How many requests arrived since the last reset, dropped entries included."""
        return self._seen

    def of(self, api: str, method: str | None = None, path: str | None = None) -> list[JournalEntry]:
        """The entries of one API, perhaps of one method and one exact path (without `.json`)."""
        return [
            entry
            for entry in self._entries
            if entry.api == api
            and (method is None or entry.method == method)
            and (path is None or entry.path.removesuffix(".json") == path)
        ]

    def arrived(self, api: str, call: Call) -> JournalEntry:
        """Enter a request that is not answered yet."""
        self._seen += 1
        entry = JournalEntry(
            seq=self._seen,
            at_ms=self._clock.now_ms(),
            api=api,
            method=call.method,
            path=call.path,
            query=_masked(dict(call.query)),
            headers={name: MASK if name in _SECRET_HEADERS else value for name, value in call.headers.items()},
            body=_shown_body(call),
        )
        self._entries.append(entry)
        self._tell()
        return entry

    def answered(self, entry: JournalEntry, status: int | None, fault: str | None = None) -> None:
        """Note what a request got; `status` None when it got no answer."""
        entry.status = status
        entry.fault = fault
        self._tell()

    def clear(self) -> None:
        """Forget all entries and start counting at 1 again."""
        self._entries.clear()
        self._seen = 0
        self._tell()

    def _tell(self) -> None:
        signal, self._changed = self._changed, asyncio.Event()
        signal.set()


def _shown_body(call: Call) -> Any:
    if not call.content:
        return None
    if call.media_type == "application/x-www-form-urlencoded":
        try:
            return _masked(call.form())
        except Unreadable:
            return None
    try:
        return _masked(orjson.loads(call.content))
    except orjson.JSONDecodeError:
        return call.content[:_SHOWN_TEXT].decode(errors="replace")


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: MASK if key in _SECRET_FIELDS else _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value
