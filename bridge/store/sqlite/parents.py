"""The bodies of requests that were split: each is read and checked once, however many of its events are read."""

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from bridge.store.sqlite.rows import REQUEST
from bridge.store.sqlite.session import Session, numbers


class Parents:
    """The bodies of the requests that some events were in. Events of one request share one object.

    Args:
        session: where they are read.
        rows: those of the events, as of `event_rows`.
    """

    def __init__(self, session: Session, rows: Iterable[Sequence[Any]]) -> None:
        wanted = {row[REQUEST] for row in rows} - {None}
        found = session.tuples("requests_by_seq", numbers(wanted)) if wanted else []
        self._bodies: dict[int, bytes] = {seq: body for seq, body, _ in found}
        self._intact = {seq for seq, body, check in found if isinstance(body, bytes) and crc32(body) == check}

    def body(self, request_seq: int | None) -> bytes | None:
        """The body of a request as far as it can be read; None for none."""
        return None if request_seq is None else self._bodies.get(request_seq)

    def is_intact(self, request_seq: int | None) -> bool:
        """Whether the body still is what was accepted; where none is needed, there is nothing to be damaged."""
        return request_seq is None or request_seq in self._intact
