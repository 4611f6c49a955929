"""Phone numbers: E.164 for six countries, and one text per handset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions import NotAPhoneNumber, to_e164, to_person
from tests.canaries import BRAZILIAN_NEW, BRAZILIAN_OLD, BUSINESS, CANARIES, CUSTOMER_NAME, PHONE, PHONE_E164, TEXT


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        (PHONE, None, PHONE_E164),
        (PHONE_E164, None, PHONE_E164),
        ("00" + PHONE, None, PHONE_E164),
        ("+91 88568 79188", None, PHONE_E164),
        ("+91-(88568)-79188", None, PHONE_E164),
        ("8856879188", "IN", PHONE_E164),
        ("08856879188", "IN", PHONE_E164),
        (PHONE, "IN", PHONE_E164),
        (PHONE, "US", PHONE_E164),
        (BUSINESS, None, "+15550199999"),
        ("(650) 253-0000", "US", "+16502530000"),
        ("16502530000", "US", "+16502530000"),
        ("+1 650.253.0000", "DE", "+16502530000"),
        ("0151 12345678", "DE", "+4915112345678"),
        ("4915112345678", None, "+4915112345678"),
        ("0049 151 12345678", "DE", "+4915112345678"),
        ("+49 (0) 151 12345678", None, "+4915112345678"),
        (BRAZILIAN_OLD, None, "+551187654321"),
        ("5511987654321", None, BRAZILIAN_NEW),
        ("(11) 98765-4321", "BR", BRAZILIAN_NEW),
        ("5491123456789", None, "+5491123456789"),
        ("011 15 2345-6789", "AR", "+5491123456789"),
        ("5215512345678", None, "+525512345678"),
        ("525512345678", None, "+525512345678"),
        ("55 1234 5678", "MX", "+525512345678"),
        ("5215512345678", "MX", "+525512345678"),
        ("\u202a+91 88568\u00a079188\u202c", None, PHONE_E164),
        ("\uff0b918856879188", None, PHONE_E164),
        ("+٩١٨٨٥٦٨٧٩١٨٨", None, PHONE_E164),
        ("39 06 12345678", None, "+390612345678"),
    ],
)
def test_numbers_become_e164(text: str, region: str | None, expected: str) -> None:
    assert to_e164(text, region) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BRAZILIAN_OLD, BRAZILIAN_NEW),
        ("+" + BRAZILIAN_OLD, BRAZILIAN_NEW),
        (BRAZILIAN_NEW, BRAZILIAN_NEW),
        ("5511 8765-4321", BRAZILIAN_NEW),
        ("551133334444", "+551133334444"),
        ("556196543210", "+5561996543210"),
        ("541123456789", "+5491123456789"),
        ("5491123456789", "+5491123456789"),
        ("54 11 15 2345 6789", "+5491123456789"),
        ("+54 9 351 234 5678", "+5493512345678"),
        ("5215512345678", "+525512345678"),
        ("+52 1 55 1234 5678", "+525512345678"),
        ("525512345678", "+525512345678"),
        (PHONE, PHONE_E164),
        (PHONE_E164, PHONE_E164),
        ("4915112345678", "+4915112345678"),
        (BUSINESS, "+" + BUSINESS),
    ],
)
def test_every_spelling_of_a_handset_is_one_person(text: str, expected: str) -> None:
    assert to_person(text) == expected
    assert to_person(to_person(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "12",
        "abc",
        TEXT,
        CUSTOMER_NAME,
        "+91",
        "++918856879188",
        "0",
        "000000000000",
        "9" * 41,
        "1-800-FLOWERS",
        "918856879188 ext. 5",
        "+999123456789",
        "918856879188123456",
        "8856",
        "91+8856879188",
        "+0",
        "msg_90a82b7194689c1",
    ],
)
def test_what_is_no_number_is_refused_without_showing_it(text: str) -> None:
    for convert in (to_e164, to_person):
        with pytest.raises(NotAPhoneNumber) as caught:
            convert(text)
        assert str(caught.value) == "is not a phone number"
        assert not any(canary in repr(caught.value) for canary in CANARIES)


@given(st.text(alphabet=st.sampled_from("0123456789+() -.٣x"), max_size=50), st.sampled_from([None, "IN", "BR", "US"]))
def test_any_text_is_a_number_or_refused(text: str, region: str | None) -> None:
    try:
        number = to_e164(text, region)
    except NotAPhoneNumber:
        return
    assert number.startswith("+")
    assert number[1:].isdigit()
    assert to_e164(number) == number
    assert to_person(to_person(number)) == to_person(number)
