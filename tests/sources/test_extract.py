import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions import RenderError
from bridge.sources.extract import BODY_DEDUPE_MS
from bridge.sources.strict_json import parse_json
from tests.canaries import PHONE, TEXT
from tests.sources.builders import (
    JSON_TYPE,
    NOW_MS,
    accepted,
    encoded,
    fields_of,
    only_event,
    orders,
    refused,
    send,
    stored,
)

DAY_MS = 24 * 3_600_000
NEITHER = "`event.id` gave neither text nor a whole number"
ORDER = {"kind": "order.paid", "id": 7, "created": "2026-06-02T03:01:38Z"}


def test_one_body_is_one_event_with_its_bytes_untouched() -> None:
    body = b'{ "kind": "order.paid",\n "id": 18446744073709551617, "created": 1780369298 }'
    (event,) = accepted(send(orders(), body))
    assert event.content == body
    assert (event.type, event.raw_type, event.event_id) == ("order.paid", "order.paid", "18446744073709551617")
    assert (event.source, event.time_ms, event.received_at_ms) == ("orders", 1_780_369_298_000, NOW_MS)
    assert (event.parent, event.item, event.dedupe_ms) == (None, None, 8 * DAY_MS)


def test_a_split_gives_each_item_an_event_and_the_whole_as_parent() -> None:
    source = orders(split="orders", fields={"shop": "{{ parent.shop }}", "kind": "{{ body.kind }}"})
    body = encoded({"shop": "S1", "orders": [ORDER, ORDER | {"id": 8}]})
    events = accepted(send(source, body))
    assert [(event.event_id, event.item, event.parent) for event in events] == [("7", 0, body), ("8", 1, body)]
    assert [parse_json(event.content) for event in events] == [ORDER, ORDER | {"id": 8}]
    assert fields_of(source, events[1]) == {"shop": "S1", "kind": "order.paid"}
    assert source.scope(stored(events[0]))["parent"] == {"shop": "S1", "orders": [ORDER, ORDER | {"id": 8}]}


def test_the_whole_body_may_be_the_list() -> None:
    assert [event.event_id for event in accepted(send(orders(split="[]"), encoded([ORDER])))] == ["7"]


def test_lists_inside_lists_are_flattened_in_order() -> None:
    body = {
        "entry": [
            {"changes": [{"v": {"m": [ORDER]}}]},
            {"changes": [{"v": {"m": [ORDER | {"id": 8}, ORDER | {"id": 9}]}}]},
        ]
    }
    events = accepted(send(orders(split="entry[].changes[].v.m"), encoded(body)))
    assert [(event.event_id, event.item) for event in events] == [("7", 0), ("8", 1), ("9", 2)]


def test_the_elements_around_an_item_are_named_in_every_template_and_for_rules() -> None:
    source = orders(
        split="entry[].changes[].orders[]",
        event={"type": "{{ parents.changes.kind }}", "id": "{{ parents.entry.id }}:{{ body.id }}"},
        fields={"entry": "{{ parents.entry.id }}"},
    )
    first, second = {"kind": "a", "orders": [{"id": 1}, {"id": 2}]}, {"kind": "b", "orders": [{"id": 1}]}
    body = {"entry": [{"id": "E1", "changes": [first, second]}, {"id": "E2", "changes": [second]}]}
    events = accepted(send(source, encoded(body)))
    assert [(event.type, event.event_id) for event in events] == [
        ("a", "E1:1"),
        ("a", "E1:2"),
        ("b", "E1:1"),
        ("b", "E2:1"),
    ]
    assert events[3].place == ("entry", 1, "changes", 0, "orders", 0)
    scope = source.scope(stored(events[3]))
    assert scope["parents"] == {"entry": {"id": "E2", "changes": [second]}, "changes": second}
    assert fields_of(source, events[3]) == {"entry": "E2"}
    assert {"parent", "parents"} <= set(scope)


def test_one_event_in_place_of_a_list_is_stored_as_it_came() -> None:
    source = orders(split="[]?")
    body = b'{ "kind": "paid", "id": 1.0e1, "id2": 1.10 }'.replace(b"1.0e1", b"10")
    (event,) = accepted(send(source, body))
    assert (event.content, event.parent, event.place) == (body, None, None)
    assert "parents" not in source.scope(stored(event))
    assert [each.event_id for each in accepted(send(source, b"[%b]" % body))] == ["10"]


def test_an_empty_list_is_a_heartbeat_and_no_error() -> None:
    assert accepted(send(orders(split="orders"), encoded({"orders": []}))) == []


@pytest.mark.parametrize("body", [{}, {"orders": {}}, {"orders": None}, [], 5])
def test_a_list_that_is_not_there_is_unreadable(body: object) -> None:
    answer = refused(send(orders(split="orders"), encoded(body)))
    assert (answer.status, answer.code) == (400, "list_missing")


def test_one_unreadable_item_refuses_the_whole_request() -> None:
    assert refused(send(orders(split="[]"), encoded([ORDER, {"id": 8}]))).code == "event_type_missing"


def test_types_are_translated_and_the_senders_word_is_kept() -> None:
    event = only_event(orders(types={"order.paid": "order.settled"}), ORDER)
    assert (event.type, event.raw_type) == ("order.settled", "order.paid")


@pytest.mark.parametrize("kind", [None, 5, True, "", "x" * 129, "a\nb", ["a"], {"a": 1}])
def test_a_type_that_is_no_short_text_is_refused(kind: object) -> None:
    assert refused(send(orders(), encoded(ORDER | {"kind": kind}))).code == "event_type_unreadable"


@pytest.mark.parametrize("event_id", [None, True, 1.5, "", ["a"], {"a": 1}])
def test_an_id_that_is_neither_text_nor_whole_number_is_refused(event_id: object) -> None:
    answer = refused(send(orders(), encoded(ORDER | {"id": event_id})))
    assert (answer.status, answer.code) == (400, "event_id_unreadable")


def test_a_missing_id_is_refused() -> None:
    assert refused(send(orders(), encoded({"kind": "a"}))).code == "event_id_missing"


def test_what_lacks_its_id_is_told_to_the_log_by_its_number_and_the_name_that_was_read() -> None:
    assert refused(send(orders(), encoded({"kind": "a"}))).reason == (
        "`event.id` reads `body.id`, which is missing or of no use to it"
    )
    reasons = [
        refused(send(orders(split="orders"), encoded({"orders": [ORDER, bad, ORDER]}))).reason
        for bad in ({"kind": "a"}, {"id": "1"}, ORDER | {"id": None})
    ]
    assert reasons == [
        "item 2 of 3: `event.id` reads `body.id`, which is missing or of no use to it",
        "item 2 of 3: `event.type` reads `body.kind`, which is missing or of no use to it",
        f"item 2 of 3: {NEITHER}",
    ]


def test_an_enormous_id_is_replaced_by_its_hash() -> None:
    first, again, other = (
        only_event(orders(), ORDER | {"id": text}).event_id for text in ("x" * 1000, "x" * 1000, "x" * 999)
    )
    assert first == again != other
    assert len(first) < 100


def test_equal_bytes_are_one_event_where_the_source_says_so() -> None:
    source = orders(event={"type": "order", "id": "body"})
    first, again = only_event(source, ORDER), only_event(source, ORDER)
    other = only_event(source, ORDER | {"id": 8})
    assert first.event_id == again.event_id != other.event_id
    assert first.dedupe_ms == BODY_DEDUPE_MS


def test_equal_items_of_one_request_are_told_apart_the_same_way_each_time() -> None:
    source = orders(split="[]", event={"type": "order", "id": "body"})
    first, second = (accepted(send(source, encoded([ORDER, ORDER, {"a": 1}]))) for _ in range(2))
    assert [event.event_id for event in first] == [event.event_id for event in second]
    assert len({event.event_id for event in first}) == 3


def test_ids_are_tried_in_order_until_one_is_given() -> None:
    ids = ["{{ body.a | default(omit) }}", "{{ body.b | default(omit) }}", "body"]
    source = orders(event={"type": "x", "id": ids})
    assert only_event(source, {"a": "one", "b": "two"}).event_id == "one"
    assert only_event(source, {"b": "two"}).event_id == "two"
    assert only_event(source, {}).event_id.startswith("body:")


def test_without_a_last_resort_an_event_with_no_id_is_refused() -> None:
    source = orders(event={"type": "x", "id": ["{{ body.a | default(omit) }}"]})
    assert refused(send(source, b"{}")).reason == "every template of `event.id` gave `omit`, and none of them is `body`"


def test_a_last_resort_is_not_for_an_id_that_is_no_text_and_nobody_is_told_to_add_one() -> None:
    source = orders(event={"type": "x", "id": ["{{ body.a }}", "body"]})
    assert refused(send(source, b'{"a": ""}')).reason == NEITHER


def test_an_id_may_be_made_of_the_type_and_headers() -> None:
    source = orders(event={"type": "{{ body.kind }}", "id": "{{ event.type }}:{{ headers['x-delivery'] }}"})
    (event,) = accepted(send(source, encoded(ORDER), headers=[("X-Delivery", "d1")]))
    assert event.event_id == "order.paid:d1"


@pytest.mark.parametrize("second", ["d1", "d2", ""])
def test_an_id_in_a_header_that_comes_twice_is_refused_even_when_both_are_equal(second: str) -> None:
    source = orders(event={"type": "{{ body.kind }}", "id": ["{{ headers['x-delivery'] | default(omit) }}", "body"]})
    twice = refused(send(source, encoded(ORDER), headers=[JSON_TYPE, ("X-Delivery", "d1"), ("x-delivery", second)]))
    assert (twice.status, twice.code, twice.is_proven) == (400, "event_id_repeated", True)
    assert "proxy" in twice.help  # and nobody is sent to the body
    assert accepted(
        send(source, encoded(ORDER), headers=[JSON_TYPE, ("X-Delivery", "d1"), ("X-Other", "1"), ("X-Other", "2")])
    )


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1_780_369_298, 1_780_369_298_000),
        (1_780_369_298_000, 1_780_369_298_000),
        ("1780369298", 1_780_369_298_000),
        ("2026-06-02T03:01:38Z", 1_780_369_298_000),
        ("2026-06-02T08:31:38+05:30", 1_780_369_298_000),
    ],
)
def test_times_of_all_common_forms_are_read(time: object, expected: int) -> None:
    assert only_event(orders(), ORDER | {"created": time}).time_ms == expected


@pytest.mark.parametrize("time", [None, "", "yesterday", True, [], 10**30, -5, "9999-99-99", 1e300])
def test_an_event_with_an_unreadable_time_is_kept_without_one_and_noted(time: object) -> None:
    answer = send(orders(), encoded(ORDER | {"created": time}))
    (event,) = accepted(answer)
    assert event.time_ms is None
    assert "event.time" in " ".join(getattr(answer, "notes", ()))


def test_fields_are_computed_in_order_and_may_build_on_each_other() -> None:
    source = orders(fields={"a": "{{ body.id }}", "b": "{{ fields.a + 1 }}", "c": "{{ body.no | default(omit) }}"})
    assert fields_of(source, only_event(source, ORDER)) == {"a": 7, "b": 8}


def test_a_field_that_fails_spoils_only_the_rules_that_read_it() -> None:
    source = orders(fields={"good": "{{ body.kind }}", "bad": "{{ body.missing }}"})
    fields = fields_of(source, only_event(source, ORDER))
    assert fields["good"] == "order.paid"
    assert list(fields) == ["good"]
    with pytest.raises(RenderError, match=r"`fields.bad` could not be computed: `body.missing` is missing"):
        fields["bad"]


def test_refusals_name_paths_of_the_configuration_and_no_data() -> None:
    answer = refused(send(orders(), encoded({"kind": TEXT + "\n", "id": PHONE})))
    assert TEXT not in repr(answer)
    assert PHONE not in repr(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "id", "created", "orders"]) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


SPLITS: list[object] = [
    None,
    "[]",
    "[]?",
    "orders",
    "orders?",
    "orders[].orders",
    ["orders[].orders[]", "orders[]", "[]"],
]


@given(JSON, st.sampled_from(SPLITS))
def test_no_signed_body_raises(body: object, split: object) -> None:
    source = orders(
        split=split, event={"type": "{{ body.kind | default('x') }}", "id": "body", "time": "{{ body.created }}"}
    )
    answer = send(source, json.dumps(body).encode())
    for event in getattr(answer, "events", ()):
        scope = source.scope(stored(event))
        assert scope["event"]
        assert ("parents" in scope) == (event.place is not None)
        assert isinstance(scope.get("parents", {}), dict)
