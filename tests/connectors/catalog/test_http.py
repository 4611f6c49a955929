import pytest

from bridge.connectors.answer import Answer
from bridge.model import Outcome
from bridge.sandbox import FaultKind, FaultSpec, Sandbox
from tests.connectors.builders import json_answer, judged, operation
from tests.connectors.catalog.conftest import Account

HTML = Answer(200, {"content-type": "text/html"}, b"<html>Sign in</html>")


@pytest.mark.parametrize("name", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize(
    ("answer", "record_id"),
    [
        (Answer(204), None),
        (Answer(200, {"content-type": "text/plain"}, b"OK"), None),
        (Answer(200, {"content-type": "application/xml"}, b"<order/>"), None),
        (json_answer(202, {"id": 7}), 7),
        (json_answer(201, {"id": "abc"}), "abc"),
        (json_answer(207, {"id": None}), None),
        (json_answer(200, {"id": {"nested": 1}}), None),
        (json_answer(200, [{"id": 7}]), None),
        (json_answer(200, {"order": {"id": 7}}), None),
    ],
)
def test_any_2xx_is_success_and_the_id_is_the_top_level_one_if_any(
    name: str, answer: Answer, record_id: object
) -> None:
    verdict = judged(operation("http", name), answer)
    assert verdict.succeeded
    assert verdict.id == record_id


@pytest.mark.parametrize("name", ["get", "post", "put", "patch", "delete"])
def test_a_web_page_is_no_success(name: str) -> None:
    assert judged(operation("http", name), HTML).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("name", ["put", "delete"])
@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_gone(name: str, status: int) -> None:
    assert judged(operation("http", name), json_answer(status, {"error": "not_found"})).outcome is Outcome.GONE


@pytest.mark.parametrize(
    ("body", "message"),
    [({"message": "m"}, "m"), ({"error": {"message": "m"}}, "m"), ({"error": "m"}, "m"), ({}, "the API answered 422")],
)
def test_the_usual_places_of_an_error_text_are_read(body: object, message: str) -> None:
    assert judged(operation("http", "post"), json_answer(422, body)).message.startswith(message)


async def test_the_same_post_twice_is_one_record(generic: Account, sandbox: Sandbox) -> None:
    params = {"path": "/orders", "json": {"name": "a"}}
    first, second = await generic("post", params), await generic("post", params)
    assert first.succeeded
    assert first.id == second.id
    assert (len(sandbox.generic.records), sandbox.generic.repeats) == (1, 1)


async def test_a_record_is_read_replaced_changed_and_removed(generic: Account, sandbox: Sandbox) -> None:
    path = {"path": "/orders/7"}
    assert (await generic("put", {**path, "json": {"name": "a"}}, "k1")).succeeded
    assert (await generic("patch", {**path, "form": {"name": "b c"}}, "k2")).succeeded
    assert (await generic("get", path)).body == {"name": "b c", "id": 1}
    assert (await generic("delete", path, "k3")).succeeded
    assert (await generic("get", path)).outcome is Outcome.GONE
    assert sandbox.generic.records == []


async def test_text_arrives_as_text(generic: Account, sandbox: Sandbox) -> None:
    assert (await generic("post", {"path": "/notes", "text": "é, 🙏🏽"})).succeeded
    assert sandbox.generic.records[0].body == "é, 🙏🏽"


async def test_encoded_paths_and_queries_arrive_whole(generic: Account, sandbox: Sandbox) -> None:
    await generic("get", {"path": "/orders/a%2Fb", "query": {"q": "x&y=é z", "n": [1, 2]}})
    entry = next(iter(sandbox.journal))
    assert entry.query == {"q": ["x&y=é z"], "n": ["1", "2"]}


@pytest.mark.parametrize("fault", [FaultKind.HTML_200, FaultKind.HALF_BODY, FaultKind.REDIRECT, FaultKind.RESET])
async def test_broken_answers_are_never_success(generic: Account, sandbox: Sandbox, fault: FaultKind) -> None:
    sandbox.faults.add(FaultSpec(fault=fault))
    assert not (await generic("post", {"path": "/orders", "json": {}})).succeeded
