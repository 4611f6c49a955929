"""Sources, requests and stored events as the tests of this package need them."""

import json
from collections.abc import Mapping, Sequence

from bridge.model import NewEvent, StoredEvent
from bridge.sources import (
    HmacScheme,
    Preset,
    Received,
    Refused,
    Source,
    SourceConfig,
    load_preset,
    parse_verification,
    sign,
)
from tests.canaries import AISOULE_SECRET, ORDERS_SECRET

NOW_MS = 1_780_369_300_000
JSON_TYPE = ("Content-Type", "application/json")


def preset(name: str) -> Preset:
    loaded = load_preset(name)
    assert loaded.preset is not None, loaded.findings
    return loaded.preset


def aisoule(**settings: object) -> Source:
    config = SourceConfig.model_validate({"preset": "aisoule", "secret": AISOULE_SECRET} | settings)
    return Source.compile("aisoule", config, preset("aisoule"))


def orders(**settings: object) -> Source:
    """A source without a preset, as design.md section 5 spells one out."""
    written: dict[str, object] = {
        "verify": {
            "type": "hmac",
            "algorithm": "sha256",
            "secrets": [ORDERS_SECRET],
            "signature": {"from": "header:X-Orders-Signature", "prefix": "sha256=", "encoding": "hex"},
        },
        "event": {"type": "{{ body.kind }}", "id": "{{ body.id }}", "time": "{{ body.created }}"},
    }
    return Source.compile("orders", SourceConfig.model_validate(written | settings))


def hmac_scheme(**settings: object) -> HmacScheme:
    written: dict[str, object] = {
        "type": "hmac",
        "secrets": [ORDERS_SECRET],
        "signature": {"from": "header:X-Orders-Signature"},
    }
    scheme = parse_verification(written | settings)
    assert isinstance(scheme, HmacScheme)
    return scheme


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def send(
    source: Source,
    body: bytes,
    *,
    header: str | None = None,
    headers: Sequence[tuple[str, str]] = (JSON_TYPE,),
    query: Sequence[tuple[str, str]] = (),
) -> Received | Refused:
    """A request that the right sender signed."""
    signed = sign(source.verification, body, now_ms=NOW_MS, header=header, given=dict(headers), query=query)
    own = {name.lower() for name, _ in signed.headers}
    others = [pair for pair in headers if pair[0].lower() not in own]
    return source.receive(
        headers=[*signed.headers, *others],
        query=signed.query,
        body=signed.body,
        now_ms=NOW_MS,
        raw_query=signed.raw_query,
    )


def accepted(answer: Received | Refused) -> Sequence[NewEvent]:
    assert isinstance(answer, Received), answer
    return answer.events


def refused(answer: Received | Refused) -> Refused:
    assert isinstance(answer, Refused), answer
    return answer


def only_event(source: Source, body: object, *, header: str | None = None) -> NewEvent:
    (event,) = accepted(send(source, encoded(body), header=header))
    return event


def stored(event: NewEvent) -> StoredEvent:
    return event.stored(seq=1, id_="evt_01TEST")


def fields_of(source: Source, event: NewEvent) -> Mapping[str, object]:
    fields = source.scope(stored(event))["fields"]
    assert isinstance(fields, Mapping)
    return fields
