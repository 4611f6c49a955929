"""Personal data and its stand-ins."""

import pytest

from bridge.expressions.phone import to_e164, to_person
from bridge.rules.testing.masking import Masker, stand_in
from tests.canaries import BRAZILIAN_NEW, BRAZILIAN_OLD, BUSINESS, CUSTOMER_NAME, EMOJI_TEXT, PHONE, PHONE_E164, TEXT

EVENT = {
    "event": "message.received",
    "data": {
        "message_id": "wamid.HBgMOTE4ODU2ODc5MTg4",
        "sender": PHONE,
        "recipient": BUSINESS,
        "contact_name": CUSTOMER_NAME,
        "body": TEXT,
        "email": "asha@example.org",
        "media_url": "https://cdn.example.net/asha?token=abc",
        "type": "text",
        "count": 12,
    },
}


def masker() -> Masker:
    made = Masker()
    made.learn(EVENT)
    return made


def test_nothing_personal_is_left_and_the_rest_is_as_it_was() -> None:
    masked = masker().masked(EVENT)
    text = str(masked)
    for personal in (PHONE, PHONE[-7:], BUSINESS[-7:], "Asha", "Kulkarni", "pricing", "asha@", "token=abc", "HBgM"):
        assert personal not in text
    assert isinstance(masked, dict)
    assert masked["event"] == "message.received"
    assert (masked["data"]["type"], masked["data"]["count"]) == ("text", 12)


def test_the_same_is_replaced_by_the_same_wherever_it_stands() -> None:
    made = masker()
    phone = made.text(PHONE)
    assert made.masked({f"whatsapp:{PHONE_E164}": [PHONE_E164, int(PHONE)]}) == {
        f"whatsapp:+{phone}": [f"+{phone}", int(phone)]
    }
    first = made.text(CUSTOMER_NAME).split()[0]
    assert made.text("WhatsApp from Asha") == f"WhatsApp from {first}"
    assert made.text("+91 88568-79188") == f"+{phone[:2]} {phone[2:7]}-{phone[7:]}"


@pytest.mark.parametrize(
    "number", [PHONE, PHONE_E164, BRAZILIAN_OLD, BRAZILIAN_NEW, BUSINESS, "+5491123456789", "5215512345678"]
)
def test_a_stand_in_of_a_phone_number_is_one_that_rules_treat_alike(number: str) -> None:
    made = Masker()
    made.learn({"sender": number})
    assert made.text(number) != number
    assert to_person(made.text(number)) == made.text(to_person(number))
    assert to_e164(made.text(number)) == made.text(to_e164(number))


def test_a_stand_in_of_a_text_has_its_shape() -> None:
    for text in (TEXT, EMOJI_TEXT, "Order #1042, please!\n", "नमस्ते"):
        other = stand_in(text)
        assert other != text
        assert len(other) == len(text)
        assert len(other.encode()) == len(text.encode())
        assert [character.isspace() for character in other] == [character.isspace() for character in text]
        assert [character.isupper() for character in other if ord(character) < 128] == [
            character.isupper() for character in text if ord(character) < 128
        ]
    assert stand_in(TEXT) == stand_in(TEXT)


def test_names_and_numbers_that_nobody_has_learnt_stay() -> None:
    assert masker().masked({"order": "1234567890", "status": "open", "at": 1780369298}) == {
        "order": "1234567890",
        "status": "open",
        "at": 1780369298,
    }


@pytest.mark.parametrize("name", ["\u092a\u094d\u0930\u093f\u092f\u093e", "Zoe\u0308", "\u0e2a\u0e38\u0e14\u0e32"])
def test_a_name_of_any_script_is_one_word(name: str) -> None:
    made = Masker()
    made.learn({"contact_name": name})
    assert made.text(f"Dear {name}!") == "Dear Robin!"


def test_of_a_text_in_any_script_no_sign_is_left() -> None:
    text = "\u092a\u094d\u0930\u093f\u092f\u093e \u0e2a\u0e38\u0e14\u0e32"
    shown = stand_in(text)
    assert not set(text) - {" "} & set(shown)
    assert len(shown.encode()) == len(text.encode())


def test_a_name_that_is_also_a_key_renames_no_key() -> None:
    event = {"data": {"id": "7", "contact_name": "id Rao", "Rao": 1}}
    made = Masker()
    made.learn(event)
    assert made.masked(event) == {"data": {"id": "7", "contact_name": "id Robin", "Robin": 1}}
