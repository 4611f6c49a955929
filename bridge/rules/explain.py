"""What the rules would do with an event, without sending anything: for `explain` and the dry runs.

Answers of the API are taken from the operations' samples, and marked as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from bridge.connectors.answer import Answer
from bridge.model import Death, DeliveryState, NewDelivery
from bridge.rules.match import RuleIndex
from bridge.rules.plan import plan
from bridge.rules.rule import Rule
from bridge.rules.run import Died, Finished, GoOn, Run, RunState, Send

MAX_REQUESTS = 100


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
    return _drive(run, planned, destinations, now_ms)


def _drive(
    run: Run,
    planned: NewDelivery,
    destinations: Mapping[str, tuple[Mapping[str, object], str | None]],
    now_ms: int,
) -> Explanation:
    requests: list[ExplainedRequest] = []
    answered: set[str] = set()
    reason = "more requests than one delivery should make"
    while len(requests) < MAX_REQUESTS:
        action = run.next(now_ms)
        if not isinstance(action, Send):
            reason = "done" if isinstance(action, Finished) else _death_text(action.death)
            break
        requests.append(_explained(run, action, destinations, answered))
        answered.add(action.step.id)
        reaction = run.take(_sample_answer(action), now_ms)
        if not isinstance(reaction, GoOn):
            reason = _death_text(reaction.death) if isinstance(reaction, Died) else "the sample answer is not a success"
            break
    skipped = tuple(step.id for step in run.rule.steps if run.state.results.get(step.id, {}).get("skipped"))
    return Explanation(
        run.rule.name, matched=True, reason=reason, plan=planned, requests=requests, skipped_steps=skipped
    )


def _explained(
    run: Run,
    action: Send,
    destinations: Mapping[str, tuple[Mapping[str, object], str | None]],
    answered: set[str],
) -> ExplainedRequest:
    header = destinations.get(action.step.destination, ({}, None))[1]
    return ExplainedRequest(
        action.step.id,
        action.label,
        run.key(action.step),
        action.request.shown(header),
        sampled=not answered.isdisjoint(action.step.reads_steps),
    )


def _death_text(death: Death) -> str:
    return f"dead: {death.message}\n  mend: {death.mend}"


def _sample_answer(send: Send) -> Answer:
    sample = send.operation.operation.sample
    body = b"" if sample.json_ is None else orjson.dumps(sample.json_)
    return Answer(sample.status, {"content-type": "application/json"}, body)
