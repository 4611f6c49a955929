"""The handshakes of developers' senders, as the shipped presets answer them."""

import json
from collections.abc import Sequence

import pytest

from bridge.sources import Called, Learn, Received, Refused, Reply, Source, SourceConfig, meet
from tests.sources.builders import JSON_TYPE, NOW_MS, preset
from tests.sources.key_pairs import certificate, rsa_key
from tests.sources.senders import KEY, SNS_CERTIFICATE, notified, presented, source_of

Pairs = Sequence[tuple[str, str]]
Answer = Received | Reply | Learn | Called | Refused


def asked(source: Source, method: str, *, query: Pairs = (), headers: Pairs = (), body: bytes = b"") -> Answer:
    certificates = {SNS_CERTIFICATE: certificate(rsa_key())}
    return meet(
        source, headers=headers, query=query, body=body, now_ms=NOW_MS, method=method, certificates=certificates
    )


def replied(answer: Answer) -> Reply:
    assert isinstance(answer, Reply), answer
    return answer


@pytest.mark.parametrize(
    ("name", "method", "parameter"), [("dropbox", "GET", "challenge"), ("microsoft-graph", "POST", "validationToken")]
)
def test_a_value_of_the_address_comes_back_as_plain_text(name: str, method: str, parameter: str) -> None:
    reply = replied(asked(source_of(name), method, query=[(parameter, "Validation: Testing client 1")]))
    assert reply.body == b"Validation: Testing client 1"
    assert reply.headers == {"Content-Type": "text/plain; charset=utf-8"}


def test_okta_gets_the_value_of_its_header_back_as_json() -> None:
    reply = replied(asked(source_of("okta"), "GET", headers=[("X-Okta-Verification-Challenge", "a-b-c")]))
    assert json.loads(reply.body) == {"verification": "a-b-c"}


def test_monday_gets_its_challenge_back_where_the_address_has_the_word() -> None:
    body = json.dumps({"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}).encode()
    reply = replied(asked(source_of("monday"), "POST", query=[("token", KEY)], headers=[JSON_TYPE], body=body))
    assert json.loads(reply.body) == json.loads(body)
    refused = asked(source_of("monday"), "POST", query=[("token", "x" * 32)], headers=[JSON_TYPE], body=body)
    assert isinstance(refused, Refused)
    assert refused.status == 401


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_trello_may_look_whether_the_address_is_there(method: str) -> None:
    assert replied(asked(source_of("trello"), method)).status == 200


def test_dropbox_sign_reads_its_words_in_the_answer_to_each_event() -> None:
    source = source_of("dropbox-sign")
    request = presented(source, preset("dropbox-sign").samples[0])
    answer = meet(source, headers=request.headers, query=request.query, body=request.body, now_ms=NOW_MS)
    assert isinstance(answer, Received)
    assert answer.reply is not None
    assert answer.reply.body == b"Hello API Event Received"


@pytest.mark.parametrize(
    ("name", "headers", "body", "echoed"),
    [
        ("asana", [("X-Hook-Secret", KEY)], b"", {"X-Hook-Secret": KEY}),
        ("notion", [], json.dumps({"verification_token": KEY}).encode(), {}),
    ],
)
def test_a_secret_that_the_sender_brings_is_to_be_kept(
    name: str, headers: Pairs, body: bytes, echoed: dict[str, str]
) -> None:
    source = Source.compile(name, SourceConfig.model_validate({"preset": name}), preset(name))
    answer = asked(source, "POST", headers=[JSON_TYPE, *headers], body=body)
    assert isinstance(answer, Learn)
    assert answer.secret == KEY
    assert echoed.items() <= answer.reply.headers.items()


def test_sns_is_called_back_for_a_topic_of_ours_and_no_other() -> None:
    subscribe = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f"
    for topic, ours in (("alarms", True), ("others", False)):
        arn = f"arn:aws:sns:us-east-1:123456789012:{topic}"
        fields = {
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f",
            "TopicArn": arn,
            "Message": "You have chosen to subscribe",
            "SubscribeURL": subscribe.format(topic=arn),
            "Timestamp": "2026-06-02T03:01:38.054Z",
            "SignatureVersion": "2",
            "SigningCertURL": SNS_CERTIFICATE,
        }
        answer = asked(
            source_of("aws-sns"),
            "POST",
            headers=[("Content-Type", "text/plain; charset=UTF-8")],
            body=notified(json.dumps(fields).encode()),
        )
        assert isinstance(answer, Called if ours else Refused)
