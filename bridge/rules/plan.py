"""What a matching rule makes of an event: a delivery that waits, one that is skipped, or one that is dead."""

import hashlib
from collections.abc import Mapping

from bridge.expressions import RenderError, Template
from bridge.model import Coalesce, DeadKind, Death, DeliveryState, Forward, NewDelivery, Order
from bridge.rules.rule import Rule

Scope = Mapping[str, object]


def plan(rule: Rule, scope: Scope) -> NewDelivery:
    """The delivery of `rule` for the event whose names are in `scope` (body, fields, event, headers, query…).

    Never raises for what an event holds: a template that cannot be rendered makes a dead delivery of kind
    `mapping`, so that a person sees it and can replay it with a mended rule.
    """
    where = "vars"
    try:
        full = with_variables(rule, scope)
        where = "if"
        if rule.condition is not None and not rule.condition.evaluate(full):
            return _skipped(rule)
        where = "key"
        key = rule.key.render_text(full) if rule.key is not None else None
        where = "recall"
        recall = {name: template.render_text(full) for name, template in rule.recall.items()}
        where = "coalesce"
        coalesce = _coalesce(rule, full)
        where = "only_forward"
        forward = _forward(rule, full, str(_event_type(scope)))
    except RenderError as error:
        return _dead(rule, mapping_death(rule, None, error, where))
    has_lane = key is not None and rule.order is not Order.NONE
    return NewDelivery(
        rule=rule.name,
        revision=rule.revision,
        key=key,
        lanes=rule.destinations if has_lane else (),
        destination=rule.steps[0].destination,
        order=rule.order,
        order_hold_ms=rule.order_hold_ms,
        recall=recall,
        coalesce=coalesce,
        forward=forward,
    )


def with_variables(rule: Rule, scope: Scope) -> dict[str, object]:
    """The scope with the rule's `vars` rendered."""
    return {**scope, "vars": rule.variables.render(scope)}


def mapping_death(rule: Rule, step: str | None, error: RenderError, where: str) -> Death:
    """The dead letter of a value that could not be made. Names places, never values."""
    inside = ".".join(str(part) for part in (where, *error.path))
    at = f"step `{step}`, `{inside}`" if step else f"`{inside}`"
    return Death(
        kind=DeadKind.MAPPING,
        code="render",
        message=f"rule `{rule.name}`, {at}: {error}",
        mend=error.help or "correct the rule, then replay",
        step=step,
        fingerprint=fingerprint(DeadKind.MAPPING, rule.name, step, inside, str(error)),
    )


def fingerprint(*parts: object) -> str:
    """Equal for dead letters that have the same cause, so that they can be mended together."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:12]


def _skipped(rule: Rule) -> NewDelivery:
    source = rule.condition.source if rule.condition else ""
    return NewDelivery(
        rule=rule.name, revision=rule.revision, state=DeliveryState.SKIPPED, reason=f"`if` is false: {source}"
    )


def _dead(rule: Rule, death: Death) -> NewDelivery:
    return NewDelivery(rule=rule.name, revision=rule.revision, state=DeliveryState.DEAD, death=death)


def _coalesce(rule: Rule, scope: Scope) -> Coalesce | None:
    if rule.coalesce_ms is None:
        return None
    return Coalesce(group=_text(rule.coalesce_by, scope), window_ms=rule.coalesce_ms)


def _forward(rule: Rule, scope: Scope, event_type: str) -> Forward | None:
    if rule.forward_by is None or event_type not in rule.forward_order:
        return None
    return Forward(by=_text(rule.forward_by, scope), rank=rule.forward_order.index(event_type))


def _text(template: Template | None, scope: Scope) -> str:
    return template.render_text(scope) if template is not None else ""


def _event_type(scope: Scope) -> object:
    event = scope.get("event")
    return event.get("type", "") if isinstance(event, Mapping) else ""
