"""Just enough HTTP/1.1 for two programs that trust each other: it must cost next to nothing beside what is measured."""

import re
from typing import NamedTuple

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"


class Message(NamedTuple):
    """One request or answer: its first line, and the body."""

    line: bytes
    body: bytes


class Inbox:
    """Cuts a stream of bytes into messages with a `Content-Length`."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole now."""
        self._pending += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> Message | None:
        head_end = self._pending.find(_END)
        if head_end < 0:
            return None
        head = self._pending[:head_end]
        length = _LENGTH.search(head)
        start = head_end + len(_END)
        end = start + (int(length[1]) if length else 0)
        if len(self._pending) < end:
            return None
        body, self._pending = self._pending[start:end], self._pending[end:]
        return Message(head.partition(b"\r\n")[0], body)


def answer(body: bytes) -> bytes:
    """A 200 with JSON."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def request(path: str, host: str, headers: str, body: bytes) -> bytes:
    """A POST; `headers` are whole lines, each with its line end."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{headers}"
    return b"%bContent-Length: %d\r\n\r\n%b" % (head.encode(), len(body), body)
