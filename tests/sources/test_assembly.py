import pytest

from bridge.sources import AnyScheme, Source, SourceConfig, SourceProblem, SourceRefused
from bridge.sources.scheme import alternatives, credentials
from tests.canaries import AISOULE_SECRET, ORDERS_SECRET
from tests.sources.builders import accepted, aisoule, fields_of, only_event, preset, refused, send

VERIFY = {"type": "hmac", "signature": {"from": "header:X-Orders-Signature"}}
EVENT = {"type": "{{ body.kind }}", "id": "{{ body.id }}"}


def problems(name: str = "orders", *, with_preset: str | None = None, **written: object) -> tuple[SourceProblem, ...]:
    config = SourceConfig.model_validate(written | ({"preset": with_preset} if with_preset else {}))
    with pytest.raises(SourceRefused) as caught:
        Source.compile(name, config, preset(with_preset) if with_preset else None)
    assert ORDERS_SECRET not in str(caught.value)
    return caught.value.problems


def paths(*found: SourceProblem) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(problem.code, problem.path) for problem in found]


def test_a_source_that_says_nothing_learns_everything_it_lacks_at_once() -> None:
    assert paths(*problems()) == [
        ("BR101", ("verify",)),
        ("BR101", ("event", "type")),
        ("BR101", ("event", "id")),
    ]


def test_a_source_without_a_secret_never_starts() -> None:
    (problem,) = problems("my-shop", with_preset="aisoule")
    assert (problem.code, problem.path) == ("BR101", ("secret",))
    assert problem.help is not None
    assert "${MY_SHOP_WEBHOOK_SECRET}" in problem.help
    assert paths(*problems(verify=VERIFY, event=EVENT)) == [("BR101", ("verify", "secrets"))]


def test_secret_is_short_for_verify_secrets_and_both_are_too_many() -> None:
    assert (
        aisoule(secret=[AISOULE_SECRET, ORDERS_SECRET]).verification
        == aisoule(secret=(AISOULE_SECRET, ORDERS_SECRET)).verification
    )
    verify = VERIFY | {"secrets": [ORDERS_SECRET]}
    assert paths(*problems(verify=verify, secret=ORDERS_SECRET, event=EVENT)) == [("BR103", ("secret",))]


def test_a_secret_for_a_source_that_checks_nothing_is_a_contradiction() -> None:
    assert paths(*problems(verify={"type": "none"}, secret=ORDERS_SECRET, event=EVENT)) == [("BR104", ("secret",))]


def test_a_secret_that_does_not_decode_is_found_at_start() -> None:
    found = problems(verify=VERIFY | {"key": "hex"}, secret=ORDERS_SECRET, event=EVENT)
    assert paths(*found) == [("BR304", ("secret",))]
    assert "not hex" in found[0].message


def test_every_bad_template_is_placed_in_its_text() -> None:
    found = problems(
        verify=VERIFY,
        secret=ORDERS_SECRET,
        event={"type": "{{ bdy.kind }}", "id": ["{{ body.id | nope }}", "body"], "time": "{{ links.x }}"},
        fields={"a": {"b": ["{{ steps }}"]}},
    )
    assert paths(*found) == [
        ("BR121", ("event", "type")),
        ("BR121", ("event", "id", 0)),
        ("BR121", ("event", "time")),
        ("BR121", ("fields", "a", "b", 0)),
    ]
    assert found[0].offset == 3
    assert not any(problem.in_preset for problem in found)


def test_a_type_cannot_be_made_of_the_event_that_it_makes() -> None:
    found = problems(verify=VERIFY, secret=ORDERS_SECRET, event=EVENT | {"type": "{{ event.type }}"})
    assert paths(*found) == [("BR121", ("event", "type"))]


@pytest.mark.parametrize("name", ["a/b", "", "-a", "a b", "é", "a" * 65, "a*"])
def test_a_name_that_no_path_and_no_rule_could_hold_is_refused(name: str) -> None:
    assert ("BR104", ()) in paths(*problems(name, verify=VERIFY, secret=ORDERS_SECRET, event=EVENT))


def test_the_operators_words_win_over_the_presets() -> None:
    source = aisoule(
        event={"id": "{{ body.uid }}"},
        fields={"name": "{{ body.n }}", "extra": "{{ body.uid }}"},
        types={"message.incoming": "chat.received", "x": "y"},
    )
    event = only_event(source, {"event": "message.incoming", "uid": "u1", "n": "Ann", "data": {"message_id": "m"}})
    assert (event.type, event.event_id) == ("chat.received", "u1")
    fields = fields_of(source, event)
    assert (fields["name"], fields["extra"], fields["message_id"]) == ("Ann", "u1", "m")
    assert {"name", "extra", "customer"} <= source.field_names


def test_an_own_verification_replaces_the_presets() -> None:
    assert aisoule(verify=VERIFY).signature_headers == ("X-Orders-Signature",)


SIGNED_URL = {**VERIFY, "url": {}, "message": "{url}{body}"}
PUBLIC = "https://bridge.example.com/hooks/orders"


def test_a_sender_that_signs_the_address_needs_it_said() -> None:
    (problem,) = problems(verify=SIGNED_URL, secret=ORDERS_SECRET, event=EVENT)
    assert (problem.code, problem.path) == ("BR101", ("verify", "url", "public"))
    assert problem.help is not None
    assert "public_url: https://bridge.example.com/hooks/orders" in problem.help


def test_public_url_is_short_for_the_address_and_both_are_too_many() -> None:
    def verification(**written: object) -> AnyScheme:
        config = SourceConfig.model_validate({"secret": ORDERS_SECRET, "event": EVENT, **written})
        return Source.compile("orders", config).verification

    spelled: dict[str, object] = {**SIGNED_URL, "url": {"public": PUBLIC}}
    assert verification(verify=SIGNED_URL, public_url=PUBLIC) == verification(verify=spelled)
    for verify, code in ((spelled, "BR103"), (VERIFY, "BR104")):
        found = problems(verify=verify, public_url=PUBLIC, secret=ORDERS_SECRET, event=EVENT)
        assert paths(*found) == [(code, ("public_url",))]


def test_a_form_is_stored_as_the_json_that_rules_see() -> None:
    config = {"verify": VERIFY, "secret": ORDERS_SECRET, "body": "form", "event": {"type": "sent", "id": "body"}}
    source = Source.compile("orders", SourceConfig.model_validate(config))
    (event,) = accepted(send(source, b"email=a%40b.example&tag=x&tag=y", headers=[]))
    assert (event.value, event.content) == (
        {"email": "a@b.example", "tag": ["x", "y"]},
        b'{"email":"a@b.example","tag":["x","y"]}',
    )
    refusal = refused(send(source, b"a=%FF", headers=[]))
    assert (refusal.status, refusal.code) == (400, "body_unreadable")
    assert refused(send(source, b"{}")).status == 415


def test_secrets_in_the_address_are_not_kept() -> None:
    verify = {"type": "token", "signature": {"from": "query:k"}}
    source = Source.compile(
        "orders", SourceConfig.model_validate({"verify": verify, "secret": ORDERS_SECRET, "event": EVENT})
    )
    query = [("k", ORDERS_SECRET), ("form", "contact")]
    (event,) = accepted(send(source, b'{"kind":"a","id":1}', query=query))
    assert event.query == {"form": "contact"}
    assert source.signature_headers == ()
    assert "`?k=…`" in source.advice.compare


@pytest.mark.parametrize(
    ("read", "help_"),
    [("parents.entri", "did you mean `parents.entry`?"), ("parents.zzz", "`split` passes `changes`, `entry`")],
)
def test_an_element_that_split_does_not_pass_is_found_at_start(read: str, help_: str) -> None:
    template = f"{{{{ {read}.id | default('x') }}}}"
    for written in ({"event": EVENT | {"id": template}}, {"event": EVENT, "fields": {"a": {"b": template}}}):
        (found,) = problems(verify={"type": "none"}, split="entry[].changes[].x[]", **written)
        assert (found.code, found.message) == ("BR122", f"events of this source have no `{read}`")
        assert found.help is not None
        assert found.help == help_


def test_without_a_split_or_with_a_flat_one_there_are_no_parents_by_name() -> None:
    event = EVENT | {"id": "{{ parents.orders.id }}"}
    for split in ({}, {"split": "orders"}, {"split": "[]"}):
        (found,) = problems(verify={"type": "none"}, event=event, **split)
        assert found.help == "`split` passes no element; use `parent`"


def test_a_header_in_capitals_is_found_at_start() -> None:
    template = "{{ headers['X-Shop-Id'] | default('x') }}"
    for written in ({"event": EVENT | {"id": template}}, {"event": EVENT, "fields": {"a": {"b": template}}}):
        (found,) = problems(verify={"type": "none"}, **written)
        assert (found.code, found.help) == ("BR122", "write `headers['x-shop-id']`")


PAYPAL = {**VERIFY, "message": "{header:X-Id}|{config:webhook_id}|{body}"}


def test_texts_that_are_signed_and_not_sent_are_given_by_the_operator() -> None:
    (problem,) = problems(verify=PAYPAL, secret=ORDERS_SECRET, event=EVENT)
    assert (problem.code, problem.path) == ("BR101", ("verify", "config"))
    assert problem.help is not None
    assert "config: {webhook_id: …}" in problem.help
    given: dict[str, object] = {
        "verify": PAYPAL,
        "secret": ORDERS_SECRET,
        "event": EVENT,
        "config": {"webhook_id": "W-1"},
    }
    source = Source.compile("orders", SourceConfig.model_validate(given))
    accepted(send(source, b'{"kind":"a","id":"1"}'))


def test_a_text_that_nothing_signs_is_a_mistyped_one() -> None:
    given = {"webhook_id": "W-1", "webhok_id": "W-1"}
    (problem,) = problems(verify=PAYPAL, secret=ORDERS_SECRET, event=EVENT, config=given)
    assert (problem.code, problem.path, problem.help) == (
        "BR104",
        ("config", "webhok_id"),
        "did you mean `webhook_id`?",
    )
    (problem,) = problems(verify=VERIFY, secret=ORDERS_SECRET, event=EVENT, config={"a": "b"})
    assert problem.help == "leave it out"


def test_a_public_key_for_a_sender_that_shares_a_secret_is_a_mistake() -> None:
    found = problems(verify=VERIFY, secret=ORDERS_SECRET, public_key="abc", event=EVENT)
    assert paths(*found) == [("BR104", ("public_key",))]


def test_the_secret_is_that_of_the_ways_that_name_none_of_their_own() -> None:
    ways = [{**VERIFY, "secrets": [AISOULE_SECRET]}, {**VERIFY, "signature": {"from": "header:X-Second"}}]
    given: dict[str, object] = {"verify": {"any_of": ways}, "secret": ORDERS_SECRET, "event": EVENT}
    source = Source.compile("orders", SourceConfig.model_validate(given))
    first, second = alternatives(source.verification)
    assert [len(credentials(first)), len(credentials(second))] == [1, 1]
    assert credentials(first) != credentials(second)
    whole = {"any_of": [{**way, "secrets": [AISOULE_SECRET]} for way in ways]}
    assert paths(*problems(verify=whole, secret=ORDERS_SECRET, event=EVENT)) == [("BR103", ("secret",))]
