"""Certificates that a request names by their address (SNS, PayPal): fetched when first seen, kept, never in a flood.

Whoever can reach a hook can name an address; its host is one of the sender's, or the verifier had refused it. What a
stranger can do with that, and what it comes to:

- Name addresses that give no certificate. Each is held off by itself for a minute, so a bad one keeps no other out. New
  addresses share a budget, of a size that no vendor minds, which is small against a flood and large against anything
  less; in a flood the sender gets its share of it, comes again as senders do, and needs it once.
- Name addresses that hang. So many are asked at a time, each for a few seconds, and so many requests wait for one.
- Name certificates that are there and of no use, to drive out those that are. Kept is only what a believed request was
  signed with; the others have a place of their own, for a moment.

What is kept needs no budget, and is kept over a restart, until its own time is over: there may be a new one at the same
address then.
"""

import asyncio
import hashlib
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog

from bridge.clock import Clock
from bridge.engine.lines import LineBound
from bridge.errors import StoreError
from bridge.outbound.outside import Outside
from bridge.sources.proofs.certificates import host_of
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

MOST_KEPT = 64
"""Certificates that requests were believed with."""
MOST_FRESH = 64
"""Certificates that proved nothing yet."""
FRESH_MS = 60_000
"""For so long one is not fetched again."""
HELD_OFF_MS = 60_000
"""An address that gave no certificate is not asked again for so long."""
MOST_HELD_OFF = 1_024
MOST_NEW = 60
"""Addresses that are asked for one source in a minute."""
MOST_AT_ONCE = 4
MOST_WAITING = 16
"""Requests that wait for one address; each holds a connection."""
WINDOW_MS = 60_000
LATER_S = 5
PREFIX = "certificate/"
"""What the notes are called in which they are kept."""
MOST_NOTED_BYTES = 16_384
_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(slots=True)
class _Budget:
    """How many new addresses a source may ask."""

    asking: int = 0
    asked_at_ms: deque[int] = field(default_factory=deque)

    def take(self, now_ms: int) -> int | None:
        """Take one; None when there is one, else the seconds to wait."""
        while self.asked_at_ms and now_ms - self.asked_at_ms[0] >= WINDOW_MS:
            self.asked_at_ms.popleft()
        if len(self.asked_at_ms) >= MOST_NEW:
            return _seconds(self.asked_at_ms[0] + WINDOW_MS - now_ms)
        if self.asking >= MOST_AT_ONCE:
            return LATER_S
        self.asking += 1
        self.asked_at_ms.append(now_ms)
        return None


class _Fresh(NamedTuple):
    pem: bytes
    until_ms: int


class Certificates:
    """Keeps certificates by their address.

    Args:
        outside: asks the address.
        clock: the time.
        store: keeps over a restart what proved to be of use.
    """

    def __init__(self, outside: Outside, clock: Clock, store: Store) -> None:
        self._outside = outside
        self._clock = clock
        self._store = store
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._soonest_end_ms = math.inf
        self._fresh: OrderedDict[str, _Fresh] = OrderedDict()
        self._held_off: OrderedDict[str, int] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[bool]] = {}
        self._waiting: Counter[str] = Counter()
        self._budgets: dict[str, _Budget] = {}
        self._bound = LineBound(clock)
        self._is_closed = False

    @property
    def kept(self) -> Mapping[str, bytes]:
        """Address -> PEM, of those that requests were believed with and whose time is not over."""
        now_ms = self._clock.wall_ms()
        if now_ms > self._soonest_end_ms:
            for address in [each for each, pem in self._kept.items() if _ends_ms(pem) < now_ms]:
                del self._kept[address]
            self._soonest_end_ms = min(map(_ends_ms, self._kept.values()), default=math.inf)
        return self._kept

    def with_fresh(self, address: str) -> Mapping[str, bytes]:
        """The same, and the one that was fetched from an address just now."""
        return {**self._kept, address: self._fresh[address].pem} if address in self._fresh else self._kept

    async def restore(self) -> None:
        """Take up what the store holds, as far as it is still good."""
        for value in (await self._store.notes(PREFIX)).values():
            match value:
                case {"address": str(address), "pem": str(pem)} if _ends_ms(pem.encode()) >= self._clock.wall_ms():
                    self._keep(address, pem.encode())

    async def fetch(self, source: str, address: str) -> int | None:
        """Have the certificate at an address.

        Args:
            source: for whom.
            address: its host was checked.

        Returns:
            None when it is here now, else the seconds to wait before it is worth asking again.
        """
        if address in self.kept or self._is_fresh(address):
            return None
        if host_of(address) is None:  # the verifier lets no other through
            return _seconds(HELD_OFF_MS)
        fetching = self._fetching.get(address)
        if fetching is None:
            wait_s = self._wait_s(source, address)
            if wait_s is not None:
                return wait_s
            fetching = self._fetching[address] = asyncio.create_task(self._fetch(source, address))
            fetching.add_done_callback(lambda _: self._fetched(source, address))
        if self._waiting[address] >= MOST_WAITING:
            return LATER_S
        self._waiting[address] += 1
        try:
            await asyncio.wait((fetching,))  # goes on for the others when whoever waits here hangs up
        finally:
            self._waiting[address] -= 1
            self._waiting += Counter()  # drops what fell to nought
        if fetching.cancelled():
            return LATER_S
        return None if fetching.result() else _seconds(HELD_OFF_MS)

    async def keep(self, address: str) -> None:
        """A request was believed with the certificate at an address: keep it for good."""
        fresh = self._fresh.pop(address, None)
        if fresh is None:
            return
        self._keep(address, fresh.pem)
        forgotten = [self._kept.popitem(last=False)[0] for _ in range(len(self._kept) - MOST_KEPT)]
        await self._note(address, fresh.pem, forgotten)

    def _keep(self, address: str, pem: bytes) -> None:
        self._kept[address] = pem
        self._soonest_end_ms = min(self._soonest_end_ms, _ends_ms(pem))

    def _is_fresh(self, address: str) -> bool:
        fresh = self._fresh.get(address)
        return fresh is not None and self._clock.now_ms() < fresh.until_ms

    async def close(self) -> None:
        """End what is being fetched; whoever waits for it is told to come again."""
        self._is_closed = True
        fetching = list(self._fetching.values())
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)

    def _wait_s(self, source: str, address: str) -> int | None:
        """How long an address that is not here may not be asked; None: it may, and is."""
        now_ms = self._clock.now_ms()
        if self._is_closed:
            return LATER_S
        held_off_ms = self._held_off.get(address, 0) - now_ms
        if held_off_ms > 0:
            return _seconds(held_off_ms)
        return self._budgets.setdefault(source, _Budget()).take(now_ms)

    def _fetched(self, source: str, address: str) -> None:
        del self._fetching[address]
        self._budgets[source].asking -= 1

    async def _fetch(self, source: str, address: str) -> bool:
        answer = await self._outside.get(address)
        if answer.status != 200 or answer.trouble is not None or _PEM not in answer.body:  # noqa: PLR2004 - OK
            why = answer.detail or (f"status {answer.status}" if answer.status != 200 else "no certificate")  # noqa: PLR2004
            self._hold_off(address)
            if self._bound.passes(source, "not_fetched"):
                log.warning("certificate.not_fetched", source=source, host=urlsplit(address).netloc, why=why)
            return False
        self._fresh[address] = _Fresh(answer.body, self._clock.now_ms() + FRESH_MS)
        self._fresh.move_to_end(address)
        if len(self._fresh) > MOST_FRESH:
            self._fresh.popitem(last=False)
        if self._bound.passes(source, "fetched"):
            log.info("certificate.fetched", source=source, host=urlsplit(address).netloc)
        return True

    def _hold_off(self, address: str) -> None:
        self._held_off.pop(address, None)
        self._held_off[address] = self._clock.now_ms() + HELD_OFF_MS
        if len(self._held_off) > MOST_HELD_OFF:
            self._held_off.popitem(last=False)

    async def _note(self, address: str, pem: bytes, forgotten: Sequence[str]) -> None:
        """Have the store keep it, too; when it cannot now, the certificate is fetched again after a restart."""
        notes: dict[str, object | None] = {_name(each): None for each in forgotten}
        if len(pem) <= MOST_NOTED_BYTES and pem.isascii():
            notes[_name(address)] = {"address": address, "pem": pem.decode("ascii")}
        try:
            await self._store.write_notes(notes)
        except StoreError as error:
            log.warning("certificate.not_noted", problem=type(error).__name__, host=urlsplit(address).netloc)


def _seconds(milliseconds: int) -> int:
    return max(1, -(-milliseconds // 1000))


def _name(address: str) -> str:
    return PREFIX + hashlib.sha256(address.encode()).hexdigest()


def _ends_ms(pem: bytes) -> float:
    """When a certificate's time is over; long ago for what is none."""
    from bridge.sources.proofs.keys import KeyUnusable, read_certificate  # noqa: PLC0415 - loads slowly

    try:
        return read_certificate(pem).until_ms
    except KeyUnusable:
        return -math.inf
