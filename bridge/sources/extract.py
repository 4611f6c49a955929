"""From a verified body to events: items, type, identity, time, and the fields that rules read.

Pure: the same body gives the same items, ids and fields, at acceptance, in `explain` and in a rule test.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.expressions import OMIT, RenderError, Template, Tree, time_ms
from bridge.model import EventPlace, NewEvent
from bridge.sources.splitting import NoEvent, Split, parents_of
from bridge.sources.strict_json import dump_json
from bridge.sources.wire import HeaderIndex

BODY_DEDUPE_MS = 10 * 60_000
"""How long equal bytes are one event where the sender gives no id: its retries, not a customer's second `Hello`."""

_LONGEST_ID = 256
_LONGEST_TYPE = 128


class Item(NamedTuple):
    """One event's worth of a body. `position` and `place` are None when the body is one event."""

    value: object
    content: bytes
    position: int | None = None
    place: EventPlace | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What the events of one request share; `headers` and `query` are those that may be kept."""

    source: str
    body: bytes
    value: object
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received_at_ms: int
    received_at: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """The compiled `split`, `event`, `types` and `fields` of a source. `by_body`: `id` ends with `body`."""

    type: Template
    ids: tuple[Template, ...]
    by_body: bool
    time: Template | None
    types: Mapping[str, str]
    fields: Mapping[str, Tree]
    split: Split
    dedupe_ms: int
    id_headers: frozenset[str] = field(init=False)
    """The headers that `ids` read, in lower case."""

    def __post_init__(self) -> None:
        """Note the headers in which an identity may stand."""
        reads = (read for template in self.ids for read in template.reads)
        names = frozenset(read[1] for read in reads if len(read) > 1 and read[0] == "headers")
        object.__setattr__(self, "id_headers", names)

    def repeated_id_header(self, headers: HeaderIndex) -> str | None:
        """A header that names the event and came more than once: servers and proxies differ in which one they take."""
        return next((name for name in self.id_headers if len(headers.get(name, ())) > 1), None)

    def events(self, request: Request) -> tuple[list[NewEvent], list[str]]:
        """All events of a request, in the order of the body, and remarks for the log.

        Raises:
            NoEvent: an item has no type or identity; then no item of the request is an event.
        """
        seen: dict[str, int] = {}
        notes: list[str] = []
        items = self.items(request)
        events = []
        for item in items:
            try:
                events.append(self._event(request, item, seen, notes))
            except NoEvent as error:
                if item.position is None:
                    raise
                where = f"item {item.position + 1} of {len(items)}: {error.detail}"
                raise NoEvent(error.code, error.message, where) from None
        return events, sorted(set(notes)) if notes else notes

    def items(self, request: Request) -> list[Item]:
        """The body's items; one without `split`.

        Raises:
            NoEvent: there are none where `split` says, or too many.
        """
        taken = self.split.take(request.value)
        if taken is None:
            return [Item(request.value, request.body)]
        return [Item(each.value, dump_json(each.value), number, each.place) for number, each in enumerate(taken)]

    def _event(self, request: Request, item: Item, seen: dict[str, int], notes: list[str]) -> NewEvent:
        scope: dict[str, object] = {"body": item.value, "headers": request.headers, "query": request.query}
        if item.place is not None:
            scope["parent"] = request.value
            scope["parents"] = parents_of(request.value, item.place)
        raw_type = self._raw_type(scope)
        kind = self.types.get(raw_type, raw_type)
        scope["event"] = {
            "type": kind,
            "raw_type": raw_type,
            "source": request.source,
            "received_at": request.received_at,
        }
        event_id = self._given_id(scope)
        by_hash = event_id is None
        return NewEvent(
            source=request.source,
            event_id=_hash_id(item.content, seen) if event_id is None else event_id,
            type=kind,
            raw_type=raw_type,
            time_ms=self._time_ms(scope, notes),
            received_at_ms=request.received_at_ms,
            content=item.content,
            parent=None if item.position is None else request.body,
            item=item.position,
            headers=request.headers,
            query=request.query,
            dedupe_ms=min(self.dedupe_ms, BODY_DEDUPE_MS) if by_hash else self.dedupe_ms,
            place=item.place,
            value=item.value,
        )

    def _raw_type(self, scope: Mapping[str, object]) -> str:
        value = _rendered(self.type, scope, "type", "The body does not say what kind of event it is.")
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TYPE or not value.isprintable():
            raise NoEvent(
                "event_type_unreadable",
                "The kind of the event is not a short printable text.",
                f"`event.type` gave no printable text of 1 to {_LONGEST_TYPE} characters",
            )
        return value

    def _given_id(self, scope: Mapping[str, object]) -> str | None:
        """The sender's identity for the event; None: the hash of its bytes is its identity."""
        for template in self.ids:
            value = _rendered(template, scope, "id", "The body has no identity for the event.")
            if value is OMIT:
                continue
            if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
                raise _no_id("`event.id` gave neither text nor a whole number")
            return _shortened(str(value))
        if self.by_body:
            return None
        raise _no_id("every template of `event.id` gave `omit`, and none of them is `body`")

    def _time_ms(self, scope: Mapping[str, object], notes: list[str]) -> int | None:
        """The sender's time; an event without a readable one is worth keeping all the same."""
        if self.time is None:
            return None
        try:
            value = self.time.render(scope)
            return None if value is OMIT else time_ms(value)
        except RenderError:
            notes.append("`event.time` is missing or is no time; the event is kept without one")
            return None

    def computed_fields(self, scope: Mapping[str, object]) -> Mapping[str, object]:
        """The source's `fields` for one event.

        Args:
            scope: `body`, `event`, `headers`, `query` and perhaps `parent` and `parents`.

        Returns:
            name -> value. A field that the event lacks is absent. Reading one whose template failed raises the
            template's `RenderError`, so that the rules which do not read it go on.
        """
        if not self.fields:
            return {}
        values: dict[str, object] = {}
        broken: dict[str, RenderError] = {}
        inner = {name: scope[name] for name in scope if name != "fields"}
        inner["fields"] = values
        for name, tree in self.fields.items():
            try:
                value = tree.render(inner)
            except RenderError as error:
                broken[name] = _explained(name, error)
            else:
                if value is not OMIT:
                    values[name] = value
        return Fields(values, broken) if broken else values


@dataclass(frozen=True, slots=True, eq=False)
class Fields(Mapping[str, object]):
    """Fields of which some could not be computed; those raise when they are read."""

    values_: Mapping[str, object] = field(repr=False)
    broken: Mapping[str, RenderError]

    def __getitem__(self, name: str) -> object:
        error = self.broken.get(name)
        if error is not None:
            raise error
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def _rendered(template: Template, scope: Mapping[str, object], key: str, message: str) -> object:
    try:
        return template.render(scope)
    except RenderError as error:
        name = "a name" if error.name is None else f"`{error.name}`"
    raise NoEvent(f"event_{key}_missing", message, f"`event.{key}` reads {name}, which is missing or of no use to it")


def _no_id(detail: str) -> NoEvent:
    return NoEvent("event_id_unreadable", "The body has no identity for the event.", detail)


def _shortened(event_id: str) -> str:
    """Identities are index keys; an enormous one is replaced by its hash, which is as unique."""
    if len(event_id) <= _LONGEST_ID:
        return event_id
    return f"sha256:{hashlib.sha256(event_id.encode()).hexdigest()}"


def _hash_id(content: bytes, seen: dict[str, int]) -> str:
    """The identity of bytes; equal items of one request are told apart by counting, equally at every retry."""
    digest = f"body:{hashlib.sha256(content).hexdigest()}"
    seen[digest] = number = seen.get(digest, 0) + 1
    return digest if number == 1 else f"{digest}:{number}"


def _explained(name: str, error: RenderError) -> RenderError:
    return RenderError(
        f"`fields.{name}` could not be computed: {error}",
        mend=error.help,
        name=f"fields.{name}",
        offset=error.offset,
        path=("fields", name, *error.path),
    )
