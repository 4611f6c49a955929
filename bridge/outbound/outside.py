"""GET at an address that a sender names: a certificate, a confirmation. Under the rules of our own client, and no more.

https only, no redirects, public addresses only, a few seconds, a small answer, no credentials.
"""

from collections.abc import Callable

from yarl import URL

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.outbound.client import Client, HttpClient

TIMEOUT_MS = 5_000
MAX_ANSWER_BYTES = 65_536


def _client(origin: str) -> Client:
    return HttpClient(origin, timeout_ms=TIMEOUT_MS, allow_private_addresses=False, max_answer_bytes=MAX_ANSWER_BYTES)


class Outside:
    """Asks addresses that come from a request; whoever calls has checked that the host is one to be asked.

    Args:
        client: makes the client of one origin.
    """

    def __init__(self, client: Callable[[str], Client] = _client) -> None:
        self._client = client

    async def get(self, address: str) -> Answer:
        """The answer to a GET; never raises for what the other side does."""
        try:
            url = URL(address, encoded=True)
            origin = str(url.origin())
        except ValueError:
            return Answer(None, trouble=Trouble.ADDRESS, detail="not a web address")
        if url.scheme != "https" or url.user is not None or not url.is_default_port():
            return Answer(None, trouble=Trouble.ADDRESS, detail="not an https address with the usual port")
        client = self._client(origin)
        try:
            return await client.send(OutboundRequest("GET", str(url)), {})
        finally:
            await client.close()
