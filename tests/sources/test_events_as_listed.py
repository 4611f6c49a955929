"""The rows of the sheet's third section: what kind of event a body is, which is a repeat, and which is another event.

Each body is written down from the row, not from the preset's own samples.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest

from bridge.model import NewEvent
from bridge.sources import Source, SourceConfig
from tests.sources.builders import NOW_MS, accepted, preset, refused

Change = Mapping[str, object]
"""A header's name with a colon behind it, or the way to a value of the body -> what stands there then."""

ISO = "2026-06-02T03:01:38.000Z"
NOW_S = NOW_MS // 1000


@dataclass(frozen=True)
class Row:
    """A sender's event; `form`: its bodies are form fields, one of them perhaps with JSON in it."""

    name: str
    type: str
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    repeats: Sequence[Change] = ()
    others: Sequence[Change] = ()
    form: str | None = None


ROWS = (
    Row(
        "aisoule",
        "message.sent",
        {"event": "message.sent", "timestamp": NOW_S, "data": {"message_id": "m1"}},
        repeats=[{"timestamp": NOW_S + 60}],
        others=[{"event": "message.delivered"}, {"event": "message.read"}, {"data.message_id": "m2"}],
    ),
    Row("aisoule", "ping", {"event": "ping"}, others=[{"timestamp": 1}]),
    Row(
        "whatsapp-cloud",
        "delivered",
        {"entry": [{"changes": [{"field": "messages", "value": {"statuses": [{"id": "w1", "status": "delivered"}]}}]}]},
        repeats=[{"entry.0.id": "7"}],
        others=[
            {"entry.0.changes.0.value.statuses.0.status": "read"},
            {"entry.0.changes.0.value.statuses.0.id": "w2"},
        ],
    ),
    Row(
        "github",
        "issues.opened",
        {"action": "opened", "issue": {"id": 1}},
        {"X-GitHub-Event": "issues", "X-GitHub-Delivery": "d1"},
        repeats=[{}],
        others=[{"X-GitHub-Delivery:": "d2"}],
    ),
    Row(
        "github",
        "issues.opened",
        {"action": "opened"},
        {"X-GitHub-Event": "issues", "X-GitHub-Delivery": "d1"},
        form="payload",
        others=[{"X-GitHub-Delivery:": "d2"}],
    ),
    Row(
        "gitlab",
        "push",
        {"object_kind": "push"},
        {"X-Gitlab-Event": "Push Hook", "Idempotency-Key": "k1", "X-Gitlab-Event-UUID": "u1"},
        repeats=[{"X-Gitlab-Event-UUID:": "u2"}],
        others=[{"Idempotency-Key:": "k2"}],
    ),
    Row(
        "gitlab",
        "push",
        {"object_kind": "push"},
        {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "u1"},
        repeats=[{}],
        others=[{"X-Gitlab-Event-UUID:": "u2"}, {"X-Gitlab-Webhook-UUID:": "w2"}],
    ),
    Row("stripe", "charge.failed", {"id": "e1", "type": "charge.failed"}, others=[{"id": "e2"}], repeats=[{"x": 1}]),
    Row(
        "slack",
        "message",
        {"type": "event_callback", "event_id": "E1", "event": {"type": "message"}},
        repeats=[{"X-Slack-Retry-Num:": "1"}],
        others=[{"event_id": "E2"}],
    ),
    Row("slack-commands", "command", {"command": "/hi", "trigger_id": "1"}, form="", others=[{"trigger_id": "2"}]),
    Row(
        "slack-interactivity",
        "block_actions",
        {"type": "block_actions", "trigger_id": "1"},
        form="payload",
        others=[{"trigger_id": "2"}],
    ),
    Row(
        "shopify",
        "orders/paid",
        {"id": 1},
        {"X-Shopify-Topic": "orders/paid", "X-Shopify-Webhook-Id": "w1", "X-Shopify-Event-Id": "e1"},
        repeats=[{"X-Shopify-Triggered-At:": ISO}],
        others=[{"X-Shopify-Webhook-Id:": "w2"}],
    ),
    Row(
        "twilio",
        "delivered",
        {"MessageSid": "SM1", "MessageStatus": "delivered"},
        form="",
        repeats=[{"ApiVersion": "1"}],
        others=[{"MessageStatus": "read"}, {"MessageSid": "SM2"}],
    ),
    Row(
        "twilio",
        "other",
        {"EventType": "onMessageAdded"},
        {"I-Twilio-Idempotency-Token": "t1"},
        form="",
        repeats=[{"Attempt": "2"}],
        others=[{"I-Twilio-Idempotency-Token:": "t2"}],
    ),
    Row(
        "hubspot",
        "contact.creation",
        [{"eventId": 1, "subscriptionId": 2, "subscriptionType": "contact.creation", "occurredAt": NOW_MS}],
        repeats=[{"0.attemptNumber": 3}],
        others=[{"0.eventId": 2}, {"0.subscriptionId": 3}, {"0.occurredAt": NOW_MS + 1}],
    ),
    Row(
        "zendesk",
        "zen:event-type:ticket.created",
        {"id": "z1", "type": "zen:event-type:ticket.created", "time": ISO},
        {"X-Zendesk-Webhook-Invocation-Id": "i1"},
        repeats=[{"X-Zendesk-Webhook-Invocation-Id:": "i2"}],
        others=[{"id": "z2"}],
    ),
    Row(
        "zendesk",
        "trigger",
        {"ticket_id": "1"},
        {"X-Zendesk-Webhook-Invocation-Id": "i1"},
        repeats=[{}],
        others=[{"X-Zendesk-Webhook-Invocation-Id:": "i2"}],
    ),
    Row(
        "zendesk",
        "trigger",
        {"ticket_id": "1"},
        {"X-Zendesk-Webhook-Invocation-Id": "i1"},
        form="",
        others=[{"X-Zendesk-Webhook-Invocation-Id:": "i2"}],
    ),
    Row(
        "zendesk",
        "trigger",
        None,
        {"X-Zendesk-Webhook-Invocation-Id": "i1"},
        repeats=[{}],
        others=[{"X-Zendesk-Webhook-Invocation-Id:": "i2"}],
    ),
    Row("intercom", "contact.created", {"topic": "contact.created", "id": "n1"}, others=[{"id": "n2"}]),
    Row("freshdesk", "ticket", {"freshdesk_webhook": {"ticket_id": 1}}, others=[{"freshdesk_webhook.ticket_id": 2}]),
    Row("typeform", "form_response", {"event_id": "1", "event_type": "form_response"}, others=[{"event_id": "2"}]),
    Row("tally", "FORM_RESPONSE", {"eventId": "1", "eventType": "FORM_RESPONSE"}, others=[{"eventId": "2"}]),
    Row(
        "calendly",
        "invitee.created",
        {"event": "invitee.created", "created_at": ISO, "payload": {"uri": "u1"}},
        repeats=[{"payload.name": "x"}],
        others=[{"event": "invitee.canceled"}, {"payload.uri": "u2"}, {"created_at": "2026-06-03T03:01:38Z"}],
    ),
    Row(
        "cal-com",
        "BOOKING_CREATED",
        {"triggerEvent": "BOOKING_CREATED", "createdAt": ISO, "payload": {"uid": "u1"}},
        others=[{"triggerEvent": "BOOKING_CANCELLED"}, {"payload.uid": "u2"}, {"createdAt": "2026-06-03T03:01:38Z"}],
    ),
    Row(
        "mailgun",
        "opened",
        {"signature": {"token": "t1"}, "event-data": {"event": "opened", "id": "1"}},
        repeats=[{"signature.token": "t2"}],
        others=[{"event-data.id": "2"}],
    ),
    Row("sendgrid", "open", [{"event": "open", "sg_event_id": "1"}], others=[{"0.sg_event_id": "2"}]),
    Row(
        "postmark",
        "Open",
        {"RecordType": "Open", "MessageID": "m1", "ReceivedAt": ISO},
        others=[{"RecordType": "Click"}, {"MessageID": "m2"}, {"ReceivedAt": "2026-06-03T03:01:38Z"}],
    ),
    Row(
        "mandrill",
        "open",
        [{"event": "open", "_id": "m1", "ts": 1}],
        form="mandrill_events",
        others=[{"0.event": "click"}, {"0._id": "m2"}, {"0.ts": 2}],
    ),
    Row(
        "mailchimp",
        "subscribe",
        {"type": "subscribe", "fired_at": "2026-06-02 03:01:38", "data[id]": "1", "data[merges][FNAME]": "A"},
        form="",
        repeats=[{"data[merges][FNAME]": "B"}],
        others=[{"type": "profile"}, {"data[id]": "2"}, {"fired_at": "2026-06-02 03:01:39"}],
    ),
    Row(
        "paddle",
        "transaction.paid",
        {"event_id": "e1", "notification_id": "n1", "event_type": "transaction.paid"},
        repeats=[{"notification_id": "n2"}],
        others=[{"event_id": "e2"}],
    ),
    Row("paypal", "PAYMENT.SALE", {"id": "1", "event_type": "PAYMENT.SALE"}, others=[{"id": "2"}]),
    Row("square", "payment.created", {"event_id": "1", "type": "payment.created"}, others=[{"event_id": "2"}]),
    Row(
        "linear",
        "issue.create",
        {"type": "Issue", "action": "create", "webhookTimestamp": 1},
        {"Linear-Event": "Issue", "Linear-Delivery": "d1"},
        repeats=[{"webhookTimestamp": 2}],
        others=[{"Linear-Delivery:": "d2"}],
    ),
    Row(
        "jira",
        "jira:issue_created",
        {"webhookEvent": "jira:issue_created"},
        {"X-Atlassian-Webhook-Identifier": "1"},
        repeats=[{"X-Atlassian-Webhook-Retry:": "1"}],
        others=[{"X-Atlassian-Webhook-Identifier:": "2"}],
    ),
    Row(
        "asana",
        "task.changed",
        {"events": [{"action": "changed", "resource": {"gid": "1", "resource_type": "task"}, "created_at": ISO}]},
        others=[{"events.0.resource.gid": "2"}, {"events.0.action": "added"}, {"events.0.created_at": "2026-06-03"}],
    ),
    Row(
        "zoom",
        "meeting.started",
        {"event": "meeting.started", "event_ts": NOW_MS, "payload": {"object": {"uuid": "u1"}}},
        others=[{"event_ts": NOW_MS + 1}, {"payload.object.uuid": "u2"}, {"event": "meeting.ended"}],
    ),
    Row("notion", "page.created", {"id": "1", "type": "page.created"}, others=[{"id": "2"}], repeats=[{"n": 2}]),
    Row("clerk", "user.created", {"type": "user.created"}, {"svix-id": "1"}, others=[{"svix-id:": "2"}]),
    Row(
        "sentry",
        "issue.created",
        {"action": "created"},
        {"Sentry-Hook-Resource": "issue", "Request-ID": "1"},
        others=[{"Request-ID:": "2"}],
    ),
    Row("pagerduty", "incident.x", {"event": {"id": "1", "event_type": "incident.x"}}, others=[{"event.id": "2"}]),
    Row(
        "docusign",
        "envelope-sent",
        {"event": "envelope-sent", "generatedDateTime": ISO, "data": {"envelopeId": "1"}},
        repeats=[{"retryCount": "1"}],
        others=[{"event": "envelope-completed"}, {"data.envelopeId": "2"}, {"generatedDateTime": "2026-06-03"}],
    ),
    Row("discord", "ENTITLEMENT_CREATE", {"type": 1, "event": {"type": "ENTITLEMENT_CREATE"}}, others=[{"x": 1}]),
    Row("aws-sns", "Notification", {"Type": "Notification", "MessageId": "1"}, others=[{"MessageId": "2"}]),
    Row(
        "microsoft-graph",
        "updated",
        {"value": [{"id": "1", "changeType": "updated", "resource": "r"}]},
        others=[{"value.0.id": "2"}],
    ),
    Row("microsoft-graph", "lifecycle.missed", {"value": [{"lifecycleEvent": "missed"}]}),
    Row(
        "segment", "track", {"type": "track", "messageId": "1"}, repeats=[{"sentAt": ISO}], others=[{"messageId": "2"}]
    ),
    Row("segment", "track", [{"type": "track", "messageId": "1"}], others=[{"0.messageId": "2"}]),
    Row("auth0", "s", [{"log_id": "1", "data": {"type": "s"}}], others=[{"0.log_id": "2"}]),
    Row("auth0", "s", {"log_id": "1", "data": {"type": "s"}}, others=[{"log_id": "2"}]),
    Row(
        "woocommerce",
        "order.created",
        {"id": 1},
        {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Delivery-ID": "d1"},
        repeats=[{"total": "1"}],
        others=[{"X-WC-Webhook-Delivery-ID:": "d2"}, {"X-WC-Webhook-Topic:": "order.updated"}],
    ),
    Row("webflow", "form_submission", {"triggerType": "form_submission", "payload": {"id": "1", "submittedAt": ISO}}),
    Row(
        "chatwoot",
        "conversation_created",
        {"event": "conversation_created"},
        {"X-Chatwoot-Delivery": "1"},
        others=[{"X-Chatwoot-Delivery:": "2"}],
    ),
    Row(
        "interakt",
        "message_received",
        {"type": "message_received", "data": {"message": {"id": "1"}}},
        others=[{"type": "message_api_read"}, {"data.message.id": "2"}],
    ),
    Row(
        "aisensy",
        "contact.created",
        {"id": "1", "topic": "contact.created", "delivery_attempt": 1},
        repeats=[{"delivery_attempt": 2}],
        others=[{"id": "2"}],
    ),
    Row(
        "wati",
        "message",
        {"id": "1", "eventType": "message", "whatsappMessageId": "w1"},
        others=[{"eventType": "sentMessageREAD"}, {"whatsappMessageId": "w2"}],
    ),
    Row(
        "gupshup",
        "delivered",
        {"type": "message-event", "payload": {"id": "1", "type": "delivered"}},
        others=[{"payload.type": "read"}, {"payload.id": "2"}],
    ),
    Row("gupshup", "sandbox-start", {"type": "user-event", "payload": {"type": "sandbox-start"}}),
    Row(
        "razorpay",
        "payment.captured",
        {"event": "payment.captured"},
        {"X-Razorpay-Event-Id": "1"},
        others=[{"X-Razorpay-Event-Id:": "2"}],
    ),
)


@cache
def source_of(name: str) -> Source:
    """The preset with nothing to prove, so that only what it reads is looked at."""
    known = preset(name)
    written: dict[str, object] = {"preset": name, "verify": {"type": "none"}}
    if known.handshake is not None:  # some rest on a secret
        written["handshake"] = [{"kind": "reply", "method": "GET"}]
    return Source.compile(name, SourceConfig.model_validate(written), known)


def events(row: Row, change: Change = {}) -> Sequence[NewEvent]:  # noqa: B006 - it is only read
    headers, body = dict(row.headers), json.loads(json.dumps(row.body))
    for place, value in change.items():
        if place.endswith(":"):
            headers[place[:-1]] = str(value)
        else:
            body = _with(body, place.split(".") if "[" not in place else [place], value)
    media_type = "application/json"
    content = b"" if body is None else json.dumps(body).encode()
    if row.form is not None:
        media_type = "application/x-www-form-urlencoded"
        content = urlencode({row.form: content} if row.form else body).encode()
    pairs = [("Content-Type", media_type), *headers.items()]
    return accepted(source_of(row.name).receive(headers=pairs, query=[], body=content, now_ms=NOW_MS))


def _with(body: Any, way: Sequence[str], value: object) -> Any:
    first: Any = int(way[0]) if isinstance(body, list) else way[0]
    body[first] = value if len(way) == 1 else _with(body[first], way[1:], value)
    return body


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name} {row.type}")
def test_a_body_is_the_event_that_the_sheet_says(row: Row) -> None:
    (first,) = events(row)
    assert first.raw_type == row.type
    for change in row.repeats:
        (again,) = events(row, change)
        assert again.event_id == first.event_id, change
    for change in row.others:
        (other,) = events(row, change)
        assert other.event_id != first.event_id, change


@pytest.mark.parametrize("name", ["svix", "clerk", "resend", "recall-ai"])
def test_an_id_under_a_name_that_was_not_signed_makes_no_new_event_of_an_old_request(name: str) -> None:
    body = {"type": "a", "event": "a"}
    (old,) = events(Row(name, "a", body, {"webhook-id": "1", "svix-id": "1"}))
    for names in ({"webhook-id": "1"}, {"svix-id": "1"}):
        assert [event.event_id for event in events(Row(name, "a", body, names))] == [old.event_id] == ["1"]
    pairs = [("Content-Type", "application/json"), ("webhook-id", "1"), ("svix-id", "2")]
    got = source_of(name).receive(headers=pairs, query=[], body=json.dumps(body).encode(), now_ms=NOW_MS)
    assert refused(got).code == "event_id_unreadable"


def test_a_time_that_is_not_there_is_no_remark_for_each_push() -> None:
    body = b'{"object_kind":"push"}'
    got = source_of("gitlab").receive(
        headers=[("Content-Type", "application/json")], query=[], body=body, now_ms=NOW_MS
    )
    assert [event.time_ms for event in accepted(got)] == [None]
    assert not getattr(got, "notes", None)


def test_a_delivery_that_is_named_twice_is_refused() -> None:
    headers = [("Content-Type", "application/json"), ("X-GitHub-Event", "push"), *[("X-GitHub-Delivery", "d1")] * 2]
    got = source_of("github").receive(headers=headers, query=[], body=b"{}", now_ms=NOW_MS)
    assert (refused(got).status, refused(got).code) == (400, "event_id_repeated")
