"""Calling an address back, once, because the sender of a signed message asks for it (AWS SNS).

What was confirmed is noted in the store after the call and before the answer. A process that dies in between calls
again when the sender repeats its message, which it does until it gets its answer; to SNS a second call is nothing new.
"""

import asyncio
import hashlib

import structlog

from bridge.outbound.outside import Outside
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

PREFIX = "confirmed/"
MOST_NOTED = 64
"""Of one source; a message older than that many others is not repeated any more."""


class Confirmations:
    """Confirms subscriptions.

    Args:
        store: keeps the note `confirmed/SOURCE`.
        outside: calls.
    """

    def __init__(self, store: Store, outside: Outside) -> None:
        self._store = store
        self._outside = outside
        self._calling: dict[tuple[str, str], asyncio.Task[bool]] = {}
        self._noting = asyncio.Lock()
        self._is_closed = False

    async def confirm(self, source: str, address: str, topic: str) -> bool:
        """Call an address that was not called yet; whether it is confirmed.

        Args:
            source: for whom.
            address: it was checked to be one of the sender's.
            topic: what it is about, for the log.

        Raises:
            StoreError: it may be confirmed, but is not noted; nothing may be acknowledged.
        """
        digest = hashlib.sha256(address.encode()).hexdigest()
        calling = self._calling.get((source, digest))
        if calling is None and self._is_closed:
            return False
        if calling is None:
            calling = asyncio.create_task(self._confirm(source, address, topic, digest))
            self._calling[source, digest] = calling
            calling.add_done_callback(lambda _: self._calling.pop((source, digest), None))
        await asyncio.wait((calling,))  # goes on when whoever waits here hangs up
        return not calling.cancelled() and calling.result()

    async def close(self) -> None:
        """End the calls; whoever waits for one is told to come again, and it is made again then."""
        self._is_closed = True
        calling = list(self._calling.values())
        for task in calling:
            task.cancel()
        await asyncio.gather(*calling, return_exceptions=True)

    async def _confirm(self, source: str, address: str, topic: str, digest: str) -> bool:
        if digest in await self._noted(source):
            return True
        answer = await self._outside.get(address)
        if answer.status != 200 or answer.trouble is not None:  # noqa: PLR2004 - OK
            why = answer.detail or f"status {answer.status}"
            log.warning("handshake.not_confirmed", source=source, topic=topic, why=why)
            return False
        async with self._noting:
            await self._store.write_notes({PREFIX + source: [*await self._noted(source), digest][-MOST_NOTED:]})
        log.info("handshake.confirmed", source=source, topic=topic)
        return True

    async def _noted(self, source: str) -> list[object]:
        noted = (await self._store.notes(PREFIX + source)).get(PREFIX + source)
        return noted if isinstance(noted, list) else []
