from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.sandbox import Sandbox
from bridge.sandbox.zendesk.tickets import MAX_COMMENTS
from tests.canaries import CUSTOMER_NAME, TEXT
from tests.sandbox.conftest import Caller


async def customer(zendesk: Caller) -> int:
    answer = await zendesk("POST", "/users/create_or_update", {"user": {"name": CUSTOMER_NAME, "external_id": "w:1"}})
    return int(answer.body["user"]["id"])


async def ticket(zendesk: Caller, **more: Any) -> int:
    answer = await zendesk("POST", "/tickets", {"ticket": {"subject": "S", "comment": {"body": TEXT}, **more}})
    assert answer.status == 201
    return int(answer.body["ticket"]["id"])


@pytest.mark.parametrize("suffix", ["", ".json"])
async def test_a_ticket_is_made_for_a_customer_and_read_back(zendesk: Caller, suffix: str) -> None:
    user = await customer(zendesk)
    wanted = {
        "subject": f"WhatsApp from {CUSTOMER_NAME}",
        "requester_id": user,
        "external_id": "wamid.1",
        "tags": ["WhatsApp", "new lead"],
        "priority": "high",
        "custom_fields": [{"id": 42, "value": "x"}],
        "comment": {"author_id": user, "body": TEXT},
    }
    made = await zendesk("POST", f"/tickets{suffix}", {"ticket": wanted})
    assert made.status == 201
    shown = made.body["ticket"]
    assert made.headers["Location"].endswith(f"/api/v2/tickets/{shown['id']}.json")
    assert (shown["requester_id"], shown["status"], shown["description"]) == (user, "new", TEXT)
    assert shown["tags"] == ["lead", "new", "whatsapp"]
    assert shown["custom_fields"] == [{"id": 42, "value": "x"}]
    read = await zendesk("GET", f"/tickets/{shown['id']}{suffix}")
    assert read.body["ticket"]["subject"] == wanted["subject"]


async def test_an_external_id_is_not_unique_and_can_be_listed(zendesk: Caller) -> None:
    ids = [await ticket(zendesk, external_id="e1"), await ticket(zendesk, external_id="e1")]
    await ticket(zendesk, external_id="e2")
    found = await zendesk("GET", "/tickets", params={"external_id": "e1"})
    assert [item["id"] for item in found.body["tickets"]] == ids
    assert (await zendesk("GET", "/tickets/count")).body["count"]["value"] == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"comment": None}, "base"),
        ({"comment": {"body": " "}}, "base"),
        ({"requester_id": 5}, "requester"),
        ({"comment": {"body": "x", "author_id": 5}}, "author"),
        ({"status": "done"}, "status"),
        ({"priority": "critical"}, "priority"),
        ({"metadata": {"x": "y" * 1024}}, "metadata"),
    ],
)
async def test_an_invalid_ticket_is_422_with_the_field(
    zendesk: Caller, sandbox: Sandbox, change: dict[str, Any], field: str
) -> None:
    answer = await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": TEXT}, **change}})
    assert (answer.status, answer.body["error"], list(answer.body["details"])) == (422, "RecordInvalid", [field])
    assert len(sandbox.zendesk.tickets) == 0


@pytest.mark.parametrize(
    "change", [{"comment": "text"}, {"tags": 5}, {"custom_fields": [{"id": "x"}]}, {"metadata": "text"}]
)
async def test_values_of_the_wrong_shape_are_400(zendesk: Caller, change: dict[str, Any]) -> None:
    answer = await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": TEXT}, **change}})
    assert (answer.status, answer.body["error"]["title"]) == (400, "Invalid attribute")


async def test_an_update_adds_a_comment_and_its_metadata_is_kept(zendesk: Caller) -> None:
    user, number = await customer(zendesk), await ticket(zendesk)
    update = {"comment": {"author_id": user, "body": "second", "public": False}, "metadata": {"delivery": "d1"}}
    answer = await zendesk("PUT", f"/tickets/{number}.json", {"ticket": update})
    assert answer.status == 200
    assert answer.body["audit"]["metadata"]["custom"] == {"delivery": "d1"}
    comments = (await zendesk("GET", f"/tickets/{number}/comments")).body["comments"]
    assert [(item["author_id"], item["body"], item["public"]) for item in comments][1] == (user, "second", False)
    assert comments[1]["metadata"]["custom"] == {"delivery": "d1"}
    assert comments[1]["audit_id"] == answer.body["audit"]["id"]
    audits = (await zendesk("GET", f"/tickets/{number}/audits.json")).body["audits"]
    assert [audit["metadata"]["custom"] for audit in audits] == [{}, {"delivery": "d1"}]


async def test_an_update_that_changes_nothing_leaves_no_audit(zendesk: Caller) -> None:
    number = await ticket(zendesk)
    answer = await zendesk("PUT", f"/tickets/{number}", {"ticket": {"subject": "S", "metadata": {"delivery": "d"}}})
    assert (answer.status, "audit" in answer.body) == (200, False)
    assert len((await zendesk("GET", f"/tickets/{number}/audits")).body["audits"]) == 1


async def test_a_closed_ticket_does_not_change(zendesk: Caller) -> None:
    number = await ticket(zendesk)
    await zendesk("PUT", f"/tickets/{number}", {"ticket": {"status": "closed"}})
    answer = await zendesk("PUT", f"/tickets/{number}", {"ticket": {"comment": {"body": "late"}}})
    assert answer.status == 422
    assert answer.body["details"]["status"] == [{"description": "Status: closed prevents ticket update"}]


async def test_a_solved_ticket_reopens_when_its_requester_writes(zendesk: Caller) -> None:
    user = await customer(zendesk)
    number = await ticket(zendesk, requester_id=user)
    await zendesk("PUT", f"/tickets/{number}", {"ticket": {"status": "solved"}})
    by_agent = await zendesk("PUT", f"/tickets/{number}", {"ticket": {"comment": {"body": "internal"}}})
    assert by_agent.body["ticket"]["status"] == "solved"
    update = {"ticket": {"comment": {"body": "again", "author_id": user}}}
    assert (await zendesk("PUT", f"/tickets/{number}", update)).body["ticket"]["status"] == "open"


async def test_a_safe_update_meets_a_conflict(zendesk: Caller, clock: ManualClock) -> None:
    number = await ticket(zendesk)
    stamp = (await zendesk("GET", f"/tickets/{number}")).body["ticket"]["updated_at"]
    clock.advance(1000)
    safe = {"safe_update": True, "updated_stamp": stamp}
    assert (await zendesk("PUT", f"/tickets/{number}", {"ticket": {"subject": "1", **safe}})).status == 200
    late = await zendesk("PUT", f"/tickets/{number}", {"ticket": {"subject": "2", **safe}})
    assert (late.status, late.body["error"]) == (409, "UpdateConflict")


async def test_a_full_ticket_takes_no_more_comments(zendesk: Caller, sandbox: Sandbox) -> None:
    number = await ticket(zendesk)
    held = sandbox.zendesk.tickets.get(number).comments
    held.extend(held[:1] * (MAX_COMMENTS - 1))
    answer = await zendesk("PUT", f"/tickets/{number}", {"ticket": {"comment": {"body": "one more"}}})
    assert answer.status == 422
    assert (await zendesk("PUT", f"/tickets/{number}", {"ticket": {"subject": "T"}})).status == 200


async def test_tags_are_added_set_and_removed(zendesk: Caller) -> None:
    number = await ticket(zendesk, tags=["a"])
    path = f"/tickets/{number}/tags"
    assert (await zendesk("PUT", f"{path}.json", {"tags": ["b"]})).body == {"tags": ["a", "b"]}
    replaced = await zendesk("POST", path, {"tags": ["c", "d"]})
    assert (replaced.status, replaced.body) == (201, {"tags": ["c", "d"]})
    assert (await zendesk("DELETE", path, {"tags": ["c"]})).body == {"tags": ["d"]}
    assert (await zendesk("GET", path)).body == {"tags": ["d"]}
    by_update = await zendesk("PUT", f"/tickets/{number}", {"ticket": {"tags": ["e"]}})
    assert by_update.body["ticket"]["tags"] == ["e"]


async def test_a_deleted_ticket_and_an_unknown_path_are_404(zendesk: Caller) -> None:
    number = await ticket(zendesk)
    assert (await zendesk("DELETE", f"/tickets/{number}")).status == 204
    gone = await zendesk("PUT", f"/tickets/{number}", {"ticket": {"subject": "x"}})
    assert (gone.status, gone.body["error"]) == (404, "RecordNotFound")
    assert (await zendesk("GET", "/unicorns")).body["error"] == "InvalidEndpoint"


async def test_a_requester_can_be_named_by_e_mail(zendesk: Caller, sandbox: Sandbox) -> None:
    number = await ticket(zendesk, requester={"name": CUSTOMER_NAME, "email": "a@example.com"})
    assert sandbox.zendesk.tickets.get(number).requester.email == "a@example.com"


async def test_a_closed_ticket_is_followed_up_by_a_new_one_and_an_open_one_is_not(zendesk: Caller) -> None:
    first = await ticket(zendesk)
    refused = await zendesk(
        "POST", "/tickets", {"ticket": {"comment": {"body": TEXT}, "via_followup_source_id": first}}
    )
    assert (refused.status, list(refused.body["details"])) == (422, ["via_followup_source_id"])
    await zendesk("PUT", f"/tickets/{first}", {"ticket": {"status": "closed"}})
    second = await ticket(zendesk, via_followup_source_id=first)
    via = (await zendesk("GET", f"/tickets/{second}")).body["ticket"]["via"]
    assert via["source"] == {"from": {"ticket_id": first}, "to": {}, "rel": "follow_up"}


async def test_an_imported_ticket_keeps_its_times(zendesk: Caller) -> None:
    user = await customer(zendesk)
    comments = [
        {"author_id": user, "value": "first", "created_at": "2026-05-01T10:00:00Z"},
        {"author_id": user, "body": "second", "public": False},
    ]
    wanted = {"requester_id": user, "status": "closed", "created_at": "2026-05-01T09:00:00Z", "comments": comments}
    made = await zendesk("POST", "/imports/tickets", {"ticket": wanted})
    assert (made.status, made.body["ticket"]["created_at"]) == (201, "2026-05-01T09:00:00Z")
    path = f"/tickets/{made.body['ticket']['id']}/comments"
    shown = (await zendesk("GET", path)).body["comments"]
    assert [(each["body"], each["created_at"], each["public"]) for each in shown] == [
        ("first", "2026-05-01T10:00:00Z", True),
        ("second", "2026-06-02T03:01:40Z", False),
    ]


@pytest.mark.parametrize(
    ("comments", "field"),
    [
        ([], "comments"),
        ([{"value": "x", "created_at": "soon"}], "created_at"),
        ([{"value": "x", "created_at": "2030-01-01T00:00:00Z"}], "created_at"),
    ],
)
async def test_an_import_without_comments_or_with_strange_times_is_refused(
    zendesk: Caller, comments: object, field: str
) -> None:
    refused = await zendesk("POST", "/imports/tickets", {"ticket": {"comments": comments}})
    assert (refused.status, list(refused.body["details"])) == (422, [field])
