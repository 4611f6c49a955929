"""What every way to prove a sender has in common: headers that must be there, and ids that must not come twice."""

import hashlib
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.diagnostics import problem
from bridge.sources.places import HEADER_NAME, Part, Place, Replay, SignaturePlace
from bridge.sources.presented import Presented
from bridge.sources.verdict import Reason, Unbelieved

_LONGEST_ID = 256


def _header_name(value: str) -> str:
    if not HEADER_NAME.fullmatch(value):
        raise problem("this is no name of a header", help="write `Header-Name: value`")
    return value


def _as_text(value: object) -> object:
    """A whole number as its digits, for `X-Version: 1` without quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Wanted = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(max_length=1_000, json_schema_extra={"type": ["string", "integer"]}),
]


class Proof(Part):
    """Base of the types of `verify`."""

    require: dict[Annotated[str, AfterValidator(_header_name)], _Wanted] = Field(default_factory=dict)
    """Header name -> the value it must have, once; `*` in the value stands for any text."""
    replay: Replay | None = None
    """An id in the request that must not come twice."""


def check_required(scheme: Proof, request: Presented) -> None:
    """Refuse a request that lacks a header of `require`, has it twice, or with another value.

    Raises:
        Unbelieved: so it is.
    """
    for name, wanted in scheme.require.items():
        values = request.headers.get(name.lower(), ())
        if len(values) != 1 or not fits(values[0], wanted):
            found = (
                "is missing" if not values else f"came {len(values)} times" if len(values) > 1 else "has another value"
            )
            raise Unbelieved(Reason.REQUIRED_HEADER, f"the header `{name}`, which `require` names, {found}")


def replay_id(scheme: Proof, request: Presented) -> str | None:
    """The identity that must not come twice; a long one as its hash. None where the scheme has none, or in a claim.

    Raises:
        Unbelieved: the request lacks it.
    """
    if scheme.replay is None or scheme.replay.place.kind == "claim":
        return None
    return shortened_id(request.only(scheme.replay.place, "REPLAY_ID"), scheme.replay.place)


def shortened_id(text: str, place: Place) -> str:
    """An identity as it can be kept.

    Raises:
        Unbelieved: it is empty.
    """
    if not text:
        raise Unbelieved(Reason.REPLAY_ID_MISSING, f"{place.shown} is empty")
    return text if len(text) <= _LONGEST_ID else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def behind_prefix(place: SignaturePlace, value: str) -> str:
    """What stands behind the prefix of a value that is one word.

    Raises:
        Unbelieved: it begins otherwise.
    """
    if not value.startswith(place.prefix):
        raise Unbelieved(
            Reason.SIGNATURE_MALFORMED, f"`{place.place.brief}` does not begin with `{place.prefix.strip()}`"
        )
    return value.removeprefix(place.prefix)


def check_one_word(place: SignaturePlace) -> None:
    """Refuse a place that takes a value apart where it is one word; a mistake is reported as `problem`."""
    if place.split is not None or place.field is not None or place.encoding != "hex":
        raise problem("a token is one word as it stands", help="of `signature` only `from` and `prefix` are read")
    if place.place.kind == "header_pattern":
        raise problem("a token stands in one header", help="write `from: header:NAME`")


def fits(value: str, wanted: str) -> bool:
    """Whether a value has the wanted text, in which `*` stands for any; one look at each letter of the value."""
    start, *others = wanted.split("*")
    if not others:
        return value == wanted
    *middle, end = others
    if not value.startswith(start):
        return False
    position, last = len(start), len(value) - len(end)
    for part in middle:
        position = value.find(part, position, last)
        if position < 0:
            return False
        position += len(part)
    return position <= last and value.endswith(end)
