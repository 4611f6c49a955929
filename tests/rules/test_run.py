"""The interpreter without trouble on the wire: order, skipping, catching, links, deaths."""

import pytest

from bridge.connectors.answer import Answer
from bridge.model import DeadKind, LinkWrite, Outcome
from bridge.rules.run import Died, Finished, GoOn, Phase, Run, RunState, Wait
from tests.canaries import CUSTOMER_NAME, PHONE, PHONE_E164, TEXT
from tests.rules.builders import SETTINGS, Driver, answer, rule, scope, sent_json

MESSAGE = """
    name: message
    key: "{{ fields.customer | person }}"
    recall: {user: "{{ fields.customer | person }}", ticket: "{{ fields.customer | person }}"}
    steps:
      - id: user
        if: not links.user
        use: zendesk.users.upsert
        with: {external_id: "w:{{ fields.customer | person }}", name: "{{ fields.name }}"}
        remember: {user: "{{ fields.customer | person }}"}
      - id: comment
        if: links.ticket
        use: zendesk.tickets.comment
        with: {id: "{{ links.ticket }}", author_id: "{{ links.user or steps.user.id }}", body: "{{ fields.text }}"}
        catch: [gone, rejected]
      - id: ticket
        if: not links.ticket or steps.comment.error
        use: zendesk.tickets.create
        with:
          requester_id: "{{ links.user or steps.user.id }}"
          comment: {author_id: "{{ links.user or steps.user.id }}", body: "{{ fields.text }}"}
        remember: {ticket: "{{ fields.customer | person }}"}
"""
RECALL = {"user": PHONE_E164, "ticket": PHONE_E164}
USER = answer(201, {"user": {"id": 9001}})
TICKET = answer(201, {"ticket": {"id": 77}})
GONE = answer(404, {"error": "RecordNotFound", "description": "Not found"})


def message(**links: object) -> Driver:
    return Driver(rule(MESSAGE), links=links, recall=RECALL)


def test_a_new_customer_gets_a_user_and_a_ticket_and_both_are_remembered() -> None:
    driver = message()
    user, reaction = driver.send(USER)
    assert reaction == GoOn(reaction.verdict, (LinkWrite("user", PHONE_E164, 9001),))  # type: ignore[arg-type]  # it is
    ticket, _ = driver.send(TICKET)
    assert [user.label, ticket.label] == ["zendesk.users.upsert", "zendesk.tickets.create"]
    assert sent_json(ticket)["ticket"]["comment"] == {"body": TEXT, "author_id": 9001}
    assert driver.action() == Finished()
    assert driver.written == {("user", PHONE_E164): 9001, ("ticket", PHONE_E164): 77}
    assert driver.state.results["comment"]["skipped"] is True
    assert driver.state.results["comment"]["id"] is None


def test_a_known_customer_costs_one_comment() -> None:
    driver = message(user=9001, ticket=77)
    comment, _ = driver.send(answer(200, {"ticket": {"id": 77}}))
    assert comment.request.url == "/api/v2/tickets/77"
    assert sent_json(comment)["ticket"]["comment"]["author_id"] == 9001
    assert driver.action() == Finished()


@pytest.mark.parametrize("refusal", [GONE, answer(422, {"error": "RecordInvalid", "description": "closed"})])
def test_a_caught_refusal_goes_on_with_the_next_step(refusal: Answer) -> None:
    driver = message(user=9001, ticket=77)
    _, reaction = driver.send(refusal)
    assert isinstance(reaction, GoOn)
    error = driver.state.results["comment"]["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"outcome", "status", "code", "message"}
    assert driver.send(TICKET)[0].label == "zendesk.tickets.create"
    assert driver.action() == Finished()
    assert driver.written == {("ticket", PHONE_E164): 77}


def test_asking_twice_gives_the_same_request() -> None:
    driver = message()
    assert driver.peek() == driver.peek()


def test_an_answer_to_nothing_and_a_sending_of_nothing_are_mistakes_of_the_caller() -> None:
    run = message().run()
    with pytest.raises(RuntimeError):
        run.take(USER, 0)
    with pytest.raises(RuntimeError):
        run.sending()


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            answer(422, {"description": "Phone: is invalid"}),
            DeadKind.REJECTED,
            "zendesk.users.upsert: Phone: is invalid",
        ),
        (GONE, DeadKind.REJECTED, "zendesk.users.upsert: Not found"),
        (Answer(302, {"location": "https://sso.example.com/"}), DeadKind.REDIRECTED, "redirect to sso.example.com"),
    ],
)
def test_a_refusal_that_nothing_catches_is_dead(reply: Answer, kind: DeadKind, words: str) -> None:
    _, reaction = message().send(reply)
    assert isinstance(reaction, Died)
    assert reaction.death.kind is kind
    assert words in reaction.death.message
    assert reaction.death.mend
    assert reaction.verdict is not None


def test_a_value_that_cannot_be_made_is_dead_without_being_quoted() -> None:
    driver = Driver(rule(MESSAGE), scope=scope(name=...), recall=RECALL)
    death = driver.died().death
    assert death.kind is DeadKind.MAPPING
    assert death.message == "rule `message`, step `user`, `with.name`: `fields.name` is missing"
    assert all(canary not in repr(death) for canary in (PHONE, TEXT))


def test_a_text_that_is_too_long_is_cut_with_a_mark_as_the_connector_says() -> None:
    driver = Driver(rule(MESSAGE), scope=scope(text="é" * 40_000), links={"user": 9001}, recall=RECALL)
    body = sent_json(driver.peek())["ticket"]["comment"]["body"]
    assert len(body.encode()) <= 65_536
    assert body.startswith("é" * 30_000)
    assert body[-1] != "é"


@pytest.mark.parametrize(
    ("fields", "message_"),
    [
        (
            {"text": None},
            "step `ticket`, `with.comment.body`: `comment.body` and `comment.html_body` are missing or empty",
        ),
        ({"text": 5}, "step `ticket`, `with.comment.body`: parameter `comment.body` is not text"),
    ],
)
def test_a_value_that_the_api_cannot_take_is_dead_before_anything_is_sent(
    fields: dict[str, object], message_: str
) -> None:
    driver = Driver(rule(MESSAGE), scope=scope(**fields), links={"user": 9001}, recall=RECALL)
    death = driver.died().death
    assert (death.kind, death.code) == (DeadKind.MAPPING, "parameter")
    assert message_ in death.message
    assert CUSTOMER_NAME not in repr(death)


def test_a_variable_that_fails_after_a_reload_names_itself() -> None:
    driver = Driver(rule("vars: {a: '{{ fields.nme }}'}"))
    assert driver.died().death.message == "rule `r`, `vars.a`: `fields.nme` is missing"


def test_a_path_parameter_is_encoded_and_named_when_it_fails() -> None:
    step = "steps: [{id: a, use: erp.get, with: {path: '/customers/{{ fields.customer }}/{{ fields.text }}'}}]"
    assert (
        Driver(rule(step), scope=scope(text="a/b?c#é")).peek().request.url == f"/customers/{PHONE}/a%2Fb%3Fc%23%C3%A9"
    )
    assert "`with.path`" in Driver(rule(step), scope=scope(text=...)).died().death.message


# --- remembering ---------------------------------------------------------------------------------------------

REMEMBER = "steps: [{id: a, use: erp.post, with: {path: /a}, remember: {order: KEY}}]"


@pytest.mark.parametrize("key", ["'{{ fields.nothing }}'", "'{{ fields.blank }}'", "'{{ fields.absent }}'"])
def test_a_key_that_cannot_be_made_is_found_before_the_call(key: str) -> None:
    driver = Driver(rule(REMEMBER.replace("KEY", key)), scope=scope(nothing=None, blank="  "))
    death = driver.died().death
    assert "step `a`, `remember.order`" in death.message


def test_a_key_from_the_answer_that_cannot_be_made_keeps_the_call_from_being_repeated() -> None:
    driver = Driver(rule(REMEMBER.replace("KEY", "'{{ steps.a.body.number }}'")))
    _, reaction = driver.send(answer(201, {"id": 5}))
    assert isinstance(reaction, Died)
    assert reaction.death.kind is DeadKind.MAPPING
    assert "the call itself succeeded and will not be repeated" in reaction.death.message
    assert driver.replay().action() == Finished()


def test_a_key_may_come_from_the_answer() -> None:
    driver = Driver(rule(REMEMBER.replace("KEY", "'{{ steps.a.body.number }}'")))
    driver.send(answer(201, {"id": 5, "number": "n-1"}))
    assert driver.written == {("order", "n-1"): 5}


def test_an_answer_without_an_id_leaves_the_link_as_it_is() -> None:
    driver = Driver(rule(REMEMBER.replace("KEY", "k")))
    assert isinstance(driver.send(Answer(204))[1], GoOn)
    assert driver.written == {}
    assert driver.action() == Finished()


@pytest.mark.parametrize("id_", [77, "77", "0012"])
def test_a_link_keeps_the_type_of_its_value(id_: object) -> None:
    driver = Driver(rule(REMEMBER.replace("KEY", "k")))
    driver.send(answer(201, {"id": id_}))
    assert driver.written == {("order", "k"): id_}


# --- a recalled link whose record is gone ---------------------------------------------------------------------

LINKED = """
    recall: {user: k, ticket: k}
    steps:
      - {id: before, use: erp.post, with: {path: /before}}
      - {id: user, if: not links.user, use: zendesk.users.upsert, with: {external_id: x}, remember: {user: k}}
      - {id: order, use: erp.post, with: {path: /orders, json: {user: "{{ links.user or steps.user.id }}"}}}
      - id: update
        use: zendesk.tickets.update
        with: {id: "{{ links.ticket }}", subject: "for {{ links.user or steps.user.id }}"}
        if: links.ticket
      - {id: last, use: erp.get, with: {path: "/users/{{ links.user or steps.user.id }}"}}
"""
LINKED_RECALL = {"user": "k", "ticket": "k"}
ORDER = answer(201, {"id": 1})


def linked(text: str = LINKED) -> Driver:
    return Driver(rule(text), links={"user": 9001, "ticket": 77}, recall=LINKED_RECALL)


def test_a_404_on_a_recalled_link_forgets_it_and_restarts_at_the_first_step_that_read_it() -> None:
    driver = linked()
    urls = [driver.send(ORDER)[0].request.url for _ in range(2)]
    driver.send(answer(200, {"ticket": {"id": 77}}))
    last, reaction = driver.send(answer(404, {}))
    assert isinstance(reaction, GoOn)
    assert reaction.links == (LinkWrite("user", "k", None),)
    again = [driver.send(USER)[0].label, driver.send(answer(200, {"ticket": {"id": 77}}))[0].label]
    assert again == ["zendesk.users.upsert", "zendesk.tickets.update"]
    assert driver.peek().request.url == "/users/9001"
    assert (urls, last.request.url) == (["/before", "/orders"], "/users/9001")
    driver.send(answer(200, {}))
    assert driver.action() == Finished()


def test_only_the_link_in_the_path_is_forgotten() -> None:
    driver = linked()
    driver.send(ORDER)
    driver.send(ORDER)
    _, reaction = driver.send(GONE)
    assert isinstance(reaction, GoOn)
    assert reaction.links == (LinkWrite("ticket", "k", None),)
    assert driver.peek().step.id == "last"


def test_the_rule_restarts_once_and_not_twice() -> None:
    driver = linked()
    driver.send(ORDER)
    driver.send(ORDER)
    driver.send(GONE)
    _, reaction = driver.send(answer(404, {}))
    assert isinstance(reaction, Died)
    assert reaction.death.kind is DeadKind.REJECTED


def test_a_404_that_no_link_is_behind_is_dead() -> None:
    driver = Driver(rule(LINKED), links={}, recall=LINKED_RECALL)
    driver.send(ORDER)
    _, reaction = driver.send(GONE)
    assert isinstance(reaction, Died)


def test_a_link_that_the_delivery_has_written_itself_is_not_forgotten() -> None:
    text = """
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
          - {id: note, use: erp.get, with: {path: "/t/{{ links.ticket or steps.ticket.id }}"}}
    """
    driver = Driver(rule(text), links={"ticket": 70}, recall={"ticket": "k"})
    driver.send(GONE)
    driver.send(TICKET)
    note, reaction = driver.send(answer(404, {}))
    assert note.request.url == "/t/70"
    assert reaction == GoOn(reaction.verdict, ())  # type: ignore[arg-type]  # it is
    assert driver.peek().request.url == "/t/77"
    assert driver.written == {("ticket", "k"): 77}


def test_catch_wins_over_forgetting() -> None:
    driver = message(user=9001, ticket=77)
    _, reaction = driver.send(GONE)
    assert isinstance(reaction, GoOn)
    assert reaction.links == ()


# --- outcomes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 401, 403, 500, 503, 423, 408])
def test_not_now_is_waited_for(status: int) -> None:
    _, reaction = message().send(answer(status))
    assert isinstance(reaction, Wait)


def test_a_forbidden_call_may_be_caught_but_an_expired_token_may_not() -> None:
    step = "steps: [{id: a, use: erp.post, with: {path: /a}, catch: [unauthorized]}]"
    assert isinstance(Driver(rule(step)).send(answer(403))[1], GoOn)
    assert isinstance(Driver(rule(step)).send(answer(401))[1], Wait)


def test_what_the_engine_catches_at_the_horizon_ends_the_step() -> None:
    driver = message(user=9001, ticket=77)
    run = driver.run()
    send = run.next(0)
    run.sending()
    reaction = run.take(answer(503), 0)
    assert isinstance(reaction, Wait)
    run.catch(send.step, reaction.verdict)  # type: ignore[union-attr]  # a Send
    assert run.state.request is None
    following = run.next(0)
    assert following.step.id == "ticket"  # type: ignore[union-attr]  # a Send


CREATE = """
    steps:
      - id: contact
        use: hubspot.contacts.create
        with: {email: asha@example.com, properties: {firstname: "{{ fields.name }}"}}
        remember: {contact: k}
"""


def test_a_conflict_that_names_the_record_becomes_an_update_of_it() -> None:
    driver = Driver(rule(CREATE))
    _, reaction = driver.send(answer(409, {"category": "CONFLICT", "message": "Exists. Existing ID: 501"}))
    assert isinstance(reaction, GoOn)
    update = driver.peek()
    assert (update.label, update.request.method) == ("hubspot.contacts.update (update)", "PATCH")
    assert update.request.url.endswith("/contacts/501")
    assert sent_json(update) == {"properties": {"firstname": CUSTOMER_NAME}}
    driver.send(answer(200, {"id": "501"}))
    assert driver.written == {("contact", "k"): "501"}
    assert driver.action() == Finished()


def test_a_lost_answer_to_that_update_repeats_the_same_bytes() -> None:
    driver = Driver(rule(CREATE))
    driver.send(answer(409, {"message": "Existing ID: 501"}))
    first = driver.crash_while_sending()
    assert driver.peek() == first


def test_a_conflict_that_names_nothing_is_dead() -> None:
    _, reaction = Driver(rule(CREATE)).send(answer(409, {"message": "Exists"}))
    assert isinstance(reaction, Died)
    assert reaction.verdict is not None
    assert reaction.verdict.outcome is Outcome.CONFLICT


def test_a_second_conflict_does_not_go_round_in_circles() -> None:
    driver = Driver(rule(CREATE))
    conflict = answer(409, {"message": "Existing ID: 501"})
    driver.send(conflict)
    assert isinstance(driver.send(conflict)[1], Died)


# --- the key ----------------------------------------------------------------------------------------------------


def test_the_key_is_that_of_event_rule_step_and_generation_and_of_nothing_else() -> None:
    text = "name: NAME\nsteps: [{id: a, use: erp.post, with: {path: /a}}, {id: b, use: erp.post, with: {path: /b}}]"

    def keys(name: str = "one", event: str = "evt_1", generation: int = 0, **fields: object) -> set[str]:
        found = rule(text.replace("NAME", name))
        run = Run(
            found,
            scope(**fields),
            links={},
            recall={},
            state=RunState(),
            settings=SETTINGS,
            event_id=event,
            generation=generation,
        )
        return {run.key(step) for step in found.steps}

    assert len(keys()) == 2
    assert keys() == keys(text="other bytes")
    assert keys().isdisjoint(keys(name="two") | keys(event="evt_2") | keys(generation=1))


def test_the_key_stays_over_retries() -> None:
    driver = Driver(rule(""))
    first, _ = driver.send(answer(429))
    second, _ = driver.send(answer(503))
    assert first.request.headers["Idempotency-Key"] == second.request.headers["Idempotency-Key"]
    assert first.phase is second.phase is Phase.CALL
