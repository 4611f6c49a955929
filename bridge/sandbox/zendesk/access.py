"""Who may call Zendesk, and how often: OAuth grants, legacy API tokens, the rate limits."""

import base64
import binascii
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call, Refused
from bridge.sandbox.limits import KeyedWindows, RateWindow
from bridge.sandbox.zendesk.refusals import forbidden, not_found, too_many, unauthenticated

DEFAULT_LIFE_S = 1800
SHORTEST_LIFE_S = 300
LONGEST_LIFE_S = 48 * 3600
REFRESH_LIFE_S = 30 * 24 * 3600
SEARCHES_PER_MINUTE = 2500
_MINUTE_MS = 60_000


@dataclass(slots=True)
class ZendeskLimits:
    """The figures of a Professional account (facts, section 2.3).

    Headers always show them; calls are refused only when `enforced`.
    """

    enforced: bool = False
    account_per_minute: int = 400
    ticket_updates_per_minute: int = 100
    updates_per_ticket_in_10_minutes: int = 30
    side_conversations_in_10_minutes: int = 300
    user_upserts_per_second: int = 1
    upserts_per_user_in_a_minute: int = 5
    claimed_ticket_updates: int = 0
    """The ticket updates in a minute that the headers name when it is not the true number; 0: they tell the truth."""


@dataclass(frozen=True, slots=True)
class _Grant:
    expires_ms: int
    scopes: frozenset[str]


class ZendeskAccess:
    """Tokens and windows of one account. `api_users` are `email/token` -> API token pairs."""

    def __init__(
        self,
        clock: Clock,
        clients: dict[str, str],
        api_users: dict[str, str],
        refresh_tokens: frozenset[str] = frozenset(),
    ) -> None:
        self._clock = clock
        self._clients = clients
        self._api_users = api_users
        self._first_refresh_tokens = refresh_tokens
        self._grants: dict[str, _Grant] = {}
        self._refresh_tokens: dict[str, str | None] = dict.fromkeys(refresh_tokens)
        self.limits = ZendeskLimits()
        self.apply(self.limits)

    def apply(self, limits: ZendeskLimits) -> None:
        """Use other limits from now on; every window starts empty."""
        self.limits = limits
        self._account = RateWindow(self._clock, limits.account_per_minute, _MINUTE_MS)
        updates = limits.ticket_updates_per_minute
        self._updates = RateWindow(self._clock, updates, _MINUTE_MS, limits.claimed_ticket_updates)
        self._per_ticket = KeyedWindows(self._clock, limits.updates_per_ticket_in_10_minutes, 10 * _MINUTE_MS)
        self._upserts = RateWindow(self._clock, limits.user_upserts_per_second, 1000)
        self._per_user = KeyedWindows(self._clock, limits.upserts_per_user_in_a_minute, _MINUTE_MS)
        self._side = RateWindow(self._clock, limits.side_conversations_in_10_minutes, 10 * _MINUTE_MS)
        self._searches = RateWindow(self._clock, SEARCHES_PER_MINUTE, _MINUTE_MS)

    def change(self, limits: ZendeskLimits) -> None:
        """Use other limits from now on, also for what is counted already."""
        self.limits = limits
        self._account.limit, self._upserts.limit = limits.account_per_minute, limits.user_upserts_per_second
        self._updates.limit, self._updates.claimed = limits.ticket_updates_per_minute, limits.claimed_ticket_updates
        self._per_ticket.change(limits.updates_per_ticket_in_10_minutes)
        self._per_user.change(limits.upserts_per_user_in_a_minute)
        self._side.limit = limits.side_conversations_in_10_minutes

    def reset(self) -> None:
        """Void all tokens and forget everything counted."""
        self.void_tokens()
        self._refresh_tokens = dict.fromkeys(self._first_refresh_tokens)
        self.apply(ZendeskLimits())

    def void_tokens(self) -> None:
        """Make every granted access token worthless, as an administrator who revokes them does."""
        self._grants.clear()

    def admit(self, call: Call) -> None:
        """Let a call in.

        Raises:
            Refused: 401, 403 for a scope that does not reach, or 429.
        """
        if call.path.startswith(("/oauth/", "/attachments/")):
            return  # a file's address has in it what opens it
        if not self._is_anonymous_greeting(call):
            self._authenticate(call)
        self._take(self._account)

    def count_ticket_update(self, ticket_id: int) -> None:
        """Count one update of one ticket.

        Raises:
            Refused: 429.
        """
        self._take(self._per_ticket.window(str(ticket_id)), plain=True)
        self._take(self._updates)

    def count_user_upsert(self, user: str) -> None:
        """Count one upsert or update of one user, named by external id, e-mail or id.

        Raises:
            Refused: 429.
        """
        self._take(self._per_user.window(user.casefold()), plain=True)
        self._take(self._upserts)

    def count_side_conversation(self) -> None:
        """Count one that is begun.

        Raises:
            Refused: 429.
        """
        self._take(self._side)

    def count_search(self) -> None:
        """Count one search.

        Raises:
            Refused: 429.
        """
        self._take(self._searches)

    def headers(self, call: Call) -> dict[str, str]:
        """The limit headers of an answer."""
        if call.path.startswith("/oauth/"):
            return {}
        limit, remaining = str(self.limits.account_per_minute), str(self._account.remaining)
        headers = {
            "X-Rate-Limit": limit,
            "X-Rate-Limit-Remaining": remaining,
            "ratelimit-limit": limit,
            "ratelimit-remaining": remaining,
            "ratelimit-reset": str(self._account.resets_in_s),
        }
        if call.method == "PUT" and call.path.startswith("/api/v2/tickets/"):
            headers["Zendesk-RateLimit-tickets-update"] = _bucket(self._updates)
        if call.method != "GET" and call.path.startswith("/api/v2/users/"):
            headers["Zendesk-RateLimit-create-update-user"] = _bucket(self._upserts)
        if call.plain_path == "/api/v2/search":
            headers["Zendesk-RateLimit-search-index"] = _bucket(self._searches)
        return headers

    def is_known(self, call: Call) -> bool:
        """Whether the call carries credentials that are good now."""
        try:
            self._authenticate(call)
        except Refused:
            return False
        return True

    def current_token(self, call: Call) -> Answer:
        """`GET /oauth/tokens/current`: what the token that asks may do, and only its first ten characters.

        Raises:
            Refused: 404, an API token is none of these.
        """
        token = call.bearer or ""
        grant = self._grants.get(token)
        if grant is None:
            raise not_found()
        return Answer(200, {"token": {"id": 1, "token": token[:10], "scopes": sorted(grant.scopes), "client_id": 1}})

    def token(self, call: Call) -> Answer:
        """`POST /oauth/tokens` with a JSON body: client credentials, or a refresh token that is good for once.

        Raises:
            Refused: 400 for the grant, the refresh token or the lifetime, 401 for the client.
        """
        body = call.json()
        grant = body.get("grant_type") if isinstance(body, dict) else None
        if grant not in ("client_credentials", "refresh_token"):
            raise _oauth_error(400, "unsupported_grant_type", "The authorization grant type is not supported")
        client_id = body.get("client_id")
        secret = self._clients.get(client_id) if isinstance(client_id, str) else None
        if secret is None or body.get("client_secret") != secret:
            raise _oauth_error(401, "invalid_client", "Client authentication failed")
        life_s = body.get("expires_in", DEFAULT_LIFE_S)
        if not isinstance(life_s, int) or not SHORTEST_LIFE_S <= life_s <= LONGEST_LIFE_S:
            raise _oauth_error(400, "invalid_request", "expires_in is out of range")
        scope = str(body.get("scope") or "read write")
        return Answer(
            200, self._grant(scope, life_s) if grant != "refresh_token" else self._rotate(body, scope, life_s)
        )

    def _rotate(self, body: dict[str, Any], scope: str, life_s: int) -> dict[str, Any]:
        """A new pair; the refresh token and the access token that came with it are void at once."""
        old = body.get("refresh_token")
        if not isinstance(old, str) or old not in self._refresh_tokens:
            raise _oauth_error(400, "invalid_grant", "The refresh token is invalid, expired or revoked")
        self._grants.pop(self._refresh_tokens.pop(old) or "", None)
        granted = self._grant(scope, life_s)
        new = token_urlsafe(24)
        self._refresh_tokens[new] = granted["access_token"]
        return {**granted, "refresh_token": new, "refresh_token_expires_in": REFRESH_LIFE_S}

    def _grant(self, scope: str, life_s: int) -> dict[str, Any]:
        token = token_urlsafe(24)
        self._grants[token] = _Grant(self._clock.now_ms() + life_s * 1000, frozenset(scope.split()))
        return {"access_token": token, "token_type": "bearer", "scope": scope, "expires_in": life_s}

    def _authenticate(self, call: Call) -> None:
        token = call.bearer
        if token is None:
            self._check_basic(call)
            return
        grant = self._grants.get(token)
        if grant is None or grant.expires_ms <= self._clock.now_ms():
            raise unauthenticated()
        needed = "read" if call.method == "GET" else "write"
        resource = call.plain_path.removeprefix("/api/v2/").partition("/")[0]
        wanted = {needed} if _needs_broad(call.plain_path) else {needed, f"{resource}:{needed}"}
        if resource != "oauth" and not grant.scopes & wanted:
            raise forbidden()  # what it may do itself, every token may ask

    def _check_basic(self, call: Call) -> None:
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        try:
            user, _, token = base64.b64decode(encoded, validate=True).decode().rpartition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise unauthenticated() from None
        if scheme.lower() != "basic" or not token or self._api_users.get(user) != token:
            raise unauthenticated()

    def _is_anonymous_greeting(self, call: Call) -> bool:
        # The real one answers 200 "Anonymous user" here whatever the credentials are (facts, section 2.2).
        return call.method == "GET" and call.plain_path == "/api/v2/users/me"

    def _take(self, window: RateWindow, *, plain: bool = False) -> None:
        if self.limits.enforced and window.remaining == 0:
            raise too_many(window.resets_in_s, plain=plain)
        window.take()


def _needs_broad(path: str) -> bool:
    """Whether a scope of one resource is not enough: identities of users are refused to `users:write`."""
    return path.endswith(("/identities", "/side_conversations"))


def _bucket(window: RateWindow) -> str:
    return f"total={window.told_limit}; remaining={window.told_remaining}; resets={window.resets_in_s}"


def _oauth_error(status: int, error: str, description: str) -> Refused:
    return Refused(Answer(status, {"error": error, "error_description": description}))
