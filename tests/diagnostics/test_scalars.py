import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.diagnostics.scalars import resolve_plain


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "on",
        "yes",
        "True",
        "NULL",
        "Null",
        "~",
        "0123",
        "+918856879188",
        "12:30",
        "12:30:45",
        "1_000",
        "0x1F",
        "0o17",
        ".inf",
        ".5",
        "5.",
        "1e",
        "2026-06-02",
        "-",
        "=",
        "٣",
    ],
)
def test_what_json_does_not_know_stays_text(text: str) -> None:
    assert resolve_plain(text) == text


@settings(deadline=None)
@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_what_json_writes_is_read_as_json_reads_it(value: object) -> None:
    text = json.dumps(value)
    resolved = resolve_plain(text)
    assert resolved == json.loads(text)
    assert type(resolved) is type(json.loads(text))


def test_nothing_is_null() -> None:
    assert resolve_plain("") is None


@pytest.mark.parametrize("text", ["1e999", "-1E+400", "9" * 5000])
def test_a_number_that_no_program_can_hold_is_refused(text: str) -> None:
    with pytest.raises(OverflowError):
        resolve_plain(text)
