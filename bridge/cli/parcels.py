"""What `send` sends: a file, a stored event, or a sample of the source's preset."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.cli.consoles import ask
from bridge.cli.options import Deployment, Exit, fail
from bridge.configuration.model import Configuration
from bridge.diagnostics import quoted_list, suggest
from bridge.sources import SampleEvent, Source, load_preset

EVENT = "evt_"
_OURS_TO_SAY = re.compile(r"host|content-.*|expect|user-agent|accept|accept-.*|x-forwarded.*|forwarded")
"""Kept headers of a stored event that belong to the request that brought it."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A request before it is signed.

    Attributes:
        body: its bytes.
        content_type: what they are.
        headers: further headers that say something about the event.
        header: at which place to prove it, where the source has several; None for the first that suits.
    """

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    header: str | None = None


def parcel(
    deployment: Deployment, configuration: Configuration, source: Source, event: str | None, sample: str | None
) -> Parcel:
    """What is meant; ends the program when that is nothing.

    Args:
        deployment: where the store is.
        configuration: what it says.
        source: to which it is sent.
        event: the path of a file, or the id of a stored event.
        sample: the name of a sample.
    """
    if event is not None and sample is not None:
        fail("a file or event and a sample are two things to send", "leave one of them out", Exit.WRONG_USE)
    if event is None:
        return _sampled(_sample(configuration, source, sample))
    path = Path(event)
    if event.startswith(EVENT) and not path.exists():
        return _stored(deployment, source, event)
    body = read_file(path, "give the path of a file with the event's JSON, or the id of a stored event (evt_…)")
    return Parcel(body, source.content_type(body))


def read_file(path: Path, mend: str) -> bytes:
    """The file's bytes; ends the program when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"cannot read `{path}`: {error.strerror}", mend, Exit.WRONG_USE)


def _stored(deployment: Deployment, source: Source, event_id: str) -> Parcel:
    """A stored event's request: its bytes, or those of the whole batch that it came in, and the headers kept of it."""
    found = ask(deployment, lambda console: console.event_content(event_id))
    content = base64.b64decode(found["parent"] or found["content"])
    content_type, body = source.dressed(content)
    kept = {name: value for name, value in found["headers"].items() if not _OURS_TO_SAY.fullmatch(name)}
    return Parcel(body, content_type, kept)


def _sampled(sample: SampleEvent) -> Parcel:
    return Parcel(sample.content, sample.content_type, sample.headers, sample.header)


def _sample(configuration: Configuration, source: Source, name: str | None) -> SampleEvent:
    samples = _samples(configuration, source)
    if not samples:
        fail(
            f"there are no samples for the source `{source.name}`",
            "give a file with the event's body, or the id of a stored event (evt_…)",
            Exit.WRONG_USE,
        )
    if name is None and len(samples) == 1:
        return samples[0]
    names = [each.name for each in samples]
    if name not in names:
        what = "say which sample to send" if name is None else f"there is no sample `{name}`"
        near = None if name is None else suggest(name, names)
        fail(what, f"did you mean `{near}`?" if near else f"--sample takes {quoted_list(names)}", Exit.WRONG_USE)
    return samples[names.index(name)]


def _samples(configuration: Configuration, source: Source) -> Sequence[SampleEvent]:
    if source.preset is None:
        return ()
    preset = load_preset(source.preset, configuration.base_dir / "config" / "sources").preset
    return () if preset is None else preset.samples
