"""What the rules would do with an event, without sending anything: for `explain` and the dry runs.

Answers of the API are taken from the operations' samples, and marked as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.model import Death, DeliveryState, NewDelivery
from bridge.rules.match import RuleIndex
from bridge.rules.plan import plan
from bridge.rules.rule import Rule
from bridge.rules.run import Run, RunState
from bridge.rules.shadow import shadow


@dataclass(frozen=True, slots=True)
class ExplainedRequest:
    """One request that would be sent; `request` is masked."""

    step: str
    operation: str
    key: str
    request: Mapping[str, object]
    sampled: bool
    """Whether it depends on an earlier step's answer, which is the operation's sample and not a real one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one rule makes of the event. `reason` says why nothing is sent, or how it would end."""

    rule: str
    matched: bool
    reason: str
    plan: NewDelivery | None = None
    requests: Sequence[ExplainedRequest] = ()
    skipped_steps: Sequence[str] = field(default_factory=tuple)


def explain(
    rules: RuleIndex,
    scope: Mapping[str, object],
    *,
    links: Mapping[str, Mapping[str, object]],
    destinations: Mapping[str, tuple[Mapping[str, object], str | None]],
    event_id: str,
    now_ms: int,
) -> list[Explanation]:
    """Every rule, matched or why not, and the exact requests in order.

    Args:
        rules: the rules of the configuration.
        scope: the event's names.
        links: link name -> key -> remembered id.
        destinations: destination -> (its settings without secrets, the header that carries its credential).
        event_id: our id of the event.
        now_ms: the time that the requests would be made at.
    """
    event = scope["event"]
    source, type_ = (str(event["source"]), str(event["type"])) if isinstance(event, Mapping) else ("", "")
    matching = {rule.name for rule in rules.rules_for(source, type_)}
    explained = []
    for rule in rules.rules:
        if rule.name not in matching:
            reason = f"`on` is {', '.join(rule.patterns)}; this event is {source}/{type_}"
            explained.append(Explanation(rule.name, matched=False, reason=reason))
        else:
            explained.append(_explain_rule(rule, scope, links, destinations, event_id, now_ms))
    return explained


def _explain_rule(
    rule: Rule,
    scope: Mapping[str, object],
    links: Mapping[str, Mapping[str, object]],
    destinations: Mapping[str, tuple[Mapping[str, object], str | None]],
    event_id: str,
    now_ms: int,
) -> Explanation:
    planned = plan(rule, scope)
    if planned.state is DeliveryState.SKIPPED:
        return Explanation(rule.name, matched=False, reason=planned.reason or "", plan=planned)
    if planned.death is not None:
        return Explanation(rule.name, matched=True, reason=_death_text(planned.death), plan=planned)
    run = Run(
        rule,
        scope,
        links={name: links.get(name, {}).get(key) for name, key in planned.recall.items()},
        recall=planned.recall,
        state=RunState(),
        settings={name: settings for name, (settings, _) in destinations.items()},
        event_id=event_id,
    )
    return _followed(run, planned, destinations, now_ms)


def _followed(
    run: Run,
    planned: NewDelivery,
    destinations: Mapping[str, tuple[Mapping[str, object], str | None]],
    now_ms: int,
) -> Explanation:
    headers = {name: header for name, (_, header) in destinations.items()}
    seen = shadow(run, credential_headers=headers, now_ms=now_ms)
    return Explanation(
        run.rule.name,
        matched=True,
        reason=_death_text(seen.death) if seen.death else seen.note or "done",
        plan=planned,
        requests=[
            ExplainedRequest(each.step, each.label, each.key, each.request, each.sampled) for each in seen.requests
        ],
        skipped_steps=seen.skipped_steps,
    )


def _death_text(death: Death) -> str:
    return f"dead: {death.message}\n  mend: {death.mend}"
