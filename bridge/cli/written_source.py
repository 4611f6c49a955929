"""A source and a rule to begin with, as YAML, made from one captured request."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

_SHAPE = re.compile(
    r"(?P<prefix>(?:[A-Za-z0-9_.-]{1,16}=)?)<(?P<size>[0-9]+) (?P<kind>hex|base64|base64url)>", re.ASCII
)
_HASHES: Mapping[tuple[str, int], str] = {
    ("hex", 40): "sha1",
    ("hex", 64): "sha256",
    ("hex", 96): "sha384",
    ("hex", 128): "sha512",
    ("base64", 28): "sha1",
    ("base64", 44): "sha256",
    ("base64", 64): "sha384",
    ("base64", 88): "sha512",
}
_TYPES = ("event", "type", "event_type", "eventType", "event_name", "topic", "action", "kind")
_IDS = ("id", "event_id", "eventId", "uuid", "uid", "message_id")
_TIMES = ("timestamp", "created_at", "createdAt", "time", "date", "occurred_at")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def written(name: str, request: Row) -> str:
    """The YAML; what it guesses is marked, and everything it needs is there, so that `check` takes it.

    Args:
        name: the source's name.
        request: as it is shown, with the presets that it looks like.
    """
    likely = request["looks_like"]
    known = likely[0] if likely and likely[0]["events"] else None
    source = _by_preset(name, known) if known is not None else _spelled_out(name, request)
    kind = known["events"][0]["type"] if known is not None else "*"
    return "\n".join(
        [
            f"# made from captured request {request['number']}: a beginning, look at every line",
            "sources:",
            f"  {name}:",
            *(f"    {line}" for line in source),
            "rules:",
            f"  - name: {name}-first",
            f"    on: {json.dumps(f'{name}/{kind}')}",
            "    mode: shadow                # renders and records, sends nothing; take it out when it is right",
            "    steps:",
            "      - id: post",
            "        use: crm.post           # DESTINATION.OPERATION: `crm-bridge connectors` lists what there is",
            '        with: {path: /events, json: {id: "{{ event.id }}", type: "{{ event.type }}"}}',
        ]
    )


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", f"{name}_secret".upper())


def _by_preset(name: str, known: Row) -> Sequence[str]:
    return [f"preset: {known['preset']}", f'secret: "${{{_variable(name)}}}"']


def _spelled_out(name: str, request: Row) -> Iterator[str]:
    yield from _proof(name, request)
    body = request["body"] if isinstance(request["body"], dict) else {}
    if not isinstance(request["body"], dict | list):
        yield "body: form                  # GUESSED: it is no JSON"
    yield "event:"
    yield f"  type: {_template(body, _TYPES) or json.dumps('received')}"
    yield f"  id: {_template(body, _IDS) or 'body                  # the hash of its bytes: no id was recognised'}"
    time = _template(body, _TIMES)
    if time is not None:
        yield f"  time: {time}"


def _template(body: Row, names: Sequence[str]) -> str | None:
    """The template of the first of these names that the body has at its top."""
    name = next((each for each in names if isinstance(body.get(each), str | int) and _PLAIN.fullmatch(each)), None)
    return None if name is None else json.dumps(f"{{{{ body.{name} }}}}")


def _proof(name: str, request: Row) -> Iterator[str]:
    for header, shape in request["headers"]:
        match = _SHAPE.fullmatch(shape)
        algorithm = None if match is None else _HASHES.get((match["kind"], int(match["size"])))
        if match is not None and algorithm is not None:
            yield "verify:                     # GUESSED from the form of this header: a hash of the whole body"
            yield "  type: hmac"
            yield f"  algorithm: {algorithm}"
            place = [f'from: "header:{header}"', f"encoding: {match['kind']}"]
            if match["prefix"]:
                place.insert(1, f"prefix: {json.dumps(match['prefix'])}")
            yield f"  signature: {{{', '.join(place)}}}"
            yield f'secret: "${{{_variable(name)}}}"'
            return
    yield "verify: {type: none}         # NO PROOF RECOGNISED: describe how the sender signs before others reach this"
