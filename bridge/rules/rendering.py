"""What the texts of a rule give for one event, with its links and results as they stand: calls, keys, lists."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.connectors.call import Call, since_first_try
from bridge.connectors.operation import CompiledOperation
from bridge.expressions import RenderError, Template
from bridge.rules.items import checked_items
from bridge.rules.names import Names
from bridge.rules.plan import key_text, with_variables
from bridge.rules.rule import Rule, Step
from bridge.rules.state import Phase, RunState


def idempotency_key(event_id: str, rule: str, step: str, generation: int, index: int) -> str:
    """The key of one call: the same whenever it is made, and never that of another one."""
    item = (str(index),) if index else ()  # the first item has the key that the step has without `for_each`
    text = "\x1f".join((event_id, rule, step, str(generation), *item))
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16]))


@dataclass(slots=True)
class Rendering:
    """The rule over the event. What cannot change while a process holds the delivery is rendered once.

    Args:
        rule: the rule with its current text.
        event_scope: the event's names.
        links: what `recall` found when the delivery first started.
        recall: link name -> key.
        state: the run's memory; only read here, except for the parameters of the call under way.
        settings: destination -> the settings that connector templates may use.
        event_id: our id of the event.
        generation: how often a person has replayed the delivery.
    """

    rule: Rule
    event_scope: Mapping[str, object]
    links: Mapping[str, object]
    recall: Mapping[str, str]
    state: RunState
    settings: Mapping[str, Mapping[str, object]]
    event_id: str
    generation: int
    _scope: Names | None = field(default=None, init=False)
    _keys: dict[tuple[str, int], str] = field(default_factory=dict, init=False)
    _lists: dict[str, list[object]] = field(default_factory=dict, init=False)

    def known_links(self) -> dict[str, object]:
        """The links as they were when the delivery first started, without those whose record is gone."""
        links = {name: self.links.get(name) for name in self.recall}
        return links | self.state.before | dict.fromkeys(self.state.dropped)

    def links_changed(self) -> None:
        """Records turned out to be gone: whatever was rendered with links is rendered anew."""
        self._scope = None
        self._lists.clear()

    def scope(self, step: Step | None = None, index: int | None = None) -> Mapping[str, object]:
        """The names in scope; with a step that has a `for_each` also `item` and `index` (by default the next one's).

        Raises:
            RenderError: the rule's `vars` or the step's list cannot be made.
        """
        scope = self._scope
        if scope is None:
            names = {"links": self.known_links(), "steps": self.state.results}
            scope = self._scope = with_variables(self.rule, self.event_scope, **names)
        if step is None or step.each is None:
            return scope
        position = self.state.index(step.id) if index is None else index
        return Names(scope, {"item": self.items(step)[position], "index": position})

    def items(self, step: Step) -> list[object]:
        """The list of the step's `for_each`; of a step without, it is one null.

        Raises:
            RenderError: it gives no list.
        """
        if step.each is None:
            return [None]
        found = self._lists.get(step.id)
        if found is None:
            found = self._lists[step.id] = checked_items(step.each.render(self.scope()))
        return found

    def is_wanted(self, step: Step) -> bool:
        """Whether the step's `if` lets its next call happen.

        Raises:
            RenderError: it cannot be evaluated.
        """
        return step.condition is None or step.condition.evaluate(self.scope(step))

    def check_links(self, step: Step) -> None:
        """A key to remember that cannot be made is found before the call, not after it.

        Raises:
            RenderError: one that does not read the answer cannot be made.
        """
        scope = self.scope(step) if step.remember else {}
        for name, template in step.remember.items():
            if not any(read[:2] == ("steps", step.id) for read in template.reads):
                _link_key(name, template, scope)

    def link_keys(self, step: Step, outcome: Mapping[str, object], index: int) -> dict[str, str]:
        """Link name -> the key under which to remember the record that this call has given.

        Args:
            step: the step whose call has succeeded.
            outcome: its result.
            index: the position of the item that it was for.

        Raises:
            RenderError: one cannot be made.
        """
        if not step.remember:
            return {}
        scope = Names(self.scope(step, index), {"steps": {**self.state.results, step.id: outcome}})
        return {name: _link_key(name, template, scope) for name, template in step.remember.items()}

    def key(self, step: Step) -> str:
        """The idempotency key: of the event, the rule, the step, the item and the replay, never of the bytes."""
        index = self.state.index(step.id)
        known = self._keys.get((step.id, index))
        if known is not None:
            return known
        key = idempotency_key(self.event_id, self.rule.name, step.id, self.generation, index)
        self._keys[step.id, index] = key
        return key

    def operation(self, step: Step) -> CompiledOperation:
        """What is called: the step's operation, or the update that a conflict has led to."""
        updates = self.state.phase is Phase.UPDATE or (
            self.state.phase is Phase.POLL and self.state.existing is not None
        )
        return step.operation.update if updates and step.operation.update is not None else step.operation

    def call(self, step: Step, *, anew: bool = False) -> Call:
        """The step's call; its parameters are those of the request whose effect is unknown, or rendered now.

        Raises:
            RenderError: a parameter cannot be made.
            ParameterRefused: one is missing or of the wrong kind.
        """
        state = self.state
        if anew or state.params is None:
            state.params = self._parameters(step)
        doubted = state.doubted_key if state.phase in {Phase.PROBE, Phase.POLL} else None
        return Call(
            params=state.params,
            settings=self.settings.get(step.destination, {}),
            key=doubted or self.key(step),
            since=since_first_try(state.since_ms),
        )

    def _parameters(self, step: Step) -> dict[str, object]:
        scope = self.scope(step)
        given = step.given.render(scope)
        values = dict(given) if isinstance(given, Mapping) else {}
        values |= {name: _path(name, template, scope) for name, template in step.paths.items()}
        operation = self.operation(step)
        if operation is step.operation:
            return operation.fit(values)
        known = {**values, "id": self.state.existing}
        return operation.fit({name: value for name, value in known.items() if name in operation.operation.params})


def _link_key(name: str, template: Template, scope: Mapping[str, object]) -> str:
    try:
        return key_text(template, scope)
    except RenderError as error:
        raise error.at((name,)) from None


def _path(name: str, template: Template, scope: Mapping[str, object]) -> str:
    try:
        return template.render_path(scope)
    except RenderError as error:
        raise error.at((name,)) from None
