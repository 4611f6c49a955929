"""What a matching rule makes of an event: a delivery that waits, one that is skipped, or one that is dead."""

from collections.abc import Mapping

from bridge.expressions import RenderError, Template, time_ms
from bridge.model import Coalesce, Death, DeliveryState, Forward, NewDelivery, Newer, Order
from bridge.rules.deaths import VariableError, fingerprint, mapping_death
from bridge.rules.names import Names
from bridge.rules.rule import Mode, Rule

__all__ = ["fingerprint", "key_text", "plan", "skipped", "with_variables"]

Scope = Mapping[str, object]


def plan(rule: Rule, scope: Scope) -> NewDelivery:
    """The delivery of `rule` for the event whose names are in `scope` (body, fields, event, headers, query…).

    Never raises for what an event holds: a template that cannot be rendered makes a dead delivery of kind
    `mapping`, so that a person sees it and can replay it with a mended rule.
    """
    where = "if"
    try:
        full = with_variables(rule, scope)
        if rule.condition is not None and not rule.condition.evaluate(full):
            return skipped(rule)
        where = "key"
        key = key_text(rule.key, full) if rule.key is not None else None
        where = "recall"
        recall = {name: _at(name, template, full) for name, template in rule.recall.items()}
        where = "coalesce"
        coalesce = _coalesce(rule, full)
        where = "only_forward"
        forward = _forward(rule, full)
        where = "only_newer"
        newer = _newer(rule, full)
    except RenderError as error:
        return _dead(rule, mapping_death(rule.name, None, error, where))
    is_live = rule.mode is Mode.LIVE  # a rehearsal holds up nobody and leaves no marks
    has_lane = is_live and key is not None and rule.order is not Order.NONE
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
        forward=forward if is_live else None,
        newer=newer if is_live else None,
    )


def with_variables(rule: Rule, scope: Scope, **more: object) -> Names:
    """The scope with the rule's `vars` rendered, and with `more` names.

    Raises:
        VariableError: one of them cannot be.
    """
    try:
        return Names(scope, {**more, "vars": rule.variables.render(scope)})
    except RenderError as error:
        raise VariableError(
            error.message, mend=error.help, name=error.name, offset=error.offset, path=error.path
        ) from None


def key_text(template: Template, scope: Scope) -> str:
    """A key: of a lane, a link or a window.

    Raises:
        RenderError: it cannot be rendered, or says nothing: all events without it would share one lane, one ticket.
    """
    text = template.render_text(scope)
    if not text.strip():
        raise RenderError("the key is empty", mend="leave events without it out with the rule's `if`", offset=0)
    return text


def _at(name: str, template: Template, scope: Scope) -> str:
    try:
        return key_text(template, scope)
    except RenderError as error:
        raise error.at((name,)) from None


def skipped(rule: Rule) -> NewDelivery:
    """The delivery of a rule whose `if` is false: nothing will happen, and the reason is kept."""
    return NewDelivery(
        rule=rule.name,
        revision=rule.revision,
        state=DeliveryState.SKIPPED,
        reason=f"`if` is false: {rule.condition_text}",
    )


def _dead(rule: Rule, death: Death) -> NewDelivery:
    return NewDelivery(rule=rule.name, revision=rule.revision, state=DeliveryState.DEAD, death=death)


def _coalesce(rule: Rule, scope: Scope) -> Coalesce | None:
    if rule.coalesce_ms is None or rule.coalesce_by is None:
        return None
    return Coalesce(group=_at("by", rule.coalesce_by, scope), window_ms=rule.coalesce_ms)


def _forward(rule: Rule, scope: Scope) -> Forward | None:
    event_type = _event_type(scope)
    if rule.forward_by is None or event_type not in rule.forward_order:
        return None
    return Forward(by=_at("by", rule.forward_by, scope), rank=rule.forward_order.index(event_type))


def _newer(rule: Rule, scope: Scope) -> Newer | None:
    if rule.newer_by is None or rule.newer_time is None:
        return None
    return Newer(by=_at("by", rule.newer_by, scope), time_ms=_time_ms(rule.newer_time, scope))


def _time_ms(template: Template, scope: Scope) -> int:
    try:
        return time_ms(_there(template.render(scope)))
    except RenderError as error:
        raise error.at(("time",)) from None


def _there(value: object) -> object:
    if value is None or value == "":
        mend = 'say under `only_newer` where the time is: `time: "{{ body.updated_at }}"`'
        raise RenderError("the event has no time to be older or newer by", mend=mend, offset=0)
    return value


def _event_type(scope: Scope) -> str:
    event = scope.get("event")
    return str(event.get("type", "")) if isinstance(event, Mapping) else ""
