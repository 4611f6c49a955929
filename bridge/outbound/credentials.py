"""Who we are: the header that a destination's requests carry, and the OAuth token behind it.

A token is fetched once for everybody who waits (never twice in parallel). Tokens of the client-credentials grant live
in memory only: the vendor gives a new one for the asking, so there is nothing to store.
"""

import asyncio
import base64
from collections.abc import Mapping
from urllib.parse import urlencode

from bridge.clock import Clock
from bridge.connectors.answer import Answer
from bridge.connectors.classify import default_outcome, retry_after_ms
from bridge.connectors.destination import Destination
from bridge.connectors.request import OutboundRequest
from bridge.connectors.wire import json_bytes
from bridge.expressions import compile_template
from bridge.model import Outcome
from bridge.outbound.client import Client

EXPIRY_MARGIN_MS = 60_000
DEFAULT_LIFETIME_S = 1_800
MAX_LIFETIME_S = 30 * 24 * 3_600


class TokenRefused(Exception):  # noqa: N818 - reads as what happened
    """The token endpoint gave no token. Its answer is not kept here: it may hold half of one.

    `outcome` says whether asking again may help, `code` what happened in a word that may be logged,
    `retry_after_ms` when the endpoint wants to be asked again, `failures` how often in a row it refused.
    """

    def __init__(self, outcome: Outcome, code: str, *, retry_after_ms: int | None, failures: int) -> None:
        super().__init__("the token endpoint gave no token", code)
        self.outcome = outcome
        self.code = code
        self.retry_after_ms = retry_after_ms
        self.failures = failures

    def again(self) -> "TokenRefused":
        """The same refusal for somebody else who waited for this token."""
        return TokenRefused(self.outcome, self.code, retry_after_ms=self.retry_after_ms, failures=self.failures)


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
        self._asked = 0
        self._refused: TokenRefused | None = None
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

        Whoever waits while another one asks shares what that one is told: a refusal is no reason to ask the endpoint
        once more for each of them.

        Raises:
            TokenRefused: there is none to be had now.
        """
        asked = self._asked
        async with self._lock:
            if self._static is not None or self._version != seen_version:
                return
            if self._asked != asked and self._refused is not None:
                raise self._refused.again()
            answer = await self._ask()
            self._asked += 1
            self._take_in(answer)

    async def _ask(self) -> Answer:
        auth = self._destination.auth
        scope = {"settings": self._destination.all_settings}
        fields = {name: compile_template(text).render_text(scope) for name, text in auth.fields.items()}
        body, kind = (json_bytes(fields), "json") if auth.body == "json" else (urlencode(fields).encode(), "form")
        content_type = "application/json" if kind == "json" else "application/x-www-form-urlencoded"
        request = OutboundRequest(
            "POST", auth.path or "", {"Accept": "application/json", "Content-Type": content_type}, body
        )
        return await self._client.send(request, {})

    def _take_in(self, answer: Answer) -> None:
        granted = answer.json if answer.status in {200, 201} and answer.trouble is None else None
        token = granted.get("access_token") if isinstance(granted, dict) else None
        if not isinstance(granted, dict) or not isinstance(token, str) or not _fits_a_header(token):
            self._refused = TokenRefused(
                _token_outcome(answer),
                str(answer.trouble) if answer.trouble else f"token_http_{answer.status}",
                retry_after_ms=retry_after_ms(answer.headers, now_ms=self._clock.now_ms()),
                failures=self._refused.failures + 1 if self._refused else 1,
            )
            raise self._refused
        self._token, self._refused = token, None
        self._expires_at_ms = self._clock.now_ms() + _lifetime_ms(granted.get("expires_in"))
        self._version += 1


def _fits_a_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def _lifetime_ms(expires_in: object) -> int:
    """How long to use a token: what the endpoint says, less a margin for the way."""
    known = isinstance(expires_in, int) and not isinstance(expires_in, bool) and 0 < expires_in < MAX_LIFETIME_S
    lifetime_ms = (expires_in if known and isinstance(expires_in, int) else DEFAULT_LIFETIME_S) * 1000
    return lifetime_ms - min(EXPIRY_MARGIN_MS, lifetime_ms // 10)


def _token_outcome(answer: Answer) -> Outcome:
    """A refusal or a redirect is for a person to mend, everything else may be better in a while."""
    if answer.status is None or answer.trouble is not None or answer.status < 300:  # noqa: PLR2004 - no redirect
        return Outcome.RETRY_LATER
    outcome = default_outcome(answer.status)
    return outcome if outcome in {Outcome.RATE_LIMITED, Outcome.RETRY_LATER} else Outcome.UNAUTHORIZED


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
