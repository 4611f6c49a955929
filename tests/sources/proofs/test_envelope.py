import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.proofs.envelope import NoEnvelope, is_sns_host, read_envelope, signed_text

NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
    "Subject": "My First Message",
    "Message": "Hello\nworld! ü",
    "Timestamp": "2012-05-02T00:54:06.655Z",
    "SignatureVersion": "1",
    "Signature": "EXAMPLEw6JRN==",
    "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
    "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn",
}
CONFIRMATION = {
    **{name: value for name, value in NOTIFICATION.items() if name not in {"Subject", "UnsubscribeURL"}},
    "Type": "SubscriptionConfirmation",
    "SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336",
    "Token": "2336412f37",
    "SignatureVersion": "2",
}


def test_a_notification_is_signed_over_six_fields_with_the_subject() -> None:
    assert (
        read_envelope(NOTIFICATION).signed
        == (
            "Message\nHello\nworld! ü\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nMy First Message\n"
            "Timestamp\n2012-05-02T00:54:06.655Z\nTopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nNotification\n"
        ).encode()
    )


@pytest.mark.parametrize("without", [{}, {"Subject": None}])
def test_and_without_it_where_there_is_none(without: dict[str, object]) -> None:
    body = {name: value for name, value in NOTIFICATION.items() if name != "Subject"} | without
    assert b"Subject" not in read_envelope(body).signed


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_is_signed_over_its_address_and_its_token(kind: str) -> None:
    assert (
        read_envelope(CONFIRMATION | {"Type": kind, "Subject": "unsigned"}).signed
        == (
            "Message\nHello\nworld! ü\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
            "SubscribeURL\nhttps://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336\n"
            "Timestamp\n2012-05-02T00:54:06.655Z\nToken\n2336412f37\n"
            f"TopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\n{kind}\n"
        ).encode()
    )


def test_the_version_names_the_hash() -> None:
    assert read_envelope(NOTIFICATION).hash == "sha1"
    assert read_envelope(CONFIRMATION).hash == "sha256"
    for version in ("0", "3", "", "01", 1, None):
        with pytest.raises(NoEnvelope):
            read_envelope(NOTIFICATION | {"SignatureVersion": version})


@pytest.mark.parametrize("name", [name for name in NOTIFICATION if name not in {"Subject", "UnsubscribeURL"}])
@pytest.mark.parametrize("value", [None, 7, ["x"]])
def test_a_field_that_is_missing_or_no_text_is_refused(name: str, value: object) -> None:
    with pytest.raises(NoEnvelope):
        read_envelope(NOTIFICATION | {name: value})


def test_what_is_signed_can_be_read_in_one_way_only() -> None:
    # One text for two bodies: the first says what SNS delivered, the second what somebody would like it to have been.
    forged = NOTIFICATION | {
        "Message": "Hello",
        "MessageId": "1\nSubject\nMy First Message",
    }
    del forged["Subject"]
    real = NOTIFICATION | {"Message": "Hello", "MessageId": "1"}
    with pytest.raises(NoEnvelope, match="MessageId"):
        signed_text(forged)
    assert signed_text(real)


@pytest.mark.parametrize(
    "host",
    [
        "sns.us-east-1.amazonaws.com",
        "sns.us-gov-west-1.amazonaws.com",
        "sns.ap-southeast-2.amazonaws.com",
        "sns.cn-north-1.amazonaws.com.cn",
    ],
)
def test_the_hosts_of_sns(host: str) -> None:
    assert is_sns_host(host)
    url = f"https://{host}/SimpleNotificationService-abc.pem"
    assert read_envelope(NOTIFICATION | {"SigningCertURL": url}).certificate_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com:8443/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem?x",
        "https://sns.us-east-1.amazonaws.com/a.pem\n",
        "https://sns.us-east-1.amazonaws.com/a.txt",
        "https://sns.us-east-1.amazonaws.com/../a.pem",
        "https://sns.us-east-1.amazonaws.com/a/b.pem",
        "https://SNS.us-east-1.amazonaws.com/a.pem",
        "https://xsns.us-east-1.amazonaws.com/a.pem",
        "https://snsxus-east-1.amazonaws.com/a.pem",
        "https://sns.s3.amazonaws.com/a.pem",
        "https://sns.s3-us-west-2.amazonaws.com/a.pem",
        "https://sns.s3.us-west-2.amazonaws.com/a.pem",
        "https://sns.us-east-1.elb.amazonaws.com/a.pem",
        "https://sns.amazonaws.com/a.pem",
        "",
    ],
)
def test_a_certificate_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(NoEnvelope, match="SigningCertURL"):
        read_envelope(NOTIFICATION | {"SigningCertURL": url})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NOTIFICATION, "x"]), inner),
    max_leaves=8,
)


@given(value=JSON, changed=st.dictionaries(st.sampled_from([*NOTIFICATION]), JSON))
def test_no_value_makes_it_raise_anything_else(value: object, changed: dict[str, object]) -> None:
    for body in (value, NOTIFICATION | changed):
        try:
            envelope = read_envelope(body)
        except NoEnvelope as refused:
            assert refused.detail  # noqa: PT017
        else:
            assert json.dumps(envelope.topic)
