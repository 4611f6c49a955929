from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.answer import Answer
from bridge.connectors.limits import LONGEST_RESET_MS, CompiledLimit, Reading
from bridge.connectors.traffic import MAX_CALLS, Limit
from bridge.expressions import TemplateRefused
from tests.canaries import PHONE_E164
from tests.connectors.builders import NOW_MS, call_of, json_answer, operation

OPERATIONS = ("contacts.upsert", "contacts.search", "tickets.update")
HEADERS = {"limit": "X-Max", "remaining": "X-Left", "resets": "X-Reset"}


def limit(**more: Any) -> CompiledLimit:
    return CompiledLimit.of("l", Limit.model_validate({"doc": "d", "calls": 100, "per": "10s", **more}), OPERATIONS)


def read(sent: dict[str, str], **more: Any) -> Reading:
    return limit(**more).reading(Answer(200, sent), NOW_MS)


@pytest.mark.parametrize(
    ("more", "covered", "covers_all"),
    [
        ({}, list(OPERATIONS), True),
        ({"except": ["*.merge"]}, list(OPERATIONS), True),
        ({"except": ["*.search"]}, ["contacts.upsert", "tickets.update"], False),
        ({"operations": ["contacts.*"]}, ["contacts.upsert", "contacts.search"], False),
        ({"operations": ["*s.up*"], "except": ["contacts.*"]}, ["tickets.update"], False),
        ({"operations": ["Contacts.*"]}, [], False),
        ({"key": "{{ params.id }}"}, list(OPERATIONS), False),
        ({"methods": ["PUT"]}, list(OPERATIONS), False),
    ],
)
def test_a_limit_covers_the_operations_it_names(more: dict[str, Any], covered: list[str], *, covers_all: bool) -> None:
    compiled = limit(**more)
    assert [name for name in OPERATIONS if compiled.applies_to(name)] == covered
    assert compiled.covers_all is covers_all


def test_a_limit_on_writing_does_not_count_reading() -> None:
    compiled = limit(methods=["PUT", "POST"])
    counted = {method: compiled.applies_to("tickets.update", method) for method in ("GET", "PUT", "POST", None)}
    assert counted == {"GET": False, "PUT": True, "POST": True, None: True}


def test_a_refusal_holds_for_one_window_unless_told_otherwise() -> None:
    assert (limit().per_ms, limit().hold_ms, limit(hold="15m").hold_ms) == (10_000, 10_000, 900_000)


def test_a_key_names_the_window_of_a_call() -> None:
    upsert = operation("zendesk", "users.upsert")
    call = call_of(upsert, {"external_id": f"WhatsApp:{PHONE_E164}"})
    assert limit().key_of(call) is None
    assert limit(key="{{ params.external_id | lower }}").key_of(call) == f"whatsapp:{PHONE_E164}"
    assert limit(key="{{ settings.subdomain }}").key_of(call) == "acme"
    assert limit(key="{{ params.email }}").key_of(call) is None


@pytest.mark.parametrize("wrong", [{"key": "{{ body.id }}"}, {"refused": "params.id"}, {"refused": "("}])
def test_templates_that_cannot_work_are_refused_when_loaded(wrong: dict[str, str]) -> None:
    with pytest.raises(TemplateRefused):
        limit(**wrong)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"x-max": "190", "x-left": "0", "x-reset": "4"}, Reading(190, 0, 4_000)),
        ({"x-max": " 190 ", "x-left": "12"}, Reading(190, 12, None)),
        ({"x-reset": "0.25"}, Reading(None, None, 250)),
        ({"x-reset": str(NOW_MS // 1000 + 30)}, Reading(None, None, 30_000)),
        ({"x-reset": str(NOW_MS // 1000 - 30)}, Reading()),
        ({"x-reset": "100000"}, Reading()),
        ({"x-max": "0"}, Reading()),
        ({"x-max": "-1", "x-left": "-1", "x-reset": "-1"}, Reading()),
        ({"x-max": "1.5", "x-left": "many"}, Reading()),
        ({"x-max": "9" * 300, "x-left": "\u0663"}, Reading()),
        ({}, Reading()),
    ],
)
def test_headers_of_one_number_each_are_read(headers: dict[str, str], told: Reading) -> None:
    assert read(headers, headers=HEADERS) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("total=100; remaining=99; resets=41", Reading(100, 99, 41_000)),
        ("remaining=0;resets=1;total=1", Reading(1, 0, 1_000)),
        ("total=100; something=else; remaining=9", Reading(100, 9, None)),
        ("limit=20", Reading(20, None, None)),
        ("total=x; remaining", Reading()),
        ("", Reading()),
    ],
)
def test_one_header_that_holds_it_all_is_read(text: str, told: Reading) -> None:
    assert read({"x-bucket": text}, header="X-Bucket") == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("api-usage=18/5000", Reading(5_000, 4_982, None)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=bridge)", Reading(5_000, 4_975, None)),
        ("api-usage=5001/5000", Reading(5_000, 0, None)),
        ("api-usage=18", Reading()),
        ("", Reading()),
    ],
)
def test_what_is_used_and_the_total_are_read_from_one_header(text: str, told: Reading) -> None:
    assert read({"sforce-limit-info": text}, header="Sforce-Limit-Info") == told


def test_a_limit_without_headers_is_told_nothing() -> None:
    assert read({"x-max": "1"}) == Reading()


@given(st.text(), st.text())
def test_no_header_breaks_the_reading(one: str, other: str) -> None:
    for told in (
        read({"x-max": one, "x-left": other, "x-reset": one}, headers=HEADERS),
        read({"x-bucket": f"{one}total={other};resets={one}"}, header="X-Bucket"),
    ):
        assert told.limit is None or 1 <= told.limit <= MAX_CALLS
        assert told.remaining is None or 0 <= told.remaining <= MAX_CALLS
        assert told.resets_in_ms is None or 0 <= told.resets_in_ms <= LONGEST_RESET_MS


@pytest.mark.parametrize(
    ("answer", "is_meant"),
    [
        (json_answer(429, {"policyName": "DAILY"}), True),
        (json_answer(429, {"policyName": "SECONDLY"}), False),
        (json_answer(429, {}), False),
        (json_answer(429, []), False),
        (Answer(429, {}, b"plain"), False),
        (Answer(None), False),
    ],
)
def test_a_refusal_is_about_the_limit_that_it_names(answer: Answer, *, is_meant: bool) -> None:
    assert limit(refused="body.policyName == 'DAILY'").refuses(answer) is is_meant


def test_a_refusal_in_plain_text_can_be_told_by_its_words() -> None:
    by_words = limit(refused="'per user' in text | lower and headers['retry-after'] is defined")
    assert by_words.refuses(Answer(429, {"retry-after": "9"}, b"Number of updates Per User exceeded"))
    assert not by_words.refuses(Answer(429, {}, b"Number of updates per user exceeded"))
    assert not limit().refuses(Answer(429))
