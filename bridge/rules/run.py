"""The step interpreter: it says what to send next and is told what came back. Pure; somebody else sends.

The engine, `explain` and the rule tests all drive this one:

    run = Run(rule, scope, links, state, ...)
    while isinstance(action := run.next(now_ms), Send):
        ... write run.state, then send action.request ...
        reaction = run.take(answer, now_ms)

Its whole memory is `run.state`, a JSON object: written at each step boundary and before each request, it lets
another process go on exactly here. A request whose effect is not known is kept in it byte for byte.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import replace

from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.operation import CompiledOperation, ProbeResult
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError, Template
from bridge.model import DeadKind, Death, LinkWrite, Outcome, rfc3339
from bridge.rules.actions import Action, Died, Finished, GoOn, Reaction, Send, Wait
from bridge.rules.deaths import answer_death, link_death, lost_death, mapping_death, parameter_death
from bridge.rules.plan import key_text, with_variables
from bridge.rules.rule import Rule, Step
from bridge.rules.state import Phase, RunState, is_done, result

__all__ = ["Action", "Died", "Finished", "GoOn", "Phase", "Reaction", "Run", "RunState", "Send", "Wait"]

MAX_UNKNOWN = 3
MAX_PROBE_PAGES = 10
FORBIDDEN = 403
NOT_NOW = frozenset({Outcome.RETRY_LATER, Outcome.RATE_LIMITED, Outcome.UNAUTHORIZED})
"""Refusals that say nothing about an earlier try of the same call whose answer was lost."""


class Run:
    """One delivery being carried out.

    Args:
        rule: the rule with its current text.
        scope: the event's names (body, fields, event, headers, query, parent).
        links: what `recall` found when the delivery first started.
        recall: link name -> key, to forget a link whose record is gone.
        state: the memory, changed in place.
        settings: destination -> the settings that connector templates may use (no secrets).
        event_id: our id of the event, for the idempotency key.
        generation: how often a person has replayed the delivery.
    """

    def __init__(
        self,
        rule: Rule,
        scope: Mapping[str, object],
        *,
        links: Mapping[str, object],
        recall: Mapping[str, str],
        state: RunState,
        settings: Mapping[str, Mapping[str, object]],
        event_id: str,
        generation: int = 0,
    ) -> None:
        self.rule = rule
        self.state = state
        self._event_scope = scope
        self._rule_scope: dict[str, object] | None = None
        self._links = dict(links)
        self._recall = recall
        self._settings = settings
        self._event_id = event_id
        self._generation = generation
        self._last: Send | None = None
        self._in_doubt = False

    # --- what comes next ---------------------------------------------------------------------------------

    def next(self, now_ms: int) -> Action:
        """The next thing to do. Asking twice without an answer in between gives the same request."""
        lost = self._edited_away()
        if lost is not None:
            return Died(lost)
        for step in self._steps_left():
            where = "if"
            try:
                if not self.state.is_at(step):
                    if not self._wanted(step):
                        self.state.results[step.id] = result(skipped=True)
                        continue
                    self.state.begin(step, now_ms)
                where = "remember"
                self._check_links(step)
                where = "with"
                return self._send(step, now_ms)
            except RenderError as error:
                return Died(mapping_death(self.rule.name, step.id, error, where))
            except ParameterRefused as refused:
                return Died(parameter_death(self.rule.name, step.id, refused))
        return Finished()

    def _edited_away(self) -> Death | None:
        """A call may have arrived, and since a reload the rule does not make it any more: a person must look."""
        state = self.state
        if not state.maybe_sent or state.step is None or any(state.is_at(step) for step in self.rule.steps):
            return None
        label = state.label or state.step
        request = OutboundRequest.from_json(state.request) if state.request else None
        message = "its answer was lost, and the rule was changed before the call could be repeated"
        return lost_death(self.rule.name, state.step, label, message, request)

    def _steps_left(self) -> list[Step]:
        """In the rule's order; but a call that may have arrived goes first, wherever a reload has put its step."""
        left = [step for step in self.rule.steps if step.id not in self.state.results]
        if self.state.maybe_sent:
            left.sort(key=lambda step: step.id != self.state.step)
        return left

    def _wanted(self, step: Step) -> bool:
        return step.condition is None or step.condition.evaluate(self._scope())

    def _check_links(self, step: Step) -> None:
        """A key to remember that cannot be made is found before the call, not after it."""
        if self.state.maybe_sent:
            return
        for name, template in step.remember.items():
            if not any(read[:2] == ("steps", step.id) for read in template.reads):
                self._link_key(name, template)

    def _link_key(self, name: str, template: Template) -> str:
        try:
            return key_text(template, self._scope())
        except RenderError as error:
            raise error.at((name,)) from None

    def _send(self, step: Step, now_ms: int) -> Send | Died:
        state = self.state
        operation = self._operation(step)
        request = OutboundRequest.from_json(state.request) if state.request is not None else None
        if state.maybe_sent and not operation.is_repeatable:
            message = "the call is not safe to repeat, and its answer was lost"
            return Died(lost_death(self.rule.name, step.id, step.label, message, request))
        if self._must_probe(operation, now_ms):
            state.phase = Phase.PROBE
        if state.phase is Phase.PROBE:
            request = self._probe_request(operation, step)
        elif request is None:
            request = operation.request.build(self._call(step, render=True))
        self._last = Send(step, operation, state.phase, request)
        return self._last

    def _must_probe(self, operation: CompiledOperation, now_ms: int) -> bool:
        state = self.state
        if state.phase is not Phase.CALL or not state.maybe_sent or state.probed:
            return False
        if state.doubted_key is not None:
            return operation.probe is not None
        return operation.needs_probe(age_ms=now_ms - state.since_ms)

    def _probe_request(self, operation: CompiledOperation, step: Step) -> OutboundRequest:
        if operation.probe is None:
            raise TypeError("only an operation with a probe is probed")
        request = operation.probe.request.build(self._probe_call(step))
        return OutboundRequest("GET", self.state.page, request.headers) if self.state.page else request

    def _operation(self, step: Step) -> CompiledOperation:
        if self.state.phase is Phase.UPDATE and step.operation.update is not None:
            return step.operation.update
        return step.operation

    def _call(self, step: Step, *, render: bool) -> Call:
        """The step's parameters: rendered anew, or, while a request's effect is unknown, those it was made of."""
        if render or self.state.params is None:
            self.state.params = self._parameters(step)
        return Call(
            params=self.state.params,
            settings=self._settings.get(step.destination, {}),
            key=self.key(step),
            since=rfc3339(self.state.since_ms),
        )

    def _probe_call(self, step: Step) -> Call:
        call = self._call(step, render=False)
        return replace(call, key=self.state.doubted_key) if self.state.doubted_key else call

    def _parameters(self, step: Step) -> dict[str, object]:
        scope = self._scope()
        given = step.given.render(scope)
        values = dict(given) if isinstance(given, Mapping) else {}
        values |= {name: _path(name, template, scope) for name, template in step.paths.items()}
        if self.state.phase is not Phase.UPDATE:
            return step.operation.fit(values)
        update = self._operation(step)
        known = {**values, "id": self.state.existing}
        return update.fit({name: value for name, value in known.items() if name in update.operation.params})

    def key(self, step: Step) -> str:
        """The idempotency key: of the event, the rule, the step and the replay, never of the bytes."""
        text = "\x1f".join((self._event_id, self.rule.name, step.id, str(self._generation)))
        return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16]))

    def _scope(self) -> dict[str, object]:
        if self._rule_scope is None:
            self._rule_scope = with_variables(self.rule, self._event_scope)
        return {**self._rule_scope, "links": self._known_links(), "steps": self.state.results}

    def _known_links(self) -> dict[str, object]:
        """The links as they were when the delivery first started, without those whose record is gone."""
        links = {name: self._links.get(name) for name in self._recall}
        return links | self.state.before | dict.fromkeys(self.state.dropped)

    # --- before and after the wire -----------------------------------------------------------------------------

    def sending(self) -> None:
        """The request of the last `Send` is about to leave: keep it, it may arrive whatever happens next."""
        if self._last is None:
            raise RuntimeError("nothing was asked to be sent")
        self._in_doubt = self.state.maybe_sent and not self.state.probed
        if self._last.phase is not Phase.PROBE:
            self.state.request = self._last.request.to_json()
            self.state.maybe_sent = True
            self.state.probed = False

    def take(self, answer: Answer, now_ms: int) -> Reaction:
        """Take in the answer to the last `Send`."""
        last, self._last = self._last, None
        if last is None:
            raise RuntimeError("an answer to nothing")
        if last.phase is Phase.PROBE:
            return self._probe_answer(last, self._probe_call(last.step), answer, now_ms)
        call = self._call(last.step, render=False)
        verdict = last.operation.classify(call, answer, now_ms=now_ms)
        if not self._leaves_doubt(verdict):
            self.state.is_certain()
        if verdict.succeeded:
            return self._succeed(last.step, verdict)
        if verdict.outcome is Outcome.CONFLICT and last.phase is Phase.CALL:
            existing = last.operation.existing_id(call, answer)
            if existing is not None:
                self.state.update_instead(existing)
                return GoOn(verdict)
        return self._fail(last, verdict, answer)

    def _leaves_doubt(self, verdict: Verdict) -> bool:
        """Whether a call of this step may have worked: this one, or an earlier one that this answer says nothing of."""
        about_now = verdict.outcome in NOT_NOW or verdict.status is None or verdict.dead_kind is DeadKind.REDIRECTED
        return verdict.may_have_applied or (self._in_doubt and about_now)

    def _probe_answer(self, last: Send, call: Call, answer: Answer, now_ms: int) -> Reaction:
        probe = last.operation.probe
        if probe is None:
            raise TypeError("only an operation with a probe is probed")
        verdict = last.operation.classify_probe(call, answer, now_ms=now_ms)
        if verdict.outcome in NOT_NOW or verdict.outcome is Outcome.UNKNOWN:
            return Wait(verdict)
        if not verdict.succeeded and verdict.outcome is not Outcome.GONE:
            # no `catch` here: the rule may expect a refusal of the call, but this says nothing about the call
            return Died(self.death(last, verdict, answer), verdict)
        if verdict.outcome is Outcome.GONE:
            self.state.not_found()
            return GoOn(verdict)
        try:
            seen = probe.read(call, verdict.body)
        except RenderError:
            return Wait(_unreadable_probe(verdict))
        return self._seen(last, seen, verdict)

    def _seen(self, last: Send, seen: ProbeResult, verdict: Verdict) -> Reaction:
        if seen.found and last.operation.update is not None:
            self.state.update_instead(seen.id)
            return GoOn(verdict)
        if seen.found:
            self.state.is_certain()
            return self._succeed(last.step, _found(verdict, seen.id, seen.body))
        self.state.pages += 1
        if seen.next_url and self.state.pages < MAX_PROBE_PAGES:
            self.state.page = seen.next_url
        else:
            self.state.not_found()
        return GoOn(verdict)

    def _succeed(self, step: Step, verdict: Verdict) -> Reaction:
        self.state.end(result(id_=verdict.id, status=verdict.status, body=verdict.body))
        if verdict.id is None:  # the generic connector's answers need none; a link that is there stays as it is
            return GoOn(verdict)
        try:
            keys = {name: self._link_key(name, template) for name, template in step.remember.items()}
        except RenderError as error:
            return Died(link_death(self.rule.name, step, error), verdict)
        for name, key in keys.items():
            if self._recall.get(name) == key:
                gone = name in self.state.dropped
                self.state.before.setdefault(name, None if gone else self._links.get(name))
        return GoOn(verdict, tuple(LinkWrite(name, key, verdict.id) for name, key in keys.items()))

    def _fail(self, last: Send, verdict: Verdict, answer: Answer) -> Reaction:
        if verdict.may_have_applied and not last.operation.is_repeatable:
            return self._give_up(last, verdict, answer, DeadKind.UNANSWERED)
        match verdict.outcome:
            case Outcome.REJECTED | Outcome.GONE | Outcome.CONFLICT:
                return self._give_up(last, verdict, answer)
            case Outcome.UNKNOWN:
                self.state.unknowns += 1
                return Wait(verdict) if self.state.unknowns < MAX_UNKNOWN else self._give_up(last, verdict, answer)
            case Outcome.UNAUTHORIZED if verdict.status == FORBIDDEN and verdict.outcome in last.step.catch:
                return self._give_up(last, verdict, answer)
            case Outcome.RETRY_LATER | Outcome.RATE_LIMITED | Outcome.UNAUTHORIZED:
                return Wait(verdict)
            case Outcome.SUCCEEDED:
                raise AssertionError("a success is not a failure")

    def _give_up(self, last: Send, verdict: Verdict, answer: Answer, kind: DeadKind | None = None) -> Reaction:
        """Nothing more comes of this call: it is caught by the rule, mended by forgetting a link, or dead."""
        if verdict.outcome in last.step.catch:
            self.catch(last.step, verdict)
            return GoOn(verdict)
        if verdict.outcome is Outcome.GONE and not self.state.restarted:
            gone = self._gone_links(last.step)
            if gone:
                return self._restart(gone, verdict)
        return Died(self.death(last, verdict, answer, kind), verdict)

    def catch(self, step: Step, verdict: Verdict) -> None:
        """Record that the step failed in a way that the rule expects."""
        error = {
            "outcome": str(verdict.outcome),
            "status": verdict.status,
            "code": verdict.code,
            "message": verdict.message,
        }
        self.state.step = step.id
        self.state.end(result(status=verdict.status, body=verdict.body, error=error))

    def _gone_links(self, failed: Step) -> list[str]:
        """The recalled links that a 404 of this step may be about."""
        known = self._known_links()
        return [name for name in sorted(failed.sends_links) if name in self._recall and known.get(name)]

    def _restart(self, recalled: list[str], verdict: Verdict) -> GoOn:
        """Forget the links whose record is gone, and go back to the first step that read one of them.

        Steps from there on run again, except a create or a comment that has succeeded: it would be there twice.
        """
        self.state.restarted = True
        self.state.dropped += recalled
        first = next(index for index, step in enumerate(self.rule.steps) if step.reads_links & set(recalled))
        for step in self.rule.steps[first:]:
            repeats_well = step.operation.operation.repeat == "upsert"
            if repeats_well or not is_done(self.state.results.get(step.id)):
                self.state.results.pop(step.id, None)
        self.state.step = None
        # a link that this delivery has written since leads to the new record, and stays
        stale = [name for name in recalled if name not in self.state.before]
        return GoOn(verdict, tuple(LinkWrite(name, self._recall[name], None) for name in stale))

    def death(self, last: Send, verdict: Verdict, answer: Answer, kind: DeadKind | None = None) -> Death:
        """The dead letter for a refusal, or, with `kind`, for the end of patience."""
        return answer_death(self.rule.name, last, verdict, answer, kind)


def _path(name: str, template: Template, scope: Mapping[str, object]) -> str:
    try:
        return template.render_path(scope)
    except RenderError as error:
        raise error.at((name,)) from None


def _found(verdict: Verdict, record_id: object, body: object) -> Verdict:
    return Verdict(Outcome.SUCCEEDED, verdict.status, "found_by_probe", "", id=record_id, body=body)


def _unreadable_probe(verdict: Verdict) -> Verdict:
    return Verdict(
        Outcome.RETRY_LATER, verdict.status, "unreadable_probe", "the look before the repeat gave no list to look in"
    )
