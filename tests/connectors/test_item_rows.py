from typing import Any

import pytest

from bridge.connectors.answer import Answer
from bridge.connectors.item_rows import ItemTemplate, ResultRow, texts_of
from bridge.connectors.traffic import ItemAnswer, Results
from bridge.expressions import compile_expression

WHOLE = Answer(207, {"retry-after": "3", "content-type": "text/plain"})


def row(**more: Any) -> ResultRow:
    shape = {"list": "body.items", "key": {"id": "item.id"}, "answer": {"json": "{{ item }}"}, **more}
    return ResultRow(Results.model_validate(shape), frozenset({"params"}))


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a", ["a"]),
        (7, ["7"]),
        (["a", 7, None, "", True, {}, ["b"]], ["a", "7"]),
        ("", []),
        (None, []),
        (True, []),
        (1.5, []),
        ({"id": 1}, []),
    ],
)
def test_a_name_is_text_or_a_whole_number_or_a_list_of_them(value: object, texts: list[str]) -> None:
    assert texts_of(compile_expression("value"), {"value": value}) == texts


def test_a_name_that_is_absent_is_none() -> None:
    assert texts_of(compile_expression("item.id"), {"item": {}}) == []


def test_a_row_speaks_for_the_items_that_fit_its_condition() -> None:
    scope = {"body": {"items": [{"id": 1, "ok": True}, {"id": 2, "ok": False}, {"id": 3}, None]}, "params": {}}
    assert [named.pairs for named in row(when="item.ok").items(scope)] == [(("id", "1"),)]
    assert len(list(row().items(scope))) == 4


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": {"id": 1}}, None, []])
def test_a_list_that_is_not_there_holds_nothing(body: object) -> None:
    assert list(row().items({"body": body, "params": {}})) == []


def test_the_pairs_keep_the_order_in_which_the_names_count() -> None:
    scope = {"body": {"items": [{"id": 1, "traces": ["x", "y"]}]}, "params": {}}
    [named] = row(key={"trace": "item.traces", "id": "item.id"}).items(scope)
    assert named.pairs == (("trace", "x"), ("trace", "y"), ("id", "1"))
    assert named.first_found({("id", "1"): 4, ("trace", "y"): 2, ("trace", "x"): 1}) == [1, 2]
    assert named.first_found({("id", "1"): 4}) == [4]
    assert named.first_found({}) == []


def test_an_item_may_name_its_call_by_its_place() -> None:
    scope = {"body": {"items": [{"id": 1}, None, {"id": 3}]}, "params": {}}
    named = list(row(key={"place": "place"}).items(scope))
    assert [each.pairs for each in named] == [(("place", "0"),), (("place", "1"),), (("place", "2"),)]


@pytest.mark.parametrize("status", [404, "404", "{{ item.status }}"])
def test_an_answer_keeps_the_headers_and_says_what_the_item_says(status: int | str) -> None:
    template = ItemTemplate(ItemAnswer.model_validate({"status": status, "json": ["{{ item }}"]}), frozenset({"item"}))
    answer = template.answer(WHOLE, {"item": {"status": 404}})
    assert answer is not None
    assert (answer.status, answer.json) == (404, [{"status": 404}])
    assert answer.headers == {"retry-after": "3", "content-type": "application/json"}


@pytest.mark.parametrize("status", ["{{ item.nothing }}", "{{ item.words }}", 99, 600, "", "4 04"])
def test_an_answer_without_a_status_is_none(status: int | str) -> None:
    template = ItemTemplate(ItemAnswer.model_validate({"status": status}), frozenset({"item"}))
    assert template.answer(WHOLE, {"item": {"words": "many"}}) is None
