"""Whose request may this be? The presets that look for their proof where this request has one, and what they read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bridge.sources.answers import Received
from bridge.sources.library import load_preset, preset_names
from bridge.sources.places import Place
from bridge.sources.problems import SourceRefused
from bridge.sources.schema import Preset, SourceConfig
from bridge.sources.scheme import alternatives
from bridge.sources.source import Source
from bridge.sources.strict_json import Unreadable
from bridge.sources.wire import Pairs

MOST = 3
Event = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Likeness:
    """A preset that a request looks like.

    Attributes:
        preset: its name.
        title: the sender's name.
        proof: the header or parameter in which both have their proof.
        events: type, id and fields that the preset reads from it; empty when it cannot read it.
        is_known: whether the preset knows the type of each of these events.
    """

    preset: str
    title: str
    proof: str
    events: Sequence[Event] = ()
    is_known: bool = field(default=False)


def likenesses(
    *, headers: Pairs, query: Pairs, body: bytes, now_ms: int, directory: Path | None = None
) -> list[Likeness]:
    """The presets that a request looks like, the likeliest first, a few at most. No signature is checked.

    Args:
        headers: all (name, value) pairs as received; the proofs may be masked.
        query: all (name, value) pairs of the query, decoded.
        body: the raw bytes.
        now_ms: the present, milliseconds since the Unix epoch.
        directory: the operator's own presets.
    """
    pairs, parameters = list(headers), list(query)
    found = []
    for preset in _presets(directory):
        proof = _proof(preset, [name.lower() for name, _ in pairs], [name for name, _ in parameters])
        if proof is not None:
            events = list(_events(preset, pairs, parameters, body, now_ms))
            is_known = bool(events) and all(event["type"] in preset.event_types for event in events)
            found.append(Likeness(preset.name, preset.title, proof.brief, events, is_known))
    found.sort(key=lambda each: (not each.is_known, not each.events, each.preset))
    return found[:MOST]


@cache
def _presets(directory: Path | None) -> tuple[Preset, ...]:
    loaded = (load_preset(name, directory).preset for name in preset_names(directory))
    return tuple(preset for preset in loaded if preset is not None)


def _proof(preset: Preset, headers: Sequence[str], parameters: Sequence[str]) -> Place | None:
    """The place of the preset's proof, if something stands there in the request; `Authorization` says too little."""
    if preset.verify is None:
        return None
    for place in (scheme.signature.place for scheme in alternatives(preset.verify)):
        fits = any(place.fits(name) for name in headers) or (place.kind == "query" and place.name in parameters)
        if fits and place.name.lower() != "authorization":
            return place
    return None


def _events(preset: Preset, headers: Pairs, query: Pairs, body: bytes, now_ms: int) -> Iterator[Event]:
    """What the preset reads from it, its proof aside."""
    try:
        unchecked = SourceConfig.model_validate({"preset": preset.name, "verify": {"type": "none"}})
        source = Source.compile("captured", unchecked, preset)
    except SourceRefused:
        return
    received = source.receive(headers=headers, query=query, body=body, now_ms=now_ms)
    if not isinstance(received, Received):
        return
    for event in received.events:
        scope = source.scope(event.stored(seq=0, id_=""))
        try:
            fields = scope["fields"]
        except Unreadable:
            continue
        shown = dict(fields) if isinstance(fields, Mapping) else {}
        yield {"type": event.type, "id": event.event_id, "fields": shown}
