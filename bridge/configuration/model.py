"""The configuration as the rest of the program uses it: checked and compiled, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.connectors.destination import Destination
from bridge.model import StoredEvent, rfc3339
from bridge.rules.match import RuleIndex
from bridge.settings import Settings
from bridge.sources import Source, parse_json


@dataclass(frozen=True, slots=True)
class Configuration:
    """One whole configuration. `base_dir` is what its relative paths are relative to."""

    path: Path
    base_dir: Path
    settings: Settings
    sources: Mapping[str, Source]
    destinations: Mapping[str, Destination]
    rules: RuleIndex

    def scope(self, event: StoredEvent) -> Mapping[str, object]:
        """The names that rules see of an event; when its source is not configured any more, `fields` is empty."""
        source = self.sources.get(event.source)
        if source is not None:
            return source.scope(event)
        scope: dict[str, object] = {
            "body": parse_json(event.content),
            "fields": {},
            "event": {
                "id": event.event_id,
                "type": event.type,
                "raw_type": event.raw_type,
                "source": event.source,
                "time": None if event.time_ms is None else rfc3339(event.time_ms),
                "received_at": rfc3339(event.received_at_ms),
            },
            "headers": dict(event.headers),
            "query": dict(event.query),
        }
        if event.parent is not None:
            scope["parent"] = parse_json(event.parent)
        return scope
