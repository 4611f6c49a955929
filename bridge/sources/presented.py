"""The request as a verifier sees it: the bytes, and what stands at a place of `verify`."""

from collections.abc import Mapping, Sequence

from bridge.sources.forms import form_fields
from bridge.sources.media_types import FORM, MULTIPART, media_type_of
from bridge.sources.places import Place
from bridge.sources.strict_json import Unreadable, parse_json
from bridge.sources.verdict import Reason, Subject, Unbelieved
from bridge.sources.wire import HeaderIndex

_MOST_INDEX_DIGITS = 6
_UNCLEAR = ""
"""The content type of a request that has several, or a charset that is not taken."""

Form = Mapping[str, Sequence[str]]


class Presented:
    """A request as a verifier sees it. The body is read as JSON or as a form only when a place asks for it, and once.

    Attributes:
        headers: names in lower case to all their values.
        body: the raw bytes as received.
        query: decoded parameters by their exact name.
        method: `POST`, …
        raw_query: the query exactly as it stands in the request line, without the question mark.
        certificates: PEM bytes by the address they were fetched from.
    """

    __slots__ = ("_form", "_inner", "_json", "body", "certificates", "headers", "method", "query", "raw_query")

    def __init__(
        self,
        headers: HeaderIndex,
        body: bytes,
        query: Mapping[str, Sequence[str]] | None = None,
        method: str = "POST",
        raw_query: str = "",
        certificates: Mapping[str, bytes] | None = None,
    ) -> None:
        self.headers = headers
        self.body = body
        self.query = {} if query is None else query
        self.method = method
        self.raw_query = raw_query
        self.certificates = {} if certificates is None else certificates
        self._json: list[object] = []  # the value once it was read
        self._form: list[Form] = []  # as `_json`
        self._inner: dict[str, object] = {}  # the JSON inside form fields

    @property
    def json(self) -> object:
        """The body's value.

        Raises:
            Unreadable: it is no JSON, or its content type says that it is a form.
        """
        if not self._json:
            if self._essence in {FORM, MULTIPART, _UNCLEAR}:
                raise Unreadable("its content type is not JSON's")
            self._json.append(parse_json(self.body))
        return self._json[0]

    @property
    def form(self) -> Form:
        """The body's form fields: each name's values, in the order received.

        Raises:
            Unreadable: it is no form. A request without a content type is read as one.
        """
        if not self._form:
            if self._essence not in {None, FORM, MULTIPART}:
                raise Unreadable("its content type is not a form's")
            self._form.append(form_fields(self.headers.get("content-type", (FORM,))[0], self.body))
        return self._form[0]

    def has(self, place: Place) -> bool:
        """Whether anything stands at a place; nothing does in a body that cannot be read."""
        try:
            return bool(self._values(place))
        except Unreadable:
            return False

    def values(self, place: Place) -> Sequence[str]:
        """All that stands at a place, in the order received; empty when nothing does.

        Raises:
            Unbelieved: the place is inside a body that cannot be read.
        """
        try:
            return self._values(place)
        except Unreadable as error:
            raise Unbelieved(Reason.SIGNED_BODY_UNREADABLE, f"{place.shown} cannot be read: {error.reason}") from None

    def text(self, place: Place, subject: Subject) -> str:
        """The only value at a place.

        Raises:
            Unbelieved: it is missing, or comes twice (servers differ in which they take).
        """
        values = self.values(place)
        if not values:
            raise Unbelieved(Reason[f"{subject}_MISSING"], f"the request lacks {place.shown}")
        if len(values) > 1:
            raise Unbelieved(Reason[f"{subject}_REPEATED"], f"{place.shown} came {len(values)} times")
        return values[0]

    def only(self, place: Place, subject: Subject) -> str:
        """The only value at a place, in ASCII.

        Raises:
            Unbelieved: as `text`, or it is not ASCII.
        """
        return ascii_of(self.text(place, subject), place, subject)

    @property
    def _essence(self) -> str | None:
        """The content type without parameters; None when there is none."""
        types = self.headers.get("content-type", ())
        if not types:
            return None
        media = media_type_of(types[0]) if len(types) == 1 else None
        return _UNCLEAR if media is None else media.essence

    def _values(self, place: Place) -> Sequence[str]:  # noqa: PLR0911 - a table
        match place.kind:
            case "header":
                return self.headers.get(place.name.lower(), ())
            case "header_pattern":
                return [value for name, values in self.headers.items() if place.fits(name) for value in values]
            case "query":
                return self.query.get(place.name, ())
            case "json":
                return texts_at(self.json, place.path)
            case "form":
                return self.form.get(place.name, ())
            case "form_json":
                return texts_at(self._json_in(place.name), place.path)
            case "sig" | "claim":  # the verifier that knows elements or claims reads these itself
                return ()

    def _json_in(self, field: str) -> object:
        """The JSON in a form field; None when the field is not there once."""
        if field not in self._inner:
            values = self.form.get(field, ())
            self._inner[field] = parse_json(values[0].encode()) if len(values) == 1 else None
        return self._inner[field]


def ascii_of(text: str, place: Place, subject: Subject) -> str:
    """The text, which must be ASCII.

    Raises:
        Unbelieved: it is not.
    """
    if not text.isascii():
        raise Unbelieved(Reason[f"{subject}_MALFORMED"], f"{place.shown} has characters that are not ASCII")
    return text


def inside(value: object, path: Sequence[str]) -> object:
    """What lies at a path of keys and positions inside a JSON value; None when nothing does."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            value = _item(value, step)
        else:
            return None
    return value


def _item(items: Sequence[object], step: str) -> object:
    if not (step.isascii() and step.isdigit() and len(step) <= _MOST_INDEX_DIGITS):
        return None
    position = int(step)
    return items[position] if position < len(items) else None


def texts_at(value: object, path: Sequence[str]) -> Sequence[str]:
    """The text at a path, as it stands in the JSON; none for null, lists, objects and broken numbers.

    A broken number (1.50, 1e3) would have to be printed again, and perhaps otherwise than the sender did.
    """
    found = inside(value, path)
    if isinstance(found, bool):
        return ("true",) if found else ("false",)
    if isinstance(found, str):
        return (found,)
    return (str(found),) if isinstance(found, int) else ()
