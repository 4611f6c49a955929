"""A run through every kind of repeat and batch, whatever is answered and wherever the process dies.

Nothing that may have had its effect is done again without a look or a key, no step and no item is left out, and it
always ends.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.connectors.answer import Answer, Trouble
from bridge.rules.actions import Died, Finished, GoOn, NotYet, Reaction, Send
from bridge.rules.run import Phase
from bridge.rules.state import is_done
from tests.rules.builders import LOST, REFUSED, Driver, answer, scope
from tests.rules.depot import Depot, Fate, depot_rule

RULE = depot_rule(
    """
    name: walk
    recall: {box: k}
    steps:
      - {id: put, for_each: body.boxes, use: depot.put, with: {name: "{{ item }}"}, remember: {box: k}}
      - {id: order, for_each: body.boxes, use: depot.order, with: {name: "{{ item }}"}}
      - {id: add, for_each: body.boxes, if: item != 'b', use: depot.add, with: {name: "{{ item }}"}}
      - {id: enroll, use: depot.enroll, with: {name: e}, catch: [gone]}
      - {id: last, use: depot.change, with: {id: "{{ steps.add.id }}", name: end}}
    """
)
BOXES = ["a", "b", "c"]
WAITS = st.sampled_from([0, 2_000, 50 * 60_000, 3 * 3_600_000])
CALM = st.sampled_from([0, 2, 3])
"""How many requests go well after one that did not: a repeat that should not have been made shows only then."""
HTML = Answer(200, {"content-type": "text/html"}, b"<html>")


class Wire(StrEnum):
    """What becomes of one request and its answer."""

    FINE = "answered"
    APPLIED_LOST = "arrived, the answer lost"
    APPLIED_HTML = "arrived, the answer a web page"
    APPLIED_500 = "arrived, the answer 500"
    CRASH_AFTER = "arrived, then we crash"
    CRASH_BEFORE = "we crash before it leaves"
    LOST = "never arrived"
    REFUSED = "no connection"
    UNAVAILABLE = "503"
    UNAUTHORIZED = "401"


INSTEAD = {
    Wire.APPLIED_LOST: LOST,
    Wire.APPLIED_HTML: HTML,
    Wire.APPLIED_500: answer(500),
    Wire.LOST: LOST,
    Wire.REFUSED: REFUSED,
    Wire.UNAVAILABLE: answer(503),
    Wire.UNAUTHORIZED: answer(401),
}
ARRIVES = {Wire.FINE, Wire.APPLIED_LOST, Wire.APPLIED_HTML, Wire.APPLIED_500, Wire.CRASH_AFTER}
CRASHES = {Wire.CRASH_AFTER, Wire.CRASH_BEFORE}


@dataclass
class Walk:
    """A delivery and the depot. Every turn is a new process that knows what was written, and no more."""

    depot: Depot = field(default_factory=Depot)
    driver: Driver = field(
        default_factory=lambda: Driver(RULE, scope=scope() | {"body": {"boxes": BOXES}}, recall={"box": "k"})
    )

    def turn(self, wire: Wire, fate: Fate, *, batched: bool, wait_ms: int = 0) -> Reaction | None:
        """One request and what becomes of it; None when there is none, or we crash over it."""
        self.driver.now_ms += wait_ms
        run = self.driver.run()
        send = run.next(self.driver.now_ms)
        self.driver.state = run.state
        if isinstance(send, Died):
            self.driver = self.driver.replay()
            return None
        if not isinstance(send, Send):
            return None
        together = batched and send.batch is not None
        if send.phase in {Phase.CALL, Phase.UPDATE}:
            self._check_repeat(send, together=together)
        run.sending(batched=together)
        real = self.depot.serve(send, fate, self.driver.now_ms, batched=together) if wire in ARRIVES else LOST
        if wire in CRASHES:
            return None
        reaction = self._take(run, send, INSTEAD.get(wire, real), together=together)
        if isinstance(reaction, Died):
            self.driver = self.driver.replay()
        return reaction

    def _check_repeat(self, send: Send, *, together: bool) -> None:
        """A call that may have worked is only repeated where that does no harm."""
        state = self.driver.state
        if not state.maybe_sent or state.probed:
            return
        by_key = send.operation.name == "order" and not together and not state.batched
        assert by_key or send.operation.operation.repeat == "upsert", send.label

    def _take(self, run: Any, send: Send, reply: Answer, *, together: bool) -> Reaction:
        """Hand the answer to the run as the engine does; of a batch, the part that speaks of this call."""
        if not together or send.batch is None or send.call is None:
            taken: Reaction = run.take(reply, self.driver.now_ms)
            return taken
        split = send.batch.split([send.call], reply)
        if split.handles is not None:
            accepted: NotYet = run.accepted(split.handles[0])
            return accepted
        mine = split.answers[0] or Answer(reply.status, reply.headers, reply.body, Trouble.CUT)
        judged: Reaction = run.take(mine, self.driver.now_ms)
        return judged

    def settle(self) -> None:
        """From now on everything works."""
        for _ in range(80):
            if isinstance(self.driver.action(), Finished):
                return
            self.turn(Wire.FINE, Fate.SERVED, batched=False)
        raise AssertionError("it does not end")

    def check_end(self) -> None:
        """Everything is there, once."""
        depot, results = self.depot, self.driver.state.results
        assert set(depot.made.values()) == {1}
        assert {name for operation, name in depot.made if operation == "order"} == set(BOXES)
        assert {("put", name) for name in BOXES} | {("change", "end")} <= depot.kept
        assert {name for operation, name in depot.made if operation == "add"} == {"a", "c"}
        assert depot.made["enroll", "e"] or ("change", "e") in depot.kept
        assert all(is_done(outcome) for outcome in results.values())
        items = results["add"]["items"]
        assert isinstance(items, list)
        assert [item["skipped"] for item in items] == [False, True, False]
        assert self.driver.state.items == {}


class WalkMachine(RuleBasedStateMachine):
    """Any answers, crashes, waits and replays in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = Walk()

    @initialize(skip=st.integers(0, 10), batched=st.booleans())
    def some_way_in(self, skip: int, *, batched: bool) -> None:
        for _ in range(skip):
            self.walk.turn(Wire.FINE, Fate.SERVED, batched=batched)

    @rule(wire=st.sampled_from(Wire), batched=st.booleans(), wait_ms=WAITS, calm=CALM)
    def a_request(self, wire: Wire, wait_ms: int, calm: int, *, batched: bool) -> None:
        self.walk.turn(wire, Fate.SERVED, batched=batched, wait_ms=wait_ms)
        self.all_is_well(calm)

    @rule(fate=st.sampled_from(Fate), wire=st.sampled_from([Wire.FINE, Wire.FINE, Wire.CRASH_AFTER]), calm=CALM)
    def a_batch_with_a_fate_of_its_own(self, fate: Fate, wire: Wire, calm: int) -> None:
        self.walk.turn(wire, fate, batched=True)
        self.all_is_well(calm)

    def all_is_well(self, turns: int) -> None:
        for _ in range(turns):
            self.walk.turn(Wire.FINE, Fate.SERVED, batched=False)
        if isinstance(self.walk.driver.action(), Finished):
            self.walk.check_end()
            self.walk = Walk()

    @precondition(lambda self: self.walk.driver.state.phase is Phase.POLL)
    @rule()
    def a_poll_too_early(self) -> None:
        driver = self.walk.driver
        reaction = driver.send(answer(200, {"state": "working"}))[1]
        assert isinstance(reaction, NotYet | GoOn)

    @rule(calm=CALM)
    def a_person_replays_it_in_the_middle(self, calm: int) -> None:
        self.walk.driver = self.walk.driver.replay()
        self.all_is_well(calm)

    @invariant()
    def nothing_is_made_twice(self) -> None:
        assert all(count == 1 for count in self.walk.depot.made.values()), self.walk.depot.made

    def teardown(self) -> None:
        self.walk.settle()
        self.walk.check_end()


TestWalks = WalkMachine.TestCase
TestWalks.settings = settings(max_examples=150, stateful_step_count=15, deadline=None)
