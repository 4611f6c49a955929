"""Whether a source remembers an event for as long as its sender may send it again."""

from bridge.configuration.report import Path, Report
from bridge.diagnostics import Document, Severity
from bridge.model import DEDUPE_MS
from bridge.sources import Preset, Source, SourceConfig
from bridge.sources.extract import BODY_DEDUPE_MS
from bridge.units import format_duration


def check_repeats(
    report: Report, document: Document, at: Path, source: Source, config: SourceConfig, preset: Preset | None
) -> None:
    """Warn of a window that is shorter than the sender's repeats, where the preset knows how long they go on.

    An `id: body` that is the preset's own is left alone: the operator has nothing better to put in its place.

    Args:
        report: takes the finding.
        document: the configuration file.
        at: where the source stands in it.
        source: the source, compiled.
        config: its own words.
        preset: the preset that it names.
    """
    repeats_ms = None if preset is None else preset.sender.repeats_for
    if preset is None or repeats_ms is None:
        return
    repeats, window_ms = format_duration(repeats_ms), source.extraction.dedupe_ms
    path: Path = ("preset",)
    help_ = f"add `dedupe: {repeats}`, or longer"
    if config.dedupe is not None:
        otherwise = format_duration(DEDUPE_MS if preset.dedupe is None else preset.dedupe)
        path, help_ = ("dedupe",), f"make it `{repeats}` or longer, or leave it out: {otherwise} are remembered then"
    if config.event.id and not source.extraction.ids and repeats_ms > BODY_DEDUPE_MS <= window_ms:
        # Bytes are no identity: a customer may say `Hello` twice, so they are never remembered for long.
        window_ms, path = BODY_DEDUPE_MS, ("event", "id")
        help_ = "name what tells the sender's events apart: a template such as `{{ body.id }}` in place of `body`"
    if repeats_ms > window_ms:
        report.add(
            "BR405",
            f"source `{source.name}` forgets an event after {format_duration(window_ms)}, "
            f"and {preset.title} may repeat it for {repeats}",
            document.place_of((*at, *path)),
            label="a later repeat is delivered twice",
            helps=(help_,),
            severity=Severity.WARNING,
        )
