"""What a rule would have made of past events; keys that may be a customer's are never named."""

from collections.abc import Mapping
from typing import Any

from bridge.connectors.library import shipped
from bridge.rules.compile import compile_rule
from bridge.rules.history import NeverThere, covered, never_there, tally
from bridge.rules.rule import Rule
from bridge.rules.schema import RuleShape
from bridge.rules.texts import texts


def rule(**keys: object) -> tuple[RuleShape, Rule]:
    step = {"id": "post", "use": "erp.post", "with": {"path": "/x", "json": keys.pop("json", {})}}
    shape = RuleShape.model_validate({"name": "one", "on": "shop/order.*", "steps": [step], **keys})
    compiled, problems = compile_rule(shape, {"erp": shipped("http")})
    assert compiled is not None, problems
    return shape, compiled


def scope(body: object, type_: str = "order.paid") -> Mapping[str, Any]:
    event = {"id": "1", "type": type_, "raw_type": type_, "source": "shop", "time": None, "received_at": ""}
    return {"body": body, "fields": {}, "event": event, "headers": {}, "query": {}}


def found(json: object, *bodies: object, **keys: object) -> list[NeverThere]:
    shape, compiled = rule(json=json, **keys)
    return list(never_there(shape, compiled, [scope(body) for body in bodies]))


def similar(json: object, *bodies: object) -> list[str | None]:
    return [each.similar for each in found(json, *bodies)]


def test_only_events_that_on_covers_count_and_dead_ones_are_matches() -> None:
    _, compiled = rule(key="{{ body.id }}", **{"if": "body.kind == 'a'"})
    events = [
        scope({"id": "1", "kind": "a"}),
        scope({"kind": "a"}),
        scope({}),
        scope({"kind": "b"}),
        scope({}, "refund"),
    ]
    judged = tally(compiled, covered(compiled, events))

    assert (judged.covered, judged.matched, judged.dead) == (4, 3, 2)


def test_a_path_is_told_only_when_no_event_has_it() -> None:
    assert found({"a": "{{ body.x.y }}"}, {"x": {"y": 1}}, {"x": {}}, {}) == []
    assert [each.checked for each in found({"a": "{{ body.x.y }}"}, {"x": {}}, {})] == [2]
    assert found({"a": "{{ body.x.y }}"}) == []


def test_null_is_there() -> None:
    assert found({"a": "{{ body.x }}"}, {"x": None}) == []


def test_only_events_that_the_rule_matches_are_asked() -> None:
    condition = {"if": "body.kind == 'a'"}
    assert found({"a": "{{ body.x }}"}, {"kind": "b"}, **condition) == []
    assert [
        each.checked for each in found({"a": "{{ body.x }}"}, {"kind": "b", "x": 1}, {"kind": "a"}, **condition)
    ] == [1]


def test_the_if_itself_is_asked_of_every_event() -> None:
    [one] = found({}, {"kind": "b"}, {"kind": "a"}, **{"if": "body.knd == 'a'"})

    assert (one.path, one.lookup.name, one.similar, one.occurs) == (("if",), "body.knd", "body.kind", 2)


def test_a_similar_path_is_looked_for_beside_it_and_below_the_same_root() -> None:
    assert similar({"a": "{{ body.custmer.email }}"}, {"customer": {"email": "x"}}) == ["body.customer.email"]
    assert similar({"a": "{{ body.custmer.email }}"}, {"customer": {}}) == ["body.customer"]
    assert similar({"a": "{{ body.email }}"}, {"deep": {"er": {"email": "x"}}}) == ["body.deep.er.email"]
    assert similar({"a": "{{ body.email }}"}, {"list": [{"email": "x"}]}) == [None]


def test_a_path_that_may_be_absent_is_told_only_with_what_was_meant() -> None:
    assert found({"a": "{{ body.media | default('') }}"}, {"text": 1}) == []
    assert similar({"a": "{{ body.txet | default('') }}"}, {"text": 1}) == ["body.text"]


def test_keys_that_may_be_a_customers_are_never_named() -> None:
    body = {"918856879188": {"name": 1}, "ada@example.com": 2, "Ada Lovelace": 3}

    assert similar({"a": "{{ body['91885687918'] }}"}, body) == [None]
    assert similar({"a": "{{ body['ada@example.co'] }}"}, body) == [None]
    assert similar({"a": "{{ body.nme }}", "b": "{{ body.name }}"}, body) == [None, None]


def test_a_large_event_is_looked_through_within_bounds() -> None:
    wide: dict[str, object] = {f"k{'a' * (n % 30)}": {"x": {}} for n in range(30)} | {"last": {"email": 1}}
    deep: dict[str, object] = {}
    for _ in range(3000):
        deep = {"a": deep}

    assert similar({"a": "{{ body.email }}"}, wide) == ["body.last.email"]
    assert similar({"a": "{{ body.email }}"}, deep) == [None]


def test_every_text_of_a_rule_is_listed_in_the_order_of_rendering() -> None:
    shape = RuleShape.model_validate(
        {
            "name": "one",
            "on": "shop/*",
            "vars": {"v": ["a", {"b": "c"}]},
            "if": "body.d",
            "key": "e",
            "recall": {"f": "g"},
            "coalesce": {"within": "10s", "by": "h"},
            "only_forward": {"order": ["x"], "by": "i"},
            "only_newer": {"by": "j", "time": "k"},
            "steps": [
                {
                    "id": "s",
                    "use": "erp.post",
                    "for_each": "l",
                    "if": "m",
                    "with": {"n": [1, None, "o"]},
                    "remember": {"p": "q"},
                }
            ],
        }
    )
    listed = list(texts(shape))

    assert "".join(each.source for each in listed) == "acbody.deghijklmoq"
    assert [each.path for each in listed if each.step == 0] == [
        ("steps", 0, "for_each"),
        ("steps", 0, "if"),
        ("steps", 0, "with", "n", 2),
        ("steps", 0, "remember", "p"),
    ]
    assert {each.path for each in listed if each.bare} == {("if",), ("steps", 0, "for_each"), ("steps", 0, "if")}
