from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.sandbox import Sandbox, ZendeskLimits
from tests.canaries import ZENDESK_SECRET
from tests.sandbox.conftest import Caller

GRANT = {"grant_type": "client_credentials", "client_id": "bridge", "client_secret": ZENDESK_SECRET}
TICKET = {"ticket": {"subject": "S", "comment": {"body": "B"}}}


async def grant(zendesk: Caller, **more: Any) -> dict[str, Any]:
    oauth = Caller(zendesk.session, zendesk.base.removesuffix("/api/v2"))
    answer = await oauth("POST", "/oauth/tokens", {**GRANT, **more})
    return {"status": answer.status, **answer.body}


async def test_client_credentials_open_the_api_until_the_token_expires(zendesk: Caller, clock: ManualClock) -> None:
    granted = await grant(zendesk, scope="read write")
    assert (granted["status"], granted["token_type"], granted["scope"]) == (200, "bearer", "read write")
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    assert (await zendesk("GET", "/tickets/count", headers=headers)).status == 200
    clock.advance(granted["expires_in"] * 1000)
    expired = await zendesk("GET", "/tickets/count", headers=headers)
    assert (expired.status, expired.body) == (401, {"error": "Couldn't authenticate you"})


async def test_revoked_tokens_are_401(zendesk: Caller, sandbox: Sandbox) -> None:
    granted = await grant(zendesk)
    sandbox.zendesk.access.void_tokens()
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    assert (await zendesk("GET", "/tickets/count", headers=headers)).status == 401


async def test_a_refresh_token_is_good_for_once_and_ends_the_access_token_of_before(zendesk: Caller) -> None:
    async def opens(granted: dict[str, Any]) -> int:
        headers = {"Authorization": f"Bearer {granted['access_token']}"}
        return (await zendesk("GET", "/tickets/count", headers=headers)).status

    async def refreshed(token: str) -> dict[str, Any]:
        return await grant(zendesk, grant_type="refresh_token", refresh_token=token)

    first = await refreshed("sandbox-refresh-token")
    assert (first["status"], await opens(first)) == (200, 200)
    second = await refreshed(first["refresh_token"])
    assert (second["status"], await opens(first), await opens(second)) == (200, 401, 200)
    for token in ("sandbox-refresh-token", first["refresh_token"]):
        again = await refreshed(token)
        assert (again["status"], again["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": "refresh_token"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": 5}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "somebody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"expires_in": 60}, 400, "invalid_request"),
    ],
)
async def test_a_bad_token_request_says_why(zendesk: Caller, change: dict[str, Any], status: int, error: str) -> None:
    answer = await grant(zendesk, **change)
    assert (answer["status"], answer["error"]) == (status, error)


@pytest.mark.parametrize(
    ("scope", "read", "write"),
    [("read", 200, 403), ("tickets:write", 403, 201), ("tickets:read tickets:write", 200, 201), ("tickes", 403, 403)],
)
async def test_scopes_reach_as_far_as_they_say(zendesk: Caller, scope: str, read: int, write: int) -> None:
    granted = await grant(zendesk, scope=scope)
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    assert (await zendesk("GET", "/tickets.json", headers=headers)).status == read
    assert (await zendesk("POST", "/tickets", TICKET, headers=headers)).status == write


@pytest.mark.parametrize("authorization", ["", "Basic !!", "Basic YTpi", "Bearer nope"])
async def test_wrong_credentials_are_401_everywhere_but_at_users_me(zendesk: Caller, authorization: str) -> None:
    headers = {"Authorization": authorization}
    assert (await zendesk("GET", "/tickets/count", headers=headers)).status == 401
    me = await zendesk("GET", "/users/me.json", headers=headers)
    assert (me.status, me.body["user"]["name"]) == (200, "Anonymous user")


async def test_users_me_is_the_agent_with_good_credentials(zendesk: Caller) -> None:
    assert (await zendesk("GET", "/users/me")).body["user"]["role"] == "admin"


async def test_answers_tell_the_limits(zendesk: Caller) -> None:
    made = await zendesk("POST", "/tickets", TICKET)
    assert (made.headers["X-Rate-Limit"], made.headers["ratelimit-remaining"]) == ("400", "399")
    changed = await zendesk("PUT", f"/tickets/{made.body['ticket']['id']}", {"ticket": {"subject": "T"}})
    assert changed.headers["Zendesk-RateLimit-tickets-update"] == "total=100; remaining=99; resets=60"
    user = await zendesk("POST", "/users/create_or_update", {"user": {"name": "A", "external_id": "a"}})
    assert user.headers["Zendesk-RateLimit-create-update-user"] == "total=1; remaining=0; resets=1"


async def test_the_account_limit_answers_429_with_retry_after(
    zendesk: Caller, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.zendesk.access.apply(ZendeskLimits(enforced=True, account_per_minute=1))
    await zendesk("GET", "/tickets/count")
    clock.advance(20_000)
    limited = await zendesk("GET", "/tickets/count")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "40")
    assert limited.body["error"] == "APIRateLimitExceeded"
    clock.advance(40_000)
    assert (await zendesk("GET", "/tickets/count")).status == 200


async def test_user_upserts_have_a_limit_a_second_and_one_per_user(
    zendesk: Caller, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.zendesk.access.apply(ZendeskLimits(enforced=True, upserts_per_user_in_a_minute=2))
    statuses = []
    for external_id in ("a", "b", "a", "a"):
        body = {"user": {"name": "A", "external_id": external_id}}
        statuses.append((await zendesk("POST", "/users/create_or_update", body)).status)
        if external_id == "b":
            clock.advance(1000)
    assert statuses == [201, 429, 200, 429]


async def test_updates_of_one_ticket_have_a_limit_that_answers_in_plain_text(zendesk: Caller, sandbox: Sandbox) -> None:
    await zendesk("POST", "/tickets", TICKET)
    sandbox.zendesk.access.apply(ZendeskLimits(enforced=True, updates_per_ticket_in_10_minutes=1))
    first = await zendesk("PUT", "/tickets/1", {"ticket": {"subject": "1"}})
    second = await zendesk("PUT", "/tickets/1", {"ticket": {"subject": "2"}})
    assert (first.status, second.status) == (200, 429)
    assert second.headers["Content-Type"].startswith("text/plain")
    assert second.headers["Retry-After"] == "600"


async def test_limits_that_change_go_on_with_what_was_counted(zendesk: Caller, sandbox: Sandbox) -> None:
    await zendesk("POST", "/tickets", TICKET)
    update = {"ticket": {"subject": "1"}}
    await zendesk("PUT", "/tickets/1", update)
    changed = ZendeskLimits(enforced=True, ticket_updates_per_minute=2, claimed_ticket_updates=100)
    sandbox.zendesk.access.change(changed)
    last = await zendesk("PUT", "/tickets/1", update)
    assert last.headers["Zendesk-RateLimit-tickets-update"].startswith("total=100; remaining=98;")
    assert (await zendesk("PUT", "/tickets/1", update)).status == 429
