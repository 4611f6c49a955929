"""What a request to an address is: every sender's handshake, and what is refused or falls through to the events."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources import Called, Learn, Received, Refused, Reply, Source
from bridge.sources.handshake_reading import LARGEST_BODY_BYTES, LONGEST_BYTES
from tests.canaries import ORDERS_SECRET
from tests.sources.builders import JSON_TYPE
from tests.sources.shaking import (
    BLOCKS,
    HOOK_SECRET,
    NOTION_TOKEN,
    SUBSCRIBE_URL,
    TOPIC,
    VERIFY_TOKEN,
    Answer,
    ask,
    post,
    shaking,
)

SLACK = json.dumps({"type": "url_verification", "token": "t", "challenge": "3eZbrw1aB10FEMAGAZd4"}).encode()
ZOOM = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}).encode()
SUBSCRIPTION = {"Type": "SubscriptionConfirmation", "TopicArn": TOPIC, "SubscribeURL": SUBSCRIBE_URL, "Token": "2336"}
HUB = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}


def mac(text: str) -> bytes:
    return hmac.digest(ORDERS_SECRET.encode(), text.encode(), "sha256")


def replied(answer: Answer) -> Reply:
    assert isinstance(answer, Reply), answer
    return answer


def refused(answer: Answer) -> tuple[int, str]:
    assert isinstance(answer, Refused), answer
    return answer.status, answer.code


def text(answer: Answer) -> str:
    reply = replied(answer)
    assert reply.headers == {"Content-Type": "text/plain; charset=utf-8"}
    return reply.body.decode()


def document(answer: Answer) -> object:
    reply = replied(answer)
    assert reply.headers == {"Content-Type": "application/json"}
    return json.loads(reply.body)


def hub(**changed: str) -> list[tuple[str, str]]:
    return list((HUB | {f"hub.{name}": value for name, value in changed.items()}).items())


# --- each sender ----------------------------------------------------------------------------------------------------


def test_slack_gets_its_challenge_back_when_it_signed() -> None:
    slack = shaking("slack")
    assert text(post(slack, SLACK)) == "3eZbrw1aB10FEMAGAZd4"
    assert refused(post(slack, SLACK, signed=False)) == (401, "signature_missing")
    assert refused(post(slack, SLACK, ("X-Signature", "0" * 64), signed=False)) == (401, "signature_mismatch")


def test_meta_gets_its_challenge_back_for_the_right_word() -> None:
    assert text(ask(shaking("meta"), query=hub())) == "1158201444"
    assert text(ask(shaking("meta", verify_token=["an-older-word", VERIFY_TOKEN]), query=hub())) == "1158201444"


@pytest.mark.parametrize(
    "query",
    [
        hub(verify_token="another-word"),
        hub(verify_token=""),
        hub(verify_token=VERIFY_TOKEN + "x"),
        hub(mode="unsubscribe"),
        [(name, value) for name, value in hub() if name != "hub.verify_token"],
        [(name, value) for name, value in hub() if name != "hub.mode"],
        [],
    ],
)
def test_meta_gets_403_for_anything_else(query: list[tuple[str, str]]) -> None:
    status, code = refused(ask(shaking("meta"), query=query))
    assert (status, code) in {(403, "verify_token"), (403, "no_handshake")}


@pytest.mark.parametrize("query", [hub(verify_token="another-word"), hub(verify_token="")])
def test_a_wrong_word_sends_its_reader_to_the_verify_token_and_shows_neither(query: list[tuple[str, str]]) -> None:
    answer = ask(shaking("meta"), query=query)
    assert isinstance(answer, Refused)
    assert "`verify_token:`" in answer.help
    assert answer.reason in {
        "`query:hub.verify_token` holds another word than the source's `verify_token`",
        "nothing stands at `query:hub.verify_token`",
    }


def test_a_look_at_the_address_that_is_no_handshake_is_called_so() -> None:
    answer = ask(shaking("meta"))
    assert isinstance(answer, Refused)
    assert answer.reason == "a GET that none of the source's handshakes is about"


def test_without_a_word_in_the_configuration_none_is_right() -> None:
    assert refused(ask(shaking("meta", verify_token=[]), query=hub())) == (403, "verify_token")


@pytest.mark.parametrize("name", sorted(HUB))
def test_a_parameter_that_comes_twice_is_refused(name: str) -> None:
    assert refused(ask(shaking("meta"), query=[*hub(), (name, HUB[name])])) == (400, "handshake_repeated")
    other = refused(ask(shaking("meta"), query=[(name, "other"), *hub()]))
    assert other == (400, "handshake_repeated")


def test_zoom_gets_the_hmac_of_its_token_when_it_signed() -> None:
    zoom = shaking("zoom")
    token = "qgg8vlvZRS6UYooatFL8Aw"
    assert document(post(zoom, ZOOM)) == {"plainToken": token, "encryptedToken": mac(token).hex()}
    assert refused(post(zoom, ZOOM, signed=False)) == (401, "signature_missing")


def test_the_hmac_is_made_with_the_secret_that_signed() -> None:
    verify = {"type": "hmac", "secrets": ["a-new-secret-0123456789", ORDERS_SECRET], "signature": {"from": "header:S"}}
    zoom = shaking("zoom", verify=verify)
    proof = ("S", hmac.new(ORDERS_SECRET.encode(), ZOOM, "sha256").hexdigest())
    answer = document(post(zoom, ZOOM, proof, signed=False))
    assert isinstance(answer, dict)
    assert answer["encryptedToken"] == mac("qgg8vlvZRS6UYooatFL8Aw").hex()


def test_graph_gets_its_token_back_from_a_post_without_a_body() -> None:
    token = "Validation: Testing client application reachability for subscription Request-Id: 1"
    assert text(ask(shaking("graph"), "POST", query=[("validationToken", token)])) == token
    plain = ("Content-Type", "text/plain; charset=utf-8")
    assert text(ask(shaking("graph"), "POST", query=[("validationToken", token)], headers=[plain])) == token


def test_x_gets_its_crc() -> None:
    expected = "sha256=" + base64.b64encode(mac("dGhlLXRva2Vu")).decode()
    assert document(ask(shaking("x"), query=[("crc_token", "dGhlLXRva2Vu"), ("nonce", "1")])) == {
        "response_token": expected
    }


@pytest.mark.parametrize("body", ['{"for_user_id":"1"}', '["a"]', "a=1&b=2", '"text"', "a b", "", "a\n"])
def test_nobody_has_an_event_signed_by_the_crc(body: str) -> None:
    assert refused(ask(shaking("x"), query=[("crc_token", body)])) == (400, "handshake_value")


@pytest.mark.parametrize("word", ["1", "true", "dGhlLXRva2Vu", "a="])
def test_a_body_that_the_crc_signed_for_a_stranger_proves_nothing(word: str) -> None:
    """Neither is it an event, nor does it use up what the sender may send."""
    x = shaking("x", body=["json", "form"])
    answer = document(ask(x, query=[("crc_token", word)]))
    assert isinstance(answer, dict)
    signature = base64.b64decode(answer["response_token"].removeprefix("sha256=")).hex()
    forged = ask(x, "POST", body=word.encode(), headers=[JSON_TYPE, ("X-Signature", signature)])
    assert isinstance(forged, Refused)
    assert (forged.status, forged.code, forged.is_proven) == (401, "proves_nothing", False)


def test_beside_the_crc_an_event_that_is_signed_is_taken_and_an_empty_body_is_not() -> None:
    assert isinstance(post(shaking("x"), b'{"type":"a"}'), Received)
    assert refused(post(shaking("x"), b"")) == (401, "proves_nothing")
    assert refused(ask(shaking("x"))) == (400, "no_handshake")


def test_dropbox_gets_its_challenge_back() -> None:
    assert text(ask(shaking("dropbox"), query=[("challenge", "abc123")])) == "abc123"
    assert refused(ask(shaking("dropbox"))) == (400, "no_handshake")


def test_asana_and_notion_bring_a_secret() -> None:
    asana = ask(shaking("asana"), "POST", headers=[("X-Hook-Secret", HOOK_SECRET)])
    assert asana == Learn(HOOK_SECRET, Reply("store_secret", headers={"X-Hook-Secret": HOOK_SECRET}))
    notion = post(shaking("notion"), json.dumps({"verification_token": NOTION_TOKEN}).encode(), signed=False)
    assert notion == Learn(NOTION_TOKEN, Reply("store_secret"))
    assert HOOK_SECRET not in repr(asana)
    echo = shaking("notion", handshake=[{"kind": "store_secret", "from": "json:a.b", "echo": True}])
    learn = post(echo, json.dumps({"a": {"b": NOTION_TOKEN}}).encode(), signed=False)
    assert isinstance(learn, Learn)
    assert learn.reply.body == json.dumps({"b": NOTION_TOKEN}, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", ["asana", "notion"])
def test_before_a_secret_is_known_every_event_is_refused_for_that(name: str) -> None:
    assert refused(post(shaking(name), b'{"events":[]}', ("X-Signature", "0" * 64), signed=False)) == (401, "no_secret")


def test_with_what_it_learned_a_source_verifies() -> None:
    asana = shaking("asana").with_secrets([HOOK_SECRET])
    signature = hmac.new(HOOK_SECRET.encode(), b'{"events":[]}', "sha256").hexdigest()
    assert isinstance(post(asana, b'{"events":[]}', ("X-Signature", signature), signed=False), Received)
    assert refused(post(asana, b'{"events":[1]}', ("X-Signature", signature), signed=False)) == (
        401,
        "signature_mismatch",
    )
    assert HOOK_SECRET not in repr(asana)


@pytest.mark.parametrize("secret", ["short", "", "changeme-changeme-changeme", "a" * 40])
def test_what_cannot_be_a_secret_is_known_as_such(secret: str) -> None:
    assert not shaking("asana").takes_secret(secret)


def test_a_source_takes_a_secret_that_its_scheme_can_decode() -> None:
    verify = {"type": "hmac", "key": "hex", "signature": {"from": "header:X-Signature"}}
    assert shaking("asana", verify=verify).takes_secret(HOOK_SECRET)
    assert not shaking("asana", verify=verify).takes_secret(NOTION_TOKEN)


def test_discord_gets_its_pong_and_401_for_its_bad_signatures() -> None:
    discord = shaking("discord")
    assert document(post(discord, b'{"type":1}')) == {"type": 1}
    assert refused(post(discord, b'{"type":1}', ("X-Signature", "0" * 64), signed=False)) == (401, "signature_mismatch")
    assert isinstance(post(discord, b'{"type":2}'), Received)
    assert isinstance(post(discord, b'{"type":"1"}'), Received)
    assert isinstance(post(discord, b'{"type":true}'), Received)
    pong = replied(post(shaking("discord-events"), b'{"type":0}'))
    assert (pong.status, pong.body, pong.headers) == (204, b"", {})


def test_sns_is_called_only_when_it_signed_and_at_its_own_hosts() -> None:
    sns = shaking("sns")
    assert post(sns, json.dumps(SUBSCRIPTION).encode()) == Called(
        SUBSCRIBE_URL, TOPIC, Reply("confirm"), is_proven=True
    )
    assert refused(post(sns, json.dumps(SUBSCRIPTION).encode(), signed=False)) == (401, "signature_missing")
    notification = SUBSCRIPTION | {"Type": "Notification"}
    assert isinstance(post(sns, json.dumps(notification).encode()), Received)
    farewell = SUBSCRIPTION | {"Type": "UnsubscribeConfirmation"}
    assert isinstance(post(sns, json.dumps(farewell).encode()), Received)


@pytest.mark.parametrize(
    "url",
    [
        SUBSCRIBE_URL.replace("https:", "http:"),
        SUBSCRIBE_URL.replace("amazonaws.com/", "amazonaws.com.evil.test/"),
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "evil.test"),
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"),
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com@evil.test"),
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com:8443"),
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "user@sns.eu-west-1.amazonaws.com"),
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.a/b.amazonaws.com"),
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.s3-us-west-2.amazonaws.com"),  # somebody's bucket
        SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.s3.amazonaws.com"),
        SUBSCRIBE_URL.replace("amazonaws.com/?", "amazonaws.com/other?"),
        SUBSCRIBE_URL.replace("ConfirmSubscription", "Unsubscribe"),
        SUBSCRIBE_URL.replace(":orders&", ":others&"),
        SUBSCRIBE_URL + "&Action=Unsubscribe",
        SUBSCRIBE_URL + "#fragment",
        SUBSCRIBE_URL.replace("&Token=2336412f37fb687f5d51e6e2425c464de2", ""),
        "https://[::1/?Action=ConfirmSubscription",
        "",
    ],
)
def test_no_other_address_is_called(url: str) -> None:
    status, code = refused(post(shaking("sns"), json.dumps(SUBSCRIPTION | {"SubscribeURL": url}).encode()))
    assert (status, code) in {(400, "subscribe_url"), (400, "handshake_value")}


def test_sns_in_china_is_sns() -> None:
    url = SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn")
    assert isinstance(post(shaking("sns"), json.dumps(SUBSCRIPTION | {"SubscribeURL": url}).encode()), Called)


def test_mailchimp_mandrill_and_trello_find_somebody_at_home() -> None:
    assert replied(ask(shaking("mailchimp"))) == Reply("reply")
    assert replied(ask(shaking("mandrill"), "HEAD")) == Reply("reply")


def test_monday_gets_the_same_json() -> None:
    monday = shaking("monday")
    assert document(post(monday, b'{"challenge":"3eZbrw1a"}', signed=False)) == {"challenge": "3eZbrw1a"}
    assert refused(post(monday, b'{"event":{}}', signed=False)) == (401, "signature_missing")


def test_okta_gets_its_challenge_as_json() -> None:
    challenge = ("X-Okta-Verification-Challenge", "0gjW6e8yFZ")
    assert document(ask(shaking("okta"), headers=[challenge])) == {"verification": "0gjW6e8yFZ"}


def test_adobe_gets_its_header_back_with_every_event_too() -> None:
    client = ("X-AdobeSign-ClientId", "CBJCHBCAABAA")
    adobe = shaking("adobe")
    assert replied(ask(adobe, headers=[client])).headers == {"X-AdobeSign-ClientId": "CBJCHBCAABAA"}
    received = post(adobe, b'{"type":"AGREEMENT_CREATED"}', client)
    assert isinstance(received, Received)
    assert received.reply is not None
    assert received.reply.headers == {"X-AdobeSign-ClientId": "CBJCHBCAABAA"}
    assert [event.type for event in received.events] == ["AGREEMENT_CREATED"]
    assert refused(post(adobe, b"{}", client, signed=False)) == (401, "signature_missing")


def test_ringcentral_gets_its_header_back() -> None:
    answer = ask(shaking("ringcentral"), "POST", headers=[("Validation-Token", "9ba5bcb5-bf6f")])
    assert replied(answer) == Reply("echo_header", headers={"Validation-Token": "9ba5bcb5-bf6f"})


def test_xero_gets_an_empty_answer_for_a_right_signature_only() -> None:
    intent = b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"WSXE"}'
    assert replied(post(shaking("xero"), intent)) == Reply("reply", is_proven=True)
    assert refused(post(shaking("xero"), intent, ("X-Signature", "0" * 64), signed=False)) == (
        401,
        "signature_mismatch",
    )


# --- what all have in common ----------------------------------------------------------------------------------------


def test_a_header_as_text() -> None:
    block = {"kind": "echo_header", "header": "X-Challenge", "as": "text"}
    assert text(ask(shaking("okta", handshake=[block]), "POST", headers=[("x-challenge", "abc")])) == "abc"


def test_the_first_block_that_is_meant_is_answered() -> None:
    blocks = [
        {"kind": "reply", "method": "GET", "when": {"headers": {"X-Probe": "*"}}, "status": 204},
        {"kind": "echo_query", "parameter": "challenge", "when": {"query": {"mode": "a"}}},
        {"kind": "reply", "method": "GET", "json": {"ok": True}},
    ]
    source = shaking("none", handshake=blocks)
    assert replied(ask(source, headers=[("x-probe", "")])).status == 204
    assert text(ask(source, query=[("mode", "a"), ("challenge", "c")])) == "c"
    assert document(ask(source, query=[("mode", "b"), ("challenge", "c")])) == {"ok": True}


def test_a_form_s_fields_tell_it_too() -> None:
    block = {"kind": "reply", "when": {"json": {"webhook_id": "*"}}, "signed": False}
    form = ("Content-Type", "application/x-www-form-urlencoded")
    assert replied(ask(shaking("none", handshake=[block]), "POST", headers=[form], body=b"webhook_id=1")).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", BLOCKS)
def test_no_source_echoes_what_another_sender_would_ask(name: str, method: str) -> None:
    source = shaking(name)
    if method not in source.methods:
        return
    query = [*hub(challenge="MARK", verify_token="MARK"), ("challenge", "MARK"), ("crc_token", "MARK"), ("t", "MARK")]
    body = b'{"a":{"challenge":"MARK"},"token":"MARK"}' if method == "POST" else b""
    answer = ask(source, method, query=query, headers=[JSON_TYPE, ("X-Hub", "MARK")], body=body)
    said = answer.body + repr(answer.headers).encode() if isinstance(answer, Reply) else repr(answer).encode()
    assert (b"MARK" in said) is (name == "dropbox" and method == "GET")


@pytest.mark.parametrize("size", [LONGEST_BYTES, LONGEST_BYTES + 1])
def test_what_comes_back_is_bounded(size: int) -> None:
    answer = ask(shaking("dropbox"), query=[("challenge", "x" * size)])
    assert isinstance(answer, Reply) is (size <= LONGEST_BYTES)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\0", "\x7f", "ä", "\u202e", "\ud800", "\t"])
def test_what_does_not_print_does_not_come_back(value: str) -> None:
    assert refused(ask(shaking("dropbox"), query=[("challenge", value)])) == (400, "handshake_value")
    assert refused(ask(shaking("ringcentral"), "POST", headers=[("Validation-Token", value)])) == (
        400,
        "handshake_value",
    )


@pytest.mark.parametrize("challenge", [1, None, ["a"], {"a": 1}, True, ""])
def test_only_text_comes_back_from_a_body(challenge: object) -> None:
    body = json.dumps({"type": "url_verification", "challenge": challenge}).encode()
    assert refused(post(shaking("slack"), body)) == (400, "handshake_value")


def test_a_large_body_is_not_read_for_a_handshake() -> None:
    body = json.dumps({"challenge": "abc", "filler": "x" * LARGEST_BODY_BYTES}).encode()
    assert refused(post(shaking("monday"), body, signed=False)) == (401, "signature_missing")


def test_broken_json_without_a_signature_is_refused_for_the_signature() -> None:
    assert refused(post(shaking("slack"), b'{"type":"url_verification', signed=False)) == (401, "signature_missing")
    assert refused(post(shaking("monday"), b'{"challenge"', signed=False)) == (401, "signature_missing")


names = st.sampled_from(sorted({*HUB, "challenge", "crc_token", "validationToken", "x"}))
words = st.one_of(st.text(max_size=30), st.sampled_from(["subscribe", VERIFY_TOKEN, "*"]))
bodies = st.one_of(
    st.binary(max_size=60),
    st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), words), lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["type", "challenge", "event", "payload", "Type", "SubscribeURL"]), inner),
    ), max_leaves=6).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
SOURCES = [shaking(name) for name in BLOCKS]


@given(
    source=st.sampled_from(SOURCES),
    pick=st.integers(0, 2),
    query=st.lists(st.tuples(names, words), max_size=4),
    headers=st.lists(
        st.tuples(st.sampled_from(["X-Hook-Secret", "Validation-Token", "X-Okta-Verification-Challenge", "é"]), words),
        max_size=3,
    ),
    body=bodies,
    proof=st.booleans(),
)
def test_no_request_makes_it_raise(
    source: Source,
    pick: int,
    query: list[tuple[str, str]],
    headers: list[tuple[str, str]],
    body: bytes,
    *,
    proof: bool,
) -> None:
    method = source.methods[pick % len(source.methods)]
    signature = [("X-Signature", hmac.new(ORDERS_SECRET.encode(), body, hashlib.sha256).hexdigest())] if proof else []
    answer = ask(source, method, query=query, headers=[*headers, *signature], body=body)
    if isinstance(answer, Reply):
        for value in (answer.body, *(each.encode() for each in answer.headers.values())):
            assert all(0x20 <= byte <= 0x7E for byte in value)
