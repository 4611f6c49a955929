import pytest
from pydantic import ValidationError

from bridge.sources import SourceConfig, SourceRefused
from tests.sources.shaking import BLOCKS, SIGNED, VERIFY_TOKEN, shaking

REFUSED: dict[str, dict[str, object]] = {
    "an unknown kind": {"kind": "echo"},
    "an unknown key": {"kind": "echo_query", "parameter": "challenge", "paramter": "x"},
    "no parameter": {"kind": "echo_query"},
    "a parameter with a blank": {"kind": "echo_query", "parameter": "a b"},
    "a header with a colon": {"kind": "echo_header", "header": "X: Y"},
    "a header to write a second one": {"kind": "echo_header", "header": "X-A\r\nSet-Cookie"},
    "a method that brings nothing": {"kind": "reply", "method": "PUT"},
    "no method": {"kind": "reply", "method": []},
    "a reply that swallows all events": {"kind": "reply", "method": "POST"},
    "a body where there is none": {"kind": "reply", "method": "GET", "status": 204, "json": {"ok": True}},
    "two bodies": {"kind": "reply", "method": "GET", "json": {"ok": True}, "text": "ok"},
    "a text where there is none": {"kind": "reply", "method": "GET", "status": 204, "text": "ok"},
    "a text of two lines": {"kind": "reply", "method": "GET", "text": "a\nb"},
    "a status that senders take for failure": {"kind": "reply", "method": "GET", "status": 202},
    "an event without a body": {"kind": "echo_query", "parameter": "challenge", "event": True},
    "json without a key": {"kind": "echo_header", "header": "X-A", "as": "json"},
    "a key without json": {"kind": "echo_header", "header": "X-A", "field": "a"},
    "a value that is nowhere": {"kind": "hmac_json", "value": "form:a", "answer": {"a": "hmac"}},
    "an answer of other words": {"kind": "hmac_json", "value": "json:a", "answer": {"a": "secret"}},
    "an empty answer": {"kind": "hmac_json", "value": "json:a", "answer": {}},
    "a secret in the address": {"kind": "store_secret", "from": "query:secret"},
    "a signed first secret": {"kind": "store_secret", "from": "header:X-Hook-Secret", "signed": True},
    "an unsigned confirmation": {"kind": "confirm", "signed": False},
    "a wanted list": {"kind": "reply", "when": {"json": {"type": [1]}}},
    "a wanted path of nothing": {"kind": "reply", "when": {"json": {"a..b": 1}}},
}


@pytest.mark.parametrize("block", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_refused(block: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SourceConfig.model_validate({"handshake": [block]})


@pytest.mark.parametrize("name", BLOCKS)
def test_every_sender_of_the_facts_can_be_spelled_out(name: str) -> None:
    assert len(shaking(name).handshakes.blocks) == len(BLOCKS[name])


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("none", ("POST",)),
        ("slack", ("POST",)),
        ("meta", ("GET", "POST")),
        ("mandrill", ("HEAD", "POST")),
        ("adobe", ("GET", "POST")),
    ],
)
def test_an_address_takes_the_methods_of_its_handshakes(name: str, methods: tuple[str, ...]) -> None:
    assert shaking(name).methods == methods


def test_an_unsigned_get_and_a_signed_post_are_usual() -> None:
    signed = {name: shaking(name).handshakes.blocks[0].is_signed for name in BLOCKS if BLOCKS[name]}
    assert {name for name, is_signed in signed.items() if is_signed} == {
        "slack",
        "zoom",
        "discord",
        "discord-events",
        "sns",
        "xero",
    }


def test_a_word_that_nobody_looks_at_is_a_mistake() -> None:
    with pytest.raises(SourceRefused, match="no `handshake` of this source looks at it"):
        shaking("slack", verify_token=VERIFY_TOKEN)


@pytest.mark.parametrize("name", ["zoom", "asana", "notion", "sns", "x"])
def test_what_rests_on_a_signature_has_no_meaning_without_one(name: str) -> None:
    with pytest.raises(SourceRefused, match="has no meaning with this `verify`"):
        shaking(name, verify={"type": "none"})


def test_words_are_not_signed_for_anybody_where_an_event_may_be_signed_like_a_word() -> None:
    parts = {**SIGNED, "message": "{json:time}{json:id}"}
    with pytest.raises(SourceRefused, match="anybody could have events signed"):
        shaking("x", verify=parts)
    assert shaking("zoom", verify=parts).handshakes.blocks


def test_a_source_may_lack_its_secret_only_where_the_sender_brings_one() -> None:
    assert shaking("asana").secret_count == 0
    assert [warning.message for warning in shaking("asana").warnings] == [
        "the configuration holds no secret of the source `asana`: its sender brings one"
    ]
    unsigned = {"type": "hmac", "signature": {"from": "header:X-Signature"}}
    with pytest.raises(SourceRefused, match="has no secret"):
        shaking("slack", verify=unsigned)


def test_a_missing_verify_token_is_a_warning() -> None:
    messages = [warning.message for warning in shaking("meta", verify_token=[]).warnings]
    assert messages == [
        "the sender of `meta` cannot check the address: it shows a word that the configuration does not hold"
    ]


def test_no_repr_shows_the_word() -> None:
    assert VERIFY_TOKEN not in repr(shaking("meta"))
