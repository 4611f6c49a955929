"""The interpreter when answers are lost: the same bytes, a look before a repeat, a person where nothing is safe."""

import pytest

from bridge.connectors.answer import Answer, Trouble
from bridge.model import DeadKind, Outcome
from bridge.rules.run import Died, Finished, GoOn, Phase, Reaction, Wait
from tests.canaries import TEXT
from tests.rules.builders import LOST, NOW_MS, REFUSED, Driver, answer, rule, scope
from tests.rules.fake_api import TICKET, FakeZendesk

HTML = Answer(200, {"content-type": "text/html"}, b"<html>Sign in</html>")
DOUBTFUL = [LOST, HTML, answer(500), answer(503), answer(504), answer(408), answer(200, {}), answer(202, {"ok": True})]
MINUTE = 60_000

COMMENT = "steps: [{id: note, use: zendesk.tickets.comment, with: {id: 77, body: '{{ fields.text }}'}}]"
CREATE = "steps: [{id: ticket, use: zendesk.tickets.create, with: {comment: {body: '{{ fields.text }}'}}}]"
UPSERT = "steps: [{id: user, use: zendesk.users.upsert, with: {external_id: x, name: '{{ fields.text }}'}}]"
POST = "steps: [{id: order, use: erp.post, with: {path: /orders, json: {text: '{{ fields.text }}'}}}]"
RING = "steps: [{id: ring, use: bells.ring, with: {note: '{{ fields.text }}'}}]"
CONTACT = "steps: [{id: c, use: hubspot.contacts.create, with: {email: a@b.c, properties: {firstname: x}}}]"
NOT_THERE = answer(200, {"comments": [], "meta": {"has_more": False}})
DONE = answer(200, {"ticket": {"id": 77}})


def dead(reaction: Reaction) -> Died:
    assert isinstance(reaction, Died)
    return reaction


# --- the same bytes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", DOUBTFUL)
@pytest.mark.parametrize("text", [UPSERT, CREATE, POST])
def test_a_call_whose_effect_is_unknown_is_sent_again_byte_for_byte(text: str, lost: Answer) -> None:
    if text == POST and lost.status in {200, 202} and lost is not HTML:
        return  # the generic connector takes any 2xx
    driver = Driver(rule(text))
    first, reaction = driver.send(lost)
    assert isinstance(reaction, Wait)
    driver.rule = rule(text.replace("fields.text", "fields.name"))  # a reload in between
    assert driver.peek().request == first.request


@pytest.mark.parametrize("text", [UPSERT, CREATE, POST])
def test_a_crash_in_the_middle_is_a_lost_answer(text: str) -> None:
    driver = Driver(rule(text))
    first = driver.crash_while_sending()
    driver.rule = rule(text.replace("fields.text", "fields.name"))
    assert driver.peek().request == first.request


@pytest.mark.parametrize("refusal", [answer(429), answer(401), answer(423), answer(409, {}), REFUSED])
def test_a_call_that_surely_had_no_effect_is_rendered_anew(refusal: Answer) -> None:
    driver = Driver(rule(UPSERT))
    first, _ = driver.send(refusal)
    driver.rule = rule(UPSERT.replace("fields.text", "fields.name"))
    second = driver.peek()
    assert second.request != first.request
    assert driver.state.request is None


@pytest.mark.parametrize("refusal", [answer(429), answer(401), answer(423), REFUSED])
def test_a_refusal_after_a_lost_answer_keeps_the_doubt(refusal: Answer) -> None:
    driver = Driver(rule(CREATE))
    first, _ = driver.send(LOST)
    _, reaction = driver.send(refusal)
    assert isinstance(reaction, Wait)
    driver.rule = rule(CREATE.replace("fields.text", "fields.name"))
    assert driver.peek().request == first.request


@pytest.mark.parametrize("trouble", [Trouble.ADDRESS, Trouble.TLS])
def test_a_call_that_could_not_leave_after_a_lost_answer_dies_in_doubt(trouble: Trouble) -> None:
    driver = Driver(rule(CREATE))
    driver.send(LOST)
    dead(driver.send(Answer(None, trouble=trouble))[1])
    assert driver.replay().peek().phase is Phase.PROBE


# --- a look before a repeat ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", DOUBTFUL)
def test_a_comment_in_doubt_is_looked_for_and_not_written_twice(lost: Answer) -> None:
    api, driver = FakeZendesk(), Driver(rule(COMMENT))
    api.serve(driver.peek().request, NOW_MS)
    driver.send(lost)
    probe = driver.peek()
    assert (probe.phase, probe.request.method) == (Phase.PROBE, "GET")
    _, reaction = driver.send(api.serve(probe.request, NOW_MS))
    assert isinstance(reaction, GoOn)
    assert reaction.verdict.code == "found_by_probe"
    assert driver.action() == Finished()
    assert driver.state.results["note"]["id"] == TICKET
    assert api.writes["comment"] == 1


def test_a_comment_that_did_not_arrive_is_sent_again_with_the_same_bytes() -> None:
    driver = Driver(rule(COMMENT))
    first, _ = driver.send(LOST)
    driver.send(NOT_THERE)
    second, _ = driver.send(DONE)
    assert second.request == first.request
    assert driver.action() == Finished()


def test_every_further_doubt_is_looked_into_again() -> None:
    driver = Driver(rule(COMMENT))
    phases = [driver.send(reply)[0].phase for reply in (LOST, NOT_THERE, LOST, NOT_THERE, DONE)]
    assert phases == [Phase.CALL, Phase.PROBE, Phase.CALL, Phase.PROBE, Phase.CALL]


def test_a_look_survives_a_crash_at_each_of_its_pages() -> None:
    api, driver = FakeZendesk(), Driver(rule(COMMENT))
    api.serve(driver.crash_while_sending().request, NOW_MS)
    for _ in range(5):
        api.serve(Driver(rule(COMMENT), generation=9).peek().request, NOW_MS)
    urls = []
    while driver.state.step is not None:
        driver.crash_while_sending()
        send, _ = driver.send(api.serve(driver.peek().request, NOW_MS))
        urls.append(send.request.url)
    assert len(urls) == 3
    assert urls[1].startswith("https://acme.zendesk.com/")
    assert driver.action() == Finished()


def test_a_look_ends_after_ten_pages() -> None:
    following = "https://acme.zendesk.com/next"
    page = answer(200, {"comments": [], "meta": {"has_more": True}, "links": {"next": following}})
    driver = Driver(rule(COMMENT))
    driver.send(LOST)
    looks = 0
    while driver.peek().phase is Phase.PROBE:
        driver.send(page)
        looks += 1
    assert looks == 10


@pytest.mark.parametrize("reply", [LOST, HTML, answer(429), answer(503), answer(401), answer(200, {"comments": None})])
def test_a_look_that_gives_no_answer_is_made_again(reply: Answer) -> None:
    driver = Driver(rule(COMMENT))
    driver.send(LOST)
    for _ in range(5):
        _, reaction = driver.send(reply)
        assert isinstance(reaction, Wait)
        assert driver.peek().phase is Phase.PROBE


def test_a_look_at_a_record_that_is_gone_leads_to_the_call_which_says_so() -> None:
    driver = Driver(rule(COMMENT))
    driver.send(LOST)
    gone = answer(404, {"error": "RecordNotFound"})
    driver.send(gone)
    assert dead(driver.send(gone)[1]).death.kind is DeadKind.REJECTED


def test_a_refused_look_is_not_caught_as_if_it_were_the_call() -> None:
    driver = Driver(rule(COMMENT.replace("}}]", "}, catch: [rejected]}]")))
    driver.send(LOST)
    dead(driver.send(answer(400, {"error": "InvalidPaginationParameter"}))[1])
    assert driver.replay().peek().phase is Phase.PROBE


def test_the_key_is_trusted_as_long_as_zendesk_remembers_it_and_then_the_ticket_is_looked_for() -> None:
    api, driver = FakeZendesk(), Driver(rule(CREATE))
    api.serve(driver.crash_while_sending().request, NOW_MS)
    driver.now_ms += 109 * MINUTE
    assert driver.peek().phase is Phase.CALL
    driver.now_ms += 2 * MINUTE
    _, reaction = driver.send(api.serve(driver.peek().request, driver.now_ms))
    assert isinstance(reaction, GoOn)
    assert driver.state.results["ticket"]["id"] == 100
    assert driver.state.results["ticket"]["body"] == {"ticket": api.tickets[0]}
    assert api.writes["ticket"] == 1


def test_a_contact_found_by_the_look_is_updated_because_it_may_be_an_older_one() -> None:
    driver = Driver(rule(CONTACT))
    driver.send(LOST)
    assert driver.send(answer(200, {"id": "501"}))[0].phase is Phase.PROBE
    update, _ = driver.send(answer(200, {"id": "501"}))
    assert (update.phase, update.request.method) == (Phase.UPDATE, "PATCH")
    assert driver.action() == Finished()


def test_a_contact_that_is_not_found_is_created() -> None:
    driver = Driver(rule(CONTACT))
    first, _ = driver.send(LOST)
    driver.send(answer(404, {}))
    assert driver.peek().request == first.request


# --- where it ends ------------------------------------------------------------------------------------------------


def test_three_answers_that_cannot_be_read_are_enough() -> None:
    driver = Driver(rule(CREATE))
    reactions = [driver.send(HTML)[1] for _ in range(3)]
    assert [type(reaction) for reaction in reactions] == [Wait, Wait, Died]
    death = dead(reactions[-1]).death
    assert (death.kind, death.mend) == (
        DeadKind.UNANSWERED,
        "look in the CRM whether the record is there, then replay or discard",
    )
    assert "HTML page" in death.message


def test_three_unreadable_answers_may_be_caught() -> None:
    driver = Driver(rule(CREATE.replace("}}}]", "}}, catch: [unknown]}]")))
    assert [type(driver.send(HTML)[1]) for _ in range(3)] == [Wait, Wait, GoOn]
    assert driver.action() == Finished()


@pytest.mark.parametrize("lost", [LOST, HTML, answer(500), answer(503, None, **{"retry-after": "5"}), answer(200, {})])
def test_an_unsafe_call_whose_answer_is_lost_is_dead_at_once(lost: Answer) -> None:
    driver = Driver(rule(RING))
    death = dead(driver.send(lost)[1]).death
    assert death.kind is DeadKind.UNANSWERED
    assert "look in the CRM" in death.mend
    assert TEXT not in death.message


def test_an_unsafe_call_that_a_crash_cut_off_is_dead_and_shows_its_request() -> None:
    driver = Driver(rule(RING))
    driver.crash_while_sending()
    death = driver.died().death
    assert (death.kind, death.code, death.step) == (DeadKind.UNANSWERED, "answer_lost", "ring")
    assert death.message == "bells.ring: the call is not safe to repeat, and its answer was lost"
    assert death.request is not None


@pytest.mark.parametrize("refusal", [answer(429), REFUSED, answer(401), answer(423)])
def test_an_unsafe_call_that_surely_had_no_effect_is_made_again(refusal: Answer) -> None:
    driver = Driver(rule(RING))
    assert isinstance(driver.send(refusal)[1], Wait)
    assert isinstance(driver.send(answer(200, {"id": 1}))[1], GoOn)


def test_an_unsafe_call_in_doubt_may_be_caught() -> None:
    driver = Driver(rule(RING.replace("}}]", "}, catch: [unknown]}]")))
    assert isinstance(driver.send(HTML)[1], GoOn)


# --- a reload while an answer is outstanding ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edited",
    [
        COMMENT.replace("id: note", "id: renamed"),
        "steps: [{id: note, use: erp.post, with: {path: /notes}}]",
        "steps: [{id: other, use: erp.post, with: {path: /notes}}]",
    ],
)
def test_a_rule_that_does_not_make_the_lost_call_any_more_sends_a_person_to_look(edited: str) -> None:
    driver = Driver(rule(COMMENT))
    driver.crash_while_sending()
    driver.rule = rule(edited)
    death = driver.died().death
    assert (death.kind, death.step) == (DeadKind.UNANSWERED, "note")
    assert death.message.startswith("zendesk.tickets.comment: its answer was lost, and the rule was changed")
    assert death.request is not None


def test_a_step_put_in_front_waits_until_the_lost_call_is_cleared_up() -> None:
    driver = Driver(rule(COMMENT))
    driver.crash_while_sending()
    driver.rule = rule(COMMENT.replace("[{", "[{id: new, use: erp.post, with: {path: /new}}, {"))
    assert driver.peek().phase is Phase.PROBE
    driver.send(NOT_THERE)
    driver.send(DONE)
    assert driver.peek().step.id == "new"


def test_a_step_that_calls_something_else_now_begins_anew_when_nothing_is_in_doubt() -> None:
    driver = Driver(rule(COMMENT))
    driver.send(answer(429))
    driver.rule = rule("steps: [{id: note, use: erp.post, with: {path: /notes}}]")
    assert driver.peek().request.url == "/notes"


# --- replay -----------------------------------------------------------------------------------------------------------


def test_a_replay_of_a_doubtful_comment_looks_for_the_old_one_first() -> None:
    api, driver = FakeZendesk(), Driver(rule(COMMENT))
    api.serve(driver.peek().request, NOW_MS)
    driver.send(HTML)
    replayed = driver.replay(rule(COMMENT.replace("fields.text", "fields.name")))
    assert replayed.peek().phase is Phase.PROBE
    replayed.send(api.serve(replayed.peek().request, NOW_MS))
    assert replayed.action() == Finished()
    assert api.writes["comment"] == 1


def test_after_that_look_a_lost_answer_is_one_to_the_new_key() -> None:
    api, driver = FakeZendesk(), Driver(rule(COMMENT))
    driver.send(LOST)
    replayed = driver.replay()
    replayed.send(api.serve(replayed.peek().request, NOW_MS))
    api.serve(replayed.peek().request, NOW_MS)
    replayed.send(LOST)
    assert replayed.peek().phase is Phase.PROBE
    replayed.send(api.serve(replayed.peek().request, NOW_MS))
    assert replayed.action() == Finished()
    assert api.writes["comment"] == 1


def test_a_second_replay_still_looks_for_the_call_that_was_in_doubt_first() -> None:
    api, driver = FakeZendesk(), Driver(rule(COMMENT))
    api.serve(driver.peek().request, NOW_MS)
    driver.send(LOST)
    twice = driver.replay().replay()
    twice.send(api.serve(twice.peek().request, NOW_MS))
    assert twice.action() == Finished()
    assert api.writes["comment"] == 1


def test_a_replay_without_doubt_is_rendered_anew_with_a_new_key() -> None:
    driver = Driver(rule(CREATE))
    first, reaction = driver.send(answer(422, {"error": "RecordInvalid"}))
    dead(reaction)
    replayed = driver.replay(rule(CREATE.replace("fields.text", "fields.name"))).peek()
    assert replayed.phase is Phase.CALL
    assert replayed.request.body != first.request.body
    assert replayed.request.headers["Idempotency-Key"] != first.request.headers["Idempotency-Key"]


def test_a_replay_does_not_probe_where_a_repeat_is_harmless() -> None:
    driver = Driver(rule(UPSERT))
    driver.send(LOST)
    assert driver.replay().peek().phase is Phase.CALL


def test_a_replay_of_a_doubtful_update_starts_with_the_create_which_leads_there_again() -> None:
    driver = Driver(rule(CONTACT))
    driver.send(answer(409, {"message": "Existing ID: 501"}))
    driver.send(LOST)
    replayed = driver.replay()
    assert replayed.peek().phase is Phase.CALL


STAGES = """
    recall: {ticket: k}
    steps:
      - id: comment
        if: links.ticket
        use: zendesk.tickets.comment
        with: {id: "{{ links.ticket }}", body: x}
        catch: [gone]
      - id: ticket
        if: not links.ticket or steps.comment.error
        use: zendesk.tickets.create
        with: {comment: {body: x}}
        remember: {ticket: k}
      - id: link
        if: not links.ticket or steps.comment.error
        use: erp.post
        with: {path: "/links/{{ steps.ticket.id }}"}
"""


@pytest.mark.parametrize("before", [None, 70])
def test_a_replay_sees_the_links_of_the_first_time_and_repeats_nothing_that_is_done(before: int | None) -> None:
    driver = Driver(rule(STAGES), links={"ticket": before}, recall={"ticket": "k"})
    if before:
        driver.send(answer(404, {"error": "RecordNotFound"}))
    driver.send(answer(201, {"ticket": {"id": 77}}))
    dead(driver.send(answer(422, {}))[1])
    replayed = driver.replay(links={"ticket": 77})  # the link that this very delivery has written
    send, _ = replayed.send(answer(201, {"id": 1}))
    assert send.request.url == "/links/77"
    assert replayed.action() == Finished()


def test_a_replay_of_a_delivery_that_did_nothing_sees_the_links_of_today() -> None:
    driver = Driver(rule(STAGES), links={"ticket": None}, recall={"ticket": "k"})
    dead(driver.send(answer(422, {}))[1])
    assert driver.replay(links={"ticket": 90}).peek().request.url == "/api/v2/tickets/90"


def test_a_replay_decides_again_about_steps_after_the_last_done_one() -> None:
    text = "steps: [{id: a, if: false, use: erp.get, with: {path: /a}}, {id: b, use: erp.post, with: {path: /b}}]"
    driver = Driver(rule(text))
    dead(driver.send(answer(422, {}))[1])
    assert driver.replay(rule(text.replace("if: false", "if: true"))).peek().step.id == "a"


def test_an_unknown_outcome_is_in_the_closed_list() -> None:
    _, reaction = Driver(rule(CREATE), scope=scope()).send(HTML)
    assert isinstance(reaction, Wait)
    assert reaction.verdict.outcome is Outcome.UNKNOWN
