import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources import Received, Refused, Source, SourceConfig, sign
from tests.canaries import AISOULE_SECRET, CANARIES, ORDERS_SECRET, PHONE, TEXT
from tests.sources.builders import (
    JSON_TYPE,
    NOW_MS,
    accepted,
    aisoule,
    encoded,
    only_event,
    orders,
    refused,
    send,
    stored,
)

BODY = encoded({"event": "message.received", "data": {"message_id": "m1", "sender": PHONE, "body": TEXT}})


def receive(source: Source, headers: list[tuple[str, str]], body: bytes = BODY) -> Received | Refused:
    return source.receive(headers=headers, query=[], body=body, now_ms=NOW_MS)


def test_the_mock_signature_of_the_vendors_curl_example_gets_401() -> None:
    answer = refused(receive(aisoule(), [JSON_TYPE, ("X-AISoule-Signature", "sha256=your_computed_hmac_signature")]))
    assert (answer.status, answer.code) == (401, "signature_malformed")


def test_a_401_tells_a_newcomer_where_to_look_and_nothing_else() -> None:
    answer = refused(receive(aisoule(), [JSON_TYPE]))
    assert (answer.status, answer.code) == (401, "signature_missing")
    for words in ("`secret:`", "X-AISoule-Signature", "X-Webhook-Signature", "crm-bridge send aisoule EVENT.json"):
        assert words in answer.help
    assert not any(canary in repr(answer) for canary in CANARIES)


def test_broken_json_with_a_bad_signature_is_401_not_400() -> None:
    assert refused(receive(aisoule(), [JSON_TYPE, ("X-AISoule-Signature", "sha256=" + "0" * 64)], b"{")).status == 401


def test_broken_json_with_a_good_signature_is_400() -> None:
    answer = refused(send(aisoule(), b'{"event":"ping","event":"ping"}'))
    assert (answer.status, answer.code) == (400, "body_unreadable")
    assert "same key twice" in answer.message


def test_form_is_judged_before_the_signature() -> None:
    assert refused(receive(aisoule(), [("Content-Type", "text/plain")])).status == 415
    assert refused(receive(aisoule(), [JSON_TYPE, ("Content-Encoding", "gzip")])).status == 415


def test_the_secret_that_matched_is_reported_while_rotating() -> None:
    source = aisoule(secret=[ORDERS_SECRET, AISOULE_SECRET])
    headers = [JSON_TYPE, *sign(aisoule().verification, BODY, now_ms=NOW_MS).headers]
    answer = receive(source, headers)
    assert isinstance(answer, Received)
    assert answer.secret_index == 1


def test_a_source_that_checks_nothing_takes_anything_readable() -> None:
    source = orders(verify={"type": "none"}, event={"type": "x", "id": "body"})
    answer = receive(source, [JSON_TYPE])
    assert isinstance(answer, Received)
    assert answer.secret_index is None
    assert [warning.path for warning in source.warnings] == [("verify",)]


def test_a_signed_time_without_a_limit_is_warned_about() -> None:
    verify = {
        "type": "hmac",
        "secrets": [ORDERS_SECRET],
        "signature": {"from": "header:X-S"},
        "timestamp": {"from": "header:X-T", "past_s": None},
        "message": "{timestamp}{body}",
    }
    assert [warning.path for warning in orders(verify=verify).warnings] == [("verify", "timestamp")]


def test_headers_and_query_are_kept_without_signatures_and_credentials() -> None:
    extra = [JSON_TYPE, ("X-Attempt", "2"), ("Authorization", "Basic x"), ("Cookie", "a=b")]
    (event,) = accepted(send(aisoule(), BODY, headers=extra, query=[("shop", "a"), ("token", "x")]))
    assert event.headers == {"content-type": "application/json", "x-attempt": "2"}
    assert event.query == {"shop": "a"}


def test_odd_header_bytes_become_text_that_every_store_can_hold() -> None:
    (event,) = accepted(send(aisoule(), BODY, headers=[JSON_TYPE, ("X-Name", "caf\udce9")]))
    assert event.headers["x-name"] == "caf?"


def test_the_scope_of_an_event_has_the_roots_that_rules_read() -> None:
    source = aisoule()
    event = only_event(source, {"event": "message.incoming", "timestamp": 1_780_369_298, "data": {"message_id": "m1"}})
    scope = source.scope(stored(event))
    assert scope["event"] == {
        "id": "message.received:m1",
        "type": "message.received",
        "raw_type": "message.incoming",
        "source": "aisoule",
        "time": "2026-06-02T03:01:38.000Z",
        "received_at": "2026-06-02T03:01:40.000Z",
    }
    assert scope["headers"] == {"content-type": "application/json"}
    assert scope["query"] == {}
    assert "parent" not in scope
    assert set(scope) == {"body", "fields", "event", "headers", "query"}
    assert len(scope) == 5
    assert scope["body"] is scope["body"]
    with pytest.raises(KeyError):
        scope["links"]


def test_an_event_without_a_time_has_null_there() -> None:
    source = aisoule()
    assert source.scope(stored(only_event(source, {"event": "ping"})))["event"]["time"] is None  # type: ignore[index] # a dict


def test_paths_and_answers_come_from_the_configuration() -> None:
    plain, own = aisoule(), aisoule(path="/webhook", max_body="64KiB", answer_status=204)
    assert (plain.path, plain.max_body, plain.answer_status) == ("/hooks/aisoule", None, 200)
    assert (own.path, own.max_body, own.answer_status) == ("/webhook", 65_536, 204)


def test_the_dedupe_window_can_be_set_and_is_never_longer_than_ten_minutes_for_a_hash() -> None:
    assert only_event(aisoule(dedupe="1h"), {"event": "x", "data": {"message_id": "m"}}).dedupe_ms == 3_600_000
    assert only_event(aisoule(dedupe="1h"), {"event": "x"}).dedupe_ms == 600_000
    assert only_event(aisoule(dedupe="1m"), {"event": "x"}).dedupe_ms == 60_000


def test_no_secret_shows_in_the_repr_of_a_source() -> None:
    assert AISOULE_SECRET not in repr(aisoule())


def test_a_preset_that_the_configuration_does_not_name_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="preset"):
        Source.compile("aisoule", SourceConfig(preset="aisoule"))


TEXTS = st.text(st.characters(), max_size=20)
NAMES = st.sampled_from(["Content-Type", "Content-Encoding", "X-AISoule-Signature", "X-Webhook-Signature"]) | TEXTS
VALUES = st.sampled_from(["application/json", "sha256=" + "0" * 64, "0" * 64]) | TEXTS


def test_headers_that_fit_a_pattern_of_proofs_are_not_kept() -> None:
    verify = {"type": "hmac", "secrets": [ORDERS_SECRET], "signature": {"from": "header_pattern:X-Proof-*"}}
    source = orders(verify=verify)
    (event,) = accepted(send(source, b'{"kind":"a","id":"1"}', headers=[JSON_TYPE, ("X-Other", "kept")]))
    assert event.headers["x-other"] == "kept"
    assert [name for name in event.headers if name.startswith("x-proof")] == []


PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=4)


@given(PAIRS, PAIRS, st.binary(max_size=60))
def test_no_unsigned_request_raises_or_is_stored(
    headers: list[tuple[str, str]], query: list[tuple[str, str]], body: bytes
) -> None:
    answer = aisoule().receive(headers=headers, query=query, body=body, now_ms=NOW_MS)
    assert refused(answer).status in {401, 415}


@given(PAIRS, PAIRS, st.binary(max_size=60))
def test_no_believed_request_raises(headers: list[tuple[str, str]], query: list[tuple[str, str]], body: bytes) -> None:
    source = orders(verify={"type": "none"}, event={"type": "x", "id": "body"})
    answer = source.receive(headers=headers, query=query, body=body, now_ms=NOW_MS)
    if isinstance(answer, Refused):
        assert answer.status in {400, 415}
    else:
        encoded([dict(event.headers) for event in answer.events] + [dict(event.query) for event in answer.events])
