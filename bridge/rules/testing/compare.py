"""A request against what was expected of it: every difference by its path, in words that say what to change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from bridge.connectors.opened import Opened, PartPath
from bridge.connectors.wire import as_text
from bridge.rules.testing.matchers import Matcher, matcher
from bridge.rules.testing.schema import ExpectShape


class Nothing:
    """Stands for a value that is not there; null is a value."""

    def __repr__(self) -> str:
        """As it is shown to people."""
        return "nothing"


NOTHING = Nothing()


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not as expected. Either side may be `NOTHING`; `expected` may be a matcher."""

    path: PartPath
    expected: object
    got: object
    note: str = ""


def same_call(expect: ExpectShape, got: Opened) -> bool:
    """Whether method and path are as expected, whatever the rest is."""
    return not any(_line(expect, got))


def compare(expect: ExpectShape, got: Opened) -> list[Difference]:
    """How the request differs from what was expected; empty when it does not."""
    found = list(_line(expect, got))
    found += _wire("query", expect.query, got.query, exact=expect.exact)
    headers = {name.lower(): value for name, value in got.headers.items()}
    wanted = None if expect.headers is None else {name.lower(): value for name, value in expect.headers.items()}
    found += _wire("headers", wanted, headers, exact=False)  # those that the connector adds are never spelled out
    return found + list(_body(expect, got))


def differences(expected: object, got: object, at: PartPath = (), *, exact: bool = False) -> Iterator[Difference]:
    """How one value differs from what was expected: objects are compared key by key, lists item by item.

    Args:
        expected: data or a matcher.
        got: what is there, or `NOTHING`.
        at: the path of the value.
        exact: whether keys that were not expected are a difference.
    """
    asked = matcher(expected)
    if asked is not None and asked.name == "$is":
        yield from _plain(asked.argument, got, at, exact=exact, literal=True)
    elif asked is not None:
        fits = got is NOTHING if asked.name == "$absent" else got is not NOTHING and asked.accepts(got)
        if not fits:
            yield Difference(at, asked, got)
    else:
        yield from _plain(expected, got, at, exact=exact, literal=False)


def _plain(expected: object, got: object, at: PartPath, *, exact: bool, literal: bool) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key, value in expected.items():
            yield from _one(value, got.get(key, NOTHING), (*at, key), exact=exact, literal=literal)
        for key in got if exact else ():
            if key not in expected:
                yield Difference((*at, key), NOTHING, got[key])
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            note = f"the list has {_items(len(got))} where {_items(len(expected))} "
            yield Difference(at, expected, got, note + ("was expected" if len(expected) == 1 else "were expected"))
            return
        for index, (value, item) in enumerate(zip(expected, got, strict=False)):
            yield from _one(value, item, (*at, index), exact=exact, literal=literal)
    elif not _equal(expected, got):
        yield Difference(at, expected, got, _type_note(expected, got))


def _one(expected: object, got: object, at: PartPath, *, exact: bool, literal: bool) -> Iterator[Difference]:
    if literal:
        yield from _plain(expected, got, at, exact=exact, literal=True)
    else:
        yield from differences(expected, got, at, exact=exact)


def _items(count: int) -> str:
    return f"{count} item" if count == 1 else f"{count} items"


def kind_of(value: object) -> str:
    """The kind of a JSON value, as people call it."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, Mapping):
        return "an object"
    return {str: "text", list: "a list", type(None): "null"}.get(type(value), "nothing")


def _equal(expected: object, got: object) -> bool:
    return kind_of(expected) == kind_of(got) and expected == got


def _type_note(expected: object, got: object) -> str:
    if NOTHING in (expected, got) or kind_of(expected) == kind_of(got):
        return ""
    same = isinstance(expected, str | int | float) and isinstance(got, str | int | float)
    alike = "the same characters, but " if same and as_text(expected) == as_text(got) else ""
    return f"{alike}{kind_of(expected)} was expected and {kind_of(got)} came"


def _line(expect: ExpectShape, got: Opened) -> Iterator[Difference]:
    if expect.method is not None and expect.method.upper() != got.method:
        yield Difference(("method",), expect.method.upper(), got.method)
    if expect.path is not None and expect.path not in {got.path, unquote(got.path)}:
        yield Difference(("path",), expect.path, got.path)


def _wire(
    name: str, expected: Mapping[str, object] | None, got: Mapping[str, object], *, exact: bool
) -> Iterator[Difference]:
    """Names and texts as they are on the wire: a number that was expected is compared as its text."""
    if expected is None:
        expected = {}
    yield from differences({key: _as_sent(value) for key, value in expected.items()}, got, (name,), exact=exact)


def _as_sent(value: object) -> object:
    if matcher(value) is not None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    return as_text(value)


def _body(expect: ExpectShape, got: Opened) -> Iterator[Difference]:
    [(kind, expected)] = expect.bodies.items() or [("", None)]
    if not kind:
        if expect.exact and got.kind is not None:
            yield Difference((got.kind,), NOTHING, got.body)
        return
    if got.kind != kind:
        note = "the request has no body" if got.kind is None else f"the body is {got.kind}"
        yield Difference((kind,), expected, NOTHING, note)
    elif kind == "form" and isinstance(expected, Mapping) and isinstance(got.body, Mapping):
        yield from _wire("form", expected, got.body, exact=expect.exact)
    else:
        yield from differences(expected, got.body, (kind,), exact=expect.exact)


__all__ = ["NOTHING", "Difference", "Matcher", "compare", "differences", "kind_of", "same_call"]
