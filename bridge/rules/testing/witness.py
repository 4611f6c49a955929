"""What a test has seen of the rules: which steps made a request, and what their conditions gave."""

from bridge.model import DeliveryState, NewDelivery
from bridge.rules.rule import Rule, Step
from bridge.rules.state import RunState
from bridge.rules.testing.results import Seen


class Witness:
    """Notes it down while a test is carried out."""

    def __init__(self) -> None:
        self._called: set[tuple[str, str]] = set()
        self._conditions: set[tuple[str, str | None, bool]] = set()
        self._rules: set[str] = set()

    def routed(self, rule: Rule, plan: NewDelivery) -> None:
        """What routing made of an event with a rule."""
        self._rules.add(rule.name)
        if rule.condition is not None and plan.death is None:
            self._conditions.add((rule.name, None, plan.state is not DeliveryState.SKIPPED))

    def called(self, rule: Rule, step: Step) -> None:
        """A step makes a request."""
        self._called.add((rule.name, step.id))
        if step.condition is not None:
            self._conditions.add((rule.name, step.id, True))

    def carried(self, rule: Rule, run: RunState) -> None:
        """How a run stands: steps that its conditions have skipped are known by their results."""
        for step in rule.steps:
            if step.condition is not None and _was_skipped(run, step):
                self._conditions.add((rule.name, step.id, False))

    def seen(self) -> Seen:
        """All that was noted."""
        return Seen(frozenset(self._called), frozenset(self._conditions), frozenset(self._rules))


def _was_skipped(run: RunState, step: Step) -> bool:
    outcome = run.results.get(step.id, {})
    if step.each is None:
        return bool(outcome.get("skipped"))
    items = outcome.get("items") or run.items.get(step.id, ())
    return isinstance(items, list) and any(item and item.get("skipped") for item in items)
