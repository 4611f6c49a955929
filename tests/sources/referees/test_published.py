"""Examples that the vendors have published: secret, request and signature, exactly as they print them."""

import json
from dataclasses import dataclass

import pytest

from bridge.sources import load_preset, parse_verification, verify
from bridge.sources.scheme import AnyScheme

Fields = dict[str, object]


@dataclass(frozen=True)
class Example:
    """A published request. `scheme` is a preset's name, or the block itself where no preset signs so."""

    scheme: str | Fields
    secret: str
    headers: dict[str, str]
    body: str
    at_s: int = 0
    address: str | None = None
    query: str = ""
    method: str = "POST"
    key_name: str = "secrets"

    def parsed(self, secret: str) -> AnyScheme:
        """The scheme with this secret."""
        block = self.scheme
        if isinstance(block, str):
            written = load_preset(block).written["verify"]
            assert isinstance(written, dict)
            block = written
        given: Fields = {**block, self.key_name: [secret]}
        if self.address is not None:
            url = block["url"]
            assert isinstance(url, dict)
            given["url"] = {**url, "public": self.address}
        return parse_verification(given)

    def is_believed(self, *, secret: str | None = None, body: str | None = None) -> bool:
        """What the verifier says of it, perhaps with something changed."""
        verdict = verify(
            self.parsed(self.secret if secret is None else secret),
            headers=self.headers.items(),
            query=[(name, value) for name, _, value in (each.partition("=") for each in self.query.split("&"))],
            body=(self.body if body is None else body).encode(),
            now_ms=self.at_s * 1000,
            method=self.method,
            raw_query=self.query,
        )
        return verdict.ok


HUBSPOT_KEY = "-".join("y" * count for count in (8, 4, 4, 4, 12))
HUBSPOT_EVENT = (
    '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    '"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW",'
    '"appId":54321}]'
)
HUBSPOT_V1: Fields = {
    "type": "hash",
    "signature": {"from": "header:X-HubSpot-Signature"},
    "message": "{secret}{body}",
    "require": {"X-HubSpot-Signature-Version": "v1"},
}
HUBSPOT_V2: Fields = {
    **HUBSPOT_V1,
    "url": {"ports": "as_is"},
    "message": "{secret}{method}{url}{body}",
    "require": {"X-HubSpot-Signature-Version": "v2"},
}
SLACK: Fields = {
    "type": "hmac",
    "signature": {"from": "header:X-Slack-Signature", "prefix": "v0="},
    "timestamp": {"from": "header:X-Slack-Request-Timestamp"},
    "message": "v0:{timestamp}:{body}",
}
SQUARE: Fields = {
    "type": "hmac",
    "signature": {"from": "header:x-square-hmacsha256-signature", "encoding": "base64"},
    "url": {"ports": "as_is"},
    "message": "{url}{body}",
}
SENDGRID: Fields = {
    "type": "ecdsa",
    "key": "base64",
    "signature": {"from": "header:X-Twilio-Email-Event-Webhook-Signature", "encoding": "base64"},
    "timestamp": {"from": "header:X-Twilio-Email-Event-Webhook-Timestamp"},
    "message": "{timestamp}{body}",
}
TWILIO_FORM = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
TWILIO_JSON = '{"property": "value", "boolean": true}'
TWILIO_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def twilio(signature: str, address: str = "https://mycompany.com/myapp.php") -> Example:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    return Example("twilio", "12345", headers, TWILIO_FORM, address=address, query="foo=1&bar=2")


def standard(preset: str, prefix: str) -> Example:
    value = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    names = (f"{prefix}-id", f"{prefix}-timestamp", f"{prefix}-signature")
    headers = dict(zip(names, ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", value), strict=True))
    return Example(preset, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, '{"test": 2432232314}', at_s=1614265330)


def hubspot(version: str, signature: str, body: str, method: str = "POST") -> Example:
    headers = {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": version}
    if version == "v1":
        return Example(HUBSPOT_V1, HUBSPOT_KEY, headers, body)
    return Example(HUBSPOT_V2, HUBSPOT_KEY, headers, body, address="https://www.example.com/webhook_uri", method=method)


EXAMPLES = {
    "GitHub, Validating webhook deliveries": Example(
        "github",
        "It's a Secret to Everybody",
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        "Hello, World!",
    ),
    "Slack, Verifying requests": Example(
        SLACK,
        "8f742231b10e8888abcd99yyyzzz85a5",
        {
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        at_s=1531420618,
    ),
    "Standard Webhooks, its libraries' example": standard("standard-webhooks", "webhook"),
    "Svix, Verifying webhooks manually": standard("svix", "svix"),
    "Twilio, Validating requests": twilio("RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    "Twilio, the same signed with the port": twilio("kvajT1Ptam85bY51eRf/AJRuM3w="),
    "Twilio, the same signed without the port": twilio(
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "https://mycompany.com:1234/myapp.php"
    ),
    "Twilio, a body of JSON": Example(
        "twilio-json",
        "12345",
        {"X-Twilio-Signature": "a9nBmqA0ju/hNViExpshrM61xv4="},
        TWILIO_JSON,
        address="https://mycompany.com/myapp.php",
        query=f"foo=1&bar=2&bodySHA256={TWILIO_HASH}",
    ),
    "HubSpot, version 1": hubspot(
        "v1", "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de", HUBSPOT_EVENT
    ),
    "HubSpot, version 2 without a body": hubspot(
        "v2", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e", "", "GET"
    ),
    "HubSpot, version 2 with a body": hubspot(
        "v2",
        "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
        '{"example_field":"example_value"}',
    ),
    "HubSpot, version 3 (its Python library's tests)": Example(
        "hubspot",
        HUBSPOT_KEY,
        {
            "X-HubSpot-Signature-v3": "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
            "X-HubSpot-Request-Timestamp": "1693657560000",
        },
        "{'example_field':'example_value'}",
        at_s=1693657560,
        address="https://www.example.com/webhook_uri",
    ),
    "Square, its Python library's tests": Example(
        SQUARE,
        "Ibxx_5AKakO-3qeNVR61Dw",
        {"x-square-hmacsha256-signature": "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4="},
        '{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification",'
        '"event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z",'
        '"data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}',
        address="https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
    ),
    "SendGrid, its Python library's tests": Example(
        SENDGRID,
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8"
        "eNEc6wEA3F+g==",
        {
            "X-Twilio-Email-Event-Webhook-Timestamp": "1600112502",
            "X-Twilio-Email-Event-Webhook-Signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM"
            "+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        },
        json.dumps(
            [
                {
                    "email": "hello@world.com",
                    "event": "dropped",
                    "reason": "Bounced Address",
                    "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
                    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
                    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
                    "timestamp": 1600112492,
                }
            ],
            sort_keys=True,
            separators=(",", ":"),
        )
        + "\r\n",
        at_s=1600112502,
        key_name="public_keys",
    ),
}
OTHER = {
    "secrets": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
    "public_keys": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDth"
    "vj+y7GjUuFDb/R1NGe1OPzpA==",
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_published_example_is_believed_as_it_stands_and_not_with_another_secret_or_body(example: Example) -> None:
    assert example.is_believed()
    assert not example.is_believed(secret=OTHER[example.key_name])
    assert not example.is_believed(body=example.body + "&x=1")
