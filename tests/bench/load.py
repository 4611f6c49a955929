"""The senders of the benchmark: a process with a number of connections, each sending the next event after an answer.

An event that is not answered 200 is sent again, as a webhook sender does. Takes one JSON object and prints one.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.bench.loop import run
from tests.bench.wire import Inbox, request
from tests.bench.workload import AISOULE, AISOULE_SIGNATURE, SIGNATURE, aisoule_event, event, signature


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: `count` events, or until `seconds` are over, whichever is first."""

    url: str
    run: str
    kind: str
    connections: int
    count: int = 1_000_000_000
    seconds: float = 600.0


class Senders:
    """All connections together."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._address = urlsplit(plan.url)
        self._next = 0
        self._begun_ns = 0
        self._open = plan.connections
        self._done = asyncio.Event()
        self._latencies_ns: list[int] = []
        self._refused = 0

    async def send(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        host, port = self._address.hostname or "", self._address.port or 80
        senders = [
            (await loop.create_connection(lambda: _Sender(self), host, port))[1] for _ in range(self._plan.connections)
        ]
        self._begun_ns = time.monotonic_ns()  # a full queue of connections costs a second, and is not what is measured
        for sender in senders:
            sender.begin()
        await self._done.wait()
        ended_ns = time.monotonic_ns()
        return {
            "accepted": len(self._latencies_ns),
            "refused": self._refused,
            "begun_ns": self._begun_ns,
            "ended_ns": ended_ns,
            "latencies_ns": sorted(self._latencies_ns),
        }

    def draw(self) -> int | None:
        """The number of the next event, None at the end."""
        if self._next >= self._plan.count or time.monotonic_ns() > self._begun_ns + self._plan.seconds * 1e9:
            return None
        self._next += 1
        return self._next

    def built(self, number: int, sent_ns: int) -> bytes:
        if self._plan.kind == AISOULE:
            body = aisoule_event(self._plan.run, number)
            headers = f"{AISOULE_SIGNATURE}: sha256={signature(body)}\r\n"
        else:
            body = event(self._plan.run, number, self._plan.kind, sent_ns)
            headers = f"{SIGNATURE}: {signature(body)}\r\n"
        return request(self._address.path, self._address.netloc, headers, body)

    def answered(self, line: bytes, sent_ns: int) -> bool:
        """Take in an answer; false: send it again."""
        if b" 200 " not in line:
            self._refused += 1
            return False
        self._latencies_ns.append(time.monotonic_ns() - sent_ns)
        return True

    def left(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._done.set()


class _Sender(asyncio.Protocol):
    """One connection."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self._inbox = Inbox()
        self._number: int | None = None
        self._sent_ns = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transport is a class of its own

    def begin(self) -> None:
        self._send(self._senders.draw())

    def data_received(self, data: bytes) -> None:
        for message in self._inbox.feed(data):
            taken = self._senders.answered(message.line, self._sent_ns)
            self._send(self._senders.draw() if taken else self._number)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._senders.left()

    def _send(self, number: int | None) -> None:
        self._number = number
        if number is None:
            self._transport.close()
            return
        self._sent_ns = time.monotonic_ns()
        self._transport.write(self._senders.built(number, self._sent_ns))


async def main() -> None:
    """Send as the argument says."""
    result = await Senders(Plan(**orjson.loads(sys.argv[1]))).send()
    sys.stdout.buffer.write(orjson.dumps(result))


if __name__ == "__main__":
    run(main())
