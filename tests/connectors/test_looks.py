from typing import Any

import pytest
from pydantic import ValidationError

from bridge.connectors.looks import Live
from bridge.connectors.schema import Connector

LOOK: dict[str, Any] = {
    "noun": "group",
    "request": {"method": "GET", "path": "/groups"},
    "items": "groups",
    "id": "item.id",
}
ACCOUNT: dict[str, Any] = {"request": {"method": "GET", "path": "/me"}}
CLAIM: dict[str, Any] = {"operations": ["*"], "at": "group_id", "look": "groups"}


def live(**more: Any) -> dict[str, Any]:
    return {"account": ACCOUNT, "looks": {"groups": LOOK}, "claims": [CLAIM], **more}


def test_a_connector_says_what_can_be_asked_and_what_it_proves() -> None:
    assert Live.model_validate(live()).claims[0].names == "value"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"looks": {"groups": {**LOOK, "request": {"method": "POST", "path": "/groups"}}}}, "a look only reads"),
        ({"account": {"request": {"method": "DELETE", "path": "/me"}}}, "a look only reads"),
        ({"account": {**ACCOUNT, "path_of": "check"}}, "names one of the `needs`"),
        ({"claims": [{**CLAIM, "look": "group"}]}, "is not among `looks`"),
        ({"claims": [{**CLAIM, "names": "inside"}]}, "has no `inside`"),
        ({"claims": [{**CLAIM, "unique": True}]}, "has no `unique`"),
        ({"claims": [{**CLAIM, "surprise": 1}]}, "Extra inputs"),
        ({"looks": {"groups": {**LOOK, "kinds": {"decimal": "float"}}}}, "'number', 'integer', 'boolean' or 'time'"),
    ],
)
def test_what_could_write_or_cannot_be_asked_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Live.model_validate(live(**more))


@pytest.mark.parametrize("settings", [{}, {"groups": {"type": "text", "doc": "Groups"}}])
def test_names_are_given_by_a_setting_of_ids(settings: dict[str, Any]) -> None:
    claim = {**CLAIM, "setting": "groups"}
    head = {"name": "own", "title": "Own", "doc": "An API", "operations": {}, "live": live(claims=[claim])}
    assert Connector.model_validate({**head, "settings": {"groups": {"type": "ids", "doc": "Groups"}}}).live is not None
    with pytest.raises(ValidationError, match="needs a setting `groups` of type `ids`"):
        Connector.model_validate({**head, "settings": settings})
