"""What a handshake can set in motion: learning a secret, calling an address, fetching a certificate."""

from dataclasses import dataclass
from typing import Self

from bridge.clock import Clock
from bridge.engine.certificates import Certificates
from bridge.engine.confirmations import Confirmations
from bridge.engine.learned import Secrets
from bridge.engine.present import Present
from bridge.outbound.outside import Outside
from bridge.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Handshaking:
    """The parts that the door needs for it."""

    secrets: Secrets
    confirmations: Confirmations
    certificates: Certificates

    async def restore(self) -> None:
        """Take up what an earlier process left."""
        await self.secrets.restore()
        await self.certificates.restore()

    async def close(self) -> None:
        """End the calls to strangers' addresses before the store closes."""
        await self.certificates.close()
        await self.confirmations.close()

    @classmethod
    def over(cls, store: Store, present: Present, clock: Clock, outside: Outside | None = None) -> Self:
        """The parts over a store; `outside` asks strangers' addresses, by default under our own client's rules."""
        asks = outside or Outside()
        return cls(Secrets(store, present, clock), Confirmations(store, asks), Certificates(asks, clock, store))
