"""Certificates that a request names by their address (SNS, PayPal): fetched when first seen, kept, never in a flood.

Whoever can reach a hook can name an address; its host is one of the sender's, or the verifier had refused it. So of the
addresses that are new, one that gives no certificate closes the source to further new ones for a minute. What is kept
goes on working meanwhile, and over a restart: otherwise a stranger with an invented address a minute could keep the
sender out from then on.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog

from bridge.clock import Clock
from bridge.errors import StoreError
from bridge.outbound.outside import Outside
from bridge.sources.proofs.certificates import host_of
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

MOST_KEPT = 64
CLOSED_MS = 60_000
MOST_NEW = 10
"""New addresses of one source in a minute, even if each gives a certificate."""
LATER_S = 5
PREFIX = "certificate/"
"""What the notes are called in which they are kept."""
MOST_NOTED_BYTES = 16_384
_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(slots=True)
class _Gate:
    """Whether a source may ask at a new address."""

    is_asking: bool = False
    closed_until_ms: int = 0
    asked_at_ms: list[int] = field(default_factory=list)

    def wait_s(self, now_ms: int) -> int | None:
        """How long not; None: it may."""
        if self.is_asking:
            return LATER_S
        self.asked_at_ms = [at_ms for at_ms in self.asked_at_ms if now_ms - at_ms < CLOSED_MS]
        opens_ms = self.closed_until_ms
        if len(self.asked_at_ms) >= MOST_NEW:
            opens_ms = max(opens_ms, self.asked_at_ms[0] + CLOSED_MS)
        return max(1, -(-(opens_ms - now_ms) // 1000)) if opens_ms > now_ms else None


class Certificates:
    """Keeps certificates by their address.

    Args:
        outside: asks the address.
        clock: the time.
        store: keeps what was fetched over a restart.
    """

    def __init__(self, outside: Outside, clock: Clock, store: Store) -> None:
        self._outside = outside
        self._clock = clock
        self._store = store
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[bool]] = {}
        self._gates: dict[str, _Gate] = {}

    @property
    def kept(self) -> Mapping[str, bytes]:
        """Address -> PEM."""
        return self._kept

    async def restore(self) -> None:
        """Take up what the store holds, as far as it is still good."""
        for value in (await self._store.notes(PREFIX)).values():
            match value:
                case {"address": str(address), "pem": str(pem)} if _is_good(pem.encode(), self._clock.wall_ms()):
                    self._kept[address] = pem.encode()

    async def fetch(self, source: str, address: str) -> int | None:
        """Have the certificate at an address.

        Args:
            source: for whom.
            address: its host was checked.

        Returns:
            None when it is kept now, else the seconds to wait before it is worth asking again.
        """
        if address in self._kept:
            self._kept.move_to_end(address)
            return None
        if host_of(address) is None:  # the verifier lets no other through
            return CLOSED_MS // 1000
        fetching = self._fetching.get(address)
        if fetching is None:
            gate, now_ms = self._gates.setdefault(source, _Gate()), self._clock.now_ms()
            wait_s = gate.wait_s(now_ms)
            if wait_s is not None:
                return wait_s
            gate.asked_at_ms.append(now_ms)
            fetching = self._fetching[address] = asyncio.create_task(self._fetch(source, gate, address))
            fetching.add_done_callback(lambda _: self._fetching.pop(address, None))
        return None if await asyncio.shield(fetching) else CLOSED_MS // 1000

    async def _fetch(self, source: str, gate: _Gate, address: str) -> bool:
        gate.is_asking = True
        try:
            answer = await self._outside.get(address)
        finally:
            gate.is_asking = False
        if answer.status != 200 or answer.trouble is not None or _PEM not in answer.body:  # noqa: PLR2004 - OK
            why = answer.detail or (f"status {answer.status}" if answer.status != 200 else "no certificate")  # noqa: PLR2004
            gate.closed_until_ms = self._clock.now_ms() + CLOSED_MS
            log.warning("certificate.not_fetched", source=source, host=urlsplit(address).netloc, why=why)
            return False
        self._kept[address] = answer.body
        forgotten = [self._kept.popitem(last=False)[0] for _ in range(len(self._kept) - MOST_KEPT)]
        log.info("certificate.fetched", source=source, host=urlsplit(address).netloc)
        await self._note(address, answer.body, forgotten)
        return True

    async def _note(self, address: str, pem: bytes, forgotten: Sequence[str]) -> None:
        """Have the store keep it, too; when it cannot now, the certificate is fetched again after a restart."""
        notes: dict[str, object | None] = {_name(each): None for each in forgotten}
        if len(pem) <= MOST_NOTED_BYTES and pem.isascii():
            notes[_name(address)] = {"address": address, "pem": pem.decode("ascii")}
        try:
            await self._store.write_notes(notes)
        except StoreError as error:
            log.warning("certificate.not_noted", problem=type(error).__name__, host=urlsplit(address).netloc)


def _name(address: str) -> str:
    return PREFIX + hashlib.sha256(address.encode()).hexdigest()


def _is_good(pem: bytes, now_ms: int) -> bool:
    from bridge.sources.proofs.keys import KeyUnusable, read_certificate  # noqa: PLC0415 - loads slowly

    try:
        return read_certificate(pem).is_valid(now_ms)
    except KeyUnusable:
        return False
