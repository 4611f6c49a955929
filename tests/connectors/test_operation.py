from pathlib import Path

import orjson
import pytest

from bridge.connectors.answer import Answer
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from tests.canaries import TEXT
from tests.connectors.builders import KEY, NOW_MS, OPERATIONS, call_of, json_answer, loaded, operation

HOUR = 3_600_000


@pytest.mark.parametrize(("connector", "name"), OPERATIONS)
def test_every_operation_renders_its_sample_to_the_same_bytes_each_time(connector: str, name: str) -> None:
    compiled = operation(connector, name)
    request = compiled.request.build(call_of(compiled))
    assert request == compiled.request.build(call_of(compiled))
    assert request.url.startswith("/") or request.url == ""  # a destination that is one address
    assert request.url.isascii()
    assert request.url.isprintable()
    assert all(value.isascii() and value.isprintable() for value in request.headers.values())
    if request.body:
        orjson.loads(request.body)


@pytest.mark.parametrize(("connector", "name"), OPERATIONS)
def test_only_operations_of_a_shipped_connector_with_a_key_send_it_as_a_header(connector: str, name: str) -> None:
    compiled = operation(connector, name)
    headers = compiled.request.build(call_of(compiled)).headers
    assert ("Idempotency-Key" in headers) == (compiled.operation.repeat == "key")


HOSTILE = 'a"b\\c\nd\r\ne/../?x=1&y=2#z%2f 🙏🏽'


def test_values_are_percent_encoded_in_paths_and_built_into_json() -> None:
    compiled = operation("hubspot", "contacts.create")
    call = call_of(compiled, {"email": HOSTILE, "properties": {"firstname": HOSTILE}})
    assert orjson.loads(compiled.request.build(call).body)["properties"] == {"firstname": HOSTILE, "email": HOSTILE}
    assert compiled.probe is not None
    probe = compiled.probe.request.build(call)
    segment = "a%22b%5Cc%0Ad%0D%0Ae%2F..%2F%3Fx%3D1%26y%3D2%23z%252f%20%F0%9F%99%8F%F0%9F%8F%BD"
    assert probe.url == f"/crm/objects/2026-03/contacts/{segment}?idProperty=email"


@pytest.mark.parametrize("value", ["..", "."])
def test_a_value_that_would_lead_to_another_resource_is_refused(value: str) -> None:
    compiled = operation("hubspot", "contacts.update")
    with pytest.raises(RenderError, match="leads elsewhere"):
        compiled.request.build(call_of(compiled, {"id": value, "properties": {}}))


def test_parameters_are_fitted_before_the_request_is_built() -> None:
    with pytest.raises(ParameterRefused, match=r"`comment\.html_body` is longer than the 65536 bytes"):
        operation("zendesk", "tickets.create").fit({"comment": {"html_body": "é" * 32_769}})


def test_the_key_of_ticket_creation_is_trusted_for_less_than_two_hours_and_then_probed() -> None:
    create = operation("zendesk", "tickets.create")
    assert [create.needs_probe(age_ms=age) for age in (0, 109 * 60_000, 2 * HOUR, 24 * HOUR)] == [
        False,
        False,
        True,
        True,
    ]


def test_a_comment_is_always_looked_for_and_an_upsert_never() -> None:
    assert operation("zendesk", "tickets.comment").needs_probe(age_ms=0)
    assert not operation("hubspot", "contacts.upsert").needs_probe(age_ms=24 * HOUR)


@pytest.mark.parametrize(
    "body", [{}, {"tickets": None}, {"tickets": {}}, {"tickets": "none"}, [], None, {"error": "x"}]
)
def test_a_probe_without_its_list_concludes_nothing(body: object) -> None:
    create = operation("zendesk", "tickets.create")
    assert create.probe is not None
    with pytest.raises(RenderError):
        create.probe.read(call_of(create), body)


def test_an_empty_list_means_that_the_call_did_not_arrive() -> None:
    create = operation("zendesk", "tickets.create")
    assert create.probe is not None
    assert not create.probe.read(call_of(create), {"tickets": []}).found


@pytest.mark.parametrize("body", [{}, {"message": 5}, {"message": "Contact exists"}, [], None])
def test_a_conflict_that_names_nothing_gives_no_id(body: object) -> None:
    create = operation("hubspot", "contacts.create")
    assert create.existing_id(call_of(create), json_answer(409, body)) is None
    assert create.existing_id(call_of(create), Answer(409, {}, b"<html>")) is None


def test_a_conflict_that_names_the_record_gives_its_id_and_the_operation_to_update_it() -> None:
    create = operation("hubspot", "contacts.create")
    answer = json_answer(409, {"message": f"{TEXT} Existing ID: 501"})
    assert create.existing_id(call_of(create), answer) == "501"
    assert create.update is not None
    assert create.update.name == "contacts.update"


def test_an_operation_without_conflict_reads_no_id_from_one() -> None:
    update = operation("hubspot", "contacts.update")
    assert update.update is None
    assert update.existing_id(call_of(update), json_answer(409, {"message": "Existing ID: 501"})) is None


def test_the_answer_to_a_probe_is_judged_like_any_other() -> None:
    comment = operation("zendesk", "tickets.comment")
    call = call_of(comment)
    found = {status: comment.classify_probe(call, Answer(status), now_ms=NOW_MS).outcome for status in (200, 404, 429)}
    assert {status: str(outcome) for status, outcome in found.items()} == {
        200: "unknown",
        404: "gone",
        429: "rate_limited",
    }


PEEPHOLE = """
    name: own
    title: Own
    doc: An API whose empty lists are 204
    operations:
      things.add:
        doc: Add a thing
        repeat: probe
        params: {fields: {type: mapping, doc: Fields}}
        request: {method: POST, path: /things, json: "{{ params.fields }}"}
        success: {id: body.id}
        probe:
          {request: {method: GET, path: /things}, items: body.data, match: item.id == 1, id: item.id, nothing: [204]}
        batch:
          max: 3
          request: {method: POST, path: /things/batch}
          items: things
          item: "{{ params.fields | merge({'trace': key}) }}"
          match: {place: "{{ index }}"}
          results: [{list: body, key: {place: place}, answer: {json: "{{ item }}"}}]
        sample: {params: {fields: {a: 1}}, status: 200, json: {id: 1}}
"""


def test_a_look_may_say_by_its_status_that_nothing_is_there(tmp_path: Path) -> None:
    connector = loaded(tmp_path, PEEPHOLE).connector
    assert connector is not None
    add = connector.operations["things.add"]
    answers = [Answer(204), Answer(204, {}, b"{}"), Answer(404), json_answer(200, {"data": []})]
    found = [str(add.classify_probe(call_of(add), answer, now_ms=NOW_MS).outcome) for answer in answers]
    assert found == ["gone", "unknown", "gone", "succeeded"]


def test_a_part_of_a_batch_may_be_a_template_and_its_answer_known_by_its_place(tmp_path: Path) -> None:
    connector = loaded(tmp_path, PEEPHOLE).connector
    assert connector is not None
    batch = connector.operations["things.add"].batch
    assert batch is not None
    calls = [call_of(connector.operations["things.add"], {"fields": {"a": n}}, f"key-{n}") for n in range(2)]
    sent = orjson.loads(batch.build(calls).body)
    assert sent == {"things": [{"a": 0, "trace": "key-0"}, {"a": 1, "trace": "key-1"}]}
    answers = batch.split(calls, json_answer(200, [{"id": 5}, {"id": 6}])).answers
    assert [answer.json for answer in answers if answer is not None] == [{"id": 5}, {"id": 6}]


def test_a_calls_scope_holds_what_connector_templates_may_name() -> None:
    assert call_of(operation("hubspot", "contacts.update")).scope().keys() == {"params", "settings", "key", "since"}
    assert call_of(operation("hubspot", "contacts.update")).scope()["key"] == KEY
