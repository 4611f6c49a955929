"""The other side of a connection, byte by byte: for what no well-behaved server does."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bridge.connectors.request import OutboundRequest
from bridge.outbound.client import HttpClient

Script = Callable[["Peer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PATIENT_MS = 60_000
"""For answers that do come, however busy the machine is."""
HASTY_MS = 500
"""For what never comes; what is to come before must be there by then."""

GET = OutboundRequest("GET", "/things")
POST = OutboundRequest("POST", "/things", {"Content-Type": "application/json"}, b'{"a":1}')


@dataclass
class Peer:
    """What was said to the server; `script` says what it does with each connection."""

    script: Script
    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request and return its head; empty when the client hung up."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        self.heads.append(head)
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        self.bodies.append(await reader.readexactly(length))
        return head

    @asynccontextmanager
    async def running(self, *, tls: ssl.SSLContext | None = None) -> AsyncIterator["Peer"]:
        ended: set[asyncio.Task[None] | None] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            ended.add(asyncio.current_task())
            try:
                await self.script(self, reader, writer)
            except (ConnectionError, asyncio.CancelledError):
                return
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in ended:
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(task for task in ended if task is not None), return_exceptions=True)
            await server.wait_closed()


def answers(*said: bytes, then_close: bool = True) -> Script:
    """One request in, these bytes out."""

    async def script(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await peer.read(reader):
            return
        for part in said:
            writer.write(part)
            await writer.drain()
        if not then_close:
            await reader.read()

    return script


@asynccontextmanager
async def client_of(base: str, *, timeout_ms: int = PATIENT_MS, private: bool = True) -> AsyncIterator[HttpClient]:
    client = HttpClient(base, timeout_ms=timeout_ms, allow_private_addresses=private)
    try:
        yield client
    finally:
        await client.close()
