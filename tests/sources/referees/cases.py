"""The requests that a vendor's library and the verifier both judge, made from one that the vendor would send."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from bridge.sources import Preset, Source, SourceConfig, load_preset, verify
from bridge.sources.describe import entry
from bridge.sources.scheme import alternatives
from bridge.sources.wire import index_headers

FAR_S = 100
"""Seconds outside a limit: so far that the moments between two looks at the clock do not count."""
UNLIMITED_S = 3_600
"""How old a request is made where the preset has no limit."""

RIGHT = "b0c4de5a1f6e7d8c9b0a1f2e3d4c5b6a"
WRONG = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
"""Secrets that are text, hexadecimal digits and base64, whichever the vendor's keys are written in."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sent:
    """A request on its way: headers, raw bytes, and the query as it stands in the request line."""

    headers: Headers
    body: bytes
    raw_query: str = ""

    def header(self, name: str) -> str:
        """What a library gets that takes one value: both values of a repeated header joined, as servers do."""
        return ", ".join(index_headers(self.headers).get(name.lower(), ()))

    @property
    def as_mapping(self) -> dict[str, str]:
        """The headers by lower-case name, for libraries that take them all."""
        return {name: ", ".join(values) for name, values in index_headers(self.headers).items()}


@dataclass(frozen=True, eq=False)
class Referee:
    """A vendor's library, and how the vendor signs.

    Attributes:
        preset: the preset that is judged beside it.
        signature: the header that holds the signature.
        body: what is sent; JSON bodies hold blanks that no serializer writes, and letters outside ASCII.
        signed: (body, secret, Unix milliseconds) -> the vendor's request, made without any code of the bridge.
        believes: (request, secret) -> what the library says; whatever it raises is a no.
        key: what the operator configures for a secret, such as the public key that belongs to it.
        settings: what else the source is given.
        differs: the cases in which the library says something else than the bridge, each with the reason.
        limited: it is the token that says from when until when it is good.
        reads: the fields are signed and not the bytes, so that the same fields in other bytes are as good.
    """

    preset: str
    signature: str
    body: bytes
    signed: Callable[[bytes, str, int], Sent]
    believes: Callable[[Sent, str], object]
    key: Callable[[str], str] = str
    key_name: str = "secret"
    settings: Mapping[str, object] = field(default_factory=dict)
    differs: Mapping[str, str] = field(default_factory=dict)
    reads: bool = False
    limited: bool = False
    name: str = ""

    @property
    def title(self) -> str:
        """What a test is called by."""
        return self.name or self.preset

    @cache  # noqa: B019 - the referees live as long as the tests
    def source(self, *secrets: str) -> Source:
        """A source of the preset with these secrets."""
        loaded = load_preset(self.preset)
        assert isinstance(loaded.preset, Preset), loaded.findings
        (written,) = entry(loaded.written).values()
        assert isinstance(written, dict)
        keys = [self.key(secret) for secret in secrets]
        config = {**written, self.key_name: keys, **self.settings}
        return Source.compile(self.preset, SourceConfig.model_validate(config), loaded.preset)

    def library_believes(self, sent: Sent, secrets: Sequence[str]) -> bool:
        """Whether the library takes the request for one that somebody with one of the secrets signed."""
        for secret in secrets:
            try:
                answer = self.believes(sent, secret)
            except Exception:  # noqa: BLE001, S112 - libraries refuse by raising whatever comes up
                continue
            if answer is not False:
                return True
        return False

    def bridge_believes(self, sent: Sent, secrets: Sequence[str], now_ms: int) -> bool:
        """The same of the verifier."""
        verdict = verify(
            self.source(*secrets).verification,
            headers=sent.headers,
            query=[tuple(pair.split("=", 1)) for pair in sent.raw_query.split("&") if pair],  # type: ignore[misc]
            body=sent.body,
            now_ms=now_ms,
            raw_query=sent.raw_query,
        )
        return verdict.ok


@dataclass(frozen=True)
class Case:
    """One request, the secrets that are configured, and whether it is to be believed."""

    sent: Sent
    secrets: tuple[str, ...]
    right: bool


NAMES = (
    "valid",
    "tampered",
    "wrong secret",
    "stale",
    "future",
    "missing",
    "empty",
    "truncated",
    "twice",
    "not ascii",
    "re-serialised",
    "rotated",
)


def case(referee: Referee, name: str, now_ms: int) -> Case:
    """The request of this name."""
    good = referee.signed(referee.body, RIGHT, now_ms)
    secrets: tuple[str, ...] = (RIGHT,)
    sent, right = good, False
    match name:
        case "valid":
            right = True
        case "tampered":
            sent = replace(good, body=tampered(good.body))
        case "wrong secret":
            sent = referee.signed(referee.body, WRONG, now_ms)
        case "stale":
            past_ms, limited = _distance(referee, "past_s")
            sent, right = referee.signed(referee.body, RIGHT, now_ms - past_ms), not limited
        case "future":
            ahead_ms, limited = _distance(referee, "future_s")
            sent, right = referee.signed(referee.body, RIGHT, now_ms + ahead_ms), not limited
        case "re-serialised":
            sent, right = replace(good, body=reserialised(good.body)), referee.reads
        case "rotated":
            secrets, right = (WRONG, RIGHT), True
        case _:
            sent = replace(good, headers=tuple(_spoilt(good.headers, referee.signature, name)))
    return Case(sent, secrets, right=right)


def tampered(body: bytes) -> bytes:
    """The body with one letter of a value changed, which keeps it readable."""
    assert b"Asha" in body
    return body.replace(b"Asha", b"Usha", 1)


def reserialised(body: bytes) -> bytes:
    """What a proxy makes of the body that reads it and writes it again."""
    try:
        written = json.dumps(json.loads(body), separators=(",", ":")).encode()
    except ValueError:  # a form: the same fields, another order
        written = b"&".join(reversed(body.split(b"&")))
    assert written != body
    return written


def now_ms() -> int:
    """The present. The libraries look at the clock themselves, so the verifier is told the same time."""
    return int(time.time() * 1000)


def _spoilt(headers: Headers, name: str, how: str) -> Iterator[tuple[str, str]]:
    for header, value in headers:
        if header.lower() != name.lower():
            yield header, value
        elif how == "empty":
            yield header, ""
        elif how == "truncated":
            yield header, value[:-4]
        elif how == "not ascii":
            yield header, value[:-1] + "é"
        elif how == "twice":
            yield header, value
            yield header, value
        else:
            assert how == "missing"


def _distance(referee: Referee, side: str) -> tuple[int, bool]:
    """How far to be off, in milliseconds, and whether the preset limits that side of the time at all."""
    (scheme, *_) = alternatives(referee.source(RIGHT).verification)
    place = getattr(scheme, "timestamp", None)
    limit = None if place is None else getattr(place, side)
    return ((limit or UNLIMITED_S) + FAR_S) * 1000, limit is not None or referee.limited
