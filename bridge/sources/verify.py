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
from collections.abc import Sequence
from datetime import datetime

from bridge.sources.places import Encoding, SignedUrl, TimestampPlace
from bridge.sources.scheme import AnyScheme, EveryOf, HmacScheme, Keyed, NoVerification, Token
from bridge.sources.verdict import Presented, Reason, Unbelieved, Verdict
from bridge.sources.wire import Pairs, index_headers, index_query
from bridge.sources.words import matching_word

MAX_CANDIDATES = 20

_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
# HubSpot signs these twelve escapes as : / ? @ ! $ ' ( ) * , ; and leaves all others as they are (facts 2.3).
_HUBSPOT_ESCAPE = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)")
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)


def verify(
    scheme: AnyScheme,
    *,
    headers: Pairs,
    query: Pairs,
    body: bytes,
    now_ms: int,
    method: str = "POST",
    raw_query: str = "",
) -> Verdict:
    """Decide whether the sender of a request knew one of the scheme's secrets.

    Args:
        scheme: what `parse_verification` made of a `verify:` block.
        headers: all (name, value) pairs as received, repeated ones included; names in any case.
        query: all (name, value) pairs of the query, decoded.
        body: the raw bytes as received, before any parsing.
        now_ms: the present, milliseconds since the Unix epoch, for signed times.
        method: the request's method, for senders that sign it.
        raw_query: the query as it stands in the request line, undecoded, for senders that sign the address.

    Returns:
        A verdict for every input; nothing in a request makes this function raise.
    """
    return judge(scheme, Presented(index_headers(headers), body, index_query(query), method, raw_query), now_ms)


def judge(scheme: AnyScheme, request: Presented, now_ms: int) -> Verdict:
    """`verify` for a caller that has the request in this form already."""
    if isinstance(scheme, NoVerification):
        return Verdict(ok=True, secret_index=None, reason=Reason.NOT_CHECKED, detail="the source checks no signature")
    try:
        index = _every(scheme, request, now_ms) if isinstance(scheme, EveryOf) else _one(scheme, request, now_ms)
    except Unbelieved as refusal:
        return Verdict(ok=False, secret_index=None, reason=refusal.reason, detail=refusal.detail)
    return Verdict(ok=True, secret_index=index, reason=Reason.VERIFIED, detail=f"secret number {index + 1} matched")


def _every(scheme: EveryOf, request: Presented, now_ms: int) -> int:
    present = [each for each in scheme.of if request.has(each.signature.from_)]
    if not present:
        names = " or ".join(f"`{each.signature.name}`" for each in scheme.of)
        raise Unbelieved(Reason.SIGNATURE_MISSING, f"the request lacks {names}")
    return max(_one(each, request, now_ms) for each in present)


def _one(scheme: Keyed, request: Presented, now_ms: int) -> int:
    """The position of the secret that the sender of the request knew."""
    if isinstance(scheme, HmacScheme):
        return _matching_secret(scheme, request, now_ms)
    return matching_word(scheme, request)


def _matching_secret(scheme: HmacScheme, request: Presented, now_ms: int) -> int:
    """The position of the secret that made one of the given signatures."""
    if not scheme.keys:
        raise Unbelieved(Reason.NO_SECRET, "the source has no secret")
    place = scheme.signature
    elements = _elements(request.only(place.from_, "SIGNATURE"), place.split)
    candidates = _candidates(elements, scheme)
    timestamp = None
    if scheme.timestamp is not None:
        timestamp = _timestamp_text(scheme.timestamp, request, elements)
        _check_window(scheme.timestamp, timestamp, now_ms)
    signed = signed_bytes(scheme, request, timestamp)
    for index, keyed in enumerate(scheme.keyed):
        expected = _hashed(keyed, signed)
        if any([hmac.compare_digest(expected, candidate) for candidate in candidates]):  # noqa: C419 - no early exit
            return index
    raise Unbelieved(Reason.SIGNATURE_MISMATCH, f"`{place.name}` was not made from this body with a known secret")


def _hashed(keyed: hmac.HMAC, signed: bytes) -> bytes:
    """A copy goes on, which unlike `hmac.digest` keeps Python's lock over bytes that are hashed in a microsecond."""
    going_on = keyed.copy()
    going_on.update(signed)
    return going_on.digest()


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
        raise Unbelieved(Reason.SIGNATURE_MALFORMED, f"`{place.name}` holds more than {MAX_CANDIDATES} signatures")
    decoded = [decode(text, place.encoding) for text in texts]
    candidates = [each for each in decoded if each is not None and len(each) == scheme.digest_size]
    if not candidates:
        form = f"`{place.prefix}` and {place.encoding}" if place.prefix else place.encoding
        raise Unbelieved(
            Reason.SIGNATURE_MALFORMED, f"`{place.name}` holds no {scheme.algorithm} signature written as {form}"
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


def _timestamp_text(place: TimestampPlace, request: Presented, elements: Sequence[str]) -> str:
    """The signed time exactly as the sender wrote it."""
    if not place.in_signature:
        return request.only(place.from_, "TIMESTAMP")
    values = _named(elements, place.name)
    if not values:
        raise Unbelieved(Reason.TIMESTAMP_MISSING, f"the signature's header has no element `{place.name}=`")
    if len(values) > 1:
        raise Unbelieved(Reason.TIMESTAMP_REPEATED, f"the signature's header has `{place.name}=` {len(values)} times")
    return values[0]


def _check_window(place: TimestampPlace, text: str, now_ms: int) -> None:
    moment_ms = _milliseconds(text, place.unit)
    if moment_ms is None:
        raise Unbelieved(Reason.TIMESTAMP_MALFORMED, f"the time in `{place.name}` is not written as {place.unit}")
    age_ms = now_ms - moment_ms
    if place.past_s is not None and not age_ms <= place.past_s * 1000:
        side, limit = "old", place.past_s
    elif place.future_s is not None and not -age_ms <= place.future_s * 1000:
        side, limit = "ahead", place.future_s
    else:
        return
    raise Unbelieved(
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


def signed_bytes(scheme: HmacScheme, request: Presented, timestamp: str | None) -> bytes:
    """What the signature is over: the scheme's `message` with its holes filled by bytes as received."""
    if scheme.message == "{body}":
        return request.body
    return b"".join(_filled(part, scheme, request, timestamp) for part in scheme.parts)


def _filled(part: bytes | Token, scheme: HmacScheme, request: Presented, timestamp: str | None) -> bytes:
    if isinstance(part, bytes):
        return part
    match part.kind:
        case "body":
            return request.body
        case "timestamp":
            return (timestamp or "").encode("ascii")
        case "method":
            return request.method.encode("ascii", "replace")
        case "url":
            return _signed_url(scheme.url, request.raw_query)
        case "header":
            return request.only(f"header:{part.header}", "HEADER").encode("ascii")


def _signed_url(url: SignedUrl | None, raw_query: str) -> bytes:
    """The address that the sender called: host and path from the configuration, the query from the request."""
    public = url.public if url is not None else None
    if url is None or public is None:
        raise Unbelieved(Reason.NO_SECRET, "the source does not know its public address")
    text = f"{public}?{raw_query}" if raw_query else public
    if url.decode == "hubspot":
        text = _HUBSPOT_ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), text)
    return text.encode("utf-8", "replace")
