"""Who we are: the header that a destination's requests carry, and the OAuth token behind it.

A token is fetched once for everybody who waits (never twice in parallel), and the fetching goes on when those who
wait for it are cancelled: its answer may hold the only refresh token there is from then on. Access tokens live in
memory only. A refresh token that the API replaces is in the vault before anything that came with it is used, and no
two ask with the same one, also while a reload replaces these credentials by others.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.clock import Clock
from bridge.connectors.answer import Answer
from bridge.connectors.assertion import KeyUnusable
from bridge.connectors.destination import Destination
from bridge.connectors.retry_after import retry_after_ms
from bridge.expressions import RenderError
from bridge.model import Outcome
from bridge.outbound.client import Client
from bridge.outbound.token_endpoint import Granted, Question, basic, granted_by, refused_by, rendered
from bridge.outbound.vault import Vault, VaultFailed
from bridge.outbound.window import LONGEST_HOLD_MS


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


@dataclass(slots=True)
class _Token:
    """The token in use and whoever fetches the next one: shared by all credentials that would ask for the same."""

    access: str | None = field(default=None, repr=False)
    expires_at_ms: int = 0
    version: int = 0
    failures: int = 0
    refused: TokenRefused | None = None
    """The endpoint's last word, if it gave none."""
    not_before_ms: int = 0
    """When the endpoint may be asked again after that."""
    asking: "asyncio.Task[TokenRefused | None] | None" = None


@dataclass(slots=True)
class _Rotation:
    """Shared by all credentials that have the same refresh token configured."""

    unsaved: Granted | None = None
    """What came with a refresh token that is not in the vault yet."""


class Credentials:
    """The credentials of one destination.

    Args:
        destination: whose.
        client: asks the token endpoint.
        clock: the time.
        vault: keeps refresh tokens that the API replaces; a destination that has such cannot do without.
    """

    def __init__(self, destination: Destination, client: Client, clock: Clock, vault: Vault | None = None) -> None:
        self._destination = destination
        self._client = client
        self._clock = clock
        self._vault = vault
        self._static = _static_headers(destination)
        self._token = _Token()
        self._rotation = _Rotation()
        self._turn = vault.turn(destination.name) if vault is not None else asyncio.Lock()

    def succeed(self, before: "Credentials") -> None:
        """Take the place of the credentials that the same destination had under its former configuration.

        Where the token is asked for with the same words, the former ones and these have one token from now on.
        """
        if self._static is not None or before._static is not None:  # noqa: SLF001 - its own class
            return
        if _ask_alike(self._destination, before._destination):  # noqa: SLF001 - as above
            self._token = before._token  # noqa: SLF001 - as above
        if self._destination.auth.rotates is not None and self._configured == before._configured:  # noqa: SLF001 - as above
            self._rotation = before._rotation  # noqa: SLF001 - as above

    @property
    def can_refresh(self) -> bool:
        """Whether a 401 may be mended by asking for a new token."""
        return self._static is None

    @property
    def version(self) -> int:
        """Grows with each token, so that a 401 of an old token does not fetch a second new one."""
        return self._token.version

    async def headers(self) -> Mapping[str, str]:
        """The header to send.

        Raises:
            TokenRefused: there is no token to be had now.
        """
        if self._static is not None:
            return self._static
        if self._token.access is None or self._clock.now_ms() >= self._token.expires_at_ms:
            await self.refresh(self._token.version)
        auth = self._destination.auth
        return {auth.header or "Authorization": f"{auth.scheme} {self._token.access}"}

    async def refresh(self, seen_version: int) -> None:
        """Get a new token, unless somebody got one since `seen_version`.

        Whoever waits while another one asks shares what that one is told: a refusal is no reason to ask the endpoint
        once more for each of them, and whoever comes before it wants to be asked again hears the same.

        Raises:
            TokenRefused: there is none to be had now.
        """
        token = self._token
        if self._static is not None or token.version != seen_version:
            return
        if token.asking is None:
            self._keep_from_asking()
            token.asking = asyncio.create_task(self._renew(), name=f"token of {self._destination.name}")
        refused = await asyncio.shield(token.asking)
        if refused is not None:
            raise refused.again()

    def ask_at_once(self) -> None:
        """Ask the next time in spite of what the endpoint wants: a person says so."""
        self._token.not_before_ms = 0

    async def close(self) -> None:
        """Wait for a token that is being fetched: what it brings must not be lost."""
        if self._token.asking is not None:
            await asyncio.wait([self._token.asking])

    def _keep_from_asking(self) -> None:
        """Say once more what the endpoint said, while it does not want to be asked.

        Raises:
            TokenRefused: that.
        """
        refused, left_ms = self._token.refused, self._token.not_before_ms - self._clock.now_ms()
        if refused is not None and left_ms > 0:
            raise TokenRefused(refused.outcome, refused.code, retry_after_ms=left_ms, failures=refused.failures)

    async def _renew(self) -> TokenRefused | None:
        """Fetch a token; a refusal is returned, because everybody who waits may be gone."""
        token = self._token
        try:
            async with self._turn:
                granted = self._rotation.unsaved or await self._ask()
                await self._save(granted)
        except TokenRefused as refused:
            return refused
        except VaultFailed:
            return self._refusal(Outcome.RETRY_LATER, "vault")
        finally:
            token.asking = None
        token.access, token.failures, token.refused = granted.access, 0, None
        token.expires_at_ms = self._clock.now_ms() + granted.lifetime_ms
        token.version += 1
        return None

    async def _ask(self) -> Granted:
        """Ask the token endpoint.

        Raises:
            TokenRefused: it gave none.
            VaultFailed: what it would give could not be kept, so it was not asked.
        """
        auth, settings = self._destination.auth, self._destination.all_settings
        if auth.rotates is not None:
            settings[auth.rotates] = await self._refresh_token()
        try:
            request = Question.of(self._destination, settings).request(self._clock.now_ms())
        except KeyUnusable:
            raise self._refusal(Outcome.UNAUTHORIZED, "private_key") from None
        answer = await self._client.send(request, {})
        granted = granted_by(answer, auth)
        if granted is None:
            raise self._turned_away(answer)
        return granted

    async def _refresh_token(self) -> str:
        """The refresh token that is good now, from a vault that can be written."""
        name, configured, vault = self._destination.name, self._configured, self._vault
        if vault is None:
            raise VaultFailed("there is no vault")
        token = await asyncio.to_thread(vault.read, name, configured) or configured
        await asyncio.to_thread(
            vault.write, name, configured, token
        )  # a full disk must show before the old one is void
        return token

    async def _save(self, granted: Granted) -> None:
        """Have a new refresh token on the disk before its access token is used.

        Raises:
            VaultFailed: it is not. It is kept in memory and written first thing next time: the endpoint would not
                take the old one again.
        """
        if granted.refresh is None or self._vault is None:
            return
        self._rotation.unsaved = granted
        await asyncio.to_thread(self._vault.write, self._destination.name, self._configured, granted.refresh)
        self._rotation.unsaved = None

    @property
    def _configured(self) -> str:
        """The refresh token that the configuration gives."""
        return str(self._destination.all_settings.get(self._destination.auth.rotates or "", ""))

    def _turned_away(self, answer: Answer) -> TokenRefused:
        """The endpoint's refusal. Where asking again may help it is not asked before it wants to be.

        If it does not say, that is the least that the schedule of retries would wait.
        """
        code = str(answer.trouble) if answer.trouble else f"token_http_{answer.status}"
        now_ms = self._clock.now_ms()
        asked_ms = retry_after_ms(answer.headers, now_ms=now_ms)
        refused = self._refusal(refused_by(answer), code, asked_ms)
        if refused.outcome is not Outcome.UNAUTHORIZED:  # what a person mends is tried as soon as he says so
            schedule_ms = self._destination.schedule_ms
            least_ms = schedule_ms[min(refused.failures, len(schedule_ms)) - 1] // 2
            self._token.refused = refused
            self._token.not_before_ms = now_ms + min(least_ms if asked_ms is None else asked_ms, LONGEST_HOLD_MS)
        return refused

    def _refusal(self, outcome: Outcome, code: str, wait_ms: int | None = None) -> TokenRefused:
        self._token.failures += 1
        return TokenRefused(outcome, code, retry_after_ms=wait_ms, failures=self._token.failures)


def _ask_alike(one: Destination, other: Destination) -> bool:
    """Whether their token endpoint could not tell them apart."""
    if (one.auth, one.base_url) != (other.auth, other.base_url):
        return False
    try:
        return Question.of(one, one.all_settings) == Question.of(other, other.all_settings)
    except RenderError:
        return False


def _static_headers(destination: Destination) -> Mapping[str, str] | None:
    """The header of a credential that never changes, or None when a token has to be fetched."""
    auth, scope = destination.auth, {"settings": destination.all_settings}
    match auth.mode:
        case "bearer":
            return {auth.header or "Authorization": f"{auth.scheme} {rendered(auth.token, scope)}"}
        case "basic":
            return {"Authorization": basic(rendered(auth.username, scope), rendered(auth.password, scope))}
        case "header":
            return {auth.header or "Authorization": rendered(auth.value, scope)}
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
        return {"Authorization": basic(given.username or "", given.password.get_secret_value())}
    return {given.name or "Authorization": given.value.get_secret_value() if given.value else ""}
