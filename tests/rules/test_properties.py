"""Whatever happens on the wire, and wherever the process dies: no step has its effect twice, none is forgotten."""

from dataclasses import dataclass, field
from enum import StrEnum

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.connectors.answer import Answer
from bridge.rules.run import Died, Finished, RunState, Send
from bridge.rules.state import is_done
from tests.rules.builders import LOST, REFUSED, Driver, answer, rule
from tests.rules.fake_api import FakeZendesk

RULE = rule(
    """
    name: message
    recall: {ticket: k}
    steps:
      - {id: user, use: zendesk.users.upsert, with: {external_id: "{{ fields.customer }}", name: x}}
      - id: note
        use: zendesk.tickets.comment
        with: {id: 77, author_id: "{{ steps.user.id }}", body: "{{ fields.text }}"}
      - {id: ticket, use: zendesk.tickets.create, with: {comment: {body: "{{ fields.text }}"}}, remember: {ticket: k}}
    """
)
HTML = Answer(200, {"content-type": "text/html"}, b"<html>")


class Luck(StrEnum):
    """What becomes of one request."""

    ANSWERED = "answered"
    APPLIED_LOST = "applied, the answer lost"
    APPLIED_HTML = "applied, the answer a web page"
    APPLIED_500 = "applied, the answer 500"
    CRASH_AFTER = "applied, then we crash"
    CRASH_BEFORE = "we crash before it leaves"
    LOST = "never arrived"
    REFUSED = "no connection"
    LIMITED = "429"
    UNAVAILABLE = "503"
    UNAUTHORIZED = "401"


APPLIED = {Luck.ANSWERED, Luck.APPLIED_LOST, Luck.APPLIED_HTML, Luck.APPLIED_500, Luck.CRASH_AFTER}
CRASHED = {Luck.CRASH_AFTER, Luck.CRASH_BEFORE}
ANSWERS = {
    Luck.APPLIED_LOST: LOST,
    Luck.APPLIED_HTML: HTML,
    Luck.APPLIED_500: answer(500),
    Luck.LOST: LOST,
    Luck.REFUSED: REFUSED,
    Luck.LIMITED: answer(429),
    Luck.UNAVAILABLE: answer(503),
    Luck.UNAUTHORIZED: answer(401),
}


@dataclass
class World:
    """A delivery, the API and the hand of fate."""

    api: FakeZendesk = field(default_factory=FakeZendesk)
    driver: Driver = field(default_factory=lambda: Driver(RULE, recall={"ticket": "k"}))

    def turn(self, luck: Luck, wait_ms: int) -> None:
        """One request and what becomes of it; a death is followed by a person's replay."""
        self.driver.now_ms += wait_ms
        action = self.driver.action()
        if isinstance(action, Died):
            self.driver = self.driver.replay()
            action = self.driver.action()
        if not isinstance(action, Send):
            return
        real = self.api.serve(action.request, self.driver.now_ms) if luck in APPLIED else None
        if luck in CRASHED:
            self.driver.crash_while_sending()
            return
        _, reaction = self.driver.send(ANSWERS.get(luck) or real or LOST)
        if isinstance(reaction, Died):
            self.driver = self.driver.replay()

    def settle(self) -> None:
        """From now on everything works."""
        for _ in range(60):
            if isinstance(self.driver.action(), Finished):
                return
            self.turn(Luck.ANSWERED, 0)
        raise AssertionError("it does not end")


WAITS = st.sampled_from([0, 2_000, 60_000, 50 * 60_000, 3 * 3_600_000])
FATE = st.lists(st.tuples(st.sampled_from(Luck), WAITS), max_size=14)


@settings(max_examples=250)
@given(FATE)
def test_no_step_has_its_effect_twice_and_none_is_left_out(fate: list[tuple[Luck, int]]) -> None:
    world = World()
    for luck, wait_ms in fate:
        world.turn(luck, wait_ms)
        assert all(count == 1 for count in world.api.writes.values()), fate
    world.settle()
    assert world.api.writes == {"comment": 1, "ticket": 1}
    assert len(world.api.users) == 1
    assert all(is_done(result) for result in world.driver.state.results.values())


@settings(max_examples=100)
@given(FATE)
def test_the_state_is_all_that_the_next_process_needs(fate: list[tuple[Luck, int]]) -> None:
    world = World()
    for luck, wait_ms in fate:
        world.turn(luck, wait_ms)
        before = RunState.from_json(world.driver.state.to_json())
        first = world.driver.action()
        world.driver.state = before
        second = world.driver.action()
        assert type(first) is type(second)
        if isinstance(first, Send) and isinstance(second, Send):
            assert first.request == second.request


OTHER_ANSWERS = st.builds(
    Answer,
    st.none() | st.integers(100, 599),
    st.sampled_from([{}, {"content-type": "application/json"}, {"retry-after": "-1"}]),
    st.sampled_from(
        [b"", b"{}", b"[]", b"null", b'{"ticket":{"id":7}}', b'{"user":{"id":7}}', b'{"comments":[{}]}', b"<html>"]
    ),
)


@settings(max_examples=150)
@given(st.lists(OTHER_ANSWERS, max_size=12))
def test_no_answer_at_all_breaks_the_interpreter(answers: list[Answer]) -> None:
    driver = Driver(RULE, recall={"ticket": "k"})
    for reply in answers:
        if not isinstance(driver.action(), Send):
            break
        _, reaction = driver.send(reply)
        if isinstance(reaction, Died):
            assert reaction.death.message
            assert reaction.death.mend
            break
