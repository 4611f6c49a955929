"""A source for each preset, and its samples as the sender would present them."""

import hashlib
import re
from functools import cache

from bridge.sources import SampleEvent, Source, SourceConfig, load_preset, sign, sign_query
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


def presented(source: Source, sample: SampleEvent) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The headers, those of the proof first, and the query of a sample that its sender has signed."""
    scheme = source.verification
    proof = sign(scheme, sample.content, now_ms=NOW_MS, header=sample.header, given=sample.headers)
    signed = {name.lower() for name, _ in proof}
    others = [(name, value) for name, value in sample.headers.items() if name.lower() not in signed]
    return [*proof, ("Content-Type", sample.content_type), *others], sign_query(scheme, header=sample.header)
