"""One name for one thing, whoever sends it: what one rule for many senders rests on."""

from collections import Counter
from collections.abc import Callable

from bridge.sources import preset_names
from bridge.sources.schema import Expected
from bridge.sources.vocabulary import INSTEAD, VOCABULARY
from tests.sources.builders import preset

NAMES = {name for words in VOCABULARY.values() for name in words}
RECEIPTS = {"message.sent", "message.delivered", "message.read", "message.failed"}
OF_A_MAIL = {"email", "name", "to", "title", "message_id", "attachments"}
ALLOWED = {("aws-sns", "message")}
"""There it is what `text` says, read as JSON."""
BODY_WINDOW_MS = 600_000


def each_preset(check: Callable[[str], None]) -> Callable[[], None]:
    """One test over all presets: as hundreds of tests, they would cost more than what they look at."""

    def test() -> None:
        for name in preset_names():
            try:
                check(name)
            except AssertionError as error:
                error.add_note(f"in the preset {name}")
                raise

    test.__name__ = check.__name__
    return test


def events(name: str) -> list[Expected]:
    return [event for sample in preset(name).samples for event in sample.events]


def test_each_name_has_one_meaning_and_no_name_is_both_right_and_wrong() -> None:
    assert len(NAMES) == sum(len(words) for words in VOCABULARY.values())
    assert not NAMES & set(INSTEAD)
    assert set(INSTEAD.values()) <= NAMES


def test_a_name_that_three_presets_have_is_in_the_vocabulary() -> None:
    uses = Counter(field for name in preset_names() for field in preset(name).fields)
    assert {field for field, count in uses.items() if count >= 3} <= NAMES


@each_preset
def test_a_thing_has_the_name_that_it_has_elsewhere(name: str) -> None:
    wrong = {field: INSTEAD[field] for field in preset(name).fields if field in INSTEAD}
    assert {field for field in wrong if (name, field) not in ALLOWED} == set(), f"call them {wrong}"


@each_preset
def test_names_and_amounts_come_whole(name: str) -> None:
    fields = set(preset(name).fields)
    assert ("firstname" in fields) == ("lastname" in fields)
    assert "firstname" not in fields or "name" in fields
    assert ("amount" in fields) == ("currency" in fields)


@each_preset
def test_a_receipt_says_its_status_and_a_price_its_currency_in_our_words(name: str) -> None:
    for event in events(name):
        if event.type in RECEIPTS and preset(name).group == "messaging" and "status" in event.fields:
            assert event.fields["status"] == event.type.removeprefix("message.")
        currency = event.fields.get("currency", "EUR")
        assert isinstance(currency, str)
        assert currency == currency.upper()


@each_preset
def test_a_mail_that_comes_in_has_the_same_fields_from_everybody(name: str) -> None:
    if "mail.received" in preset(name).event_types:
        assert set(preset(name).fields) >= OF_A_MAIL
        assert any(event.type == "mail.received" for event in events(name))


@each_preset
def test_no_two_events_of_its_samples_are_one(name: str) -> None:
    different = {(event.id, event.type, repr(event.fields)) for event in events(name) if event.id != "body"}
    assert len({event_id for event_id, *_ in different}) == len(different)


@each_preset
def test_it_says_so_when_a_repeat_may_come_after_the_hash_of_its_bytes_is_forgotten(name: str) -> None:
    repeats = preset(name).sender.repeats_for or 0
    by_bytes = {event.type for event in events(name) if event.id == "body"} - {"ping"}
    assert repeats <= BODY_WINDOW_MS or not by_bytes or "ten minutes" in preset(name).doc, by_bytes
