import pytest

from tests.canaries import CUSTOMER_NAME, PHONE_E164
from tests.sandbox.conftest import Caller


async def test_a_user_gets_further_identities_and_each_belongs_to_one(zendesk: Caller) -> None:
    made = await zendesk("POST", "/users", {"user": {"name": CUSTOMER_NAME, "email": "asha@example.com"}})
    path = f"/users/{made.body['user']['id']}/identities"
    added = await zendesk("POST", path, {"identity": {"type": "phone_number", "value": PHONE_E164, "verified": True}})
    assert (added.status, added.body["identity"]["primary"]) == (201, True)
    listed = (await zendesk("GET", path, params={"page[size]": "100"})).body["identities"]
    assert [(each["type"], each["value"]) for each in listed] == [
        ("email", "asha@example.com"),
        ("phone_number", PHONE_E164),
    ]
    again = await zendesk("POST", path, {"identity": {"type": "phone_number", "value": PHONE_E164}})
    assert again.body["details"]["value"][0]["error"] == "DuplicateValue"
    second = {"identity": {"type": "email", "value": "a@example.com", "primary": True}}
    assert (await zendesk("POST", path, second)).body["identity"]["primary"]
    primary = [each["value"] for each in (await zendesk("GET", path)).body["identities"] if each["primary"]]
    assert primary == [PHONE_E164, "a@example.com"]


@pytest.mark.parametrize(
    "identity", [{"type": "fax", "value": "1"}, {"type": "email", "value": " "}, {"type": "email"}]
)
async def test_an_identity_of_no_kind_or_without_a_value_is_refused(zendesk: Caller, identity: object) -> None:
    made = await zendesk("POST", "/users", {"user": {"name": CUSTOMER_NAME}})
    path = f"/users/{made.body['user']['id']}/identities"
    assert (await zendesk("POST", path, {"identity": identity})).status == 422
    assert (await zendesk("GET", "/users/1/identities")).status == 404
