"""Filters as people give them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.query import MAX_ROWS, Query, WrongUse, first, moment
from bridge.errors import UsageError
from bridge.model import rfc3339
from bridge.store.protocol import Known

NOW_MS = 1_780_369_300_000
NOBODY = Known((), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW_MS - 7_200_000),
        ("90s", NOW_MS - 90_000),
        ("7d", NOW_MS - 7 * 86_400_000),
        ("2026-06-02T03:01:40Z", NOW_MS),
        ("2026-06-02T03:01:40.250Z", NOW_MS + 250),
        ("2026-06-02T05:01:40+02:00", NOW_MS),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_a_moment_is_a_duration_before_now_or_a_date(text: str, expected: int) -> None:
    assert moment(text, NOW_MS) == expected


@pytest.mark.parametrize("text", ["", "2", "2 hours ago", "yesterday", "2026-06-02T03:01:40", "-2h", "\uff11h"])
def test_anything_else_is_no_moment_and_is_not_repeated(text: str) -> None:
    with pytest.raises(WrongUse) as refused:
        moment(text, NOW_MS)
    assert str(refused.value) == "a moment is a duration before now (`2h`) or RFC 3339 (`2026-06-02T03:00:00Z`)"


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_a_moment_reads_what_the_lists_show(milliseconds: int) -> None:
    assert moment(rfc3339(milliseconds), NOW_MS) == milliseconds


@given(st.lists(st.integers(), max_size=5), st.integers(min_value=1, max_value=6))
def test_first_says_whether_rows_were_left_out(rows: list[int], limit: int) -> None:
    found, more = first(rows, limit)
    assert list(found) == rows[:limit]
    assert more is (len(rows) > limit)


@pytest.mark.parametrize("limit", [0, -1, MAX_ROWS + 1])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(UsageError):
        Query(limit=limit).bounded()


def test_states_and_kinds_that_are_none_are_wrong_use() -> None:
    with pytest.raises(WrongUse, match="states are pending, running"):
        Query(state="lost").delivery_filter(NOBODY)
    with pytest.raises(WrongUse, match="kinds are mapping, rejected"):
        Query(kind="lost").dead_letter_filter(NOW_MS, limit=1)


def test_one_row_more_than_wanted_is_asked_for() -> None:
    assert Query(limit=MAX_ROWS).delivery_filter(NOBODY).limit == MAX_ROWS + 1
