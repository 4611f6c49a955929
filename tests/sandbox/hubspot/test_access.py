import pytest

from bridge.clock import ManualClock
from bridge.sandbox import HubSpotLimits, Sandbox
from tests.canaries import HUBSPOT_TOKEN
from tests.sandbox.conftest import Caller

CONTACTS = "/crm/v3/objects/contacts"
REFRESH = {
    "grant_type": "refresh_token",
    "client_id": "c",
    "client_secret": "s",
    "refresh_token": "sandbox-refresh-token",
}


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Basic {HUBSPOT_TOKEN}", "Bearer"])
async def test_a_call_without_a_good_token_is_401(hubspot: Caller, authorization: str) -> None:
    answer = await hubspot("GET", CONTACTS, headers={"Authorization": authorization})
    assert answer.status == 401
    assert answer.body["category"] == "INVALID_AUTHENTICATION"


async def test_a_refreshed_token_works_for_half_an_hour(hubspot: Caller, clock: ManualClock) -> None:
    granted = await hubspot("POST", "/oauth/2026-03/token", data=REFRESH)
    assert (granted.status, granted.body["expires_in"]) == (200, 1800)
    headers = {"Authorization": f"Bearer {granted.body['access_token']}"}
    assert (await hubspot("GET", CONTACTS, headers=headers)).status == 200
    clock.advance(1_800_000)
    expired = await hubspot("GET", CONTACTS, headers=headers)
    assert (expired.status, expired.body["category"]) == (401, "EXPIRED_AUTHENTICATION")


async def test_a_bad_refresh_is_final(hubspot: Caller) -> None:
    answer = await hubspot("POST", "/oauth/v3/token", data={**REFRESH, "refresh_token": "old"})
    assert (answer.status, answer.body["error"], answer.body["status"]) == (400, "invalid_grant", "BAD_REFRESH_TOKEN")
    in_url = await hubspot("POST", "/oauth/2026-03/token", params=REFRESH)
    assert in_url.status == 400
    other = await hubspot("POST", "/oauth/2026-03/token", data={**REFRESH, "grant_type": "password"})
    assert other.body["error"] == "unsupported_grant_type"


async def test_answers_tell_the_limits_and_search_does_not(hubspot: Caller) -> None:
    await hubspot("GET", CONTACTS)
    answer = await hubspot("GET", CONTACTS)
    assert answer.headers["X-HubSpot-RateLimit-Max"] == "100"
    assert answer.headers["X-HubSpot-RateLimit-Remaining"] == "98"
    assert answer.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    searched = await hubspot("POST", f"{CONTACTS}/search", {})
    assert "X-HubSpot-RateLimit-Max" not in searched.headers


async def test_enforced_limits_answer_429_until_the_window_moves_on(
    hubspot: Caller, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.hubspot.access.apply(HubSpotLimits(enforced=True, burst=2, search_per_second=1))
    statuses = [(await hubspot("GET", CONTACTS)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    limited = await hubspot("GET", CONTACTS)
    assert limited.body["policyName"] == "TEN_SECONDLY_ROLLING"
    assert limited.body["errorType"] == "RATE_LIMIT"
    searches = [(await hubspot("POST", f"{CONTACTS}/search", {})).status for _ in range(2)]
    assert searches == [200, 429]
    clock.advance(10_000)
    assert (await hubspot("GET", CONTACTS)).status == 200
    assert (await hubspot("POST", f"{CONTACTS}/search", {})).status == 200


async def test_associations_have_a_window_of_their_own_inside_the_general_one(
    hubspot: Caller, sandbox: Sandbox
) -> None:
    sandbox.hubspot.access.apply(HubSpotLimits(enforced=True, burst=4, associations=1))
    path = "/crm/v4/objects/tickets/5/associations/contacts"
    first, second = await hubspot("GET", path), await hubspot("GET", path)
    assert (first.status, second.status, second.body["policyName"]) == (404, 429, "TEN_SECONDLY_ROLLING")
    assert (await hubspot("GET", CONTACTS)).headers["X-HubSpot-RateLimit-Remaining"] == "2"


async def test_paths_and_bodies_that_make_no_sense(hubspot: Caller) -> None:
    assert (await hubspot("GET", "/crm/v1/contacts")).status == 404
    broken = await hubspot("POST", CONTACTS, data=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status, broken.body["status"]) == (400, "error")
    assert (await hubspot("POST", CONTACTS, data=b"x", headers={"Content-Type": "text/plain"})).status == 415


async def test_limits_that_change_go_on_with_what_was_counted(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.hubspot.access.apply(HubSpotLimits(enforced=True, burst=4))
    for _ in range(2):
        await hubspot("GET", CONTACTS)
    sandbox.hubspot.access.change(HubSpotLimits(enforced=True, burst=3, claimed_burst=9))
    last = await hubspot("GET", CONTACTS)
    assert last.headers["X-HubSpot-RateLimit-Max"] == "9"
    assert last.headers["X-HubSpot-RateLimit-Remaining"] == "6"
    assert (await hubspot("GET", CONTACTS)).status == 429
