"""Zendesk's error answers, in the shapes of facts section 2.4."""

from collections.abc import Mapping
from typing import Any

from bridge.sandbox.answers import Answer, Refused


def named_error(status: int, error: str, description: str, **more: Any) -> Refused:
    """`{"error": "RecordNotFound", "description": ...}`; `more` are further keys such as `details`."""
    return Refused(Answer(status, {"error": error, "description": description, **more}))


def titled_error(status: int, title: str, message: str) -> Refused:
    """`{"error": {"title": ..., "message": ...}}`."""
    return Refused(Answer(status, {"error": {"title": title, "message": message}}))


def not_found() -> Refused:
    """404 for a record that does not exist."""
    return named_error(404, "RecordNotFound", "Not found")


def invalid_record(field: str, description: str, code: str | None = None) -> Refused:
    """422 RecordInvalid about one field. `code` is e.g. InvalidValue; some refusals have none."""
    detail = {"description": description} if code is None else {"description": description, "error": code}
    return named_error(422, "RecordInvalid", "Record validation errors", details={field: [detail]})


def invalid_attribute(name: str, wanted: str) -> Refused:
    """400 for a body whose shape is wrong."""
    message = f"You passed an invalid value for the {name} attribute. Invalid parameter: {name} must be {wanted}"
    return titled_error(400, "Invalid attribute", message)


def unauthenticated() -> Refused:
    """401."""
    return Refused(Answer(401, {"error": "Couldn't authenticate you"}))


def forbidden() -> Refused:
    """403."""
    return titled_error(403, "Forbidden", "You do not have access to this page. Please contact the account owner.")


def too_many(retry_after_s: int, *, plain: bool = False) -> Refused:
    """429 with Retry-After; the limits per user answer in plain text."""
    headers = {"Retry-After": str(retry_after_s)}
    if plain:
        text = "Number of allowed incident ticket updates per user exceeded"
        return Refused(Answer(429, headers=headers, text=text))
    body = {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"}
    return Refused(Answer(429, body, headers))


def wrapped(body: Any, name: str) -> Mapping[str, Any]:
    """The object under the one key that Zendesk bodies have, e.g. `ticket`.

    Raises:
        Refused: 400, it is absent or no object.
    """
    inner = body.get(name) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        raise invalid_attribute(name, "an object")
    return inner


def wrapped_list(body: Any, name: str, most: int = 100) -> list[Mapping[str, Any]]:
    """The list of objects under one key, e.g. `tickets`.

    Raises:
        Refused: 400, it is absent, too long or holds something else.
    """
    inner = body.get(name) if isinstance(body, dict) else None
    if not isinstance(inner, list) or not inner or not all(isinstance(item, dict) for item in inner):
        raise invalid_attribute(name, "a list of objects")
    if len(inner) > most:
        raise titled_error(400, "TooManyValues", f"At most {most} {name} per request")
    return inner
