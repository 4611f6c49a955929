"""Checks of the shape of HubSpot bodies, before anybody looks at the values."""

from collections.abc import Mapping
from typing import Any

from bridge.sandbox.answers import Call
from bridge.sandbox.hubspot.refusals import validation


def json_object(call: Call) -> dict[str, Any]:
    """The body, which must be an object.

    Raises:
        Refused: 400.
        Unreadable: it is not JSON.
    """
    body = call.json()
    if not isinstance(body, dict):
        raise validation("The request body must be an object")
    return body


def object_list(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The list of objects under `name`, empty when there is none.

    Raises:
        Refused: 400.
    """
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise validation(f"{name} must be a list of objects")
    return found


def name_list(body: Mapping[str, Any], name: str) -> list[str]:
    """The list of text under `name`, empty when there is none.

    Raises:
        Refused: 400.
    """
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise validation(f"{name} must be a list of text")
    return found
