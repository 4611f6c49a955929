from dataclasses import replace
from pathlib import Path

import orjson

from bridge.configuration.model import EACH_BYTES, KEPT_BYTES
from bridge.model import StoredEvent
from tests.canaries import PHONE
from tests.configuration.builders import load


def _event(source: str) -> StoredEvent:
    body = {"event": "message.received", "timestamp": 1_780_369_298, "data": {"message_id": "m1", "sender": PHONE}}
    return StoredEvent(
        seq=1,
        id="evt_1",
        source=source,
        event_id="message.received:m1",
        type="message.received",
        raw_type="message.received",
        time_ms=1_780_369_298_000,
        received_at_ms=1_780_369_299_000,
        content=orjson.dumps(body),
        parent=b"[1]",
        item=0,
        headers={"x-thing": "1"},
        query={},
    )


def test_an_event_of_a_configured_source_has_its_fields(tmp_path: Path) -> None:
    configuration = load(tmp_path, {}).configuration
    assert configuration is not None

    fields = configuration.scope(_event("aisoule"))["fields"]

    assert isinstance(fields, dict)
    assert fields["customer"] == PHONE


def test_an_event_whose_source_is_gone_keeps_everything_but_its_fields(tmp_path: Path) -> None:
    configuration = load(tmp_path, {}).configuration
    assert configuration is not None

    known, gone = configuration.scope(_event("aisoule")), configuration.scope(_event("gone"))

    assert gone["fields"] == {}
    assert gone["event"] == {**dict(known["event"]), "source": "gone"}  # type: ignore[call-overload] # a mapping
    assert {name: gone[name] for name in ("body", "parent", "headers", "query")} == {
        name: known[name] for name in ("body", "parent", "headers", "query")
    }


def test_what_was_read_of_an_event_is_kept_for_its_deliveries(tmp_path: Path) -> None:
    configuration = load(tmp_path, {}).configuration
    assert configuration is not None
    event = _event("aisoule")
    assert configuration.scope(replace(event)) is configuration.scope(event)


def test_an_event_whose_stored_bytes_differ_is_read_anew(tmp_path: Path) -> None:
    configuration = load(tmp_path, {}).configuration
    assert configuration is not None
    event = _event("aisoule")
    configuration.scope(event)

    damaged = replace(event, content=b'{"event": "other"}')

    assert configuration.scope(damaged)["body"] == {"event": "other"}
    assert configuration.scope(event)["body"] == orjson.loads(event.content)


def test_only_so_many_events_are_kept(tmp_path: Path) -> None:
    configuration = load(tmp_path, {}).configuration
    assert configuration is not None
    first = _event("aisoule")
    scope = configuration.scope(first)
    for seq in range(2, KEPT_BYTES // EACH_BYTES):
        configuration.scope(replace(first, seq=seq))
    assert configuration.scope(first) is not scope


def test_an_event_larger_than_all_that_is_kept_is_read_all_the_same(tmp_path: Path) -> None:
    configuration = load(tmp_path, {}).configuration
    assert configuration is not None
    large = replace(_event("aisoule"), content=orjson.dumps("x" * (KEPT_BYTES + 1)))
    assert configuration.scope(large)["body"] == "x" * (KEPT_BYTES + 1)
