from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.claims import Allowed, Claim, Exists, Inside, Spot, Subject, Takes, claims_of, subjects
from bridge.rules.compile import compile_rule
from tests.rules.builders import destinations, rule, shape

CONTACTS = Subject("hubspot", "properties", "contacts")
TICKETS = Subject("hubspot", "properties", "tickets")
PIPELINES = Subject("hubspot", "pipelines", "tickets")
FIELDS = Subject("zendesk", "ticket_fields", "")


def claimed(use: str, with_: dict[str, Any], **more: Any) -> list[Claim]:
    """The claims of a rule with one step, without those about scopes."""
    rule_level = {key: more.pop(key) for key in ("vars", "if") if key in more}
    step = {"id": "a", "use": use, "with": with_, **more}
    found = claims_of(shape("", steps=[step], **rule_level), rule("", steps=[step], **rule_level))
    return [claim for claim in found if not isinstance(claim, Allowed)]


def at(*path: str | int, on_key: bool = False) -> Spot:
    return Spot("r", ("steps", 0, "with", *path), on_key)


def test_an_upsert_claims_its_key_its_properties_and_their_constant_values() -> None:
    found = claimed(
        "hubspot.contacts.upsert",
        {
            "id_property": "whatsapp_id",
            "id": "{{ fields.customer }}",
            "properties": {"firstname": "{{ fields.name }}", "lifecyclestage": "lead", "zip": 8000, "city": None},
        },
    )
    assert found == [
        Exists(at("properties", "firstname", on_key=True), CONTACTS, "firstname"),
        Exists(at("properties", "lifecyclestage", on_key=True), CONTACTS, "lifecyclestage"),
        Takes(at("properties", "lifecyclestage"), CONTACTS, "lifecyclestage", "lead"),
        Exists(at("properties", "zip", on_key=True), CONTACTS, "zip"),
        Takes(at("properties", "zip"), CONTACTS, "zip", "8000"),
        Exists(at("properties", "city", on_key=True), CONTACTS, "city"),
        Exists(at("id_property"), CONTACTS, "whatsapp_id", unique=True),
    ]


def test_each_choice_of_a_list_is_a_claim() -> None:
    found = claimed("hubspot.contacts.update", {"id": 1, "properties": {"a": ["x", "{{ fields.name }}", "y"]}})
    assert [claim.value for claim in found if isinstance(claim, Takes)] == ["x", "y"]


def test_a_stage_must_be_in_the_pipeline_beside_it() -> None:
    found = claimed("hubspot.tickets.update", {"id": 1, "properties": {"hs_pipeline": "0", "hs_pipeline_stage": "9"}})
    assert Exists(at("properties", "hs_pipeline"), PIPELINES, "0") in found
    assert Inside(at("properties", "hs_pipeline_stage"), PIPELINES, "9", within="0") in found
    assert not any(isinstance(claim, Takes) for claim in found)


def test_a_stage_without_a_pipeline_may_be_in_any_and_with_one_that_varies_it_is_not_judged() -> None:
    found = claimed("hubspot.tickets.update", {"id": 1, "properties": {"hs_pipeline_stage": "9"}})
    assert Inside(at("properties", "hs_pipeline_stage"), PIPELINES, "9", within=None) in found
    varying = {"hs_pipeline": "{{ fields.text }}", "hs_pipeline_stage": "9"}
    found = claimed("hubspot.tickets.update", {"id": 1, "properties": varying})
    assert not any(isinstance(claim, Inside) for claim in found)


def test_a_custom_field_is_claimed_with_what_is_written_into_it() -> None:
    fields = [
        {"id": 1, "value": "a"},
        {"id": "{{ fields.text }}", "value": "b"},
        {"id": "3", "value": "{{ fields.text }}"},
    ]
    assert claimed("zendesk.tickets.update", {"id": 1, "custom_fields": fields}) == [
        Exists(at("custom_fields", 0, "id"), FIELDS, "1"),
        Takes(at("custom_fields", 0, "value"), FIELDS, "1", "a"),
        Exists(at("custom_fields", 2, "id"), FIELDS, "3"),
    ]


def test_ids_of_groups_forms_brands_and_agents_are_claimed() -> None:
    ids = {"group_id": 1, "ticket_form_id": 2, "brand_id": "3", "assignee_id": 4}
    found = claimed("zendesk.tickets.create", {"comment": {"body": "a"}, **ids})
    looks = {claim.subject.look: claim.id for claim in found if isinstance(claim, Exists)}
    assert looks == {"groups": "1", "ticket_forms": "2", "brands": "3", "agents": "4"}


def test_an_id_that_a_variable_of_the_configuration_gives_is_claimed() -> None:
    fields = [{"id": "{{ vars.field | int }}", "value": "{{ fields.status }}"}]
    found = claimed("zendesk.tickets.update", {"id": 1, "custom_fields": fields}, vars={"field": "360"})
    assert found == [Exists(at("custom_fields", 0, "id"), FIELDS, "360")]


def test_what_never_happens_claims_nothing() -> None:
    with_ = {"id": 1, "properties": {"nonsense": "x"}}
    assert claimed("hubspot.contacts.update", with_, **{"if": "vars.field"}, vars={"field": ""}) == []
    step = {"id": "a", "use": "hubspot.contacts.update", "with": with_, "if": "false"}
    assert list(claims_of(shape("", steps=[step]), rule("", steps=[step]))) == []


def test_a_step_claims_the_scopes_of_its_operation() -> None:
    step = {"id": "a", "use": "zendesk.tickets.comment", "with": {"id": 1, "body": "a"}}
    found = list(claims_of(shape("", steps=[step]), rule("", steps=[step])))
    spot = Spot("r", ("steps", 0, "use"))
    assert found == [
        Allowed(spot, "zendesk", "tickets.comment", ("write", "tickets:write")),
        Allowed(spot, "zendesk", "tickets.comment", ("read", "tickets:read")),
    ]


def test_each_list_is_asked_for_once() -> None:
    with_ = {"id": 1, "properties": {"subject": "a", "hs_pipeline": "0", "hs_pipeline_stage": "1"}}
    found = claimed("hubspot.tickets.update", with_)
    assert subjects([*found, *found]) == [TICKETS, PIPELINES]


def test_an_api_of_its_own_claims_nothing() -> None:
    assert claimed("erp.post", {"path": "/a", "json": {"group_id": 1}}) == []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 9)
    | st.sampled_from(["x", "", "{{ fields.text }}", "{{ vars.v }}", "{{ 1 }}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "value", "hs_pipeline", "hs_pipeline_stage", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(properties=VALUES, fields=VALUES, key=VALUES)
def test_whatever_a_rule_that_compiles_says_its_claims_name_text(properties: Any, fields: Any, key: Any) -> None:
    steps = [
        {"id": "a", "use": "hubspot.tickets.upsert", "with": {"id": "1", "id_property": key, "properties": properties}},
        {"id": "b", "use": "zendesk.tickets.update", "with": {"id": 1, "custom_fields": fields, "group_id": key}},
    ]
    for step in steps:
        written = shape("", steps=[step], vars={"v": "1"})
        compiled, _ = compile_rule(written, destinations())
        for claim in claims_of(written, compiled) if compiled is not None else ():
            assert claim.spot.path[:2] == ("steps", 0)
            if not isinstance(claim, Allowed):
                assert isinstance(claim.id, str)
                assert claim.id
