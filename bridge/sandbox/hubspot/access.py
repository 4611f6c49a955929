"""Who may call HubSpot, and how often: bearer tokens, the OAuth token endpoint, the rate limits."""

from dataclasses import dataclass
from secrets import token_urlsafe

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call, Refused
from bridge.sandbox.hubspot.refusals import rate_limited_answer, refused, unauthorized, validation
from bridge.sandbox.hubspot.scopes import ALL_SCOPES, check
from bridge.sandbox.limits import RateWindow

ACCESS_TOKEN_LIFE_S = 1800
PORTAL_ID = 1


@dataclass(slots=True)
class HubSpotLimits:
    """The figures of the smallest plan (facts, section 1.3).

    Headers always show them; calls are refused only when `enforced`.
    """

    enforced: bool = False
    burst: int = 100
    burst_window_ms: int = 10_000
    daily: int = 250_000
    search_per_second: int = 5
    associations: int = 100
    """Calls of the associations API in one burst window; they count as calls besides."""
    claimed_burst: int = 0
    """The burst that the headers name when it is not the true one; 0: they tell the truth."""


class HubSpotAccess:
    """Tokens and windows of one account."""

    def __init__(self, clock: Clock, tokens: frozenset[str], refresh_tokens: frozenset[str]) -> None:
        self._clock = clock
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens
        self._granted: dict[str, int] = {}
        self._restricted: dict[str, frozenset[str]] = {}
        self.limits = HubSpotLimits()
        self.apply(self.limits)

    def apply(self, limits: HubSpotLimits) -> None:
        """Use other limits from now on; every window starts empty."""
        self.limits = limits
        self._burst = RateWindow(self._clock, limits.burst, limits.burst_window_ms, limits.claimed_burst)
        self._daily = RateWindow(self._clock, limits.daily, 24 * 3_600_000)
        self._search = RateWindow(self._clock, limits.search_per_second, 1000)
        self._associations = RateWindow(self._clock, limits.associations, limits.burst_window_ms)

    def change(self, limits: HubSpotLimits) -> None:
        """Use other limits from now on, also for what is counted already; the length of the burst window stays."""
        self.limits = limits
        self._burst.limit, self._burst.claimed = limits.burst, limits.claimed_burst
        self._daily.limit, self._search.limit = limits.daily, limits.search_per_second
        self._associations.limit = limits.associations

    def reset(self) -> None:
        """Forget granted tokens, restrictions and everything counted."""
        self._granted.clear()
        self._restricted.clear()
        self.apply(HubSpotLimits())

    def admit(self, call: Call) -> None:
        """Let a call in.

        Raises:
            Refused: 401, 403 or 429.
        """
        if call.path.startswith("/oauth/"):
            return
        check(call, self.scopes_of(self._authenticate(call)))
        if _is_search(call):
            self._take("SECONDLY", self._search)
        else:
            if "/associations/" in call.path:
                self._take("TEN_SECONDLY_ROLLING", self._associations)
            self._take("DAILY", self._daily)
            self._take("TEN_SECONDLY_ROLLING", self._burst)

    def restrict(self, token: str, scopes: frozenset[str]) -> None:
        """Let a token do only this from now on."""
        self._restricted[token] = scopes

    def scopes_of(self, token: str) -> frozenset[str]:
        """What a token may do."""
        return self._restricted.get(token, ALL_SCOPES)

    def private_app_token(self, call: Call) -> Answer:
        """`POST /oauth/v2/private-apps/get/access-token-info`: whose token it is, and what it may do.

        Raises:
            Refused: 400 or 401.
        """
        body = call.json()
        token = body.get("tokenKey") if isinstance(body, dict) else None
        if not isinstance(token, str):
            raise validation("Some required fields were not set: [tokenKey]")
        if token not in self._tokens:
            raise unauthorized("The access token is not valid.")
        shown = {"userId": 1, "hubId": PORTAL_ID, "appId": 1, "scopes": sorted(self.scopes_of(token))}
        return Answer(200, {**shown, "isUserToken": False})

    def introspect(self, call: Call) -> Answer:
        """`POST /oauth/{version}/token/introspect`, form-encoded: the same for an OAuth token.

        Raises:
            Refused: 400.
        """
        form = call.form()
        token = form.get("token", "")
        if not form.get("client_id") or not form.get("client_secret"):
            raise refused(400, "missing or invalid client id", "BAD_CLIENT_ID", error="invalid_client")
        if token not in self._granted:
            raise validation("Token is invalid", context={"token": ["Token is invalid"]})
        shown = {"active": True, "token_use": "access_token", "hub_id": PORTAL_ID, "token_type": "bearer"}
        return Answer(200, {**shown, "token": token, "scopes": sorted(self.scopes_of(token))})

    def headers(self, call: Call) -> dict[str, str]:
        """The limit headers; search and token answers carry none."""
        if _is_search(call) or call.path.startswith("/oauth/"):
            return {}
        return {
            "X-HubSpot-RateLimit-Max": str(self._burst.told_limit),
            "X-HubSpot-RateLimit-Remaining": str(self._burst.told_remaining),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(self.limits.burst_window_ms),
            "X-HubSpot-RateLimit-Daily": str(self.limits.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self._daily.remaining),
        }

    def token(self, call: Call) -> Answer:
        """`POST /oauth/{version}/token`: everything in the form-encoded body, nothing in the URL.

        Raises:
            Refused: 400, bad grant or bad refresh token.
        """
        form = call.form()
        if call.media_type != "application/x-www-form-urlencoded" or not form.get("client_id"):
            raise refused(400, "missing or invalid client id", "BAD_CLIENT_ID", error="invalid_client")
        grant = form.get("grant_type")
        if grant not in ("refresh_token", "client_credentials"):
            raise refused(400, "missing or unknown grant type", "BAD_GRANT_TYPE", error="unsupported_grant_type")
        refresh = form.get("refresh_token", "")
        if grant == "refresh_token" and refresh not in self._refresh_tokens:
            # Here `status` is the code, not "error" (facts, section 1.2).
            body = {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}
            raise Refused(Answer(400, {**body, "error": "invalid_grant"}))
        return Answer(200, self._grant(refresh))

    def _grant(self, refresh: str) -> dict[str, object]:
        token = token_urlsafe(24)
        self._granted[token] = self._clock.now_ms() + ACCESS_TOKEN_LIFE_S * 1000
        granted: dict[str, object] = {
            "access_token": token,
            "expires_in": ACCESS_TOKEN_LIFE_S,
            "token_type": "bearer",
            "token_use": "access_token",
            "hub_id": PORTAL_ID,
            "scopes": sorted(ALL_SCOPES),
        }
        return {**granted, "refresh_token": refresh} if refresh else granted

    def _authenticate(self, call: Call) -> str:
        """The token of a call."""
        token = call.bearer
        if token is None:
            raise unauthorized("Authentication credentials not found. Send a bearer token.")
        if token in self._tokens:
            return token
        expires_ms = self._granted.get(token)
        if expires_ms is None:
            raise unauthorized("The access token is not valid.")
        if expires_ms <= self._clock.now_ms():
            raise unauthorized("The access token has expired.", "EXPIRED_AUTHENTICATION")
        return token

    def _take(self, policy: str, window: RateWindow) -> None:
        if self.limits.enforced and window.remaining == 0:
            raise Refused(rate_limited_answer(policy))
        window.take()


def _is_search(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith("/search")
