import pytest

from bridge.sandbox import Sandbox
from tests.canaries import ZENDESK_SECRET
from tests.sandbox.conftest import Caller

LISTS = ["ticket_fields", "user_fields", "ticket_forms", "groups", "brands"]


@pytest.mark.parametrize("name", LISTS)
async def test_what_an_administrator_has_set_up_can_be_read(zendesk: Caller, name: str) -> None:
    answer = await zendesk("GET", f"/{name}", params={"page[size]": "1"})
    assert (answer.status, len(answer.body[name])) == (200, 1)
    assert {"meta", "links"} <= answer.body.keys()
    everything = (await zendesk("GET", f"/{name}.json")).body
    assert all("id" in item for item in everything[name])


async def test_a_drop_down_tells_its_options(zendesk: Caller) -> None:
    fields = (await zendesk("GET", "/ticket_fields")).body["ticket_fields"]
    options = [field["custom_field_options"] for field in fields if field["type"] == "tagger"]
    assert [option["value"] for option in options[0]] == ["channel_whatsapp", "channel_mail"]


async def test_a_plan_without_forms_has_no_such_endpoint(zendesk: Caller, sandbox: Sandbox) -> None:
    sandbox.zendesk.definitions.ticket_forms = None
    answer = await zendesk("GET", "/ticket_forms")
    assert (answer.status, answer.body["error"]) == (404, "InvalidEndpoint")
    sandbox.zendesk.reset()
    assert (await zendesk("GET", "/ticket_forms")).status == 200


async def test_users_are_listed_by_their_role(zendesk: Caller) -> None:
    await zendesk("POST", "/users", {"user": {"name": "Asha"}})
    everybody = (await zendesk("GET", "/users")).body["users"]
    agents = await zendesk("GET", "/users", params=[("role[]", "agent"), ("role[]", "admin")])
    assert (len(everybody), [user["role"] for user in agents.body["users"]]) == (2, ["admin"])


async def test_a_token_tells_what_it_may_do_itself(zendesk: Caller) -> None:
    root = zendesk.base.removesuffix("/api/v2")
    grant = {"grant_type": "client_credentials", "client_id": "bridge", "client_secret": ZENDESK_SECRET}
    caller = Caller(zendesk.session, root)
    granted = (await caller("POST", "/oauth/tokens", {**grant, "scope": "tickets:write users:read"})).body
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    told = await caller("GET", "/api/v2/oauth/tokens/current.json", headers=bearer)
    assert told.body["token"]["scopes"] == ["tickets:write", "users:read"]
    assert told.body["token"]["token"] != granted["access_token"]
    assert (await caller("GET", "/api/v2/groups", headers=bearer)).status == 403
    assert (await zendesk("GET", "/oauth/tokens/current")).status == 404  # an API token is none of these
