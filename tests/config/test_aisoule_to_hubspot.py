import pytest

from bridge.engine.console import Query
from tests.canaries import BRAZILIAN_NEW, BRAZILIAN_OLD, CUSTOMER_NAME, EMOJI_TEXT, PHONE_E164, TEXT
from tests.config.conftest import Body, MakeStage, Stage, incoming, receipt, received

TOKEN = "Bearer sandbox-hubspot-token"


def texts(stage: Stage) -> list[str]:
    return [entry["properties"]["hs_communication_body"] for entry in stage.hubspot("communications")]


def statuses(stage: Stage) -> list[str | None]:
    return [entry["properties"].get("wa_status") for entry in stage.hubspot("communications")]


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (received("m1", TEXT), received("m2", EMOJI_TEXT), PHONE_E164),
        (incoming("m1", TEXT, name=CUSTOMER_NAME), incoming("m2", EMOJI_TEXT, name=CUSTOMER_NAME), CUSTOMER_NAME),
        (received("m1", TEXT), incoming("m2", EMOJI_TEXT), PHONE_E164),  # the same handset in both dialects
    ],
)
async def test_two_messages_make_one_contact_and_one_ticket_with_two_entries_in_order(
    stage: Stage, first: Body, second: Body, name: str
) -> None:
    books = await stage.delivered(first, second)

    assert books["whatsapp-message-to-hubspot"] == {"done": 2}
    [contact] = stage.hubspot("contacts")
    [ticket] = stage.hubspot("tickets")
    assert contact["properties"]["whatsapp_id"] == PHONE_E164
    assert contact["properties"]["phone"] == PHONE_E164
    assert contact["properties"]["firstname"] == name
    assert ticket["properties"]["subject"] == f"WhatsApp from {name}"
    assert ticket["associations"]["contacts"] == [contact["id"]]
    assert texts(stage) == [TEXT, EMOJI_TEXT]
    for entry in stage.hubspot("communications"):
        assert entry["associations"] == {"contacts": [contact["id"]], "tickets": [ticket["id"]]}
        assert entry["properties"]["hs_communication_channel_type"] == "WHATS_APP"


async def test_a_known_customer_costs_only_the_entry_and_its_associations(stage: Stage) -> None:
    await stage.delivered(received("m1"))
    before = len(stage.sandbox.journal.of("hubspot"))
    await stage.delivered(received("m2"))

    assert len(stage.sandbox.journal.of("hubspot")) - before == 3


async def test_both_spellings_of_a_brazilian_handset_are_one_contact(stage: Stage) -> None:
    await stage.delivered(received("m1", sender=BRAZILIAN_OLD), incoming("m2", "Oi", sender=BRAZILIAN_NEW))

    assert [contact["properties"]["whatsapp_id"] for contact in stage.hubspot("contacts")] == [BRAZILIAN_NEW]
    assert len(stage.hubspot("tickets")) == 1


async def test_receipts_find_their_message_and_only_the_furthest_of_a_window_is_written(make_stage: MakeStage) -> None:
    stage: Stage = await make_stage(WHATSAPP_RECEIPT_WINDOW="400ms")
    await stage.delivered(received("m1"))
    before = len(stage.sandbox.journal.of("hubspot", "PATCH"))
    books = await stage.delivered(receipt("read", "m1"), receipt("sent", "m1"), receipt("delivered", "m1"))

    assert statuses(stage) == ["read"]
    assert len(stage.sandbox.journal.of("hubspot", "PATCH")) - before == 1
    assert books["whatsapp-receipt-to-hubspot"] == {"done": 1, "superseded": 2}


async def test_a_status_never_goes_backwards(stage: Stage) -> None:
    await stage.delivered(received("m1"))
    await stage.delivered(receipt("read", "m1"))
    books = await stage.delivered(receipt("delivered", "m1"))

    assert statuses(stage) == ["read"]
    assert books["whatsapp-receipt-to-hubspot"] == {"done": 1, "superseded": 1}


async def test_a_receipt_that_comes_right_behind_its_message_waits_for_it(stage: Stage) -> None:
    await stage.delivered(received("m1"), receipt("read", "m1"))

    assert statuses(stage) == ["read"]


async def test_a_message_written_elsewhere_is_logged_for_a_known_contact_only(stage: Stage) -> None:
    await stage.delivered(receipt("sent", "unknown-customer"))
    assert stage.hubspot("communications") == []

    await stage.delivered(received("m1"))
    await stage.delivered(receipt("failed", "ours"))
    assert texts(stage) == ["Hello", "Message to the customer: failed"]
    [contact] = stage.hubspot("contacts")
    assert stage.hubspot("communications")[1]["associations"] == {"contacts": [contact["id"]]}


async def test_a_deleted_contact_is_made_anew_and_gets_the_ticket_and_the_entry(stage: Stage) -> None:
    await stage.delivered(received("m1"))
    [old] = stage.hubspot("contacts")
    await stage.delete(f"{stage.urls.hubspot}/crm/v3/objects/contacts/{old['id']}", Authorization=TOKEN)
    books = await stage.delivered(received("m2"))

    assert books["whatsapp-message-to-hubspot"] == {"done": 2}
    [new] = stage.hubspot("contacts")
    assert new["id"] != old["id"]
    [ticket] = stage.hubspot("tickets")
    assert new["id"] in ticket["associations"]["contacts"]
    assert new["id"] in stage.hubspot("communications")[1]["associations"]["contacts"]
    await stage.delivered(received("m3"))
    assert len(stage.hubspot("contacts")) == 1


async def test_a_deleted_ticket_is_followed_by_a_new_one(stage: Stage) -> None:
    await stage.delivered(received("m1"))
    [old] = stage.hubspot("tickets")
    await stage.delete(f"{stage.urls.hubspot}/crm/v3/objects/tickets/{old['id']}", Authorization=TOKEN)
    books = await stage.delivered(received("m2"))

    assert books["whatsapp-message-to-hubspot"] == {"done": 2}
    [new] = stage.hubspot("tickets")
    assert new["id"] != old["id"]
    assert stage.hubspot("communications")[1]["associations"]["tickets"] == [new["id"]]


async def test_a_media_message_without_text_says_what_it_is(stage: Stage) -> None:
    await stage.delivered(
        received("m1", None, type="image", media_url="https://cdn.example.com/1.jpg"),
        received("m2", None, type="sticker"),
        received("m3", ""),
    )

    assert texts(stage) == ["[image] https://cdn.example.com/1.jpg", "[sticker] no text", "[text] no text"]


async def test_a_long_text_is_cut_with_a_mark_and_markup_is_shown_as_text(stage: Stage) -> None:
    await stage.delivered(received("m1", "a" * 70_000), received("m2", "<b>1 & 2</b>"))

    long, markup = texts(stage)
    assert len(long) <= 65_536
    assert long.endswith("[cut: longer than HubSpot takes]")
    assert markup == "&lt;b&gt;1 &amp; 2&lt;/b&gt;"


async def test_a_sender_that_is_no_phone_number_is_a_dead_letter_of_kind_mapping(stage: Stage) -> None:
    books = await stage.delivered(received("m1", sender="somebody"))

    assert books["whatsapp-message-to-hubspot"] == {"dead": 1}
    assert {letter["kind"] for letter in await stage.daemon.console.dead_letters(Query())} == {"mapping"}
    assert stage.hubspot("contacts") == []
