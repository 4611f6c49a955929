from dataclasses import replace
from pathlib import Path

import orjson
import pytest

import bridge.configuration.model
from bridge.configuration.model import EACH_BYTES, KEPT_BYTES, KEPT_PARENT_BYTES, Configuration
from bridge.model import StoredEvent
from bridge.sources import Unreadable, parse_json
from tests.canaries import PHONE
from tests.configuration.builders import CONFIG, load


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


# --- events that share a request -------------------------------------------------------------------------------------

ORDERS = """
  orders: {verify: {type: none}, split: "entry[].items[]", event: {type: order, id: "{{ body.id }}"},
           fields: {entry: "{{ parents.entry.id }}"}}
destinations:"""


def _request(tmp_path: Path) -> Configuration:
    config = CONFIG.replace("\ndestinations:", ORDERS)
    configuration = load(tmp_path, {"config.yaml": config}).configuration
    assert configuration is not None
    return configuration


def _split_off(body: bytes, number: int, *, source: str = "orders", padding: int = 0) -> StoredEvent:
    """The event of one item, with bytes of its own as if it came from the store."""
    content = orjson.dumps({"id": number, "padding": "x" * padding})
    place = ("entry", number // 10, "items", number % 10)
    return replace(
        _event(source),
        seq=number + 1,
        type="order",
        content=content,
        parent=bytes(bytearray(body)),
        item=number,
        place=place,
    )


def _body(entries: int) -> bytes:
    return orjson.dumps(
        {"entry": [{"id": f"E{at}", "items": [{"id": at * 10 + i} for i in range(10)]} for at in range(entries)]}
    )


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The request bodies that were parsed."""
    parsed: list[bytes] = []

    def parse(body: bytes) -> object:
        parsed.append(body)
        return parse_json(body)

    monkeypatch.setattr(bridge.configuration.model, "parse_json", parse)
    return parsed


@pytest.mark.parametrize("source", ["orders", "gone"])
def test_the_body_of_a_request_is_read_once_for_all_its_events(
    tmp_path: Path, parses: list[bytes], source: str
) -> None:
    configuration, body = _request(tmp_path), _body(100)
    for number in range(1000):
        # so long that the scopes themselves are forgotten long before all are through
        scope = configuration.scope(_split_off(body, number, source=source, padding=10_000))
        parents = scope["parents"]
        assert isinstance(parents, dict)
        assert parents["entry"]["id"] == f"E{number // 10}"
        assert source == "gone" or scope["fields"] == {"entry": f"E{number // 10}"}
    assert [each for each in parses if each == body] == [body]


def test_an_event_without_a_place_has_no_parents_by_name(tmp_path: Path) -> None:
    scope = _request(tmp_path).scope(replace(_split_off(_body(1), 3), place=None))
    assert scope["parents"] == {}


def test_the_body_of_a_request_is_kept_once_and_goes_with_its_last_event(tmp_path: Path) -> None:
    configuration = _request(tmp_path)
    body = b" " * (KEPT_BYTES // 2) + _body(1)
    first = [configuration.scope(_split_off(body, number)) for number in range(10)]
    assert [configuration.scope(_split_off(body, number)) for number in range(10)] == first
    assert configuration.scope(_split_off(body, 0)) is first[0]
    other = b" " * (KEPT_BYTES // 2) + _body(2)
    configuration.scope(replace(_split_off(other, 0), seq=99))
    kept = configuration._scopes
    assert kept._bytes <= KEPT_BYTES
    assert set(kept._parents) == {other}
    assert configuration.scope(_split_off(body, 0)) is not first[0]


def test_only_so_many_bodies_of_requests_are_kept_read_and_the_last_one_always(
    tmp_path: Path, parses: list[bytes]
) -> None:
    configuration = _request(tmp_path)
    bodies = [b" " * (KEPT_PARENT_BYTES // 2 + at) + _body(1) for at in range(3)]
    for body in (*bodies, bodies[2], bodies[0]):
        assert configuration._parents.parse(body) == parse_json(body)
    assert parses == [*bodies, bodies[0]]
    whole = b" " * KEPT_PARENT_BYTES + _body(1)
    assert configuration._parents.parse(whole) is configuration._parents.parse(whole)
    assert list(configuration._parents._kept) == [whole]


def test_the_damaged_body_of_a_request_is_never_kept(tmp_path: Path) -> None:
    configuration = _request(tmp_path)
    for _ in range(2):
        with pytest.raises(Unreadable):
            configuration.scope(_split_off(b"{", 0))["parent"]
    assert configuration._parents._kept == {}
