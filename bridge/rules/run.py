"""The step interpreter: it says what to send next and is told what came back. Pure; somebody else sends.

The engine, `explain` and the rule tests all drive this one:

    run = Run(rule, scope, links, state, ...)
    while isinstance(action := run.next(now_ms), Send):
        ... send action.request ...
        reaction = run.take(answer, now_ms)

Its whole memory is `run.state`, a JSON object: written at each step boundary and before each request, it lets
another process go on exactly here. A request whose effect is not known is kept in it byte for byte.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bridge.connectors.answer import Answer
from bridge.connectors.operation import Call, CompiledOperation
from bridge.connectors.parameters import ParameterRefused
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.expressions import RenderError
from bridge.model import DeadKind, Death, LinkWrite, Outcome, rfc3339
from bridge.rules.plan import fingerprint, mapping_death, with_variables
from bridge.rules.rule import Rule, Step

MAX_UNKNOWN = 3
MAX_PROBE_PAGES = 10
NOT_NOW = frozenset({Outcome.RETRY_LATER, Outcome.RATE_LIMITED, Outcome.UNAUTHORIZED})
"""Refusals that say nothing about an earlier try of the same call whose answer was lost."""


class Phase(StrEnum):
    """What the next request of the current step is for."""

    CALL = "call"
    PROBE = "probe"
    UPDATE = "update"
    """The conflict named the existing record: update that one."""


@dataclass(slots=True)
class RunState:
    """The interpreter's memory. All of it is JSON; `request` is only there while its effect is unknown."""

    results: dict[str, dict[str, object]] = field(default_factory=dict)
    step: str | None = None
    phase: Phase = Phase.CALL
    since_ms: int = 0
    params: dict[str, object] | None = None
    request: dict[str, object] | None = None
    maybe_sent: bool = False
    probed: bool = False
    unknowns: int = 0
    page: str | None = None
    pages: int = 0
    existing: object = None
    restarted: bool = False
    dropped: list[str] = field(default_factory=list)
    doubted_key: str | None = None
    """The key of an earlier generation's call that may have arrived: a replay looks for it before it calls."""

    def to_json(self) -> dict[str, object]:
        """The state as a JSON object."""
        names = self.__dataclass_fields__
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "RunState":
        """The state that `to_json` wrote; an empty object is a fresh start."""
        state = cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})  # type: ignore[arg-type]
        state.phase = Phase(state.phase)
        return state

    def begin(self, step: str, now_ms: int) -> None:
        """Start a step: nothing of the one before is kept."""
        self.step, self.since_ms, self.phase = step, now_ms, Phase.CALL
        self.params = self.request = self.page = self.existing = None
        self.maybe_sent = self.probed = False
        self.unknowns = self.pages = 0
        self.doubted_key = None

    def for_replay(self, rule: Rule, key: str | None) -> "RunState":
        """The state a person's replay starts from: steps that are done stay done, the rest is rendered anew.

        `key` is the idempotency key of the call that was in doubt, if one was.
        """
        kept = {step.id: self.results[step.id] for step in rule.steps if step.id in self.results}
        fresh = RunState(results={name: result for name, result in kept.items() if not result.get("error")})
        step = next((step for step in rule.steps if step.id == self.step), None)
        if self.maybe_sent and step is not None and step.operation.probe is not None:
            fresh.step, fresh.since_ms, fresh.maybe_sent, fresh.doubted_key = self.step, self.since_ms, True, key
        return fresh


@dataclass(frozen=True, slots=True)
class Send:
    """Please send this. `operation` may be the one of a conflict's update."""

    step: Step
    operation: CompiledOperation
    phase: Phase
    request: OutboundRequest

    @property
    def label(self) -> str:
        """`zendesk.tickets.comment`, with the phase when it is not the call itself."""
        name = f"{self.step.destination}.{self.operation.name}"
        return name if self.phase is Phase.CALL else f"{name} ({self.phase})"


@dataclass(frozen=True, slots=True)
class Finished:
    """All steps are done or skipped."""


@dataclass(frozen=True, slots=True)
class Died:
    """Nothing more can happen without a person. `verdict` is that of the answer that did it, if one did."""

    death: Death
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class GoOn:
    """The answer was taken in; ask `next` again. `links` are to be remembered in the same commit."""

    verdict: Verdict
    links: tuple[LinkWrite, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """The step must be tried again later."""

    verdict: Verdict


Action = Send | Finished | Died
Reaction = GoOn | Wait | Died


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
        self._links = dict(links)
        self._recall = recall
        self._settings = settings
        self._event_id = event_id
        self._generation = generation
        self._steps = {step.id: step for step in rule.steps}
        self._last: Send | None = None
        self._in_doubt = False

    # --- what comes next ---------------------------------------------------------------------------------

    def next(self, now_ms: int) -> Action:
        """The next thing to do. Asking twice without an answer in between gives the same request."""
        for step in self.rule.steps:
            if step.id in self.state.results:
                continue
            where = "if"
            try:
                if self.state.step != step.id and not self._wanted(step):
                    self.state.results[step.id] = _result(skipped=True)
                    continue
                if self.state.step != step.id:
                    self.state.begin(step.id, now_ms)
                where = "with"
                return self._send(step, now_ms)
            except RenderError as error:
                return Died(mapping_death(self.rule, step.id, error, where))
            except ParameterRefused as refused:
                return Died(self._refused(step, refused))
        return Finished()

    def _wanted(self, step: Step) -> bool:
        return step.condition is None or step.condition.evaluate(self._scope())

    def _send(self, step: Step, now_ms: int) -> Send | Died:
        state = self.state
        operation = self._operation(step)
        if state.maybe_sent and not operation.is_repeatable:
            return Died(self._unanswered(step, "the call is not safe to repeat, and its answer was lost"))
        if self._must_probe(operation, now_ms):
            state.phase = Phase.PROBE
        if state.phase is Phase.PROBE and operation.probe is not None:
            request = self._probe_request(operation, step)
        elif state.request is not None:
            request = OutboundRequest.from_json(state.request)
        else:
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
        conflict = step.operation.operation.conflict
        if self.state.phase is Phase.UPDATE and conflict is not None:
            return CompiledOperation(step.operation.connector, conflict.use)
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
        call = self._call(step, render=self.state.params is None)
        return replace(call, key=self.state.doubted_key) if self.state.doubted_key else call

    def _parameters(self, step: Step) -> dict[str, object]:
        scope = self._scope()
        given = step.given.render(scope)
        values = dict(given) if isinstance(given, Mapping) else {}
        values |= {name: template.render_path(scope) for name, template in step.paths.items()}
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
        links = {name: self._links.get(name) for name in self._recall}
        links |= dict.fromkeys(self.state.dropped)
        return {**with_variables(self.rule, self._event_scope), "links": links, "steps": self.state.results}

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
        call = self._call(last.step, render=False)
        if last.phase is Phase.PROBE:
            return self._probe_answer(last, self._probe_call(last.step), answer, now_ms)
        verdict = last.operation.classify(call, answer, now_ms=now_ms)
        if verdict.is_definite and not (self._in_doubt and verdict.outcome in NOT_NOW):
            self.state.request, self.state.maybe_sent = None, False
        if verdict.succeeded:
            return self._succeed(last.step, verdict)
        if verdict.outcome is Outcome.CONFLICT and last.phase is Phase.CALL:
            existing = last.operation.existing_id(call, answer)
            if existing is not None:
                self.state.existing, self.state.phase, self.state.params = existing, Phase.UPDATE, None
                return GoOn(verdict)
        return self._fail(last, verdict, answer)

    def _probe_answer(self, last: Send, call: Call, answer: Answer, now_ms: int) -> Reaction:
        verdict = last.operation.classify_probe(call, answer, now_ms=now_ms)
        state = self.state
        if last.operation.probe is None:
            raise TypeError("only an operation with a probe is probed")
        if verdict.succeeded:
            try:
                seen = last.operation.probe.read(call, verdict.body)
            except RenderError:
                return Wait(_unreadable_probe(verdict))
            if seen.found:
                state.request, state.maybe_sent = None, False
                return self._succeed(last.step, _found(verdict, seen.id))
            state.pages += 1
            if seen.next_url and state.pages < MAX_PROBE_PAGES:
                state.page = seen.next_url
                return GoOn(verdict)
        elif verdict.outcome is not Outcome.GONE:
            return Wait(verdict) if verdict.outcome is not Outcome.REJECTED else self._fail(last, verdict, answer)
        state.phase, state.page, state.pages, state.probed = Phase.CALL, None, 0, True
        return GoOn(verdict)

    def _succeed(self, step: Step, verdict: Verdict) -> Reaction:
        self.state.results[step.id] = _result(id_=verdict.id, status=verdict.status, body=verdict.body)
        self.state.step = None
        try:
            scope = self._scope()
            links = tuple(
                LinkWrite(name, template.render_text(scope), verdict.id) for name, template in step.remember.items()
            )
        except RenderError as error:
            del self.state.results[step.id]
            return Died(mapping_death(self.rule, step.id, error, "remember"), verdict)
        return GoOn(verdict, links)

    def _fail(self, last: Send, verdict: Verdict, answer: Answer) -> Reaction:
        match verdict.outcome:
            case Outcome.REJECTED | Outcome.GONE | Outcome.CONFLICT:
                return self._refuse(last, verdict, answer)
            case Outcome.UNKNOWN:
                self.state.unknowns += 1
                if self.state.unknowns >= MAX_UNKNOWN:
                    return self._refuse(last, verdict, answer)
                return Wait(verdict)
            case Outcome.RETRY_LATER | Outcome.RATE_LIMITED | Outcome.UNAUTHORIZED:
                return Wait(verdict)
            case Outcome.SUCCEEDED:
                raise AssertionError("a success is not a failure")

    def _refuse(self, last: Send, verdict: Verdict, answer: Answer) -> Reaction:
        """A final refusal: caught by the rule, mended by forgetting a link, or dead."""
        if verdict.outcome in last.step.catch:
            self.catch(last.step, verdict)
            return GoOn(verdict)
        if verdict.outcome is Outcome.GONE and not self.state.restarted:
            forgotten = self._forget_links(last.step)
            if forgotten:
                return GoOn(verdict, forgotten)
        return Died(self.death(last, verdict, answer), verdict)

    def catch(self, step: Step, verdict: Verdict) -> None:
        """Record that the step failed in a way that the rule expects."""
        error = {
            "outcome": str(verdict.outcome),
            "status": verdict.status,
            "code": verdict.code,
            "message": verdict.message,
        }
        self.state.results[step.id] = _result(status=verdict.status, body=verdict.body, error=error)
        self.state.step = None

    def _forget_links(self, failed: Step) -> tuple[LinkWrite, ...]:
        """Forget the recalled links the step read, and go back to the first step that read one of them."""
        recalled = [n for n in sorted(failed.reads_links) if self._links.get(n) and n not in self.state.dropped]
        if not recalled:
            return ()
        self.state.restarted = True
        self.state.dropped += recalled
        readers = [index for index, step in enumerate(self.rule.steps) if step.reads_links & set(recalled)]
        for step in self.rule.steps[readers[0] :]:
            self.state.results.pop(step.id, None)
        self.state.step = None
        return tuple(LinkWrite(name, self._recall[name], None) for name in recalled)

    # --- deaths -----------------------------------------------------------------------------------------------

    def death(self, last: Send, verdict: Verdict, answer: Answer, kind: DeadKind | None = None) -> Death:
        """The dead letter for a refusal, or, with `kind`, for the end of patience."""
        dead_kind = kind or verdict.dead_kind
        said = verdict.message or verdict.code
        return Death(
            kind=dead_kind,
            code=verdict.code,
            message=f"{last.label}: {said}",
            mend=verdict.advice or "compare the request with the answer, correct the rule, then replay",
            step=last.step.id,
            request=last.request.shown("Authorization"),
            response={"status": answer.status, "excerpt": answer.excerpt()},
            fingerprint=fingerprint(dead_kind, self.rule.name, last.step.id, verdict.status, verdict.code),
        )

    def _unanswered(self, step: Step, message: str) -> Death:
        return Death(
            kind=DeadKind.UNANSWERED,
            code="answer_lost",
            message=f"{step.destination}.{step.operation.name}: {message}",
            mend="look in the CRM whether the record is there, then replay or discard",
            step=step.id,
            request=OutboundRequest.from_json(self.state.request).shown("Authorization")
            if self.state.request
            else None,
            fingerprint=fingerprint(DeadKind.UNANSWERED, self.rule.name, step.id),
        )

    def _refused(self, step: Step, refused: ParameterRefused) -> Death:
        return Death(
            kind=DeadKind.MAPPING,
            code="parameter",
            message=f"rule `{self.rule.name}`, step `{step.id}`, `with.{refused.name}`: {refused}",
            mend=refused.mend,
            step=step.id,
            fingerprint=fingerprint(DeadKind.MAPPING, self.rule.name, step.id, refused.name, str(refused)),
        )


def _result(
    *, id_: object = None, status: int | None = None, body: object = None, error: object = None, skipped: bool = False
) -> dict[str, object]:
    """What `steps.<id>` is in the rule's templates."""
    return {"id": id_, "status": status, "body": body, "error": error, "skipped": skipped}


def _found(verdict: Verdict, record_id: object) -> Verdict:
    return Verdict(Outcome.SUCCEEDED, verdict.status, "found_by_probe", "", id=record_id)


def _unreadable_probe(verdict: Verdict) -> Verdict:
    return Verdict(
        Outcome.RETRY_LATER, verdict.status, "unreadable_probe", "the look before the repeat gave no list to look in"
    )
