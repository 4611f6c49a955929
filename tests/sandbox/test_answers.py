"""Whatever a client sends, an API answers; it never breaks."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.clock import ManualClock
from bridge.sandbox import Sandbox
from bridge.sandbox.answers import Answer, Call, Respond, answer_call

SANDBOX = Sandbox(ManualClock())
LINK = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 16}
ITEM = {"id": "1", "idProperty": "whatsapp_id", "properties": {"city": "Pune"}, "objectWriteTraceId": "t"}
FILTER = {"propertyName": "city", "operator": "IN", "value": "Pune", "values": ["Pune"], "highValue": "X"}
SORT = {"propertyName": "city", "direction": "DESCENDING"}
SEARCH = {"filterGroups": [{"filters": [FILTER]}], "sorts": [SORT], "properties": ["city"], "limit": 5, "after": "0"}
USER = {
    "name": "A",
    "email": "a@example.com",
    "external_id": "a",
    "role": "agent",
    "tags": ["a"],
    "user_fields": {"a": 1},
}
TICKET = {
    "id": 1,
    "subject": "S",
    "status": "open",
    "tags": ["a"],
    "additional_tags": ["b"],
    "remove_tags": ["c"],
    "custom_fields": [{"id": 1, "value": "x"}],
    "metadata": {"a": "b"},
    "comment": {"body": "B", "author_id": 360000000001, "public": True},
    "requester": USER,
    "external_id": "e",
}
PROPERTY = {
    "name": "erp_id",
    "label": "ERP",
    "type": "string",
    "fieldType": "text",
    "groupName": "g",
    "options": [{"value": "a"}],
    "hasUniqueValue": True,
}
GOOD_BODIES: list[Any] = [
    {"properties": {"firstname": "A", "whatsapp_id": "1"}, "associations": [{"to": {"id": "1"}, "types": [LINK]}]},
    {"inputs": [{**ITEM, "associations": [{"to": {"id": "1"}, "types": [LINK]}]}], "properties": ["city"]},
    {"inputs": [{"from": {"id": "1"}, "to": {"id": "2"}, "types": [LINK]}]},
    {"inputs": [{"from": {"id": "1"}, "to": [{"id": "2"}]}]},
    [LINK],
    SEARCH,
    PROPERTY,
    {"user": USER},
    {"ticket": TICKET},
    {"tickets": [TICKET]},
    {"tags": ["a"]},
    {
        "grant_type": "client_credentials",
        "client_id": "bridge",
        "client_secret": "s",
        "expires_in": 600,
        "scope": "read",
    },
]
ODD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**18, "", "x", "1001", [], ["x"], [[]], {}, {"x": {}}, [{}]]
)
WORDS = st.sampled_from(["contacts", "whatsapp_id", "email", "phone", "1", "1001", "subject", "-1", ""])
PARAMS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["contacts", "tickets", "notes", "deals", "p_orders", "unicorns"]),
        "from": st.sampled_from(["contacts", "tickets", "notes"]),
        "to": st.sampled_from(["contacts", "tickets", "companies"]),
        "from_id": WORDS,
        "to_id": WORDS,
        "id": st.sampled_from(["1", "1001", "360000000001"]),
        "name": WORDS,
        "pipeline": WORDS,
        "bulk": WORDS,
        "list": WORDS,
        "contact": st.sampled_from(["1", "1001"]),
        "owner": st.sampled_from(["1", "41629779"]),
        "version": st.sampled_from(["v4", "2026-03"]),
        "webhook": st.sampled_from(["T000/B000/sandbox", "1"]),
        "key": st.just("k"),
    }
)
QUERY = st.dictionaries(
    st.sampled_from(
        ["properties", "idProperty", "limit", "after", "page", "page[after]", "ids", "external_id", "channel", "oldest"]
    ),
    st.lists(WORDS, min_size=1, max_size=2),
    max_size=3,
)


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """A good body with at most two odd values in it, anywhere."""
    body = copy.deepcopy(draw(st.sampled_from(GOOD_BODIES)))
    for _ in range(draw(st.integers(0, 2))):
        body = _spoilt(draw, body)
    return body


def _spoilt(draw: st.DrawFn, value: Any) -> Any:
    places = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    place = draw(st.sampled_from([None, *places]))
    if place is None:
        return copy.deepcopy(draw(ODD_VALUES))
    value[place] = _spoilt(draw, value[place])
    return value


ROUTES = [
    (api, route.method, route.respond)
    for api in (
        SANDBOX.hubspot,
        SANDBOX.zendesk,
        SANDBOX.generic,
        SANDBOX.slack,
        SANDBOX.aisoule,
        SANDBOX.aisoule_developer,
    )
    for route in api.routes()
]


@pytest.fixture(autouse=True)
def fresh() -> None:
    SANDBOX.reset()


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ROUTES), bodies(), PARAMS, QUERY)
def test_any_json_is_answered(
    place: tuple[Any, str, Respond], body: Any, params: dict[str, str], query: dict[str, list[str]]
) -> None:
    api, method, respond = place
    headers = {"authorization": "Bearer sandbox-hubspot-token", "content-type": "application/json"}
    call = Call(method, "/api/v2/users/me", "http://x", params, query, headers, orjson.dumps(body))
    answer = answer_call(_Open(api), call, respond)
    assert 200 <= answer.status < 500
    answer.content()


class _Open:
    """An API whose door is open, so that every call reaches the path behind it."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def admit(self, call: Call) -> None:
        pass


def test_an_answer_keeps_its_own_headers() -> None:
    answer = Answer(429, headers={"Retry-After": "1"}).with_headers({"Retry-After": "2", "X": "3"})
    assert answer.headers == {"Retry-After": "1", "X": "3"}
    assert (Answer(204).content(), Answer(200, text="t").content_type()) == (b"", "text/plain")
