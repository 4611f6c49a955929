"""Bodies that a sender signed and that are not as its preset expects, one value at a time: an event or a refusal."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.expressions import RenderError
from bridge.sources import Refused, SampleEvent, preset_names
from tests.sources.builders import NOW_MS, preset, stored
from tests.sources.test_events_as_listed import source_of

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    10**30,
    "",
    "\u2028",
    "a" * 300,
    [],
    {},
    [[1]],
    {"id": None},
    "\u0661\u0662",
    "9999-99-99T99:99:99Z",
)
Way = tuple[Any, ...]


def ways(value: object, way: Way = ()) -> Iterator[Way]:
    """The ways to all values in a body, itself among them."""
    yield way
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from ways(inner, (*way, key))


def bodies(sample: SampleEvent) -> Iterator[object]:
    """The sample with each of its values left out, and with two odd ones in its place."""
    whole = json.loads(sample.content)
    odd = itertools.cycle(ODD)
    for way in ways(whole):
        if not way:
            yield from ODD
            continue
        for value in (next(odd), next(odd), ODD):
            body = copy.deepcopy(whole)
            around = body
            for step in way[:-1]:
                around = around[step]
            if value is ODD:
                del around[way[-1]]
            else:
                around[way[-1]] = value
            yield body


@pytest.mark.parametrize("name", preset_names())
def test_whatever_a_body_lacks_or_has_instead_it_is_an_event_or_is_refused(name: str) -> None:
    source = source_of(name)
    for sample in preset(name).samples:
        if sample.content_type != "application/json" or not sample.content:
            continue
        headers = [("Content-Type", sample.content_type), *sample.headers.items()]
        for body in bodies(sample):
            content = json.dumps(body).encode()
            got = source.receive(headers=headers, query=[], body=content, now_ms=NOW_MS)
            if isinstance(got, Refused):
                assert got.status == 400, body
                continue
            for event in got.events:
                assert 0 < len(event.event_id) <= 256, body
                assert 0 < len(event.type) <= 128, body
                fields: Any = source.scope(stored(event))["fields"]
                for field in fields:
                    try:
                        json.dumps(fields[field])
                    except RenderError:  # of one field; the rules that do not read it go on
                        continue
