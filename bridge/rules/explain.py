"""What the rules would do with an event, without sending anything: for `explain` and for comparing two sets of rules.

Answers of the API are taken from the operations' samples, and marked as such.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from types import MappingProxyType

from bridge.connectors.destination import Destination
from bridge.connectors.opened import PartPath, open_shown
from bridge.expressions import RenderError
from bridge.model import Death, DeliveryState, NewDelivery
from bridge.rules.judgement import Judged, concealed, judge
from bridge.rules.match import RuleIndex
from bridge.rules.origins import Origins, origins
from bridge.rules.passage import Passage, passage
from bridge.rules.plan import plan, with_variables
from bridge.rules.rendering import Rendering
from bridge.rules.rule import Rule, Step
from bridge.rules.run import Run, RunState
from bridge.rules.shadow import ShadowRequest, shadow

Links = Mapping[str, Mapping[str, object]]
"""Link name -> key -> remembered id."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery that has begun: the links that it started with stay as they were, and a replay has keys of its own."""

    links: Mapping[str, object]
    generation: int = 0


class Fit(StrEnum):
    """What a rule says about an event at first sight."""

    MATCHES = "matches"
    OTHER_EVENTS = "on"
    """Its `on` does not cover the event."""
    NOT_WANTED = "if"
    """Its `if` is false."""


@dataclass(frozen=True, slots=True)
class ExplainedRequest:
    """One request that would be sent.

    `request` is masked, `parts` are its single values by their path, `origins` the places inside the rule that they
    come from (what is not in it comes from the connector). `sampled`: it depends on an earlier step's answer, which is
    the operation's sample and not a real one.
    """

    step: str
    operation: str
    key: str
    request: Mapping[str, object]
    sampled: bool
    parts: Mapping[PartPath, object]
    origins: Origins
    passage: Passage


@dataclass(frozen=True, slots=True)
class SkippedStep:
    """A step, or the call for one item of its list, that would not happen; `condition` is None for an empty list."""

    step: str
    item: int | None
    condition: Judged | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one rule makes of the event.

    `reason` says why nothing is sent, or how it would end (`done`). `nearest` is the position of the pattern in `on`
    that comes closest, `condition` the `if`, `links` what is remembered of the keys that it recalls.
    """

    rule: Rule
    fit: Fit
    reason: str
    nearest: int | None = None
    condition: Judged | None = None
    plan: NewDelivery | None = None
    links: Mapping[str, object] | None = None
    requests: Sequence[ExplainedRequest] = ()
    skipped: Sequence[SkippedStep] = ()
    death: Death | None = None

    @property
    def matched(self) -> bool:
        """Whether the rule makes a delivery that does something."""
        return self.fit is Fit.MATCHES

    @property
    def skipped_steps(self) -> tuple[str, ...]:
        """The ids of the steps that are skipped as a whole."""
        return tuple(each.step for each in self.skipped if each.item is None)


def explain(
    rules: RuleIndex,
    scope: Mapping[str, object],
    *,
    links: Links,
    destinations: Mapping[str, Destination],
    event_id: str,
    now_ms: int,
    begun: Mapping[str, Begun] = MappingProxyType({}),
    traced: bool = True,
) -> list[Explanation]:
    """Every rule, matched or why not, and the exact requests in order.

    Args:
        rules: the rules of the configuration.
        scope: the event's names.
        links: what the bridge remembers.
        destinations: those of the configuration.
        event_id: our id of the event.
        now_ms: the time that the requests would be made at.
        begun: rule -> its delivery of this event, when there is one already.
        traced: find out where the values of each request come from, which takes most of the time.
    """
    event = scope["event"]
    source, type_ = (str(event["source"]), str(event["type"])) if isinstance(event, Mapping) else ("", "")
    matching = {rule.name for rule in rules.rules_for(source, type_)}
    return [
        _Explainer(rule, scope, destinations, event_id, now_ms, traced).explained(
            links, begun.get(rule.name, _NOT_BEGUN)
        )
        if rule.name in matching
        else _other_events(rule, f"{source}/{type_}")
        for rule in rules.rules
    ]


_NOT_BEGUN = Begun({})


def _other_events(rule: Rule, name: str) -> Explanation:
    likeness = [SequenceMatcher(None, pattern, name).ratio() for pattern in rule.patterns]
    reason = f"`on` is {', '.join(rule.patterns)}; this event is {name}"
    return Explanation(rule, Fit.OTHER_EVENTS, reason, nearest=likeness.index(max(likeness)))


@dataclass(frozen=True, slots=True)
class _Explainer:
    """One rule that covers the event."""

    rule: Rule
    scope: Mapping[str, object]
    destinations: Mapping[str, Destination]
    event_id: str
    now_ms: int
    traced: bool

    def explained(self, links: Links, begun: Begun) -> Explanation:
        planned, condition = plan(self.rule, self.scope), self._condition()
        if planned.state is DeliveryState.SKIPPED:
            return Explanation(self.rule, Fit.NOT_WANTED, planned.reason or "", condition=condition, plan=planned)
        if planned.death is not None:
            reason = _death_text(planned.death)
            return Explanation(self.rule, Fit.MATCHES, reason, condition=condition, plan=planned, death=planned.death)
        known = {name: links.get(name, {}).get(key) for name, key in planned.recall.items()}
        known |= {name: value for name, value in begun.links.items() if name in known}
        return self._followed(planned, condition, known, begun.generation)

    def _condition(self) -> Judged | None:
        if self.rule.condition is None:
            return None
        try:
            return judge(self.rule.condition, with_variables(self.rule, self.scope))
        except RenderError:
            return None  # its `vars` cannot be made: that is why it is dead

    def _followed(
        self, planned: NewDelivery, condition: Judged | None, known: Mapping[str, object], generation: int
    ) -> Explanation:
        settings = {name: destination.settings for name, destination in self.destinations.items()}
        state = RunState()
        run = Run(
            self.rule,
            self.scope,
            links=known,
            recall=planned.recall,
            state=state,
            settings=settings,
            event_id=self.event_id,
            generation=generation,
        )
        headers = {name: destination.credential_header for name, destination in self.destinations.items()}
        seen = shadow(run, credential_headers=headers, now_ms=self.now_ms)
        texts = Rendering(self.rule, self.scope, known, planned.recall, state, settings, self.event_id, generation)
        return Explanation(
            self.rule,
            Fit.MATCHES,
            _death_text(seen.death) if seen.death else seen.note or "done",
            condition=condition,
            plan=planned,
            links=known,
            requests=[self._request(each) for each in seen.requests],
            skipped=[skipped for step in self.rule.steps for skipped in _skipped(step, texts)],
            death=seen.death,
        )

    def _request(self, shown: ShadowRequest) -> ExplainedRequest:
        send = shown.send
        masked = {**shown.request}
        if "body" in masked:
            masked["body"] = concealed(masked["body"])
        return ExplainedRequest(
            step=shown.step,
            operation=shown.label,
            key=shown.key,
            request=masked,
            sampled=shown.sampled,
            parts=open_shown(masked).parts(),
            origins=origins(self.rule, send) if self.traced else {},
            passage=passage(self.destinations[send.step.destination], send),
        )


def _skipped(step: Step, texts: Rendering) -> Iterator[SkippedStep]:
    """What of a step did not happen, and which condition said so; earlier steps stand as they stood then."""
    result = texts.state.results.get(step.id, {})
    items = result.get("items")
    if isinstance(items, list) and items:
        for index, item in enumerate(items):
            if item["skipped"] and step.condition is not None:
                yield SkippedStep(step.id, index, judge(step.condition, texts.scope(step, index)))
    elif result.get("skipped"):
        asked = step.condition if step.each is None else None
        yield SkippedStep(step.id, None, None if asked is None else judge(asked, texts.scope(step)))


def _death_text(death: Death) -> str:
    return f"dead: {death.message}\n  mend: {death.mend}"
