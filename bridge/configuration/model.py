"""The configuration as the rest of the program uses it: checked and compiled, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.connectors.destination import Destination
from bridge.model import StoredEvent
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
        """The names that rules see of an event; when its source is gone, `fields` is empty."""
        source = self.sources.get(event.source)
        if source is not None:
            return source.scope(event)
        return {
            "body": parse_json(event.content),
            "fields": {},
            "event": {"id": event.event_id, "type": event.type, "raw_type": event.raw_type, "source": event.source},
            "headers": dict(event.headers),
            "query": dict(event.query),
        }
