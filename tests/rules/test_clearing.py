"""Leave out, clear, set: what becomes of a value that is missing, null or there, from the rule to the bytes."""

from typing import Any

import pytest

from tests.rules.builders import Driver, rule, scope, sent_json

GIVEN = {"set": "Pune", "clear": None}
"""`body.person`: one value is there, one is null, `leave` is missing."""


def sent(use: str, given: dict[str, Any]) -> Any:
    """The JSON that a step of this operation would send."""
    step = {"id": "a", "use": use, "with": given}
    return sent_json(Driver(rule("", steps=[step]), {**scope(), "body": {"person": GIVEN}}).peek())


def value(name: str) -> str:
    """A template for one of the three."""
    return f"{{{{ body.person.{name} | default(omit) }}}}"


def three() -> dict[str, str]:
    return {"city": value("set"), "region": value("clear"), "zone": value("leave")}


def test_hubspot_clears_a_property_with_an_empty_text() -> None:
    for use, more in (("hubspot.contacts.update", {}), ("hubspot.tickets.upsert", {"id_property": "whatsapp_id"})):
        body = sent(use, {"id": "501", **more, "properties": three()})
        properties = body["inputs"][0]["properties"] if "inputs" in body else body["properties"]
        assert properties == {"city": "Pune", "region": ""}


def test_zendesk_clears_a_field_with_null() -> None:
    ticket = {"id": 77, "priority": value("clear"), "subject": value("set"), "group_id": value("leave")}
    assert sent("zendesk.tickets.update", ticket) == {"ticket": {"priority": None, "subject": "Pune"}}
    user = {"external_id": "x", "name": "Asha", "phone": value("clear"), "user_fields": three()}
    assert sent("zendesk.users.upsert", user)["user"] == {
        "external_id": "x",
        "name": "Asha",
        "phone": None,
        "user_fields": {"city": "Pune", "region": None},
        "skip_verify_email": True,
    }


def test_a_field_of_zendesk_inside_a_list_is_cleared_with_null() -> None:
    fields = [{"id": 360, "value": value("clear")}]
    assert sent("zendesk.tickets.update", {"id": 77, "custom_fields": fields})["ticket"] == {
        "custom_fields": [{"id": 360, "value": None}]
    }


def test_the_generic_connector_sends_null_as_it_is_and_leaves_it_out_of_a_query() -> None:
    assert sent("erp.post", {"path": "/a", "json": {"person": three()}}) == {"person": {"city": "Pune", "region": None}}
    step = {
        "id": "a",
        "use": "erp.get",
        "with": {"path": "/a", "query": three(), "headers": {"X-Region": value("clear")}},
    }
    request = Driver(rule("", steps=[step]), {**scope(), "body": {"person": GIVEN}}).peek().request
    assert request.url == "/a?city=Pune"
    assert request.headers.keys() == {"Accept"}


@pytest.mark.parametrize(
    ("use", "given", "name"),
    [
        ("zendesk.tickets.update", {"id": 77, "status": value("clear")}, "status"),
        ("zendesk.tickets.comment", {"id": 77, "body": "x", "author_id": value("clear")}, "author_id"),
        ("zendesk.tickets.create", {"comment": {"body": "x", "public": value("clear")}}, "comment.public"),
    ],
)
def test_null_where_there_is_nothing_to_clear_is_a_mapping_error_with_its_mend(
    use: str, given: dict[str, Any], name: str
) -> None:
    driver = Driver(rule("", steps=[{"id": "a", "use": use, "with": given}]), {**scope(), "body": {"person": GIVEN}})
    death = driver.died().death

    assert death.kind == "mapping"
    assert f"parameter `{name}` is null, and the API has nothing to clear there" in death.message
    assert "default(omit, true)" in death.mend
