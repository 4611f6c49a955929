"""Every request that the Zendesk connector and the recipes make has the documented shape, and the check can fail."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from bridge.connectors.call import Call
from tests.connectors.builders import OPERATIONS, call_of, operation
from tests.connectors.catalog.requests.zendesk import of_request, shapes

NAMES = [name for connector, name in OPERATIONS if connector == "zendesk"]
BATCHED = [name for name in NAMES if operation("zendesk", name).batch is not None]
PROBED = [name for name in NAMES if operation("zendesk", name).probe is not None]
FIELDS = {"Status": 360_000_000_101}
EVERYTHING: Mapping[str, Mapping[str, Any]] = {
    "users.upsert": {"email": "a@example.com", "user_fields": {"k": 1}, "phone": None, "skip_verify_email": False},
    "users.search": {"query": "phone:+918856879188"},
    "identities.create": {"primary": True, "verified": False},
    "tickets.create": {
        "comment": {"body": "x", "html_body": "<p>x</p>", "author_id": "9", "public": False, "uploads": ["t"]},
        "status": "open",
        "priority": "high",
        "type": "task",
        "tags": ["a", "b"],
        "group_id": "1",
        "assignee_id": 2,
        "ticket_form_id": 3,
        "brand_id": 4,
        "external_id": "e",
        "fields": {"Status": "read"},
        "custom_fields": [{"id": 7, "value": None}],
        "via_followup_source_id": 5,
    },
    "tickets.comment": {"html_body": "<p>{{x}}</p>", "public": False, "status": "solved", "uploads": ["t"]},
    "tickets.update": {
        "status": "solved",
        "subject": "s",
        "group_id": None,
        "assignee_id": 2,
        "ticket_form_id": 3,
        "fields": {"Status": "read"},
        "custom_fields": [{"id": 7, "value": 1}],
    },
    "tickets.update_safely": {
        "priority": "low",
        "subject": "s",
        "tags": ["a"],
        "group_id": 1,
        "assignee_id": 2,
        "ticket_form_id": 3,
        "fields": {"Status": "read"},
        "custom_fields": [{"id": 7, "value": 1}],
    },
    "tickets.search": {"sort_by": "updated_at", "sort_order": "asc"},
    "tickets.import": {
        "comments": [{"author_id": 9, "body": "x", "created_at": "2026-05-29T10:30:00Z", "public": False}],
        "updated_at": "2026-05-29T10:30:00Z",
        "solved_at": "2026-05-29T10:30:00Z",
        "status": "closed",
        "tags": ["imported"],
        "fields": {"Status": "read"},
        "custom_fields": [{"id": 7, "value": 1}],
    },
    "side_conversations.create": {"html_body": "<p>x</p>"},
}
"""Every parameter that the sample leaves out."""


def calls_of(name: str) -> Iterator[Call]:
    """The operation's sample, and a call that gives everything."""
    compiled = operation("zendesk", name)
    for params in (compiled.operation.sample.params, {**compiled.operation.sample.params, **EVERYTHING.get(name, {})}):
        yield replace(call_of(compiled, params), settings={"ticket_fields": FIELDS})


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_goes_out_as_documented(name: str) -> None:
    for call in calls_of(name):
        assert of_request(operation("zendesk", name).request.build(call)) == []


@pytest.mark.parametrize("name", BATCHED)
def test_so_does_every_batch(name: str) -> None:
    batch = operation("zendesk", name).batch
    assert batch is not None
    sample, full = calls_of(name)
    assert of_request(batch.build([sample, replace(full, key="other")])) == []
    assert of_request(batch.poll({"job": "82de0b044094f0c67893ac9fe64f1a99"})) == []


@pytest.mark.parametrize("name", PROBED)
def test_so_does_every_look_before_a_repeat(name: str) -> None:
    probe = operation("zendesk", name).probe
    assert probe is not None
    for call in calls_of(name):
        assert of_request(probe.request.build(call)) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_tried(name: str) -> None:
    compiled = operation("zendesk", name)
    tried = {*compiled.operation.sample.params, *EVERYTHING.get(name, {})}
    assert tried == {*compiled.operation.params} - {"placeholders"}


COMMENT = {"body": "x"}
TICKETS = "/api/v2/tickets"


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "word"),
    [
        ("POST", TICKETS, {}, {"ticket": {"comment": {"Body": "x"}}}, "Body"),
        ("POST", TICKETS, {}, {"ticket": {"comment": COMMENT, "requester": 9}}, "requester"),
        ("POST", TICKETS, {}, {"ticket": {"subject": "x"}}, "comment"),
        ("POST", TICKETS, {}, {"ticket": {"comment": COMMENT, "requester_id": "9"}}, "9"),
        ("POST", TICKETS, {}, {"ticket": {"comment": COMMENT, "tags": ["two words"]}}, "two words"),
        ("POST", TICKETS, {}, {"ticket": {"comment": COMMENT, "status": "opened"}}, "opened"),
        ("POST", TICKETS, {}, {"ticket": {"comment": COMMENT, "custom_fields": [{"id": "7", "value": 1}]}}, "7"),
        ("POST", TICKETS, {}, {"comment": COMMENT}, "comment"),
        ("POST", TICKETS, {"async": "true"}, {"ticket": {"comment": COMMENT}}, "async"),
        ("PUT", f"{TICKETS}/1", {}, {"ticket": {"safe_update": True}}, "updated_stamp"),
        ("PUT", f"{TICKETS}/1", {}, {"ticket": {"comment": {"body": "x" * 65_537}}}, "too long"),
        ("PUT", f"{TICKETS}/update_many.json", {}, {"tickets": [{"priority": "low"}]}, "id"),
        ("POST", f"{TICKETS}/create_many.json", {}, {"tickets": [{"comment": COMMENT}] * 101}, "too long"),
        ("POST", "/api/v2/users/create_or_update", {}, {"user": {"name": "A", "phone": "+1"}}, "A"),
        ("POST", "/api/v2/users/create_or_update", {}, {"user": {"external_id": "e", "mail": "a"}}, "mail"),
        ("POST", "/api/v2/users/9/identities", {}, {"identity": {"type": "phone", "value": "+1"}}, "phone"),
        ("POST", "/api/v2/uploads", {"name": "a"}, "https://m.example.com/a", "name"),
        ("POST", "/api/v2/uploads", {"filename": "a"}, {}, "string"),
        ("GET", "/api/v2/ticket", {}, None, "no documented request"),
        ("PATCH", f"{TICKETS}/1", {}, {"ticket": {"status": "open"}}, "no documented request"),
        ("GET", f"{TICKETS}/1", {}, {"ticket": {}}, "body"),
        ("POST", "/oauth/tokens", {}, {"grant_type": "client_credentials", "client_id": "a", "scopes": "r"}, "scopes"),
    ],
)
def test_what_is_misspelt_too_much_or_of_the_wrong_kind_is_found(
    method: str, path: str, query: Mapping[str, Any], body: object, word: str
) -> None:
    assert word in json.dumps(shapes().problems(method, path, query, body))
