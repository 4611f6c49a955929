"""What a token endpoint is asked, and what it grants. Pure: the asking itself is in `credentials`."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeGuard
from urllib.parse import urlencode

from bridge.connectors.answer import Answer
from bridge.connectors.assertion import sign
from bridge.connectors.classify import default_outcome
from bridge.connectors.destination import Destination
from bridge.connectors.request import OutboundRequest
from bridge.connectors.schema import Assertion, Auth
from bridge.connectors.wire import json_bytes
from bridge.expressions import compile_template
from bridge.model import Outcome

EXPIRY_MARGIN_MS: Final = 60_000
DEFAULT_LIFETIME_S: Final = 1_800
MAX_LIFETIME_S: Final = 30 * 24 * 3_600
_LONGEST_NUMBER: Final = 12


@dataclass(frozen=True, slots=True)
class Granted:
    """What the token endpoint gave; `refresh` is None when the refresh token stays the same."""

    access: str = field(repr=False)
    lifetime_ms: int
    refresh: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What the token endpoint is asked. Two that are equal get the same token.

    `login` is what it is told as Basic, `claims` and `key` are what an assertion is made of: it is signed with the
    time of the asking.
    """

    url: str
    auth: Auth
    fields: Mapping[str, str] = field(repr=False)
    login: str | None = field(repr=False)
    claims: Mapping[str, str] = field(repr=False)
    key: str = field(repr=False)

    @classmethod
    def of(cls, destination: Destination, settings: Mapping[str, object]) -> "Question":
        """The question with these settings.

        Raises:
            RenderError: the settings do not give it.
        """
        auth, scope = destination.auth, {"settings": settings}
        asserted = auth.assertion or Assertion(key="", claims={})
        login = (rendered(auth.username, scope), rendered(auth.password, scope))
        fields = {name: rendered(text, scope) for name, text in auth.fields.items()}
        return cls(
            url=destination.token_url or rendered(auth.path, scope),
            auth=auth,
            fields={name: text for name, text in fields.items() if text},
            login=None if auth.username is None else basic(*login),
            claims={name: rendered(text, scope) for name, text in asserted.claims.items()},
            key=rendered(asserted.key, scope),
        )

    def request(self, now_ms: int) -> OutboundRequest:
        """The request that asks.

        Raises:
            KeyUnusable: the assertion cannot be signed.
        """
        fields = dict(self.fields)
        asserted = self.auth.assertion
        if asserted is not None:
            fields[asserted.field] = sign(
                self.claims, self.key, algorithm=asserted.algorithm, now_ms=now_ms, lasts_ms=asserted.lasts
            )
        is_json = self.auth.body == "json"
        kind = "application/json" if is_json else "application/x-www-form-urlencoded"
        headers = {"Accept": "application/json", "Content-Type": kind}
        if self.login is not None:
            headers["Authorization"] = self.login
        return OutboundRequest("POST", self.url, headers, json_bytes(fields) if is_json else urlencode(fields).encode())


def granted_by(answer: Answer, auth: Auth) -> Granted | None:
    """What the answer grants; None: nothing that could be used."""
    given = answer.json if answer.status in {200, 201} and answer.trouble is None else None
    token = given.get("access_token") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(token, str) or not _fits_a_header(token):
        return None
    refresh = given.get("refresh_token") if auth.rotates is not None else None
    return Granted(
        access=token,
        lifetime_ms=_lifetime_ms(given.get("expires_in"), auth.lifetime),
        refresh=refresh if isinstance(refresh, str) and refresh else None,
    )


def refused_by(answer: Answer) -> Outcome:
    """What an answer without a token means: some refusals are for a person to mend, others may be better in a while.

    Zoho and Slack refuse with 200 and `error`.
    """
    if answer.status is None or answer.trouble is not None:
        return Outcome.RETRY_LATER
    if answer.status < 300:  # noqa: PLR2004 - no redirect
        body = answer.json
        says_no = isinstance(body, dict) and isinstance(body.get("error"), str) and "access_token" not in body
        return Outcome.UNAUTHORIZED if says_no else Outcome.RETRY_LATER
    outcome = default_outcome(answer.status)
    return outcome if outcome in {Outcome.RATE_LIMITED, Outcome.RETRY_LATER} else Outcome.UNAUTHORIZED


def basic(username: str, password: str) -> str:
    """The value of an `Authorization` header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def rendered(text: str | None, scope: Mapping[str, object]) -> str:
    """A template of an auth mode as text; empty when there is none."""
    return compile_template(text or "").render_text(scope)


def _fits_a_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def _lifetime_ms(expires_in: object, otherwise_ms: int | None) -> int:
    """How long to use a token: what the endpoint says (some as text), less a margin for the way."""
    told_s = int(expires_in) if _is_digits(expires_in) else expires_in
    known = isinstance(told_s, int) and not isinstance(told_s, bool) and 0 < told_s < MAX_LIFETIME_S
    unsaid_ms = DEFAULT_LIFETIME_S * 1000 if otherwise_ms is None else otherwise_ms
    lifetime_ms = told_s * 1000 if known and isinstance(told_s, int) else unsaid_ms
    return lifetime_ms - min(EXPIRY_MARGIN_MS, lifetime_ms // 10)


def _is_digits(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER
