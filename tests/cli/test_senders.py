import pytest

from bridge.cli.senders import (
    has_phone_numbers,
    is_messaging,
    messaging_senders,
    obstacle,
    receipts_lack_customers,
    shipped_preset,
    traits,
)


@pytest.mark.parametrize("name", ["freshchat", "instagram", "line", "messenger", "telegram", "x"])
def test_senders_with_ids_of_their_own_are_told_from_those_with_phone_numbers(name: str) -> None:
    assert not has_phone_numbers(shipped_preset(name))


@pytest.mark.parametrize("name", ["aisoule", "chatwoot", "twilio", "telnyx", "wati", "whatsapp-cloud"])
def test_senders_with_phone_numbers_are_known_by_their_samples(name: str) -> None:
    assert has_phone_numbers(shipped_preset(name))


def test_senders_of_other_things_are_no_messaging_senders() -> None:
    assert not any(is_messaging(shipped_preset(name)) for name in ("github", "stripe", "form", "zendesk"))
    assert messaging_senders()[0] == "aisoule"
    assert {"line", "twilio", "whatsapp-cloud"} <= set(messaging_senders())


def test_receipts_without_customers_are_known_by_the_samples() -> None:
    assert receipts_lack_customers(shipped_preset("wati"))
    assert not receipts_lack_customers(shipped_preset("aisoule"))


@pytest.mark.parametrize(
    ("name", "destinations", "why"),
    [
        ("line", ("hubspot",), "LINE names people by ids of its own"),
        ("line", ("hubspot", "zendesk"), "LINE names people by ids of its own"),
        ("chatwoot", ("hubspot",), "HubSpot's timeline takes WhatsApp and SMS messages"),
    ],
)
def test_what_cannot_be_done_honestly_has_a_reason(name: str, destinations: tuple[str, ...], why: str) -> None:
    assert why in str(obstacle(shipped_preset(name), destinations))
    assert obstacle(shipped_preset(name), ("zendesk",)) is None


def test_everything_that_is_said_of_a_sender_is_said_of_one_that_there_is() -> None:
    for name in messaging_senders():
        only = traits(name).only or ""
        assert "fields.channel" not in only or "channel" in shipped_preset(name).fields
        assert "fields.private" not in only or "private" in shipped_preset(name).fields
