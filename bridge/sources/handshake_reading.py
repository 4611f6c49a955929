"""What a handshake reads of a request: one value at a time, short, printable, and only where it stands once."""

import re
from collections.abc import Sequence

from bridge.sources.answers import Refused
from bridge.sources.handshake import PRESENT, Wanted, When
from bridge.sources.presented import Presented, inside
from bridge.sources.strict_json import Unreadable

LONGEST_BYTES = 1_024
"""Of a value that comes back; Graph's and X's tokens are shorter than 300."""
LARGEST_BODY_BYTES = 16_384
"""A larger body is no handshake, and is not read for one."""
TOKEN = re.compile(r"[A-Za-z0-9_.~+/-]{1,512}={0,2}", re.ASCII)
"""What an HMAC is given for: no JSON object, no list and no form of several fields can be written like this."""
REPEATED = "handshake_repeated"
"""The code of the refusal when a name stands in the request twice."""
_NO_MORE_THAN_A_TOKEN = re.compile(rb"[A-Za-z0-9_.~+/-]*={0,2}")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")


def is_no_more_than_a_token(body: bytes) -> bool:
    """Whether a body is a word, or empty: what an HMAC is given for may be such a body, with a time before it."""
    return _NO_MORE_THAN_A_TOKEN.fullmatch(body) is not None


class Unfit(Exception):  # noqa: N818 - control flow between the parts of a handshake, never seen outside
    """The request is meant as a handshake, and is refused."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


_AGAIN = "The sender makes this request when its webhook is set up; begin the set-up there again."


def unfit(code: str, message: str, detail: str, *, status: int = 400, help_: str = _AGAIN) -> Unfit:
    """The refusal of a handshake; `message`, `detail` and `help_` are fixed words and names of the configuration."""
    return Unfit(Refused(status, code, message, help_, detail))


class Reading:
    """Reads a request for its handshake; what is in the body is parsed when it is first asked for, and once."""

    def __init__(self, request: Presented) -> None:
        self.request = request

    def fits(self, when: When) -> bool:
        """Whether the request has all that is wanted.

        Raises:
            Unfit: a header or parameter that is wanted stands there twice, one of them as it is wanted.
        """
        headers = {name.lower(): value for name, value in when.headers.items()}
        return (
            all(_has(self.request.query.get(name, ()), wanted, name) for name, wanted in when.query.items())
            and all(_has(self.request.headers.get(name, ()), wanted, name) for name, wanted in headers.items())
            and all(_is(self._in_body(path), wanted) for path, wanted in when.json_.items())
        )

    def has(self, place: str) -> bool:
        """Whether anything stands at `header:NAME`, `query:NAME` or `json:PATH`."""
        kind, _, name = place.partition(":")
        return self._in_body(name) is not None if kind == "json" else bool(self._values(kind, name))

    def text(self, place: str) -> str:
        """The text there: 1 to `LONGEST_BYTES` printable ASCII characters.

        Raises:
            Unfit: there is none, it stands there twice, or it is not of that form.
        """
        kind, _, name = place.partition(":")
        if kind == "json":
            found = self._in_body(name)
            value = found if isinstance(found, str) else None
        else:
            value = _only(self._values(kind, name), name)
        if value is None or not value:
            raise unfit("handshake_value", "The value that should come back is missing.", f"no text at `{place}`")
        if len(value) > LONGEST_BYTES:
            raise unfit("handshake_value", "The value is too long.", f"`{place}` has more than {LONGEST_BYTES} bytes")
        if not _PRINTABLE.fullmatch(value):
            raise unfit(
                "handshake_value",
                "The value has characters that do not come back.",
                f"`{place}` is not printable ASCII",
            )
        return value

    def _values(self, kind: str, name: str) -> Sequence[str]:
        return self.request.headers.get(name.lower(), ()) if kind == "header" else self.request.query.get(name, ())

    def _in_body(self, path: str) -> object:
        """What lies in the body; None for one that cannot be read, which is then refused as an event is."""
        if not self.request.body or len(self.request.body) > LARGEST_BODY_BYTES:
            return None
        try:
            return inside(self.request.json, path.split("."))
        except Unreadable:
            return self._in_form(path)

    def _in_form(self, name: str) -> object:
        try:
            return _only(self.request.form.get(name, ()), name)
        except Unreadable:
            return None


def _only(values: Sequence[str], name: str) -> str | None:
    if len(values) > 1:
        raise unfit(REPEATED, "A value of the handshake came twice.", f"`{name}` came {len(values)} times")
    return values[0] if values else None


def _has(values: Sequence[str], wanted: str, name: str) -> bool:
    if not values or (wanted != PRESENT and wanted not in values):
        return False
    _only(values, name)
    return True


def _is(found: object, wanted: Wanted) -> bool:
    if found is None:
        return False
    return wanted == PRESENT or (type(found) is type(wanted) and found == wanted)
