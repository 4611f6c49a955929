"""Who we are: the header that a destination's requests carry, and the OAuth token behind it.

A token is fetched once for everybody who waits (never twice in parallel). Tokens of the client-credentials grant live
in memory only: the vendor gives a new one for the asking, so there is nothing to store.
"""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from bridge.clock import Clock
from bridge.connectors.answer import Answer
from bridge.connectors.classify import default_outcome
from bridge.connectors.destination import Destination
from bridge.connectors.operation import json_bytes
from bridge.connectors.request import OutboundRequest
from bridge.expressions import compile_template
from bridge.model import Outcome
from bridge.outbound.client import Client

EXPIRY_MARGIN_MS = 60_000
DEFAULT_LIFETIME_S = 1_800
MAX_LIFETIME_S = 30 * 24 * 3_600


@dataclass(frozen=True, slots=True)
class TokenRefused(Exception):  # noqa: N818 - reads as what happened
    """The token endpoint did not give a token: `answer` says why, `outcome` whether asking again may help."""

    answer: Answer
    outcome: Outcome


class Credentials:
    """The credentials of one destination."""

    def __init__(self, destination: Destination, client: Client, clock: Clock) -> None:
        self._destination = destination
        self._client = client
        self._clock = clock
        self._static = _static_headers(destination)
        self._token: str | None = None
        self._expires_at_ms = 0
        self._version = 0
        self._lock = asyncio.Lock()

    @property
    def can_refresh(self) -> bool:
        """Whether a 401 may be mended by asking for a new token."""
        return self._static is None

    @property
    def version(self) -> int:
        """Grows with each token, so that a 401 of an old token does not fetch a second new one."""
        return self._version

    async def headers(self) -> Mapping[str, str]:
        """The header to send.

        Raises:
            TokenRefused: there is no token to be had now.
        """
        if self._static is not None:
            return self._static
        if self._token is None or self._clock.now_ms() >= self._expires_at_ms:
            await self.refresh(self._version)
        return {"Authorization": f"Bearer {self._token}"}

    async def refresh(self, seen_version: int) -> None:
        """Get a new token, unless somebody got one since `seen_version`.

        Raises:
            TokenRefused: there is none to be had now.
        """
        async with self._lock:
            if self._static is None and self._version == seen_version:
                await self._fetch()

    async def _fetch(self) -> None:
        auth = self._destination.auth
        scope = {"settings": self._destination.all_settings}
        fields = {name: compile_template(text).render_text(scope) for name, text in auth.fields.items()}
        body, kind = (json_bytes(fields), "json") if auth.body == "json" else (urlencode(fields).encode(), "form")
        content_type = "application/json" if kind == "json" else "application/x-www-form-urlencoded"
        request = OutboundRequest(
            "POST", auth.path or "", {"Accept": "application/json", "Content-Type": content_type}, body
        )
        answer = await self._client.send(request, {})
        token = answer.json
        if (
            answer.status not in {200, 201}
            or not isinstance(token, dict)
            or not isinstance(token.get("access_token"), str)
        ):
            raise TokenRefused(answer, _token_outcome(answer))
        self._token = token["access_token"]
        lifetime = token.get("expires_in")
        seconds = lifetime if isinstance(lifetime, int) and 0 < lifetime < MAX_LIFETIME_S else DEFAULT_LIFETIME_S
        margin = min(EXPIRY_MARGIN_MS, seconds * 1000 // 10)
        self._expires_at_ms = self._clock.now_ms() + seconds * 1000 - margin
        self._version += 1


def _token_outcome(answer: Answer) -> Outcome:
    if answer.status is None or answer.trouble is not None:
        return Outcome.RETRY_LATER
    outcome = default_outcome(answer.status)
    if outcome in {Outcome.RATE_LIMITED, Outcome.RETRY_LATER}:
        return outcome
    return Outcome.UNAUTHORIZED if answer.status >= 400 else Outcome.RETRY_LATER  # noqa: PLR2004 - a refusal


def _static_headers(destination: Destination) -> Mapping[str, str] | None:
    """The header of a credential that never changes, or None when a token has to be fetched."""
    auth, scope = destination.auth, {"settings": destination.all_settings}
    match auth.mode:
        case "bearer":
            return {"Authorization": f"Bearer {_render(auth.token, scope)}"}
        case "basic":
            return {"Authorization": _basic(_render(auth.username, scope), _render(auth.password, scope))}
        case "header":
            return {auth.header or "Authorization": _render(auth.value, scope)}
        case "given":
            return _given(destination)
        case "none":
            return {}
        case "oauth":
            return None


def _given(destination: Destination) -> Mapping[str, str]:
    given = destination.given_auth
    if given is None or given.type == "none":
        return {}
    if given.type == "bearer" and given.token:
        return {"Authorization": f"Bearer {given.token.get_secret_value()}"}
    if given.type == "basic" and given.password:
        return {"Authorization": _basic(given.username or "", given.password.get_secret_value())}
    return {given.name or "Authorization": given.value.get_secret_value() if given.value else ""}


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _render(text: str | None, scope: Mapping[str, object]) -> str:
    return compile_template(text or "").render_text(scope)
