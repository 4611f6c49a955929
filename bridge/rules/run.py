"""The step interpreter: it says what to send next and is told what came back. Pure; somebody else sends.

The engine, `explain` and the rule tests all drive this one:

    run = Run(rule, scope, links, state, ...)
    while isinstance(action := run.next(now_ms), Send):
        run.sending()
        ... write run.state, then send action.request ...
        reaction = run.take(answer, now_ms)      # or run.accepted(handle): the API works on it, and is asked later

Its whole memory is `run.state`, a JSON object: written at each step boundary and before each request, it lets
another process go on exactly here. A request whose effect is not known is kept in it byte for byte.
"""

from collections.abc import Mapping
from dataclasses import replace

from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.operation import CompiledOperation, ProbeResult
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.model import DeadKind, Death, LinkWrite, Outcome
from bridge.rules.actions import Action, Died, Finished, GoOn, NotYet, Reaction, Send, Wait
from bridge.rules.deaths import answer_death, link_death, lost_death, mapping_death, parameter_death
from bridge.rules.polling import FIRST_POLL_MS, Told, listen
from bridge.rules.rendering import Rendering
from bridge.rules.rule import Rule, Step
from bridge.rules.state import Phase, RunState, result

__all__ = ["Action", "Died", "Finished", "GoOn", "NotYet", "Phase", "Reaction", "Run", "RunState", "Send", "Wait"]

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
        self._recall = recall
        self._texts = Rendering(rule, scope, dict(links), recall, state, settings, event_id, generation)
        self._last: Send | None = None
        self._in_doubt = False

    # --- what comes next ---------------------------------------------------------------------------------

    def next(self, now_ms: int) -> Action:
        """The next thing to do. Asking twice without an answer in between gives the same request."""
        lost = self._edited_away()
        if lost is not None:
            return Died(lost)
        for step in self._steps_left():
            action = self._next_of(step, now_ms)
            if action is not None:
                return action
        return Finished()

    def _edited_away(self) -> Death | None:
        """A call may have arrived, and since a reload the rule does not make it any more: a person must look."""
        state = self.state
        if not state.maybe_sent or state.step is None or any(state.is_at(step) for step in self.rule.steps):
            return None
        return self._lost(state.step, "its answer was lost, and the rule was changed before the call could be repeated")

    def _lost(self, step_id: str, message: str) -> Death:
        request = OutboundRequest.from_json(self.state.request) if self.state.request else None
        return lost_death(self.rule.name, step_id, self.state.label or step_id, message, request)

    def _steps_left(self) -> list[Step]:
        """In the rule's order; but a call that may have arrived goes first, wherever a reload has put its step."""
        left = [step for step in self.rule.steps if step.id not in self.state.results]
        if self.state.maybe_sent:
            left.sort(key=lambda step: step.id != self.state.step)
        return left

    def _next_of(self, step: Step, now_ms: int) -> Send | Died | None:
        """The step's next call; None when it has no further one, and its result is in the state."""
        where = "for_each"
        try:
            while step.id not in self.state.results:
                where = "for_each"
                if step.each is not None and self.state.index(step.id) >= len(self._texts.items(step)):
                    if self.state.is_at(step) and self.state.maybe_sent:
                        return Died(self._lost(step.id, "its answer was lost, and the list of the step is shorter now"))
                    self.state.end_items(step)
                    break
                where = "if"
                if self.state.is_at(step) or self._texts.is_wanted(step):
                    if not self.state.is_at(step):
                        self.state.begin(step, now_ms)
                    where = "remember"
                    if not self.state.maybe_sent:
                        self._texts.check_links(step)
                    where = "with"
                    return self._send(step, now_ms)
                self._end(step, result(skipped=True))
        except RenderError as error:
            return Died(mapping_death(self.rule.name, step.id, error, where, item=self._item(step)))
        except ParameterRefused as refused:
            return Died(parameter_death(self.rule.name, step.id, refused, item=self._item(step)))
        return None

    def _item(self, step: Step) -> int | None:
        """The position of the item in hand, for messages."""
        return None if step.each is None else self.state.index(step.id)

    def _end(self, step: Step, outcome: dict[str, object]) -> None:
        if step.each is not None:
            self.state.end_item(step, outcome)
            return
        self.state.results[step.id] = outcome
        self.state.items.pop(step.id, None)
        if self.state.is_at(step):
            self.state.leave()

    def _send(self, step: Step, now_ms: int) -> Send | Died:
        state, operation = self.state, self._texts.operation(step)
        if state.maybe_sent and not operation.is_repeatable:
            return Died(self._lost(step.id, "the call is not safe to repeat, and its answer was lost"))
        if state.phase is Phase.CALL and self._must_probe(operation, now_ms):
            state.phase = Phase.PROBE
        if state.phase is Phase.PROBE:
            self._last = Send(step, operation, state.phase, self._probe_request(operation, step))
        elif state.phase is Phase.POLL:
            self._last = Send(step, operation, state.phase, self._poll_request(operation, step))
        else:
            self._last = self._call(step, operation)
        return self._last

    def _call(self, step: Step, operation: CompiledOperation) -> Send:
        state = self.state
        if state.request is None:
            call = self._texts.call(step, anew=True)
            request = operation.request.build(call)
        else:
            call, request = self._texts.call(step), OutboundRequest.from_json(state.request)
        in_doubt = state.maybe_sent and not state.probed
        return Send(step, operation, state.phase, request, call, alone=in_doubt and operation.operation.repeat == "key")

    def _must_probe(self, operation: CompiledOperation, now_ms: int) -> bool:
        state = self.state
        if not state.maybe_sent or state.probed:
            return False
        if state.doubted_key is not None:
            return operation.probe is not None
        if state.batched and operation.operation.repeat == "key" and operation.probe is not None:
            return True  # what left in a batch carried no key
        return operation.needs_probe(age_ms=now_ms - state.since_ms)

    def _probe_request(self, operation: CompiledOperation, step: Step) -> OutboundRequest:
        if operation.probe is None:
            raise TypeError("only an operation with a probe is probed")
        request = operation.probe.request.build(self._texts.call(step))
        return OutboundRequest("GET", self.state.page, request.headers) if self.state.page else request

    def _poll_request(self, operation: CompiledOperation, step: Step) -> OutboundRequest:
        if operation.batch is None or self.state.handle is None:
            raise TypeError("only an operation that answers with a handle is polled")
        self._texts.call(step)  # its answer is read with the call: what cannot be rendered is told before asking
        return operation.batch.poll(self.state.handle)

    def key(self, step: Step) -> str:
        """The idempotency key: of the event, the rule, the step, the item and the replay, never of the bytes."""
        return self._texts.key(step)

    # --- before and after the wire -----------------------------------------------------------------------------

    def sending(self, *, batched: bool = False) -> None:
        """The request of the last `Send` is about to leave: keep it, it may arrive whatever happens next.

        Args:
            batched: its call leaves together with others, in the operation's batch form.
        """
        last = self._last
        if last is None:
            raise RuntimeError("nothing was asked to be sent")
        if batched and last.batch is None:
            raise RuntimeError("this request must leave on its own")
        self._in_doubt = self.state.maybe_sent and not self.state.probed
        if last.phase in {Phase.CALL, Phase.UPDATE}:
            self.state.request = last.request.to_json()
            self.state.maybe_sent, self.state.batched = True, batched
            self.state.probed, self.state.doubted_key = False, None

    def stayed(self) -> None:
        """The request that `sending` spoke of did not leave after all, or surely had no effect."""
        self._last = None
        if not self._in_doubt:
            self.state.is_certain()

    def accepted(self, handle: Mapping[str, object]) -> NotYet:
        """The API has taken the call of the last `Send` on and works on it; `handle` (JSON) is what to ask with."""
        last, self._last = self._last, None
        if last is None or last.call is None or last.operation.batch is None:
            raise RuntimeError("only a call that left in a batch can be taken on for later")
        self.state.accepted(handle)
        return NotYet(FIRST_POLL_MS)

    def take(self, answer: Answer, now_ms: int) -> Reaction:
        """Take in the answer to the last `Send`."""
        last, self._last = self._last, None
        if last is None:
            raise RuntimeError("an answer to nothing")
        call = self._texts.call(last.step)
        if last.phase is Phase.PROBE:
            return self._probe_answer(last, call, answer, now_ms)
        if last.phase is Phase.POLL:
            return self._poll_answer(last, call, answer, now_ms)
        return self._judge(last, call, answer, now_ms)

    def _judge(self, last: Send, call: Call, answer: Answer, now_ms: int) -> Reaction:
        """What the answer means that the call itself has got."""
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

    def _poll_answer(self, last: Send, call: Call, answer: Answer, now_ms: int) -> Reaction:
        if last.operation.batch is None or self.state.handle is None:
            raise TypeError("only an operation that answers with a handle is polled")
        heard = listen(last.operation, call, self.state.handle, answer, polls=self.state.polls, now_ms=now_ms)
        if isinstance(heard, NotYet):
            self.state.polls += 1
            return heard
        if isinstance(heard, Wait):
            return heard
        self.state.polled()
        request = OutboundRequest.from_json(self.state.request) if self.state.request else last.request
        asked = replace(last, phase=self.state.phase, request=request)
        if isinstance(heard, Told):
            return self._judge(asked, call, heard.answer, now_ms)
        self.state.unknowns += 1
        if self.state.unknowns < MAX_UNKNOWN:
            return GoOn(heard.verdict)
        return self._give_up(asked, heard.verdict, answer, DeadKind.UNANSWERED)

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
        outcome = result(id_=verdict.id, status=verdict.status, body=verdict.body)
        item, index = self._item(step), self.state.index(step.id)
        self._end(step, outcome)
        if verdict.id is None:  # the generic connector's answers need none; a link that is there stays as it is
            return GoOn(verdict)
        try:
            keys = self._texts.link_keys(step, outcome, index)
        except RenderError as error:
            return Died(link_death(self.rule.name, step, error, item=item), verdict)
        known = self._texts.known_links()
        for name, key in keys.items():
            if self._recall.get(name) == key:
                self.state.before.setdefault(name, known.get(name))
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
            gone = self._gone_links(last)
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
        self._end(step, result(status=verdict.status, body=verdict.body, error=error))

    def _gone_links(self, last: Send) -> list[str]:
        """The recalled links that a 404 of this step may be about; that of an update is about the record found."""
        if last.phase is Phase.UPDATE:
            return []
        known = self._texts.known_links()
        return [name for name in sorted(last.step.sends_links) if name in self._recall and known.get(name)]

    def _restart(self, recalled: list[str], verdict: Verdict) -> GoOn:
        """Forget the links whose record is gone, and go back to the first step that read one of them.

        Steps from there on run again, except a create or a comment that has succeeded: it would be there twice.
        """
        self.state.restarted = True
        self.state.dropped += recalled
        first = next(index for index, step in enumerate(self.rule.steps) if step.reads_links & set(recalled))
        for step in self.rule.steps[first:]:
            self.state.reopen(step.id, again=step.operation.operation.repeat == "upsert")
        self.state.leave()
        self._texts.links_changed()
        # a link that this delivery has written since leads to the new record, and stays
        stale = [name for name in recalled if name not in self.state.before]
        return GoOn(verdict, tuple(LinkWrite(name, self._recall[name], None) for name in stale))

    def death(self, last: Send, verdict: Verdict, answer: Answer, kind: DeadKind | None = None) -> Death:
        """The dead letter for a refusal, or, with `kind`, for the end of patience."""
        return answer_death(self.rule.name, last, verdict, answer, kind)


def _found(verdict: Verdict, record_id: object, body: object) -> Verdict:
    return Verdict(Outcome.SUCCEEDED, verdict.status, "found_by_probe", "", id=record_id, body=body)


def _unreadable_probe(verdict: Verdict) -> Verdict:
    return Verdict(
        Outcome.RETRY_LATER, verdict.status, "unreadable_probe", "the look before the repeat gave no list to look in"
    )
