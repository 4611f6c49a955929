"""A dead letter for people: an API's JSON told once and readably, where its answer quotes it as text."""

import re
from collections.abc import Mapping

import orjson

_NESTED = re.compile(r":\s*(?P<json>[\[{].*)\Z", re.DOTALL)


def readable(message: str) -> str:
    """The message with what its JSON says in place of that JSON: `values were not valid: a: no number; b: too long`."""
    found = _NESTED.search(message)
    said = _messages(found["json"]) if found is not None else []
    return f"{message[: found.start()]}: {'; '.join(said)}" if found is not None and said else message


def opened(response: Mapping[str, object]) -> dict[str, object]:
    """The answer with its body as JSON when it is whole and JSON, else with the excerpt as it is."""
    excerpt = response.get("excerpt")
    body = _loaded(excerpt) if isinstance(excerpt, str) else None
    if not isinstance(body, dict | list):
        return dict(response)
    rest = {name: value for name, value in response.items() if name != "excerpt"}
    return {**rest, "body": _told_once(body)}


def _told_once(body: object) -> object:
    """The body with its own `message` made readable: `errors` beside it has the details."""
    if isinstance(body, dict) and isinstance(message := body.get("message"), str):
        return {**body, "message": readable(message)}
    return body


def _messages(text: str) -> list[str]:
    inside = _loaded(text)
    rows = inside if isinstance(inside, list) else [inside]
    said = [row.get("message") if isinstance(row, dict) else None for row in rows]
    words = [each for each in said if isinstance(each, str)]
    return list(dict.fromkeys(words)) if len(words) == len(rows) else []


def _loaded(text: str) -> object:
    try:
        loaded: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return loaded
