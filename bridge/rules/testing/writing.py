"""Values as YAML text for files of rule tests: compact where it fits on a line, block style where it does not."""

import json
import re
from collections.abc import Mapping

import orjson

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.opened import Opened
from bridge.rules.testing.results import Called, Ended
from bridge.rules.testing.schema import EXPIRED, LOST, REFUSED

WIDTH = 110
_PLAIN_KEY = re.compile(r"[$A-Za-z_][A-Za-z0-9_.-]*")
_PLAIN_WORD = re.compile(r"[A-Za-z/][A-Za-z0-9_./:-]*(?<!:)")
_WORDS_OF_YAML = frozenset({"true", "false", "null"})
_STEP = 2


def flow(value: object) -> str:
    """A value on one line, as YAML that reads back as the same value."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(flow(item) for item in value)}]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def block(value: object, indent: int, width: int = WIDTH) -> str:
    """A value to stand after `key:` at `indent`: ` x` on the same line, or on lines of its own further in."""
    if len(line := flow(value)) + indent <= width or not isinstance(value, Mapping | list) or not value:
        return f" {line}"
    pad = "\n" + " " * (indent + _STEP)
    if isinstance(value, Mapping):
        return "".join(f"{pad}{_key(key)}:{block(item, indent + _STEP, width)}" for key, item in value.items())
    return "".join(f"{pad}- {item_text(item, indent + _STEP, width)}" for item in value)


def item_text(value: object, indent: int, width: int = WIDTH) -> str:
    """An item of a list that stands at `indent`, without its dash; an object with several keys has a line for each."""
    if not isinstance(value, Mapping) or len(value) <= 1:
        return flow(value)
    lines = [f"{_key(key)}:{block(item, indent + _STEP, width)}" for key, item in value.items()]
    return ("\n" + " " * (indent + _STEP)).join(lines)


def entry_text(test: Mapping[str, object]) -> str:
    """A test as an entry of a file's `tests`."""
    return "  - " + "\n    ".join(f"{key}:{block(value, 4)}" for key, value in test.items())


def _key(key: object) -> str:
    text = str(key)
    return text if _PLAIN_KEY.fullmatch(text) and text not in _WORDS_OF_YAML else json.dumps(text)


def _text(text: str) -> str:
    if _PLAIN_WORD.fullmatch(text) and text not in _WORDS_OF_YAML:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def exchange_of(call: Called) -> dict[str, object]:
    """An exchange as a test would say it: the request as it was made, and its answer."""
    return {"expect": request_of(call.request), "answer": answer_of(call.answer)}


def request_of(request: Opened) -> dict[str, object]:
    """A request as `expect` says it, without the headers that the connector adds."""
    said: dict[str, object] = {"method": request.method, "path": request.path}
    if request.query:
        said["query"] = dict(request.query)
    if request.kind is not None:
        said[request.kind] = request.body
    return said


def answer_of(answer: Answer) -> object:
    """An answer as a test says it."""
    if answer.trouble is Trouble.FILE_GONE:
        return EXPIRED
    if answer.trouble is not None:
        return REFUSED if answer.trouble in {Trouble.CONNECT, Trouble.TLS, Trouble.ADDRESS} else LOST
    said: dict[str, object] = {"status": answer.status}
    usual = {"content-type"}
    headers = {name: value for name, value in answer.headers.items() if name not in usual}
    if headers:
        said["headers"] = headers
    if answer.body:
        said |= _body(answer)
    return said


def _body(answer: Answer) -> dict[str, object]:
    try:
        return {"json": orjson.loads(answer.body)}
    except orjson.JSONDecodeError:
        return {"text": answer.body.decode("utf-8", "replace")}


def outcome_of(ended: list[Ended]) -> object:
    """What a test says of what became of an event: one word, or one for each rule."""
    words = {each.rule: each.word for each in ended}
    return next(iter(words.values())) if len(set(words.values())) == 1 else words
