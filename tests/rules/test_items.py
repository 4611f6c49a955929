import pytest

from bridge.expressions import RenderError
from bridge.rules.items import MAX_ITEMS, checked_items, done_part, folded, is_done, result

DONE, SKIPPED, FAILED = result(id_=1), result(skipped=True), result(error={"code": "x"})


def test_a_list_is_taken_as_it_is_and_not_shared() -> None:
    found = [1, None, {"a": 2}]
    assert checked_items(found) == found
    assert checked_items(found) is not found
    assert len(checked_items([0] * MAX_ITEMS)) == MAX_ITEMS


@pytest.mark.parametrize("value", [None, "abc", {"a": 1}, 5, True, [0] * (MAX_ITEMS + 1)])
def test_anything_else_is_refused_with_a_mend(value: object) -> None:
    with pytest.raises(RenderError) as caught:
        checked_items(value)
    assert caught.value.help


def test_the_result_of_the_last_call_stands_for_the_step() -> None:
    assert folded([DONE, SKIPPED]) == {**DONE, "items": [DONE, SKIPPED]}
    assert folded([DONE, FAILED]) == {**FAILED, "items": [DONE, FAILED]}
    assert folded([SKIPPED]) == {**SKIPPED, "items": [SKIPPED]}
    assert folded([]) == {**SKIPPED, "items": []}


def test_a_step_is_done_when_one_of_its_items_is() -> None:
    assert is_done(folded([DONE, FAILED]))
    assert not is_done(folded([SKIPPED, FAILED]))
    assert not is_done(folded([]))
    assert is_done(DONE)
    assert not is_done(None)


def test_what_follows_the_last_done_item_is_left_out() -> None:
    assert done_part([FAILED, DONE, SKIPPED, None]) == [FAILED, DONE]
    assert done_part([SKIPPED]) == []
