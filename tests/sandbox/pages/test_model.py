import pytest

from bridge.sandbox.pages.model import moment


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1_780_369_300_000, "2026-06-02 03:01:40"),
        ("1780369300000", "2026-06-02 03:01:40"),
        ("2026-06-02T05:01:40+02:00", "2026-06-02 03:01:40"),
        (0, "1970-01-01 00:00:00"),
        (None, ""),
        ("soon", "soon"),
        (9**30, str(9**30)),
        ("9" * 18, "9" * 18),
        ("9" * 5_000, "9" * 5_000),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_time_is_shown_for_people_and_what_is_none_as_it_is(value: object, shown: str) -> None:
    assert moment(value) == shown
