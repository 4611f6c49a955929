"""The step interpreter's memory: a JSON object that lets another process go on exactly where this one stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.rules.items import done_part, folded, is_done, result
from bridge.rules.rule import Rule, Step

__all__ = ["Phase", "RunState", "is_done", "result"]


class Phase(StrEnum):
    """What the next request of the current step is for."""

    CALL = "call"
    PROBE = "probe"
    UPDATE = "update"
    """The record exists already, as a conflict or a probe said: update that one."""
    POLL = "poll"
    """The API has accepted the call and works on it: ask how far it is."""


@dataclass(slots=True)
class RunState:
    """What a run knows. All of it is JSON; `request` is only there while its effect is unknown."""

    results: dict[str, dict[str, object]] = field(default_factory=dict)
    """Step id -> what `steps.<id>` is; only steps that are over are in it."""
    items: dict[str, list[dict[str, object] | None]] = field(default_factory=dict)
    """Step id -> the results of the items that its `for_each` has behind it, until it is over. None: to be called."""
    step: str | None = None
    label: str | None = None
    """`destination.operation` that the step called when it began: after a reload it may call another one."""
    phase: Phase = Phase.CALL
    since_ms: int = 0
    params: dict[str, object] | None = None
    request: dict[str, object] | None = None
    maybe_sent: bool = False
    """A call left, and whether it had its effect is not known."""
    probed: bool = False
    """The last look found no trace of that call."""
    batched: bool = False
    """That call left within a batch, so without an idempotency header of its own."""
    handle: dict[str, object] | None = None
    """What the API gave us to ask for the result of a call that it has accepted."""
    polls: int = 0
    """How often we have asked and it was not done."""
    unknowns: int = 0
    page: str | None = None
    pages: int = 0
    existing: object = None
    """The id of the record to update."""
    restarted: bool = False
    dropped: list[str] = field(default_factory=list)
    """Recalled links whose records turned out to be gone."""
    before: dict[str, object] = field(default_factory=dict)
    """Recalled links that this delivery's own steps have written since: the values they had when it started."""
    doubted_key: str | None = None
    """The key of an earlier generation's call that may have arrived: a replay looks for it before it calls."""

    def to_json(self) -> dict[str, object]:
        """The state as a JSON object of its own; what is as at a fresh start is left out, since it is written often."""
        return {
            name: _copied(value)
            for name, default in _FRESH.items()
            if (value := getattr(self, name)) is not default and value != default
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "RunState":
        """The state that `to_json` wrote; an empty object is a fresh start."""
        state = cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})  # type: ignore[arg-type]  # JSON has no types
        state.phase = Phase(state.phase)
        return state

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was sent or decided yet."""
        return self.step is None and not self.results and not self.restarted

    def begin(self, step: Step, now_ms: int) -> None:
        """Start a step: nothing of the one before is kept."""
        self.leave()
        self.step, self.label, self.since_ms = step.id, step.label, now_ms

    def end(self, result: dict[str, object]) -> None:
        """The current step is over, with this result."""
        if self.step is not None:
            self.results[self.step] = result
        self.leave()

    def index(self, step_id: str) -> int:
        """The position of the item that the step calls next, from 0; 0 as well when it has no `for_each`."""
        items = self.items.get(step_id, ())
        return items.index(None) if None in items else len(items)

    def end_item(self, step: Step, outcome: dict[str, object]) -> None:
        """The call for the step's current item is over, or not wanted.

        Bodies of earlier items are kept only if the rule reads them: the state is written at every call.
        """
        items, index = self.items.setdefault(step.id, []), self.index(step.id)
        before = items[index - 1] if index else None
        if before is not None and not step.reads_items:
            items[index - 1] = {**before, "body": None}
        items[index : index + 1] = [outcome]
        if self.is_at(step):
            self.leave()

    def end_items(self, step: Step) -> None:
        """The step has no further item: its result is that of the last call, with those of all items."""
        self.results[step.id] = folded(self.items.pop(step.id, []))
        if self.is_at(step):
            self.leave()

    def reopen(self, step_id: str, *, again: bool) -> None:
        """Let a step run once more: with `again` whole, else only what of it is not done yet."""
        outcome, items = self.results.get(step_id), self.items.pop(step_id, None)
        if outcome is not None and isinstance(outcome.get("items"), list):
            items = outcome["items"]  # type: ignore[assignment]  # what `folded` put there
        is_over = outcome is not None and is_done(outcome) and (not items or all(is_done(item) for item in items))
        if again or not is_over:
            self.results.pop(step_id, None)
        if items and not again and not is_over:
            self.items[step_id] = [item if is_done(item) else None for item in items]

    def is_at(self, step: Step) -> bool:
        """Whether this very call is under way; a reload may have given the step another operation."""
        return self.step == step.id and self.label in {None, step.label}

    def is_certain(self) -> None:
        """The last call surely had no effect, or surely its full one: its bytes need not be kept."""
        self.request, self.maybe_sent, self.batched = None, False, False

    def update_instead(self, existing: object) -> None:
        """The record is there: update the one with the id `existing`."""
        self.is_certain()
        self.phase, self.existing, self.params = Phase.UPDATE, existing, None
        self.page, self.pages, self.probed, self.doubted_key = None, 0, False, None

    def accepted(self, handle: Mapping[str, object]) -> None:
        """The API works on the call; `handle` is what to ask with."""
        self.phase, self.handle, self.polls = Phase.POLL, dict(handle), 0

    def polled(self) -> None:
        """There is nothing more to ask: the result is there, or the API knows nothing of the call."""
        self.phase = Phase.CALL if self.existing is None else Phase.UPDATE
        self.handle, self.polls = None, 0

    def not_found(self) -> None:
        """The look found no trace of the call in doubt: it is safe to call."""
        self.phase, self.page, self.pages, self.probed = Phase.CALL, None, 0, True
        # from here on a lost answer is one to a call with this generation's own key
        self.doubted_key = None

    def for_replay(self, rule: Rule, key: str | None) -> "RunState":
        """The state a person's replay starts from: steps that are done stay done, the rest is rendered anew.

        What was skipped or failed before the last done step stays so too, because the done steps built on it; and
        they see the links that they saw the first time, not those that the delivery has written itself.

        Args:
            rule: the rule as it is now.
            key: the idempotency key of the call that was in doubt, if one was.
        """
        done = [index for index, step in enumerate(rule.steps) if self._has_done(step)]
        based_on = rule.steps[: done[-1] + 1] if done else ()
        fresh = RunState(
            results={step.id: self.results[step.id] for step in based_on if step.id in self.results},
            items={step.id: done_part(self.items[step.id]) for step in based_on if step.id in self.items},
        )
        if done:
            fresh.before, fresh.dropped = dict(self.before), list(self.dropped)
        step = next((step for step in rule.steps if step.id == self.step), None)
        if self.maybe_sent and step is not None and self.is_at(step):
            self._hand_on_doubt(fresh, step, self.doubted_key or key)
        return fresh

    def _has_done(self, step: Step) -> bool:
        return is_done(self.results.get(step.id)) or any(is_done(item) for item in self.items.get(step.id, ()))

    def _hand_on_doubt(self, fresh: "RunState", step: Step, key: str | None) -> None:
        """The call in doubt goes first in the replay, if one can find out what became of it."""
        can_look = step.operation.probe is not None and self.phase is not Phase.UPDATE
        if not can_look and self.handle is None:
            return
        fresh.begin(step, self.since_ms)
        fresh.maybe_sent, fresh.batched, fresh.doubted_key = True, self.batched, key
        if step.id in self.items:  # the doubt is about the item at this very position
            fresh.items[step.id] = list(self.items[step.id])
        if self.handle is not None:
            fresh.phase, fresh.handle = Phase.POLL, dict(self.handle)
            fresh.params, fresh.existing = self.params, self.existing

    def leave(self) -> None:
        """Nothing is known any more of a call under way."""
        self.step = self.label = None
        self.phase, self.since_ms = Phase.CALL, 0
        self.params = self.request = self.page = self.existing = self.handle = None
        self.maybe_sent = self.probed = self.batched = False
        self.unknowns = self.pages = self.polls = 0
        self.doubted_key = None


_FRESH = {name: getattr(RunState(), name) for name in RunState.__dataclass_fields__}


def _copied(value: object) -> object:
    """A container that the run goes on changing, apart from it; what is inside is replaced, never changed."""
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return {key: list(item) if isinstance(item, list) else item for key, item in value.items()}
    return value
