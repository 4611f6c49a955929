"""Calls put into one request, and its answer taken apart again: never a word more than the answer says."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.batching import CompiledBatch, Split
from bridge.connectors.call import Call
from bridge.connectors.operation import CompiledOperation
from bridge.expressions import RenderError
from bridge.model import Outcome
from tests.canaries import TEXT
from tests.connectors.builders import NOW_MS, SINCE, json_answer, loaded

OWN = """
    name: own
    title: Own
    doc: An API that takes things singly and in batches
    operations:
      things.put:
        doc: Put a thing
        repeat: upsert
        params:
          id: {type: text, doc: Id, required: true}
          shelf: {type: text, doc: Shelf}
          label: {type: text, doc: Label}
        request: {method: PUT, path: "/things/{{ params.id }}", json: {label: "{{ params.label }}"}}
        success: {status: [200, 404], id: body.id}
        batch:
          max: 3
          together: "{{ params.shelf | default('') }}"
          unique: "{{ params.id | lower }}"
          request: {method: POST, path: /things/batch, query: {dry: false}, json: {mode: upsert}}
          items: things
          item: {id: "{{ params.id }}", label: "{{ params.label | default(omit) }}", trace: "{{ key }}"}
          status: [200, 207]
          match: {trace: "{{ key }}", id: "{{ params.id }}"}
          results:
            - {list: body.done, key: {trace: item.trace, id: item.id}, answer: {status: 200, json: "{{ item }}"}}
            - list: body.failed
              when: item.status is defined
              key: {trace: item.trace, id: item.ids}
              answer: {status: "{{ item.status }}", json: {words: "{{ item.words }}"}}
        sample: {params: {id: a, label: b}, status: 200, json: {id: a}}
      things.order:
        doc: Order a thing, which takes time
        repeat: upsert
        params: {id: {type: integer, doc: Id, required: true}, house: {type: text, doc: House}}
        request: {method: POST, path: /orders, json: {id: "{{ params.id }}"}}
        success: {id: body.order}
        batch:
          max: 100
          request: {method: POST, path: "/houses/{{ params.house | default('main') }}/orders"}
          items: orders
          item: {id: "{{ params.id }}"}
          match: {place: "{{ index }}"}
          results:
            - list: body.orders
              when: item.order is defined
              key: {place: item.place}
              answer: {status: 200, json: "{{ item }}"}
          job:
            id: body.batch
            poll: {method: GET, path: "/batches/{{ job }}"}
            done: body.state == 'done'
            failed: body.state == 'failed'
            failure: {status: 503, json: {words: "{{ body.why }}"}}
        sample: {params: {id: 1}, status: 200, json: {order: 1}}
"""


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompiledOperation]:
    found = loaded(tmp_path_factory.mktemp("connector"), OWN)
    assert found.connector is not None, found.findings
    return dict(found.connector.operations)


@pytest.fixture
def put(operations: dict[str, CompiledOperation]) -> CompiledBatch:
    return form(operations["things.put"])


@pytest.fixture
def order(operations: dict[str, CompiledOperation]) -> CompiledBatch:
    return form(operations["things.order"])


def form(operation: CompiledOperation) -> CompiledBatch:
    assert operation.batch is not None
    return operation.batch


def call(key: str, **params: Any) -> Call:
    return Call({"id": key, **params}, {}, f"key-{key}", SINCE)


ABC = (call("a"), call("b"), call("c"))


def told(split: Split) -> list[object]:
    """Each call's answer as (status, body), None where there is none."""
    return [answer and (answer.status, answer.json) for answer in split.answers]


def test_one_request_holds_an_item_for_each_call_and_what_the_request_says_besides(put: CompiledBatch) -> None:
    request = put.build([call("a", label="x"), call("b")])
    assert (request.method, request.url) == ("POST", "/things/batch?dry=false")
    assert request.headers["Content-Type"] == "application/json"
    things = [{"id": "a", "label": "x", "trace": "key-a"}, {"id": "b", "trace": "key-b"}]
    assert orjson.loads(request.body) == {"mode": "upsert", "things": things}


def test_a_batch_may_be_larger_than_any_single_value(put: CompiledBatch) -> None:
    request = put.build([call(str(number), label="x" * 200_000) for number in range(3)])
    assert len(request.body) > 600_000


def test_calls_share_a_request_when_their_url_and_their_group_are_equal(
    put: CompiledBatch, order: CompiledBatch
) -> None:
    assert put.group(call("a", shelf="x")) == put.group(call("b", shelf="x"))
    assert put.group(call("a", shelf="x")) != put.group(call("b"))
    assert order.group(call("a")) == order.group(call("b", house="main"))
    assert order.group(call("a")) != order.group(call("b", house="other"))


def test_equal_keys_are_told_so_that_they_never_travel_together(put: CompiledBatch, order: CompiledBatch) -> None:
    assert put.unique(call("A")) == put.unique(call("a"))
    assert order.unique(call("a")) == "key-a"
    assert put.unique(Call({}, {}, "key", SINCE)) == "key"


def test_a_call_that_does_not_fit_the_batch_is_told_before_anything_leaves(put: CompiledBatch) -> None:
    with pytest.raises(RenderError):
        put.build([call("a"), Call({}, {}, "key", SINCE)])


def test_items_find_their_calls_whatever_their_order(put: CompiledBatch) -> None:
    done = [{"trace": "key-c", "id": "9"}, {"id": "a"}]
    failed = [{"trace": "key-b", "status": 400, "words": "no"}]
    split = put.split(ABC, json_answer(207, {"done": done, "failed": failed}))
    assert told(split) == [(200, {"id": "a"}), (400, {"words": "no"}), (200, {"trace": "key-c", "id": "9"})]
    assert (split.refused, split.handles) == (False, None)


def test_the_first_name_that_any_call_has_is_the_one_that_counts(put: CompiledBatch) -> None:
    split = put.split(ABC, json_answer(200, {"done": [{"trace": "key-a", "id": "b"}]}))
    assert told(split) == [(200, {"trace": "key-a", "id": "b"}), None, None]


def test_one_item_may_speak_of_several_calls(put: CompiledBatch) -> None:
    gone = {"ids": ["a", "c", "x"], "status": 404, "words": "not there"}
    split = put.split(ABC, json_answer(207, {"done": [{"id": "b"}], "failed": [gone]}))
    assert told(split) == [(404, {"words": "not there"}), (200, {"id": "b"}), (404, {"words": "not there"})]


def test_the_last_silent_call_is_meant_by_the_last_nameless_item(put: CompiledBatch) -> None:
    body = {"done": [{"id": "a"}, {"id": "c"}], "failed": [{"status": 409, "words": "somebody"}]}
    assert told(put.split(ABC, json_answer(207, body)))[1] == (409, {"words": "somebody"})
    two = {"done": [{"id": "a"}], "failed": [{"status": 409, "words": "somebody"}]}
    assert told(put.split(ABC, json_answer(207, two)))[1:] == [None, None]
    more = {"done": [{"id": "a"}, {"id": "c"}, {"id": "x"}], "failed": [{"status": 409, "words": "w"}]}
    assert told(put.split(ABC, json_answer(207, more)))[1] is None


@pytest.mark.parametrize(
    ("body", "silent"),
    [
        ({}, [0, 1, 2]),
        ([], [0, 1, 2]),
        (None, [0, 1, 2]),
        ({"id": "a"}, [0, 1, 2]),
        ({"done": {}}, [0, 1, 2]),
        ({"done": [None, 7, "a", {}]}, [0, 1, 2]),
        ({"done": [{"id": "a"}, {"id": "a"}]}, [0, 1, 2]),
        ({"done": [{"id": "a"}], "failed": [{"ids": "a", "status": 400, "words": "w"}]}, [0, 1, 2]),
        ({"done": [{"id": True}], "failed": [{"ids": "b"}]}, [0, 1, 2]),
        ({"done": [{"id": "a"}], "failed": [{"ids": "b", "status": 99, "words": "w"}]}, [1, 2]),
        ({"done": [{"id": "a"}], "failed": [{"ids": "b", "status": "bad", "words": "w"}]}, [1, 2]),
        ({"done": [{"id": "a"}], "failed": [{"ids": "b", "status": 400}]}, [1, 2]),
    ],
)
def test_who_is_not_spoken_of_clearly_has_no_answer(put: CompiledBatch, body: object, silent: list[int]) -> None:
    split = put.split(ABC, json_answer(200, body))
    assert [place for place, answer in enumerate(split.answers) if answer is None] == silent
    assert not split.refused


def test_two_calls_of_one_name_are_never_confused(put: CompiledBatch) -> None:
    twins = (call("a"), Call({"id": "a"}, {}, "other", SINCE))
    assert told(put.split(twins, json_answer(200, {"done": [{"id": "a"}, {"id": "a"}]}))) == [None, None]
    traced = {"done": [{"id": "a", "trace": "other"}]}
    assert told(put.split(twins, json_answer(200, traced))) == [None, (200, {"id": "a", "trace": "other"})]


@pytest.mark.parametrize("answer", [Answer(202), Answer(204), json_answer(201, {"id": "a"}), Answer(200, {}, b"OK")])
def test_a_success_that_names_nobody_is_nobodys_success(put: CompiledBatch, answer: Answer) -> None:
    assert put.split(ABC, answer) == Split((None, None, None))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(None, trouble=Trouble.CONNECT),
        Answer(None, trouble=Trouble.NO_ANSWER),
        Answer(200, {}, b'{"done": [', trouble=Trouble.CUT),
        Answer(200, {"content-type": "text/html"}, b"<html>"),
        Answer(302),
        Answer(401),
        Answer(403),
        Answer(408),
        Answer(423),
        Answer(425),
        Answer(429, {"retry-after": "3"}),
        Answer(500),
        Answer(503),
    ],
)
def test_what_is_about_no_single_call_is_everybodys_answer(put: CompiledBatch, answer: Answer) -> None:
    split = put.split(ABC, answer)
    assert split.answers == (answer, answer, answer)
    assert not split.refused


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 414, 422])
def test_a_definite_refusal_may_be_one_calls_fault(put: CompiledBatch, status: int) -> None:
    """Also a 404, which the single form takes for success: of a batch it says nothing of the kind."""
    split = put.split(ABC, json_answer(status, {"id": "a"}))
    assert split.refused
    assert len(split.answers) == 3


def test_a_promise_gives_each_call_what_to_poll_with(order: CompiledBatch) -> None:
    split = order.split(ABC, json_answer(201, {"batch": "b-1"}))
    assert split.answers == (None, None, None)
    assert split.handles == ({"job": "b-1", "index": 0}, {"job": "b-1", "index": 1}, {"job": "b-1", "index": 2})
    first, second = (order.poll(handle) for handle in split.handles[:2])
    assert first == second
    assert (first.method, first.url) == ("GET", "/batches/b-1")


@pytest.mark.parametrize("body", [{}, [], {"batch": None}, {"batch": ""}, {"batch": {"id": 1}}])
def test_a_promise_without_a_number_promises_nothing(order: CompiledBatch, body: object) -> None:
    assert order.split(ABC, json_answer(200, body)) == Split((None, None, None))


HANDLE = {"job": "b-1", "index": 1}


def polled(batch: CompiledBatch, answer: Answer) -> Answer | None:
    return batch.read_poll(ABC[1], HANDLE, answer)


@pytest.mark.parametrize(
    "answer",
    [
        json_answer(200, {"state": "queued"}),
        json_answer(200, {}),
        json_answer(200, []),
        json_answer(202, {"state": "done", "orders": [{"place": 1, "order": 8}]}),
        json_answer(503, {"state": "failed", "why": "w"}),
        Answer(200, {}, b"OK"),
        Answer(None, trouble=Trouble.NO_ANSWER),
    ],
)
def test_a_poll_that_is_not_done_or_not_answered_says_nothing(order: CompiledBatch, answer: Answer) -> None:
    assert polled(order, answer) is None


def test_a_kept_promise_gives_each_call_its_own_answer(order: CompiledBatch) -> None:
    done = json_answer(200, {"state": "done", "orders": [{"place": 1, "order": 8}, {"place": 0, "order": 7}]})
    answers = [order.read_poll(ABC[place], {"job": "b-1", "index": place}, done) for place in (0, 1)]
    assert [answer and answer.json for answer in answers] == [{"place": 0, "order": 7}, {"place": 1, "order": 8}]


@pytest.mark.parametrize(
    "orders",
    [None, [], [{"place": 0, "order": 7}], [{"place": 1}], [{"place": 1, "order": 8}, {"place": 1, "order": 9}]],
)
def test_a_kept_promise_that_does_not_name_the_call_leaves_it_in_doubt(
    operations: dict[str, CompiledOperation], order: CompiledBatch, orders: Sequence[object] | None
) -> None:
    answer = polled(order, json_answer(200, {"state": "done", "orders": orders}))
    assert answer is not None
    assert answer.trouble is Trouble.CUT
    verdict = operations["things.order"].classify(ABC[1], answer, now_ms=NOW_MS)
    assert (verdict.outcome, verdict.may_have_applied) == (Outcome.UNKNOWN, True)


def test_a_failed_promise_is_a_failure_for_those_it_does_not_speak_of(order: CompiledBatch) -> None:
    failed = json_answer(200, {"state": "failed", "why": "tired", "orders": [{"place": 0, "order": 7}]})
    first = order.read_poll(ABC[0], {"job": "b-1", "index": 0}, failed)
    assert first is not None
    assert first.json == {"place": 0, "order": 7}
    second = polled(order, failed)
    assert second is not None
    assert (second.status, second.json) == (503, {"words": "tired"})


def test_a_failure_that_cannot_be_told_leaves_the_call_in_doubt(order: CompiledBatch) -> None:
    answer = polled(order, json_answer(200, {"state": "failed"}))
    assert answer is not None
    assert answer.trouble is Trouble.CUT


def test_only_promises_are_polled(put: CompiledBatch) -> None:
    with pytest.raises(TypeError, match="never polled"):
        put.poll(HANDLE)


def test_a_handle_never_holds_what_the_call_said(order: CompiledBatch) -> None:
    split = order.split([call(TEXT)], json_answer(200, {"batch": "b-1"}))
    assert TEXT not in repr(split.handles)


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 600) | st.sampled_from(["a", "b", "key-a", "key-c", "done"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "ids", "trace", "status", "words", "done", "failed"]), inner, max_size=4
        )
    ),
    max_leaves=24,
)


@given(st.sampled_from([200, 201, 207, 400, 404, 429, 500]), json_values)
def test_no_body_breaks_the_splitting_or_gives_a_call_what_names_another(
    operations: dict[str, CompiledOperation], status: int, body: object
) -> None:
    split = form(operations["things.put"]).split(ABC, json_answer(status, body))
    assert len(split.answers) == len(ABC)
    if status == 200 and isinstance(body, dict) and not body.get("failed"):
        for each, answer in zip(ABC, split.answers, strict=True):
            own = answer.json if answer is not None else None
            if isinstance(own, dict) and len(body["done"]) > 1:
                assert own.get("trace") == each.key or own.get("id") == each.params["id"] or _is_last(split, body)


def _is_last(split: Split, body: dict[str, Any]) -> bool:
    """All calls are answered by as many items: the last one may have been found by elimination."""
    return None not in split.answers and len(body["done"]) == len(ABC)
