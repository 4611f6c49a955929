"""The rules about values."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions.problems import Unusable
from bridge.expressions.values import MAX_OUTPUT_BYTES, OMIT, as_text, bounded_text, check_size, equal

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


def test_there_is_one_omit() -> None:
    assert copy.deepcopy(OMIT) is OMIT
    assert pickle.loads(pickle.dumps(OMIT)) is OMIT  # noqa: S301 - our own bytes


@given(JSON, JSON)
def test_equality_is_symmetric_and_every_value_equals_its_copy(one: object, other: object) -> None:
    assert equal(one, copy.deepcopy(one))
    assert equal(one, other) is equal(other, one)


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.0"), (1e22, "1e+22"), (-0.5, "-0.5"), (True, "true"), ("", "")])
def test_scalars_have_json_text(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [None, [], {}, OMIT, float("nan"), 10**40, 10**5000, b"x"], ids=range(8))
def test_other_values_have_no_text(value: object) -> None:
    with pytest.raises(Unusable):
        as_text(value)


def test_the_largest_text_is_counted_in_bytes() -> None:
    assert bounded_text("a" * MAX_OUTPUT_BYTES)
    assert bounded_text("é" * (MAX_OUTPUT_BYTES // 2))
    for text in ("a" * (MAX_OUTPUT_BYTES + 1), "é" * (MAX_OUTPUT_BYTES // 2 + 1)):
        with pytest.raises(Unusable, match="256 KiB"):
            bounded_text(text)


@pytest.mark.parametrize(
    "value",
    [[None] * MAX_OUTPUT_BYTES, dict.fromkeys(map(str, range(60_000))), [1.5] * 100_000, {"a" * 300_000: 1}],
    ids=["list", "object", "numbers", "key"],
)
def test_the_largest_value_is_counted_as_json(value: object) -> None:
    with pytest.raises(Unusable, match="256 KiB"):
        check_size(value)


def test_a_value_that_holds_itself_is_too_large() -> None:
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(Unusable, match="256 KiB"):
        check_size(ring)
