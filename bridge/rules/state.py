"""The step interpreter's memory: a JSON object that lets another process go on exactly where this one stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.rules.rule import Rule, Step


class Phase(StrEnum):
    """What the next request of the current step is for."""

    CALL = "call"
    PROBE = "probe"
    UPDATE = "update"
    """The record exists already, as a conflict or a probe said: update that one."""


@dataclass(slots=True)
class RunState:
    """What a run knows. All of it is JSON; `request` is only there while its effect is unknown."""

    results: dict[str, dict[str, object]] = field(default_factory=dict)
    """Step id -> what `steps.<id>` is; only steps that are over are in it."""
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
        """The state as a JSON object."""
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**state, "results": dict(self.results), "dropped": list(self.dropped), "before": dict(self.before)}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "RunState":
        """The state that `to_json` wrote; an empty object is a fresh start."""
        state = cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})  # type: ignore[arg-type]  # JSON has no types
        state.phase = Phase(state.phase)
        return state

    def begin(self, step: Step, now_ms: int) -> None:
        """Start a step: nothing of the one before is kept."""
        self._clear()
        self.step, self.label, self.since_ms = step.id, step.label, now_ms

    def end(self, result: dict[str, object]) -> None:
        """The current step is over, with this result."""
        if self.step is not None:
            self.results[self.step] = result
        self._clear()

    def is_at(self, step: Step) -> bool:
        """Whether this very call is under way; a reload may have given the step another operation."""
        return self.step == step.id and self.label in {None, step.label}

    def is_certain(self) -> None:
        """The last call surely had no effect, or surely its full one: its bytes need not be kept."""
        self.request, self.maybe_sent = None, False

    def update_instead(self, existing: object) -> None:
        """The record is there: update the one with the id `existing`."""
        self.is_certain()
        self.phase, self.existing, self.params = Phase.UPDATE, existing, None
        self.page, self.pages, self.probed, self.doubted_key = None, 0, False, None

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
        done = [index for index, step in enumerate(rule.steps) if is_done(self.results.get(step.id))]
        based_on = rule.steps[: done[-1] + 1] if done else ()
        fresh = RunState(results={step.id: self.results[step.id] for step in based_on if step.id in self.results})
        if done:
            fresh.before, fresh.dropped = dict(self.before), list(self.dropped)
        step = next((step for step in rule.steps if step.id == self.step), None)
        if self.maybe_sent and self.phase is not Phase.UPDATE and step is not None and self.is_at(step):
            fresh._doubt(step, self.since_ms, self.doubted_key or key)
        return fresh

    def _doubt(self, step: Step, since_ms: int, key: str | None) -> None:
        if step.operation.probe is not None:
            self.begin(step, since_ms)
            self.maybe_sent, self.doubted_key = True, key

    def _clear(self) -> None:
        self.step = self.label = None
        self.phase, self.since_ms = Phase.CALL, 0
        self.params = self.request = self.page = self.existing = None
        self.maybe_sent = self.probed = False
        self.unknowns = self.pages = 0
        self.doubted_key = None


def result(
    *, id_: object = None, status: int | None = None, body: object = None, error: object = None, skipped: bool = False
) -> dict[str, object]:
    """What `steps.<id>` is in the rule's templates."""
    return {"id": id_, "status": status, "body": body, "error": error, "skipped": skipped}


def is_done(outcome: Mapping[str, object] | None) -> bool:
    """Whether a step's result is that of a call that succeeded."""
    return outcome is not None and not outcome.get("skipped") and not outcome.get("error")
