"""Filters on points in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.expressions.filters import applied, refusal

MOMENT_MS = 1780369298000
MOMENT = "2026-06-02T03:01:38.000Z"


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (1780369298, MOMENT_MS),
        ("1780369298", MOMENT_MS),
        (" 1780369298 ", MOMENT_MS),
        (1780369298000, MOMENT_MS),
        ("1780369298000", MOMENT_MS),
        (1780369298.25, MOMENT_MS + 250),
        ("1780369298.123456", MOMENT_MS + 123),
        ("2026-06-02T03:01:38Z", MOMENT_MS),
        ("2026-06-02T03:01:38.5Z", MOMENT_MS + 500),
        ("2026-06-02T03:01:38", MOMENT_MS),
        ("2026-06-02 03:01:38", MOMENT_MS),
        ("2026-06-02T08:31:38+05:30", MOMENT_MS),
        ("2026-06-02T08:31:38+0530", MOMENT_MS),
        ("2026-06-02", MOMENT_MS - 10898000),
        (0, 0),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
    ],
)
def test_times_are_read_in_all_common_forms(value: object, milliseconds: int) -> None:
    assert applied("epoch_ms", value) == milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (MOMENT_MS, MOMENT),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (100_000_000_001, "1973-03-03T09:46:40.001Z"),
    ],
)
def test_iso8601_has_milliseconds_and_z(milliseconds: int, text: str) -> None:
    assert applied("iso8601", milliseconds) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "20260602",
        "12:30",
        "2026-13-01",
        "2026-06-02T99:00Z",
        "0001-01-01T00:00+23:59",
        "1969-01-01",
        "9" * 20,
        "12345678901234567890",
        -1,
        10**20,
        float("nan"),
        "2026-W99",
        "1780369298.",
        "2026-06-02T03:01:61Z",
    ],
)
def test_what_is_no_time_is_an_error(value: object) -> None:
    for filters in ("iso8601", "epoch_ms", "date('%Y')"):
        error = refusal(filters, value)
        assert "is not a time" in str(error)
        assert "Unix" in (error.help or "")


@pytest.mark.parametrize("value", [None, True, [], {}])
def test_other_kinds_are_no_times(value: object) -> None:
    assert "not a time" in str(refusal("epoch_ms", value))


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("%Y-%m-%d", "2026-06-02"),
        ("%d.%m.%y %H:%M:%S", "02.06.26 03:01:38"),
        ("%A %a %B %b", "Tuesday Tue June Jun"),
        ("%I %p %j", "03 AM 153"),
        ("%f %z 100%%", "000000 +0000 100%"),
        ("", ""),
        ("no codes", "no codes"),
    ],
)
def test_date_writes_english_in_every_locale(format_: str, text: str) -> None:
    assert applied(f"date('{format_}')", MOMENT_MS) == text


def test_date_knows_time_zones() -> None:
    assert applied("date('%H:%M %z', 'Asia/Kolkata')", MOMENT_MS) == "08:31 +0530"
    assert applied("date('%Y-%m-%d %z %I%p', zone='America/New_York')", MOMENT_MS) == "2026-06-01 -0400 11PM"


def test_the_end_of_time_is_an_error_in_a_zone_that_is_past_it() -> None:
    assert "9999" in str(refusal("date('%Y', 'Asia/Kolkata')", 253_402_300_799_999))


@given(st.integers(100_000_000_000, 253_402_300_799_999))
def test_writing_and_reading_a_time_gives_it_back(milliseconds: int) -> None:
    assert applied("iso8601 | epoch_ms", milliseconds) == milliseconds
