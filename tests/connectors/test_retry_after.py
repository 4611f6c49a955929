from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.retry_after import MAX_RETRY_AFTER_MS, retry_after_ms, wait_of

NOW = datetime(2026, 6, 2, 3, 1, 40, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def at(delta: timedelta) -> str:
    return format_datetime(NOW + delta, usegmt=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("30", 30_000),
        (" 7 ", 7_000),
        ("0", 0),
        ("1.5", 1_500),
        ("0.0001", 1),
        ("86401", MAX_RETRY_AFTER_MS),
        ("315360000", MAX_RETRY_AFTER_MS),
        (at(timedelta(seconds=90)), 90_000),
        (at(timedelta(days=3650)), MAX_RETRY_AFTER_MS),
        (at(timedelta(seconds=-5)), None),
        ("Tuesday, 02-Jun-26 03:03:10 GMT", 90_000),
        ("Tue Jun  2 03:03:10 2026", 90_000),
        ("Tue, 02 Jun 2026 03:03:10 -0000", 90_000),
        ("-5", None),
        ("1e3", None),
        ("1.", None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
        ("\u0663", None),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after_in_all_its_spellings(text: str, wanted: int | None) -> None:
    assert retry_after_ms({"retry-after": text}, now_ms=NOW_MS) == wanted


def test_retry_after_may_be_absent() -> None:
    assert retry_after_ms({}, now_ms=NOW_MS) is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (7, 7_000),
        (7.25, 7_250),
        (0.0001, 1),
        (10**400, MAX_RETRY_AFTER_MS),
        (1e308, MAX_RETRY_AFTER_MS),
        ("7", 7_000),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ([7], None),
        ({"seconds": 7}, None),
    ],
)
def test_a_value_of_a_body_is_seconds_or_a_date_or_nothing(value: object, wanted: int | None) -> None:
    assert wait_of(value, now_ms=NOW_MS) == wanted


@given(
    st.text()
    | st.integers()
    | st.floats()
    | st.from_regex(r"[A-Za-z]{3}, [0-9]{1,4} [A-Za-z]{3} [0-9]{1,6} [0-9:]{0,12} [-+A-Z0-9]{0,6}")
)
def test_no_retry_after_breaks_the_reading(value: object) -> None:
    wait = wait_of(value, now_ms=NOW_MS)
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER_MS
