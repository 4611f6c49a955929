from bridge.clock import ManualClock
from bridge.sandbox import Sandbox
from bridge.sandbox.zendesk.api import BULK_LAG_MS
from bridge.sandbox.zendesk.bulk import KEPT_MS
from tests.sandbox.conftest import Caller

GOOD = {"subject": "S", "comment": {"body": "B"}}


async def test_create_many_is_polled_until_it_is_completed(zendesk: Caller, clock: ManualClock) -> None:
    started = await zendesk("POST", "/tickets/create_many.json", {"tickets": [GOOD, {"subject": "no comment"}]})
    status = started.body["job_status"]
    assert (started.status, status["status"], status["results"]) == (200, "queued", None)
    path = f"/job_statuses/{status['id']}"
    assert (await zendesk("GET", path)).body["job_status"]["status"] == "queued"
    clock.advance(BULK_LAG_MS)
    done = (await zendesk("GET", f"{path}.json")).body["job_status"]
    assert (done["status"], done["progress"], done["total"]) == ("completed", 2, 2)
    assert [sorted(item) for item in done["results"]] == [["id", "index"], ["details", "error", "index"]]
    clock.advance(KEPT_MS)
    assert (await zendesk("GET", path)).status == 404


async def test_update_many_takes_one_change_or_a_list(zendesk: Caller, sandbox: Sandbox, clock: ManualClock) -> None:
    for _ in range(2):
        await zendesk("POST", "/tickets", {"ticket": {**GOOD, "tags": ["a"]}})
    shared = {"ticket": {"additional_tags": ["b"], "remove_tags": ["a"]}}
    await zendesk("PUT", "/tickets/update_many", shared, params={"ids": "1,2,9"})
    listed = {"tickets": [{"id": 1, "status": "solved"}, {"id": 9, "status": "solved"}]}
    started = await zendesk("PUT", "/tickets/update_many.json", listed)
    clock.advance(BULK_LAG_MS)
    done = (await zendesk("GET", f"/job_statuses/{started.body['job_status']['id']}")).body["job_status"]
    assert [item["success"] for item in done["results"]] == [True, False]
    assert [ticket.tags for ticket in sandbox.zendesk.tickets] == [["b"], ["b"]]
    assert sandbox.zendesk.tickets.get(1).status == "solved"


async def test_a_bulk_write_has_at_most_100_tickets(zendesk: Caller) -> None:
    assert (await zendesk("POST", "/tickets/create_many", {"tickets": [GOOD] * 101})).status == 400
    assert (await zendesk("POST", "/tickets/create_many", {"tickets": []})).status == 400
