import pytest

from bridge.sandbox import Sandbox
from bridge.sandbox.hubspot.scopes import ALL_SCOPES
from tests.canaries import HUBSPOT_TOKEN
from tests.sandbox.conftest import Caller

TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"
REFRESH = {
    "grant_type": "refresh_token",
    "client_id": "c",
    "client_secret": "s",
    "refresh_token": "sandbox-refresh-token",
}
NEW = {"groupName": "g", "name": "mine", "label": "Mine", "type": "string", "fieldType": "text"}


async def test_a_token_may_do_everything_until_it_is_restricted(hubspot: Caller, sandbox: Sandbox) -> None:
    told = await hubspot("POST", TOKEN_INFO, {"tokenKey": HUBSPOT_TOKEN})
    assert (told.status, told.body["hubId"], set(told.body["scopes"])) == (200, 1, set(ALL_SCOPES))
    sandbox.hubspot.access.restrict(HUBSPOT_TOKEN, frozenset({"tickets"}))
    assert (await hubspot("POST", TOKEN_INFO, {"tokenKey": HUBSPOT_TOKEN})).body["scopes"] == ["tickets"]
    sandbox.hubspot.reset()
    assert (await hubspot("GET", "/crm/v3/objects/contacts")).status == 200


@pytest.mark.parametrize(
    ("scopes", "method", "path", "body", "status"),
    [
        ({"tickets"}, "GET", "/crm/v3/objects/contacts", None, 403),
        ({"crm.objects.contacts.read"}, "GET", "/crm/v3/objects/contacts", None, 200),
        ({"crm.objects.contacts.read"}, "POST", "/crm/v3/objects/contacts", {"properties": {}}, 403),
        ({"crm.objects.contacts.read"}, "POST", "/crm/v3/objects/contacts/search", {}, 200),
        ({"crm.objects.contacts.write"}, "POST", "/crm/v3/objects/contacts", {"properties": {}}, 201),
        ({"crm.objects.contacts.write"}, "GET", "/crm/v3/objects/tickets", None, 403),
        ({"tickets"}, "GET", "/crm/objects/2026-03/tickets", None, 200),
        ({"crm.objects.contacts.read"}, "GET", "/crm/properties/2026-03/communications", None, 200),
        ({"tickets"}, "GET", "/crm/v3/properties/notes", None, 403),
        ({"crm.objects.contacts.write"}, "POST", "/crm/v3/properties/contacts", NEW, 403),
        ({"crm.schemas.contacts.write"}, "POST", "/crm/v3/properties/contacts", NEW, 201),
        ({"tickets"}, "POST", "/crm/v3/properties/tickets", NEW, 201),
        ({"crm.objects.contacts.read"}, "GET", "/crm/v3/pipelines/tickets", None, 403),
        ({"crm.objects.contacts.read"}, "GET", "/crm/v3/properties/companies", None, 403),
        (set(), "GET", "/account-info/2026-03/details", None, 200),
        ({"crm.objects.owners.read"}, "GET", "/crm/v3/owners/", None, 200),
        ({"tickets"}, "GET", "/crm/owners/2026-03", None, 403),
        ({"crm.objects.deals.read"}, "GET", "/crm/objects/2026-03/0-3", None, 200),
        ({"crm.objects.deals.read"}, "GET", "/crm/pipelines/2026-03/deals", None, 200),
        ({"crm.objects.contacts.write"}, "POST", "/crm/v3/objects/deal", {"properties": {}}, 403),
        ({"crm.objects.custom.read"}, "POST", "/crm/v3/objects/2-3465404/search", {}, 200),
        ({"crm.objects.custom.read"}, "POST", "/crm/v3/objects/p_orders", {"properties": {}}, 403),
        ({"crm.objects.companies.read"}, "GET", "/crm/associations/2026-03/companies/contacts/labels", None, 200),
    ],
)
async def test_each_path_needs_its_scope(
    hubspot: Caller, sandbox: Sandbox, scopes: set[str], method: str, path: str, body: object, status: int
) -> None:
    sandbox.hubspot.access.restrict(HUBSPOT_TOKEN, frozenset(scopes))
    assert (await hubspot(method, path, body)).status == status


async def test_a_missing_scope_is_told_as_hubspot_tells_it(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.hubspot.access.restrict(HUBSPOT_TOKEN, frozenset({"tickets"}))
    refused = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {}})
    assert (refused.body["status"], refused.body["category"]) == ("error", "MISSING_SCOPES")
    assert refused.body["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.contacts.write"]}


async def test_an_association_needs_the_scope_of_where_it_starts(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.hubspot.access.restrict(HUBSPOT_TOKEN, frozenset({"tickets"}))
    path = "/crm/v4/objects/{}/1/associations/default/{}/2"
    assert (await hubspot("PUT", path.format("communications", "contacts"))).status == 403
    assert (await hubspot("PUT", path.format("tickets", "contacts"))).status == 404


async def test_a_wrong_token_has_nothing_to_tell(hubspot: Caller) -> None:
    assert (await hubspot("POST", TOKEN_INFO, {"tokenKey": "wrong"})).status == 401
    assert (await hubspot("POST", TOKEN_INFO, {})).status == 400
    account = await hubspot("GET", "/account-info/v3/details", headers={"Authorization": "Bearer wrong"})
    assert account.status == 401


async def test_an_oauth_token_is_looked_into_with_the_clients_secret(hubspot: Caller) -> None:
    granted = (await hubspot("POST", "/oauth/2026-03/token", data=REFRESH)).body
    form = {"client_id": "c", "client_secret": "s", "token": granted["access_token"]}
    told = await hubspot("POST", "/oauth/2026-03/token/introspect", data=form)
    assert (told.status, told.body["active"], told.body["scopes"]) == (200, True, granted["scopes"])
    assert (await hubspot("POST", "/oauth/v3/token/introspect", data={**form, "token": "x"})).status == 400
    assert (await hubspot("POST", "/oauth/v3/token/introspect", data={"token": "x"})).status == 400
