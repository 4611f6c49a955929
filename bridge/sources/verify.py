"""Was this request signed with the source's secret? A pure function over bytes.

The rules that no configuration can switch off (facts sources.md section 1, S3 to S7): the hash is over the bytes
received; a given signature has exactly one spelling and is compared as bytes in constant time; a repeated or
non-ASCII header is a refusal, never an exception; the algorithm never comes from the request; a clock value is
ASCII digits, so that neither NaN nor `1e9` gets past the window.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.sources.scheme import Encoding, EveryOf, HmacScheme, NoVerification, TimestampPlace, Token
from bridge.sources.wire import HeaderIndex, Pairs, index_headers

MAX_CANDIDATES = 20

_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)


class Reason(StrEnum):
    """Why a request was or was not believed; the code in answers, logs and metrics."""

    VERIFIED = "verified"
    NOT_CHECKED = "not_checked"
    NO_SECRET = "no_secret"  # noqa: S105 - a reason, not a password
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_REPEATED = "signature_repeated"
    SIGNATURE_MALFORMED = "signature_malformed"
    SIGNATURE_MISMATCH = "signature_mismatch"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIMESTAMP_REPEATED = "timestamp_repeated"
    TIMESTAMP_MALFORMED = "timestamp_malformed"
    TIMESTAMP_OUTSIDE = "timestamp_outside"
    HEADER_MISSING = "header_missing"
    HEADER_REPEATED = "header_repeated"
    HEADER_MALFORMED = "header_malformed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of `verify`.

    `secret_index` is the position of the secret that matched (the oldest one if several headers did), so that an
    old secret can be retired. `detail` is for the log: names from the configuration and fixed words, never a
    value of the request, a secret or an expected signature.
    """

    ok: bool
    secret_index: int | None
    reason: Reason
    detail: str


class _Refusal(Exception):  # noqa: N818 - control flow inside this module, never seen outside
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def verify(
    scheme: HmacScheme | EveryOf | NoVerification,
    *,
    headers: Pairs,
    query: Pairs,  # noqa: ARG001 - part of the contract; no scheme of today reads the query
    body: bytes,
    now_ms: int,
) -> Verdict:
    """Decide whether the sender of a request knew one of the scheme's secrets.

    Args:
        scheme: what `parse_verification` made of a `verify:` block.
        headers: all (name, value) pairs as received, repeated ones included; names in any case.
        query: all (name, value) pairs of the query, decoded.
        body: the raw bytes as received, before any parsing.
        now_ms: the present, milliseconds since the Unix epoch, for signed times.

    Returns:
        A verdict for every input; nothing in a request makes this function raise.
    """
    return judge(scheme, index_headers(headers), body, now_ms)


def judge(scheme: HmacScheme | EveryOf | NoVerification, headers: HeaderIndex, body: bytes, now_ms: int) -> Verdict:
    """`verify` for a caller that has the headers by lower-case name already."""
    try:
        if isinstance(scheme, HmacScheme):
            return _verified(_matching_secret(scheme, headers, body, now_ms))
        if isinstance(scheme, EveryOf):
            return _verified(_every(scheme, headers, body, now_ms))
    except _Refusal as refusal:
        return Verdict(ok=False, secret_index=None, reason=refusal.reason, detail=refusal.detail)
    return Verdict(ok=True, secret_index=None, reason=Reason.NOT_CHECKED, detail="the source checks no signature")


def _verified(index: int) -> Verdict:
    return Verdict(ok=True, secret_index=index, reason=Reason.VERIFIED, detail=f"secret number {index + 1} matched")


def _every(scheme: EveryOf, headers: HeaderIndex, body: bytes, now_ms: int) -> int:
    present = [each for each in scheme.of if each.signature.header.lower() in headers]
    if not present:
        names = " or ".join(f"`{each.signature.header}`" for each in scheme.of)
        raise _Refusal(Reason.SIGNATURE_MISSING, f"the request has no header {names}")
    return max(_matching_secret(each, headers, body, now_ms) for each in present)


def _matching_secret(scheme: HmacScheme, headers: HeaderIndex, body: bytes, now_ms: int) -> int:
    """The position of the secret that made one of the given signatures."""
    if not scheme.keys:
        raise _Refusal(Reason.NO_SECRET, "the source has no secret")
    place = scheme.signature
    value = _single(headers, place.header, "SIGNATURE")
    elements = _elements(value, place.split)
    candidates = _candidates(elements, scheme)
    timestamp = None
    if scheme.timestamp is not None:
        timestamp = _timestamp_text(scheme.timestamp, headers, elements)
        _check_window(scheme.timestamp, timestamp, now_ms)
    signed = signed_bytes(scheme, headers, body, timestamp)
    for index, keyed in enumerate(scheme.keyed):
        expected = _hashed(keyed, signed)
        if any([hmac.compare_digest(expected, candidate) for candidate in candidates]):  # noqa: C419 - no early exit
            return index
    raise _Refusal(Reason.SIGNATURE_MISMATCH, f"`{place.header}` was not made from this body with a known secret")


def _hashed(keyed: hmac.HMAC, signed: bytes) -> bytes:
    """A copy goes on, which unlike `hmac.digest` keeps Python's lock over bytes that are hashed in a microsecond."""
    going_on = keyed.copy()
    going_on.update(signed)
    return going_on.digest()


def _single(headers: HeaderIndex, name: str, kind: str) -> str:
    """The only value of a header, in ASCII; `kind` picks the reasons."""
    values = headers.get(name.lower(), ())
    if not values:
        raise _Refusal(Reason[f"{kind}_MISSING"], f"the request has no header `{name}`")
    if len(values) > 1:
        raise _Refusal(Reason[f"{kind}_REPEATED"], f"the header `{name}` came {len(values)} times")
    if not values[0].isascii():
        raise _Refusal(Reason[f"{kind}_MALFORMED"], f"the header `{name}` has characters that are not ASCII")
    return values[0]


def _elements(value: str, separator: str | None) -> Sequence[str]:
    return (value,) if separator is None else value.split(separator)


def _candidates(elements: Sequence[str], scheme: HmacScheme) -> list[bytes]:
    """The signatures among the elements, decoded; each has the length of a digest."""
    place = scheme.signature
    texts = [] if place.field is None else _named(elements, place.field)
    if place.field is None:
        texts = list(elements)
    texts = [text.removeprefix(place.prefix) for text in texts if text.startswith(place.prefix)]
    if len(texts) > MAX_CANDIDATES:
        raise _Refusal(Reason.SIGNATURE_MALFORMED, f"`{place.header}` holds more than {MAX_CANDIDATES} signatures")
    decoded = [decode(text, place.encoding) for text in texts]
    candidates = [each for each in decoded if each is not None and len(each) == scheme.digest_size]
    if not candidates:
        form = f"`{place.prefix}` and {place.encoding}" if place.prefix else place.encoding
        raise _Refusal(
            Reason.SIGNATURE_MALFORMED, f"`{place.header}` holds no {scheme.algorithm} signature written as {form}"
        )
    return candidates


def _named(elements: Sequence[str], name: str) -> list[str]:
    """The values of the `name=value` elements with this name."""
    start = f"{name}="
    return [element.removeprefix(start) for element in elements if element.startswith(start)]


def decode(text: str, encoding: Encoding) -> bytes | None:
    """The bytes of a signature, None unless `text` is their one accepted spelling.

    Hex is lower case. Base64 is padded and canonical; base64url may leave its padding out.
    """
    if encoding == "hex":
        return bytes.fromhex(text) if _HEX.fullmatch(text) else None
    altchars = b"-_" if encoding == "base64url" else b"+/"
    padded = text
    if encoding == "base64url" and "=" not in text:
        padded = text + "=" * (-len(text) % 4)
    try:
        raw = base64.b64decode(padded.encode("ascii"), altchars=altchars, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Re-encoding refuses other spellings: stray trailing bits, and `+/` where `-_` is asked for.
    return raw if base64.b64encode(raw, altchars=altchars).decode() == padded else None


def _timestamp_text(place: TimestampPlace, headers: HeaderIndex, elements: Sequence[str]) -> str:
    """The signed time exactly as the sender wrote it."""
    if not place.in_signature:
        return _single(headers, place.name, "TIMESTAMP")
    values = _named(elements, place.name)
    if not values:
        raise _Refusal(Reason.TIMESTAMP_MISSING, f"the signature's header has no element `{place.name}=`")
    if len(values) > 1:
        raise _Refusal(Reason.TIMESTAMP_REPEATED, f"the signature's header has `{place.name}=` {len(values)} times")
    return values[0]


def _check_window(place: TimestampPlace, text: str, now_ms: int) -> None:
    moment_ms = _milliseconds(text, place.unit)
    if moment_ms is None:
        raise _Refusal(Reason.TIMESTAMP_MALFORMED, f"the time in `{place.name}` is not written as {place.unit}")
    age_ms = now_ms - moment_ms
    if place.past_s is not None and not age_ms <= place.past_s * 1000:
        side, limit = "old", place.past_s
    elif place.future_s is not None and not -age_ms <= place.future_s * 1000:
        side, limit = "ahead", place.future_s
    else:
        return
    raise _Refusal(
        Reason.TIMESTAMP_OUTSIDE,
        f"the signed time is {abs(age_ms) // 1000} s {side}, more than the {limit} s allowed; is a clock wrong?",
    )


def _milliseconds(text: str, unit: str) -> int | None:
    if unit == "iso8601":
        if not _ISO.fullmatch(text):
            return None
        try:
            return int(datetime.fromisoformat(text).timestamp() * 1000)
        except (ValueError, OverflowError):  # the thirty-first of February, the year 0
            return None
    if not _DIGITS.fullmatch(text):
        return None
    return int(text) * (1000 if unit == "s" else 1)


def signed_bytes(scheme: HmacScheme, headers: Mapping[str, Sequence[str]], body: bytes, timestamp: str | None) -> bytes:
    """What the signature is over: the scheme's `message` with its holes filled by bytes as received."""
    if scheme.message == "{body}":
        return body
    return b"".join(_filled(part, headers, body, timestamp) for part in scheme.parts)


def _filled(part: bytes | Token, headers: HeaderIndex, body: bytes, timestamp: str | None) -> bytes:
    if isinstance(part, bytes):
        return part
    if part.kind == "body":
        return body
    if part.kind == "timestamp":
        return (timestamp or "").encode("ascii")
    return _single(headers, part.header, "HEADER").encode("ascii")
