"""A request while its sender makes it: values are put at places, and the body is written anew where they are in it."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from bridge.errors import UsageError
from bridge.sources.charsets import UTF_8
from bridge.sources.media_types import FORM, JSON, media_type_of
from bridge.sources.places import Place
from bridge.sources.presented import Presented
from bridge.sources.strict_json import Unreadable, dump_json, parse_json
from bridge.sources.wire import Pairs, index_headers, index_query


class Draft:
    """A request in the making.

    Attributes:
        body: the bytes as they stand now.
        made: the headers that were put, by the name that was used.
        query: (name, value) pairs of the address, those that were put last.
    """

    def __init__(self, body: bytes, *, headers: Mapping[str, str], query: Pairs, method: str) -> None:
        self.body = body
        self.made: dict[str, str] = {}
        self.query = list(query)
        self._given = dict(headers)
        self._method = method
        if not any(name.lower() == "content-type" for name in headers):
            self._given["Content-Type"] = JSON if body.lstrip()[:1] in (b"{", b"[", b"") else FORM

    @property
    def raw_query(self) -> str:
        """The query as it is written in the address."""
        return urlencode(self.query, errors="replace")

    def presented(self) -> Presented:
        """The request as a verifier will see it."""
        made = {name.lower() for name in self.made}
        given = [pair for pair in self._given.items() if pair[0].lower() not in made]
        headers = index_headers([*given, *self.made.items()])
        return Presented(headers, self.body, index_query(self.query), self._method, self.raw_query)

    def put(self, place: Place, text: str) -> None:
        """Let a text, and nothing else, stand at a place.

        Raises:
            UsageError: the place is in a body that is not of its kind, or cannot be written anew.
        """
        match place.kind:
            case "header" | "header_pattern":
                self.made[place.name.replace("*", "1")] = text
            case "query":
                self.query = [pair for pair in self.query if pair[0] != place.name]
                self.query.append((place.name, text))
            case "json":
                self.body = dump_json(_with(self._json(self.body, place), place.path, text))
            case "form":
                self._put_field(place.name, text)
            case "form_json":
                inner = self.presented().form.get(place.name, ["{}"])[0] if self._is_form(place) else ""
                value = _with(self._json(inner.encode(), place), place.path, text)
                self._put_field(place.name, dump_json(value).decode())
            case "sig" | "claim":
                raise AssertionError(place)

    def _put_field(self, name: str, text: str) -> None:
        place = Place("form", name)
        if not self._is_form(place):
            raise UsageError(f"{place.shown} cannot be written: the body is no form in UTF-8")
        fields = {key: list(values) for key, values in self.presented().form.items()} | {name: [text]}
        self.body = urlencode([(key, value) for key, values in fields.items() for value in values]).encode()

    def _is_form(self, place: Place) -> bool:
        """Whether the body is a form that can be written anew; its fields must be readable."""
        types = index_headers(self._given.items()).get("content-type", ())
        media = media_type_of(types[0]) if types else None
        if media is None or media.essence != FORM or media.codec != UTF_8:
            return False
        try:
            return self.presented().form is not None
        except Unreadable as error:
            raise UsageError(f"{place.shown} cannot be written: {error.reason}") from None

    def _json(self, text: bytes, place: Place) -> object:
        try:
            return parse_json(text)
        except Unreadable as error:
            raise UsageError(f"{place.shown} cannot be written: {error.reason}") from None


def put_in_each(body: bytes, path: Sequence[str], place: Place, text: str) -> bytes:
    """The body with a text at a place of each element of the list at `path`.

    Raises:
        UsageError: there is no such list.
    """
    try:
        whole = parse_json(body)
    except Unreadable as error:
        raise UsageError(f"{place.shown} cannot be written: {error.reason}") from None
    items = whole
    for step in path:
        items = items.get(step) if isinstance(items, dict) else None
    if not isinstance(items, list) or not items:
        raise UsageError(f"the body has no list `{'.'.join(path) or '[]'}` with elements in it")
    items[:] = [_with(item, place.path, text) for item in items]
    return dump_json(whole)


def _with(value: object, path: Sequence[str], text: str) -> object:
    """A JSON value that has a text at a path; a number stays a number where it is one now.

    Raises:
        UsageError: the path leads through something that has no keys.
    """
    if not path:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return int(text) if is_number and text.isascii() and text.isdigit() else text
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, step: _with(value.get(step, {} if rest else None), rest, text)}
    if isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value):
        return [_with(item, rest, text) if int(step) == index else item for index, item in enumerate(value)]
    raise UsageError(f"the body has no place for `{step}`")


def names_of(places: Iterable[Place]) -> str:
    """Places for a message, each once."""
    return ", ".join(dict.fromkeys(f"`{place.brief}`" for place in places))
