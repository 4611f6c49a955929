"""The items of a batch's answer: which call each one names, and what the single form would have been told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bridge.connectors.answer import Answer
from bridge.connectors.traffic import ItemAnswer, Results
from bridge.connectors.wire import json_bytes
from bridge.expressions import RenderError, Template, compile_expression, compile_template, compile_tree

ANSWER_NAMES = frozenset({"status", "headers", "body"})
CALL_NAMES = frozenset({"params", "settings", "key", "since"})
LOWEST_STATUS, HIGHEST_STATUS = 100, 599


class ItemTemplate:
    """What the single form's answer would have been."""

    def __init__(self, item: ItemAnswer, names: frozenset[str]) -> None:
        self._status = compile_template(str(item.status), names=names)
        self._json = compile_tree(item.json_, names=names)

    def answer(self, whole: Answer, scope: Mapping[str, object]) -> Answer | None:
        """The answer for one call; None when the item does not have what the template takes from it."""
        try:
            status = int(self._status.render_text(scope))
            body = json_bytes(self._json.render(scope))
        except (RenderError, ValueError):
            return None
        if not LOWEST_STATUS <= status <= HIGHEST_STATUS:
            return None
        return Answer(status, {**whole.headers, "content-type": "application/json"}, body)


@dataclass(frozen=True, slots=True)
class Named:
    """One item and the (name, text) pairs by which it may name calls, in the order in which they count."""

    item: object
    pairs: tuple[tuple[str, str], ...]
    template: ItemTemplate

    def first_found(self, places: Mapping[tuple[str, str], int]) -> list[int]:
        """The places of the calls that it names, by the first name that any call has."""
        known = [pair for pair in self.pairs if pair in places]
        return [places[pair] for pair in known if pair[0] == known[0][0]]

    def answer(self, whole: Answer, scope: Mapping[str, object]) -> Answer | None:
        """What it means for one call, whose names are in the scope."""
        return self.template.answer(whole, {**scope, "item": self.item})


class ResultRow:
    """A list in an answer, ready to be read."""

    def __init__(self, row: Results, shared_names: frozenset[str]) -> None:
        names = ANSWER_NAMES | shared_names
        with_item = names | {"item", "place"}
        self._list = compile_expression(row.list_, names=names)
        self._when = compile_expression(row.when, names=with_item) if row.when is not None else None
        self._keys = {name: compile_expression(text, names=with_item) for name, text in row.key.items()}
        self._template = ItemTemplate(row.answer, ANSWER_NAMES | CALL_NAMES | {"item"})

    def items(self, scope: Mapping[str, object]) -> Iterator[Named]:
        """Every item that this row speaks for."""
        for place, item in enumerate(self._listed(scope)):
            with_item = {**scope, "item": item, "place": place}
            if self._when is None or _holds(self._when, with_item):
                pairs = ((name, text) for name, key in self._keys.items() for text in texts_of(key, with_item))
                yield Named(item, tuple(pairs), self._template)

    def _listed(self, scope: Mapping[str, object]) -> list[object]:
        try:
            found = self._list.render(scope)
        except RenderError:
            return []  # this answer has no such list
        return found if isinstance(found, list) else []


def texts_of(template: Template, scope: Mapping[str, object]) -> list[str]:
    """The value as text, of a list the text of each; nothing where it is absent or no text."""
    try:
        value = template.render(scope)
    except RenderError:
        return []
    values = value if isinstance(value, list) else [value]
    return [str(each) for each in values if isinstance(each, str | int) and not isinstance(each, bool) and each != ""]


def _holds(condition: Template, scope: Mapping[str, object]) -> bool:
    try:
        return condition.evaluate(scope)
    except RenderError:
        return False  # the item does not have what the condition looks at
