"""The CRM of the benchmark: a process that answers at once, late or never, and knows when each event came in.

The first part of a path says how: `/now/…`, `/50ms/…`, `/hang/…`; one that ends in `/batch` is a batch. `GET /reset`
forgets, `GET /wait/HOW/COUNT/SECONDS` answers with what it knows once COUNT events have come in that way or the time is
over.
"""

import asyncio
import re
import sys
import time
from dataclasses import dataclass, field

import orjson

from tests.bench.loop import run
from tests.bench.wire import Inbox, Message, answer

_EVENT = re.compile(rb'"order":"([^"]+)","sent":(\d+)')
_DELAY = re.compile(r"(\d+)ms")
_KEY = re.compile(rb'"key":"([^"]+)"')
ONE = answer(b'{"id":1}')


@dataclass
class Tally:
    """What came in one way; times are monotonic nanoseconds."""

    requests: int = 0
    first_ns: int = 0
    last_ns: int = 0
    orders: set[bytes] = field(default_factory=set)
    latencies_ns: list[int] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        now = time.monotonic_ns()
        self.requests += 1
        self.first_ns = self.first_ns or now
        self.last_ns = now
        for order, sent in _EVENT.findall(body):
            if order not in self.orders:
                self.orders.add(order)
                self.latencies_ns.append(now - int(sent))

    def shown(self) -> dict[str, object]:
        return {
            "events": len(self.orders),
            "requests": self.requests,
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            "latencies_ns": sorted(self.latencies_ns),
        }


@dataclass
class Wait:
    """Somebody who waits for a number of events."""

    how: str
    count: int
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Sink:
    """What all connections share."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self._waits: list[Wait] = []

    def tally(self, how: str) -> Tally:
        return self.tallies.setdefault(how, Tally())

    def took(self, how: str) -> None:
        for wait in self._waits:
            if wait.how == how and len(self.tally(how).orders) >= wait.count:
                wait.done.set()

    async def wait(self, how: str, count: int, within_s: float) -> bytes:
        wait = Wait(how, count)
        self._waits.append(wait)
        self.took(how)
        try:
            async with asyncio.timeout(within_s):
                await wait.done.wait()
        except TimeoutError:
            pass  # the caller sees by the count how far it got
        finally:
            self._waits.remove(wait)
        return orjson.dumps(self.tally(how).shown())


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._inbox = Inbox()
        self._asked: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transport is a class of its own

    def data_received(self, data: bytes) -> None:
        for message in self._inbox.feed(data):
            self._take(message)

    def _take(self, message: Message) -> None:
        method, path, _ = message.line.decode().split(" ", 2)
        if method == "GET":
            asked = asyncio.create_task(self._control(path.split("/")[1:]))
            self._asked.add(asked)
            asked.add_done_callback(self._asked.discard)
            return
        how = path.split("/", 2)[1]
        self._sink.tally(how).take(message.body)
        self._sink.took(how)
        self._reply(how, _batch_answer(message.body) if path.endswith("/batch") else ONE)

    def _reply(self, how: str, reply: bytes) -> None:
        delay = _DELAY.fullmatch(how)
        if how == "hang":
            return
        if delay is None:
            self._transport.write(reply)
        else:
            asyncio.get_running_loop().call_later(int(delay[1]) / 1000, self._transport.write, reply)

    async def _control(self, parts: list[str]) -> None:
        body = b"{}"
        if parts[0] == "reset":
            self._sink.tallies.clear()
        else:
            body = await self._sink.wait(parts[1], int(parts[2]), float(parts[3]))
        self._transport.write(answer(body))


def _batch_answer(body: bytes) -> bytes:
    keys = _KEY.findall(body)
    return answer(b'{"results":[%b]}' % b",".join(b'{"key":"%b","id":1}' % key for key in keys))


async def main() -> None:
    """Listen on a free port, say which, and serve until stdin ends."""
    sink, loop = Sink(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(sink), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    run(main())
