"""The phone filters; the numbers themselves are tested with `phone`."""

import pytest

from tests.canaries import CANARIES, PHONE, PHONE_E164, TEXT
from tests.expressions.filters import applied, refusal


def test_numbers_may_come_as_text_or_number() -> None:
    assert applied("e164", PHONE) == PHONE_E164
    assert applied("person", int(PHONE)) == PHONE_E164
    assert applied("e164('IN')", "8856879188") == PHONE_E164


@pytest.mark.parametrize("value", [TEXT, "", "12", "+" + PHONE + PHONE])
def test_what_is_no_number_is_an_error_without_it(value: str) -> None:
    for filters in ("e164", "person", "e164('IN')"):
        error = refusal(filters, value)
        assert str(error) == "`x` is not a phone number"
        assert not any(canary in f"{error} {error.help}" for canary in CANARIES)
