"""The signed text: `message` taken apart, and put together again from a request's bytes as received."""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from bridge.diagnostics import problem
from bridge.sources.places import Place, SignedUrl, parse_place
from bridge.sources.presented import Presented, ascii_of
from bridge.sources.strict_json import Unreadable
from bridge.sources.verdict import Reason, Subject, Unbelieved

TokenKind = Literal[
    "body", "timestamp", "method", "url", "path_query", "secret", "form_sorted", "crc32", "config", "place"
]

_HOLE = re.compile(r"\{([^{}]*)\}")
_PLAIN: Mapping[str, TokenKind] = {
    "body": "body",
    "timestamp": "timestamp",
    "method": "method",
    "url": "url",
    "path_query": "path_query",
    "secret": "secret",
    "form_sorted": "form_sorted",
    "crc32": "crc32",
}
_CONFIG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_PLACES = frozenset({"header", "query", "json", "form", "form_json"})
# HubSpot signs these twelve escapes as : / ? @ ! $ ' ( ) * , ; and leaves all others as they are (facts 2.3).
_HUBSPOT_ESCAPE = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Token:
    """A hole in the signed text. `name` is that of a `config` token, `place` where a `place` token reads."""

    kind: TokenKind
    name: str = ""
    place: Place | None = None


Parts = Sequence[bytes | Token]


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills the holes that no request fills by itself."""

    timestamp: str = ""
    url: SignedUrl | None = None
    config: Mapping[str, str] | None = None
    secret: bytes = b""


def parse_message(message: str) -> tuple[bytes | Token, ...]:
    """`message` taken apart: fixed bytes and holes, in order; a mistake is reported as `problem`."""
    return tuple(_parts(message))


def compose(parts: Parts, request: Presented, filling: Filling) -> Iterator[bytes]:
    """The texts that the sender may have signed; more than one only where the address may have a port or not.

    Raises:
        Unbelieved: something of the text is not in the request.
    """
    for public in _addresses(parts, filling.url):
        yield b"".join(part if isinstance(part, bytes) else _filled(part, request, filling, public) for part in parts)


def signed_addresses(url: SignedUrl | None, raw_query: str) -> Iterator[bytes]:
    """The spellings of the address that the sender may have signed, the query of the request added.

    Raises:
        Unbelieved: the source does not know its public address.
    """
    for public in _spellings(url):
        yield _signed_url(public, url, raw_query)


def _parts(message: str) -> Iterator[bytes | Token]:
    end = 0
    for found in _HOLE.finditer(message):
        yield from _text(message[end : found.start()])
        yield _token(found.group(1))
        end = found.end()
    yield from _text(message[end:])


def _text(text: str) -> Iterator[bytes]:
    if "{" in text or "}" in text:
        raise problem("`message` has a brace without its partner")
    if text:
        yield text.encode("utf-8", "replace")


def _token(name: str) -> Token:
    plain = _PLAIN.get(name)
    if plain is not None:
        return Token(plain)
    kind, _, rest = name.partition(":")
    if kind == "config" and _CONFIG_NAME.fullmatch(rest):
        return Token("config", rest)
    place = parse_place(name) if kind in _PLACES else None
    if place is not None:
        return Token("place", place=place)
    raise problem(
        "`message` has an unknown word in braces",
        help="it may hold `{body}`, `{timestamp}`, `{url}`, `{path_query}`, `{method}`, `{header:NAME}`, "
        "`{query:NAME}`, `{json:PATH}`, `{form:FIELD}`, `{form_json:FIELD:PATH}`, `{form_sorted}`, "
        "`{config:NAME}`, `{crc32}`, and `{secret}` where `type` is `hash`",
    )


def _addresses(parts: Parts, url: SignedUrl | None) -> Sequence[str]:
    """The spellings of the public address to try; one that nobody reads where the address is not signed."""
    if not any(isinstance(part, Token) and part.kind in {"url", "path_query"} for part in parts):
        return ("",)
    return _spellings(url)


def _spellings(url: SignedUrl | None) -> Sequence[str]:
    public = url.public if url is not None else None
    if url is None or public is None:
        raise Unbelieved(Reason.NO_SECRET, "the source does not know its public address")
    if url.ports == "as_is":
        return (public,)
    split = urlsplit(public)
    host, _, port = split.netloc.rpartition(":")
    if not host or port.endswith("]"):  # no port: the last colon is one of an IPv6 address
        host, port = split.netloc, str(_DEFAULT_PORTS[split.scheme])
    spellings = (split._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{port}"))
    return tuple(dict.fromkeys((public, *spellings)))


def _filled(token: Token, request: Presented, filling: Filling, public: str) -> bytes:  # noqa: PLR0911 - a table
    match token.kind:
        case "body":
            return request.body
        case "timestamp":
            return filling.timestamp.encode("ascii")
        case "secret":
            return filling.secret
        case "config":
            return _configured(token.name, filling.config or {})
        case "place":
            return _value(token.place, request)
        case "url":
            return _signed_url(public, filling.url, request.raw_query)
        case "path_query":
            return _signed_url("/" + public.split("/", 3)[3], filling.url, request.raw_query)
        case _:
            return _derived(token.kind, request)


def _derived(kind: Literal["method", "form_sorted", "crc32"], request: Presented) -> bytes:
    match kind:
        case "method":
            return request.method.encode("ascii", "replace")
        case "form_sorted":
            return _form_sorted(request)
        case "crc32":
            return str(zlib.crc32(request.body)).encode()


def _signed_url(public: str, url: SignedUrl | None, raw_query: str) -> bytes:
    """The address that the sender called: host and path from the configuration, the query from the request.

    A query that was entered at the sender counts only where the request comes without one.
    """
    address, _, entered = public.partition("?")
    query = raw_query or entered
    text = f"{address}?{query}" if query else address
    if url is not None and url.decode == "hubspot":
        text = _HUBSPOT_ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), text)
    return text.encode("utf-8", "replace")


def _form_sorted(request: Presented) -> bytes:
    """Each field's name followed by its values, by name; of equal values of one name only one counts."""
    if not request.body:
        return b""
    try:
        fields = request.form
    except Unreadable as error:
        raise Unbelieved(Reason.SIGNED_BODY_UNREADABLE, f"the form fields cannot be read: {error.reason}") from None
    return "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name]))).encode()


def _configured(name: str, config: Mapping[str, str]) -> bytes:
    if name not in config:
        raise Unbelieved(Reason.NO_SECRET, f"the source does not say `config.{name}`, which is signed")
    return config[name].encode("utf-8", "replace")


def _value(place: Place | None, request: Presented) -> bytes:
    if place is None:  # a token of this kind has one
        raise AssertionError
    subject: Subject = "HEADER" if place.kind == "header" else "VALUE"
    text = request.text(place, subject)
    if place.kind == "header":
        if not text:
            raise Unbelieved(Reason.HEADER_MISSING, f"{place.shown} is empty")
        return ascii_of(text, place, subject).encode("ascii")
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair in the query
        raise Unbelieved(Reason.VALUE_MALFORMED, f"{place.shown} is no text") from None
