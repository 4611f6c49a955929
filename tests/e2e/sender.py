"""A webhook sender that behaves as AISoule does: signed, one event after another per customer, repeated until 200."""

import asyncio
from collections.abc import Callable

import aiohttp
import orjson

from bridge.sources import parse_verification, sign
from tests.canaries import AISOULE_SECRET, BUSINESS

SCHEME = parse_verification(
    {
        "type": "hmac",
        "algorithm": "sha256",
        "secrets": [AISOULE_SECRET],
        "signature": {"from": "header:X-AISoule-Signature", "prefix": "sha256=", "encoding": "hex"},
    }
)


def message(customer: str, message_id: str, text: str, *, at: int = 1_780_369_298) -> bytes:
    """A customer's message in dialect A."""
    data = {
        "message_id": message_id,
        "waba_number": BUSINESS,
        "sender": customer,
        "recipient": BUSINESS,
        "type": "text",
        "body": text,
    }
    return orjson.dumps({"event": "message.received", "timestamp": at, "data": data})


def receipt(customer: str, message_id: str, status: str, *, at: int = 1_780_369_320) -> bytes:
    """A receipt in dialect A: the business is the sender, the customer the recipient."""
    data = {
        "message_id": message_id,
        "waba_number": BUSINESS,
        "sender": BUSINESS,
        "recipient": customer,
        "status": status,
    }
    return orjson.dumps({"event": f"message.{status}", "timestamp": at, "data": data})


def signed(body: bytes) -> list[tuple[str, str]]:
    """The headers of a signed request."""
    return [("Content-Type", "application/json"), *sign(SCHEME, body, now_ms=0).headers]


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> int:
    """Send once; the status, or 0 when there was no answer."""
    try:
        async with session.post(url, data=body, headers=signed(body)) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, OSError):
        return 0


class Sender:
    """Sends each customer's bodies in order, and repeats each until it is answered 200.

    `url` tells the present address, `back` waits until the bridge is there again after a lost answer.
    """

    def __init__(self, url: Callable[[], str], back: Callable[[], asyncio.Event]) -> None:
        self._url = url
        self._back = back
        self.acknowledged = 0
        self.sent = 0

    async def send_all(self, by_customer: list[list[bytes]]) -> None:
        """Send all customers' bodies, the customers side by side."""
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(self._send_in_order(session, bodies) for bodies in by_customer))

    async def _send_in_order(self, session: aiohttp.ClientSession, bodies: list[bytes]) -> None:
        for body in bodies:
            while True:
                await self._back().wait()
                self.sent += 1
                if await post(session, self._url(), body) == 200:
                    self.acknowledged += 1
                    break
                await asyncio.sleep(0)
