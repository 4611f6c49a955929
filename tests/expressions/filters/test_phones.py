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
    for filters in ("e164", "person", "national", "e164('IN')"):
        error = refusal(filters, value)
        assert str(error) == "`x` is not a phone number"
        assert not any(canary in f"{error} {error.help}" for canary in CANARIES)


@pytest.mark.parametrize(("number", "digits"), [(PHONE, "8856879188"), ("+44 20 7946 0958", "2079460958")])
def test_national_leaves_the_country_code_out(number: str, digits: str) -> None:
    assert applied("national", number) == digits
