"""The sender's half of `verify`: headers that make a body acceptable, for `crm-bridge send`, `demo` and tests."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from bridge.errors import UsageError
from bridge.sources.places import Place
from bridge.sources.presented import Presented
from bridge.sources.proofs.encodings import encode
from bridge.sources.proofs.keyed_hash import HmacScheme
from bridge.sources.proofs.plain_hash import HashScheme, digest
from bridge.sources.proofs.signed import Given, Signed, messages
from bridge.sources.proofs.window import written
from bridge.sources.proofs.words import BasicScheme, TokenScheme, shown_word
from bridge.sources.scheme import AnyScheme, Block, alternatives, credentials
from bridge.sources.wire import index_headers


def sign(
    scheme: AnyScheme,
    body: bytes,
    *,
    now_ms: int,
    header: str | None = None,
    secret_index: int = 0,
    given: Mapping[str, str] | None = None,
    raw_query: str = "",
) -> list[tuple[str, str]]:
    """The headers that a sender with the secret would add to a POST of `body`.

    Args:
        scheme: the source's verification.
        body: the exact bytes that will be sent.
        now_ms: the time to sign, milliseconds since the Unix epoch.
        header: which signature header to make when the scheme has several (any case); the first one otherwise.
        secret_index: which secret to sign with; 0 is the first.
        given: values for headers that are part of the signed text; a stable one is made up for the others.
        raw_query: the query that will stand in the request line, where the address is signed.

    Returns:
        (name, value) pairs: the signature, its time and the signed headers. Empty for a source that checks nothing,
        and for one whose proof stands in the address (`sign_query`).

    Raises:
        UsageError: the scheme has no such header or no such secret.
    """
    chosen = _chosen(scheme, header, secret_index)
    if chosen is None or chosen.signature.place.kind == "query":
        return []
    if isinstance(chosen, TokenScheme | BasicScheme):
        return [(chosen.signature.place.name, shown_word(chosen, secret_index))]
    timestamp = None if chosen.timestamp is None else written(chosen.timestamp, now_ms)
    signed_headers = _signed_headers(chosen, body, given or {})
    request = Presented(index_headers(signed_headers.items()), body, raw_query=raw_query)
    made = _signature(chosen, request, Given((), timestamp), secret_index)
    pairs = [(chosen.signature.place.name, _value(chosen, made, timestamp)), *signed_headers.items()]
    if chosen.timestamp is not None and chosen.timestamp.place.kind == "header":  # one in the body is there already
        place = chosen.timestamp.place
        pairs = [pair for pair in pairs if pair[0].lower() != place.name.lower()]
        pairs.append((place.name, timestamp or ""))
    return pairs


def sign_query(scheme: AnyScheme, *, header: str | None = None, secret_index: int = 0) -> list[tuple[str, str]]:
    """The query parameters that a sender with the secret would add to the address; empty where a header proves it.

    Raises:
        UsageError: the scheme has no such place or no such secret, or a signature in the address, which nobody needs
            to make here.
    """
    chosen = _chosen(scheme, header, secret_index)
    if chosen is None or chosen.signature.place.kind != "query":
        return []
    if not isinstance(chosen, TokenScheme | BasicScheme):
        raise UsageError("a signature in the address cannot be made here: send the request with the sender's own test")
    return [(chosen.signature.place.name, shown_word(chosen, secret_index))]


def _signature(scheme: HmacScheme | HashScheme, request: Presented, given: Given, secret_index: int) -> bytes:
    key = scheme.keys[secret_index]
    (text, *_) = messages(scheme, request, given, key)
    return digest(scheme, text) if isinstance(scheme, HashScheme) else hmac.digest(key, text, scheme.algorithm)


def _chosen(scheme: AnyScheme, header: str | None, secret_index: int) -> Block | None:
    """The alternative to prove; None for a scheme that checks nothing."""
    choices = alternatives(scheme)
    if not choices:
        return None
    chosen = choices[0] if header is None else _named(choices, header)
    count = len(credentials(chosen))
    if not 0 <= secret_index < count:
        raise UsageError(f"the source has {count} secret(s), so there is no number {secret_index + 1}")
    return chosen


def _named(choices: Sequence[Block], header: str) -> Block:
    for choice in choices:
        if choice.signature.place.name.lower() == header.lower():
            return choice
    names = ", ".join(f"`{choice.signature.place.name}`" for choice in choices)
    raise UsageError(f"the source takes no signature in that header; it takes {names}")


def _signed_headers(scheme: Signed, body: bytes, given: Mapping[str, str]) -> dict[str, str]:
    known = {name.lower(): value for name, value in given.items()}
    made_up = f"crm-bridge-{hashlib.sha256(body).hexdigest()[:24]}"
    names = [place.name for place in _header_places(scheme)]
    return {name: known.get(name.lower(), made_up) for name in names}


def _header_places(scheme: Signed) -> list[Place]:
    return [token.place for token in scheme.tokens if token.place is not None and token.place.kind == "header"]


def _value(scheme: Signed, signature: bytes, timestamp: str | None) -> str:
    """The signature header's value, with its prefix, name and the time beside it where the scheme asks for them."""
    place = scheme.signature
    text = place.prefix + encode(signature, place.encoding)
    if place.field is None:
        return text
    elements = [f"{place.field}={text}"]
    if scheme.timestamp is not None and scheme.timestamp.place.kind == "sig":
        elements.insert(0, f"{scheme.timestamp.place.name}={timestamp}")
    return (place.split or "").join(elements)
