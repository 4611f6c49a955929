"""What a preset's YAML means, in words for a person: how the sender proves itself, how its body is read.

It reads the YAML and not what is compiled from it, so that a list of all presets costs no compiling. The files are
known to be right: the shipped ones by tests, an operator's by having been loaded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import yaml

from bridge.units import format_duration

Written = Mapping[str, object]
"""A preset, or a part of one, as its YAML says it."""

_ENTRY = re.compile(r"`(sources: \{.*?\}\})`", re.DOTALL)
_TOKEN = re.compile(r"\{([^{}]*)\}")
_SIGNED_HEADER = re.compile(r"\{header:([^{}]*)\}")
_HEADER = re.compile(r"headers\['([^']+)'\]")
_TOKEN_WORDS = {
    "body": "body",
    "timestamp": "time",
    "url": "address",
    "method": "method",
    "secret": "secret",
    "form_sorted": "sorted form fields",
    "crc32": "body's checksum",
    "path_query": "path and query",
}
_KEY_WORDS = {
    "text": "used as text, all of it",
    "base64": "decoded from base64",
    "base64url": "decoded from base64url",
    "hex": "decoded from hex",
    "pem": "in PEM form",
}
_BODY_WORDS = {
    "json": "JSON",
    "form": "form fields",
    "multipart": "multipart form with files",
    "text_json": "JSON under any content type",
    "json_lines": "JSON lines",
    "empty": "nothing",
}
_UNIT_WORDS = {"s": "Unix seconds", "ms": "Unix milliseconds", "iso8601": "ISO 8601 text"}
_HANDSHAKE_WORDS = {
    "echo_query": "a value of the query is sent back as text",
    "echo_json": "a value of the body is sent back",
    "echo_header": "a header is sent back",
    "hmac_json": "a value is sent back with its HMAC",
    "reply": "a fixed answer",
    "store_secret": "the secret that the sender hands over is kept, while `crm-bridge open-window` lets it",
    "confirm": "the subscription is confirmed once, at the sender's own host only",
}


def proof(preset: Written) -> str:
    """How the sender proves itself, in one line for a table."""
    return _joined(dict.fromkeys(_short(each) for each in _alternatives(preset)))


def proof_rows(preset: Written) -> list[tuple[str, str]]:
    """How the sender proves itself, (what, how) for each alternative in turn."""
    blocks = _alternatives(preset)
    rows: list[tuple[str, str]] = []
    for position, block in enumerate(blocks, 1):
        number = f"{position}. " if len(blocks) > 1 else ""
        rows += [(number + what if what == "proof" else what, how) for what, how in _rows(block)]
    if len(blocks) > 1:
        rows.append(
            ("enough", "any one of them" if _is_any(preset) else "one of them; each that is there must be right")
        )
    return rows + [("not covered", what) for what in _uncovered(preset, blocks)]


def signed_by(preset: Written) -> Literal["secret", "private key", "vendor"]:
    """What it takes to sign as the sender does; `vendor`: a key that nobody else has."""
    blocks = _alternatives(preset)
    if any(block["type"] in {"hmac", "hash", "token", "basic"} for block in blocks):
        return "secret"
    if any(block["type"] == "jwt" and _algorithms(block)[0].startswith("HS") for block in blocks):
        return "secret"
    return "vendor" if all(block["type"] == "sns" or "certificate" in block for block in blocks) else "private key"


def body(preset: Written) -> str:
    """How a request's body is written."""
    return _joined(_body_word(each) for each in _texts(preset.get("body", "json")))


def split(preset: Written) -> str:
    """Where the events of a request stand."""
    paths = _texts(preset.get("split", ()))
    if not paths:
        return "one event"
    return "one event for each item of " + _joined(
        "the body" if path in {"[]", "[]?"} else f"`{path}`" for path in paths
    )


def handshakes(preset: Written) -> list[tuple[str, str]]:
    """(kind, what is answered) for each handshake of the sender."""
    return [(str(block["kind"]), _handshake(block)) for block in _parts(preset.get("handshake"))]


def entry(preset: Written) -> Written:
    """The source's entry in a configuration, by name, as the set-up steps spell it; empty when they do not."""
    found = _ENTRY.search(str(preset.get("setup", "")))
    written = yaml.safe_load(found.group(1)) if found else {}
    return _part(written, "sources")


def marks(preset: Written) -> str:
    """The marks of the preset's facts, the surest first."""
    found = {fact["mark"] for fact in _parts(preset.get("facts"))}
    return " ".join(mark for mark in "LDCK" if mark in found)


# --- what a proof leaves open ----------------------------------------------------------------------------------


def _uncovered(preset: Written, blocks: Sequence[Written]) -> Iterator[str]:
    """What somebody on the way of a request could change; parts of the body are told in the preset's `doc`."""
    kinds = {str(block["type"]) for block in blocks}
    if kinds and kinds <= {"token", "basic"}:
        yield "what is in the request: a word proves who sent it"
        return
    signed = {header.lower() for block in blocks for header in _SIGNED_HEADER.findall(str(block.get("message", "")))}
    event = _part(preset, "event")
    found = {name: set(_HEADER.findall("".join(_texts(event.get(name, ()))))) - signed for name in ("type", "id")}
    for name, headers in found.items():
        if headers:
            yield f"the event's {name}, where it stands in {_joined(f'`{header}`' for header in sorted(headers))}"


# --- the pieces of a proof -------------------------------------------------------------------------------------


def _alternatives(preset: Written) -> list[Written]:
    """The preset's ways of proof, each with the defaults that stand beside them."""
    block = _part(preset, "verify")
    for key in ("any_of", "every_of"):
        if key in block:
            defaults = {name: value for name, value in block.items() if name != key}
            return [{**defaults, **choice} for choice in _parts(block[key])]
    return [block] if block else []


def _is_any(preset: Written) -> bool:
    return "any_of" in _part(preset, "verify")


def _short(block: Written) -> str:
    kind = str(block["type"])
    match kind:
        case "token":
            words = f"secret word in {_place(block)}"
        case "basic":
            words = "HTTP Basic, user and password"
        case "jwt":
            hashed = ", with the body's hash" if "body_digest" in block else ""
            words = f"JWT ({_joined(_algorithms(block))}) in {_place(block)}{hashed}"
        case "sns":
            words = "RSA signature in the body, by Amazon's certificate"
        case _:
            words = f"{_kind_words(block)} of {_signed(block)}"
    return words + _limit(block)


def _rows(block: Written) -> Iterator[tuple[str, str]]:
    yield "proof", _short(block)
    if block["type"] in {"basic", "sns"}:
        return
    yield "stands in", _spelling(block)
    if "message" in block:
        yield "signed text", f"`{block['message']}`"
    if block["type"] not in {"token", "jwt"}:
        words = _KEY_WORDS[str(block.get("key", "text"))]
        prefix = block.get("strip_prefix")
        yield "key", f"{words}, after `{prefix}`" if prefix else words
    time = _part(block, "timestamp")
    if time:
        yield "time", f"{_where(str(time['from']))}, {_UNIT_WORDS[str(time.get('unit', 's'))]}"
    for name, value in _part(block, "require").items():
        yield "demanded", f"`{name}: {value}`"
    digest = _part(block, "body_digest")
    if digest:
        yield "body's hash", f"{_where(str(digest['from']))}, compared with the body"
    replay = _part(block, "replay")
    if replay:
        yield "refused twice", f"the same {_where(str(replay['id']))}"


def _kind_words(block: Written) -> str:
    algorithm = str(block.get("algorithm", "sha256")).upper()
    names = {"hmac": f"HMAC-{algorithm}", "hash": f"plain {algorithm}", "ed25519": "Ed25519 signature"}
    kind = str(block["type"])
    return names.get(kind) or f"{kind.upper()} signature ({algorithm})"


def _signed(block: Written) -> str:
    words = [_token_words(token) for token in _TOKEN.findall(str(block.get("message", "{body}")))]
    return _joined(dict.fromkeys(words), last=" and ")


def _token_words(token: str) -> str:
    kind, _, name = token.partition(":")
    if name.lower().endswith("-id"):
        return "id"
    return f"`{name}`" if name else _TOKEN_WORDS[kind]


def _limit(block: Written) -> str:
    past = _part(block, "timestamp").get("past_s", 300)
    return f", at most {format_duration(past * 1000)} old" if "timestamp" in block and isinstance(past, int) else ""


def _spelling(block: Written) -> str:
    """Where the signature stands and how it is written there."""
    signature = _part(block, "signature")
    words = [_place(block)]
    if "split" in signature:
        words.append(f"elements parted by `{signature['split']}`")
    if "field" in signature:
        words.append(f"named `{signature['field']}`")
    if "prefix" in signature:
        words.append(f"after `{signature['prefix']}`")
    if block["type"] not in {"token", "jwt"}:
        words.append(str(signature.get("encoding", "hex")))
    return ", ".join(words)


def _place(block: Written) -> str:
    return _where(str(_part(block, "signature")["from"]))


def _where(place: str) -> str:
    """A place of a request as YAML names it, in words."""
    kind, _, name = place.partition(":")
    match kind:
        case "query":
            return f"`?{name}=` of the address"
        case "json" | "form" | "form_json":
            return f"`{name}` of the body"
        case "sig":
            return f"`{name}=` beside the signature"
        case "claim":
            return f"claim `{name}`"
        case _:
            return f"`{name}`"


def _algorithms(block: Written) -> Sequence[str]:
    return _texts(block.get("algorithms", block.get("algorithm", ())))


def _body_word(form: str) -> str:
    name, _, field = form.removesuffix(")").partition("(")
    return f"form with JSON in `{field}`" if name == "form_json" else _BODY_WORDS[name]


def _handshake(block: Written) -> str:
    kind = str(block["kind"])
    place = next((str(block[key]) for key in ("parameter", "field", "header", "value", "from") if key in block), "")
    methods = "/".join(_texts(block.get("method", ())))
    return f"{methods}{': ' if methods else ''}{_HANDSHAKE_WORDS[kind]}{f' (`{place}`)' if place else ''}"


def _part(block: Written, key: str) -> Written:
    found = block.get(key)
    return found if isinstance(found, Mapping) else {}


def _parts(value: object) -> list[Written]:
    return [value] if isinstance(value, Mapping) else list(value) if isinstance(value, list | tuple) else []


def _texts(value: object) -> Sequence[str]:
    return (value,) if isinstance(value, str) else [str(each) for each in value] if isinstance(value, Sequence) else ()


def _joined(words: Iterable[str], *, last: str = " or ") -> str:
    *first, end = list(words) or ["nothing"]
    return f"{', '.join(first)}{last}{end}" if first else end
