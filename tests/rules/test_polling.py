"""Calls that leave in a batch, and calls that an API only promises to carry out."""

from typing import Any

import pytest

from bridge.connectors.answer import Answer
from bridge.model import DeadKind, LinkWrite, Outcome
from bridge.rules.polling import FIRST_POLL_MS, LONGEST_POLL_MS, MAX_POLLS
from bridge.rules.run import Died, Finished, GoOn, NotYet, Phase, Wait
from tests.rules.builders import LOST, Driver, answer, rule
from tests.rules.depot import KEY_LASTS_MS, depot_rule

ORDER = "steps: [{id: s, use: depot.order, with: {name: a}}]"
PUT = "steps: [{id: s, use: depot.put, with: {name: a}, remember: {box: k}}]"
CHANGE = """
    recall: {box: k}
    steps:
      - {id: box, if: not links.box, use: depot.put, with: {name: a}, remember: {box: k}}
      - {id: s, use: depot.change, with: {id: "{{ links.box or steps.box.id }}", name: b}}
"""
HANDLE = {"job": "7", "index": 0}
WORKING = answer(200, {"state": "working"})
HTML = Answer(200, {"content-type": "text/html"}, b"<html>")


def told(driver: Driver, status: int, body: object) -> Answer:
    """The poll's answer when the work is done."""
    call = driver.run()._texts.call(driver.rule.steps[-1])
    return done(call.key, status, body)


def done(key: str, status: int, body: object) -> Answer:
    return answer(200, {"state": "done", "results": [{"key": key, "status": status, "body": body}]})


def accepted(text: str, **more: Any) -> Driver:
    driver = Driver(depot_rule(text), **more)
    driver.accept(HANDLE)
    return driver


def test_a_call_says_what_it_was_made_of_and_whether_it_may_share_a_request() -> None:
    send = Driver(depot_rule(ORDER)).peek()
    assert send.call is not None
    assert send.call.params == {"name": "a"}
    assert send.batch is send.operation.batch
    assert not send.alone
    single = Driver(rule("")).peek()
    assert single.call is not None
    assert single.batch is None


def test_a_call_that_cannot_be_batched_must_not_be_sent_in_one() -> None:
    run = Driver(rule("")).run()
    run.next(0)
    with pytest.raises(RuntimeError, match="on its own"):
        run.sending(batched=True)
    with pytest.raises(RuntimeError):
        Driver(rule("")).run().accepted(HANDLE)


def test_a_promise_is_polled_until_it_is_kept_and_judged_like_the_call_itself() -> None:
    driver = accepted(PUT)
    poll, reaction = driver.send(WORKING)
    assert (poll.label, poll.request.url, poll.call) == ("depot.put (poll)", "/progress/7", None)
    assert isinstance(reaction, NotYet)
    _, reaction = driver.send(told(driver, 200, {"id": 5}))
    assert isinstance(reaction, GoOn)
    assert reaction.verdict.succeeded
    assert reaction.links == (LinkWrite("box", "k", 5),)
    assert driver.action() == Finished()


def test_polls_come_further_and_further_apart_and_are_no_attempts() -> None:
    driver = accepted(PUT)
    waits = []
    for _ in range(7):
        _, reaction = driver.send(WORKING)
        assert isinstance(reaction, NotYet)
        assert reaction.verdict is None
        waits.append(reaction.wait_ms)
    assert waits == [FIRST_POLL_MS, 2_000, 4_000, 8_000, LONGEST_POLL_MS, LONGEST_POLL_MS, LONGEST_POLL_MS]
    run = Driver(depot_rule(PUT)).run()
    run.next(0)
    run.sending(batched=True)
    assert run.accepted(HANDLE) == NotYet(FIRST_POLL_MS)


@pytest.mark.parametrize("reply", [LOST, HTML, answer(429), answer(503), answer(401)])
def test_a_poll_without_an_answer_is_made_again(reply: Answer) -> None:
    driver = accepted(PUT)
    for _ in range(5):
        _, reaction = driver.send(reply)
        assert isinstance(reaction, Wait)
        assert driver.peek().phase is Phase.POLL


@pytest.mark.parametrize("reply", [answer(404, {}), answer(410, {}), answer(400, {})])
def test_a_forgotten_promise_puts_the_call_in_doubt(reply: Answer) -> None:
    upsert, order = accepted(PUT), accepted(ORDER)
    first = Driver(depot_rule(PUT)).peek()
    assert isinstance(upsert.send(reply)[1], GoOn)
    assert upsert.peek().request == first.request
    assert upsert.state.maybe_sent
    assert isinstance(order.send(reply)[1], GoOn)
    assert order.peek().phase is Phase.PROBE


def test_a_promise_that_is_forgotten_again_and_again_ends_as_unanswered() -> None:
    driver = accepted(PUT)
    reactions = []
    for _ in range(3):
        reactions.append(driver.send(answer(404, {}))[1])
        if isinstance(reactions[-1], GoOn):
            driver.accept(HANDLE)
    assert [type(each) for each in reactions] == [GoOn, GoOn, Died]
    last = reactions[-1]
    assert isinstance(last, Died)
    assert last.death.kind is DeadKind.UNANSWERED
    assert last.death.request is not None
    assert last.death.request["method"] == "PUT"


def test_a_promise_that_is_never_kept_is_not_waited_for_for_ever() -> None:
    driver = accepted(PUT)
    for _ in range(MAX_POLLS):
        assert isinstance(driver.send(WORKING)[1], NotYet)
    assert isinstance(driver.send(WORKING)[1], GoOn)
    assert driver.peek().phase is Phase.CALL


@pytest.mark.parametrize(
    ("status", "outcome"), [(429, Outcome.RATE_LIMITED), (503, Outcome.RETRY_LATER), (200, Outcome.UNKNOWN)]
)
def test_an_item_that_did_not_work_out_now_is_called_again(status: int, outcome: Outcome) -> None:
    driver = accepted(PUT)
    _, reaction = driver.send(told(driver, status, {}))
    assert isinstance(reaction, Wait)
    assert reaction.verdict.outcome is outcome
    assert driver.peek().phase is Phase.CALL


def test_an_item_that_is_refused_dies_with_the_request_it_would_have_been_alone() -> None:
    driver = accepted(ORDER)
    alone = Driver(depot_rule(ORDER)).peek()
    _, reaction = driver.send(told(driver, 422, {"error": "no"}))
    assert isinstance(reaction, Died)
    assert reaction.death.request == alone.request.shown("Authorization")
    assert reaction.death.message.startswith("depot.order: ")


def test_a_batch_that_the_answer_does_not_finish_is_a_lost_answer() -> None:
    driver = accepted(PUT)
    _, reaction = driver.send(done("somebody else", 200, {"id": 1}))
    assert isinstance(reaction, Wait)
    assert reaction.verdict.may_have_applied
    assert driver.peek().phase is Phase.CALL


# --- what a batch leaves out: the key -----------------------------------------------------------------------------


def test_a_keyed_call_that_left_in_a_batch_is_looked_for_because_it_carried_no_key() -> None:
    driver = Driver(depot_rule(ORDER))
    driver.crash_while_sending(batched=True)
    assert driver.peek().phase is Phase.PROBE
    driver.send(answer(200, {"orders": []}))
    again = driver.peek()
    assert again.phase is Phase.CALL
    assert again.batch is not None


def test_a_keyed_call_that_left_alone_is_repeated_alone_because_its_key_makes_it_safe() -> None:
    driver = Driver(depot_rule(ORDER))
    first = driver.crash_while_sending()
    again = driver.peek()
    assert again.request == first.request
    assert again.alone
    assert again.batch is None
    assert again.call is not None
    run = driver.run()
    run.next(driver.now_ms)
    with pytest.raises(RuntimeError):
        run.sending(batched=True)
    driver.now_ms += KEY_LASTS_MS
    assert driver.peek().phase is Phase.PROBE


def test_an_upsert_in_doubt_may_share_a_request_again() -> None:
    driver = Driver(depot_rule(PUT))
    driver.crash_while_sending()
    assert driver.peek().batch is not None


# --- outcomes of single items ---------------------------------------------------------------------------------------


def test_a_conflict_of_one_item_becomes_an_update_which_may_be_a_promise_too() -> None:
    driver = Driver(depot_rule("steps: [{id: s, use: depot.enroll, with: {name: a}}]"))
    _, reaction = driver.send(answer(409, {"existing": 9}), batched=True)
    assert isinstance(reaction, GoOn)
    update = driver.accept(HANDLE)
    assert (update.phase, update.operation.name) == (Phase.UPDATE, "change")
    assert driver.peek().label == "depot.change (poll)"
    driver.send(answer(404, {}))
    assert driver.peek().request == update.request
    driver.accept(HANDLE)
    assert update.call is not None
    driver.send(done(update.call.key, 200, {"id": 9}))
    assert driver.action() == Finished()
    assert driver.state.results["s"]["id"] == 9


def test_a_gone_item_of_a_batched_update_forgets_the_link_that_named_it() -> None:
    for promised in (False, True):
        driver = Driver(depot_rule(CHANGE), links={"box": 5}, recall={"box": "k"})
        if promised:
            driver.accept(HANDLE)
            _, reaction = driver.send(told(driver, 404, {}))
        else:
            _, reaction = driver.send(answer(404, {}), batched=True)
        assert isinstance(reaction, GoOn)
        assert reaction.links == (LinkWrite("box", "k", None),)
        assert driver.send(answer(200, {"id": 6}))[0].operation.name == "put"
        again = driver.peek()
        assert again.call is not None
        assert again.call.params["id"] == 6


def test_a_gone_record_of_an_update_is_not_blamed_on_a_link() -> None:
    text = "recall: {box: k}\nsteps: [{id: s, use: depot.enroll, with: {name: '{{ links.box }}'}}]"
    driver = Driver(depot_rule(text), links={"box": "5"}, recall={"box": "k"})
    driver.send(answer(409, {"existing": 9}))
    _, reaction = driver.send(answer(404, {}))
    assert isinstance(reaction, Died)


# --- replays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [PUT, ORDER])
def test_a_replay_still_asks_what_became_of_the_promise(text: str) -> None:
    driver = accepted(text)
    old = told(driver, 200, {"id": 5})
    again = driver.replay().replay()
    poll, reaction = again.send(old)
    assert (poll.phase, poll.request.url) == (Phase.POLL, "/progress/7")
    assert isinstance(reaction, GoOn)
    assert again.action() == Finished()


def test_a_replay_whose_promise_is_forgotten_looks_for_the_old_call_or_repeats_an_upsert() -> None:
    order, put = accepted(ORDER), accepted(PUT)
    old = order.run().key(order.rule.steps[0])
    again = order.replay()
    again.send(answer(404, {}))
    probe = again.peek()
    assert probe.phase is Phase.PROBE
    assert old in probe.request.url
    again = put.replay(depot_rule(PUT.replace("name: a", "name: b")))
    again.send(answer(404, {}))
    assert again.peek().request.url == "/boxes/b"
