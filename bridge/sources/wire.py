"""A request's headers and query as the rest of the package reads them: by lower-case name, credentials left out."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache

Pairs = Iterable[tuple[str, str]]
HeaderIndex = Mapping[str, Sequence[str]]

# Removed because a proxy or this server uses them up (RFC 9110), or because they prove somebody's identity.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)
_CREDENTIAL = re.compile(
    r"auth|cookie|signature|secret|password|passwd|hmac|credential|jwt|session|api-?key|(?<!idempotency-)token"
)


def index_headers(headers: Pairs) -> dict[str, list[str]]:
    """Values by lower-case name, in the order received. Names that are not ASCII cannot be HTTP and are left out."""
    index: dict[str, list[str]] = {}
    for name, value in headers:
        if name.isascii():
            lower = name.lower()
            if lower in index:
                index[lower].append(value)
            else:
                index[lower] = [value]
    return index


def index_query(query: Pairs) -> dict[str, list[str]]:
    """Values by exact name, in the order received."""
    index: dict[str, list[str]] = {}
    for name, value in query:
        index.setdefault(name, []).append(value)
    return index


def kept_headers(index: HeaderIndex, *, without: Container[str] = ()) -> dict[str, str]:
    """The headers that rules may read and the store may hold.

    Args:
        index: all headers of the request.
        without: lower-case names to leave out besides credentials and hop-by-hop headers.

    Returns:
        lower-case name -> value; repeated headers are joined by a comma and a blank, as HTTP defines.
    """
    return {
        name: clean(values[0] if len(values) == 1 else ", ".join(values))
        for name, values in index.items()
        if name not in without and _is_kept(name)
    }


def kept_query(index: Mapping[str, Sequence[str]], *, without: Container[str] = ()) -> dict[str, str]:
    """The query parameters that rules may read: the first of each name, credentials and `without` left out."""
    kept: dict[str, str] = {}
    for name, values in index.items():
        if name not in without and not is_credential(name.lower().replace("_", "-")):
            kept.setdefault(clean(name), clean(values[0]))
    return kept


def header_in_capitals(read: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a template's look-up of a header that no event can have, and the mend; None if nothing is."""
    if len(read) < 2 or read[0] != "headers" or read[1] == read[1].lower():  # noqa: PLR2004 - the root and a name
        return None
    message = f"no event has `headers['{read[1]}']`: names of headers are in small letters here"
    return message, f"write `headers['{read[1].lower()}']`"


def clean(text: str) -> str:
    """Text that every store and JSON writer can hold: no lone surrogates (raw bytes of a header), no U+0000."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


@lru_cache(maxsize=1024)
def _is_kept(header: str) -> bool:
    return header not in _HOP_BY_HOP and not is_credential(header)


@lru_cache(maxsize=1024)
def is_credential(name: str) -> bool:
    """Whether a header or parameter of this name, in lower case with `-`, proves somebody's identity."""
    return _CREDENTIAL.search(name) is not None
