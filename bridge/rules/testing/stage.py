"""One rule test carried out: events come in, time passes, requests are held against what was expected."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.destination import Destination
from bridge.connectors.opened import open_request
from bridge.model import NewEvent, StoredEvent
from bridge.rules.actions import Send
from bridge.rules.match import pattern_regex
from bridge.rules.origins import origins
from bridge.rules.plan import plan
from bridge.rules.rule import Mode, Rule
from bridge.rules.state import Phase
from bridge.rules.testing.carry import Carrier
from bridge.rules.testing.case import Case, Exchange, Inbound, Turn
from bridge.rules.testing.compare import compare, same_call
from bridge.rules.testing.judging import missing_calls, traced, wrong_ends, wrong_links
from bridge.rules.testing.ledger import Ledger
from bridge.rules.testing.results import (
    Called,
    CaseResult,
    Failure,
    Happened,
    Mismatch,
    Unanswered,
    Unexpected,
    WrongWait,
)
from bridge.rules.testing.schema import EXPIRED, LOST, REFUSED, TIMEOUT, AnswerShape
from bridge.rules.testing.witness import Witness
from bridge.sources import Received, Refused, Source, rehearse

START_MS = 1_767_225_600_000
"""When a test begins unless it says otherwise: 2026-01-01T00:00:00Z."""
MAX_CALLS = 1_000


def event_id(number: int) -> str:
    """Our id of the events of a test, counted from 1; idempotency keys are made of it."""
    return f"evt_test_{number}"


_TROUBLES = {
    LOST: Answer(None, trouble=Trouble.NO_ANSWER, detail="connection reset"),
    TIMEOUT: Answer(None, trouble=Trouble.NO_ANSWER, detail="timed out"),
    REFUSED: Answer(None, trouble=Trouble.CONNECT, detail="connection refused"),
    EXPIRED: Answer(None, trouble=Trouble.FILE_GONE, detail="its host answered 403"),
}


@dataclass(frozen=True, slots=True)
class Bench:
    """What tests are carried out with: the parts of one configuration.

    `rules` are all of them by name, in the configuration's order; `idle` names those that are switched off, which run
    only in tests that name them.
    """

    rules: Mapping[str, Rule]
    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    idle: frozenset[str] = frozenset()

    def chosen(self, names: Sequence[str] | None) -> list[Rule]:
        """The rules that a test runs. `mode: shadow` is run as if it were live: that is what the test is for."""
        wanted = [name for name in self.rules if (name in names if names is not None else name not in self.idle)]
        return [replace(self.rules[name], mode=Mode.LIVE) for name in wanted]


def carry_out(case: Case, bench: Bench) -> CaseResult:
    """Carry out one case. Never raises for what a test says; that it is well formed was checked when it was read."""
    stage = _Stage(case, bench)
    for index, turn in enumerate(case.turns):
        stage.play(index, turn)
    return stage.ended()


class _Stage:
    """A test under way. It is the script that answers the carrier's requests."""

    def __init__(self, case: Case, bench: Bench) -> None:
        self._case = case
        self._bench = bench
        self._rules = bench.chosen(case.rules)
        self._by_name = {rule.name: rule for rule in self._rules}
        self._patterns = {rule.name: [pattern_regex(each) for each in rule.patterns] for rule in self._rules}
        links = {name: dict(known) for name, known in case.links.items()}
        self._ledger = Ledger(links)
        self._carrier = Carrier(self._ledger, bench.destinations, self)
        self._witness = Witness()
        self._now_ms = START_MS
        self._failures: list[Failure] = []
        self._turns = [Happened() for _ in case.turns]
        self._notes: dict[int, str] = {}
        self._identities: set[tuple[str, str]] = set()
        self._left: list[Exchange] = []
        self._turn = 0
        self._last: Called | None = None

    # --- time --------------------------------------------------------------------------------------------------

    def play(self, index: int, turn: Turn) -> None:
        """One turn: time passes, the event comes in, and what it leads to happens as far as it is expected."""
        self._turn, self._left = index, list(turn.exchanges)
        self._pass_until(self._beginning(index, turn))
        if turn.event is not None:
            self._receive(index, turn.event)
        self._work()
        while self._left and (next_ms := self._ledger.next_ms()) is not None:
            self._move_to(next_ms)
        if index == len(self._case.turns) - 1:
            while (ends_ms := self._ledger.window_ms) is not None:
                self._move_to(ends_ms)
        self._failures += missing_calls(self._left, self._ledger.entries, self._by_name)

    def _beginning(self, index: int, turn: Turn) -> int:
        if turn.at_ms is None:
            return self._now_ms + (turn.after_ms or 0)
        return turn.at_ms if index == 0 else max(self._now_ms, turn.at_ms)

    def _pass_until(self, moment_ms: int) -> None:
        while (next_ms := self._ledger.next_ms()) is not None and next_ms <= moment_ms:
            self._move_to(next_ms)
        self._now_ms = moment_ms

    def _move_to(self, moment_ms: int) -> None:
        self._now_ms = max(self._now_ms, moment_ms)
        self._work()

    def _work(self) -> None:
        while (entry := self._ledger.claim(self._now_ms)) is not None:
            rule = self._by_name[entry.plan.rule]
            self._carrier.carry(entry, rule, self._now_ms)
            self._witness.carried(rule, entry.run)

    # --- events ------------------------------------------------------------------------------------------------

    def _receive(self, index: int, inbound: Inbound) -> None:
        source = self._bench.sources[inbound.source]
        received = receive(source, inbound, now_ms=self._now_ms)
        if isinstance(received, Refused):
            self._notes[index] = f"refused: {received.message}"
            return
        fresh = [event for event in received.events if self._is_fresh(event)]
        if not fresh:
            self._notes[index] = "duplicate: an earlier event of this test has the same identity"
        for event in fresh:
            self._route(index, source, event)

    def _is_fresh(self, event: NewEvent) -> bool:
        identity = (event.source, event.event_id)
        if identity in self._identities:
            return False
        self._identities.add(identity)
        return True

    def _route(self, index: int, source: Source, event: NewEvent) -> None:
        seq = len(self._identities)
        stored: StoredEvent = event.stored(seq=seq, id_=event_id(seq))
        scope, name = source.scope(stored), f"{event.source}/{event.type}"
        for rule in self._rules:
            if any(pattern.fullmatch(name) for pattern in self._patterns[rule.name]):
                entry = self._ledger.place(plan(rule, scope), self._now_ms, turn=index, scope=scope, event_id=stored.id)
                self._witness.routed(rule, entry.plan)

    # --- the script ---------------------------------------------------------------------------------------------

    def answer(self, rule: Rule, send: Send) -> Answer | None:
        """Hold a request against the next exchange, and give its answer."""
        number = sum(len(turn.calls) for turn in self._turns) + 1
        request = open_request(send.request)
        exchange = self._next_exchange(send)
        given = exchange.answer if exchange is not None else None
        reply = _answer(given) if given is not None else _sample(send)
        sampled = given is None
        shown = reply if reply is not None else Answer(None)
        call = Called(number, rule.name, send.step.id, send.label, send.phase, request, shown, exchange, sampled)
        self._turns[self._turn].calls.append(call)
        self._witness.called(rule, send.step)
        self._last = call
        step_path = ("steps", rule.steps.index(send.step))
        if exchange is None:
            self._failures.append(Unexpected(call, step_path))
        elif reply is None:
            self._failures.append(Unanswered(call, exchange))
        elif found := compare(exchange.expect, request):
            places = origins(rule, send)
            self._failures.append(Mismatch(call, exchange, traced(found, places, step_path)))
        return reply if number < MAX_CALLS else None

    def waits(self, wait_ms: int) -> None:
        """The delivery waits after the answer given last."""
        calls = self._turns[self._turn].calls
        if calls:
            calls[-1] = replace(calls[-1], waited_ms=wait_ms)

    def _next_exchange(self, send: Send) -> Exchange | None:
        """The exchange that the request is held against: the next one, or a later one that is plainly meant.

        Those before it never come. A request that resembles none was not expected, and leaves them where they are.
        """
        request = open_request(send.request)
        for index, exchange in enumerate(self._left):
            if same_call(exchange.expect, request):
                self._failures += missing_calls(self._left[:index], self._ledger.entries, self._by_name)
                del self._left[: index + 1]
                return exchange
        if self._left and _resembles(self._left[0], request.method, request.path):
            return self._left.pop(0)
        return None

    # --- the end ------------------------------------------------------------------------------------------------

    def ended(self) -> CaseResult:
        """The result, with the outcomes as they are now."""
        for index, turn in enumerate(self._case.turns):
            entries = [entry for entry in self._ledger.entries if entry.turn == index]
            ended, failures = wrong_ends(turn, entries, self._notes.get(index, ""), self._by_name)
            self._turns[index].ended = ended
            self._failures += failures
        self._failures += self._wrong_waits()
        self._failures += wrong_links(self._case, self._ledger.links)
        return CaseResult(self._case, tuple(self._failures), self._turns, self._ledger.links, self._witness.seen())

    def _wrong_waits(self) -> list[Failure]:
        return [
            WrongWait(call, call.exchange, call.exchange.waits_ms, call.waited_ms)
            for turn in self._turns
            for call in turn.calls
            if call.exchange is not None
            and call.exchange.waits_ms is not None
            and call.exchange.waits_ms != call.waited_ms
        ]


def receive(source: Source, inbound: Inbound, *, now_ms: int) -> Received | Refused:
    """What the source makes of a request that its sender has signed."""
    signatures = {name.lower() for name in source.signature_headers}
    given = [(name, value) for name, value in inbound.headers if name.lower() not in signatures]
    body = inbound.body
    if not any(name.lower() == "content-type" for name, _ in given):
        content_type, body = source.dressed(body)
        given.append(("Content-Type", content_type))
    return rehearse(source, body, headers=dict(given), query=inbound.query, now_ms=now_ms)


def _answer(given: AnswerShape | str) -> Answer:
    if isinstance(given, str):
        return _TROUBLES[given]
    body, type_ = b"", ""
    if given.text is not None:
        body, type_ = given.text.encode(), "text/plain"
    elif "json_" in given.model_fields_set:
        body, type_ = json.dumps(given.json_, ensure_ascii=False, separators=(",", ":")).encode(), "application/json"
    headers = {"content-type": type_} if type_ else {}
    return Answer(given.status, headers | {name.lower(): value for name, value in given.headers.items()}, body)


def _sample(send: Send) -> Answer | None:
    """The operation's own sample answer. A look before a repeat has none: the test must say what it finds."""
    if send.phase is Phase.PROBE:
        return None
    return send.operation.sample_answer()


def _resembles(exchange: Exchange, method: str, path: str) -> bool:
    """Whether a request is so like the expected one that showing their differences helps more than two complaints."""
    expect = exchange.expect
    if expect.method is not None and expect.method.upper() != method:
        return expect.path in {None, path}
    return expect.path is None or expect.path.count("/") == path.count("/")


__all__ = ["START_MS", "Bench", "carry_out", "event_id", "receive"]
