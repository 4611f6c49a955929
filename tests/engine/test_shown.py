from bridge.engine.shown import event_fields
from bridge.sources.strict_json import dump_json
from tests.sources.builders import only_event, orders, stored

FIELDS = {"mail": "{{ body.mail | default(omit) }}", "phone": "{{ body.phone | e164 }}", "kind": "{{ event.type }}"}


def test_the_fields_of_an_event_are_shown_and_those_that_fail_say_why() -> None:
    source = orders(fields=FIELDS)
    event = only_event(source, {"kind": "paid", "id": 1, "created": 1_780_369_298, "phone": "nonsense"})
    shown = event_fields(source.scope(stored(event)))
    assert shown["fields"] == {"kind": "paid"}  # what the event lacks is absent
    failed = shown["failed_fields"]
    assert isinstance(failed, dict)
    assert list(failed) == ["phone"]
    assert failed["phone"].startswith("`fields.phone` could not be computed: ")
    assert "nonsense" not in failed["phone"]
    assert dump_json(shown)


def test_a_source_without_fields_and_one_that_is_gone_have_none() -> None:
    event = only_event(orders(), {"kind": "paid", "id": 1, "created": 1_780_369_298})
    assert event_fields(orders().scope(stored(event))) == {"fields": {}, "failed_fields": {}}
    assert event_fields({"fields": {}}) == {"fields": {}, "failed_fields": {}}
