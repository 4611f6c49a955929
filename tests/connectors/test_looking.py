from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.library import shipped
from bridge.connectors.looking import CompiledLive, CompiledLook, NoList, Page, Thing
from bridge.model import Outcome
from tests.connectors.builders import NOW_MS, SETTINGS, json_answer, loaded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def live(connector: str) -> CompiledLive:
    found = shipped(connector).live
    assert found is not None
    return found


def look(connector: str, name: str) -> CompiledLook:
    return live(connector).looks[name]


def property_(name: str = "erp_id", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": "ERP id", "type": "string", "options": [], **more}


def read_one(item: dict[str, Any]) -> Thing:
    return look("hubspot", "properties").read({"results": [item]}).things[0]


def test_a_property_is_read_with_all_that_rules_can_break() -> None:
    thing = read_one(property_(hasUniqueValue=True))
    assert (thing.id, thing.title, thing.usable, thing.unique, thing.kind, thing.options) == (
        "erp_id",
        "ERP id",
        True,
        True,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("number", "number"), ("datetime", "time"), ("bool", "boolean"), ("string", None), ("new", None)],
)
def test_a_type_says_what_values_must_be_and_an_unknown_one_says_nothing(type_: str, kind: str | None) -> None:
    assert read_one(property_(type=type_)).kind == kind


def test_options_are_the_internal_values_and_those_of_another_list_are_not_known() -> None:
    options = [{"value": "WHATS_APP", "label": "WhatsApp"}, {"value": "SMS"}]
    assert read_one(property_(type="enumeration", options=options)).options == {"WHATS_APP": "WhatsApp", "SMS": ""}
    assert read_one(property_(type="enumeration", options=options, externalOptions=True)).options is None
    assert read_one(property_(type="enumeration", options=[])).options is None


@pytest.mark.parametrize("more", [{"archived": True}, {"modificationMetadata": {"readOnlyValue": True}}])
def test_what_is_archived_or_read_only_is_not_usable(more: dict[str, Any]) -> None:
    assert not read_one(property_(**more)).usable


def test_a_pipeline_knows_its_stages() -> None:
    pipeline = {"id": "0", "label": "Support", "stages": [{"id": "1", "label": "New"}, {"id": "4", "label": "Closed"}]}
    (thing,) = look("hubspot", "pipelines").read({"results": [pipeline]}).things
    assert thing.inside == {"1": "New", "4": "Closed"}


def test_a_list_of_any_size_is_read_although_expressions_refuse_such() -> None:
    many = [property_(f"p{place}", description="x" * 1000) for place in range(2000)]
    assert len(look("hubspot", "properties").read({"results": many}).things) == 2000


def test_the_next_page_is_followed_until_there_is_none() -> None:
    fields = look("zendesk", "ticket_fields")
    page: dict[str, Any] = {"ticket_fields": [{"id": 1}], "meta": {"has_more": True}, "links": {"next": "https://a/2"}}
    assert fields.read(page).next == "https://a/2"
    assert fields.read({**page, "meta": {"has_more": False}}).next is None
    assert fields.read({"ticket_fields": []}) == Page([], None)


@pytest.mark.parametrize("body", [None, [], {}, {"results": None}, {"results": {"a": 1}}, {"results": [1, {"x": 2}]}])
def test_an_answer_without_the_list_is_not_taken_for_an_empty_one(body: object) -> None:
    with pytest.raises(NoList):
        look("hubspot", "properties").read(body)


@given(body=JSON, items=st.lists(JSON, max_size=3))
def test_whatever_an_account_answers_is_a_page_or_none(body: Any, items: list[Any]) -> None:
    for connector in ("hubspot", "zendesk"):
        for compiled in live(connector).looks.values():
            for answer in (body, {compiled.look.items: items}):
                try:
                    page = compiled.read(answer)
                except NoList:
                    continue
                assert all(thing.id != "" for thing in page.things)
        assert isinstance(live(connector).account.shown(body), dict)
        assert all(
            scopes.read(body) is None or isinstance(scopes.read(body), frozenset) for scopes in live(connector).scopes
        )


@pytest.mark.parametrize("connector", ["hubspot", "zendesk"])
def test_every_look_builds_a_request_below_the_base_url(connector: str) -> None:
    found = live(connector)
    built = [compiled.build(SETTINGS[connector], "tickets") for compiled in found.looks.values()]
    for request in [found.account.build(SETTINGS[connector]), *built]:
        assert request.method == "GET"
        assert request.url.startswith("/")
        assert request.body == b""


@pytest.mark.parametrize(
    ("version", "path"),
    [("v3", "/crm/v3/properties/contacts"), ("2026-03", "/crm/properties/2026-03/contacts")],
)
def test_hubspots_properties_are_asked_for_in_the_version_of_the_destination(version: str, path: str) -> None:
    assert look("hubspot", "properties").build({"api_version": version}, "contacts").url == path


def test_a_property_is_created_as_unique_text_in_the_group_of_one_that_is_there() -> None:
    creation = look("hubspot", "properties").create
    assert creation is not None
    request = creation.build(
        SETTINGS["hubspot"], "contacts", "whatsapp_id", {"groupName": "contactinformation"}, unique=True
    )
    assert (request.method, request.url) == ("POST", "/crm/properties/2026-03/contacts")
    assert request.body == (
        b'{"groupName":"contactinformation","name":"whatsapp_id","label":"Whatsapp id","description":'
        b'"crm-bridge finds records by it","type":"string","fieldType":"text","hasUniqueValue":true}'
    )
    assert not creation.may_be_called("hs_mine")


def test_the_token_goes_into_a_body_and_never_into_an_address() -> None:
    private, oauth = live("hubspot").scopes
    settings = {"api_version": "2026-03", "client_id": "c", "client_secret": "s"}
    asked = private.build(settings, "pat-1")
    assert ("pat-1" in asked.url, asked.body) == (False, b'{"tokenKey":"pat-1"}')
    asked = oauth.build(settings, "at-1")
    assert ("at-1" in asked.url, asked.body) == (False, b"client_id=c&client_secret=s&token=at-1")
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_answers_are_judged_by_the_connectors_own_table() -> None:
    body = {"category": "MISSING_SCOPES", "message": "no"}
    verdict = look("hubspot", "properties").classify(json_answer(403, body), now_ms=NOW_MS)
    assert (verdict.outcome, verdict.code) == (Outcome.UNAUTHORIZED, "MISSING_SCOPES")


def test_a_wrong_template_in_the_live_part_is_found_at_its_place(tmp_path: Path) -> None:
    text = """
        name: own
        title: Own
        doc: d
        operations:
          a: {doc: d, repeat: upsert, request: {method: GET, path: /a}, sample: {params: {}}}
        live:
          account: {request: {method: GET, path: "/{{ token.x"}}
        """
    (finding,) = loaded(tmp_path, text).findings
    assert (finding.code, finding.label, finding.place.span and finding.place.span.line) == ("BR121", "in live", 7)
