import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bridge.units import (
    LARGEST_BYTES,
    LONGEST_MS,
    DurationMs,
    SizeBytes,
    UnitError,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)
from tests.canaries import ERP_TOKEN


class Sample(BaseModel):
    wait_ms: DurationMs = 10_000
    room_bytes: SizeBytes = 1_048_576


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("500ms", 500),
        ("10s", 10_000),
        ("5m", 300_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("0s", 0),
        ("3 s", 3_000),
    ],
)
def test_a_duration_is_read_as_milliseconds(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("500B", 500), ("64KiB", 65_536), ("1MB", 1_000_000), ("1MiB", 1_048_576), ("2GiB", 2_147_483_648)],
)
def test_a_size_is_read_as_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "headline", "what", "help_"),
    [
        ("10", "a duration needs a unit", "`10` what?", "write `10s` for 10 seconds; units are ms, s, m, h, d"),
        ("10 min", "unknown unit in a duration", "`min` is not a unit", "write `10m`; units are ms, s, m, h, d"),
        ("10S", "unknown unit in a duration", "`S` is not a unit", "write `10s`; units are ms, s, m, h, d"),
        ("1.5h", "a duration is a whole number and a unit", "`1.5h` has a fraction", "write `90m`"),
        (
            "soon",
            "a duration is a whole number and a unit",
            "`soon` is not a duration",
            "write for example `10s` for 10 seconds; units are ms, s, m, h, d",
        ),
        ("99999d", "this duration is too large", "more than 36500d", "the largest duration is `36500d`"),
    ],
)
def test_a_wrong_duration_says_what_and_how_to_mend_it(text: str, headline: str, what: str, help_: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_duration(text)
    assert (str(caught.value), caught.value.what, caught.value.help) == (headline, what, help_)


@pytest.mark.parametrize(
    ("text", "start_of_help"),
    [
        ("10", "write `10KiB` for 10 times 1,024 bytes"),
        ("1mib", "write `1MiB`"),
        ("1k", "write `1KiB`"),
        ("0.0001B", "write for example `1MiB`"),
        ("-1B", "write for example `1MiB`"),
    ],
)
def test_a_wrong_size_says_how_to_mend_it(text: str, start_of_help: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_size(text)
    assert caught.value.help.startswith(start_of_help)


def test_a_long_text_is_not_repeated_because_it_may_be_a_credential() -> None:
    with pytest.raises(UnitError) as caught:
        parse_duration(ERP_TOKEN)
    assert ERP_TOKEN not in f"{caught.value} {caught.value.what} {caught.value.help}"


def test_a_field_takes_text_and_keeps_the_number() -> None:
    sample = Sample.model_validate({"wait_ms": "5m", "room_bytes": "2KiB"})
    assert (sample.wait_ms, sample.room_bytes) == (300_000, 2_048)


def test_a_default_is_the_plain_number_and_is_written_with_its_unit() -> None:
    assert Sample().wait_ms == 10_000
    assert Sample().model_dump(mode="json") == {"wait_ms": "10s", "room_bytes": "1MiB"}


@pytest.mark.parametrize("value", [10, 1.5, True, None, ["10s"]])
def test_a_field_refuses_a_value_without_unit(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"wait_ms": value})
    assert [error["type"] for error in caught.value.errors()] == ["unit"]
    assert caught.value.errors()[0]["ctx"]["code"] == "BR110"


def test_the_json_schema_describes_text_with_a_unit() -> None:
    assert Sample.model_json_schema()["properties"]["wait_ms"]["type"] == "string"


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=LONGEST_MS))
def test_what_is_formatted_as_a_duration_reads_back_the_same(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=LARGEST_BYTES))
def test_what_is_formatted_as_a_size_reads_back_the_same(size: int) -> None:
    assert parse_size(format_size(size)) == size


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_duration_or_a_unit_error(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except UnitError as error:
        assert error.help  # noqa: PT017 - either branch is right, but an error must say how to mend it
