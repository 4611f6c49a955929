"""A source for each preset, and its samples as the sender would present them."""

import hashlib
import re
from dataclasses import replace
from functools import cache

from bridge.sources import Received, Refused, SampleEvent, SignedRequest, Source, SourceConfig, load_preset, sign
from bridge.sources.describe import entry
from tests.canaries import AISOULE_SECRET
from tests.sources.builders import NOW_MS, preset

KEY = hashlib.sha256(AISOULE_SECRET.encode()).hexdigest()
"""A secret that is text, hexadecimal digits and base64, whichever a sender's keys are written in."""


@cache
def source_of(name: str) -> Source:
    """The source that the preset's own set-up steps write into the configuration, with values for its variables."""
    (written,) = entry(load_preset(name).written).values()
    assert isinstance(written, dict)
    config = {key: filled(value) for key, value in written.items()}
    return Source.compile(name, SourceConfig.model_validate(config), preset(name))


def filled(value: object) -> object:
    """What `${NAME}` stands for is the key."""
    if isinstance(value, list):
        return [filled(each) for each in value]
    return re.sub(r"\$\{\w+\}", KEY, value) if isinstance(value, str) else value


def presented(source: Source, sample: SampleEvent) -> SignedRequest:
    """A sample that its sender has signed; the headers of the proof come first."""
    given = {**sample.headers, "Content-Type": sample.content_type}
    proof = sign(source.verification, sample.content, now_ms=NOW_MS, header=sample.header, given=given)
    signed = {name.lower() for name, _ in proof.headers}
    others = [(name, value) for name, value in sample.headers.items() if name.lower() not in signed]
    return replace(proof, headers=[*proof.headers, ("Content-Type", sample.content_type), *others])


def receive(source: Source, request: SignedRequest) -> Received | Refused:
    """What the source makes of a request."""
    return source.receive(
        headers=request.headers,
        query=request.query,
        body=request.body,
        now_ms=NOW_MS,
        raw_query=request.raw_query,
    )
