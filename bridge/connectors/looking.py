"""The `live` part of a connector, compiled: from what is asked to requests, from answers to what the account has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.connectors.answer import Answer
from bridge.connectors.building import CompiledRequest
from bridge.connectors.classify import ANSWER_NAMES, CompiledRow, CompiledSuccess, ErrorTable, classify, holds, value_of
from bridge.connectors.looks import Account, Creation, Inside, Kind, Live, Look, Scopes
from bridge.connectors.request import OutboundRequest
from bridge.connectors.schema import Connector, Success
from bridge.connectors.verdict import Verdict
from bridge.connectors.wire import as_text
from bridge.expressions import Template, compile_expression

LOOK_NAMES: Final = frozenset({"settings", "of", "token"})
CREATION_NAMES: Final = frozenset({"settings", "of", "name", "unique", "like"})
THING_NAMES: Final = frozenset({"body", "item", "part", "of"})
_NOTHING_MORE: Final[Mapping[str, object]] = {"params": {}, "key": "", "since": ""}


class NoList(Exception):  # noqa: N818 - reads as what happened
    """The answer does not hold the list that the look reads."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that the account has. `options` is None when it takes any value, `kind` when it takes any text."""

    id: str
    title: str
    usable: bool = True
    unique: bool = False
    kind: Kind | None = None
    options: Mapping[str, str] | None = None
    """Value -> what people call it."""
    inside: Mapping[str, str] | None = None
    raw: object = None
    """As the account gave it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next` is the next one's address."""

    things: Sequence[Thing]
    next: str | None = None


class CompiledLive:
    """What a connector can ask of an account. Pure: it only builds and reads."""

    def __init__(self, connector: Connector, live: Live) -> None:
        self.live = live
        self.claims = live.claims
        self.account = CompiledAccount(connector, live.account)
        self.scopes = tuple(CompiledScopes(connector, scopes) for scopes in live.scopes)
        self.looks = {name: CompiledLook(connector, look) for name, look in live.looks.items()}


class CompiledAccount:
    """The first look."""

    def __init__(self, connector: Connector, account: Account) -> None:
        self.account = account
        self._connector = connector
        self._judge = _Judge(connector, CompiledSuccess.of(Success(status=account.status, body=account.body)))
        self._shows = {name: compile_expression(text, names=THING_NAMES) for name, text in account.shows.items()}
        self._request = CompiledRequest(account.request, connector.headers, None, names=LOOK_NAMES)

    def build(self, settings: Mapping[str, object]) -> OutboundRequest:
        """The request.

        Raises:
            RenderError: the settings do not give it.
        """
        if self.account.path_of is None:
            return self._request.render({"settings": settings})
        path = as_text(settings[self.account.path_of])
        built = self._request.render({"settings": settings})
        return OutboundRequest(built.method, path, built.headers)

    def classify(self, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer means."""
        return self._judge(answer, now_ms)

    def shown(self, body: object) -> dict[str, str]:
        """What the summary says of the account; what the answer does not have is left out."""
        found = {name: value_of(template, {"body": body}) for name, template in self._shows.items()}
        return {name: as_text(value) for name, value in found.items() if value is not None}


class CompiledScopes:
    """How to learn what the credentials may do."""

    def __init__(self, connector: Connector, scopes: Scopes) -> None:
        self.needs = scopes.needs
        self._request = CompiledRequest(scopes.request, connector.headers, None, names=LOOK_NAMES)
        self._judge = _Judge(connector, CompiledSuccess.of(Success(status=(200,))))
        self._list = compile_expression(scopes.list, names=THING_NAMES)

    def build(self, settings: Mapping[str, object], token: str) -> OutboundRequest:
        """The request; it holds secrets.

        Raises:
            RenderError: the settings do not give it.
        """
        return self._request.render({"settings": settings, "token": token})

    def classify(self, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer means."""
        return self._judge(answer, now_ms)

    def read(self, body: object) -> frozenset[str] | None:
        """The scopes; None when the answer does not say them."""
        found = value_of(self._list, {"body": body})
        if not isinstance(found, list) or not all(isinstance(scope, str) for scope in found):
            return None
        return frozenset(found)


class CompiledLook:
    """One list that the account has."""

    def __init__(self, connector: Connector, look: Look) -> None:
        self.look = look
        self._request = CompiledRequest(look.request, connector.headers, None, names=LOOK_NAMES)
        self._judge = _Judge(connector, CompiledSuccess.of(Success(status=(200,))))
        self._keys = look.items.split(".")
        self._next = _expression(look.next)
        self._id = compile_expression(look.id, names=THING_NAMES)
        self._title = _expression(look.title)
        self._usable = _expression(look.usable)
        self._unique = _expression(look.unique)
        self._type = _expression(look.type)
        self._options = CompiledInside(look.options) if look.options else None
        self._inside = CompiledInside(look.inside) if look.inside else None
        self.create = CompiledCreation(connector, look.create) if look.create else None

    def build(self, settings: Mapping[str, object], of: str) -> OutboundRequest:
        """The request for the first page.

        Raises:
            RenderError: the settings do not give it.
        """
        return self._request.render({"settings": settings, "of": of})

    def classify(self, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer means as an HTTP call; `read` then looks into its body."""
        return self._judge(answer, now_ms)

    def read(self, body: object) -> Page:
        """One page.

        Raises:
            NoList: the answer has no such list. Nothing may be concluded from it.
        """
        items = body
        for key in self._keys:  # no expression: those refuse to give a list of this size
            items = items.get(key) if isinstance(items, Mapping) else None
        if not isinstance(items, list):
            raise NoList
        things = [thing for item in items if (thing := self._thing(item)) is not None]
        if items and not things:
            raise NoList
        address = value_of(self._next, {"body": body})
        return Page(things, address if isinstance(address, str) and address else None)

    def _thing(self, item: object) -> Thing | None:
        scope = {"item": item}
        name = value_of(self._id, scope)
        if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
            return None
        title = value_of(self._title, scope)
        type_ = value_of(self._type, scope)
        return Thing(
            id=as_text(name),
            title=title if isinstance(title, str) else "",
            usable=value_of(self._usable, scope) is not False,  # an answer that does not say it is taken to mean yes
            unique=self._unique is not None and holds(self._unique, scope),
            kind=self.look.kinds.get(type_) if isinstance(type_, str) else None,
            options=(self._options.read(item) or None) if self._options else None,
            inside=self._inside.read(item) if self._inside else None,
            raw=item,
        )


class CompiledInside:
    """What is in one thing."""

    def __init__(self, inside: Inside) -> None:
        self._list = compile_expression(inside.list, names=THING_NAMES)
        self._id = compile_expression(inside.id, names=THING_NAMES)
        self._title = _expression(inside.title)

    def read(self, item: object) -> dict[str, str] | None:
        """What rules call each -> what people call it; None when the thing does not say it."""
        parts = value_of(self._list, {"item": item})
        if not isinstance(parts, list):
            return None
        found: dict[str, str] = {}
        for part in parts:
            name = value_of(self._id, {"part": part})
            if isinstance(name, str | int) and not isinstance(name, bool):
                title = value_of(self._title, {"part": part})
                found[as_text(name)] = title if isinstance(title, str) else ""
        return found


class CompiledCreation:
    """How a thing is created."""

    def __init__(self, connector: Connector, creation: Creation) -> None:
        self.creation = creation
        self._request = CompiledRequest(creation.request, connector.headers, None, names=CREATION_NAMES)
        self._judge = _Judge(connector, CompiledSuccess.of(Success(status=(200, 201))))

    def may_be_called(self, name: str) -> bool:
        """Whether the name is not one that only the vendor may give."""
        return self.creation.reserved is None or not name.startswith(self.creation.reserved)

    def build(
        self, settings: Mapping[str, object], of: str, name: str, like: object, *, unique: bool
    ) -> OutboundRequest:
        """The request.

        Raises:
            RenderError: `like` does not have what the request needs.
        """
        scope = {"settings": settings, "of": of, "name": name, "like": like, "unique": unique}
        return self._request.render(scope)

    def classify(self, answer: Answer, *, now_ms: int) -> Verdict:
        """What the answer means."""
        return self._judge(answer, now_ms)


class _Judge:
    """The connector's own table of errors, asked about the answer to a look."""

    def __init__(self, connector: Connector, success: CompiledSuccess) -> None:
        self._success = success
        self._table = ErrorTable(
            rows=[CompiledRow.of(row) for row in connector.errors],
            messages=[compile_expression(text, names=ANSWER_NAMES) for text in connector.message],
            waits=[compile_expression(text, names=ANSWER_NAMES) for text in connector.retry_after],
        )

    def __call__(self, answer: Answer, now_ms: int) -> Verdict:
        return classify(answer, self._success, self._table, {**_NOTHING_MORE, "settings": {}}, now_ms=now_ms)


def _expression(text: str | None) -> Template | None:
    return None if text is None else compile_expression(text, names=THING_NAMES)
