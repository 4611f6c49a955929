"""An API's answer in a dead letter, as a person reads it."""

import orjson
import pytest

from bridge.cli.letters import opened, readable

ROWS = [
    {
        "isValid": False,
        "message": 'Property "colour" does not exist',
        "error": "PROPERTY_DOESNT_EXIST",
        "name": "colour",
    },
    {"isValid": False, "message": "x was not a valid number", "error": "INVALID_INTEGER", "name": "age"},
]
MESSAGE = f"Property values were not valid: {orjson.dumps(ROWS).decode()}"
SHORT = 'Property values were not valid: Property "colour" does not exist; x was not a valid number'


def test_json_in_a_message_becomes_what_it_says() -> None:
    assert readable(f"hubspot.contacts.upsert: {MESSAGE}") == f"hubspot.contacts.upsert: {SHORT}"


@pytest.mark.parametrize(
    "message",
    ["no json: here", 'cut off: [{"message": "a"', 'others: [{"a": 1}]', 'mixed: [{"message": "a"}, 2]', "none: []"],
)
def test_any_other_message_stays(message: str) -> None:
    assert readable(message) == message


def test_an_answer_that_is_json_is_shown_as_json_and_says_each_thing_readably() -> None:
    body = {"status": "error", "message": MESSAGE, "errors": [{"message": "x was not a valid number"}]}
    shown = opened({"status": 400, "excerpt": orjson.dumps(body).decode()})
    assert shown == {"status": 400, "body": {**body, "message": SHORT}}


@pytest.mark.parametrize("excerpt", ["<html>", '{"cut": "of', "", "7"])
def test_an_answer_that_is_none_is_shown_as_it_came(excerpt: str) -> None:
    assert opened({"status": 502, "excerpt": excerpt}) == {"status": 502, "excerpt": excerpt}
